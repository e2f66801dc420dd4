"""From an archive to its files: each verified, flushed and only then given its final name.

`run` is what a worker does with one archive. What was unpacked before is passed over, so a run that
was killed is simply run again. Files are written as `NAME.part`, locked as those of transfers are;
they are flushed and renamed in groups, because one flush costs as much as writing many small files.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import stat
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from flowtui.system.descriptors import own_shares
from flowtui.system.files import UnfitFile
from flowtui.system.shared_folder import open_folder
from flowtui.transfer.archive.commit import Finisher, Ready
from flowtui.transfer.archive.matching import match, with_ending
from flowtui.transfer.archive.reader import Archive, Broken, Locked, Pieces, open_archive
from flowtui.transfer.archive.rules import Hostile, Limits, Member
from flowtui.transfer.cancel import StopSignal
from flowtui.transfer.disk.calls import DiskCalls
from flowtui.transfer.disk.part_file import PartFile, journal_path
from flowtui.transfer.errors import DiskFull, Stopped, TransferError, disk_trouble, internal_error
from flowtui.transfer.identity import Identity
from flowtui.transfer.task import DONE, ExpectedFile, FileResult, Recorded
from flowtui.transfer.verify.existing import already_here
from flowtui.transfer.verify.md5 import BLOCK, BlockSums
from flowtui.transfer.verify.quick_zlib import crc32

THREADS = 2
"""For a zip; unpacking is work for the processor, and its parts release Python's lock."""

_OF_ONE_FILE = (errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ELOOP)
"""Errors that say nothing about the other files."""


@dataclass(frozen=True)
class Unpack:
    """What a worker needs to know.

    Attributes:
        files: all that the archive should hold. `done`: keys of those that need no look any more.
        recorded: path → what downloads.log says stands there.
        most_open: files that may be open at once until they are put on the disk.
        calls: is told of what waits for the disk, which is all but the work of the processor.
    """

    archive: Path
    root: Path
    files: tuple[ExpectedFile, ...]
    done: frozenset[str] = frozenset()
    recorded: Mapping[str, Recorded] = field(default_factory=dict)
    most_open: int = field(default_factory=lambda: own_shares().unpacked)
    calls: DiskCalls = field(default_factory=DiskCalls)


@dataclass(frozen=True)
class Unpacked:
    """How a run ended.

    Attributes:
        code: empty where the archive was gone through to its end; else `STOPPED`, `NO_SPACE`,
            `HOSTILE`, `BROKEN`, `GONE` or another with `reason` in words.
        absent: key → why, for files that the archive does not hold in good order.
        damaged: whether one of those is there and broken.
        occupied: keys of files in whose place a different file stands.
    """

    code: str = ""
    reason: str = ""
    absent: dict[str, str] = field(default_factory=dict)
    damaged: bool = False
    occupied: tuple[str, ...] = ()


def run(
    task: Unpack,
    stop: StopSignal,
    came: Callable[[dict[str, FileResult]], None],
) -> Unpacked:
    """Unpack what is not here yet. `came` is told of every group of files that are now here.

    Never raises: what happened is its result.
    """
    try:
        with task.calls.waiting():
            return _run(task, task.calls.checking(stop.check), came)
    except Stopped:
        return Unpacked("STOPPED")
    except Hostile as error:
        return Unpacked("HOSTILE", f"the archive {task.archive.name} is refused: {error}")
    except Broken as error:
        return Unpacked("BROKEN", f"the archive {task.archive.name} cannot be used: {error}")
    except FileNotFoundError as error:
        if error.filename == str(task.archive):
            return Unpacked("GONE", f"the archive {task.archive} is gone")
        return _disk(error, task.root)
    except OSError as error:
        return _disk(error, task.root)
    except Exception as error:  # noqa: BLE001
        # A mistake of ours ends this job with words; the engine goes on.
        trouble = internal_error(error)
        return Unpacked(trouble.code, trouble.message)


def _disk(error: OSError, root: Path) -> Unpacked:
    trouble = disk_trouble(error, Path(error.filename or root / "file"))
    code = "NO_SPACE" if isinstance(trouble, DiskFull) else trouble.code
    return Unpacked(code, trouble.message)


def _run(
    task: Unpack, check: Callable[[], None], came: Callable[[dict[str, FileResult]], None]
) -> Unpacked:
    here: dict[str, FileResult] = {}
    for expected in task.files:
        check()
        if expected.file.key not in task.done:
            recorded = task.recorded.get(expected.path)
            result = already_here(task.root, expected, recorded, check)
            if result is not None and (expected.file.md5 or recorded):
                here[expected.file.key] = replace(result, state=DONE)
    if here:
        came(here)
    settled = task.done | here.keys()
    if all(expected.file.key in settled for expected in task.files):
        return Unpacked()
    sizes = [expected.file.size for expected in task.files]
    archive = open_archive(task.archive, lambda size: Limits.of(sizes, size), check)
    try:
        return _Extraction(task, archive, settled, check, came).run()
    finally:
        archive.close()


class _Extraction:
    """One archive's way to the disk."""

    def __init__(
        self,
        task: Unpack,
        archive: Archive,
        settled: frozenset[str] | set[str],
        check: Callable[[], None],
        came: Callable[[dict[str, FileResult]], None],
    ) -> None:
        self._task = task
        self._archive = archive
        self._check = check
        self._came = came
        self._finisher = Finisher(came, task.most_open, task.calls)
        self._absent: dict[str, str] = {}
        self._damaged = False
        self._occupied: list[str] = []
        self._trouble: BaseException | None = None
        self._lock = threading.Lock()
        found = match(archive.members, task.files, self._md5_of)
        members = {member.index: member for member in archive.members}
        self._plan = {
            index: with_ending(members[index], expected)
            for index, expected in found.items()
            if expected.file.key not in settled
        }
        matched = {expected.file.key for expected in found.values()}
        for expected in task.files:
            if expected.file.key not in settled and expected.file.key not in matched:
                self._absent[expected.file.key] = "it is not in the archive"

    def run(self) -> Unpacked:
        """Unpack the plan. Raises Stopped, Broken, OSError."""
        items = Locked(self._archive.read(set(self._plan)))
        threads = 1 if self._archive.in_order else min(THREADS, len(self._plan))
        more = [
            threading.Thread(target=self._work, args=(items,), daemon=True)
            for _ in range(threads - 1)
        ]
        self._finisher.start()
        started = []
        try:
            for thread in more:
                with contextlib.suppress(RuntimeError):  # the system has no thread to spare
                    thread.start()
                    started.append(thread)
            self._work(items)
            with self._task.calls.elsewhere():
                for thread in started:
                    thread.join()
        finally:
            with self._task.calls.elsewhere():
                self._finisher.close()
        trouble = self._trouble or self._finisher.trouble
        if trouble is not None:
            raise trouble
        return Unpacked(
            absent=self._absent,
            damaged=self._damaged,
            occupied=(*self._occupied, *self._finisher.occupied),
        )

    def _work(self, items: Locked) -> None:
        with self._task.calls.waiting():
            self._take_items(items)

    def _take_items(self, items: Locked) -> None:
        try:
            while not self._trouble and not self._finisher.trouble and (item := items.next()):
                self._check()
                member, pieces = item
                self._one(self._plan[member.index], member, pieces)
        except BaseException as error:  # noqa: BLE001
            # It is raised again where all threads have ended.
            with self._lock:
                self._trouble = self._trouble or error

    def _one(self, expected: ExpectedFile, member: Member, pieces: Pieces) -> None:
        """Bring one file to its place, or say why not."""
        target = self._task.root / expected.path
        key = expected.file.key
        try:
            if self._is_occupied(target):
                self._at_an_occupied_place(expected, target, member)
                return
            ready = self._write(expected, target, member, pieces)
            with self._task.calls.elsewhere():
                self._finisher.put(ready)
        except Broken as error:
            with self._lock:
                self._damaged = True
                self._absent[key] = f"it is damaged in the archive: {error}"
        except TransferError as error:
            # Another process has its part file, or another user's stands there: of this one alone.
            self._absent[key] = error.message
        except UnfitFile as error:
            self._absent[key] = disk_trouble(error, target).message
        except OSError as error:
            if error.errno not in _OF_ONE_FILE:
                raise
            self._absent[key] = error.strerror or str(error)

    def _is_occupied(self, target: Path) -> bool:
        """Whether something stands at a place. Raises OSError."""
        try:
            with open_folder(target.parent, self._task.root) as folder:
                return folder.stat(target.name) is not None
        except FileNotFoundError:
            return False

    def _at_an_occupied_place(self, expected: ExpectedFile, target: Path, member: Member) -> None:
        """The file there may be this one, from a run that was killed before it could say so."""
        with open_folder(target.parent, self._task.root) as folder:
            found = folder.stat(target.name)
            is_alike = (
                found is not None
                and stat.S_ISREG(found.st_mode)
                and found.st_size == member.size
                and (expected.file.md5 is not None or folder.owns(found))
            )
            descriptor = folder.open_data(target.name) if is_alike else -1
        if is_alike and found is not None:
            sums = BlockSums()
            crc, md5 = _checksums(descriptor, sums, self._check)
            same = (
                md5 == (expected.file.md5 or member.md5)
                if member.crc is None
                else crc == member.crc
            )
            if same and expected.file.md5 in (None, md5):
                how = "md5" if member.crc is None else "size and crc"
                result = FileResult(DONE, expected.path, member.size, md5, how,
                                    mtime_ns=found.st_mtime_ns, blocks=sums.blocks)  # fmt: skip
                self._came({expected.file.key: result})
                return
        with self._lock:
            self._occupied.append(expected.file.key)

    def _write(self, expected: ExpectedFile, target: Path, member: Member, pieces: Pieces) -> Ready:
        """The member's bytes as NAME.part, verified. Raises Broken, Busy, OSError, Stopped."""
        identity = Identity(key=expected.file.key, md5=expected.file.md5)
        part = PartFile(
            target, identity, journaled=False, root=self._task.root, calls=self._task.calls
        )
        try:
            # What a transfer left of it is of no use beside the whole file.
            if part.is_journaled:
                part.reset(identity)
            else:
                part.folder.unlink(journal_path(target).name)
            md5, sums = hashlib.md5(usedforsecurity=False), BlockSums()
            size = 0
            for piece in pieces:
                self._check()
                md5.update(piece)
                if member.size > BLOCK:
                    sums.update(piece)
                part.write(size, piece)
                size += len(piece)
            digest = md5.hexdigest()
            if expected.file.md5 is not None and digest != expected.file.md5:
                raise Broken(
                    f"md5 mismatch: Flow says {expected.file.md5}, the archive has {digest}"
                )
            if member.md5 is not None and digest != member.md5:
                raise Broken("it changed while it was read")
        except BaseException:
            part.remove()
            raise
        how = "crc" if expected.file.size is None else "size and crc"
        how = "md5 and crc" if expected.file.md5 else how
        result = FileResult(DONE, expected.path, size, digest, how, blocks=sums.blocks)
        return Ready(expected.file.key, part, target, result)

    def _md5_of(self, member: Member) -> str | None:
        """The md5 of a member, for the matching."""
        if member.md5 is not None or self._archive.in_order:
            return member.md5
        md5 = hashlib.md5(usedforsecurity=False)
        try:
            for _, pieces in self._archive.read({member.index}):
                for piece in pieces:
                    self._check()
                    md5.update(piece)
        except Broken:
            return None
        return md5.hexdigest()


def _checksums(descriptor: int, sums: BlockSums, check: Callable[[], None]) -> tuple[int, str]:
    """The CRC-32 and the md5 of an open file, which is closed; `sums` learns of its blocks.

    Raises OSError.
    """
    crc, md5 = 0, hashlib.md5(usedforsecurity=False)
    with open(descriptor, "rb", buffering=0) as stream:
        while piece := stream.read(1 << 20):
            check()
            crc = crc32(piece, crc)
            md5.update(piece)
            sums.update(piece)
    return crc, md5.hexdigest()
