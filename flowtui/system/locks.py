"""A lock on an open file, so that one process alone uses it.

Normally the kernel's (`flock`), which goes with the process. There are network file systems that
know none (NFS without a lock daemon, some FUSE ones): there a file beside it, `NAME.lock`, says
who holds it. Such a lock can outlive its holder, so it names host, boot and process, and one whose
holder is dead is taken over.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

from flowtui.system.boot import this_boot

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


def lock(descriptor: int, path: Path) -> Callable[[], None]:
    """Lock the open file at `path`; what is returned lets go of it, besides closing the file.

    Raises Held, OSError.
    """
    try:
        known = _locks_known(lambda: fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB))
    except BlockingIOError:
        raise Held("another process") from None
    if known:
        return lambda: None
    return _lock_beside(path.with_name(path.name + ENDING))


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


def wait_for_lock(descriptor: int, path: Path, patience: float) -> Callable[[], None] | None:
    """Lock the open file at `path`, waiting for whoever has it; what is returned lets go of it.

    Where the file system has no locks, the file beside it is waited for `patience` seconds; None
    where that is not to be had either. Raises OSError where nobody can tell.
    """
    if _locks_known(lambda: fcntl.flock(descriptor, fcntl.LOCK_EX)):
        return lambda: fcntl.flock(descriptor, fcntl.LOCK_UN)
    deadline = time.monotonic() + patience
    while True:
        try:
            return _lock_beside(path.with_name(path.name + ENDING))
        except Held:
            if time.monotonic() >= deadline:
                return None
        except OSError:
            return None
        time.sleep(ASK_AGAIN)


ASK_AGAIN = 0.01
"""Seconds between two looks whether a lock beside a file is free."""


def is_held(path: Path) -> bool:
    """Whether a process has the lock of the file at `path` now. Raises OSError."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        # Shared, so that two who look at once do not take each other for the holder.
        if _locks_known(lambda: fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)):
            return False
        text = _read(path.with_name(path.name + ENDING))
        return text is not None and bool(_living_holder(text))
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)


def has_record_locks(file: Path) -> bool:
    """Whether the file system of `file` knows the locks that SQLite uses. Raises OSError.

    Not to be asked while this process has the file open: closing it lets go of all of them.
    """
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        return _locks_known(lambda: fcntl.lockf(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB, 1))
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)


def _lock_beside(file: Path) -> Callable[[], None]:
    mine = json.dumps({"boot": this_boot(), "pid": os.getpid(), "started": _start_of(os.getpid())})
    for _ in range(3):
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        except FileExistsError:
            text = _read(file)
            if text is not None and (holder := _living_holder(text)):
                raise Held(f"{holder} (if that is wrong, remove {file})") from None
            _remove_if_still(file, text)
            continue
        try:
            os.write(descriptor, mine.encode())
        finally:
            os.close(descriptor)
        return lambda: _remove_if_still(file, mine)
    raise Held(f"another process (see {file})")


def _read(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None


def _living_holder(text: str) -> str:
    """Who holds the lock that says `text`, in words; empty where he is dead."""
    try:
        said = json.loads(text)
        boot, pid, started = str(said["boot"]), int(said["pid"]), said.get("started")
    except (ValueError, KeyError, TypeError):
        return "an unknown process"
    host = boot.split(" ", maxsplit=1)[0]
    if host != this_boot().split(" ")[0]:
        return f"process {pid} on {host}"
    if boot != this_boot() or _start_of(pid) is None or _start_of(pid) != started:
        return ""
    return f"process {pid}"


def _start_of(pid: int) -> str | None:
    """When a process of this host began, in the kernel's ticks; None where there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()[19]


def _remove_if_still(file: Path, text: str | None) -> None:
    """Take the lock file away, unless it is another one by now."""
    if _read(file) == text:
        file.unlink(missing_ok=True)
