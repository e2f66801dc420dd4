"""Putting a folder's entries on the disk, once for all who ask at the same time.

A batch of small files ends in one folder, many a second. Each rename must be on the disk before
its file is called done, but one flush serves all renames that came before it began.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from concurrent.futures import Future
from pathlib import Path

GATHER = 0.01
"""Seconds that a flush waits for more to flush, where one has just ended: then files come fast."""
_CANNOT = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP}

_lock = threading.Lock()
_running: dict[Path, Future[None]] = {}
_next: dict[Path, Future[None]] = {}


def flush_folder(folder: Path) -> None:
    """Put a folder's entries on the disk, where its file system can do so. Raises OSError."""
    with _lock:
        running = _running.get(folder)
        mine: Future[None] | None = None
        if running is None:
            mine = _running[folder] = Future()
        elif folder in _next:
            shared = _next[folder]
        else:
            # The one under way may have begun before our rename: the next is ours, and that of
            # all who come until it begins.
            mine = _next[folder] = Future()
    if mine is None:
        shared.result()
        return
    if running is not None:
        _wait(running)
        time.sleep(GATHER)
        with _lock:
            del _next[folder]
            _running[folder] = mine
    try:
        _flush(folder)
    except BaseException as error:
        _done(folder, mine)
        mine.set_exception(error)
        raise
    _done(folder, mine)
    mine.set_result(None)


def _done(folder: Path, mine: Future[None]) -> None:
    with _lock:
        if _running.get(folder) is mine:
            del _running[folder]


def _wait(other: Future[None]) -> None:
    """Wait for the end of another's flush, however it ends: that is for its own callers."""
    other.exception()


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems cannot sync a folder; they do so by themselves on rename.
        if error.errno not in _CANNOT:
            raise
    finally:
        os.close(descriptor)
