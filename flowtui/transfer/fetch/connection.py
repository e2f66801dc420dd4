"""A connection of a file at work."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from flowtui.transfer.fetch.segments import Segment


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


def are_held_up(lines: Sequence[Connection]) -> bool:
    """Whether bytes wait for this machine on most connections."""
    answered = [line.waiting for line in lines if line.answered]
    return bool(answered) and sum(answered) / len(answered) > 0.5
