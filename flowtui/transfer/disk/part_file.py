"""The unfinished file beside its target: `NAME.part`, locked, with its journal.

Bytes are written at their own offsets, by any number of threads. After every few MiB the journal
learns of them, so that a killed process loses little; `flush` puts bytes and journal on the disk,
so that a crashed machine loses little too.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import Any, TypeVar, cast

from flowtui.system.files import name_of_user, owner_of
from flowtui.system.folder_fsync import Change, flush_folder
from flowtui.system.fsync import flush_data
from flowtui.system.locks import Held, lock
from flowtui.system.shared_folder import Folder, open_folder, user_of
from flowtui.timings import Timings
from flowtui.transfer.disk import journal
from flowtui.transfer.disk.calls import DiskCalls
from flowtui.transfer.disk.commit import Fingerprint, give_name, put_names_on_disk, set_aside
from flowtui.transfer.disk.journal import Journal, JournalRecord
from flowtui.transfer.disk.ledger import Ledger
from flowtui.transfer.disk.names import JOURNAL, PART
from flowtui.transfer.disk.ranges import RangeSet
from flowtui.transfer.errors import Busy, PermanentError
from flowtui.transfer.identity import Identity

NOTE_OFTEN = 64 << 10
"""Bytes between two notes at least."""

UNNOTED = 4 << 20
"""Bytes that all connections together may have written without a note: what a kill costs. With
what each has just in its hands it is 8 MiB at most, at 64 connections."""

COPY = 1 << 20


class NoteBudget:
    """How often all who write have to tell their journals, so that a kill costs little."""

    def __init__(self, every: int, unnoted: int = UNNOTED) -> None:
        """`every`: bytes between two notes of one writer at most; `unnoted`: of all together."""
        self._most = every
        self._unnoted = unnoted
        self._writers = 0
        self._lock = threading.Lock()

    def join(self) -> None:
        """There is one writer more."""
        with self._lock:
            self._writers += 1

    def leave(self) -> None:
        """There is one writer less."""
        with self._lock:
            self._writers -= 1

    @property
    def every(self) -> int:
        """Bytes that each writer may write between two notes."""
        share = self._unnoted // max(1, self._writers)
        return max(NOTE_OFTEN, min(self._most, share))


def part_path(target: Path) -> Path:
    """Where the bytes of `target` are until it is whole."""
    return target.with_name(target.name + PART)


def journal_path(target: Path) -> Path:
    """Where the record of those bytes is."""
    return target.with_name(target.name + JOURNAL)


Method = TypeVar("Method", bound=Callable[..., Any])


def _at_disk(method: Method) -> Method:
    """The method, which waits for the disk as far as the part file's `calls` tell."""

    @functools.wraps(method)
    def waiting(self: PartFile, *args: Any, **more: Any) -> Any:
        with self._calls.waiting():
            return method(self, *args, **more)

    return cast(Method, waiting)


class PartFile:
    """An open, locked part file. Close it, or `settle`, `rename` and `finish` it.

    Attributes:
        done: the ranges that were on disk when it was opened.
        failure: what kept written bytes from the disk; nothing can be believed to follow it.
    """

    def __init__(
        self,
        target: Path,
        identity: Identity,
        notes: NoteBudget | None = None,
        *,
        journaled: bool = True,
        root: Path | None = None,
        calls: DiskCalls | None = None,
    ) -> None:
        """Open or make the part file of `target`, and the folders that are missing.

        `root` is the folder that the user chose; what is below it may be planted by others.

        What an earlier run left is used where its journal names the same file. With `journaled`
        false (a file of one short request) a journal is written only when it is closed unfinished:
        a kill then costs the whole of it, and a good end costs less. What another user wrote, part
        or journal, is gone on with only where an md5 will prove it; else his part is replaced.
        `calls` is told of what waits for the disk.

        Raises:
            Busy: another process holds it.
            UnfitFile: what stands there is none of ours.
            PermanentError: another user's that can neither be written nor replaced.
            OSError: the disk does not give it.
        """
        self.target = target
        self.path = part_path(target)
        self._root = root
        self.notes = notes or NoteBudget(Timings().note_every)
        self.failure: OSError | None = None
        self._calls = calls or DiskCalls()
        self._lock = threading.Lock()
        self.folder = open_folder(target.parent, root, make=True)
        try:
            self.descriptor, self._unlock = open_locked(self.path, self.folder)
        except BaseException:
            self.folder.close()
            raise
        self._ledger = Ledger(identity, RangeSet(), RangeSet())
        self._settled = -1  # the size with which it was settled
        self._renamed: Change | None = None
        try:
            there = os.fstat(self.descriptor)
            is_ours = self.folder.owns(there)
            # What a journal says of bytes that are not there is of no use.
            found = None
            if there.st_size or journaled:
                found = journal.load(journal_path(target), self.folder)
            if found is not None and _may_go_on(found, identity, is_ours=is_ours):
                identity, self.done, flushed = (
                    found.identity.updated(identity),
                    found.ranges,
                    found.flushed,
                )
                self.done.clip(there.st_size)
                flushed.clip(there.st_size)
            else:
                self.done, flushed = RangeSet(), RangeSet()
            self._ledger = Ledger(identity, self.done.copy(), flushed)
            if not is_ours and not self.done.total:
                self._replace(there)
            elif there.st_size and not self.done.total:
                os.ftruncate(self.descriptor, 0)
            if journaled or found is not None:
                self._ledger.keep_in(Journal(journal_path(target), self.folder))
        except BaseException:
            with suppress(OSError):
                if not os.fstat(self.descriptor).st_size:
                    self.folder.unlink(self.path.name)  # perhaps made just now
            self._let_go()
            raise

    @_at_disk
    def fingerprint(self) -> tuple[int, int, int, int]:
        """What changes when anybody writes to the file."""
        found = os.fstat(self.descriptor)
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns

    @_at_disk
    def write(self, offset: int, content: bytes | memoryview) -> None:
        """Put bytes at their place. Raises OSError."""
        if self.failure is not None:
            raise self.failure
        view = memoryview(content)
        while view:
            count = os.pwrite(self.descriptor, view, offset)
            view, offset = view[count:], offset + count

    @_at_disk
    def read(self, offset: int, length: int) -> bytes:
        """Bytes that were written before. Raises OSError."""
        return os.pread(self.descriptor, length, offset)

    @_at_disk
    def read_into(self, offset: int, buffer: memoryview) -> int:
        """Fill a buffer with bytes that were written before; how many came. Raises OSError."""
        return os.preadv(self.descriptor, [buffer], offset)

    @_at_disk
    def note(self, start: int, end: int) -> None:
        """Tell the journal that `[start, end)` was written. Raises OSError."""
        if end <= start:
            return
        with self._lock:
            if self.failure is not None:
                return
            self._ledger.written(start, end)

    @property
    def identity(self) -> Identity:
        """What the journal knows of the remote file."""
        return self._ledger.identity

    @property
    def is_journaled(self) -> bool:
        """Whether what is written is told to a journal as it comes."""
        return self._ledger.journal is not None

    @property
    def unflushed(self) -> int:
        """Bytes that were noted and are not yet known to be on the disk.

        Read without the lock, which is held while the journal is written.
        """
        return self._ledger.unflushed

    @_at_disk
    def flush(self) -> None:
        """Put what was noted so far on the disk, and then say so in the journal.

        Raises OSError; the kernel may have dropped any of the bytes then and will not say so a
        second time, so none that were not flushed before are believed any more.
        """
        with self._lock:
            taken = self._ledger.take() if self.descriptor >= 0 else None
            if taken is None:
                return
            descriptor = os.dup(self.descriptor)
        try:
            flush_data(descriptor)
        except OSError as error:
            with self._lock:
                self.failure = error
                self._ledger.lose()
            raise
        finally:
            os.close(descriptor)
        with self._lock:
            if not self._ledger.confirm(taken):
                return
            assert self._ledger.journal is not None
            is_entered, self._ledger.is_entered = self._ledger.is_entered, True
            descriptor = os.dup(self._ledger.journal.descriptor)
        try:
            flush_data(descriptor)
        finally:
            os.close(descriptor)
        if not is_entered:
            flush_folder(self.path.parent)

    @_at_disk
    def identify(self, identity: Identity) -> None:
        """Keep what became known of the remote file (size, ETag, …). Raises OSError."""
        with self._lock:
            self._ledger.identify(identity)

    @_at_disk
    def reset(self, identity: Identity) -> None:
        """Forget all bytes: what comes now is another file. Raises OSError."""
        with self._lock:
            self._ledger.reset(identity)
            if self.is_journaled:
                flush_folder(self.path.parent)  # else the old journal might come back
            os.ftruncate(self.descriptor, 0)

    @_at_disk
    def settle(self, size: int) -> bool:
        """Put the whole file on the disk, under its name still; False where it has holes.

        A hole was never written, or cut out by someone under way: what was hashed is not what is
        there. Raises OSError; Busy where another process has taken the name.
        """
        with self._lock:
            if self.failure is not None:
                raise self.failure
            if os.fstat(self.descriptor).st_size != size:
                os.ftruncate(self.descriptor, size)
            if not self._is_where_it_was():
                self._bring_back(size)
            descriptor = os.dup(self.descriptor)
        try:
            os.fsync(descriptor)  # may take long: without the lock
            if self.failure is not None:
                raise self.failure  # the kernel says it once, to whoever flushed first
            self._settled = size
            return _is_solid(descriptor, size)
        finally:
            os.close(descriptor)

    @_at_disk
    def rename(
        self,
        final: Path,
        size: int,
        replaces: Fingerprint | None = None,
        renaming: AbstractContextManager[None] | None = None,
    ) -> str:
        """Give the whole, verified file its final name beside it; `finish` is still to be called.

        `replaces`: a file of our own that stands there; what became of it, else an empty text.
        `renaming` is entered for the moment in which the name changes.
        Raises OSError; FileExistsError where something else stands at `final`.
        """
        if self._settled != size:
            self.settle(size)
        with self._lock:
            aside = ""
            part = self.path.name
            if replaces is not None and self.folder.stat(final.name) is not None:
                aside = set_aside(self.folder, part, final.name, replaces)
            with renaming or nullcontext():
                self._renamed = give_name(self.folder, part, final.name, replaces)
            return aside

    @_at_disk
    def finish(self) -> None:
        """Put the final name on the disk too, and let go of the file. Raises OSError."""
        assert self._renamed is not None
        put_names_on_disk([self._renamed])
        with self._lock:
            if self.is_journaled:
                self.folder.unlink(journal_path(self.target).name)
            self._ledger.forget_unflushed()
            self._let_go()

    @_at_disk
    def remove(self) -> None:
        """Take the part file and its journal away."""
        with self._lock:
            self.folder.unlink(journal_path(self.target).name)
            self.folder.unlink(self.path.name)
            self._ledger.forget_unflushed()
            self._let_go()

    @_at_disk
    def close(self) -> None:
        """Let go of it; the bytes stay for the next run."""
        with self._lock:
            try:
                if self.descriptor >= 0 and self._ledger.unflushed and not self.is_journaled:
                    self._ledger.keep_in(Journal(journal_path(self.target), self.folder))
            finally:
                self._let_go()

    def _let_go(self) -> None:
        self._ledger.close()
        if self.descriptor >= 0:
            try:
                self._unlock()
            finally:
                os.close(self.descriptor)
                self.descriptor = -1
                self.folder.close()

    def _replace(self, there: os.stat_result) -> None:
        """Make a part of our own in the place of another user's, who may go on writing to his."""
        try:
            self.folder.unlink(self.path.name)
        except PermissionError as error:
            owner = name_of_user(user_of(there))
            raise PermanentError(
                f"cannot replace {self.path.name}, which {owner} began: {error.strerror}; ask"
                f" {owner} to remove it",
                code="NOT_WRITABLE",
                retryable=True,
            ) from None
        fresh, unlock = open_locked(self.path, self.folder)
        self._take(fresh, unlock)
        if not self.folder.owns(os.fstat(fresh)):
            raise Busy(f"another program is at {self.path.name}")

    def _take(self, descriptor: int, unlock: Callable[[], None]) -> None:
        """Go on with another open file."""
        before, let_go = self.descriptor, self._unlock
        self.descriptor, self._unlock = descriptor, unlock
        try:
            let_go()
        finally:
            os.close(before)

    def _is_where_it_was(self) -> bool:
        """Whether its path still leads to it: it has that name alone. Raises OSError."""
        try:
            named = os.lstat(self.path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        held = os.fstat(self.descriptor)
        return (named.st_dev, named.st_ino) == (held.st_dev, held.st_ino)

    def _bring_back(self, size: int) -> None:
        """Write the file anew from its open descriptor: somebody has removed its name.

        All bytes are still there as long as it is open; fetching them again is not needed.
        """
        folder = open_folder(self.path.parent, self._root, make=True)
        try:
            fresh, unlock = open_locked(self.path, folder)
        except BaseException:
            folder.close()
            raise
        try:
            os.ftruncate(fresh, 0)
            offset = 0
            while offset < size:
                view = memoryview(os.pread(self.descriptor, COPY, offset))
                if not view:
                    break
                while view:
                    count = os.pwrite(fresh, view, offset)
                    view, offset = view[count:], offset + count
        except BaseException:
            unlock()
            os.close(fresh)
            folder.close()
            raise
        self._take(fresh, unlock)
        self.folder.close()
        self.folder = folder


def _may_go_on(found: JournalRecord, identity: Identity, *, is_ours: bool) -> bool:
    """Whether the bytes that a journal tells of are of use.

    Others' are where an md5 that Flow tells will prove them in the end.
    """
    proved = identity.md5 is not None or (is_ours and found.is_ours)
    return proved and found.identity.is_same_file(identity)


def remove_leftovers(target: Path, root: Path | None = None) -> None:
    """Take away what a transfer left that needs it no more, unless another process is at it.

    `root` is the folder that the user chose. Raises UnfitFile, OSError.
    """
    part, notes = part_path(target).name, journal_path(target).name
    try:
        folder = open_folder(target.parent, root)
    except FileNotFoundError:
        return
    with folder:
        try:
            descriptor = folder.open(part, os.O_RDWR)
        except FileNotFoundError:
            folder.unlink(notes)
            return
        try:
            unlock = lock(descriptor, folder.path / part, folder.descriptor)
            folder.unlink(notes)
            folder.unlink(part)
            unlock()
        except Held:
            return
        finally:
            os.close(descriptor)


def open_locked(path: Path, folder: Folder | None = None) -> tuple[int, Callable[[], None]]:
    """Open or make `path` and lock it, for this open file alone; the second lets go of the lock.

    `folder`: the open folder that it is in, which stays open. Raises Busy, PermanentError where
    another user began it and lets nobody else write it, UnfitFile, OSError.

    The lock goes with the file, not the name: the name may meanwhile stand for another file
    (renamed by the one who held it), so it is looked at again once the lock is had.
    """
    with folder.again() if folder is not None else open_folder(path.parent) as inside:
        while True:
            try:
                try:
                    descriptor = inside.make(path.name, os.O_RDWR)
                except FileExistsError:
                    descriptor = inside.open_or_make(path.name, os.O_RDWR)
            except PermissionError as error:
                if not (owner := owner_of(path)):
                    raise
                raise PermanentError(
                    f"cannot write {path.name}, which {owner} began: {error.strerror}; ask {owner}"
                    " to `chmod g+w` it, or remove it",
                    code="NOT_WRITABLE",
                    retryable=True,
                ) from None
            try:
                try:
                    unlock = lock(descriptor, path, folder.descriptor if folder else None)
                except Held as held:
                    name = path.name.removesuffix(PART)
                    raise Busy(f"another flowtui is fetching {name}: {held}") from None
                if _is_named(descriptor, inside, path.name):
                    return descriptor, unlock
                unlock()
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)


def _is_named(descriptor: int, folder: Folder, name: str) -> bool:
    """Whether that is the name of the open file in a folder."""
    named = folder.stat(name)
    held = os.fstat(descriptor)
    return named is not None and (named.st_dev, named.st_ino) == (held.st_dev, held.st_ino)


def _is_solid(descriptor: int, size: int) -> bool:
    """Whether the first `size` bytes have no hole, as far as the file system can tell."""
    if size == 0:
        return True
    try:
        return os.lseek(descriptor, 0, os.SEEK_HOLE) >= size
    except OSError:
        # It cannot tell: then nothing speaks against it.
        return True
