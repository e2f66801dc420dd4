"""Bulk jobs that are taken up again, and looks at the server that cross a sign-in."""

from __future__ import annotations

import gc
import itertools
import tracemalloc
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from flowtui.engine.bulk.job import BulkJobRecord
from flowtui.engine.bulk.stages import EngineParts
from flowtui.engine.bulk.tracker import BulkTracker
from flowtui.engine.queue.admission import Admission
from flowtui.engine.queue.folders import TargetFolders
from flowtui.engine.queue.queue import Queue, Transfer
from flowtui.engine.queue.sign_ins import SignIns
from flowtui.engine.queue.silence import SilentDisks
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
        self.mistakes: list[Exception] = []
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
            cast(Any, SimpleNamespace()),
            SilentDisks(queue, Timings()),
            self.admission,
            folders,
            self.sign_ins,
            cast(Any, clients),
            workers,
            cast(Any, SimpleNamespace(post=lambda message: message())),
            Clocks(*[lambda: self.now] * 3),
            Timings(),
            lambda what, error: self.mistakes.append(error),
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


WORDS = "internal error: RuntimeError: planted"


def planted(*_: Any) -> None:
    raise RuntimeError("planted")


def jobs_of_an_earlier_engine(bench: Bench, **more: Any) -> list[BulkJobRecord]:
    given = {"batch_id": 1, "name": "n", "root": "/to", "server": "s", "data_ids": ("1",),
             "bytes": 1, "created": 0.0, "job_id": "7", **more}  # fmt: skip
    return [BulkJobRecord(id=id_, **given) for id_ in (2, 3, 4)]  # type: ignore[arg-type]


@pytest.mark.parametrize("state", [BulkState.PROCESSING, BulkState.FETCHING, BulkState.UNPACKING])
def test_one_job_that_cannot_be_taken_up_keeps_no_other_from_it(
    monkeypatch: pytest.MonkeyPatch, state: BulkState
):
    bench = Bench()
    jobs = jobs_of_an_earlier_engine(bench, state=state)
    bench.tracker.restore(jobs)
    stages = bench.tracker._stages
    resume = stages.resume
    monkeypatch.setattr(stages, "resume", lambda job: planted() if job is jobs[1] else resume(job))
    bench.signed_in = True
    bench.tracker.tick()
    assert [(job.state is BulkState.FAILED, job.reason == WORDS) for job in jobs] == [
        (False, False),
        (True, True),
        (False, False),
    ]
    assert len(bench.mistakes) == 1
    while bench.looks:
        bench.looks.pop()()
    assert all(job.state is not state or state is BulkState.PROCESSING for job in jobs)


def test_one_job_that_cannot_be_asked_about_keeps_no_other_from_it(
    monkeypatch: pytest.MonkeyPatch,
):
    bench = Bench()
    jobs = jobs_of_an_earlier_engine(bench, state=BulkState.PROCESSING)
    bench.tracker.restore(jobs)
    poller = bench.tracker._stages.poller
    ask = poller._ask
    monkeypatch.setattr(poller, "_ask", lambda job: planted() if job is jobs[0] else ask(job))
    bench.signed_in = True
    bench.tracker.tick()
    assert len(bench.looks) == 3  # the bench's own, and the two others
    assert (jobs[0].state, jobs[0].reason) == (BulkState.FAILED, WORDS)
    bench.now += 3600
    while bench.looks:
        bench.looks.pop()()
    bench.tracker.tick()
    assert len(bench.mistakes) == 1  # it is not asked about again


def test_one_archive_that_cannot_be_unpacked_again_keeps_no_other_from_it(
    monkeypatch: pytest.MonkeyPatch,
):
    bench = Bench()
    jobs = jobs_of_an_earlier_engine(bench, state=BulkState.UNPACKING)
    bench.tracker.list.restore(jobs)
    unpacker = bench.tracker._stages.unpacker
    unpacked: list[int] = []
    monkeypatch.setattr(
        unpacker, "unpack", lambda job: planted() if job is jobs[0] else unpacked.append(job.id)
    )
    unpacker._due.update({job.id: 0.0 for job in jobs})
    bench.tracker.tick()
    assert unpacked == [3, 4]
    assert (jobs[0].state, jobs[0].reason) == (BulkState.FAILED, WORDS)


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
    taken = [until(hour * 3600) for hour in (1, 8, 16, 24)]
    tracemalloc.stop()
    assert bench.job.state is BulkState.PROCESSING
    assert looks < 24 * 60 + 60  # one a minute, but for the first
    # A table of the process that grows meanwhile counts whole in one of the three.
    assert min(after - before for before, after in itertools.pairwise(taken)) < 15_000
