"""Bytes and times as people read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowtui.text import quantities


@given(st.integers(0, 10**17))
def test_sizes_in_words_are_short_and_near(count: int):
    number, unit = quantities.size(count).split()
    scale = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "PB": 1e15}[unit]
    assert abs(float(number) * scale - count) <= 0.05 * scale + (0.5 if unit == "B" else 0)
    assert len(number) <= 5


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 B"), (1, "1 B"), (999, "999 B"), (1000, "1.0 kB"), (999_999, "1.0 MB"),
        (12_400_000_000, "12.4 GB"), (5 * 10**15, "5.0 PB"),
    ],
)  # fmt: skip
def test_sizes_in_words(count: int, words: str):
    assert quantities.size(count) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "1 s"), (0.4, "1 s"), (38, "38 s"), (119, "119 s"), (120, "2 min"), (720, "12 min"),
        (7200, "2 h"), (172_799, "48 h"), (777_600, "9 days"), (86_400_000, "more than a year"),
    ],
)  # fmt: skip
def test_waits_in_words(seconds: float, words: str):
    assert quantities.wait(seconds) == words


@pytest.mark.parametrize(
    ("count", "words"), [(0, ""), (1, "a"), (3, "a, b, c"), (4, "a, b, c and 1 more")]
)
def test_names_are_few_and_the_others_counted(count: int, words: str):
    assert quantities.named("abcd"[:count], 3) == words
