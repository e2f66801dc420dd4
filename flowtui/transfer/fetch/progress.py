"""How far a transfer is, and what is worth keeping between two runs of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from flowtui.transfer.verify.containers import ContainerCheck
from flowtui.transfer.verify.md5 import Hasher

OUTAGE = 900.0
"""Seconds for which a server that is away as a whole, or asks to wait, is waited for."""


@dataclass
class Progress:
    """How far a transfer is; written by its threads, read by the scheduler at any time.

    Attributes:
        done: bytes on disk. `fetched`: bytes that came over the network in this run.
        size: bytes in all as the server says, or None. `resumed_at`: bytes that were here before.
        phase: `active` or `verifying`. `reason`: what it waits for right now, or empty.
        connections: how many are at work.
        answered_in: the shortest time in seconds between a request and its answer, or None.
    """

    done: int = 0
    fetched: int = 0
    size: int | None = None
    resumed_at: int = 0
    phase: str = "active"
    reason: str = ""
    connections: int = 0
    answered_in: float | None = None


@dataclass
class CarryOver:
    """What is worth keeping between two runs of one transfer in one process.

    Attributes:
        hasher: how far the part file was hashed. `check`: how far its container was tried, where
            that is what speaks for the file.
        failures: tries since the last progress; `failing_since`: when the first of them was.
        counted_until: until then further failures belong to the one counted last: many
            connections meet one trouble at once.
        stamp: the part file as it was left, see `PartFile.stamp`.
        starved: the last run found no room on the disk.
        link: a fresh link, once the first one had expired.
    """

    hasher: Hasher = field(default_factory=Hasher)
    check: ContainerCheck | None = None
    failures: int = 0
    failing_since: float = 0.0
    counted_until: float = 0.0
    fingerprint: object = None
    starved: bool = False
    link: str = ""

    def unread(self) -> None:
        """The bytes of the part file are others than those that were read."""
        self.hasher = Hasher()
        if self.check is not None:
            self.check = ContainerCheck(self.check.kind)

    def failed(self, now: float, fruitless: bool) -> tuple[int, bool]:
        """Count a try; how many in a row were fruitless, and whether an outage may be waited for.

        One that brought bytes begins the count anew.
        """
        if not fruitless:
            self.failures = 0
        if self.failures == 0:
            self.failing_since = now
            self.counted_until = 0.0
        if fruitless and now >= self.counted_until:
            self.failures += 1
        return self.failures, now - self.failing_since < OUTAGE
