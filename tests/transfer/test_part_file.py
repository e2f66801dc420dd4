"""The part file and its journal together: what is believed later is really there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowtui.system.files import UnfitFile
from flowtui.transfer.disk import journal, part_file
from flowtui.transfer.disk.part_file import PartFile, journal_path, part_path, remove_leftovers
from flowtui.transfer.errors import Busy
from flowtui.transfer.identity import Identity

ME = Identity("data/1", size=100, etag='"v1"')


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "reads.gz"


def put(part: PartFile, start: int, content: bytes) -> None:
    part.write(start, content)
    part.note(start, start + len(content))


def names(target: Path) -> set[str]:
    return {one.name for one in target.parent.iterdir()}


def test_what_was_noted_is_there_again(target: Path):
    part = PartFile(target, Identity("data/1"))
    part.identify(ME)
    put(part, 0, b"abc")
    put(part, 10, b"xyz")
    part.close()
    assert names(target) == {"reads.gz.part", "reads.gz.part.journal"}
    again = PartFile(target, Identity("data/1"))
    assert list(again.done) == [(0, 3), (10, 13)]
    assert again.identity == ME
    assert again.read(10, 3) == b"xyz"
    again.close()


@pytest.mark.parametrize(
    "other", [Identity("data/2"), Identity("data/1", etag='"v2"'), Identity("data/1", size=7)]
)
def test_another_file_begins_with_nothing(target: Path, other: Identity):
    part = PartFile(target, ME)
    put(part, 0, b"old bytes")
    part.close()
    again = PartFile(target, other)
    assert list(again.done) == []
    assert again.identity == other
    assert part_path(target).stat().st_size == 0
    again.close()


@pytest.mark.parametrize("size", [0, 2, 11])
def test_bytes_that_someone_cut_off_are_not_believed(target: Path, size: int):
    part = PartFile(target, ME)
    put(part, 0, b"abc")
    put(part, 10, b"xyz")
    part.close()
    os.truncate(part_path(target), size)
    again = PartFile(target, ME)
    assert all(end <= size for _, end in again.done)
    assert again.done.covers(0, min(3, size))
    again.close()


@pytest.mark.parametrize("lost", [part_path, journal_path])
def test_without_its_part_or_its_journal_nothing_is_believed(target: Path, lost):
    part = PartFile(target, ME)
    put(part, 0, b"abc")
    part.close()
    lost(target).unlink()
    again = PartFile(target, ME)
    assert list(again.done) == []
    again.close()


def test_after_a_crash_of_the_machine_only_what_was_flushed_counts(target: Path, monkeypatch):
    part = PartFile(target, ME)
    put(part, 0, b"abc")
    part.flush()
    put(part, 3, b"def")
    part.close()
    monkeypatch.setattr(journal, "this_boot", lambda: "after the crash")
    again = PartFile(target, ME)
    assert list(again.done) == [(0, 3)]
    again.close()


def test_after_a_flush_that_failed_its_bytes_are_not_believed(target: Path, monkeypatch):
    part = PartFile(target, ME)
    put(part, 0, b"abc")

    def fails(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", fails)
        with pytest.raises(OSError, match="Input/output"):
            part.flush()
    # The kernel calls pages clean that it could not write; a later flush says nothing of them.
    with pytest.raises(OSError, match="Input/output"):
        put(part, 3, b"def")
    part.close()
    again = PartFile(target, ME)
    assert not list(again.done)
    again.close()


@pytest.mark.parametrize("boot", ["same", "other"])
def test_a_flush_says_nothing_of_bytes_that_were_forgotten_meanwhile(
    target: Path, monkeypatch, boot: str
):
    """The flusher waits for the disk while the transfer begins again from the first byte."""
    part = PartFile(target, ME)
    put(part, 0, b"old bytes, long ago")
    fresh = Identity("data/1", size=50, etag='"v2"')
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", lambda descriptor: part.reset(fresh))
        part.flush()
    put(part, 30, b"new")  # another connection, further behind
    part.flush()
    part.close()
    if boot == "other":
        monkeypatch.setattr(journal, "this_boot", lambda: "after the crash")
    again = PartFile(target, fresh)
    assert list(again.done) == [(30, 33)]
    again.close()


def test_a_kill_while_a_flush_is_under_way_costs_nothing(target: Path, monkeypatch):
    part = PartFile(target, Identity("data/1"))
    put(part, 0, b"abc")
    seen = []

    def slow(descriptor: int) -> None:
        part.identify(ME)  # writes the journal anew
        seen.append(journal.read(journal_path(target)))

    monkeypatch.setattr(os, "fdatasync", slow)
    part.flush()
    part.close()
    assert [list(found[1]) for found in seen] == 2 * [[(0, 3)]]  # the bytes', the journal's


def test_the_journal_stays_short_and_true_however_much_is_noted(target: Path, monkeypatch):
    monkeypatch.setattr(journal, "COMPACT_ABOVE", 500)
    part = PartFile(target, ME)
    for n in range(300):
        put(part, n, b"x")
        if n % 50 == 10:
            part.flush()
        assert journal_path(target).stat().st_size < 700
    part.close()
    again = PartFile(target, ME)
    assert list(again.done) == [(0, 300)]
    again.close()


steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 30), st.integers(1, 6)),
        st.tuples(st.just("flush"), st.just(0), st.just(0)),
        st.tuples(st.just("identify"), st.integers(0, 3), st.just(0)),
        st.tuples(st.just("reopen"), st.just(0), st.just(0)),
        st.tuples(st.just("reset"), st.just(0), st.just(0)),
    ),
    max_size=14,
)


@given(steps)
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)
def test_at_every_moment_a_kill_costs_nothing_that_was_noted(tmp_path: Path, actions):
    """And a crash of the machine nothing that was flushed; and neither believes more."""
    target = tmp_path / "f"
    remove_leftovers(target)
    me = Identity("data/1")
    part = PartFile(target, me)
    noted, flushed = set[int](), set[int]()
    for action, at, length in actions:
        match action:
            case "put":
                put(part, at, b"x" * length)
                noted |= set(range(at, at + length))
            case "flush":
                part.flush()
                flushed |= noted
            case "identify":
                me = Identity("data/1", etag=f'"{at}"')
                part.identify(me)
            case "reopen":
                part.close()
                part = PartFile(target, me)
            case "reset":
                me = Identity("data/1")
                part.reset(me)
                noted, flushed = set(), set()
        found = journal.read(journal_path(target))
        assert found is not None
        assert found[0] == me
        assert {n for a, b in found[1] for n in range(a, b)} == noted
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(journal, "this_boot", lambda: "after the crash")
            after = journal.read(journal_path(target))
        assert after is not None
        assert {n for a, b in after[1] for n in range(a, b)} <= flushed
    part.close()


def test_finishing_gives_the_name_and_leaves_nothing_else(target: Path):
    part = PartFile(target, ME)
    put(part, 0, b"all of it, and more")
    part.rename(target, 9)
    part.finish()
    part.close()
    assert target.read_bytes() == b"all of it"
    assert names(target) == {"reads.gz"}


@pytest.mark.parametrize("kind", ["file", "folder", "dangling link"])
def test_finishing_never_replaces_what_came_up_meanwhile(target: Path, kind: str):
    part = PartFile(target, ME)
    put(part, 0, b"ours")
    if kind == "file":
        target.write_text("theirs")
    elif kind == "folder":
        target.mkdir()
    else:
        target.symlink_to("nowhere")
    with pytest.raises(FileExistsError):
        part.rename(target, 4)
        part.finish()
    part.close()
    assert part_path(target).read_bytes() == b"ours"
    assert kind != "file" or target.read_text() == "theirs"


HOLDER = """
import sys, time
from pathlib import Path
from flowtui.transfer.disk.journal import Identity
from flowtui.transfer.disk.part_file import PartFile
part = PartFile(Path(sys.argv[1]), Identity("data/1"))
part.write(0, b"theirs"); part.note(0, 6)
print("held", flush=True)
sys.stdin.read()
"""


def test_another_process_is_told_apart_from_a_dead_one(target: Path):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(target)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(Busy, match=r"another flowtui is fetching reads\.gz"):
            PartFile(target, ME)
        remove_leftovers(target)
        assert names(target) == {"reads.gz.part", "reads.gz.part.journal"}
        holder.kill()
        holder.wait()
        part = PartFile(target, Identity("data/1"))
        assert list(part.done) == [(0, 6)]
        part.close()
    finally:
        holder.kill()
        holder.communicate()


def test_a_link_in_place_of_the_part_is_not_followed(target: Path):
    elsewhere = target.with_name("precious")
    elsewhere.write_text("precious")
    part_path(target).symlink_to(elsewhere)
    with pytest.raises(UnfitFile, match="a link"):
        PartFile(target, ME)
    assert elsewhere.read_text() == "precious"


def test_removing_and_closing(target: Path):
    part = PartFile(target, ME)
    put(part, 0, b"abc")
    part.remove()
    assert names(target) == set()
    part.close()
    part.flush()  # the flusher may come late
    remove_leftovers(target)
    journal_path(target).write_text("alone")
    remove_leftovers(target)
    assert names(target) == set()


def test_bytes_are_written_whole_where_the_kernel_takes_them_in_pieces(target: Path, monkeypatch):
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: real(fd, bytes(data)[:7], at))
    part = PartFile(target, ME)
    part.write(3, b"a longer piece of bytes")
    assert part.read(3, 100) == b"a longer piece of bytes"
    part.close()
    assert part_file.part_path(target).stat().st_size == 26
