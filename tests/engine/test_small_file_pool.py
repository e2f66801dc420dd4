"""The pool for small files: fetched by a few threads, put on the disk by as few as keep up."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

from flowtui.engine.workers.run import Run
from flowtui.engine.workers.small_files import TOGETHER, UNFLUSHED, SmallFilePool
from flowtui.protocol.states import TransferState
from flowtui.transfer.pipeline import Steps
from flowtui.transfer.task import Outcome
from support.waiting import GUARD, until


class Bench:
    """Runs whose steps do what the test says."""

    def __init__(self, settle: Callable[[int], None] = lambda n: None) -> None:
        self.settle = settle
        self.lock = threading.Lock()
        self.fetched: list[int] = []
        self.flushers: set[int] = set()
        self.fetchers: set[int] = set()
        self.ended: Counter[int] = Counter()
        self.done = threading.Event()
        self.pool = SmallFilePool(self.begin, self.finished, self.in_thread)

    def begin(self, run: Run) -> Steps:
        with self.lock:
            self.fetched.append(run.task.id)
            self.fetchers.add(threading.get_ident())
        yield
        with self.lock:
            self.flushers.add(threading.get_ident())
        self.settle(run.task.id)
        yield
        return Outcome(TransferState.DONE)

    def finished(self, run: Run, outcome: Outcome) -> None:
        assert outcome.state is TransferState.DONE
        with self.lock:
            self.ended[run.task.id] += 1

    def in_thread(self, work: Callable[[], None]) -> None:
        threading.Thread(target=work, daemon=True).start()

    def put(self, count: int, size: int = 1000) -> None:
        for n in range(count):
            self.pool.put(cast(Any, SimpleNamespace(task=SimpleNamespace(id=n, size=size))))


def test_each_file_is_taken_to_its_end_once():
    bench = Bench()
    bench.pool.widen(3)
    bench.put(500)
    until(lambda: len(bench.ended) == 500)
    assert set(bench.ended.values()) == {1}


def test_a_slow_disk_gets_more_threads():
    bench = Bench(lambda n: until(lambda: len(bench.flushers) > 2))  # slower than two threads
    bench.pool.widen(1)
    bench.put(20 * TOGETHER)
    until(lambda: len(bench.ended) == 20 * TOGETHER)


def test_a_disk_that_hangs_stops_the_fetching_too():
    """What is fetched and not on the disk is lost in a kill."""
    go_on = threading.Event()
    bench = Bench(lambda n: cast(None, go_on.wait(GUARD)))
    bench.pool.widen(2)
    size = UNFLUSHED // 4
    bench.put(40, size)
    # Who fetches lends a hand, and hangs there, too.
    until(lambda: len(bench.fetchers & bench.flushers) == 2)
    assert len(bench.fetched) <= 4 + 2
    assert not bench.ended
    go_on.set()
    until(lambda: len(bench.ended) == 40)


def test_what_waits_can_be_taken_back():
    bench = Bench()
    bench.put(10)
    back = bench.pool.take_back(lambda run: run.task.id >= 5)
    assert [run.task.id for run in back] == [5, 6, 7, 8, 9]
    bench.pool.widen(1)
    until(lambda: len(bench.ended) == 5)
    assert sorted(bench.fetched) == [0, 1, 2, 3, 4]
