"""One run of a transfer: what a worker holds while it has it."""

from __future__ import annotations

from dataclasses import dataclass, field

from flowtui.transfer.cancel import StopSignal
from flowtui.transfer.fetch.progress import CarryOver, Progress
from flowtui.transfer.pipeline import Tools
from flowtui.transfer.task import Task


@dataclass(eq=False)
class Run:
    """A transfer in a worker's hands.

    Attributes:
        stop: set it to have the worker let go; it then still takes a moment.
        sign_ins: how often someone had signed in at its server before it was handed over.
        folder: the target folder. `held_up`: since when its disk does not answer, in words.
        server: its base URL. `good_ends`: how many files of it had come by then.
        started: its turn has come. `downloaded`: it has only to be put on the disk.
        rate: bytes a second, smoothed; `fetched` and `measured_at`: when it was last measured.
        has_reason: its worker waits for something, as far as the engine was told.
    """

    task: Task
    tools: Tools
    carry_over: CarryOver
    stop: StopSignal = field(default_factory=StopSignal)
    progress: Progress = field(default_factory=Progress)
    sign_ins: int = 0
    server: str = ""
    folder: str = ""
    held_up: str = ""
    good_ends: int = 0
    started: bool = False
    downloaded: bool = False
    rate: float = 0.0
    fetched: int = 0
    measured_at: float = 0.0
    has_reason: bool = False

    @property
    def is_fetching(self) -> bool:
        """Whether it has a place, and will keep it for a while: not while its disk hangs."""
        return self.started and not (self.downloaded or self.is_leaving or self.held_up)

    @property
    def is_leaving(self) -> bool:
        """Whether it was told to stop."""
        return self.stop.event.is_set()
