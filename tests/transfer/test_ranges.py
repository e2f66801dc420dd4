"""Sets of ranges, against plain sets of numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowtui.transfer.disk.ranges import RangeSet

SIZE = 40
ranges = st.tuples(st.integers(0, SIZE), st.integers(0, SIZE))
many = st.lists(ranges, max_size=12)


def numbers(pairs: list[tuple[int, int]]) -> set[int]:
    return {n for start, end in pairs for n in range(start, end)}


def content(one: RangeSet) -> set[int]:
    return numbers(list(one))


@given(many)
def test_adding_is_a_union_and_tells_what_is_new(pairs: list[tuple[int, int]]):
    one = RangeSet()
    there: set[int] = set()
    for start, end in pairs:
        fresh = numbers([(start, end)]) - there
        assert one.add(start, end) == len(fresh)
        there |= fresh
        assert content(one) == there
        assert one.total == len(there)


@given(many)
def test_ranges_are_in_order_and_never_touch(pairs: list[tuple[int, int]]):
    listed = list(RangeSet(pairs))
    assert all(start < end for start, end in listed)
    assert all(a[1] < b[0] for a, b in zip(listed, listed[1:], strict=False))
    assert len(RangeSet(pairs)) == len(listed)


@given(many, st.integers(0, SIZE + 5))
def test_gaps_are_what_is_missing_from_the_front(pairs: list[tuple[int, int]], size: int):
    gaps = list(RangeSet(pairs).gaps(size))
    assert numbers(gaps) == set(range(size)) - numbers(pairs)
    assert gaps == sorted(gaps)
    assert all(start < end for start, end in gaps)


@given(many, st.integers(0, SIZE + 5))
def test_clipping_forgets_what_lies_behind(pairs: list[tuple[int, int]], size: int):
    one = RangeSet(pairs)
    one.clip(size)
    assert content(one) == {n for n in numbers(pairs) if n < size}
    assert one.total == len(content(one))


@given(many, ranges)
def test_covers_prefix_and_equality(pairs: list[tuple[int, int]], asked: tuple[int, int]):
    one, there = RangeSet(pairs), numbers(pairs)
    assert one.covers(*asked) == (numbers([asked]) <= there)
    assert one.prefix == next(n for n in range(SIZE + 2) if n not in there)
    assert one == RangeSet(sorted(pairs, reverse=True))


@given(many, ranges)
def test_a_copy_is_on_its_own(pairs: list[tuple[int, int]], more: tuple[int, int]):
    one = RangeSet(pairs)
    other = one.copy()
    other.add(*more)
    assert content(one) == numbers(pairs)
    assert content(other) == numbers([*pairs, more])


def test_a_negative_start_is_refused_and_an_empty_range_adds_nothing():
    one = RangeSet()
    with pytest.raises(ValueError, match="0 or later"):
        one.add(-1, 5)
    assert one.add(5, 5) == one.add(7, 3) == 0
    assert (list(one), one.total, one.prefix) == ([], 0, 0)


def test_one_may_be_changed_while_it_is_gone_through():
    one = RangeSet([(0, 1), (4, 5), (8, 9)])
    for start, end in one:
        one.add(start, end + 1)
    assert list(one) == [(0, 2), (4, 6), (8, 10)]
