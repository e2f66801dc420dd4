"""What others may plant in a target folder, and swap while it is used; whose bytes prove what.

Nobody here is another user: `shared_folder.user_of` says so of what was planted.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from flowtui.engine.bulk.notes import Note, Notes
from flowtui.protocol.messages import RequestRefused
from flowtui.system import shared_folder
from flowtui.system.files import UnfitFile
from flowtui.system.shared_folder import Folder, open_folder
from flowtui.transfer.disk import downloads_log, part_file
from flowtui.transfer.disk.downloads_log import LOG_NAME
from flowtui.transfer.disk.folder_record import BLOCKS_NAME, SUMS_NAME, FolderRecord
from flowtui.transfer.disk.part_file import PartFile, journal_path, part_path
from flowtui.transfer.disk.paths import TargetPaths
from flowtui.transfer.identity import Identity
from flowtui.transfer.task import Recorded, Writers
from flowtui.transfer.verify import recheck
from flowtui.transfer.verify.recheck import RecordedFolder
from support.lab import Lab, content
from support.odd_files import IRREGULAR, put

STRANGER = 54321
DATA = content(2 << 20)
MD5 = hashlib.md5(DATA).hexdigest()

Disown = Callable[..., None]


@pytest.fixture
def disown(monkeypatch: pytest.MonkeyPatch) -> Disown:
    """Says that these are another user's."""
    theirs: set[int] = set()
    real = shared_folder.user_of

    def user_of(found: os.stat_result) -> int:
        return STRANGER if found.st_ino in theirs else real(found)

    def disown(*paths: Path) -> None:
        theirs.update(path.lstat().st_ino for path in paths)

    monkeypatch.setattr(shared_folder, "user_of", user_of)
    monkeypatch.setattr(shared_folder, "_makers", {})
    return disown


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A file of ours, elsewhere."""
    file = tmp_path / "home" / ".bashrc"
    file.parent.mkdir()
    file.write_text("precious")
    return file


def failed_in_words(lab: Lab, path: Path, says: str) -> None:
    lab.fetch(size=len(DATA), md5=MD5)
    lab.expect("failed", code="IN_THE_WAY", part=True)
    assert lab.row is not None
    assert lab.row.reason.startswith(f"cannot use {path}: "), lab.row.reason
    assert says in lab.row.reason
    assert not lab.target.exists()


# Links, hard links, pipes


@pytest.mark.parametrize("ending", [".part", ".part.journal", ".part.journal~"])
@pytest.mark.parametrize("kind", IRREGULAR)
def test_what_is_no_file_fails_the_file_whose_part_or_journal_it_stands_for(
    lab: Lab, kind: str, ending: str
) -> None:
    lab.serve(DATA)
    planted = put(kind, lab.target.with_name(lab.target.name + ending))
    failed_in_words(lab, planted, "not a regular file; move it away")


@pytest.mark.parametrize("ending", [".part", ".part.journal", ".part.journal~"])
@pytest.mark.parametrize("way", [os.link, os.symlink])
def test_a_link_in_their_place_costs_its_target_nothing(
    lab: Lab, victim: Path, ending: str, way: Callable[[Path, Path], None]
) -> None:
    lab.serve(DATA)
    planted = lab.target.with_name(lab.target.name + ending)
    planted.parent.mkdir(parents=True)
    way(victim, planted)
    failed_in_words(lab, planted, "link")
    assert victim.read_text() == "precious"


def test_a_renewed_journal_that_a_kill_left_is_replaced(lab: Lab) -> None:
    lab.serve(DATA)
    lab.target.parent.mkdir(parents=True)
    lab.target.with_name("a.bin.part.journal~").write_text("left")
    lab.fetch(size=len(DATA), md5=MD5)
    lab.expect("done", data=DATA)
    assert [path.name for path in lab.target.parent.iterdir()] == ["a.bin"]


@pytest.mark.parametrize("name", [LOG_NAME, SUMS_NAME, BLOCKS_NAME])
@pytest.mark.parametrize("kind", sorted(IRREGULAR.keys() - {"a folder"}))
def test_what_is_no_file_under_the_name_of_a_record_refuses_the_batch(
    lab: Lab, kind: str, name: str
) -> None:
    lab.serve(DATA)
    planted = put(kind, lab.root / name)
    with pytest.raises(RequestRefused) as refused:
        lab.start()
    assert refused.value.code == "IN_THE_WAY"
    assert str(refused.value).startswith(f"cannot use {planted}: it is ")
    assert lab.requests == []


def test_a_hard_link_as_the_log_is_not_written_through(lab: Lab, victim: Path) -> None:
    lab.serve(DATA)
    lab.root.mkdir()
    os.link(victim, lab.root / LOG_NAME)
    with pytest.raises(RequestRefused, match="hard link"):
        lab.start()
    with pytest.raises(UnfitFile, match="hard link"):
        downloads_log.append(lab.root, [])
    assert victim.read_text() == "precious"


@pytest.mark.parametrize("kind", IRREGULAR)
def test_what_is_no_file_in_place_of_a_lock_is_told(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    planted = put(kind, tmp_path / "a.part.lock")
    with pytest.raises(UnfitFile, match="not a regular file") as told:
        PartFile(tmp_path / "a", Identity("data/1"))
    assert told.value.filename == str(planted)
    put(kind, tmp_path / f"{LOG_NAME}.lock")
    with downloads_log.locked(tmp_path) as log:
        assert not log.is_locked


def test_a_pipe_among_the_notes_of_archives_is_passed_over(tmp_path: Path) -> None:
    put("a named pipe", tmp_path / ".flowtui-bulk-a.jsonl")
    notes = Notes()
    note = Note("b", "https://x", "7", ("data/1",))
    assert notes.write(tmp_path, note)
    notes.close()
    assert notes.find(tmp_path, "https://x") == [note]
    notes.close()


# Folders


def test_a_folder_that_is_another_user_s_link_leads_nowhere(
    lab: Lab, victim: Path, disown: Disown
) -> None:
    lab.serve(DATA)
    lab.root.mkdir()
    lab.target.parent.symlink_to(victim.parent)
    disown(lab.target.parent)
    failed_in_words(lab, lab.target.parent, f"a link that user {STRANGER} made; remove it")
    assert [path.name for path in victim.parent.iterdir()] == [victim.name]


@pytest.mark.parametrize("is_absolute", [True, False])
def test_a_folder_that_is_a_link_of_one_s_own_is_followed(
    lab: Lab, tmp_path: Path, is_absolute: bool
) -> None:
    lab.serve(DATA)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    lab.root.mkdir()
    lab.target.parent.symlink_to(scratch if is_absolute else "../scratch")
    lab.fetch(size=len(DATA), md5=MD5)
    lab.expect("done", data=DATA)
    assert [path.name for path in scratch.iterdir()] == ["a.bin"]


def test_the_target_folder_itself_may_be_anybody_s_link(
    lab: Lab, tmp_path: Path, disown: Disown
) -> None:
    lab.serve(DATA)
    (tmp_path / "real").mkdir()
    lab.root.symlink_to("real")
    disown(lab.root)
    lab.fetch(size=len(DATA), md5=MD5)
    lab.expect("done", data=DATA)


def swapped(lab: Lab, elsewhere: Path, disown: Disown) -> None:
    """Another user exchanges the folder for a link, while it is used."""
    elsewhere.mkdir(exist_ok=True)
    lab.target.parent.rename(lab.root / "moved")
    lab.target.parent.symlink_to(elsewhere)
    disown(lab.target.parent)


def test_a_folder_that_is_swapped_before_the_last_step_fails_the_file(
    lab: Lab, tmp_path: Path, disown: Disown, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = PartFile.settle
    once = [True]

    def settle(part: PartFile, size: int) -> bool:
        if once.pop():
            swapped(lab, tmp_path / "elsewhere", disown)
        return real(part, size)

    monkeypatch.setattr(PartFile, "settle", settle)
    lab.serve(DATA)
    failed_in_words(lab, lab.target.parent, "a link that")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_folder_that_is_swapped_in_the_last_step_keeps_the_file(
    lab: Lab, tmp_path: Path, disown: Disown, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = part_file.give_name

    def give_name(*args: object) -> object:
        swapped(lab, tmp_path / "elsewhere", disown)
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(part_file, "give_name", give_name)
    lab.serve(DATA)
    lab.fetch(size=len(DATA), md5=MD5)
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert (lab.root / "moved" / "a.bin").read_bytes() == DATA


def test_a_file_that_is_swapped_for_a_pipe_after_the_look_is_not_waited_for(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Folder.open_data

    def open_data(folder: Folder, name: str) -> int:
        put("a named pipe", folder.path / name)
        return real(folder, name)

    monkeypatch.setattr(Folder, "open_data", open_data)
    lab.serve(DATA)
    lab.target.parent.mkdir(parents=True)
    lab.target.write_bytes(DATA)
    lab.fetch(size=len(DATA), md5=MD5)
    lab.expect("failed", code="IN_THE_WAY", says="a named pipe")


def test_nothing_is_opened_that_lies_above(tmp_path: Path) -> None:
    for path in (tmp_path / ".." / "x", tmp_path / "a" / ".." / ".." / "x", tmp_path.parent):
        with pytest.raises(UnfitFile, match="not below"):
            open_folder(path, tmp_path)


def test_an_open_folder_takes_one_descriptor_and_gives_it_back(tmp_path: Path) -> None:
    def open_ones() -> int:
        return len(os.listdir("/proc/self/fd"))

    before = open_ones()
    parts = [PartFile(tmp_path / "d" / name, Identity(name), journaled=False) for name in "abcd"]
    assert open_ones() == before + 4 + 1
    for part in parts:
        part.close()
    assert open_ones() == before


# Whose bytes, whose words


def begin(target: Path, data: bytes, md5: str | None = None) -> None:
    """Leave an unfinished file."""
    part = PartFile(target, Identity("data/1", len(DATA), md5, etag='"v1"'))
    part.write(0, data)
    part.note(0, len(data))
    part.close()


@pytest.mark.parametrize("whose", ["part", "journal"])
def test_without_an_md5_another_user_s_part_or_journal_is_not_gone_on_with(
    lab: Lab, disown: Disown, whose: str
) -> None:
    lab.serve(DATA)
    begin(lab.target, b"planted" * 9999)
    lab.target.parent.chmod(0o775)
    planted = part_path(lab.target)
    disown(planted if whose == "part" else journal_path(lab.target))
    before = planted.stat().st_ino
    kept = planted.open("rb")  # else the number may be given anew
    lab.fetch(size=len(DATA), md5=None)
    lab.expect("done", data=DATA, verified_by="size")
    assert lab.from_start(0)
    assert (lab.target.stat().st_ino == before) is (whose == "journal")
    kept.close()


def test_with_an_md5_a_colleague_s_part_is_gone_on_with_and_proved(
    lab: Lab, disown: Disown
) -> None:
    lab.serve(DATA)
    begin(lab.target, DATA[: 1 << 20], MD5)
    lab.target.parent.chmod(0o775)
    disown(part_path(lab.target), journal_path(lab.target))
    lab.fetch(size=len(DATA), md5=MD5)
    lab.expect("done", data=DATA, verified_by="md5")
    assert not lab.from_start(0)


@pytest.mark.parametrize("mode", [0o755, 0o1777])
def test_another_user_s_part_in_a_folder_that_is_no_group_s_is_told(
    lab: Lab, disown: Disown, mode: int
) -> None:
    lab.serve(DATA)
    begin(lab.target, DATA[:1000], MD5)
    lab.target.parent.chmod(mode)
    disown(part_path(lab.target))
    failed_in_words(lab, part_path(lab.target), f"it belongs to user {STRANGER}")


def test_where_all_files_are_one_user_s_they_are_ours(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a share that is mounted with `uid=`, or exported with all users squashed to one."""
    monkeypatch.setattr(shared_folder, "_makers", {})
    monkeypatch.setattr(shared_folder, "user_of", lambda found: 65534)
    lab.serve(DATA)
    begin(lab.target, DATA[: 1 << 20])
    lab.fetch(size=len(DATA), md5=None)
    lab.expect("done", data=DATA)
    assert not lab.from_start(0)
    assert not list(lab.root.rglob(".flowtui-*"))


def plant(lab: Lab, data: bytes, md5: str, *disowned: Path, disown: Disown) -> None:
    """A file, and a line of the log that calls it ours and untouched."""
    lab.target.parent.mkdir(parents=True)
    lab.target.write_bytes(data)
    line = {"key": "data/1", "path": "data/a.bin", "status": "done", "size": len(data), "md5": md5}
    line["mtime_ns"] = lab.target.stat().st_mtime_ns
    (lab.root / LOG_NAME).write_text(json.dumps(line) + "\n")
    disown(*disowned)


@pytest.mark.parametrize("whose", ["file", "log"])
def test_a_planted_file_or_line_is_read_though_it_is_called_untouched(
    lab: Lab, disown: Disown, whose: str
) -> None:
    lab.serve(DATA)
    wrong = bytes(len(DATA))
    theirs = lab.target if whose == "file" else lab.root / LOG_NAME
    plant(lab, wrong, MD5, theirs, disown=disown)
    lab.fetch(size=len(DATA), md5=MD5)
    lab.expect("done", data=DATA, verified_by="md5")


@pytest.mark.parametrize("whose", ["file", "log"])
def test_one_that_is_right_is_read_and_not_fetched(lab: Lab, disown: Disown, whose: str) -> None:
    lab.serve(DATA)
    theirs = lab.target if whose == "file" else lab.root / LOG_NAME
    plant(lab, DATA, MD5, theirs, disown=disown)
    row = lab.fetch(size=len(DATA), md5=MD5)
    assert (row.state, row.verified_by) == ("skipped", "md5")
    assert lab.requests == []


def test_without_an_md5_of_flow_another_user_s_file_is_fetched_anew_beside_it(
    lab: Lab, disown: Disown
) -> None:
    lab.serve(DATA)
    wrong = bytes(len(DATA))
    lab.target.parent.mkdir(parents=True)
    lab.target.write_bytes(wrong)
    disown(lab.target)
    row = lab.fetch(size=len(DATA), md5=None)
    assert (row.state, row.path) == ("done", "data/a~2.bin")
    assert (lab.root / row.path).read_bytes() == DATA
    assert lab.target.read_bytes() == wrong


@pytest.mark.parametrize(
    ("is_own", "by", "believed"),
    [
        (True, Writers.US, True), (True, Writers.GROUP, True), (True, Writers.OTHERS, False),
        (False, Writers.US, True), (False, Writers.GROUP, False), (False, Writers.OTHERS, False),
    ],
)  # fmt: skip
def test_who_could_write_both_the_file_and_the_log_proves_nothing_by_them(
    is_own: bool, by: Writers, believed: bool
) -> None:
    from flowtui.transfer.verify.existing import is_believed

    assert is_believed(Recorded("k", 1, MD5, by=by), is_own=is_own) is believed
    assert not is_believed(Recorded("k", 1, None, by=by), is_own=is_own)


@pytest.mark.parametrize(
    ("mode", "by"),
    [(0o644, Writers.US), (0o664, Writers.GROUP), (0o666, Writers.OTHERS), (None, Writers.OTHERS)],
)
def test_who_may_have_written_a_log_is_told_by_its_owner_and_mode(
    tmp_path: Path, disown: Disown, mode: int | None, by: Writers
) -> None:
    log = tmp_path / LOG_NAME
    log.write_text('{"key": "k", "path": "a", "status": "done"}\n')
    log.chmod(mode or 0o644)
    if mode is None:
        disown(log)
    assert [record.by for _, record in downloads_log.read(tmp_path)] == [by]


def test_a_line_of_md5sums_is_not_made_of_another_user_s_word(
    tmp_path: Path, disown: Disown
) -> None:
    (tmp_path / "a").write_bytes(b"x")
    there = (tmp_path / "a").stat()
    record = Recorded("k", 1, MD5, mtime_ns=there.st_mtime_ns, by=Writers.OTHERS)
    known = FolderRecord(tmp_path)
    known.expect({"a": record})
    downloads_log.append(tmp_path, [])
    known.write([])
    assert not (tmp_path / SUMS_NAME).exists()


# A log that is locked, or of a size that no log has


def test_who_holds_a_lock_on_the_log_does_not_make_lines_vanish(lab: Lab) -> None:
    lab.serve(DATA)
    lab.root.mkdir()
    with (lab.root / LOG_NAME).open("a") as reader:
        fcntl.flock(reader, fcntl.LOCK_SH)
        known = FolderRecord(lab.root)
        known._patience = 0.01
        for number in range(3):
            entry = downloads_log.LogEntry(
                f"data/{number}", "1", "a", 1, f"a{number}", MD5, "md5", 0.1, "done"
            )
            known.write([entry])  # only the first waits
    assert [path for path, _ in downloads_log.read(lab.root)] == ["a0", "a1", "a2"]
    assert not (lab.root / SUMS_NAME).exists()


def test_a_log_of_deep_paths_costs_no_more_than_it_has(tmp_path: Path) -> None:
    """97 KiB of one path cost 2.4 GB."""
    lines = [
        {"key": "k", "path": "a/" * 48_000 + "x", "status": "done"},
        {"key": "l", "path": "b/" * 2000 + "x", "status": "done"},
        {"key": "m", "path": "c/d", "status": "done"},
    ]
    (tmp_path / LOG_NAME).write_text("".join(json.dumps(line) + "\n" for line in lines))
    tracemalloc.start()
    try:
        paths = TargetPaths(tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 5 << 20
    finally:
        tracemalloc.stop()
    assert list(paths.recorded) == ["c/d"]


def test_a_line_that_is_too_long_counts_for_nothing_and_spoils_no_other(tmp_path: Path) -> None:
    good = '{"key": "k", "path": "a", "status": "done"}\n'
    long = '{"x": "' + "y" * (1 << 20) + '"}\n'
    # A piece of a long line that looks like one.
    inside = "z" * downloads_log.LONGEST_LINE + good.replace('"a"', '"c"')
    (tmp_path / LOG_NAME).write_text(good + long + inside + good.replace('"a"', '"b"'))
    assert [path for path, _ in downloads_log.read(tmp_path)] == ["a", "b"]


def test_a_log_that_names_folders_without_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flowtui.transfer.disk import paths

    monkeypatch.setattr(paths, "ALL_FOLDERS", 10_000)
    lines = [
        json.dumps({"key": str(n), "path": f"{n}/" + "a/" * 100 + "x", "status": "done"})
        for n in range(9)
    ]
    (tmp_path / LOG_NAME).write_text("\n".join(lines))
    with pytest.raises(UnfitFile, match="more folders"):
        TargetPaths(tmp_path)


@pytest.mark.parametrize("name", [LOG_NAME, SUMS_NAME, BLOCKS_NAME])
def test_a_record_of_gigabytes_is_told_before_it_is_read(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    os.truncate(tmp_path / name, 3 << 30)
    with pytest.raises(UnfitFile, match=r"3,221,225,472 bytes, of .* at most; move it away"):
        TargetPaths(tmp_path)


def test_a_journal_of_a_gigabyte_fails_its_file_only(lab: Lab) -> None:
    lab.serve(DATA)
    begin(lab.target, DATA[:100], MD5)
    os.truncate(journal_path(lab.target), 1 << 30)
    failed_in_words(lab, journal_path(lab.target), "1,073,741,824 bytes")


@pytest.mark.parametrize("what", ["file", "folder"])
@pytest.mark.parametrize("is_theirs", [False, True])
def test_no_link_of_another_user_is_followed_when_files_are_read_again(
    tmp_path: Path, victim: Path, disown: Disown, what: str, is_theirs: bool
) -> None:
    """Whether it has some size and md5 would tell him what is in the victim's file."""
    root = tmp_path / "to"
    (root / "data").mkdir(parents=True)
    place = root / "data" / victim.name
    if what == "file":
        place.symlink_to(victim)
        link = place
    else:
        (root / "data").rmdir()
        link = root / "data"
        link.symlink_to(victim.parent)
    if is_theirs:
        disown(link)
    recorded = Recorded(
        "data/1", victim.stat().st_size, hashlib.md5(victim.read_bytes()).hexdigest()
    )
    checked = RecordedFolder(root).check(f"data/{victim.name}", recorded)
    if not is_theirs:
        assert checked.state == "ok"
        return
    assert checked.state == "changed"
    assert "link" in checked.why
    assert (checked.size, checked.md5) == (None, None)


@pytest.mark.parametrize("kind", IRREGULAR)
def test_what_is_no_file_is_told_when_files_are_read_again(tmp_path: Path, kind: str) -> None:
    put(kind, tmp_path / "f")
    checked = RecordedFolder(tmp_path).check("f", Recorded("data/1", 5, MD5))
    assert (checked.state, checked.size) == ("changed", None)
    assert "not a regular file" in checked.why


def test_a_file_that_is_read_again_waits_for_a_descriptor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "f").write_bytes(DATA)
    real, left = Folder.open_data, [2]

    def few(self: Folder, name: str) -> int:
        if left[0]:
            left[0] -= 1
            raise OSError(errno.EMFILE, "Too many open files")
        return real(self, name)

    monkeypatch.setattr(Folder, "open_data", few)
    monkeypatch.setattr(recheck.time, "sleep", lambda seconds: None)
    assert RecordedFolder(tmp_path).check("f", Recorded("data/1", len(DATA), MD5)).state == "ok"
