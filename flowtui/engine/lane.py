"""Small files, run one after the other by a few threads that are handed many at once.

Handing every small file over by itself costs more than fetching it: two threads wake for each. So
the scheduler fills the lane ahead, and hears of what came of it in larger steps.

A file that is here and verified has still to be put on the disk, which takes longer than to fetch
it. It leaves the lane for that: the next is fetched meanwhile, and many that are flushed at the
same time share what the file system does for one.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowtui.engine.workers import Run

FLUSHED_AT_ONCE = 24
"""Files that may be on their way to the disk beside those that are fetched."""

AHEAD = 16
"""Files for each thread that are handed over before their turn."""


class Lane:
    """The threads and the files that wait for them."""

    def __init__(
        self,
        work: Callable[[Run, Callable[[], None]], None],
        in_thread: Callable[[Callable[[], None]], None],
    ) -> None:
        """`work` runs a file to its end and reports; it calls what it is given when the file is
        fetched. `in_thread` calls a function in a thread."""
        self._work = work
        self._in_thread = in_thread
        self._lock = threading.Lock()
        self._waiting: deque[Run] = deque()
        self._width = 0
        self._busy = 0
        self._flushing = 0

    @property
    def waiting(self) -> int:
        """How many files wait for their turn."""
        return len(self._waiting)

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
            found = [one for one in self._waiting if wanted(one)]
            if found:
                self._waiting = deque(one for one in self._waiting if not wanted(one))
            return found

    def _serve(self) -> None:
        while True:
            with self._lock:
                if not self._waiting or self._busy > self._width:
                    self._busy -= 1
                    return
                run = self._waiting.popleft()
                run.begun = True
            left = False

            def leave() -> None:
                nonlocal left
                left = self._leave()

            self._work(run, leave)
            if left:
                with self._lock:
                    self._flushing -= 1
                    if not self._waiting or self._busy >= self._width:
                        return
                    self._busy += 1

    def _leave(self) -> bool:
        """Let the next file be fetched while the caller's goes to the disk; whether it may."""
        with self._lock:
            if self._flushing >= FLUSHED_AT_ONCE:
                return False
            self._flushing += 1
            self._busy -= 1
            more = bool(self._waiting) and self._busy < self._width
            self._busy += more
        if more:
            self._in_thread(self._serve)
        return True
