"""`samples.tsv` as text: rows and columns come, change, and keep what people made of them."""

from __future__ import annotations

import csv
import io

import pytest

from flowtui.sheets import sample_table
from flowtui.sheets.sample_table import BASE, SampleFacts, UnfitTable, is_ours, merged


def liver(ref: str = "sample/34", **metadata: str) -> SampleFacts:
    return SampleFacts(ref, {"name": "liver", "organism": "Human"}, metadata)


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter="\t"))


def test_a_new_table_has_a_column_for_each_attribute_of_any_sample() -> None:
    text = merged("", [liver(Tissue="liver"), liver("sample/5", Age="7")])
    assert text.splitlines()[0].split("\t") == [*BASE, "Tissue", "Age"]
    assert [(row["ref"], row["Tissue"], row["Age"]) for row in rows(text)] == [
        ("sample/34", "liver", ""), ("sample/5", "", "7"),
    ]  # fmt: skip
    assert is_ours(text)


def test_the_same_again_changes_nothing() -> None:
    text = merged("", [liver(Tissue="liver"), liver("sample/5", Age="7")])
    assert merged(text, [liver("sample/5", Age="7"), liver(Tissue="liver")]) == text


def test_what_changed_on_flow_changes_and_what_somebody_added_stays() -> None:
    mine = (
        "mine\tTissue\tname\tref\tnote\n"
        "x\tliver\told\tsample/34\tkeep me\n"
        "y\t\tcontrol\tnone\tmy own row\n"
        "z\t\tsame\tsample/34\tdoubled\n"
    )
    text = merged(mine, [liver(Tissue="hepar"), liver("sample/5")])
    assert text.splitlines()[0].split("\t")[:5] == ["mine", "Tissue", "name", "ref", "note"]
    found = [
        [row[name] for name in ("mine", "Tissue", "name", "ref", "note")] for row in rows(text)
    ]
    assert found == [
        ["x", "hepar", "liver", "sample/34", "keep me"],
        ["y", "", "control", "none", "my own row"],
        ["z", "", "same", "sample/34", "doubled"],
        ["", "", "liver", "sample/5", ""],
    ]
    assert merged(text, []) == text


def test_a_value_that_flow_has_not_is_left_to_who_wrote_it() -> None:
    mine = "ref\tname\tSex\tBatch\nsample/34\tliver\tF\t2\n"
    text = merged(mine, [liver(Sex="")])
    (row,) = rows(text)
    assert (row["Sex"], row["Batch"]) == ("F", "2")


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("a\tb\r\nc", "a b c"),
        ('5\'-"cap"', '5\'-"cap"'),
        ('"quoted', '"quoted'),
        ("=1+1", "=1+1"),
        ("-80", "-80"),
        ("\x1b[31mred", "[31mred"),
        ("a\u2028b\x85c", "a b c"),
        ("\u202etxt.exe", "txt.exe"),
        ("\ud800", "?"),
        ("Größe µ", "Größe µ"),
    ],
)
def test_a_value_stays_on_its_line_and_is_read_as_it_was(value: str, kept: str) -> None:
    text = merged("", [liver(Note=value), liver("sample/5")])
    assert [row["Note"] for row in rows(text)] == [kept, ""]
    assert len(text.splitlines()) == 3
    assert merged(text, [liver(Note=value)]) == text


def test_an_attribute_that_is_called_as_a_column_of_ours_has_one_of_its_own() -> None:
    metadata = {"organism": "Mouse", "ref": "x", "name": "y"}
    (row,) = rows(merged("", [SampleFacts("sample/34", liver().facts, metadata)]))
    assert (row["organism"], row["ref"], row["name"]) == ("Human", "sample/34", "liver")
    assert (row["organism (metadata)"], row["ref (metadata)"]) == ("Mouse", "x")


def test_what_a_spreadsheet_saved_is_read() -> None:
    text = merged("", [liver(Tissue='a "b"')])
    saved = "\ufeff" + text.replace("\n", "\r\n")
    assert is_ours(saved)
    assert merged(saved, [liver("sample/5")]) == merged(text, [liver("sample/5")])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sample\tunits\nliver\t1\n", "another table"),
        ('ref\tname\n"open\tx\n', "cannot be read"),
        ("ref\tname\n" + "x" * 200_000 + "\ty\n", "cannot be read"),
    ],
)
def test_another_table_is_refused(text: str, words: str) -> None:
    with pytest.raises(UnfitTable, match=words):
        merged(text, [liver()])


def test_attributes_without_end_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample_table, "MOST_CELLS", 100)
    with pytest.raises(UnfitTable, match="more than 100 values"):
        merged("", [liver(f"sample/{n}", **{f"a{n}": "x"}) for n in range(20)])
    long = merged("", [liver(Note="x" * 200_000)])
    assert len(long) < 101_000
    assert merged(long, [liver(Note="x" * 200_000)]) == long
