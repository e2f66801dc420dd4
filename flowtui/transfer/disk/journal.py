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
from dataclasses import dataclass
from pathlib import Path

from flowtui.system.boot import this_boot
from flowtui.system.files import open_shared
from flowtui.transfer.disk.ranges import RangeSet
from flowtui.transfer.identity import Identity

FORMAT = 1

COMPACT_ABOVE = 256 << 10
"""Bytes; a longer journal is written anew, shorter."""


@dataclass(frozen=True)
class JournalRecord:
    """What a journal says.

    Attributes:
        ranges: all that can be believed. `flushed`: what of it was put on the disk.
    """

    identity: Identity
    ranges: RangeSet
    flushed: RangeSet


def read(file: Path) -> tuple[Identity, RangeSet] | None:
    """Identity and believable ranges of a journal, or None; see `load`."""
    record = load(file)
    return (record.identity, record.ranges) if record else None


def load(file: Path) -> JournalRecord | None:
    """What the journal says, or None where there is none that can be read.

    Raises OSError where the file is there but the disk does not give it.
    """
    try:
        lines = file.read_bytes().split(b"\n")
    except FileNotFoundError:
        return None
    try:
        head = json.loads(lines[0])
        if head["flowtui"] != FORMAT:
            return None
        identity = _identity(head)
        same_boot = head.get("boot") == this_boot()
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    ranges, flushed = RangeSet(), RangeSet()
    for line in lines[1:]:
        try:
            entry = json.loads(line) if line else {}
            if same_boot and "w" in entry:
                ranges.add(*_span(entry["w"]))
            for span in [_span(pair) for pair in entry.get("f", ())]:
                ranges.add(*span)
                flushed.add(*span)
        except (ValueError, TypeError, AttributeError, RecursionError):
            # Cut off or damaged: it adds nothing, and what it would have said is fetched again.
            continue
    return JournalRecord(identity, ranges, flushed)


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

    def __init__(self, file: Path) -> None:
        self.file = file
        self.descriptor = open_shared(file, os.O_WRONLY | os.O_APPEND)
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
        fresh = self.file.with_name(self.file.name + "~")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        try:
            _write_all(descriptor, text)
            if durable or len(flushed):
                os.fsync(descriptor)
            fresh.replace(self.file)
        except BaseException:
            os.close(descriptor)
            fresh.unlink(missing_ok=True)
            raise
        os.close(self.descriptor)
        self.descriptor = os.open(self.file, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        os.close(descriptor)
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
