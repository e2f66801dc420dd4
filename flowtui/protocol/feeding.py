"""From the files that are being found to the batches that an engine is given, piece by piece."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from flowtui.flow.remote_file import RemoteFile
    from flowtui.protocol.messages import Batch

GRACE = 0.2
"""Seconds after the first file, until which it is waited for the others: if all are found by then,
it is known whether an archive is the better way."""

PIECE_EVERY = 0.1
"""Seconds between two pieces that are handed over, at least."""


class Source(Protocol):
    """Where the batches of a command come from."""

    @property
    def is_over(self) -> bool:
        """Whether no more will come."""

    @property
    def files(self) -> int:
        """How many files have been found so far."""

    def take(self) -> list[Batch]:
        """What is to be queued now."""


@dataclass
class WholeBatch:
    """All at once."""

    batch: Batch
    is_over: bool = False

    @property
    def files(self) -> int:
        """How many files it has."""
        return len(self.batch.files)

    def take(self) -> list[Batch]:
        """The batch, the first time."""
        before, self.is_over = self.is_over, True
        return [] if before else [self.batch]


@dataclass(frozen=True)
class BulkRule:
    """When files come in an archive.

    Attributes:
        bulk: `auto`, `always` or `never`. `above`: with `auto`, for more files than so many.
    """

    bulk: str
    above: int

    def divide(
        self, waiting: list[RemoteFile], handed: int, age: float, *, over: bool
    ) -> tuple[int, bool]:
        """How many of the files that wait are to be queued now, and whether as an archive.

        `handed` files have been queued one by one, the first was found `age` seconds ago, and
        `over` says whether all have been found. While they are being found, no more start one by
        one than could be too few for an archive.
        """
        if over:
            archivable = sum(1 for file in waiting if file.data_id is not None)
            always = self.bulk == "always"
            return len(waiting), always or (self.bulk == "auto" and archivable > self.above)
        if self.bulk == "always" or (self.bulk == "auto" and age < GRACE):
            return 0, False
        most = len(waiting) if self.bulk == "never" else max(0, self.above - handed)
        return min(len(waiting), most), False


@dataclass
class Feeder:
    """Hands over what a search has found, as `BulkRule` says.

    Attributes:
        take_found: gives what was found since the last time. `search_is_over`: whether it ended.
        make: a batch of files, as an archive or not.
    """

    take_found: Callable[[], list[RemoteFile]]
    search_is_over: Callable[[], bool]
    make: Callable[[list[RemoteFile], bool], Batch]
    rule: BulkRule
    clock: Callable[[], float] = time.monotonic
    files: int = 0
    is_over: bool = False
    _waiting: list[RemoteFile] = field(default_factory=list)
    _handed: int = 0
    _first_at: float | None = None
    _handed_at: float = 0.0

    def take(self) -> list[Batch]:
        """What is to be queued now."""
        if self.is_over:
            return []
        found = self.take_found()
        over = self.search_is_over()
        now = self.clock()
        if found and self._first_at is None:
            self._first_at = now
        self.files += len(found)
        self._waiting += found
        age = 0.0 if self._first_at is None else now - self._first_at
        self.is_over = over
        if not over and now - self._handed_at < PIECE_EVERY:
            return []
        count, as_archive = self.rule.divide(self._waiting, self._handed, age, over=over)
        if not count:
            return []
        piece, self._waiting = self._waiting[:count], self._waiting[count:]
        self._handed += count
        self._handed_at = now
        return [self.make(piece, as_archive)]
