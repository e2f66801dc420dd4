"""The rate limit: how many bytes a second all connections together may take."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

BURST_SECONDS = 0.1
"""How much may be taken at once after a pause; small, so that the rate is even."""


class RateLimit:
    """A bucket that fills at `rate` bytes a second; takers that find it empty wait.

    Attributes:
        rate: bytes a second, 0 for no limit; may be changed at any time.
    """

    def __init__(self, rate: int = 0, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate = rate
        self._clock = clock
        self._lock = threading.Lock()
        self._free_at = clock()

    def delay(self, count: int) -> float:
        """Take `count` bytes; the seconds to wait before they may be used."""
        rate = self.rate
        if rate <= 0:
            return 0.0
        with self._lock:
            now = self._clock()
            self._free_at = max(self._free_at, now - BURST_SECONDS) + count / rate
            return max(0.0, self._free_at - now)
