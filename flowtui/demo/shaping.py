"""Slowing a download down to a rate, so that bars move."""

from __future__ import annotations

import asyncio
import time

SMALL_CHUNK = 64 * 1024
"""Bytes in one piece of a slowed answer."""


class Pace:
    """Lets bytes pass at `rate` bytes per second; 0 and None let all pass."""

    def __init__(self, rate: float | None) -> None:
        self._rate = rate or 0.0
        self._due = time.monotonic()

    @property
    def chunk(self) -> int | None:
        """Bytes to send at a time: a tenth of a second's worth at most; None for no limit."""
        if self._rate <= 0:
            return None
        return max(1024, min(SMALL_CHUNK, int(self._rate / 10)))

    async def passed(self, count: int) -> None:
        """Wait until `count` more bytes may have passed. Other connections go on meanwhile."""
        if self._rate <= 0:
            await asyncio.sleep(0)
            return
        # What was lost by a slow reader is not made up for in a burst.
        self._due = max(self._due, time.monotonic() - 0.25) + count / self._rate
        await asyncio.sleep(max(0.0, self._due - time.monotonic()))
