"""Sets of bytes as ranges `[start, end)`: what is on disk, and what is still missing."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator


class RangeSet:
    """Disjoint ranges of whole numbers in order; neighbours that touch are one."""

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        self.total = 0
        for start, end in ranges:
            self.add(start, end)

    def add(self, start: int, end: int) -> int:
        """Put `[start, end)` in; the number of bytes that were not there before.

        Raises ValueError for a negative start.
        """
        if start < 0:
            raise ValueError("a range starts at 0 or later")
        if end <= start:
            return 0
        first = bisect_left(self._ends, start)
        last = bisect_right(self._starts, end)
        before = 0
        if first < last:
            before = sum(
                e - s for s, e in zip(self._starts[first:last], self._ends[first:last], strict=True)
            )
            start = min(start, self._starts[first])
            end = max(end, self._ends[last - 1])
        self._starts[first:last] = [start]
        self._ends[first:last] = [end]
        gained = end - start - before
        self.total += gained
        return gained

    def clip(self, size: int) -> None:
        """Forget what lies at `size` or behind it."""
        kept = [(s, min(e, size)) for s, e in self if s < size]
        self.__init__(kept)  # type: ignore[misc]

    def gaps(self, size: int) -> Iterator[tuple[int, int]]:
        """The ranges of `[0, size)` that are missing, from the front."""
        position = 0
        for start, end in self:
            if start >= size:
                break
            if start > position:
                yield position, start
            position = end
        if position < size:
            yield position, size

    @property
    def prefix(self) -> int:
        """How many bytes from 0 on are there without a gap."""
        return self._ends[0] if self._starts and self._starts[0] == 0 else 0

    def covers(self, start: int, end: int) -> bool:
        """Whether all of `[start, end)` is there."""
        if end <= start:
            return True
        index = bisect_right(self._starts, start) - 1
        return index >= 0 and self._ends[index] >= end

    def copy(self) -> RangeSet:
        """The same ranges, on their own from now on."""
        return RangeSet(self)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(list(zip(self._starts, self._ends, strict=True)))

    def __len__(self) -> int:
        return len(self._starts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RangeSet) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"RangeSet({list(self)!r})"
