"""A file of ours that was changed, here or on Flow: noticed, and replaced without a loss."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flowtui.transfer.verify import existing as looking
from support.lab import Lab, content
from support.waiting import GUARD

DATA = content(1_000_000)
OTHER = content(700_000)


def digest(data: bytes) -> str:
    import hashlib

    return hashlib.md5(data).hexdigest()


def sums(lab: Lab) -> str:
    return (lab.root / "MD5SUMS").read_text()


def aside(lab: Lab) -> list[Path]:
    return sorted(lab.target.parent.glob("a.bin.old-*"))


@pytest.fixture(params=[True, False], ids=["md5 of Flow", "no md5"])
def flow_md5(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def fetch(lab: Lab, flow_md5: bool, data: bytes = DATA) -> None:
    lab.serve(data)
    more = {"md5": digest(data)} if flow_md5 else {}
    lab.fetch(size=len(data), **more)


def test_a_file_that_was_cut_short_is_replaced_and_leaves_nothing(lab: Lab, flow_md5: bool) -> None:
    """It used to keep its name for ever, and the good one was `a~2.bin`."""
    fetch(lab, flow_md5)
    os.truncate(lab.target, 5)
    fetch(lab, flow_md5)
    assert lab.row is not None and (lab.row.state, lab.row.path) == ("done", "data/a.bin")
    assert (lab.row.replaced, lab.row.occupied) == ("removed", 0)
    assert lab.target.read_bytes() == DATA
    assert aside(lab) == []


def test_a_flipped_byte_is_noticed_and_what_stood_there_is_kept(lab: Lab, flow_md5: bool) -> None:
    """At the same size it passed as verified."""
    fetch(lab, flow_md5)
    changed = bytearray(DATA)
    changed[500] ^= 1
    lab.target.write_bytes(changed)
    fetch(lab, flow_md5)
    assert lab.row is not None and lab.row.state == "done"
    assert lab.target.read_bytes() == DATA
    (kept,) = aside(lab)
    assert lab.row.replaced == kept.name and kept.read_bytes() == changed
    assert "replaced" in lab.row.reason and kept.name in lab.row.reason


def test_a_file_that_changed_on_flow_is_replaced(lab: Lab, flow_md5: bool) -> None:
    fetch(lab, flow_md5)
    fetch(lab, flow_md5, OTHER)
    assert lab.target.read_bytes() == OTHER
    assert [path.read_bytes() for path in aside(lab)] == [DATA]
    fetch(lab, flow_md5, OTHER)
    assert lab.row is not None and lab.row.state == "skipped"


def test_two_changes_on_one_day_keep_both(lab: Lab) -> None:
    fetch(lab, True)
    for data in (b"mine" * 9, b"also mine"):
        lab.target.write_bytes(data)
        fetch(lab, True)
    assert {path.read_bytes() for path in aside(lab)} == {b"mine" * 9, b"also mine"}
    assert lab.target.read_bytes() == DATA


def test_a_file_that_was_only_touched_is_read_once_and_recorded(
    lab: Lab, flow_md5: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch(lab, flow_md5)
    os.utime(lab.target, (1, 1))
    reads: list[Path] = []
    real = looking.hashing.md5_of_open

    def counted(descriptor: int, check: Callable[[], None], **more: Any) -> str:
        reads.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")))
        return real(descriptor, check, **more)

    monkeypatch.setattr(looking.hashing, "md5_of_open", counted)
    for _ in range(3):
        fetch(lab, flow_md5)
        assert lab.row is not None and lab.row.state == "skipped"
    assert reads == [lab.target]


def test_without_a_log_a_file_is_read_once_and_recorded(
    lab: Lab, flow_md5: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch(lab, flow_md5)
    (lab.root / "downloads.log").unlink()
    reads: list[Path] = []
    real = looking.hashing.md5_of_open

    def counted(descriptor: int, check: Callable[[], None], **more: Any) -> str:
        reads.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")))
        return real(descriptor, check, **more)

    monkeypatch.setattr(looking.hashing, "md5_of_open", counted)
    lengths = []
    for _ in range(3):
        fetch(lab, flow_md5)
        assert lab.row is not None and lab.row.state == "skipped"
        lengths.append(len((lab.root / "downloads.log").read_bytes()))
    assert reads == [lab.target]
    assert lengths[0] == lengths[1] == lengths[2]  # an idle run adds nothing
    assert lab.row is not None and lab.row.verified_by == "as recorded"


def test_a_foreign_file_is_not_touched_and_that_is_told(lab: Lab, flow_md5: bool) -> None:
    lab.target.parent.mkdir(parents=True)
    lab.target.write_bytes(b"mine")
    fetch(lab, flow_md5)
    assert lab.row is not None and (lab.row.state, lab.row.path) == ("done", "data/a~2.bin")
    assert lab.row.occupied == 1 and lab.row.replaced == ""
    fetch(lab, flow_md5)
    assert (lab.row.state, lab.row.path, lab.row.occupied) == ("skipped", "data/a~2.bin", 1)
    assert lab.target.read_bytes() == b"mine"
    lab.target.unlink()
    fetch(lab, flow_md5)
    assert (lab.row.path, lab.row.occupied) == ("data/a.bin", 0)


@pytest.mark.parametrize(("how", "state"), [("keep", "skipped"), ("fail", "failed")])
def test_it_can_be_kept_or_be_an_error(lab: Lab, how: str, state: str) -> None:
    fetch(lab, True)
    lab.target.write_bytes(b"mine")
    lab.settings["on_change"] = how
    fetch(lab, True)
    assert lab.row is not None and (lab.row.state, lab.row.code) == (state, "CHANGED")
    assert lab.target.read_bytes() == b"mine" and aside(lab) == []
    # What the line said of it is not true any more.
    sums = lab.root / "MD5SUMS"
    assert not sums.exists() or sums.read_text().startswith("#")


@pytest.mark.parametrize("how", ["keep", "fail"])
def test_what_was_changed_on_flow_and_is_kept_keeps_its_line(lab: Lab, how: str) -> None:
    fetch(lab, True)
    lab.settings["on_change"] = how
    for _ in range(2):
        lab.serve(OTHER)
        lab.fetch(size=len(OTHER), md5=digest(OTHER))
        assert lab.row is not None and lab.row.code == "CHANGED"
        assert (lab.root / "MD5SUMS").read_text() == f"{digest(DATA)}  data/a.bin\n"


@pytest.mark.parametrize("what", ["folder", "pipe", "link"])
def test_what_stands_in_the_place_of_the_file_has_no_line(lab: Lab, what: str) -> None:
    fetch(lab, True)
    lab.target.unlink()
    match what:
        case "folder":
            lab.target.mkdir()
        case "pipe":
            os.mkfifo(lab.target)
        case "link":
            lab.target.symlink_to("nowhere")
    fetch(lab, True)
    sums = lab.root / "MD5SUMS"
    lines = sums.read_text().splitlines() if sums.exists() else []
    here = {line.split("  ")[1] for line in lines if not line.startswith("#")}
    assert here == (set() if what == "folder" else {"data/a~2.bin"})


def test_what_is_changed_while_its_new_bytes_come_is_not_overwritten(lab: Lab) -> None:
    fetch(lab, True)
    lab.target.write_bytes(b"mine")
    lab.serve(DATA, rate=2e6, held=-1)
    made = lab.start(size=len(DATA), md5=digest(DATA))
    lab.until(lambda row: row.done > 300_000)
    lab.target.write_bytes(b"mine, and newer")
    lab.file.rate = 0
    assert made.wait_idle(GUARD)
    lab.stop()
    kept = [path.read_bytes() for path in lab.target.parent.iterdir()]
    assert b"mine, and newer" in kept and DATA in kept


@pytest.mark.parametrize("log", ["kept", "gone", "of another size"])
def test_a_stale_size_on_flow_with_the_right_md5_makes_no_second_file(lab: Lab, log: str) -> None:
    """The file has its md5, whatever size its record on Flow promises."""
    lab.serve(DATA)
    lab.fetch(size=len(DATA), md5=digest(DATA))
    path = lab.root / "downloads.log"
    if log == "gone":
        path.unlink()
    elif log == "of another size":
        path.write_text(path.read_text().replace(f'"size": {len(DATA)}', '"size": 9'))
    for _ in range(2):
        lab.fetch(size=len(DATA) - 5, md5=digest(DATA))
        assert lab.row is not None and lab.row.state == "skipped"
    assert [entry.name for entry in lab.target.parent.iterdir()] == ["a.bin"]
    assert len(lab.requests) == 1


def test_a_stale_size_in_the_log_is_put_right(lab: Lab, flow_md5: bool) -> None:
    fetch(lab, flow_md5)
    path = lab.root / "downloads.log"
    path.write_text(path.read_text().replace(f'"size": {len(DATA)}', '"size": 9'))
    fetch(lab, flow_md5)
    assert lab.row is not None and (lab.row.state, lab.row.path) == ("skipped", "data/a.bin")
    assert f'"size": {len(DATA)}' in path.read_text().splitlines()[-1]


@pytest.mark.parametrize("log", [True, False], ids=["log", "no log"])
def test_a_link_to_the_file_counts_as_the_file(lab: Lab, flow_md5: bool, log: bool) -> None:
    fetch(lab, flow_md5)
    elsewhere = lab.root / "elsewhere.bin"
    lab.target.rename(elsewhere)
    lab.target.symlink_to(elsewhere)
    if not log:
        (lab.root / "downloads.log").unlink()
    for _ in range(2):
        fetch(lab, flow_md5)
        assert lab.row is not None and (lab.row.state, lab.row.path) == ("skipped", "data/a.bin")
    assert lab.target.is_symlink() and len(lab.requests) == 1


@pytest.mark.parametrize("to", ["nowhere", "a.bin", ".", "/dev/zero"])
def test_a_link_to_what_is_no_file_is_a_foreign_one(lab: Lab, to: str) -> None:
    lab.target.parent.mkdir(parents=True)
    lab.target.symlink_to(to)
    fetch(lab, True)
    assert lab.row is not None and (lab.row.state, lab.row.path) == ("done", "data/a~2.bin")
    assert lab.target.readlink() == Path(to)


def test_a_link_to_the_file_is_not_ours_to_replace(lab: Lab) -> None:
    fetch(lab, True)
    elsewhere = lab.root / "elsewhere.bin"
    lab.target.rename(elsewhere)
    elsewhere.write_bytes(b"short")
    lab.target.symlink_to(elsewhere)
    fetch(lab, True)
    assert elsewhere.read_bytes() == b"short" and lab.target.is_symlink()


def test_the_checksums_follow_a_replaced_file(lab: Lab, flow_md5: bool) -> None:
    fetch(lab, flow_md5)
    assert sums(lab) == f"{digest(DATA)}  data/a.bin\n"
    fetch(lab, flow_md5, OTHER)
    assert sums(lab) == f"{digest(OTHER)}  data/a.bin\n"


def test_no_line_is_left_when_the_file_gets_other_bytes(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill just before or after the rename finds no line of the earlier bytes."""
    from flowtui.transfer.disk import part_file

    fetch(lab, True)
    seen = []
    real = part_file.give_name

    def named(*args):  # type: ignore[no-untyped-def]
        seen.append(sums(lab))
        return real(*args)

    monkeypatch.setattr(part_file, "give_name", named)
    fetch(lab, True, OTHER)
    assert seen == [f"#{digest(DATA)[1:]}  data/a.bin\n"]


def test_no_line_is_added_while_a_file_is_replaced(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither by the look for what an earlier run left out, in whichever process."""
    import fcntl

    from flowtui.transfer.disk import part_file

    fetch(lab, True)
    held = []
    real = part_file.give_name

    def named(*args):  # type: ignore[no-untyped-def]
        with (lab.root / "downloads.log").open("rb") as log:
            try:
                fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                held.append(True)
        return real(*args)

    monkeypatch.setattr(part_file, "give_name", named)
    fetch(lab, True, OTHER)
    assert held == [True]


def test_a_file_that_was_taken_away_loses_its_line_before_it_comes_again(lab: Lab) -> None:
    fetch(lab, True)
    lab.target.unlink()
    lab.serve(DATA, rate=2e6, held=-1)
    lab.start(size=len(DATA), md5=digest(DATA))
    lab.until(lambda row: row.done > 0)
    found = lab.root / "MD5SUMS"  # gone with its last line, where that was cleared up by then
    assert not found.exists() or found.read_text()[0] == "#"
    lab.stop()


def test_checksums_that_were_lost_are_made_again_from_the_log(lab: Lab) -> None:
    fetch(lab, True)
    (lab.root / "MD5SUMS").unlink()
    fetch(lab, True)
    assert lab.row is not None and lab.row.verified_by == "as recorded"
    assert sums(lab) == f"{digest(DATA)}  data/a.bin\n"


def test_checksums_can_be_left_out(lab: Lab) -> None:
    lab.settings["md5sums"] = False
    fetch(lab, True)
    assert not (lab.root / "MD5SUMS").exists()
