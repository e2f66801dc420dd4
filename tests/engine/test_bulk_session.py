"""A bulk job whose look at the server crosses a sign-in."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

from flowtui.engine.bulk.jobs import Desk
from flowtui.engine.bulk.tracker import BulkTracker
from flowtui.flow.errors import NotSignedIn
from flowtui.flow.models import BulkJob
from flowtui.flow.remote_file import RemoteFile
from flowtui.protocol.messages import Batch
from flowtui.protocol.states import BulkState
from flowtui.timings import Timings
from flowtui.transfer.task import ExpectedFile


class Bench:
    """A tracker whose looks are taken when the test says so."""

    def __init__(self) -> None:
        self.looks: list[Callable[[], None]] = []
        self.signed_in = False
        self.told: list[str] = []
        self.now = 0.0
        client = SimpleNamespace(create_bulk_job=self.create, bulk_job=self.create)
        services = SimpleNamespace(get=lambda server: SimpleNamespace(client=client))
        desk = Desk(
            workers=cast(Any, SimpleNamespace(do=self.looks.append)),
            services=cast(Any, services),
            post=lambda message: message(),
            fetch=lambda job, archive: 1,
            singles=lambda job, files: None,
            drop=lambda id_: None,
            retry=lambda id_: None,
            transfer=lambda id_: None,
            find=lambda root, key: None,
            places=lambda root: cast(Any, None),
            note=lambda root, entry: None,
            needs_sign_in=self.told.append,
            timings=Timings(),
            clock=lambda: self.now,
        )
        self.tracker = BulkTracker(desk, keep_notes=False)
        file = RemoteFile("data/1", "f", "/downloads/1/f", data_id="1")
        batch = Batch("s", "/to", "archive", (file,), bulk=True)
        self.job = self.tracker.create(1, batch, [ExpectedFile(file, "f")], unpack=False)
        while self.looks:  # what is on the disk already
            self.looks.pop(0)()

    def create(self, *_: Any) -> BulkJob:
        if not self.signed_in:
            raise NotSignedIn("not signed in, or the session has ended")
        return BulkJob(id="7", status="processing", progress=5)

    def look(self) -> None:
        self.tracker.turn()
        self.looks.pop()()


def test_without_a_session_it_says_so_and_goes_on_after_the_sign_in():
    bench = Bench()
    bench.look()
    assert bench.told == ["s"]
    assert (bench.job.state, bench.job.reason) == (BulkState.PENDING, "waits for a sign-in")
    bench.signed_in = True
    bench.tracker.signed_in("s")
    bench.look()
    assert bench.job.state is BulkState.PROCESSING


def test_what_the_old_session_says_after_the_sign_in_stops_nobody():
    bench = Bench()
    bench.tracker.turn()
    (under_way,) = bench.looks
    bench.looks.clear()
    bench.tracker.signed_in("s")
    under_way()  # refused: it was asked with the old token
    assert bench.told == []
    bench.signed_in = True
    bench.look()
    assert bench.job.state is BulkState.PROCESSING
    bench.signed_in = False
    bench.now += 10
    bench.look()
    assert bench.told == ["s"]
