"""Widths, cuts and tables."""

from hypothesis import given
from hypothesis import strategies as st

from flowtui.text.columns import fit, pad, table, width


def test_wide_and_combining_characters_count_their_cells() -> None:
    assert width("abc") == 3
    assert width("肝臓") == 4
    assert width("e\u0301") == 1


def test_a_long_name_keeps_its_start_and_its_ending() -> None:
    assert fit("a_very_long_sample_name_R1.fastq.gz", 20) == "a_very_lon….fastq.gz"


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
