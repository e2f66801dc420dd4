"""How many questions one server is asked at once, and from when on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flowtui.flow.walk.lookahead import WIDTH

CONFIDENT_AFTER = 16
"""Good answers in a row, after which one more question may be under way."""


class Pace:
    """Lets so many through at a time as the server likes; half as many after a 429 or 503.

    Safe to use from many threads.
    """

    def __init__(self, most: int = WIDTH, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._free = threading.Condition()
        self._active = 0
        self._good = 0
        self._not_before = 0.0
        self.limit = most

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn, and hold it."""
        with self._free:
            self._free.wait_for(lambda: self._active < self.limit)
            self._active += 1
        try:
            yield
        finally:
            with self._free:
                self._active -= 1
                self._free.notify_all()

    def held_for(self) -> float:
        """Seconds until the server wants to be asked again."""
        with self._free:
            return max(0.0, self._not_before - self._clock())

    def answered(self) -> None:
        """A good answer has come."""
        with self._free:
            self._good += 1
            if self._good >= CONFIDENT_AFTER and self.limit < self._most:
                self.limit += 1
                self._good = 0
                self._free.notify_all()

    def too_fast(self, wait: float = 0.0) -> None:
        """The server is asked too much; with `wait`, it is not to be asked for so many seconds."""
        with self._free:
            now = self._clock()
            # Those who were under way at the same time say the same.
            if now >= self._not_before:
                self.limit = max(1, self.limit // 2)
            self._good = 0
            self._not_before = max(self._not_before, now + wait)
