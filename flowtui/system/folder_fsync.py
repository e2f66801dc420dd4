"""Putting a folder's entries on the disk, once for all who ask at the same time.

A batch of small files ends in one folder, many a second. Each rename must be on the disk before
its file is called done, but one flush serves all renames that came before it began. Who notes the
`change` that was made needs no flush of its own where one began later and has ended well.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

from flowtui.system.descriptors import patiently

GATHER = 0.01
"""Seconds that a flush waits for more to flush, where one has just ended: then files come fast."""

REMEMBERED = 64
"""Folders whose last flush is remembered."""

_CANNOT = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP}


@dataclass(frozen=True)
class Change:
    """A change of a folder's entries, such as a rename.

    Attributes:
        after: how many flushes, of any folder, had begun before.
    """

    folder: Path
    after: int


@dataclass
class _Flushes:
    """Those of this process.

    Attributes:
        begun: how many so far. `ended_well`: for each folder, which was the last one.
        running, next: for each folder, the flush under way and that of all who came since.
    """

    lock: threading.Lock = field(default_factory=threading.Lock)
    begun: int = 0
    ended_well: dict[Path, int] = field(default_factory=dict)
    running: dict[Path, Future[None]] = field(default_factory=dict)
    next: dict[Path, Future[None]] = field(default_factory=dict)

    def begin(self) -> int:
        with self.lock:
            self.begun += 1
            return self.begun

    def end(self, folder: Path, mine: Future[None], well: int | None = None) -> None:
        with self.lock:
            if self.running.get(folder) is mine:
                del self.running[folder]
            if well is not None:
                self.ended_well.pop(folder, None)
                self.ended_well[folder] = well
                if len(self.ended_well) > REMEMBERED:
                    del self.ended_well[next(iter(self.ended_well))]


_flushes = _Flushes()


def change(folder: Path) -> Change:
    """Note that an entry of a folder has just been changed."""
    with _flushes.lock:
        return Change(folder, _flushes.begun)


def flush_folder(folder: Path, made: Change | None = None) -> None:
    """Put a folder's entries on the disk, where its file system can do so.

    With `made`, nothing is done where that change is there already. Raises OSError.
    """
    with _flushes.lock:
        if made is not None and _flushes.ended_well.get(folder, 0) > made.after:
            return
        running = _flushes.running.get(folder)
        mine: Future[None] | None = None
        if running is None:
            mine = _flushes.running[folder] = Future()
        elif folder in _flushes.next:
            shared = _flushes.next[folder]
        else:
            # The one under way may have begun before our rename: the next is ours, and that of
            # all who come until it begins.
            mine = _flushes.next[folder] = Future()
    if mine is None:
        shared.result()
        return
    if running is not None:
        _wait(running)
        time.sleep(GATHER)
        with _flushes.lock:
            del _flushes.next[folder]
            _flushes.running[folder] = mine
    number = _flushes.begin()
    try:
        _flush(folder)
    except BaseException as error:
        _flushes.end(folder, mine)
        mine.set_exception(error)
        raise
    _flushes.end(folder, mine, number)
    mine.set_result(None)


def _wait(other: Future[None]) -> None:
    """Wait for the end of another's flush, however it ends: that is for its own callers."""
    other.exception()


def _flush(folder: Path) -> None:
    descriptor = patiently(lambda: os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems cannot sync a folder; they do so by themselves on rename.
        if error.errno not in _CANNOT:
            raise
    finally:
        os.close(descriptor)
