"""The journal: never more than what was noted, however it was cut, and little less."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from flowtui.system.boot import this_boot
from flowtui.system.files import UnfitFile
from flowtui.system.shared_folder import Folder
from flowtui.transfer.disk import journal
from flowtui.transfer.disk.journal import Journal
from flowtui.transfer.disk.ranges import RangeSet
from flowtui.transfer.identity import Identity

identities = st.builds(
    Identity,
    key=st.text(max_size=20),
    size=st.none() | st.integers(0, 1 << 62),
    md5=st.none() | st.text("0123456789abcdef", min_size=32, max_size=32),
    etag=st.none() | st.text(max_size=10).map(lambda text: f'"{text}"'),
    modified=st.none() | st.text(max_size=10),
)
spans = st.tuples(st.integers(0, 1000), st.integers(0, 1000)).map(lambda p: (min(p), max(p) + 1))
notes = st.lists(st.tuples(st.sampled_from(["written", "flushed"]), spans), max_size=12)


def write(file: Path, identity: Identity, noted) -> tuple[RangeSet, RangeSet]:
    """A journal with these notes; what was written and what was flushed, by them."""
    file.unlink(missing_ok=True)
    written, flushed = RangeSet(), RangeSet()
    one = Journal(file)
    one.begin(identity, RangeSet(), RangeSet())
    for kind, (start, end) in noted:
        if kind == "written":
            one.written(start, end)
            written.add(start, end)
        else:
            one.flushed(RangeSet([(start, end)]))
            flushed.add(start, end)
    one.close()
    return written, flushed


def both(one: RangeSet, other: RangeSet) -> RangeSet:
    return RangeSet([*one, *other])


def is_within(one: RangeSet, other: RangeSet) -> bool:
    return all(other.covers(start, end) for start, end in one)


fixture_ok = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@given(identities, notes)
@fixture_ok
def test_what_was_noted_is_read(tmp_path: Path, identity: Identity, noted):
    written, flushed = write(tmp_path / "j", identity, noted)
    assert journal.read(tmp_path / "j") == (identity, both(written, flushed))


@given(identities, notes)
@fixture_ok
def test_another_boot_believes_what_was_flushed_only(tmp_path: Path, identity: Identity, noted):
    _, flushed = write(tmp_path / "j", identity, noted)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal, "this_boot", lambda: "another host, another boot")
        assert journal.read(tmp_path / "j") == (identity, flushed)


@given(
    identities,
    st.lists(st.tuples(st.sampled_from(["written", "flushed"]), spans), min_size=1, max_size=5),
)
@settings(parent=fixture_ok, max_examples=8)
def test_cut_anywhere_it_says_a_part_of_what_was_noted(tmp_path: Path, identity, noted):
    """And all of what stood in whole lines before the cut."""
    file = tmp_path / "j"
    write(file, identity, noted)
    whole = file.read_bytes()
    for cut in reversed(range(len(whole))):
        os.truncate(file, cut)
        found = journal.read(file)
        lines = whole[:cut].count(b"\n")
        if lines == 0 and cut < whole.index(b"\n"):
            assert found is None
            continue
        assert found is not None
        assert found[0] == identity
        kept = max(0, lines - 2)  # the head, and the first line of what is flushed
        assert is_within(RangeSet(span for _, span in noted[:kept]), found[1])
        assert is_within(found[1], RangeSet(span for _, span in noted[: kept + 1]))


@given(identities, notes.filter(bool), st.data())
@fixture_ok
def test_lines_that_follow_a_cut_one_are_read(tmp_path: Path, identity: Identity, noted, data):
    """A full disk may cut a line in the middle and take the next one whole again."""
    file = tmp_path / "j"
    written, flushed = write(file, identity, noted)
    whole = file.read_bytes()
    last = len(whole) - len(whole.splitlines(keepends=True)[-1])
    cut = data.draw(st.integers(last, len(whole) - 1))
    file.write_bytes(whole[:cut])
    one = Journal(file)
    one.written(5000, 5001)
    one.flushed(RangeSet([(6000, 6001)]))
    one.close()
    found = journal.read(file)
    assert found is not None
    assert is_within(found[1], both(both(written, flushed), RangeSet([(5000, 5001), (6000, 6001)])))
    assert found[1].covers(6000, 6001)


@given(identities, notes, identities, notes)
@fixture_ok
def test_begun_anew_it_says_what_it_was_told_and_nothing_else(
    tmp_path: Path, old: Identity, before, identity: Identity, noted
):
    file = tmp_path / "j"
    write(file, old, before)
    flushed = RangeSet(span for kind, span in noted if kind == "flushed")
    written = RangeSet(span for kind, span in noted if kind == "written")
    one = Journal(file)
    one.begin(identity, flushed, written)
    one.written(7000, 7001)
    one.close()
    assert journal.read(file) == (identity, both(both(flushed, written), RangeSet([(7000, 7001)])))
    assert [p.name for p in tmp_path.iterdir()] == ["j"]


def test_it_says_when_it_is_long_and_is_short_when_begun_anew(tmp_path: Path):
    one = Journal(tmp_path / "j")
    one.begin(Identity("k"), RangeSet(), RangeSet())
    there = RangeSet()
    while not one.is_long:
        start = there.total
        one.written(start, start + 1000)
        there.add(start, start + 1000)
        assert (tmp_path / "j").stat().st_size < 2 * journal.COMPACT_ABOVE
    one.begin(Identity("k"), RangeSet(), there)
    assert not one.is_long
    one.close()
    assert (tmp_path / "j").stat().st_size < 1000
    assert journal.read(tmp_path / "j") == (Identity("k"), there)


def test_a_renewal_that_fails_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    one = Journal(tmp_path / "j")
    one.begin(Identity("old"), RangeSet(), RangeSet([(0, 5)]))

    def full(self: Folder, name: str, new: str) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Folder, "rename", full)
        with pytest.raises(OSError, match="No space"):
            one.begin(Identity("new"), RangeSet(), RangeSet())
    one.written(5, 9)
    one.close()
    assert journal.read(tmp_path / "j") == (Identity("old"), RangeSet([(0, 9)]))
    assert [p.name for p in tmp_path.iterdir()] == ["j"]


HEAD = {"flowtui": 1, "key": "k", "size": 9, "md5": None, "etag": None, "modified": None}


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\n",
        b"rubbish",
        b"[]",
        b"5",
        b"{}",
        b'{"flowtui": 2, "key": "k"}',
        b'{"flowtui": 1}',
        b"\xff\xfe",
        b"[" * 100_000,
        *(json.dumps({**HEAD, **wrong}).encode() for wrong in (
            {"key": 5}, {"key": None}, {"size": "9"}, {"size": -1}, {"size": 1.5}, {"size": True},
            {"md5": 7}, {"etag": ["x"]}, {"modified": {}},
        )),
    ],
    ids=lambda head: repr(head[:40]),
)  # fmt: skip
def test_a_head_that_is_none_of_ours_is_no_journal(tmp_path: Path, head: bytes):
    (tmp_path / "j").write_bytes(head + b'\n{"f":[[0,5]]}\n')
    assert journal.read(tmp_path / "j") is None


@given(
    st.binary(max_size=60).filter(lambda line: b"\n" not in line)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["w", "f", "x"]), inner, max_size=3)
        ),
    ).map(lambda value: json.dumps(value).encode())
)
@example(b'{"w":[0,Infinity]}')
@example(b'{"w":[0,1e999]}')
@example(b'{"w":["0","7"]}')
@example(b'{"w":[0.5,7.5]}')
@example(b'{"f":[["0",7]]}')
@example(b'{"f":[[-3,7]]}')
@example(b"[" * 100_000)
@fixture_ok
def test_a_damaged_line_costs_itself_only(tmp_path: Path, line: bytes):
    head = json.dumps({**HEAD, "boot": this_boot()}).encode()
    (tmp_path / "j").write_bytes(head + b"\n" + line + b'\n{"f":[[100,105]]}\n')
    found = journal.read(tmp_path / "j")
    assert found is not None
    assert found[1].covers(100, 105)
    if line.startswith((b'{"w":[0,I', b'{"w":[0,1e', b'{"w":["', b'{"w":[0.5', b'{"f":[["')):
        assert found[1] == RangeSet([(100, 105)])


def test_there_is_none_where_there_is_none(tmp_path: Path):
    assert journal.read(tmp_path / "missing") is None
    with pytest.raises(UnfitFile, match="a folder"):
        journal.read(tmp_path)


@given(identities, identities)
def test_being_the_same_file_is_symmetric_and_learning_keeps_it(one: Identity, other: Identity):
    assert one.is_same_file(one)
    assert one.is_same_file(other) == other.is_same_file(one)
    if one.is_same_file(other):
        assert one.updated(other).is_same_file(other)
        assert one.updated(other).is_same_file(one)


def test_what_tells_two_files_apart():
    one = Identity("k", 10, "a" * 32, '"e1"', "Mon")
    assert one.is_same_file(Identity("k"))
    assert one.is_same_file(Identity("k", modified="Tue", etag='"e1"'))  # the tag is stronger
    assert not one.is_same_file(Identity("k", modified="Tue"))
    assert not one.is_same_file(Identity("k", etag='"e2"'))
    assert not one.is_same_file(Identity("k", size=11))
    assert not one.is_same_file(Identity("k", md5="b" * 32))
    assert not one.is_same_file(Identity("other", 10, "a" * 32, '"e1"', "Mon"))
    assert (one.validator, Identity("k", modified="Mon").validator) == ('"e1"', "Mon")
    assert Identity("k").validator is None


def test_what_may_be_gone_on_from():
    here = Identity("k", 10, None, '"e1"', "Mon")
    assert here.goes_on_as(Identity("k", 10, None, '"node2"', "Mon"))
    assert not here.goes_on_as(Identity("k", 10, None, '"e2"', "Tue"))
    assert not here.goes_on_as(Identity("k", 11, None, '"e1"'))
    assert here.goes_on_as(Identity("k", 11, None, '"e1"'), 11)  # Flow's own size
    assert not here.goes_on_as(Identity("k", 11, None, '"e2"'), 11)
    proven = replace(here, md5="a" * 32)
    assert proven.goes_on_as(Identity("k", 10, None, '"e2"', "Tue"))
    assert not proven.goes_on_as(Identity("k", 11, None, '"e1"', "Mon"))
    assert proven.goes_on_as(Identity("k", 11), 11)
    assert not proven.goes_on_as(Identity("other", 10))
