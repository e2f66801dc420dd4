"""How far a transfer is, and what is worth keeping between two runs of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from flowtui.retry import History
from flowtui.transfer.disk.calls import DiskCalls
from flowtui.transfer.verify.containers import ContainerCheck
from flowtui.transfer.verify.md5 import Hasher
from flowtui.transfer.verify.verdict import Damage


@dataclass
class Progress:
    """How far a transfer is; written by its threads, read by the scheduler at any time.

    Attributes:
        done: bytes on disk. `fetched`: bytes that came over the network in this run.
        size: bytes in all as the server says, or None. `resumed_at`: bytes that were here before.
        phase: `active` or `verifying`. `reason`: what it waits for right now, or empty. Change both
            by `report`.
        connections: how many are at work.
        answered_in: the shortest time in seconds between a request and its answer, or None.
        calls: which of its threads wait for the disk.
        listener: is told every phase and reason, in order, in the thread that reports it.
    """

    done: int = 0
    fetched: int = 0
    size: int | None = None
    resumed_at: int = 0
    phase: str = "active"
    reason: str = ""
    connections: int = 0
    answered_in: float | None = None
    calls: DiskCalls = field(default_factory=DiskCalls)
    listener: Callable[[str, str], None] = lambda phase, reason: None

    def report(self, *, phase: str | None = None, reason: str | None = None) -> None:
        """Say that it is in another phase, or waits for something else; None: as before."""
        before = self.phase, self.reason
        self.phase = self.phase if phase is None else phase
        self.reason = self.reason if reason is None else reason
        if (self.phase, self.reason) != before:
            self.listener(self.phase, self.reason)


@dataclass
class CarryOver:
    """What is worth keeping between two runs of one transfer in one process.

    Attributes:
        hasher: how far the part file was hashed. `check`: how far its container was tried, where
            that is what speaks for the file.
        history: the failures since the last progress.
        stamp: the part file as it was left, see `PartFile.stamp`.
        starved: the last run found no room on the disk.
        link: a fresh link, once the first one had expired.
        wrong: the file came whole and proved wrong, once.
        damage: how it was broken then, where its own checksums said so.
    """

    hasher: Hasher = field(default_factory=Hasher)
    check: ContainerCheck | None = None
    history: History = field(default_factory=History)
    fingerprint: object = None
    starved: bool = False
    link: str = ""
    wrong: bool = False
    damage: Damage | None = None

    def unread(self) -> None:
        """The bytes of the part file are others than those that were read."""
        self.hasher = Hasher()
        if self.check is not None:
            self.check = ContainerCheck(self.check.kind)
