"""A lock on an open file, so that one process alone uses it.

Normally the kernel's (`flock`), which goes with the process. There are network file systems that
know none (NFS without a lock daemon, some FUSE ones): there a file beside it, `NAME.lock`, says
who holds it. Such a lock can outlive its holder, so it names host, boot and process, and one whose
holder is dead is taken over.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

from flowtui.system.boot import this_boot
from flowtui.system.files import UnfitFile, open_regular, parse_json, read_regular
from flowtui.system.machine import start_of

ENDING = ".lock"

_OTHER_TROUBLE = {
    errno.ESTALE, errno.ETIMEDOUT, errno.ENOTCONN, errno.EHOSTDOWN, errno.EHOSTUNREACH,
    errno.ENOLINK, errno.ENOMEM, errno.EROFS, errno.ENOSPC, errno.EDQUOT,
}  # fmt: skip
"""What says nothing of locks: the file system's server is away, its disk full, or the like.

Whatever else a lock is answered with means that there are no locks here: ENOLCK and ENOSYS, but
also EINVAL, EIO, EBADF, EACCES and 524, which has no name outside the kernel.
"""


class Held(Exception):
    """Another process has it; the message says who, where that is known."""


def lock(descriptor: int, path: Path, folder: int | None = None) -> Callable[[], None]:
    """Lock the open file at `path`; what is returned lets go of it, besides closing the file.

    `folder`: the open folder that it is in, which stays open. Raises Held, OSError.
    """
    try:
        known = _locks_known(lambda: fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB))
    except BlockingIOError:
        raise Held("another process") from None
    if known:
        return lambda: None
    return _lock_beside(path.with_name(path.name + ENDING), folder)


def _locks_known(lock: Callable[[], None]) -> bool:
    """Call `lock`; False where the file system knows no locks.

    Raises BlockingIOError where another process has it, OSError where nobody can tell.
    """
    try:
        lock()
    except BlockingIOError:
        raise
    except OSError as error:
        if error.errno in _OTHER_TROUBLE:
            raise
        return False
    return True


def wait_for_lock(
    descriptor: int, path: Path, patience: float, folder: int | None = None
) -> Callable[[], None] | None:
    """Lock the open file at `path`, waiting `patience` seconds for whoever has it.

    What is returned lets go of it; None where it is not to be had: somebody keeps it, or there are
    no locks here, and none by a file beside it. For `folder` see `lock`. Raises OSError where
    nobody can tell.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            known = _locks_known(lambda: fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB))
        except BlockingIOError:
            known = True
        else:
            if known:
                return lambda: fcntl.flock(descriptor, fcntl.LOCK_UN)
        if not known:
            with contextlib.suppress(Held):
                try:
                    return _lock_beside(path.with_name(path.name + ENDING), folder)
                except OSError:
                    return None
        if time.monotonic() >= deadline:
            return None
        time.sleep(ASK_AGAIN)


ASK_AGAIN = 0.01
"""Seconds between two looks whether a lock beside a file is free."""


def is_held(path: Path) -> bool:
    """Whether a process has the lock of the file at `path` now. Raises OSError."""
    try:
        descriptor = open_regular(path)
    except FileNotFoundError:
        return False
    try:
        # Shared, so that two who look at once do not take each other for the holder.
        if _locks_known(lambda: fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)):
            return False
        text = _read(path.with_name(path.name + ENDING), None)
        return text is not None and bool(_living_holder(text))
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)


def has_locks(descriptor: int) -> bool:
    """Whether the file system of an open file knows locks of its own. Raises OSError."""
    try:
        return _locks_known(lambda: fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB))
    except BlockingIOError:
        return True


def has_record_locks(file: Path) -> bool:
    """Whether the file system of `file` knows the locks that SQLite uses. Raises OSError.

    Not to be asked while this process has the file open: closing it lets go of all of them.
    """
    descriptor = open_regular(file, os.O_RDWR | os.O_CREAT)
    try:
        return _locks_known(lambda: fcntl.lockf(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB, 1))
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)


def _lock_beside(file: Path, folder: int | None) -> Callable[[], None]:
    mine = json.dumps({"boot": this_boot(), "pid": os.getpid(), "started": start_of(os.getpid())})
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    for _ in range(3):
        try:
            descriptor = os.open(_name(file, folder), flags, 0o666, dir_fd=folder)
        except FileExistsError:
            text = _read(file, folder)
            if text is not None and (holder := _living_holder(text)):
                raise Held(f"{holder} (if that is wrong, remove {file})") from None
            _remove_if_still(file, folder, text)
            continue
        try:
            os.write(descriptor, mine.encode())
        finally:
            os.close(descriptor)
        return lambda: _remove_if_still(file, folder, mine)
    raise Held(f"another process (see {file})")


def _name(file: Path, folder: int | None) -> str:
    return str(file) if folder is None else file.name


def _read(file: Path, folder: int | None) -> str | None:
    """What a lock file says, None where there is none. Raises UnfitFile, OSError."""
    try:
        content = read_regular(
            _name(file, folder), LONGEST, flags=os.O_RDONLY | os.O_NOFOLLOW, folder=folder
        )
    except FileNotFoundError:
        return None
    except UnfitFile as error:
        error.filename = str(file)
        raise
    return content.decode("utf-8", "replace")


LONGEST = 4096
"""Bytes of a lock file."""


def _living_holder(text: str) -> str:
    """Who holds the lock that says `text`, in words; empty where he is dead."""
    try:
        said = parse_json(text)
        boot, pid, started = str(said["boot"]), int(said["pid"]), said.get("started")
    except (ValueError, KeyError, TypeError, OverflowError):
        return "a process that did not say who it is"
    host = boot.split(" ", maxsplit=1)[0]
    if host != this_boot().split(" ")[0]:
        return f"process {pid} on {host}"
    if boot != this_boot() or start_of(pid) is None or start_of(pid) != started:
        return ""
    return f"process {pid}"


def _remove_if_still(file: Path, folder: int | None, text: str | None) -> None:
    """Take the lock file away, unless it is another one by now."""
    if _read(file, folder) == text:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(_name(file, folder), dir_fd=folder)
