"""Which connection fetches which bytes of a file: guided self-scheduling from the front.

Every connection takes the first bytes that nobody has, in pieces that are large at first and get
smaller towards the end. So the file fills almost in order, hashing can follow close behind, few
requests are made, and no slow last segment holds up the rest. With one connection a piece is the
whole gap: one request.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from flowtui.transfer.disk.ranges import RangeSet

LARGEST = 256 << 20
"""Bytes of a piece at most, while several connections are at work."""

SHARE = 0.6
"""How much of what is to come is handed out in a round, to all connections together. The more, the
fewer round trips between pieces, and the longer what comes last waits for its hashing."""

STALLED = 2.0
"""Seconds without a byte after which the rest of a segment is another connection's, if one has
nothing else to do."""


@dataclass(slots=True)
class Segment:
    """A range that one connection fetches.

    Attributes:
        start: its first byte.
        end: one past its last byte, or None where the size is not known; it may come closer while
            the segment is under way, when another connection takes over its tail.
        claimed: one past the last byte that its connection has taken to write.
        moved: when it was handed out, or a byte last came (seconds of the segments' clock).
    """

    start: int
    end: int | None
    claimed: int
    moved: float = 0.0


class Segments:
    """The ranges of one file: on disk, under way, and nobody's. Safe to call from many threads.

    Attributes:
        done: what is on disk; changed by `written` and `reset` only.
        fetched: bytes that were claimed so far, that is, came over the network.
        in_order: what is missing is handed out as one, to the end: the server sends no parts.
    """

    def __init__(
        self,
        size: int | None,
        done: RangeSet,
        clock: Callable[[], float] = time.monotonic,
        *,
        smallest: int,
    ) -> None:
        """`smallest`: bytes of a piece at least, else round trips cost more than it evens out."""
        self.smallest = smallest
        self.lock = threading.Lock()
        self.size = size
        self.done = done
        self.fetched = 0
        self.in_order = False
        self._clock = clock
        self._taken: list[Segment] = []

    def take(self, connections: int) -> Segment | None:
        """The next segment for one of `connections`, or None when there is nothing to give."""
        with self.lock:
            if self.size is None or self.in_order:
                return self._hand_out(self.done.prefix, self.size) if self._rest_is_free else None
            gap = next(self._with_taken().gaps(self.size), None) or self._share_of_another()
            if gap is None:
                return None
            start, end = gap
            if connections > 1:
                end = min(end, start + self._piece(connections))
            return self._hand_out(start, end)

    @property
    def has_more(self) -> bool:
        """Whether there is something that one connection more could fetch now."""
        with self.lock:
            if self.size is None or self.in_order:
                return self._rest_is_free
            gap = next(self._with_taken().gaps(self.size), None)
            return gap is not None or self._slowest() is not None

    def cut(self, segment: Segment) -> None:
        """Have a segment end soon: what of it is not claimed yet is nobody's again."""
        with self.lock:
            if segment.end is not None:
                segment.end = segment.claimed

    def shorten(self, connections: int) -> None:
        """Cut what is under way down to fair pieces, after connections were added."""
        with self.lock:
            if self.size is None or connections < 2:
                return
            piece = self._piece(connections)
            for taken in self._taken:
                if taken.end is not None and taken.end - taken.claimed > 2 * piece:
                    taken.end = taken.claimed + piece

    def claim(self, segment: Segment, length: int) -> int:
        """How many of the next `length` bytes the segment's connection shall write."""
        with self.lock:
            room = length if segment.end is None else min(length, segment.end - segment.claimed)
            room = max(0, room)
            segment.claimed += room
            segment.moved = self._clock()
            self.fetched += room
            return room

    def written(self, start: int, end: int) -> int:
        """Say that `[start, end)` is on disk; the bytes that are new."""
        with self.lock:
            return self.done.add(start, end)

    def give_back(self, segment: Segment) -> None:
        """Let go of a segment; what of it was not written is nobody's again."""
        with self.lock:
            self._taken = [other for other in self._taken if other is not segment]

    def is_at_end(self, segment: Segment) -> bool:
        """Whether the segment has all of its bytes claimed."""
        with self.lock:
            return segment.end is not None and segment.claimed >= segment.end

    def is_rest(self, segment: Segment) -> bool:
        """Whether a segment is all that is missing, from the first such byte to the end."""
        with self.lock:
            return segment.start == self.done.prefix and segment.end == self.size

    def has(self, start: int, end: int) -> bool:
        """Whether `[start, end)` is on disk."""
        with self.lock:
            return self.done.covers(start, end)

    def learn_size(self, size: int) -> None:
        """Say how long the file is, for all that is under way too."""
        with self.lock:
            self.size = size
            for taken in self._taken:
                if taken.end is None or taken.end > size:
                    taken.end = size

    @property
    def is_complete(self) -> bool:
        """Whether all bytes are on disk."""
        with self.lock:
            return self.size is not None and self.done.covers(0, self.size)

    def reset(self) -> None:
        """Forget everything: the next segment starts at 0."""
        with self.lock:
            self.done.clip(0)
            self._taken = []

    @property
    def _rest_is_free(self) -> bool:
        return not self._taken and (self.size is None or self.done.prefix < self.size)

    def _hand_out(self, start: int, end: int | None) -> Segment:
        segment = Segment(start, end, start, self._clock())
        self._taken.append(segment)
        return segment

    def _with_taken(self) -> RangeSet:
        both = self.done.copy()
        for taken in self._taken:
            if taken.end is not None:
                both.add(taken.start, taken.end)
        return both

    def _piece(self, connections: int) -> int:
        assert self.size is not None
        remaining = self.size - self.done.total
        return max(self.smallest, min(LARGEST, int(SHARE * remaining) // connections))

    def _slowest(self) -> Segment | None:
        """The segment that one without work should take a share of: the one with most to come.

        A small rest is left to its connection, unless that has stalled.
        """
        open_ends = [taken for taken in self._taken if taken.end is not None]
        stalled = [taken for taken in open_ends if self._clock() - taken.moved > STALLED]
        for among, at_least in ((open_ends, self.smallest), (stalled, 1)):
            largest = max(among, key=_to_come, default=None)
            if largest is not None and _to_come(largest) >= at_least:
                return largest
        return None

    def _share_of_another(self) -> tuple[int, int] | None:
        """Half of what another connection has still to fetch, all of it where that stalled."""
        largest = self._slowest()
        if largest is None:
            return None
        assert largest.end is not None
        stalled = self._clock() - largest.moved > STALLED
        kept = 0 if stalled else _to_come(largest) // 2
        middle, end = largest.claimed + kept, largest.end
        largest.end = middle
        return middle, end


def _to_come(segment: Segment) -> int:
    """Bytes of a segment that were not claimed yet."""
    return (segment.end or 0) - segment.claimed
