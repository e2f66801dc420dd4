"""The rate limit: how many bytes a second all connections together may take."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

BURST_SECONDS = 0.1
"""How much may be taken at once after a pause; small, so that the rate is even."""

LONGEST_SLEEP = 0.2
"""Seconds between two looks of one that waits, so that a new rate holds at once."""


class RateLimit:
    """A counter of bytes that grows at `rate` a second, and takers that queue up at it.

    Attributes:
        rate: bytes a second, 0 for no limit; may be changed at any time, also for those that wait.
        taken: bytes taken in all, limited or not.
    """

    def __init__(self, rate: int = 0, clock: Callable[[], float] = time.monotonic) -> None:
        self.taken = 0
        self._rate = rate
        self._clock = clock
        self._lock = threading.Lock()
        self._allowed = 0.0
        self._looked = clock()

    @property
    def rate(self) -> int:
        """See the class."""
        return self._rate

    @rate.setter
    def rate(self, rate: int) -> None:
        with self._lock:
            self._fill()
            if self._rate <= 0:
                self._allowed = self.taken  # what came without a limit is no debt
            self._rate = rate

    def take(self, count: int) -> int:
        """Queue up for `count` bytes; the ticket for `due`."""
        with self._lock:
            if self._rate > 0:
                self._fill()
            self.taken += count
            return self.taken

    def due(self, ticket: int) -> float:
        """Seconds after which to ask again; 0 once the ticket's bytes may be used."""
        if self._rate <= 0:
            return 0.0
        with self._lock:
            self._fill()
            missing = ticket - self._allowed
            if self._rate <= 0 or missing < 1:
                return 0.0
            return min(LONGEST_SLEEP, missing / self._rate)

    def _fill(self) -> None:
        """Let what is allowed grow, not beyond a short burst ahead of what was taken."""
        now = self._clock()
        grown = self._allowed + (now - self._looked) * self._rate
        self._allowed = min(grown, self.taken + BURST_SECONDS * self._rate)
        self._looked = now
