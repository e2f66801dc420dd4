"""Which bytes of an unfinished file were written, and which are on the disk; what its journal says.

What is flushed takes its time, and others go on writing meanwhile: what was written before is taken
(`take`), flushed by whoever has the file, and confirmed. One thread at a time may be in here.
"""

from __future__ import annotations

from dataclasses import dataclass

from flowtui.transfer.disk.journal import Journal
from flowtui.transfer.disk.ranges import RangeSet
from flowtui.transfer.identity import Identity


@dataclass(frozen=True)
class Taken:
    """What is being flushed: these ranges, of the content that there was after so many resets."""

    ranges: RangeSet
    resets: int


class Ledger:
    """The ledger of one part file.

    Attributes:
        identity: what is known of the remote file.
        journal: what is told of it all, or None. `is_entered`: whether the disk knows its name.
    """

    def __init__(self, identity: Identity, written: RangeSet, flushed: RangeSet) -> None:
        self.identity = identity
        self.journal: Journal | None = None
        self.is_entered = False
        # Written and not flushed; being flushed just now; flushed. A reset makes them all void,
        # also for a flush that is under way.
        self._dirty, self._flushing, self._flushed = written, RangeSet(), flushed
        self._resets = 0

    @property
    def unflushed(self) -> int:
        """Bytes that were written and are neither flushed nor taken for it."""
        return self._dirty.total

    def keep_in(self, journal: Journal) -> None:
        """Tell a journal from now on. Raises OSError."""
        self.journal = journal
        self._begin()

    def written(self, start: int, end: int) -> None:
        """Note that `[start, end)` was written. Raises OSError."""
        self._dirty.add(start, end)
        if self.journal is not None:
            self.journal.written(start, end)
            if self.journal.is_long:
                self._begin()

    def take(self) -> Taken | None:
        """What was written so far, to be flushed; None where there is nothing, or no journal."""
        if self.journal is None or not len(self._dirty):
            return None
        self._flushing, self._dirty = self._dirty, RangeSet()
        return Taken(self._flushing, self._resets)

    def confirm(self, taken: Taken) -> bool:
        """Note that it is flushed; whether that counts, and the journal is now to be. OSError."""
        if self.journal is None or self._resets != taken.resets or not len(taken.ranges):
            return False
        self._flushing = RangeSet()
        for start, end in taken.ranges:
            self._flushed.add(start, end)
        self.journal.flushed(taken.ranges)
        return True

    def lose(self) -> None:
        """What was not flushed before is not to be believed any more. Raises OSError."""
        self.forget_unflushed()
        self._begin()

    def forget_unflushed(self) -> None:
        """Forget what was not flushed, without a word to the journal."""
        self._dirty, self._flushing = RangeSet(), RangeSet()

    def identify(self, identity: Identity) -> None:
        """Keep what became known of the remote file. Raises OSError."""
        if identity != self.identity:
            self.identity = identity
            self._begin()

    def reset(self, identity: Identity) -> None:
        """Forget all bytes: what comes now is another file. Raises OSError."""
        self.identity = identity
        self._resets += 1
        self.forget_unflushed()
        self._flushed = RangeSet()
        if self.journal is not None:
            # The old journal would call the new bytes flushed ones, should it come back.
            self.journal.begin(identity, RangeSet(), RangeSet(), durable=True)

    def close(self) -> None:
        """Let go of the journal."""
        if self.journal is not None:
            self.journal.close()
            self.journal = None

    def _begin(self) -> None:
        if self.journal is None:
            return
        written = self._dirty.copy()
        for start, end in self._flushing:
            written.add(start, end)
        self.is_entered = False
        self.journal.begin(self.identity, self._flushed, written)
