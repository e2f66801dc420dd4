"""Widths, cuts and tables."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowtui.text.columns import column, fit, pad, table, width


def test_wide_and_combining_characters_count_their_cells() -> None:
    assert width("abc") == 3
    assert width("肝臓") == 4
    assert width("e\u0301") == 1


def test_a_long_name_keeps_its_start_and_its_ending() -> None:
    assert fit("a_very_long_sample_name_R1.fastq.gz", 20) == "a_very_lon….fastq.gz"


@pytest.mark.parametrize(
    ("cells", "ending", "cut"),
    [
        (20, 6, "sample_with_a…stq.gz"),
        (20, 16, "sam…ng_name.fastq.gz"),
        (20, 0, "sample_with_a_long_…"),
        (20, 99, "…_long_name.fastq.gz"),
        (7, None, "sample…"),  # too few for both ends
        (1, None, "s"),
        (0, None, ""),
    ],
)
def test_how_much_of_the_ending_is_kept_is_for_the_caller_to_say(
    cells: int, ending: int | None, cut: str
) -> None:
    assert fit("sample_with_a_long_name.fastq.gz", cells, ending=ending) == cut


@pytest.mark.parametrize(
    ("text", "cells", "cut"),
    [("abc", 5, "abc  "), ("abc", 0, ""), ("肝臓肝臓肝臓", 9, "肝臓肝…臓")],
)
def test_a_column_has_exactly_its_cells(text: str, cells: int, cut: str) -> None:
    assert column(text, cells) == cut


@given(st.text(), st.integers(0, 40), st.integers(0, 50))
def test_a_column_is_never_wider_or_narrower(text: str, cells: int, ending: int) -> None:
    assert width(column(text, cells, ending=ending)) == cells


def test_names_in_ascii_load_no_tables_of_widths() -> None:
    """`flowtui status` is to answer at once."""
    program = (
        "import sys; from flowtui.text.columns import fit, table;"
        "table(('NAME',), [('a' * 99,)]); fit('a' * 99, 20); fit('a' * 99, 20, more='...');"
        "print('rich' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ran.stdout == "False\n", ran.stderr


@given(st.text(), st.integers(1, 40))
def test_fit_never_takes_more_cells_than_it_may(text: str, cells: int) -> None:
    assert width(fit(text, cells)) <= cells


@given(st.text(), st.integers(0, 40))
def test_what_fits_is_left_alone(text: str, more: int) -> None:
    assert fit(text, width(text) + more) == text


def test_a_table_lines_up_wide_names_and_flushes_numbers() -> None:
    lines = table(("REF", "SIZE", "NAME"), [("data/1", "9 B", "肝"), ("data/22", "10.0 MB", "x")],
                  right=(1,))  # fmt: skip
    assert lines == [
        "REF         SIZE  NAME",
        "data/1       9 B  肝",
        "data/22  10.0 MB  x",
    ]


def test_pad_at_either_side() -> None:
    assert (pad("肝", 4), pad("肝", 4, right=True)) == ("肝  ", "  肝")
