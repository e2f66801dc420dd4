"""What a target folder says of its files: `downloads.log`, and `MD5SUMS` as `md5sum -c` takes it.

A line of MD5SUMS is there only while its file is, whenever we are killed: it is written once the
file has its name, and struck out before the file is replaced. A line counts from the moment that
its first byte is right, which is written last; until then it begins with `#`, a comment.

All that is done under the lock of downloads.log. Where there are no locks, and none can be had by a
file beside it, lines are only struck out; the next run adds what is missing.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import threading
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, NamedTuple

from flowtui.system.files import UnfitFile
from flowtui.system.shared_folder import Folder, open_folder
from flowtui.transfer.disk import downloads_log
from flowtui.transfer.disk.downloads_log import LogEntry, OpenLog, is_untouched
from flowtui.transfer.task import Recorded, Writers

SUMS_NAME = "MD5SUMS"
BLOCKS_NAME = ".flowtui-blocks"
"""Beside the log: a line for each large file with its md5, its size and its blocks' CRC-32."""

LONGEST_SUMS = 1 << 29
"""Bytes of MD5SUMS; a longer one is none of ours."""

LONGEST_BLOCKS = 1 << 30
"""Bytes of `.flowtui-blocks`, which is the blocks of some 2 PB."""

LONGEST_BLOCKS_LINE = 1 << 24
"""Bytes of one of its lines, which is a file of 32 TB."""

RENEWED = ".MD5SUMS.part"
RENEWED_BLOCKS = ".flowtui-blocks.part"
"""What they are called while they are written anew."""

MANY_BLOCKS = 1 << 20
"""Bytes of `.flowtui-blocks`, the blocks of 2 TB, up to which nobody asks what is current of it."""

_LINE = re.compile(rb"^(?:(\\?)[0-9a-f]{32}|#([0-9a-f]{31,32}))(?: [ *])([^\n]+)\n", re.MULTILINE)
_BLOCKS = re.compile(rb"([0-9a-f]{32} \d{1,18}) ((?:[0-9a-f]{8})+)\n")
_MD5 = re.compile("[0-9a-f]{32}")
_HEX = re.compile(rb"[0-9a-f]*")
_HIDDEN = b"#"
_ESCAPES = {b"\\": b"\\\\", b"\n": b"\\n", b"\r": b"\\r"}


class _Label(NamedTuple):
    """A name as a line has it; `mark` is the backslash in front of a line whose name is escaped."""

    mark: bytes
    name: bytes

    def line(self, md5: bytes) -> bytes:
        return self.mark + md5 + b"  " + self.name + b"\n"


def _label(path: str) -> _Label | None:
    """How md5sum writes a name; None for one that no file can have."""
    try:
        raw = os.fsencode(path)
    except UnicodeEncodeError:
        return None
    if not raw or b"\0" in raw:
        return None
    escaped = raw
    if b"\\" in raw or b"\n" in raw or b"\r" in raw:
        escaped = re.sub(rb"[\\\n\r]", lambda found: _ESCAPES[found[0]], raw)
    return _Label(b"" if escaped == raw else b"\\", escaped)


class FolderRecord:
    """The log and the checksums of one target folder. Its methods may be called from any thread."""

    def __init__(self, root: Path, *, adds: bool = True) -> None:
        """`adds`: whether MD5SUMS gets lines; those that are there are kept true anyway."""
        self.root = root
        self._adds = adds
        self._thread = threading.Lock()
        self._known: Mapping[str, Recorded] | None = {}
        # Where each line begins, as far as the file was read.
        self._lines: dict[_Label, int] = {}
        self._inode, self._end = 0, 0
        # Of `.flowtui-blocks`: what it has of which md5 and size, as far as it was read.
        self._blocks: dict[bytes, int] = {}
        self._blocks_inode, self._blocks_end = 0, 0
        self._blocks_kept = 0
        self._patience = downloads_log.PATIENCE

    def expect(self, recorded: Mapping[str, Recorded]) -> None:
        """Have the next `write` add those files that are here as recorded and have no line."""
        self._known = recorded  # without our lock: who writes may wait for another program

    def write(self, entries: list[LogEntry]) -> None:
        """Log files that ended. Raises OSError, after all that could be written is."""
        if not entries and not (self.root / downloads_log.LOG_NAME).exists():
            return
        with self._thread, self._locked() as log:
            if entries:
                downloads_log.write(log.descriptor, entries)
            present = {}
            gone = []
            for entry in entries:
                is_here = entry.status != "failed"
                if is_here and entry.md5 and _MD5.fullmatch(entry.md5):
                    present[entry.path] = entry.md5
                elif is_here or not os.path.lexists(self.root / entry.path):
                    gone.append(entry.path)
            self._strike(log.folder, gone)
            large = [entry for entry in entries if entry.path in present and entry.blocks]
            if self._adds and log.is_locked:
                self._add(log.folder, present)
            if large:
                self._write_blocks(log.folder, large, is_locked=log.is_locked)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[OpenLog]:
        """The log, open and locked if it can be; who keeps it locked is waited for once."""
        with downloads_log.locked(self.root, self._patience) as log:
            self._patience = downloads_log.PATIENCE if log.is_locked else 0.0
            yield log

    def _write_blocks(self, folder: Folder, entries: list[LogEntry], *, is_locked: bool) -> None:
        descriptor = folder.open_or_make(BLOCKS_NAME, os.O_RDWR | os.O_APPEND)
        with open(descriptor, "r+b") as stream:
            self._read_blocks(stream)
            lines = []
            for entry in entries:
                about, sums = f"{entry.md5} {entry.size}".encode(), entry.blocks.hex().encode()
                if self._blocks.get(about) != zlib.crc32(sums):  # else it came again
                    lines.append(about + b" " + sums + b"\n")
            if not lines:
                return
            # Behind one that a kill cut off: too short for its size, it counts for nothing.
            stream.write(b"".join([b"\n" if self._blocks_end else b"", *lines]))
            stream.flush()
            self._read_blocks(stream)
            if is_locked and self._blocks_end > max(MANY_BLOCKS, 2 * self._blocks_kept):
                self._renew_blocks(folder, stream)

    def _read_blocks(self, stream: BinaryIO) -> None:
        """Learn which blocks are recorded, of what was written since."""
        found = os.fstat(stream.fileno())
        if found.st_ino != self._blocks_inode or found.st_size < self._blocks_end:
            self._blocks, self._blocks_inode, self._blocks_end = {}, found.st_ino, 0
        stream.seek(self._blocks_end)
        for line in _block_lines(stream):
            self._blocks[line[1]] = zlib.crc32(line[2])
        self._blocks_end = stream.seek(0, os.SEEK_END)

    def _renew_blocks(self, folder: Folder, stream: BinaryIO) -> None:
        """Write `.flowtui-blocks` anew with one line for each file that is here by the log."""
        current = {record.md5 for record in dict(downloads_log.read(self.root)).values()}
        mode = stat.S_IMODE(os.fstat(stream.fileno()).st_mode)
        kept: set[bytes] = set()
        stream.seek(0)
        try:
            with open(folder.make_anew(RENEWED_BLOCKS, os.O_WRONLY), "wb") as renewed:
                os.fchmod(renewed.fileno(), mode)
                for line in _block_lines(stream):
                    is_last = self._blocks[line[1]] == zlib.crc32(line[2])
                    if is_last and line[1] not in kept and line[1][:32].decode() in current:
                        kept.add(line[1])
                        renewed.write(line[0])
                renewed.flush()
                os.fsync(renewed.fileno())
                self._blocks_kept = renewed.tell()
            folder.rename(RENEWED_BLOCKS, BLOCKS_NAME)
        except OSError:
            folder.unlink(RENEWED_BLOCKS)
            raise

    def blocks(self, md5: str, size: int, each: int) -> bytes:
        """The CRC-32 of each block of `each` bytes of a file, where that was recorded.

        Raises OSError.
        """
        wanted = f"{md5} {size} ".encode()
        length = -(-size // each) * 8
        try:
            with open_folder(self.root) as folder:
                descriptor = folder.open(BLOCKS_NAME, os.O_RDONLY)
        except FileNotFoundError:
            return b""
        with open(descriptor, "rb") as stream:
            is_start = True
            while (
                line := stream.readline(len(wanted) + length + 1)
            ) and stream.tell() < LONGEST_BLOCKS:
                if is_start and line.startswith(wanted):
                    sums = line[len(wanted) :].removesuffix(b"\n")
                    if len(sums) == length and _HEX.fullmatch(sums):
                        return bytes.fromhex(sums.decode())
                is_start = line.endswith(b"\n")
        return b""

    def strike(self, paths: Iterable[str], *, durable: bool = False) -> None:
        """Take out the lines of files that are to be replaced, or are gone.

        `durable` has that on the disk first. Raises OSError.
        """
        if not os.path.lexists(self.root / SUMS_NAME):
            return
        with self._thread, self._locked() as log:
            self._strike(log.folder, paths, durable=durable)

    @contextlib.contextmanager
    def replacing(self, path: str) -> Iterator[None]:
        """While entered the file at `path` may get another one's bytes, or lose its name.

        Its line is struck out, and nobody adds one meanwhile. Raises OSError.
        """
        with self._thread, self._locked() as log:
            self._strike(log.folder, [path], durable=True)
            yield

    def _strike(self, folder: Folder, paths: Iterable[str], *, durable: bool = False) -> None:
        with _opened(folder, os.O_RDWR) as sums:
            if sums < 0:
                return
            self._read(sums)
            for path in paths:
                label = _label(path)
                at = self._find(sums, label) if label is not None else None
                if at is not None:
                    os.pwrite(sums, _HIDDEN, at)
            if durable:
                os.fsync(sums)

    def _add(self, folder: Folder, present: dict[str, str]) -> None:
        known, self._known = self._known, None
        if known is not None:
            self._renew(folder)
        with _opened(folder, os.O_RDWR) as sums:
            if sums >= 0:
                self._read(sums)
            else:
                self._lines = {}
            if known and self._lines:
                # Somebody may have taken files away.
                listed = [path for path in known if _label(path) in self._lines]
                self._strike(folder, _missing(self.root, listed))
            text = _read_from(sums, 0) if known and self._lines else b""
            for path, record in (known or {}).items():
                # Just read, and without hidden lines: no need to look at each.
                label = _label(path)
                at = self._lines.get(label) if label is not None else None
                is_right = (
                    label is not None
                    and at is not None
                    and record.md5 is not None
                    and text.startswith(label.mark + record.md5.encode(), at)
                )
                if path not in present and not is_right:
                    md5 = _md5_if_here(self.root, path, record)
                    if md5 is not None:
                        present[path] = md5
        if not present:
            return
        with _opened(folder, os.O_RDWR | os.O_CREAT) as sums:
            self._read(sums)
            new: dict[_Label, bytes] = {}
            for path, md5 in present.items():
                label = _label(path)
                if label is None:
                    continue
                at = self._find(sums, label)
                if at is None:
                    new[label] = md5.encode()
                else:
                    _set(sums, at, label, md5.encode())
            self._append(sums, new)

    def _append(self, sums: int, new: dict[_Label, bytes]) -> None:
        """Put hidden lines at the end, and show them once they are whole. Raises OSError."""
        if not new:
            return
        begin = at = os.fstat(sums).st_size
        text = bytearray()
        if at and os.pread(sums, 1, at - 1) != b"\n":
            text += b"\n"  # the last line was cut off by a kill or a full disk
        places = []
        for label, md5 in new.items():
            line = label.line(md5)
            places.append((label, begin + len(text), line[:1]))
            text += _HIDDEN + line[1:]
        view = memoryview(text)
        try:
            while view:
                count = os.pwrite(sums, view, at)
                view, at = view[count:], at + count
        except OSError:
            os.ftruncate(sums, begin)
            raise
        for label, place, first in places:
            text[place - begin : place - begin + 1] = first
            self._lines[label] = place
        # All at once: of what is there already only the first bytes of lines change, and a kill
        # in between shows some of the lines.
        view, at = memoryview(text), begin
        while view:
            count = os.pwrite(sums, view, at)
            view, at = view[count:], at + count
        self._end = at

    def _read(self, sums: int, *, anew: bool = False) -> None:
        """Learn of the lines that others wrote since."""
        found = os.fstat(sums)
        if anew or found.st_ino != self._inode or found.st_size < self._end:
            self._lines, self._inode, self._end = {}, found.st_ino, 0
        if found.st_size == self._end:
            return
        text = _read_from(sums, self._end)
        for line in _LINE.finditer(text):
            mark = b"\\" if line[1] or len(line[2] or b"") == 32 else b""
            self._lines[_Label(mark, line[3])] = self._end + line.start()
        self._end += text.rfind(b"\n") + 1

    def _find(self, sums: int, label: _Label) -> int | None:
        """Where the line of a name begins, also a hidden one; looked for again after an edit."""
        for anew in (False, True):
            at = self._lines.get(label)
            if at is None:
                return None
            length = len(label.line(b"." * 32))
            before = b"\n" if not at else os.pread(sums, 1, at - 1)
            line = _LINE.fullmatch(os.pread(sums, length, at))
            if before == b"\n" and line is not None and line[3] == label.name:
                return at
            if not anew:
                self._read(sums, anew=True)
        return None

    def _renew(self, folder: Folder) -> None:
        """Write MD5SUMS without its hidden lines, if it has any. Raises OSError."""
        with _opened(folder, os.O_RDWR) as sums:
            if sums < 0:
                return
            text = _read_from(sums, 0)
            if not text.startswith(_HIDDEN) and b"\n" + _HIDDEN not in text:
                return
            kept = _LINE.sub(lambda line: b"" if line[0][:1] == _HIDDEN else line[0], text)
            head, end, tail = kept.rpartition(b"\n")
            kept = head + end + (b"" if tail[:1] == _HIDDEN else tail)
            if kept == text:
                return
            mode = stat.S_IMODE(os.fstat(sums).st_mode)
        if not kept:
            folder.unlink(SUMS_NAME)
            return
        with open(folder.make_anew(RENEWED, os.O_WRONLY), "wb") as stream:
            os.fchmod(stream.fileno(), mode)
            stream.write(kept)
            stream.flush()
            os.fsync(stream.fileno())
        folder.rename(RENEWED, SUMS_NAME)


def _block_lines(stream: BinaryIO) -> Iterator[re.Match[bytes]]:
    """The lines that are whole, of a file of blocks from where it stands."""
    is_start = True
    while (line := stream.readline(LONGEST_BLOCKS_LINE)) and stream.tell() < LONGEST_BLOCKS:
        if is_start and (found := _BLOCKS.fullmatch(line)):
            yield found
        is_start = line.endswith(b"\n")


class FolderRecords:
    """The records of all target folders of an engine, one each."""

    def __init__(self, *, md5sums: bool = True) -> None:
        """`md5sums`: whether MD5SUMS is written."""
        self._md5sums = md5sums
        self._records: dict[Path, FolderRecord] = {}
        self._lock = threading.Lock()

    def of(self, root: Path) -> FolderRecord:
        """The record of one folder."""
        with self._lock:
            if root not in self._records:
                self._records[root] = FolderRecord(root, adds=self._md5sums)
            return self._records[root]

    def keep_only(self, roots: set[Path]) -> None:
        """Forget what was read of other folders."""
        with self._lock:
            self._records = {
                root: record for root, record in self._records.items() if root in roots
            }


def _set(sums: int, at: int, label: _Label, md5: bytes) -> None:
    """Put another checksum into a line, hidden meanwhile."""
    text = label.mark + md5
    if os.pread(sums, len(text), at) == text:
        return
    os.pwrite(sums, _HIDDEN, at)
    os.pwrite(sums, text[1:], at + 1)
    os.pwrite(sums, text[:1], at)


@contextlib.contextmanager
def _opened(folder: Folder, flags: int) -> Iterator[int]:
    """MD5SUMS, or -1 where there is none."""
    try:
        if flags & os.O_CREAT:
            descriptor = folder.open_or_make(SUMS_NAME, flags & ~os.O_CREAT)
        else:
            descriptor = folder.open(SUMS_NAME, flags)
    except FileNotFoundError:
        yield -1
        return
    try:
        _require_at_most(LONGEST_SUMS, os.fstat(descriptor).st_size, folder.path / SUMS_NAME)
        yield descriptor
    finally:
        os.close(descriptor)


def _require_at_most(most: int, size: int, path: Path) -> None:
    if size > most:
        words = f"it has {size:,} bytes, of {most:,} at most; move it away"
        raise UnfitFile(errno.EFBIG, words, str(path))


def check(root: Path) -> None:
    """Raise UnfitFile where what stands under one of our names in a target folder is none of ours.

    A folder there is told where it is to be written. Raises OSError.
    """
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), open_folder(root) as folder:
        for name, most in ((SUMS_NAME, LONGEST_SUMS), (BLOCKS_NAME, LONGEST_BLOCKS)):
            found = folder.stat(name)
            if found is not None and not stat.S_ISDIR(found.st_mode):
                with contextlib.suppress(PermissionError, FileNotFoundError):
                    os.close(folder.open(name, os.O_RDONLY))
                    _require_at_most(most, found.st_size, root / name)


def _missing(root: Path, paths: Iterable[str]) -> list[str]:
    """Those of the paths at which nothing stands; one look at each folder, not at each file."""
    names: dict[str, set[str] | None] = {}
    gone = []
    for path in paths:
        above, _, name = path.rpartition("/")
        if above not in names:
            try:
                names[above] = set(os.listdir(root / above))
            except (FileNotFoundError, NotADirectoryError):
                names[above] = set()
            except OSError:
                names[above] = None  # out of reach: nothing is known
        there = names[above]
        if there is not None and name not in there:
            gone.append(path)
    return gone


def _md5_if_here(root: Path, path: str, record: Recorded) -> str | None:
    """The recorded md5 of a file of ours that nobody has touched since; see `Recorded.by`."""
    if record.md5 is None or not _MD5.fullmatch(record.md5) or record.by is Writers.OTHERS:
        return None
    try:
        with open_folder((root / path).parent, root) as folder:
            found = folder.stat(Path(path).name)
            if found is None or not folder.owns(found):
                return None
    except OSError:
        return None  # gone or out of reach: it gets no line
    return record.md5 if stat.S_ISREG(found.st_mode) and is_untouched(found, record) else None


def _read_from(descriptor: int, at: int) -> bytes:
    pieces = []
    left = LONGEST_SUMS
    while left > 0 and (piece := os.pread(descriptor, 1 << 20, at)):
        pieces.append(piece)
        at += len(piece)
        left -= len(piece)
    return b"".join(pieces)
