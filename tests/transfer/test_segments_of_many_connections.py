"""Who fetches which bytes: all are fetched, none twice, whatever the order of events."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from flowtui.timings import Timings
from flowtui.transfer.disk.ranges import RangeSet
from flowtui.transfer.fetch.segments import SHARE, STALLED, Segment, Segments

SMALLEST = Timings().smallest_segment


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@settings(max_examples=80, deadline=None)
@given(
    size=st.integers(0, 200 << 20),
    there=st.lists(st.tuples(st.integers(0, 200 << 20), st.integers(1, 30 << 20)), max_size=4),
    seed=st.integers(0, 1 << 30),
)
def test_every_byte_is_claimed_once_whatever_connections_come_and_go(size, there, seed):
    chance = random.Random(seed)
    clock = Clock()
    done = RangeSet((a, a + n) for a, n in there)
    done.clip(size)
    missing = size - done.total
    segments = Segments(size, done, clock, smallest=SMALLEST)
    at_work: list[Segment] = []
    connections = 1
    for _ in range(20_000):
        if segments.is_complete:
            break
        clock.now += chance.choice([0.0, 0.01, 0.5])
        what = chance.random()
        if what < 0.02:
            connections = chance.choice([1, 4, 16])
            segments.shorten(connections)
        if what < 0.05 and at_work:
            segments.cut(chance.choice(at_work))
        if len(at_work) < connections:
            one = segments.take(connections)
            assert one is not None or at_work
            if one is not None:
                at_work.append(one)
        if not at_work:
            continue
        one = chance.choice(at_work)
        length = chance.choice([1 << 16, 1 << 20, 8 << 20])
        position = one.claimed
        count = segments.claim(one, length)
        assert segments.written(position, position + count) == count  # none of it was there
        if segments.is_at_end(one) or chance.random() < 0.02:
            segments.give_back(one)
            at_work = [other for other in at_work if other is not one]
    else:
        raise AssertionError("it never ends")
    assert segments.fetched == missing
    assert not segments.has_more


def test_pieces_come_from_the_front_and_get_smaller():
    segments = Segments(1 << 30, RangeSet(), smallest=SMALLEST)
    taken = []
    while (one := segments.take(16)) is not None:
        count = segments.claim(one, 1 << 30)
        segments.written(one.start, one.start + count)
        segments.give_back(one)
        taken.append((one.start, count))
    assert [start for start, _ in taken] == sorted(start for start, _ in taken)
    lengths = [length for _, length in taken]
    assert lengths[0] == int(SHARE * (1 << 30)) // 16
    assert all(a >= b for a, b in zip(lengths, lengths[1:], strict=False))
    assert len(taken) <= 120


def test_a_small_rest_is_taken_over_only_when_its_connection_has_stalled():
    clock = Clock()
    segments = Segments(SMALLEST // 2, RangeSet(), clock, smallest=SMALLEST)
    one = segments.take(4)
    assert one is not None
    assert segments.claim(one, 1000) == 1000
    assert segments.take(4) is None
    clock.now += STALLED + 0.1
    assert segments.has_more
    other = segments.take(4)
    assert other is not None
    assert (other.start, other.end) == (1000, SMALLEST // 2)
    assert segments.claim(one, 1 << 20) == 0  # when it comes back, nothing is left for it
    assert segments.is_at_end(one)
