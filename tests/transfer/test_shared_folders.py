"""A folder of a group: modes by the umask, parts and logs that two people continue, odd locks."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flowtui.engine.bulk.notes import Note, Notes
from flowtui.system import locks
from flowtui.system.locks import Held
from flowtui.transfer.disk import downloads_log
from flowtui.transfer.disk.downloads_log import LOG_NAME, LogEntry
from flowtui.transfer.disk.part_file import PartFile, journal_path, open_locked, part_path
from flowtui.transfer.identity import Identity
from support.lab import Lab, content
from support.services import rows
from support.waiting import GUARD, until

KNOWN_BY_NAME = ("ENOLCK", "EOPNOTSUPP", "ENOSYS", "EINVAL", "EIO", "EBADF", "EACCES", "EPERM",
                 "ENOTTY", "EREMOTEIO", "EPROTONOSUPPORT")  # fmt: skip

NO_LOCKS = [getattr(errno, name) for name in KNOWN_BY_NAME] + [524]
"""What file systems were seen to answer; 524 is the kernel's own ENOTSUPP."""

AWAY = [errno.ESTALE, errno.ETIMEDOUT, errno.EHOSTDOWN]


def entry(path: str) -> LogEntry:
    return LogEntry("data/1", "1", path, 1, path, None, "size", 0.1, "done")


def refusing(number: int) -> Callable[..., None]:
    def refuse(*args: object) -> None:
        if number in (errno.EACCES, errno.EPERM):
            raise PermissionError(number, os.strerror(number))
        raise OSError(number, os.strerror(number))

    return refuse


@pytest.mark.parametrize("number", NO_LOCKS)
def test_whatever_a_lock_is_refused_with_there_are_no_locks_here(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fcntl, "flock", refusing(number))
    monkeypatch.setattr(fcntl, "lockf", refusing(number))
    descriptor, unlock = open_locked(tmp_path / "a.part")
    assert (tmp_path / "a.part.lock").exists()
    with pytest.raises(Held):
        locks.lock(descriptor, tmp_path / "a.part")
    assert locks.is_held(tmp_path / "a.part")
    unlock()
    assert not locks.is_held(tmp_path / "a.part")
    os.close(descriptor)
    assert not locks.has_record_locks(tmp_path / "queue.db")
    downloads_log.append(tmp_path, [entry("a")])
    assert [path for path, _ in downloads_log.read(tmp_path)] == ["a"]
    notes, others = Notes(), Notes()
    note = Note("c", "https://x", "7", ("data/1",))
    assert notes.write(tmp_path, note)
    assert not others.write(tmp_path, note)
    notes.close()
    assert others.find(tmp_path, "https://x") == [note]
    others.close()


@pytest.mark.parametrize("number", AWAY)
def test_a_server_that_is_away_says_nothing_of_locks(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Taken for a file system without locks, two processes could write one file."""
    monkeypatch.setattr(fcntl, "flock", refusing(number))
    with pytest.raises(OSError, match=os.strerror(number)):
        open_locked(tmp_path / "a.part")
    assert not (tmp_path / "a.part.lock").exists()


@pytest.fixture(params=[0o002, 0o007, 0o077, 0o022])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_all_that_is_made_in_the_target_folder_has_the_mode_of_the_umask(
    umask: int, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.serve(content(3 << 20)).rate = 2e6
    made = lab.start()
    until(lambda: journal_path(lab.target).exists() and rows(made)[0].done > 0)
    during = {path.name: mode(path) for path in lab.target.parent.iterdir()}
    lab.file.rate = 0
    assert made.wait_idle(GUARD)
    lab.stop()
    Notes().write(lab.root, Note("c", "https://x", "7", ("data/1",)))
    after = {path.name: mode(path) for path in lab.root.rglob("*") if path.is_file()}
    assert set(after) == {"a.bin", LOG_NAME, "MD5SUMS", ".flowtui-bulk-c.jsonl"}
    assert set((during | after).values()) == {0o666 & ~umask}
    assert mode(lab.target.parent) == 0o777 & ~umask


def test_the_file_that_stands_for_a_lock_has_it_too(
    umask: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fcntl, "flock", refusing(errno.ENOLCK))
    descriptor, unlock = open_locked(tmp_path / "a.part")
    assert mode(tmp_path / "a.part.lock") == 0o666 & ~umask
    unlock()
    os.close(descriptor)


def test_who_cannot_write_the_log_gets_the_file_and_is_told_once(lab: Lab) -> None:
    """A folder in its place refuses everybody, root too."""
    (lab.root / LOG_NAME).mkdir(parents=True)
    lab.serve(content(1000))
    made = lab.start()
    assert made.wait_idle(GUARD)
    until(lambda: made.trouble)
    assert made.trouble.count(LOG_NAME) == 1
    assert made.trouble.startswith(f"cannot write {lab.root / LOG_NAME}: it is a folder, not")
    assert lab.stop().state == "done"


# Two people, by their user ids

ANNA, BEN, GROUP = 54321, 54322, 54399

needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can be two users")


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder of a group, where pytest's own is closed to all others."""
    folder = Path(tempfile.mkdtemp(prefix="flowtui-shared-"))
    os.chown(folder, ANNA, GROUP)
    folder.chmod(0o2770)
    yield folder
    shutil.rmtree(folder)


def as_user(user: int, umask: int, work: Callable[[], object]) -> object:
    """What `work` gives in a process of another user of the group; exceptions as their text."""
    reader, writer = os.pipe()
    if (pid := os.fork()) == 0:
        answer: object = None
        try:
            os.setgroups([GROUP])
            os.setgid(user)
            os.setuid(user)
            os.umask(umask)
            answer = work()
        except BaseException as error:
            answer = f"{type(error).__name__}: {error}"
        finally:
            os.write(writer, json.dumps(answer).encode())
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        said = stream.read()
    os.waitpid(pid, 0)
    return json.loads(said)


def begin(target: Path) -> list[list[int]]:
    """Write some of a part, and give what was there before."""
    part = PartFile(target, Identity("data/1", 4000, md5="a" * 32))
    before = [list(span) for span in part.done]
    start = 1000 * (1 + len(before))
    part.write(start, b"x" * 500)
    part.note(start, start + 500)
    part.flush()
    part.close()
    return before


@needs_root
def test_two_of_a_group_continue_each_other_s_part_and_share_a_log(shared: Path) -> None:
    target = shared / "a.bin"
    assert as_user(ANNA, 0o002, lambda: begin(target)) == []
    assert as_user(BEN, 0o002, lambda: begin(target)) == [[1000, 1500]]
    assert as_user(ANNA, 0o002, lambda: begin(target)) == [[1000, 1500], [2000, 2500]]
    for user in (ANNA, BEN, ANNA):
        assert as_user(user, 0o002, lambda: downloads_log.append(shared, [entry("a")])) is None
    assert len((shared / LOG_NAME).read_text().splitlines()) == 3
    assert part_path(target).stat().st_gid == GROUP


@needs_root
def test_who_may_not_write_another_s_file_is_told_whose_it_is_and_what_helps(
    shared: Path,
) -> None:
    target = shared / "a.bin"
    as_user(ANNA, 0o022, lambda: begin(target))
    said = as_user(BEN, 0o022, lambda: begin(target))
    assert said == (
        f"PermanentError: cannot write a.bin.part, which user {ANNA} began: Permission denied; ask"
        f" user {ANNA} to `chmod g+w` it, or remove it"
    )
    as_user(ANNA, 0o022, lambda: downloads_log.append(shared, [entry("a")]))

    def append() -> str:
        try:
            downloads_log.append(shared, [entry("b")])
        except OSError as error:
            return downloads_log.trouble(shared, error)
        return ""

    assert as_user(BEN, 0o022, append) == (
        f"cannot write {shared / LOG_NAME}: Permission denied; ask user {ANNA} to `chmod g+w` it."
        " Downloads go on, but are not recorded there"
    )
    note = Note("c", "https://x", "7", ("data/1",))
    assert as_user(ANNA, 0o022, lambda: Notes().write(shared, note)) is True
    assert as_user(BEN, 0o022, lambda: Notes().write(shared, note)) is False
    assert as_user(BEN, 0o022, lambda: Notes().find(shared, "https://x")) == []


def test_a_part_that_is_our_own_and_closed_is_no_other_user_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error stays the one of the disk, whose words name the folder."""
    real = os.open

    def refuse(path: object, *more: int, **rest: int) -> int:
        if str(path).endswith(".part"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return real(path, *more, **rest)  # type: ignore[arg-type]

    (tmp_path / "a.part").touch()
    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(PermissionError):
        open_locked(tmp_path / "a.part")
