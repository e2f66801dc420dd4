"""Data that is below the target already is linked, not fetched; `~2` goes back to its own name."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from flowtui.system import clones
from flowtui.transfer import local_copy
from flowtui.transfer.disk import downloads_log
from flowtui.transfer.disk.part_file import PartFile
from flowtui.transfer.identity import Identity
from flowtui.transfer.verify import blocks
from support.lab import Lab, content
from support.services import batch, remote, rows
from support.waiting import GUARD

DATA = content(1_500_000)
MD5 = hashlib.md5(DATA).hexdigest()


@pytest.fixture(params=[True, False], ids=["md5 of Flow", "no md5"])
def more(request: pytest.FixtureRequest) -> dict[str, str]:
    return {"md5": MD5} if request.param else {}


def fetch(lab: Lab, *folder: str, name: str = "a.bin", **more: object) -> None:
    """Have the file brought to another folder, or under another name; the state in `lab.row`."""
    lab.serve(DATA, name=name)
    lab.fetch(size=len(DATA), folder=folder or ("data",), **more)
    assert lab.row is not None


def sums(lab: Lab) -> set[str]:
    text = (lab.root / "MD5SUMS").read_text()
    return {line[34:] for line in text.splitlines() if line[0] != "#"}


@pytest.mark.parametrize("link", ["auto", "hard", "copy"])
def test_the_same_data_is_taken_from_where_it_is(lab: Lab, more: dict[str, str], link: str) -> None:
    lab.settings["link"] = link
    fetch(lab, **more)
    fetch(lab, "My project", "liver", **more)
    assert lab.row is not None
    assert (lab.row.state, lab.row.linked) == ("done", "data/a.bin")
    other = lab.root / "My project/liver/a.bin"
    assert other.read_bytes() == DATA == lab.target.read_bytes()
    assert len(lab.requests) == 1
    if link != "auto":
        assert os.path.samefile(other, lab.target) is (link == "hard")
    assert sums(lab) == {"data/a.bin", "My project/liver/a.bin"}
    fetch(lab, "My project", "liver", **more)
    assert lab.row.verified_by == "as recorded"
    assert json.loads((lab.root / "downloads.log").read_text().splitlines()[-1])["linked"]
    assert not list(lab.root.rglob("*.part*"))


def test_auto_does_with_what_the_file_system_can(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_copy, "share_bytes", lambda source, part: False)
    fetch(lab, md5=MD5)
    fetch(lab, "hard", md5=MD5)
    assert os.path.samefile(lab.root / "hard/a.bin", lab.target)

    monkeypatch.setattr(local_copy.os, "link", refused)
    fetch(lab, "copied", md5=MD5)
    assert (lab.root / "copied/a.bin").read_bytes() == DATA
    assert not os.path.samefile(lab.root / "copied/a.bin", lab.target)
    assert len(lab.requests) == 1


def test_bytes_can_be_shared_where_the_file_system_can(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_copy, "share_bytes", reflinked)
    lab.settings["link"] = "reflink"
    fetch(lab, md5=MD5)
    fetch(lab, "shared", md5=MD5)
    assert lab.row is not None and lab.row.linked and len(lab.requests) == 1
    assert (lab.root / "shared/a.bin").read_bytes() == DATA


def reflinked(source: int, part: Any) -> bool:
    """What a file system that can share bytes does, as far as it can be seen."""
    part.write(0, os.pread(source, len(DATA), 0))
    return True


def refused(*args: object, **more: object) -> None:
    raise PermissionError(1, "Operation not permitted")


@pytest.mark.parametrize("link", ["reflink", "hard", "copy"])
@pytest.mark.parametrize("how", ["flipped", "cut", "foreign link"])
def test_a_bad_file_of_ours_is_replaced_by_a_good_one_that_is_here(
    lab: Lab, more: dict[str, str], link: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if link == "reflink":
        monkeypatch.setattr(local_copy, "share_bytes", reflinked)
    lab.settings["link"] = link
    fetch(lab, **more)
    fetch(lab, "other", **more)
    good = lab.root / "other/a.bin"
    bad = bytes([DATA[0] ^ 1]) + DATA[1:]
    if link == "hard":
        lab.target.unlink()  # else both names would be bad
    if how == "flipped":
        lab.target.write_bytes(bad)
    elif how == "cut":
        lab.target.write_bytes(DATA[:100])
    else:
        lab.target.unlink(missing_ok=True)
        lab.target.write_bytes(bad)
        os.link(lab.target, lab.root / "somebody's")
    lab.target.with_name("a.bin.flowtui-link").write_bytes(b"of a run that was killed")
    fetch(lab, **more)
    assert lab.row is not None and len(lab.requests) == 1
    assert (lab.row.state, lab.row.linked) == ("done", "other/a.bin")
    assert lab.target.read_bytes() == DATA == good.read_bytes()
    assert os.path.samefile(lab.target, good) is (link == "hard")
    olds = [path for path in lab.target.parent.iterdir() if ".old-" in path.name]
    if how == "cut":  # it is just a part of the new one
        assert (olds, lab.row.replaced) == ([], "removed")
    else:
        assert [path.read_bytes() for path in olds] == [bad]
        assert lab.row.replaced == olds[0].name
    if how == "foreign link":
        assert (lab.root / "somebody's").read_bytes() == bad
    assert sums(lab) == {"data/a.bin", "other/a.bin"}
    if link == "hard":
        assert not lab.target.with_name("a.bin.flowtui-link").exists()


def test_what_cannot_be_linked_over_a_bad_file_is_fetched(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.settings["link"] = "hard"
    fetch(lab, md5=MD5)
    fetch(lab, "other", md5=MD5)
    lab.target.unlink()
    lab.target.write_bytes(b"bad")
    monkeypatch.setattr(local_copy.os, "link", refused)
    fetch(lab, md5=MD5)
    assert lab.row is not None and (lab.row.state, lab.row.linked) == ("done", "")
    assert lab.target.read_bytes() == DATA and len(lab.requests) == 2


def test_sharing_is_one_call_that_may_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """FICLONE of Linux, on the new file, with the old one's descriptor."""
    calls: list[tuple[int, int, int]] = []

    def ioctl(descriptor: int, request: int, argument: int) -> int:
        calls.append((descriptor, request, argument))
        if len(calls) > 1:
            raise OSError(95, "Operation not supported")
        return 0

    monkeypatch.setattr(clones.fcntl, "ioctl", ioctl)
    part = PartFile(tmp_path / "a", Identity(key="data/1"), journaled=False)
    assert blocks.share_bytes(77, part) and not blocks.share_bytes(77, part)
    assert calls == [(part.descriptor, 0x40049409, 77)] * 2
    part.remove()


def test_never_fetches_it_anew(lab: Lab) -> None:
    lab.settings["link"] = "never"
    fetch(lab, md5=MD5)
    fetch(lab, "other", md5=MD5)
    assert lab.row is not None and (lab.row.state, lab.row.linked) == ("done", "")
    assert len(lab.requests) == 2


def test_a_new_name_on_flow_is_no_new_file(lab: Lab, more: dict[str, str]) -> None:
    fetch(lab, **more)
    fetch(lab, name="b.bin", **more)
    assert (lab.root / "data/b.bin").read_bytes() == DATA
    assert lab.row is not None and lab.row.linked == "data/a.bin" and lab.requests == []


@pytest.mark.parametrize("how", ["flipped", "cut", "gone", "link", "folder"])
def test_what_is_not_as_recorded_is_no_source(lab: Lab, more: dict[str, str], how: str) -> None:
    fetch(lab, **more)
    if how == "flipped":
        lab.target.write_bytes(bytes([DATA[0] ^ 1]) + DATA[1:])
    elif how == "cut":
        os.truncate(lab.target, 9)
    else:
        lab.target.unlink()
    if how == "link":
        lab.target.symlink_to("/etc/passwd")
    elif how == "folder":
        lab.target.mkdir()
    fetch(lab, "other", **more)
    assert lab.row is not None and (lab.row.state, lab.row.linked) == ("done", "")
    assert (lab.root / "other/a.bin").read_bytes() == DATA and len(lab.requests) == 2


def test_files_of_strangers_are_no_source(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch(lab, md5=MD5)
    monkeypatch.setattr(local_copy.os, "geteuid", lambda: 12345)
    monkeypatch.setattr(local_copy.os, "getegid", lambda: 12345)
    monkeypatch.setattr(local_copy.os, "getgroups", lambda: [12346])
    fetch(lab, "other", md5=MD5)
    assert lab.row is not None and lab.row.linked == "" and len(lab.requests) == 2


def test_a_log_does_not_lead_outside(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "a.bin"
    outside.write_bytes(DATA)
    for path in (str(outside), f"../{outside.parent.name}/a.bin"):
        entry = downloads_log.LogEntry("data/1", "1", "a.bin", len(DATA), path, MD5, "md5", 0.1,
                                       "done", mtime_ns=outside.stat().st_mtime_ns)  # fmt: skip
        downloads_log.append(lab.root, [entry])
    fetch(lab, md5=MD5)
    assert lab.row is not None and lab.row.linked == "" and len(lab.requests) == 1


def beside_a_foreign_file(lab: Lab, **more: object) -> Path:
    """`a~2.bin`, since a foreign file stands at `a.bin`."""
    lab.target.parent.mkdir(parents=True)
    lab.target.write_bytes(b"foreign")
    fetch(lab, **more)
    assert lab.row is not None and lab.row.path == "data/a~2.bin"
    return lab.target.with_name("a~2.bin")


def test_a_file_goes_back_to_its_name_when_the_foreign_one_is_gone(
    lab: Lab, more: dict[str, str]
) -> None:
    numbered = beside_a_foreign_file(lab, **more)
    fetch(lab, **more)
    assert lab.row is not None and lab.row.path == "data/a~2.bin"  # it stands there still
    lab.target.unlink()
    for renamed_from in ("data/a~2.bin", ""):
        fetch(lab, **more)
        assert (lab.row.state, lab.row.path) == ("skipped", "data/a.bin")
        assert lab.row.renamed_from == renamed_from
    assert lab.target.read_bytes() == DATA and not numbered.exists()
    assert sums(lab) == {"data/a.bin"}
    assert [path for path, _ in downloads_log.read(lab.root)] == ["data/a.bin"]
    assert len(lab.requests) == 1


def test_a_kill_before_the_log_knows_of_the_new_name_costs_nothing(
    lab: Lab, more: dict[str, str]
) -> None:
    numbered = beside_a_foreign_file(lab, **more)
    numbered.rename(lab.target)
    fetch(lab, **more)
    assert lab.row is not None and lab.row.path == "data/a.bin"
    assert lab.row.renamed_from == "data/a~2.bin" and len(lab.requests) == 1
    assert [path for path, _ in downloads_log.read(lab.root)] == ["data/a.bin"]
    assert sums(lab) == {"data/a.bin"}


def test_a_numbered_file_that_was_edited_keeps_its_name(lab: Lab, more: dict[str, str]) -> None:
    numbered = beside_a_foreign_file(lab, **more)
    lab.target.unlink()
    numbered.write_bytes(b"edited by hand")
    fetch(lab, **more)
    assert numbered.read_bytes() == b"edited by hand" and lab.target.read_bytes() == DATA


def test_a_number_that_keeps_files_of_flow_apart_stays(lab: Lab) -> None:
    """`a~2.bin` is another file of Flow here, whether the first is on the disk or not."""
    lab.serve(DATA)
    files = [
        remote(lab.server, "1", "a.bin", size=len(DATA)),
        remote(lab.server, "1", "a.bin", size=len(DATA), key="data/2", data_id="2"),
    ]
    for _ in range(2):
        made = lab.start(size=len(DATA))
        made.add(batch(lab.server, lab.root, *files))
        assert made.wait_idle(GUARD)
        assert {row.key: row.path for row in rows(made)} == {
            "data/1": "data/a.bin", "data/2": "data/a~2.bin",
        }  # fmt: skip
        lab.stop()
        lab.target.unlink(missing_ok=True)
