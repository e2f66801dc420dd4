"""Which files of Flow are here, on their way or failed, and of which sample, run and project.

Kept up to date row by row, so that a line of the tree costs a few look-ups, however long the queue.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from flowtui.protocol.messages import TransferRow
from flowtui.protocol.states import ENDED, GOOD, TransferState


class Standing(IntEnum):
    """How a file stands."""

    UNDER_WAY = 0
    FAILED = 1
    HERE = 2


@dataclass(frozen=True)
class Sums:
    """How many files of a thing are under way, failed, and here."""

    under_way: int = 0
    failed: int = 0
    here: int = 0


def standing_of(state: str) -> Standing | None:
    """How a file of this state stands; None for one that was given up."""
    if state in GOOD:
        return Standing.HERE
    if state == TransferState.FAILED:
        return Standing.FAILED
    return None if state in ENDED else Standing.UNDER_WAY


@dataclass
class KnownFiles:
    """What the queue says of files. The screen's thread alone uses it.

    Attributes:
        recorded: key → whether a file that the target folder's log has is there, see
            `recorded_files`. `recorded_things`: how many files it has of each thing.
    """

    recorded: dict[str, bool] = field(default_factory=dict)
    recorded_things: dict[str, int] = field(default_factory=dict)
    _rows: dict[tuple[str, str], tuple[int, Standing]] = field(default_factory=dict)
    _sums: dict[tuple[str, str], list[int]] = field(default_factory=dict)

    def clear(self) -> None:
        """Forget all of it."""
        self._rows.clear()
        self._sums.clear()

    def put(self, before: TransferRow | None, row: TransferRow | None) -> None:
        """A row of the queue changed, came (`before` is None), or went (`row` is None)."""
        if (
            before is not None
            and row is not None
            and standing_of(before.state) is standing_of(row.state)
        ):
            return
        if before is not None:
            self._count(before, -1)
        if row is not None:
            self._count(row, 1)

    def _count(self, row: TransferRow, by: int) -> None:
        standing = standing_of(row.state)
        if standing is None or row.bulk_id is not None:  # an archive is no file of the tree
            return
        file = row.server, row.key
        known = self._rows.get(file)
        if by > 0 and (known is None or known[0] <= row.id):
            self._rows[file] = row.id, standing  # the same file again: what came last counts
        elif by < 0 and known is not None and known[0] == row.id:
            del self._rows[file]
        for thing in things_of(row):
            sums = self._sums.setdefault((row.server, thing), [0] * len(Standing))
            sums[standing] += by
            if not any(sums):
                del self._sums[row.server, thing]

    def of_file(self, server: str, key: str) -> Standing | None:
        """How a file stands; None where nobody knows it, and where it was here and is gone."""
        known = self._rows.get((server, key))
        standing = None if known is None else known[1]
        if standing is Standing.UNDER_WAY or key not in self.recorded:
            return standing
        if self.recorded[key]:
            return Standing.HERE
        return None if standing is Standing.HERE else standing

    def under_way(self, server: str, key: str) -> int | None:
        """The transfer that brings a file; None where none does."""
        known = self._rows.get((server, key))
        return known[0] if known is not None and known[1] is Standing.UNDER_WAY else None

    def of_thing(self, server: str, thing: str) -> Sums:
        """The sums of a sample or run by its key, or of a project by `project:NAME`."""
        under_way, failed, here = self._sums.get((server, thing), (0, 0, 0))
        return Sums(under_way, failed, max(here, self.recorded_things.get(thing, 0)))


def things_of(row: TransferRow) -> set[str]:
    """What a file is in, as `KnownFiles.of_thing` takes it."""
    origin = row.origin
    things = {row.belongs_to} if row.belongs_to else set()
    if origin.execution:
        things.add(f"execution/{origin.execution}")
    if origin.project:
        things.add(f"project:{origin.project}")
    return things
