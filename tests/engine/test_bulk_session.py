"""Bulk jobs that are taken up again, and looks at the server that cross a sign-in."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

from flowtui.engine.bulk.job import BulkJobRecord
from flowtui.engine.bulk.stages import EngineParts
from flowtui.engine.bulk.tracker import BulkTracker
from flowtui.engine.queue.admission import Admission
from flowtui.engine.queue.folders import TargetFolders
from flowtui.engine.queue.queue import Queue, Transfer
from flowtui.engine.queue.sign_ins import SignIns
from flowtui.engine.workers.lanes import Lanes
from flowtui.flow.errors import NotSignedIn
from flowtui.flow.models import BulkJob
from flowtui.flow.remote_file import RemoteFile
from flowtui.protocol.messages import Batch
from flowtui.protocol.states import BulkState
from flowtui.system.clocks import Clocks
from flowtui.timings import Timings
from flowtui.transfer.task import DONE, ExpectedFile, FileResult


class Bench:
    """A tracker whose looks are taken when the test says so."""

    def __init__(self) -> None:
        self.looks: list[Callable[[], None]] = []
        self.signed_in = False
        self.now = 0.0
        client = SimpleNamespace(create_bulk_job=self.create, bulk_job=self.create)
        clients = SimpleNamespace(get=lambda server: SimpleNamespace(client=client))
        queue = self.queue = Queue()
        space = cast(Any, SimpleNamespace())
        lanes = Lanes(lambda work: work())
        folders = TargetFolders(queue, space, lanes)
        self.admission = Admission(queue, space, 5.0)
        self.sign_ins = SignIns()
        workers = cast(Any, SimpleNamespace(do=self.looks.append, lanes=lanes))
        parts = EngineParts(
            queue,
            cast(Any, SimpleNamespace(last_batch=0)),
            cast(Any, SimpleNamespace(disks=[], silent={})),
            self.admission,
            folders,
            self.sign_ins,
            cast(Any, clients),
            workers,
            cast(Any, SimpleNamespace(post=lambda message: message())),
            Clocks(*[lambda: self.now] * 3),
            Timings(),
        )
        self.tracker = BulkTracker(parts, unpack=False, keep_notes=False)
        file = RemoteFile("data/1", "f", "/downloads/1/f", data_id="1")
        batch = Batch("s", "/to", "archive", (file,), bulk=True)
        self.job = self.tracker.intake.create(1, batch, [ExpectedFile(file, "f")], unpack=False)
        while self.looks:  # what is on the disk already
            self.looks.pop(0)()

    @property
    def reserved(self) -> dict[int, int]:
        return self.admission._reserved

    def create(self, *_: Any) -> BulkJob:
        if not self.signed_in:
            raise NotSignedIn("not signed in, or the session has ended")
        return BulkJob(id="7", status="processing", progress=5)

    def look(self) -> None:
        self.tracker.tick()
        self.looks.pop()()


def test_without_a_session_it_says_so_and_goes_on_after_the_sign_in():
    bench = Bench()
    bench.look()
    assert bench.sign_ins.needed == {"s"}
    assert (bench.job.state, bench.job.reason) == (BulkState.PENDING, "waiting for you to sign in")
    bench.signed_in = True
    bench.tracker.signed_in("s")
    bench.look()
    assert bench.job.state is BulkState.PROCESSING


def test_what_the_old_session_says_after_the_sign_in_stops_nobody():
    bench = Bench()
    bench.tracker.tick()
    (under_way,) = bench.looks
    bench.looks.clear()
    bench.tracker.signed_in("s")
    under_way()  # refused: it was asked with the old token
    assert bench.sign_ins.needed == set()
    bench.signed_in = True
    bench.look()
    assert bench.job.state is BulkState.PROCESSING
    bench.signed_in = False
    bench.now += 10
    bench.look()
    assert bench.sign_ins.needed == {"s"}


def test_the_archive_of_a_restored_job_is_temporary_as_long_as_the_job_is_there():
    bench = Bench()
    common = {"batch_id": 3, "root": "/to", "server": "s"}
    for id_, job_id in ((1, 7), (2, 8), (3, None), (4, 9)):
        bench.queue.add(
            Transfer(
                id=id_, key=f"k{id_}", filename="f", folder=(), url="/u", path=f"f{id_}",
                bulk_id=job_id, **common,
            )
        )  # fmt: skip
    jobs = [
        BulkJobRecord(
            id=id_, name="a", data_ids=("1",), bytes=10, created=0.0, unpack=unpack,
            transfer_id=id_ - 6, state=BulkState.FAILED, **common,
        )
        for id_, unpack in ((7, True), (8, False))
    ]  # fmt: skip
    bench.tracker.restore(jobs)
    # Of the second the archive is what is wanted; the last one's job was forgotten.
    assert [one.temporary for one in bench.queue.transfers.values()] == [True, False, False, False]
    assert bench.tracker.actions.act([7], "forget") == 1
    assert not bench.queue.transfers[1].temporary


def test_room_is_kept_for_what_a_job_unpacks_until_it_is_unpacked_or_given_up():
    bench = Bench()
    file = RemoteFile("data/2", "g", "/downloads/2/g", data_id="2", size=500)
    batch = Batch("s", "/to", "archive", (file,), bulk=True)
    job = bench.tracker.intake.create(2, batch, [ExpectedFile(file, "g")], unpack=False)
    assert bench.reserved == {}
    job.unpack = True
    bench.tracker.list.touch(job)
    assert bench.reserved == {2: 500}
    job.put("data/2", FileResult(DONE, "g", 200))
    bench.tracker.list.touch(job)
    assert bench.reserved == {2: 300}
    bench.tracker.actions.act([job.id], "cancel")
    assert bench.reserved == {}


def test_a_day_of_polling_takes_no_more_memory_and_no_turn_without_a_look(monkeypatch):
    bench = Bench()
    bench.signed_in = True
    told = iter(range(10**6))  # it moves, however slowly: a sign of life
    monkeypatch.setattr(
        bench,
        "create",
        lambda *_: BulkJob(id="7", status="processing", progress=next(told) / 10**6),
    )
    client = SimpleNamespace(create_bulk_job=bench.create, bulk_job=bench.create)
    monkeypatch.setattr(
        bench.tracker._stages.poller,
        "_clients",
        SimpleNamespace(get=lambda server: SimpleNamespace(client=client)),
    )
    looks = 0

    def until(moment: float) -> int:
        nonlocal looks
        while bench.now < moment:
            bench.look()  # one is due, and one alone
            assert bench.looks == []
            looks += 1
            wait = bench.tracker.tick()
            assert bench.looks == []
            assert wait is not None
            bench.now += wait
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    before = until(3600)
    after = until(24 * 3600)
    tracemalloc.stop()
    assert bench.job.state is BulkState.PROCESSING
    assert looks < 24 * 60 + 60  # one a minute, but for the first
    assert after - before < 50_000
