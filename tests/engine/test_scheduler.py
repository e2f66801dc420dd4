"""What runs when, with workers, disks and a clock that the test holds."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from flowtui.config import Settings
from flowtui.engine.queue.admission import Admission
from flowtui.engine.queue.folders import TargetFolders
from flowtui.engine.queue.queue import Queue, Transfer
from flowtui.engine.queue.scheduler import Scheduler
from flowtui.engine.queue.services import Services
from flowtui.engine.queue.sign_ins import SignIns
from flowtui.engine.queue.silence import SilentDisks
from flowtui.engine.queue.tasks import Tasks
from flowtui.engine.workers.lanes import Lanes
from flowtui.engine.workers.run import Run
from flowtui.protocol.states import TransferState
from flowtui.system.descriptors import ENOUGH, shares
from flowtui.timings import Timings
from flowtui.transfer.disk.space import Room
from flowtui.transfer.http.rate_limit import RateLimit
from flowtui.transfer.task import Outcome

T = TransferState


class SmallFiles:
    """Where small files would wait; there are none in these tests."""

    waiting = 0
    is_low = True
    width = 0

    def widen(self, width: int, but: Any = ()) -> None:
        self.width = width

    def take_back(self, wanted: Any) -> list[Run]:
        return []


@pytest.fixture(autouse=True)
def all_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("engine.queue.scheduler", "transfer.task"):
        monkeypatch.setattr(f"flowtui.{module}.INLINE_BELOW", 1)


class Workers:
    """Keeps what it was given until the test says how it ended."""

    def __init__(self) -> None:
        self.small_files = SmallFiles()
        self.lanes = Lanes(self.do)
        self.held: dict[int, Run] = {}
        self.started: list[int] = []

    def start(self, run: Run) -> None:
        run.started = True
        self.held[run.task.id] = run
        self.started.append(run.task.id)

    def do(self, work: Any) -> None:
        work()


class Space:
    def __init__(self) -> None:
        self.rooms: dict[str, Room | None] = {}
        self.kept: set[str] | None = None
        self.free = 1 << 40

    def room(self, folder: str) -> Room | None:
        return self.rooms.get(folder, Room(1, self.free))

    def is_known(self, folder: str) -> bool:
        return True

    def keep_only(self, folders: set[str]) -> None:
        self.kept = folders


class Bench:
    """A scheduler and all around it."""

    def __init__(self, root: Path, jobs: int = 2) -> None:
        self.root = root
        self.queue = Queue()
        self.workers = Workers()
        self.space = Space()
        self.now = 0.0
        clients = SimpleNamespace(
            made=lambda server: SimpleNamespace(http=None, client=None),
            limit=RateLimit(),
        )
        timings = Timings()
        self.sign_ins = SignIns()
        self.folders = TargetFolders(self.queue, cast(Any, self.space), self.workers.lanes)
        self.admission = Admission(self.queue, cast(Any, self.space), timings.room_retry)
        self.scheduler = Scheduler(
            self.queue,
            cast(Any, self.workers),
            self.admission,
            self.folders,
            self.sign_ins,
            Services(cast(Any, clients), lambda message: message()),
            SilentDisks(self.queue, timings),
            Tasks.by(Settings(connections=1), self.folders, shares(ENOUGH)),
            jobs=jobs,
            timings=timings,
            post=lambda message: message(),
        )

    def add(self, *ids: int, batch: int = 1, server: str = "s", size: int | None = 100) -> None:
        for id_ in ids:
            one = Transfer(
                id=id_, batch_id=batch, key=f"data/{id_}", filename=f"f{id_}", folder=("data",),
                url="/u", root=str(self.root), path=f"data/f{id_}", server=server, expected=size,
                data_id=str(id_),
            )  # fmt: skip
            self.queue.add(one)
            self.scheduler.enqueue(one)
        self.tick()

    def tick(self, later: float = 0.0) -> float | None:
        self.now += later
        return self.scheduler.tick(self.now)

    def finish(self, id_: int, state: TransferState = T.DONE, **more: Any) -> None:
        if state is T.DONE:
            more = {"size": 100, "verified_by": "size", **more}
        run = self.workers.held.pop(id_)
        self.scheduler.on_result(run, Outcome(state, **more), self.now)
        self.tick()

    def state(self, id_: int) -> TransferState:
        return self.queue.transfers[id_].state

    def states(self) -> dict[int, str]:
        return {one.id: one.state.value for one in self.queue.transfers.values()}

    def let_go(self, id_: int, state: TransferState) -> None:
        self.scheduler.let_go(self.queue.transfers[id_], state)
        self.tick()


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_so_many_at_a_time_in_the_order_in_which_they_came(bench: Bench):
    bench.add(3, 1, 2, 4)
    assert len(bench.workers.held) == 2
    while bench.workers.held:
        bench.finish(next(iter(bench.workers.held)))
    assert set(bench.workers.started) == {1, 2, 3, 4}
    assert bench.workers.started[-1] == 4
    assert set(bench.states().values()) == {"done"}


def test_more_jobs_start_at_once(bench: Bench):
    bench.add(1, 2, 3, 4)
    bench.scheduler.jobs = 4
    bench.tick()
    assert len(bench.workers.held) == 4


def test_the_disks_of_folders_that_nothing_goes_to_are_looked_at_no_more(bench: Bench):
    bench.add(1)
    bench.folders.forget_unused()
    assert bench.space.kept == {str(bench.root)}
    bench.finish(1)
    bench.queue.remove(bench.queue.transfers[1])
    bench.folders.forget_unused()
    assert bench.space.kept == set()


def test_a_pause_keeps_the_sums_true(bench: Bench):
    """The worker was further than was last heard of it."""
    bench.add(1, 2)
    bench.workers.held[1].progress.done = 60
    bench.let_go(1, T.PAUSED)
    assert bench.queue.transfers[1].done == 60
    assert bench.queue.summary(0).done == 60
    bench.finish(1, T.PAUSED)
    bench.let_go(2, T.CANCELLED)
    bench.finish(2, T.PAUSED)
    assert (bench.queue.summary(0).done, bench.queue.summary(0).total) == (60, 100)
    assert bench.queue.left[1] == 40


def test_what_a_worker_had_at_the_end_of_the_engine_is_in_the_sums(bench: Bench):
    bench.add(1)
    bench.workers.held[1].progress.done = 70
    bench.finish(1, T.PAUSED)
    assert bench.queue.transfers[1].done == 70
    assert bench.queue.summary(0).done == 70


def test_a_paused_transfer_gives_its_place_at_once(bench: Bench):
    bench.add(1, 2, 3)
    bench.let_go(1, T.PAUSED)
    assert bench.workers.held[1].stop.event.is_set()
    assert bench.state(3) is T.ACTIVE
    bench.finish(1, T.PAUSED)
    assert bench.states() == {1: "paused", 2: "active", 3: "active"}


def test_resumed_while_its_worker_lets_go_it_runs_again_after_that(bench: Bench):
    bench.add(1)
    first = bench.workers.held[1]
    bench.let_go(1, T.PAUSED)
    bench.scheduler.requeue(bench.queue.transfers[1])
    bench.tick()
    assert bench.workers.started == [1]  # never two workers on one file
    bench.finish(1, T.PAUSED)
    assert bench.workers.started == [1, 1]
    assert bench.workers.held[1] is not first
    assert not bench.workers.held[1].stop.event.is_set()


@pytest.mark.parametrize("wish", [T.PAUSED, T.CANCELLED, T.QUEUED])
def test_a_file_that_was_whole_before_it_was_told_to_stop_is_done(bench: Bench, wish):
    bench.add(1)
    bench.let_go(1, T.PAUSED if wish is T.QUEUED else wish)
    if wish is T.QUEUED:
        bench.scheduler.requeue(bench.queue.transfers[1])
    bench.finish(1)
    assert bench.state(1) is T.DONE
    assert bench.queue.summary(0).done == 100


def leave(bench: Bench, id_: int) -> Path:
    part = bench.root / "data" / f"f{id_}.part"
    part.parent.mkdir(exist_ok=True)
    part.write_text("some")
    part.with_name(part.name + ".journal").write_text("{}")
    return part


def test_cancelling_takes_away_what_is_there(bench: Bench):
    bench.add(1, 2, 3)
    waits, runs = leave(bench, 3), leave(bench, 1)
    bench.let_go(3, T.CANCELLED)
    assert not waits.exists()
    bench.let_go(1, T.CANCELLED)
    assert runs.exists()  # its worker still writes there
    bench.finish(1, T.PAUSED)
    assert list((bench.root / "data").iterdir()) == []
    assert bench.queue.transfers[1].row().done == 0
    assert 1 in bench.queue.changed


def test_cancelled_and_forgotten_at_once_it_leaves_nothing_either(bench: Bench):
    bench.add(1)
    leave(bench, 1)
    bench.let_go(1, T.CANCELLED)
    bench.queue.remove(bench.queue.transfers[1])
    bench.finish(1, T.PAUSED)
    assert list((bench.root / "data").iterdir()) == []


def test_a_wait_lasts_as_long_as_it_should_and_others_run_meanwhile(bench: Bench):
    bench.add(1, 2, 3)
    bench.finish(1, T.WAITING, reason="server asked to wait 38 s", wait=38.0, retryable=True)
    assert bench.states() == {1: "waiting", 2: "active", 3: "active"}
    assert bench.queue.transfers[1].reason == "server asked to wait 38 s"
    assert bench.tick() == 38.0
    bench.finish(2)
    bench.tick(37.0)
    assert bench.state(1) is T.WAITING
    bench.tick(1.0)
    assert bench.state(1) is T.ACTIVE


def test_a_wait_that_was_cut_short_does_not_come_back(bench: Bench):
    bench.add(1)
    bench.finish(1, T.WAITING, wait=10.0)
    bench.scheduler.requeue(bench.queue.transfers[1])
    bench.tick()
    assert bench.state(1) is T.ACTIVE
    bench.finish(1)
    bench.tick(20.0)
    assert bench.state(1) is T.DONE


def test_without_a_session_all_of_that_server_wait_and_no_other(bench: Bench):
    bench.add(1, 2, 3, server="a")
    bench.add(4, server="b")
    bench.finish(1, T.WAITING, needs="sign-in", reason="sign in again")
    bench.finish(2, T.WAITING, needs="sign-in")
    assert bench.sign_ins.needed == {"a"}
    assert bench.state(4) is T.ACTIVE
    assert 3 not in bench.workers.held
    bench.tick(10_000.0)
    assert set(bench.workers.held) == {4}
    assert bench.scheduler.signed_in("b") == 0
    assert bench.scheduler.signed_in("a") == 3
    bench.finish(4)
    bench.tick()
    while bench.workers.held:
        bench.finish(next(iter(bench.workers.held)))
    assert set(bench.states().values()) == {"done"}


def test_what_the_old_session_says_after_the_sign_in_stops_nobody(bench: Bench):
    """Its refusal was under way while somebody signed in."""
    bench.add(1, 2, 3)
    bench.finish(1, T.WAITING, needs="sign-in")
    assert bench.scheduler.signed_in("s") == 2
    bench.workers.held[2].progress.done = 10
    bench.finish(2, T.WAITING, needs="sign-in")
    assert bench.sign_ins.needed == set()
    assert len(bench.workers.held) == 2
    assert bench.queue.transfers[2].done == 10
    bench.finish(1, T.WAITING, needs="sign-in")  # begun with the new one: that is over too
    assert bench.sign_ins.needed == {"s"}


def test_a_batch_that_does_not_fit_waits_with_the_numbers_and_goes_on(bench: Bench):
    bench.space.free = 150
    bench.add(1, 2)
    (waiting,) = {bench.queue.transfers[n].reason for n in (1, 2)}
    assert waiting.startswith(f"needs 70 B more in {bench.root}")
    assert bench.workers.held == {}
    bench.space.free = 220
    bench.tick(60.0)
    assert set(bench.workers.held) == {1, 2}
    assert bench.queue.transfers[1].reason == ""


def test_what_was_promised_to_one_batch_is_not_promised_to_the_next(bench: Bench):
    bench.space.free = 300
    bench.add(1, 2, batch=1)
    bench.add(3, batch=2)
    assert bench.states() == {1: "active", 2: "active", 3: "queued"}
    bench.scheduler.jobs = 3
    bench.tick()
    assert bench.state(3) is T.WAITING  # (100 + 200) + 10 % is more than 300
    assert bench.admission.promised(1) == 200
    bench.finish(1)
    bench.tick(60.0)
    assert bench.state(3) is T.ACTIVE


def test_another_file_in_its_place_gives_it_another_name(bench: Bench):
    bench.add(1)
    bench.folders.ask(str(bench.root), lambda paths: paths.claim("data/f1", "data/1"))
    bench.finish(1, T.WAITING, needs="place")
    assert bench.queue.transfers[1].path == "data/f1~2"
    assert bench.workers.held[1].task.target == bench.root / "data" / "f1~2"
    bench.finish(1, T.WAITING, needs="place")
    assert bench.workers.held[1].task.target == bench.root / "data" / "f1~3"


def test_each_end_is_logged_once_and_nothing_that_is_no_news(bench: Bench):
    bench.add(1, 2, 3)
    bench.finish(1, md5="a" * 32)
    bench.finish(2, T.FAILED, reason="not found", code="NOT_FOUND")
    bench.finish(3, T.SKIPPED, size=100, md5="a" * 32, is_news=False)
    (entries,) = bench.folders.take_log().values()
    assert [(one.file_id, one.status, one.message) for one in entries] == [
        ("1", "done", ""), ("2", "failed", "not found"),
    ]  # fmt: skip
    assert bench.folders.take_log() == {}


def test_a_failed_transfer_tells_why_and_can_be_tried_again(bench: Bench):
    bench.add(1)
    bench.workers.held[1].progress.done = 30
    bench.finish(1, T.FAILED, reason="gone", code="NOT_FOUND", retryable=True)
    row = bench.queue.transfers[1].row()
    assert (row.state, row.reason, row.code, row.done) == ("failed", "gone", "NOT_FOUND", 30)
    bench.scheduler.requeue(bench.queue.transfers[1])
    bench.tick()
    row = bench.queue.transfers[1].row()
    assert (row.state, row.reason, row.code, row.retryable) == ("active", "", "", False)


def test_rates_are_those_of_what_runs(bench: Bench):
    bench.add(1, 2)
    for id_ in (1, 2):
        bench.workers.held[id_].progress.fetched = bench.workers.held[id_].progress.done = 50 * id_
    bench.scheduler.sample(1.0)
    assert bench.scheduler.rate == 150.0
    assert [bench.queue.transfers[n].row().rate for n in (1, 2)] == [50.0, 100.0]
    assert [bench.queue.transfers[n].row().done for n in (1, 2)] == [50, 100]
    bench.let_go(1, T.PAUSED)
    bench.let_go(2, T.PAUSED)
    bench.scheduler.sample(2.0)
    assert bench.scheduler.rate == 0.0


def test_what_ended_for_good_is_told(bench: Bench):
    ended: list[int] = []
    bench.queue.on_ended(lambda transfer: ended.append(transfer.id))
    bench.add(1, 2)
    bench.finish(1)
    bench.finish(2, T.WAITING, wait=1.0)
    assert ended == [1]


@pytest.mark.parametrize(
    ("round_trip", "width"), [(0.0004, 2), (0.0015, 3), (0.02, 22), (1.0, 4 * 16)]
)
def test_small_files_get_as_many_threads_as_their_round_trip_leaves_idle(
    tmp_path: Path, round_trip: float, width: int
):
    bench = Bench(tmp_path, jobs=5)
    bench.add(1)
    bench.workers.held[1].progress.answered_in = round_trip
    bench.finish(1)
    bench.add(2)  # a large one has a place of its own
    assert bench.workers.small_files.width == width


def test_one_quick_answer_of_a_slow_server_leaves_small_files_their_threads(tmp_path: Path):
    bench = Bench(tmp_path, jobs=5)
    for id_ in range(1, 6):
        bench.add(id_)
        bench.workers.held[id_].progress.answered_in = 0.0003 if id_ == 3 else 0.004
        bench.finish(id_)
    bench.add(6)
    assert bench.workers.small_files.width == 4
