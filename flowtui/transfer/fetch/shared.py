"""What all threads of one download share: the state of the file, its limits, and its end."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace

from flowtui.timings import Timings
from flowtui.transfer.cancel import StopSignal
from flowtui.transfer.disk.part_file import PartFile
from flowtui.transfer.errors import Stopped, TransferError
from flowtui.transfer.fetch.progress import CarryOver, Progress
from flowtui.transfer.fetch.segments import Segments
from flowtui.transfer.http.rate_limit import RateLimit
from flowtui.transfer.http.source import RemoteSource


@dataclass(eq=False)
class Shared:
    """One file while it is fetched; its coordinator and its connections all hold this.

    Attributes:
        expected_size: as Flow's records say, in bytes, or None.
        segments: what is there and who fetches what.
        ranged: whether the server sends ranges, None while that is not known.
        changed: notified when bytes have come, a connection ends, or an error came; guards `error`.
        error: what ends the download, the first that came, or None.
        halted: the connections shall end: all is here, or something went wrong.
    """

    source: RemoteSource
    part: PartFile
    expected_size: int | None
    limit: RateLimit
    stop: StopSignal
    progress: Progress
    carry_over: CarryOver
    segments: Segments
    timings: Timings
    ranged: bool | None = None
    changed: threading.Condition = field(default_factory=threading.Condition)
    error: TransferError | Stopped | None = None
    halted: bool = False

    def begin(self) -> None:
        """Forget what ended the round before."""
        self.error, self.halted = None, False

    def notify(self) -> None:
        """Wake who waits for bytes, or for the end."""
        with self.changed:
            self.changed.notify_all()

    def fail(self, error: TransferError | Stopped) -> None:
        """Have the download end with this error, unless another came first."""
        with self.changed:
            if self.error is None and not self.halted:
                self.error = error
            self.changed.notify_all()

    def learn_size(self, size: int) -> None:
        """Keep how many bytes the file has, for all that is under way too."""
        self.segments.learn_size(size)
        self.progress.size = size
        if self.part.identity.size != size:
            self.part.identify(replace(self.part.identity, size=size))
