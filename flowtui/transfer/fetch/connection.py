"""A connection of a file at work."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from flowtui.transfer.fetch.segments import Segment

HELD_UP = 0.5
"""Share of the reads that found bytes waiting, above which this machine is what holds up."""


@dataclass(eq=False)
class Connection:
    """A connection at work.

    Attributes:
        segment: what it fetches now. `answered`: the server has begun to send it bytes.
        retired: it shall end with the segment that it has.
        waiting: bytes wait for us and not we for them, as a share of the latest reads (0 to 1).
    """

    thread: threading.Thread | None = None
    segment: Segment | None = None
    answered: bool = False
    retired: bool = False
    waiting: float = 0.0

    @property
    def is_alive(self) -> bool:
        """Whether its thread is at work."""
        return self.thread is not None and self.thread.is_alive()

    def measure(self, full: bool) -> None:
        """Take in a read; `full` where more bytes were there than it took."""
        self.waiting += (full - self.waiting) / 16


def are_held_up(connections: Sequence[Connection]) -> bool:
    """Whether bytes wait for this machine on most connections."""
    answered = [connection.waiting for connection in connections if connection.answered]
    return bool(answered) and sum(answered) / len(answered) > HELD_UP
