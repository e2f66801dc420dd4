"""Small files, run one after the other by a few threads that are handed many at once.

Handing every small file over by itself costs more than fetching it: two threads wake for each. So
the scheduler hands over many ahead, and hears of what came of them in larger steps.

A file that is here and verified has still to be put on the disk, which takes longer than to fetch
it. Other threads do that, for all files at once that have gathered: as few as keep up, which is
one where the disk is quick, and more where it is slow, so that many flushes are under way and share
what the file system does for one.

Each target folder has a pool of its own: where a disk hangs, the threads that wait for it are of no
other folder's files.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Container
from typing import TYPE_CHECKING

from flowtui.transfer.pipeline import Steps, advance, to_the_end
from flowtui.transfer.task import Outcome

if TYPE_CHECKING:
    from flowtui.engine.workers.run import Run

FLUSHERS = 24
"""Threads that put files on the disk, at most."""

TOGETHER = 8
"""Files that one thread puts on the disk together; where more wait, another helps."""

GATHER = 0.01
"""Seconds in which such a thread lets files gather, rather than be woken for each."""

UNFLUSHED = 4 << 20
"""Bytes of files that wait to be put on the disk; with more, none is fetched. A kill costs them."""

AHEAD = 16
"""Files for each thread that are handed over before their turn."""


class SmallFilePool:
    """The threads and the files that wait for them."""

    def __init__(
        self,
        begin: Callable[[Run], Steps],
        finished: Callable[[Run, Outcome], None],
        in_thread: Callable[[Callable[[], None]], None],
        to_flush: int = 1 << 20,
    ) -> None:
        """`begin` gives the steps of a file, `finished` is given its outcome; `in_thread` calls a
        function in a thread. `to_flush`: fetched files, each of them open, that may wait to be put
        on the disk, about."""
        self._begin = begin
        self._finished = finished
        self._in_thread = in_thread
        self._lock = threading.Lock()
        self._waiting: deque[Run] = deque()
        self._width = 0
        self._busy = 0
        self._fetched: deque[tuple[Run, Steps]] = deque()
        self._unflushed = 0
        self._open = 0
        self._to_flush = to_flush
        self._flushers = 0

    @property
    def waiting(self) -> int:
        """How many files wait for their turn."""
        return len(self._waiting)

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing in it, nor any thread."""
        return not (self._waiting or self._busy or self._fetched or self._flushers)

    @property
    def is_low(self) -> bool:
        """Whether it will soon have nothing to do."""
        return len(self._waiting) <= self._width * AHEAD // 2

    def widen(self, width: int) -> None:
        """Have so many threads at work, as soon as those too many are done with their file."""
        with self._lock:
            self._width = width
            more = min(width - self._busy, len(self._waiting))
            self._busy += max(0, more)
        for _ in range(more):
            self._in_thread(self._serve)

    def put(self, run: Run) -> None:
        """Hand over a file."""
        with self._lock:
            self._waiting.append(run)
            more = self._busy < self._width
            self._busy += more
        if more:
            self._in_thread(self._serve)

    def take_back(self, wanted: Callable[[Run], bool]) -> list[Run]:
        """Take back those files whose turn has not come."""
        with self._lock:
            found = [run for run in self._waiting if wanted(run)]
            if found:
                self._waiting = deque(run for run in self._waiting if not wanted(run))
            return found

    def _serve(self) -> None:
        """Fetch file after file."""
        while True:
            with self._lock:
                if not self._waiting or self._busy > self._width:
                    self._busy -= 1
                    return
                run = self._waiting.popleft()
                run.started = True
            steps = self._begin(run)
            outcome = advance(steps)
            if outcome is not None:
                self._finished(run, outcome)
            else:
                self._to_disk(run, steps)

    def _to_disk(self, run: Run, steps: Steps) -> None:
        """Have a fetched file put on the disk; lend a hand where that is behind."""
        run.downloaded = True
        with self._lock:
            self._fetched.append((run, steps))
            self._unflushed += run.task.size or 0
            self._open += 1
            crowd = len(self._fetched) > TOGETHER * self._flushers
            more = crowd and self._flushers < FLUSHERS
            self._flushers += more
            behind = self._unflushed > UNFLUSHED or self._open > self._to_flush
        if more:
            self._in_thread(self._flush)
        if behind:
            self._flush_some()

    def _flush(self) -> None:
        """Put files on the disk, until none gather any more."""
        while True:
            if len(self._fetched) < TOGETHER:
                time.sleep(GATHER)
            if not self._flush_some():
                with self._lock:
                    if not self._fetched:
                        self._flushers -= 1
                        return

    def _flush_some(self) -> int:
        """Put those on the disk that have waited longest; how many."""
        with self._lock:
            some = [self._fetched.popleft() for _ in range(min(TOGETHER, len(self._fetched)))]
        named = []
        for run, steps in some:
            outcome = advance(steps)
            if outcome is not None:
                self._finished(run, outcome)
            else:
                named.append((run, steps))
        for run, steps in named:
            self._finished(run, to_the_end(steps))
        with self._lock:
            self._unflushed -= sum(run.task.size or 0 for run, _ in some)
            self._open -= len(some)
        return len(some)


class SmallFilePools:
    """The pools of all target folders; the engine's thread alone hands over and takes back."""

    def __init__(self, make: Callable[[], SmallFilePool]) -> None:
        """`make` makes the pool of a folder."""
        self._make = make
        self._pools: dict[str, SmallFilePool] = {}

    @property
    def waiting(self) -> int:
        """How many files wait for their turn."""
        return sum(pool.waiting for pool in self._pools.values())

    @property
    def is_low(self) -> bool:
        """Whether one of them will soon have nothing to do."""
        return any(pool.is_low for pool in list(self._pools.values()))

    def put(self, run: Run) -> None:
        """Hand over a file."""
        if run.folder not in self._pools:
            self._pools[run.folder] = self._make()
        self._pools[run.folder].put(run)

    def take_back(self, wanted: Callable[[Run], bool]) -> list[Run]:
        """Take back those files whose turn has not come."""
        return [run for pool in self._pools.values() for run in pool.take_back(wanted)]

    def widen(self, width: int, but: Container[str] = ()) -> None:
        """Divide so many threads among the folders, without those of `but`, whose disks hang."""
        for folder in [folder for folder, pool in self._pools.items() if pool.is_idle]:
            del self._pools[folder]
        able = [pool for folder, pool in self._pools.items() if folder not in but]
        for pool in self._pools.values():
            pool.widen(-(-width // len(able)) if pool in able else 0)
