"""The journal beside a part file: which bytes of it can be believed.

JSON lines, appended. The first says what file this is, the others which ranges are there:

    {"flowtui": 1, "key": "data/789", "size": …, "md5": …, "etag": …, "modified": …, "boot": …}
    {"w": [0, 4194304]}     written: handed to the kernel, so it outlives the process
    {"f": [[0, 67108864]]}  flushed: on the disk, so it outlives the machine too

After a crash of the process alone, what was written is still there; after a crash of the machine
only what was flushed is. Which of the two it was, the boot id (and host) tells: written ranges
count only on the boot that wrote them. A line that was cut off by a crash counts for nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flowtui.system.boot import is_same_boot, this_boot
from flowtui.system.files import parse_json, read_open
from flowtui.system.shared_folder import Folder, open_folder
from flowtui.transfer.disk.ranges import RangeSet
from flowtui.transfer.identity import Identity

FORMAT = 1

COMPACT_ABOVE = 256 << 10
"""Bytes; a longer journal is written anew, shorter."""

LONGEST = 8 << 20
"""Bytes; no journal of ours comes near, whatever the size of its file."""

LONGEST_HEAD = 64 << 10
"""Bytes of the first line, at most."""


@dataclass(frozen=True)
class JournalRecord:
    """What a journal says.

    Attributes:
        ranges: all that can be believed. `flushed`: what of it was put on the disk.
        is_ours: this user wrote it; another one's proves nothing by itself.
    """

    identity: Identity
    ranges: RangeSet
    flushed: RangeSet
    is_ours: bool = True


def read(file: Path) -> tuple[Identity, RangeSet] | None:
    """Identity and believable ranges of a journal, or None; see `load`."""
    record = load(file)
    return (record.identity, record.ranges) if record else None


def load(file: Path, folder: Folder | None = None) -> JournalRecord | None:
    """What the journal says, or None where there is none that can be read.

    `folder`: the open folder that it is in. Raises OSError where the file is there but the disk
    does not give it, UnfitFile where it is none of ours.
    """
    try:
        with _opened(file, folder) as (descriptor, is_ours):
            lines = read_open(descriptor, LONGEST, file).split(b"\n")
    except FileNotFoundError:
        return None
    head = _head(lines[0])
    if head is None:
        return None
    identity, same_boot = head
    written: list[tuple[int, int]] = []
    flushed: list[tuple[int, int]] = []
    for line in lines[1:]:
        try:
            entry = parse_json(line) if line else {}
            if same_boot and "w" in entry:
                written.append(_span(entry["w"]))
            flushed += [_span(pair) for pair in entry.get("f", ())]
        except (ValueError, TypeError, AttributeError):
            # Cut off or damaged: it adds nothing, and what it would have said is fetched again.
            continue
    # In their order, since each that comes in between moves all behind it.
    return JournalRecord(
        identity, RangeSet(sorted(written + flushed)), RangeSet(sorted(flushed)), is_ours
    )


def key_in(file: Path, folder: Folder) -> str | None:
    """Which remote file a journal is of, by its first line; None where it is no journal of ours.

    Raises OSError.
    """
    with _opened(file, folder) as (descriptor, _):
        head = _head(os.pread(descriptor, LONGEST_HEAD, 0).split(b"\n")[0])
    return None if head is None else head[0].key


@contextmanager
def _opened(file: Path, folder: Folder | None) -> Iterator[tuple[int, bool]]:
    """The journal, and whether this user wrote it. Raises OSError."""
    with folder.again() if folder is not None else open_folder(file.parent) as inside:
        descriptor = inside.open(file.name, os.O_RDONLY)
        try:
            yield descriptor, inside.owns(os.fstat(descriptor))
        finally:
            os.close(descriptor)


def _head(line: bytes) -> tuple[Identity, bool] | None:
    """What a first line says, and whether it is of this boot; None for one of no use."""
    try:
        head = parse_json(line)
        if head["flowtui"] != FORMAT:
            return None
        return _identity(head), is_same_boot(head.get("boot"), this_boot())
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _identity(head: dict[str, object]) -> Identity:
    """The identity of a head. Raises ValueError, KeyError for one that was not written by us."""
    size, key = head.get("size"), head["key"]
    if not isinstance(key, str) or (size is not None and (type(size) is not int or size < 0)):
        raise ValueError("a damaged head")
    texts = [head.get(name) for name in ("md5", "etag", "modified")]
    md5, etag, modified = [text if isinstance(text, str) else None for text in texts]
    if texts != [md5, etag, modified]:
        raise ValueError("a damaged head")
    return Identity(key, size, md5, etag, modified)


def _span(pair: object) -> tuple[int, int]:
    """The range of a pair. Raises ValueError where it is none."""
    if not isinstance(pair, list) or len(pair) != 2:
        raise ValueError("a damaged range")
    start, end = pair
    if type(start) is not int or type(end) is not int or start < 0:
        raise ValueError("a damaged range")
    return start, end


class Journal:
    """The open journal of one part file; one writer.

    Attributes:
        descriptor: of the open file; another one after `begin`.
    """

    def __init__(self, file: Path, folder: Folder | None = None) -> None:
        """`folder`: the open folder that it is in. Raises UnfitFile, OSError."""
        self.file = file
        self.folder = folder.again() if folder is not None else open_folder(file.parent)
        try:
            self.descriptor = self.folder.open_or_make(file.name, os.O_WRONLY | os.O_APPEND)
        except BaseException:
            self.folder.close()
            raise
        self._length = os.fstat(self.descriptor).st_size
        self._torn = self._length > 0

    def begin(
        self, identity: Identity, flushed: RangeSet, written: RangeSet, *, durable: bool = False
    ) -> None:
        """Write the journal anew, in one step: the old one stands until the new one is whole.

        It is put on the disk first where that matters: where it tells of flushed bytes, which
        an empty file in its place would forget, and where the old one must not come back
        (`durable`).
        """
        head = {
            "flowtui": FORMAT,
            "key": identity.key,
            "size": identity.size,
            "md5": identity.md5,
            "etag": identity.etag,
            "modified": identity.modified,
            "boot": this_boot(),
        }
        lines = [head, {"f": list(flushed)}, *({"w": [start, end]} for start, end in written)]
        text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines).encode()
        fresh = self.file.name + "~"
        descriptor = self.folder.make_anew(fresh, os.O_WRONLY | os.O_APPEND)
        try:
            _write_all(descriptor, text)
            if durable or len(flushed):
                os.fsync(descriptor)
            self.folder.rename(fresh, self.file.name)
        except BaseException:
            os.close(descriptor)
            self.folder.unlink(fresh)
            raise
        os.close(self.descriptor)
        self.descriptor = descriptor
        self._length = len(text)
        self._torn = False

    def written(self, start: int, end: int) -> None:
        """Note a range that the kernel has."""
        self._append(b'{"w":[%d,%d]}\n' % (start, end))

    def flushed(self, ranges: RangeSet) -> None:
        """Note ranges that the disk has."""
        self._append(json.dumps({"f": list(ranges)}, separators=(",", ":")).encode() + b"\n")

    @property
    def is_long(self) -> bool:
        """Whether it is time to `begin` it anew."""
        return self._length > COMPACT_ABOVE

    def close(self) -> None:
        """Let go of the file."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1
            self.folder.close()

    def _append(self, line: bytes) -> None:
        if self._torn:
            line = b"\n" + line  # a full disk cut the last line off: it spoils itself alone
        self._torn = True
        _write_all(self.descriptor, line)
        self._torn = False
        self._length += len(line)


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
