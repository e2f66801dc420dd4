"""A connection of a file at work."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from flowtui.transfer.fetch.segments import Segment

HELD_UP = 0.5
"""Share of the time in which bytes wait for us, above which this machine is what holds up."""

MEMORY = 0.1
"""Seconds after which what was measured before counts for a third."""


@dataclass(eq=False)
class Connection:
    """A connection at work.

    Attributes:
        segment: what it fetches now. `answered`: the server has begun to send it bytes.
        retired: it shall end with the segment that it has.
        waiting: bytes wait for us and not we for them, as a share of the time of late (0 to 1).
    """

    thread: threading.Thread | None = None
    segment: Segment | None = None
    answered: bool = False
    retired: bool = False
    waiting: float = 0.0
    _measured: bool = False

    @property
    def is_alive(self) -> bool:
        """Whether its thread is at work."""
        return self.thread is not None and self.thread.is_alive()

    def measure(self, seconds: float, waited: float) -> None:
        """Take in so many seconds of work, of which so many were spent waiting for bytes."""
        if seconds <= 0:
            return
        share = 1.0 - min(1.0, waited / seconds)
        weight = 1.0 - math.exp(-seconds / MEMORY) if self._measured else 1.0
        self._measured = True
        self.waiting += (share - self.waiting) * weight


def are_held_up(connections: Sequence[Connection]) -> bool:
    """Whether bytes wait for this machine on most connections."""
    answered = [connection.waiting for connection in connections if connection.answered]
    return bool(answered) and sum(answered) / len(answered) > HELD_UP
