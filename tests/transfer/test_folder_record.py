"""MD5SUMS: `md5sum -c` takes it, and it never speaks of a file that is not there."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowtui.system.files import UnfitFile
from flowtui.transfer.disk import downloads_log, folder_record
from flowtui.transfer.disk.downloads_log import LogEntry
from flowtui.transfer.disk.folder_record import BLOCKS_NAME, SUMS_NAME, FolderRecord
from flowtui.transfer.task import Recorded

needs_md5sum = pytest.mark.skipif(
    shutil.which("md5sum") is None, reason="md5sum of GNU coreutils is not installed"
)


def digest(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()


def put(root: Path, path: str, data: bytes) -> LogEntry:
    """A file, and its entry."""
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
    return entry(path, data, target.stat().st_mtime_ns)


def entry(path: str, data: bytes, mtime_ns: int | None = None, **more: object) -> LogEntry:
    fields: dict[str, object] = {
        "key": f"data/{path}", "file_id": path, "filename": path, "size": len(data), "path": path,
        "md5": digest(data), "verified_by": "md5", "seconds": 0.1, "status": "done",
        "mtime_ns": mtime_ns,
    }  # fmt: skip
    return LogEntry(**{**fields, **more})  # type: ignore[arg-type]


def lines(root: Path) -> dict[str, str]:
    """Path → md5 of the lines that count, read as md5sum reads them: `#` begins a comment."""
    found = {}
    for line in (root / SUMS_NAME).read_text().splitlines():
        if not line.startswith("#"):
            md5, _, path = line.partition("  ")
            assert re.fullmatch("[0-9a-f]{32}", md5), line
            found[path] = md5
    return found


def expect_true(root: Path) -> None:
    """Every line is that of a file that is there."""
    if (root / SUMS_NAME).exists():
        for path, md5 in lines(root).items():
            assert digest((root / path).read_bytes()) == md5, path


def check(root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["md5sum", "-c", "--strict", "--quiet", SUMS_NAME], cwd=root, capture_output=True, text=True
    )


names = st.text(
    st.sampled_from("ab \\\n\r*#~é\x7f'\"")
    | st.characters(exclude_characters="/\0", codec="utf-8"),
    min_size=1,
    max_size=12,
).filter(lambda name: name not in (".", ".."))


@needs_md5sum
@given(st.dictionaries(names, st.binary(max_size=5), min_size=1, max_size=6))
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60
)
def test_md5sum_takes_any_name(tmp_path: Path, files: dict[str, bytes]) -> None:
    root = tmp_path / "t"
    shutil.rmtree(root, ignore_errors=True)
    entries = [put(root, f"d/{name}", data) for name, data in files.items()]
    record = FolderRecord(root)
    record.write(entries[:2])
    record.write(entries[2:])
    done = check(root)
    assert done.returncode == 0 and done.stdout == done.stderr == ""
    # As md5sum itself writes them.
    paths = [one.path for one in entries]
    made = subprocess.run(["md5sum", "--", *paths], cwd=root, capture_output=True, check=True)
    assert (root / SUMS_NAME).read_bytes() == made.stdout
    # Each can be found again, replaced and struck out.
    other = [put(root, path, b"new") for path in paths]
    FolderRecord(root).write(other)
    assert check(root).returncode == 0
    assert (root / SUMS_NAME).read_bytes().count(digest(b"new").encode()) == len(paths)
    FolderRecord(root).strike(paths)
    assert all(line[:1] == b"#" for line in (root / SUMS_NAME).read_bytes().splitlines())


def test_a_file_without_md5_of_flow_has_the_one_that_was_measured(tmp_path: Path) -> None:
    FolderRecord(tmp_path).write([put(tmp_path, "a", b"x"), entry("b", b"", md5=None)])
    assert lines(tmp_path) == {"a": digest(b"x")}


def test_a_failed_file_takes_its_line_along_if_it_is_gone(tmp_path: Path) -> None:
    record = FolderRecord(tmp_path)
    record.write([put(tmp_path, "a", b"x"), put(tmp_path, "b", b"y")])
    (tmp_path / "a").unlink()
    record.write([entry(path, b"", status="failed", md5=None) for path in ("a", "b")])
    assert list(lines(tmp_path)) == ["b"]


def test_a_replaced_file_has_one_line(tmp_path: Path) -> None:
    record = FolderRecord(tmp_path)
    record.write([put(tmp_path, "a", b"x"), put(tmp_path, "b", b"y")])
    record.strike(["a"], durable=True)
    assert list(lines(tmp_path)) == ["b"]
    record.write([put(tmp_path, "a", b"z")])
    assert (tmp_path / SUMS_NAME).read_text() == f"{digest(b'z')}  a\n{digest(b'y')}  b\n"
    record.write([put(tmp_path, "a", b"z")])
    assert len((tmp_path / SUMS_NAME).read_text().splitlines()) == 2


def test_what_an_earlier_run_left_out_is_added(tmp_path: Path) -> None:
    """A folder of an earlier version, or a kill between log and checksums."""
    here = [put(tmp_path, path, path.encode()) for path in "abcd"]
    downloads_log.append(tmp_path, [*here, entry("gone", b"")])
    (tmp_path / "b").write_bytes(b"other")
    (tmp_path / "c").write_bytes(b"C")
    os.utime(tmp_path / "c", (1, 1))
    record = FolderRecord(tmp_path)
    record.expect(dict(downloads_log.read(tmp_path)))
    record.write([])
    assert list(lines(tmp_path)) == ["a", "d"]
    expect_true(tmp_path)


@pytest.mark.parametrize("name", ["a", "b\\c", "d\ne"])
def test_a_line_of_ours_that_was_edited_is_put_right_by_the_next_run(
    tmp_path: Path, name: str
) -> None:
    made = put(tmp_path, name, b"a"), put(tmp_path, "z", b"z")
    FolderRecord(tmp_path).write(list(made))
    right = (tmp_path / SUMS_NAME).read_bytes()
    (tmp_path / SUMS_NAME).write_bytes(right.replace(digest(b"a").encode(), b"0" * 32))
    later = FolderRecord(tmp_path)
    later.expect(dict(downloads_log.read(tmp_path)))
    later.write([])
    assert (tmp_path / SUMS_NAME).read_bytes() == right


def test_the_next_run_strikes_what_somebody_took_away(tmp_path: Path) -> None:
    paths = ["a", "b", "d/e", "d/f", "g/h"]
    FolderRecord(tmp_path).write([put(tmp_path, path, b"x") for path in paths])
    (tmp_path / "b").unlink()
    (tmp_path / "d/e").unlink()
    shutil.rmtree(tmp_path / "g")
    later = FolderRecord(tmp_path)
    later.expect(dict(downloads_log.read(tmp_path)))
    later.write([put(tmp_path, "i", b"x")])
    assert set(lines(tmp_path)) == {"a", "d/f", "i"}
    expect_true(tmp_path)


def test_struck_lines_are_gone_after_the_next_run(tmp_path: Path) -> None:
    record = FolderRecord(tmp_path)
    record.write([put(tmp_path, path, b"") for path in "abc"])
    record.strike(["b"])
    mode = (tmp_path / SUMS_NAME).stat().st_mode
    FolderRecord(tmp_path).write([put(tmp_path, "d", b"")])
    assert [line[-1] for line in (tmp_path / SUMS_NAME).read_text().splitlines()] == ["a", "c", "d"]
    assert (tmp_path / SUMS_NAME).stat().st_mode == mode
    record.write([put(tmp_path, "e", b"")])  # who had the earlier file sees the new one
    assert list(lines(tmp_path)) == ["a", "c", "d", "e"]
    record.strike("acde")
    FolderRecord(tmp_path).write([entry("f", b"", status="failed", md5=None)])
    assert not (tmp_path / SUMS_NAME).exists()


def test_lines_of_others_stay_and_an_edit_does_no_harm(tmp_path: Path) -> None:
    sums = tmp_path / SUMS_NAME
    sums.write_text("# mine\n" + "a" * 32 + "  ./theirs\ngarbage")
    record = FolderRecord(tmp_path)
    record.write([put(tmp_path, "a", b"x"), put(tmp_path, "b", b"y")])
    before = sums.read_text()
    assert before.startswith("# mine\n" + "a" * 32 + "  ./theirs\ngarbage\n")
    with sums.open("r+") as stream:  # the same inode, and every line elsewhere
        stream.write("# more\n" + before)
    record.write([put(tmp_path, "a", b"z")])
    assert sums.read_text() == "# more\n" + before.replace(digest(b"x"), digest(b"z"))


def test_a_link_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious")
    (tmp_path / SUMS_NAME).symlink_to("precious")
    with pytest.raises(UnfitFile, match="a link"):
        FolderRecord(tmp_path).write([put(tmp_path, "a", b"x")])
    assert (tmp_path / "precious").read_text() == "precious"
    assert [path for path, _ in downloads_log.read(tmp_path)] == ["a"]


def test_it_can_be_left_out_and_stays_true(tmp_path: Path) -> None:
    FolderRecord(tmp_path).write([put(tmp_path, "a", b"x"), put(tmp_path, "b", b"y")])
    record = FolderRecord(tmp_path, adds=False)
    record.strike(["a"])
    record.write([put(tmp_path, "c", b"z")])
    assert list(lines(tmp_path)) == ["b"]


class Killed(BaseException):
    pass


class DyingSystem:
    """The calls that write, of which the last one is done by half, or not at all."""

    def __init__(self, calls: int, *, torn: bool) -> None:
        self.left = calls
        self._torn = torn

    def __getattr__(self, name: str) -> object:
        return getattr(os, name)

    def pwrite(self, descriptor: int, data: bytes, at: int) -> int:
        return self._do(lambda part: os.pwrite(descriptor, part, at), data)

    def write(self, descriptor: int, data: bytes) -> int:
        return self._do(lambda part: os.write(descriptor, part), data)

    def _do(self, call: Callable[[bytes], int], data: bytes) -> int:
        if self.left <= 0:
            if self._torn and self.left == 0 and len(data) > 1:
                call(bytes(data)[: len(data) * 2 // 3])
            self.left = -1
            raise Killed
        self.left -= 1
        return call(data)


@pytest.mark.parametrize("torn", [False, True])
def test_a_kill_at_any_write_leaves_only_true_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, torn: bool
) -> None:
    old, new = {f"s/{n}": b"old %d" % n for n in range(4)}, {"s/2": b"newer", "s/8": b"8"}
    for calls in range(40):
        root = tmp_path / f"{torn}{calls}"
        FolderRecord(root).write([put(root, path, data) for path, data in old.items()])
        FolderRecord(root).strike(["s/1"])
        (root / "s/1").unlink()
        system = DyingSystem(calls, torn=torn)
        with monkeypatch.context() as patched:
            for module in (folder_record, downloads_log):
                patched.setattr(module, "os", system)
            try:
                record = FolderRecord(root)
                record.strike(["s/2"])
                entries = [put(root, path, data) for path, data in new.items()]
                record.write(entries)
                was_killed = False
            except Killed:
                was_killed = True
        expect_true(root)
        if was_killed and system.left == -1:
            # The next run has them all, whether the log has them or the file is read again.
            after = FolderRecord(root)
            after.expect(dict(downloads_log.read(root)))
            after.write([put(root, path, data) for path, data in new.items()])
        assert lines(root) == {
            path: digest(data) for path, data in (old | new).items() if path != "s/1"
        }
        expect_true(root)
        if not was_killed:
            return
    pytest.fail("it was killed at every write")


def test_a_full_disk_leaves_only_true_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = FolderRecord(tmp_path)
    record.write([put(tmp_path, "a", b"x")])
    before = (tmp_path / SUMS_NAME).read_bytes()
    written = 0

    class FullDisk:
        def __getattr__(self, name: str) -> object:
            return getattr(os, name)

        def pwrite(self, descriptor: int, data: bytes, at: int) -> int:
            nonlocal written
            if len(data) > 1:
                if written:
                    raise OSError(errno.ENOSPC, "No space left on device")
                written = os.pwrite(descriptor, bytes(data)[:40], at)
                return written
            return os.pwrite(descriptor, data, at)

    with monkeypatch.context() as patched:
        patched.setattr(folder_record, "os", FullDisk())
        with pytest.raises(OSError, match="No space"):
            record.write([put(tmp_path, "b" * 30, b"y")])
    assert written == 40 and (tmp_path / SUMS_NAME).read_bytes() == before


WRITER = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from test_folder_record import put
from flowtui.transfer.disk.folder_record import FolderRecord
root, me = Path(sys.argv[1]), sys.argv[2]
record = FolderRecord(root)
n = 0
while n < 60 or me == "endless":
    fresh = [put(root, f"{me}/{n}/{k}", os.urandom(8)) for k in range(3)]
    record.write(fresh)
    if n % 3 == 0:
        record.strike([fresh[1].path])
        (root / fresh[1].path).unlink()
    if n == 5:
        print(flush=True)
    n += 1
"""


def writer(root: Path, me: str) -> subprocess.Popen[str]:
    here = str(Path(__file__).parent)
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(root), me, here], stdout=subprocess.PIPE, text=True
    )


@needs_md5sum
def test_several_processes_share_one_file(tmp_path: Path) -> None:
    writers = [writer(tmp_path, str(me)) for me in range(3)]
    for one in writers:
        one.communicate(timeout=100)
    assert [one.returncode for one in writers] == [0, 0, 0]
    assert len(lines(tmp_path)) == 3 * (60 * 3 - 20)
    done = subprocess.run(["md5sum", "-c", "--quiet", SUMS_NAME], cwd=tmp_path, capture_output=True)
    assert (done.returncode, done.stdout) == (0, b"")


@pytest.mark.parametrize("trial", range(3))
def test_a_killed_process_leaves_only_true_lines(tmp_path: Path, trial: int) -> None:
    one = writer(tmp_path, "endless")
    assert one.stdout is not None
    one.stdout.readline()
    one.send_signal(signal.SIGKILL)
    one.wait(30)
    one.stdout.close()
    expect_true(tmp_path)
    FolderRecord(tmp_path).write([put(tmp_path, "after", b"x")])
    expect_true(tmp_path)
    assert "after" in lines(tmp_path)


@pytest.mark.parametrize("held", [False, True])
def test_without_locks_a_file_beside_the_log_is_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: bool
) -> None:
    from flowtui.system import locks

    def no_locks(descriptor: int, how: int) -> None:
        raise OSError(524, "no locks here")

    FolderRecord(tmp_path).write([put(tmp_path, "a", b"x"), put(tmp_path, "b", b"y")])
    monkeypatch.setattr(locks.fcntl, "flock", no_locks)
    monkeypatch.setattr(downloads_log, "PATIENCE", 0.0)
    beside = tmp_path / "downloads.log.lock"
    if held:
        beside.write_text('{"boot": "elsewhere 1", "pid": 1}')
    record = FolderRecord(tmp_path)
    record.strike(["b"])
    record.write([put(tmp_path, "c", b"z")])
    assert list(lines(tmp_path)) == (["a"] if held else ["a", "c"])  # a line left out is no lie
    assert beside.exists() is held
    assert [path for path, _ in downloads_log.read(tmp_path)] == ["a", "b", "c"]


def test_a_recorded_md5_that_is_none_is_not_written(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    downloads_log.append(tmp_path, [])
    record = FolderRecord(tmp_path)
    found = (tmp_path / "a").stat()
    record.expect({"a": Recorded("k", 1, "x\n" + "a" * 30, mtime_ns=found.st_mtime_ns)})
    record.write([])
    assert not (tmp_path / SUMS_NAME).exists()


def large(path: str, data: bytes) -> LogEntry:
    """An entry of a file of two blocks, as far as the record knows."""
    return replace(entry(path, data), blocks=hashlib.sha256(data).digest()[:8])


def test_the_blocks_of_a_file_that_comes_again_are_recorded_once(tmp_path: Path) -> None:
    record = FolderRecord(tmp_path)
    for each in (record, record, FolderRecord(tmp_path)):
        each.write([large("a", b"a")])
    text = (tmp_path / BLOCKS_NAME).read_bytes()
    assert text.count(b"\n") == 1
    (tmp_path / BLOCKS_NAME).write_bytes(text[:-3])  # cut off by a kill
    record.write([large("a", b"a")])
    assert (tmp_path / BLOCKS_NAME).read_text().splitlines()[-1] == text.decode().strip()


def test_the_blocks_of_files_that_are_here_no_more_are_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_record, "MANY_BLOCKS", 500)
    record = FolderRecord(tmp_path)
    record.write([large("kept", b"kept")])
    path = tmp_path / BLOCKS_NAME
    sizes = []
    for number in range(100):
        record.write([large("changes each day", b"%d" % number)])
        sizes.append(path.stat().st_size)
    assert max(sizes) < 700
    text = path.read_text()
    assert digest(b"kept") in text
    assert digest(b"99") in text
    assert path.stat().st_mode & 0o777 == (tmp_path / downloads_log.LOG_NAME).stat().st_mode & 0o777
    assert not (tmp_path / folder_record.RENEWED_BLOCKS).exists()
