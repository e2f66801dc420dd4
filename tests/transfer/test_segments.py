"""Who fetches which bytes: whatever connections do, every byte comes once and all of them come."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass

from hypothesis import example, given, settings
from hypothesis import strategies as st

from flowtui.timings import Timings
from flowtui.transfer.disk.ranges import RangeSet
from flowtui.transfer.fetch.segments import Segment, Segments

MB = 1 << 20
SMALLEST = Timings().smallest_segment
MOST = 6


@dataclass
class Connection:
    """`position` is up to where it wrote; `held`: bytes that it claimed and has still to write."""

    segment: Segment
    position: int
    held: int = 0


class Simulation:
    """Connections of one file that take, write, fail and let go in any order."""

    def __init__(self, size: int, done: list[tuple[int, int]], *, knows_size: bool) -> None:
        self.size = size
        there = RangeSet(done)
        there.clip(size)
        if not knows_size:  # then there was one connection only, and it came in order
            there = RangeSet([(0, there.total)])
        self.there = there.copy()
        self.segments = Segments(size if knows_size else None, there, smallest=SMALLEST)
        self.live: dict[int, Connection] = {}
        self.wanted = 1

    def take(self, number: int) -> bool:
        if number in self.live:
            return False
        segment = self.segments.take(self.wanted)
        if segment is None:
            return False
        self.live[number] = Connection(segment, segment.start)
        self.check()
        return True

    def receive(self, number: int, length: int, *, lost: bool = False, late: bool = False) -> None:
        """Bytes come in, at most to the end of the file.

        `lost`: they never reach the disk. `late`: they do so when the next ones come.
        """
        one = self.live.get(number)
        if one is None:
            return
        self.write(number)
        if number not in self.live:
            return
        length = min(length, max(0, self.size - one.position))
        one.held = self.segments.claim(one.segment, length)
        assert 0 <= one.held <= length
        if lost:
            self.drop(number)
        elif not late:
            self.write(number)
        self.check()

    def write(self, number: int) -> None:
        """Put on disk what was claimed."""
        one = self.live[number]
        start, end = one.position, one.position + one.held
        count, one.held = one.held, 0
        fresh = self.there.add(start, end)
        assert fresh == count, f"[{start}, {end}) was there in part already"
        assert self.segments.written(start, end) == count
        one.position = end
        if self.segments.is_at_end(one.segment):
            self.drop(number)

    def drop(self, number: int) -> None:
        one = self.live.pop(number, None)
        if one is not None:
            self.segments.give_back(one.segment)

    def learn(self) -> None:
        self.segments.learn_size(self.size)
        self.check()

    def add_connections(self, count: int) -> None:
        self.wanted = count
        self.segments.shorten(count)
        self.check()

    def check(self) -> None:
        """No two live segments may still claim the same byte, nor one that is on disk."""
        still = RangeSet()
        for one in self.live.values():
            end = self.size if one.segment.end is None else one.segment.end
            end = max(end, one.position + one.held)
            if end > one.position:
                span = end - one.position
                assert still.add(one.position, end) == span, "two segments overlap"
                assert end <= self.size
        for start, end in self.segments.done:
            for low, high in still:
                assert max(start, low) >= min(end, high), "a segment is on disk already"
        assert self.segments.done == self.there

    def finish(self) -> int:
        """All connections work on in good order; the number of segments that it took."""
        taken = 0
        for _ in range(10_000):
            if self.segments.is_complete and not self.live:
                return taken
            for number in range(self.wanted):
                taken += self.take(number)
            for number in list(self.live):
                self.receive(number, 1 * MB)
                one = self.live.get(number)
                if one is not None and one.position >= self.size:
                    self.learn()  # the body ended
                    self.drop(number)
        raise AssertionError("it does not come to an end")


steps = st.lists(
    st.tuples(
        st.sampled_from(["take", "receive", "late", "lost", "drop", "learn", "connections"]),
        st.integers(0, MOST - 1),
        st.integers(0, 8 * MB),
    ),
    max_size=60,
)
sizes = st.integers(0, 64 * MB)
here = st.lists(st.tuples(st.integers(0, 64 * MB), st.integers(0, 64 * MB)), max_size=4)


@given(sizes, here, st.booleans(), steps)
@example(  # shortened while bytes are on their way to the disk
    64 * MB, [], True, [("take", 0, 0), ("late", 0, MB), ("connections", 3, 0), ("take", 1, 0)]
)
@example(  # its tail taken by another meanwhile
    64 * MB, [], True, [("take", 0, 0), ("late", 0, MB), ("take", 1, 0), ("receive", 0, 64 * MB)]
)
@settings(deadline=None, max_examples=200)
def test_every_byte_comes_once_whatever_the_connections_do(size, done, knows_size, actions):
    simulation = Simulation(size, done, knows_size=knows_size)
    for action, number, amount in actions:
        match action:
            case "take":
                simulation.take(number)
            case "receive":
                simulation.receive(number, amount)
            case "late":
                simulation.receive(number, amount, late=True)
            case "lost":
                simulation.receive(number, amount, lost=True)
            case "drop":
                simulation.drop(number)
            case "learn":
                simulation.learn()
            case "connections":
                simulation.add_connections(1 + number)
    simulation.finish()
    assert simulation.segments.done.covers(0, size)
    assert simulation.there.total == size
    assert simulation.segments.take(simulation.wanted) is None


@given(st.integers(1, 512 * MB), st.integers(1, MOST))
@settings(deadline=None, max_examples=25)
def test_few_requests_and_the_front_first(size, connections):
    simulation = Simulation(size, [], knows_size=True)
    simulation.wanted = connections
    starts = []
    for number in range(connections):
        if simulation.take(number):
            starts.append(simulation.live[number].segment.start)
    assert starts[0] == 0
    taken = len(starts) + simulation.finish()
    assert taken <= (1 if connections == 1 else connections * 24), taken


def test_one_connection_gets_the_whole_gap():
    segments = Segments(100 * MB, RangeSet([(10 * MB, 20 * MB)]), smallest=SMALLEST)
    first = segments.take(1)
    assert first is not None
    assert (first.start, first.end) == (0, 10 * MB)
    segments.claim(first, 10 * MB)
    segments.written(0, 10 * MB)
    segments.give_back(first)
    second = segments.take(1)
    assert second is not None
    assert (second.start, second.end) == (20 * MB, 100 * MB)


def test_without_a_size_there_is_one_connection_from_where_the_file_has_no_gap():
    segments = Segments(None, RangeSet([(0, 5), (9, 12)]), smallest=SMALLEST)
    first = segments.take(4)
    assert first is not None
    assert (first.start, first.end) == (5, None)
    assert segments.take(4) is None
    assert not segments.is_complete
    segments.learn_size(100)
    assert first.end == 100
    assert segments.claim(first, 1000) == 95


def test_a_segment_that_was_cut_claims_no_byte_of_the_other():
    segments = Segments(100 * MB, RangeSet(), smallest=SMALLEST)
    slow = segments.take(1)
    assert slow is not None
    assert segments.claim(slow, 10) == 10
    helper = segments.take(1)
    assert helper is not None
    assert helper.start == slow.end
    assert segments.claim(slow, 200 * MB) == helper.start - 10
    assert segments.is_at_end(slow)


def test_a_reset_forgets_all():
    segments = Segments(10 * MB, RangeSet([(0, 4 * MB)]), smallest=SMALLEST)
    assert segments.take(2) is not None
    segments.reset()
    again = segments.take(1)
    assert again is not None
    assert again.start == 0
    assert segments.done.total == 0


def test_an_empty_file_is_complete_and_needs_no_connection():
    segments = Segments(0, RangeSet(), smallest=SMALLEST)
    assert segments.is_complete
    assert segments.take(4) is None


def test_real_threads_bring_every_byte_once():
    size = 48 * MB
    segments = Segments(size, RangeSet([(3 * MB, 5 * MB)]), smallest=SMALLEST)
    writes: list[tuple[int, int]] = []
    chance = random.Random(4)

    def connection() -> None:
        while (segment := segments.take(8)) is not None:
            position = segment.start
            while not segments.is_at_end(segment) and chance.random() > 0.01:
                count = segments.claim(segment, 40_000)
                writes.append((position, position + count))
                segments.written(position, position + count)
                position += count
            segments.give_back(segment)

    while not segments.is_complete:
        threads = [threading.Thread(target=connection) for _ in range(8)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
    assert sum(end - start for start, end in writes) == size - 2 * MB
    assert RangeSet(writes).total == size - 2 * MB
