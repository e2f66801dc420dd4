"""Names from the server: whatever they hold, what reaches the file system is harmless."""

from __future__ import annotations

import os
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flowtui.transfer.disk.names import (
    JOURNAL,
    MAX_BYTES,
    PART,
    numbered,
    safe_name,
    safe_path,
    same_name,
    split_endings,
)

ANY = st.text(st.characters(codec=None, exclude_categories=()), max_size=120)
"""Lone surrogates too: JSON can carry them."""

PIECES = ["..", ".", "/", "\\", "\x00", "\n", "\x1b]0;x\x07", "~", PART, JOURNAL, ".PART", " ",
          "\u202e", "\ud800", "e\u0301", "é", "A" * 100, "ß", ".gz", "reads"]  # fmt: skip
NASTY = st.lists(st.sampled_from(PIECES), max_size=8).map("".join)

HOSTILE = {
    "../../x": ".._.._x",
    "/etc/x": "_etc_x",
    "a\x1b]0;x\x07b": "a_]0;x_b",
    "[red]x[/red]": "[red]x[_red]",
    "e\u0301.txt": "é.txt",
    "two\nlines": "two_lines",
    "a\\b": "a_b",
    "nul\x00": "nul_",
    "x.part": "x.part_",
    "x.PART": "x.PART_",
    "x.part.journal": "x.part.journal_",
    "x.Part.Journal": "x.Part.Journal_",
    "x.part.journal~": "x.part.journal~_",
    "rtl\u202egpj.exe": "rtl_gpj.exe",
    "\ud800x": "_x",
    "": "_",
    " ": "_",
    ".": "_",
    "..": "__",
    "...": "___",
    " .. ": "__",
    " padded ": "padded",
    ".hidden": ".hidden",
}


def is_harmless(name: str) -> bool:
    return (
        name not in ("", ".", "..")
        and not set(name) & set("/\\\x00")
        and not any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in name)
        and len(name.encode()) <= MAX_BYTES
        and name == name.strip()
        and unicodedata.is_normalized("NFC", name)
    )


@pytest.mark.parametrize(("name", "safe"), HOSTILE.items(), ids=ascii)
def test_hostile_names(name: str, safe: str):
    assert safe_name(name) == safe


@given(ANY | NASTY)
@example("x" * 300)
@example("é" * 300)
@example("x" * 215 + PART)
@example("x" * 216 + ".part.journal~")
@example("x" * 300 + ".fastq.gz")
@example("\U0001f9ec" * 100)
def test_what_comes_out_is_harmless_and_stays_as_it_is(name: str):
    safe = safe_name(name)
    assert is_harmless(safe), ascii(safe)
    assert safe_name(safe) == safe
    assert safe_name(name) == safe


@given(ANY | NASTY)
def test_no_name_is_that_of_an_unfinished_file_of_ours(name: str):
    """Not its own and not another file's, whatever number it gets."""
    for made in (safe_name(name), numbered(safe_name(name), 2), numbered(safe_name(name), 31)):
        assert not same_name(made).endswith((PART, JOURNAL, JOURNAL + "~"))


@given(ANY | NASTY, st.integers(1, 9999))
def test_with_its_number_and_our_endings_a_name_still_fits(name: str, number: int):
    made = numbered(safe_name(name), number) + JOURNAL + "~"
    assert len(os.fsencode(made)) <= 255


@given(ANY | NASTY, st.lists(ANY | NASTY, max_size=3))
def test_a_path_stays_inside(name: str, folder: list[str]):
    parts = safe_path(tuple(folder), name)
    assert len(parts) > len(folder)
    assert all(is_harmless(one) for one in parts)


def test_a_path_of_an_output_keeps_its_folders_and_drops_what_leads_out():
    assert safe_path(("executions", "4"), "results/a/x.tsv")[2:] == ("results", "a", "x.tsv")
    assert safe_path(("data",), "../../x") == ("data", "x")
    assert safe_path(("data",), "/etc/x") == ("data", "etc", "x")
    assert safe_path(("a/b", ".."), "x//./y/") == ("a_b", "__", "x", "y")
    assert safe_path(("data",), "..") == safe_path(("data",), "") == ("data", "_")


def test_long_names_stay_apart_and_keep_their_endings():
    one, other = "x" * 300 + "1.fastq.gz", "x" * 300 + "2.fastq.gz"
    assert safe_name(one) != safe_name(other)
    assert safe_name(one).endswith(".fastq.gz")
    assert safe_name(one).startswith("x" * 180)


@given(ANY | NASTY, st.integers(2, 500), st.integers(2, 500))
def test_numbers_make_names_differ(name: str, one: int, other: int):
    safe = safe_name(name)
    assert numbered(safe, 1) == safe
    assert (numbered(safe, one) == numbered(safe, other)) == (one == other)
    assert numbered(safe, one) != safe


def test_the_number_stands_before_the_endings():
    assert numbered("reads.fastq.gz", 2) == "reads~2.fastq.gz"
    assert numbered("reads", 3) == "reads~3"
    assert numbered(".hidden", 2) == ".hidden~2"
    assert numbered("v1.2.final report", 2) == "v1.2.final report~2"


@given(ANY | NASTY)
def test_stem_and_endings_are_the_name(name: str):
    stem, endings = split_endings(name)
    assert stem + endings == name
    assert stem or not name


def test_endings_are_short_and_two_at_most():
    assert split_endings("a.b.c.d") == ("a.b", ".c.d")
    assert split_endings("a.thisisfartoolong") == ("a.thisisfartoolong", "")
    assert split_endings(".gz") == (".gz", "")


@given(st.text(max_size=40))
@example("\u0390")  # its capital has no single character of its own
@example("ǰ.txt")
@example("Straße")
def test_what_differs_in_case_or_form_only_is_one_name(name: str):
    """Where a file system folds case or form, these would be one file."""
    for other in (
        name.casefold(),
        unicodedata.normalize("NFD", name),
        unicodedata.normalize("NFC", name),
        unicodedata.normalize("NFD", name.casefold()),
    ):
        assert same_name(other) == same_name(name)


def test_a_capital_of_several_characters_is_the_same_name():
    assert same_name("Ϊ́") == same_name("ΐ")
    assert same_name("A") != same_name("B")
