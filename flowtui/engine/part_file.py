"""The unfinished file beside its target: `NAME.part`, locked, with its journal.

Bytes are written at their own offsets, by any number of threads. After every few MiB the journal
learns of them, so that a killed process loses little; `flush` puts bytes and journal on the disk,
so that a crashed machine loses little too.
"""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path

from flowtui.engine import journal
from flowtui.engine.failures import Busy
from flowtui.engine.folder_flush import flush_folder
from flowtui.engine.journal import Identity, Journal
from flowtui.engine.names import JOURNAL, PART
from flowtui.engine.ranges import RangeSet

NOTE_EVERY = 256 << 10
"""Bytes that a connection writes between two notes in the journal; at most 16 connections write
to one file, as much at once at most, so a kill costs at most 8 MiB of one file."""


def part_path(target: Path) -> Path:
    """Where the bytes of `target` are until it is whole."""
    return target.with_name(target.name + PART)


def journal_path(target: Path) -> Path:
    """Where the record of those bytes is."""
    return target.with_name(target.name + JOURNAL)


class PartFile:
    """An open, locked part file. Close it, or `finish` it.

    Attributes:
        done: the ranges that were on disk when it was opened.
        identity: what the journal knows of the remote file.
    """

    def __init__(self, target: Path, identity: Identity, *, journaled: bool = True) -> None:
        """Open or make the part file of `target`.

        What an earlier run left is used where its journal names the same file. With `journaled`
        false (a file of one short request) a journal is written only when it is closed unfinished:
        a kill then costs the whole of it, and a good end costs less.

        Raises:
            Busy: another process holds it.
            OSError: the disk does not give it.
        """
        self.target = target
        self.path = part_path(target)
        self._lock = threading.Lock()
        self.descriptor = _open_locked(self.path)
        self._dirty = RangeSet()
        try:
            size_on_disk = os.fstat(self.descriptor).st_size
            # What a journal says of bytes that are not there is of no use.
            found = journal.read(journal_path(target)) if size_on_disk or journaled else None
            if found is not None and found[0].is_same_file(identity):
                self.identity, self.done = found[0].updated(identity), found[1]
                self.done.clip(size_on_disk)
            else:
                self.identity, self.done = identity, RangeSet()
                if size_on_disk:
                    os.ftruncate(self.descriptor, 0)
            self._flushed = RangeSet()
            self._journal: Journal | None = None
            if journaled or found is not None:
                self._journal = Journal(journal_path(target))
            self._begin(self.done)
        except BaseException:
            os.close(self.descriptor)
            self.descriptor = -1
            raise

    def write(self, offset: int, content: bytes | memoryview) -> None:
        """Put bytes at their place. Raises OSError."""
        view = memoryview(content)
        while view:
            count = os.pwrite(self.descriptor, view, offset)
            view, offset = view[count:], offset + count

    def read(self, offset: int, length: int) -> bytes:
        """Bytes that were written before. Raises OSError."""
        return os.pread(self.descriptor, length, offset)

    def read_into(self, offset: int, buffer: memoryview) -> int:
        """Fill a buffer with bytes that were written before; how many came. Raises OSError."""
        return os.preadv(self.descriptor, [buffer], offset)

    def note(self, start: int, end: int) -> None:
        """Tell the journal that `[start, end)` was written. Raises OSError."""
        if end <= start:
            return
        with self._lock:
            self._dirty.add(start, end)
            if self._journal is not None:
                self._journal.written(start, end)
                if self._journal.is_long:
                    self._begin(self._dirty)

    @property
    def is_journaled(self) -> bool:
        """Whether what is written is told to a journal as it comes."""
        return self._journal is not None

    @property
    def unflushed(self) -> int:
        """Bytes that were noted and are not yet known to be on the disk."""
        with self._lock:
            return self._dirty.total

    def flush(self) -> None:
        """Put what was noted so far on the disk, and then say so in the journal. Raises OSError."""
        with self._lock:
            if self.descriptor < 0 or self._journal is None or not len(self._dirty):
                return
            dirty, self._dirty = self._dirty, RangeSet()
            descriptor = os.dup(self.descriptor)
        try:
            os.fdatasync(descriptor)
        except OSError:
            with self._lock:
                for start, end in dirty:
                    self._dirty.add(start, end)
            raise
        finally:
            os.close(descriptor)
        with self._lock:
            if self.descriptor >= 0 and self._journal is not None:
                for start, end in dirty:
                    self._flushed.add(start, end)
                self._journal.flushed(dirty)

    def identify(self, identity: Identity) -> None:
        """Keep what became known of the remote file (size, ETag, …). Raises OSError."""
        with self._lock:
            if identity != self.identity:
                self.identity = identity
                self._begin(self._dirty)

    def reset(self, identity: Identity) -> None:
        """Forget all bytes: what comes now is another file. Raises OSError."""
        with self._lock:
            self.identity = identity
            self._flushed, self._dirty = RangeSet(), RangeSet()
            if self._journal is not None:
                self._journal.begin(identity, RangeSet(), RangeSet())
            os.ftruncate(self.descriptor, 0)

    def finish(self, final: Path, size: int) -> None:
        """Give the whole, verified file its final name: flush, rename, flush the folder.

        Raises OSError; FileExistsError where something stands at `final`.
        """
        with self._lock:
            if os.fstat(self.descriptor).st_size != size:
                os.ftruncate(self.descriptor, size)
            os.fdatasync(self.descriptor)
            if os.path.lexists(final):
                raise FileExistsError(17, "a file of that name came up meanwhile", str(final))
            self.path.rename(final)
            flush_folder(final.parent)
            if self._journal is not None:
                self._journal.close()
                journal_path(self.target).unlink(missing_ok=True)
            os.close(self.descriptor)
            self.descriptor = -1

    def remove(self) -> None:
        """Take the part file and its journal away."""
        with self._lock:
            journal_path(self.target).unlink(missing_ok=True)
            self.path.unlink(missing_ok=True)
            self._dirty = RangeSet()
        self.close()

    def close(self) -> None:
        """Let go of it; the bytes stay for the next run."""
        with self._lock:
            if self.descriptor < 0:
                return
            try:
                if self._journal is None and self._dirty.total:
                    self._journal = Journal(journal_path(self.target))
                    self._begin(self._dirty)
            finally:
                if self._journal is not None:
                    self._journal.close()
                os.close(self.descriptor)
                self.descriptor = -1

    def _begin(self, written: RangeSet) -> None:
        self._dirty = written.copy()
        if self._journal is not None:
            self._journal.begin(self.identity, self._flushed, written)


def remove_leftovers(target: Path) -> None:
    """Take away what an ended (cancelled) transfer left, unless another process is at it."""
    try:
        descriptor = os.open(part_path(target), os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        journal_path(target).unlink(missing_ok=True)
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        journal_path(target).unlink(missing_ok=True)
        part_path(target).unlink(missing_ok=True)
    except BlockingIOError:
        return
    finally:
        os.close(descriptor)


def _open_locked(path: Path) -> int:
    """Open or make `path` and lock it, for this open file alone.

    The lock goes with the file, not the name: the name may meanwhile stand for another file
    (renamed by the one who held it), so it is looked at again once the lock is had.
    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Busy(f"another flowtui is fetching {path.name.removesuffix(PART)}") from None
            try:
                named = path.stat(follow_symlinks=False)
            except FileNotFoundError:
                named = None
            held = os.fstat(descriptor)
            if named is not None and (named.st_dev, named.st_ino) == (held.st_dev, held.st_ino):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
