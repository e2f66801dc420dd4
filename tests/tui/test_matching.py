"""What is typed into a filter, and which names fit."""

from __future__ import annotations

import pytest

from flowtui.tui.matching import Wanted, wanted_of

EXACT = [
    ("", "anything", True),
    ("liver", "Liver_rep1_R1.fastq.gz", True),
    ("LIVER", "liver_rep1", True),
    ("r2 liver", "liver_rep1_R2.fastq.gz", True),
    ("r2 liver", "liver_rep1_R1.fastq.gz", False),
    ("lvr1", "liver_rep1", False),
    ("!r2", "liver_rep1_R2", False),
    ("!r2", "liver_rep1_R1", True),
    ("! r2 liver", "brain_rep1_R2", True),
    ("!", "anything", True),  # what it begins is still to come
    ("*.fastq.gz", "liver_R1.FASTQ.gz", True),
    ("*.fastq.gz", "liver_R1.fastq.gz.md5", False),
    ("liver*r?.*", "liver_rep_R1.fastq", True),
    ("liver*r?.*", "liver_rep_R12.fastq", False),
    ("guide_00??", "guide_0012", True),
    ("guide_00??", "guide_012", False),
    ("*a*a*", "a", False),
    ("*ab*ba", "aba", False),
    ("*", "", True),
    ("rep *.bam", "rep1.bam", True),
    ("!*.bam", "rep1.bam", False),
    ("straße", "STRASSE", True),
]


@pytest.mark.parametrize(("typed", "name", "fits"), EXACT)
def test_a_name_fits_that_has_all_words_or_with_a_mark_before_them_lacks_one(
    typed: str, name: str, fits: bool
) -> None:
    assert wanted_of(typed).fits(name) is fits


LOOSE = [
    ("lvr1", "liver_rep1", "[l]i[v]er_[r]ep[1]"),
    ("rep", "liver_rep1", "liver_[rep]1"),
    ("lr1", "lll_liver_r1", "lll_[l]iver_[r1]"),
    ("r1 lv", "liver_rep_r1", "[l]i[v]er_rep_[r1]"),
    ("lz", "liver", None),
    ("ab", "a_very_long_b", None),
]


@pytest.mark.parametrize(("typed", "name", "lit"), LOOSE)
def test_loosely_letters_in_their_order_and_near_each_other_do(
    typed: str, name: str, lit: str | None
) -> None:
    wanted = wanted_of(typed).loosely()
    assert wanted.fits(name) is (lit is not None)
    if lit is not None:
        assert _lit(wanted, name) == lit


@pytest.mark.parametrize(
    ("typed", "name", "lit"),
    [
        ("rep r1", "a_rep1_R1", "a_[rep]1_[R1]"),
        ("ep re", "rep", "[rep]"),
        ("!rep", "rep", "rep"),
        ("ss", "straße_ss", "straße_ss"),  # which letter stands for which is not known
    ],
)
def test_what_fits_is_lit(typed: str, name: str, lit: str) -> None:
    assert _lit(wanted_of(typed), name) == lit


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        ("R1 liver", "liver"),
        ("*.fastq.gz", ".fastq.gz"),
        ("*", ""),
        ("!liver", ""),
        ("", ""),
        ("Ab", "ab"),
    ],
)
def test_a_server_is_asked_for_the_longest_word(typed: str, asked: str) -> None:
    assert wanted_of(typed).asked == asked


def _lit(wanted: Wanted, name: str) -> str:
    for start, end in reversed(wanted.places(name)):
        name = f"{name[:start]}[{name[start:end]}]{name[end:]}"
    return name
