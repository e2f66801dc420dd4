"""The queue as the app knows it: the latest of each row, and the order in which rows are shown."""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass, field

from flowtui.protocol.messages import BulkRow, Changes, Summary, TransferRow
from flowtui.protocol.states import ENDED, RUNNING, TransferState
from flowtui.tui.known_files import KnownFiles

GROUPS = 4
"""Running first, then what is still to come, then what failed, then what has ended well."""


def group_of(state: str) -> int:
    """The group of a state, 0 on top."""
    if state in RUNNING:
        return 0
    if state not in ENDED:
        return 1
    return 2 if state == TransferState.FAILED else 3


@dataclass
class Delta:
    """What is new since the screen was last drawn.

    Attributes:
        changed: ids of transfers whose line is to be drawn again, where it stands.
        moved: lines were added, removed or changed their places: all in sight is to be drawn again.
        bulk: something about the bulk jobs changed.
        turned: transfers that were known and came to another state, as they were then.
        turned_jobs: the same of bulk jobs.
    """

    changed: set[int] = field(default_factory=set)
    moved: bool = False
    bulk: bool = False
    turned: list[TransferRow] = field(default_factory=list)
    turned_jobs: list[BulkRow] = field(default_factory=list)


@dataclass
class QueueModel:
    """The rows by id, and their order. The screen's thread alone uses it.

    Attributes:
        is_whole: the queue has come, and not only the first pieces of it.
    """

    transfers: dict[int, TransferRow] = field(default_factory=dict)
    bulk_jobs: dict[int, BulkRow] = field(default_factory=dict)
    summary: Summary = field(default_factory=Summary)
    files: KnownFiles = field(default_factory=KnownFiles)
    is_whole: bool = False
    _groups: tuple[list[int], ...] = field(default_factory=lambda: tuple([] for _ in range(GROUPS)))

    def apply(self, changes: Changes, delta: Delta) -> None:
        """Take over an event, and note in `delta` what it changed."""
        if changes.reset:
            self.transfers.clear()
            self.bulk_jobs.clear()
            self.files.clear()
            for group in self._groups:
                group.clear()
            delta.moved = delta.bulk = True
        self.summary = changes.summary
        self.is_whole = changes.last
        for row in changes.transfers:
            self._put(row, delta)
        for gone in changes.removed:
            before = self.transfers.pop(gone, None)
            if before is not None:
                self._take_out(before)
                self.files.put(before, None)
                delta.moved = True
        for job in changes.bulk_jobs:
            known = self.bulk_jobs.get(job.id)
            if known is not None and known.state != job.state:
                delta.turned_jobs.append(job)
            self.bulk_jobs[job.id] = job
            delta.bulk = True
        for gone in changes.removed_bulk:
            delta.bulk = self.bulk_jobs.pop(gone, None) is not None or delta.bulk

    def _put(self, row: TransferRow, delta: Delta) -> None:
        before = self.transfers.get(row.id)
        self.transfers[row.id] = row
        self.files.put(before, row)
        if before is not None and before.state != row.state:
            delta.turned.append(row)
        if before is not None and group_of(before.state) == group_of(row.state):
            delta.changed.add(row.id)
            return
        if before is not None:
            self._take_out(before)
        insort(self._groups[group_of(row.state)], row.id)
        delta.moved = True

    def _take_out(self, row: TransferRow) -> None:
        group = self._groups[group_of(row.state)]
        del group[bisect_left(group, row.id)]

    def __len__(self) -> int:
        return len(self.transfers)

    def at(self, line: int) -> TransferRow | None:
        """The transfer on a line of the table."""
        if line < 0:
            return None
        for group in self._groups:
            if line < len(group):
                return self.transfers[group[line]]
            line -= len(group)
        return None

    def line_of(self, id_: int) -> int | None:
        """The line of a transfer."""
        row = self.transfers.get(id_)
        if row is None:
            return None
        mine = group_of(row.state)
        above = sum(len(group) for group in self._groups[:mine])
        return above + bisect_left(self._groups[mine], id_)
