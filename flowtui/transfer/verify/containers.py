"""The checksums inside .gz, .bam and .zip files.

They speak for a file for which the service gives no md5. A gzip or BGZF file is tried close behind
the writer; a zip archive, whose directory is at its end, when all of it is here.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from pathlib import Path

from flowtui.system.files import open_regular
from flowtui.transfer.cancel import Check
from flowtui.transfer.errors import Damaged
from flowtui.transfer.verify.quick_zlib import quickest_zlib
from flowtui.transfer.verify.zip_check import STARTS, check_zip

READ = 1 << 20
"""Bytes unpacked at a time."""

PACKED = 128 << 10
"""Bytes of a container read at a time; few, because what follows a member's end is copied."""


class ContainerCheck:
    """Tries a container from the front, as far as the file is there.

    Attributes:
        position: up to where it has looked. `damage`: what is wrong, in words, or empty.
        damaged_at: up to where it had looked when it found that, or None.
    """

    def __init__(self, kind: str) -> None:
        """`kind` is what the name promises, `gzip` or `zip`."""
        self.kind = kind
        self.position = 0
        self.damage = ""
        self.damaged_at: int | None = None
        self._start = b""
        self._reader: _Gzip | _Zip | None = None
        self._is_none = False
        self._buffer = memoryview(b"")

    def follow(
        self, read: Callable[[int, memoryview], int], until: int, check: Check = lambda: None
    ) -> None:
        """Look at PACKED bytes more at most, not beyond `until`.

        `read(offset, buffer)` fills the buffer and says how many bytes it put there; `check` is
        called now and then and may raise. Raises OSError; EOFError if the file was cut.
        """
        if self.damage or self._is_none or (self._reader is not None and self._reader.has_ended):
            self.position = until
            return
        wanted = min(PACKED, until - self.position)
        if len(self._buffer) < wanted:
            self._buffer = memoryview(bytearray(wanted))
        count = read(self.position, self._buffer[:wanted])
        if not count and wanted:
            raise EOFError("the part file is shorter than it was")
        self.position += count
        self._feed(bytes(self._buffer[:count]), check)

    def verdict(self, path: Path, check: Check = lambda: None) -> str | None:
        """Look at what is left of the whole file; `"gzip check"` if all fits.

        None where the file is no such container at all in spite of its name, or one that cannot be
        looked into (then its size alone decides).

        Raises:
            Damaged: it is one, and it is broken.
            OSError: the disk does not give it.
        """
        descriptor = open_regular(path, os.O_RDONLY | os.O_NOFOLLOW)
        with open(descriptor, "rb", buffering=0) as stream:
            size = os.fstat(stream.fileno()).st_size
            while self.position < size:
                self.follow(
                    lambda at, buffer: os.preadv(stream.fileno(), [buffer], at), size, check
                )
        self._feed(b"", check, last=True)
        self._buffer = memoryview(b"")
        if self.damage:
            raise Damaged(self.damage)
        if self._is_none or self._reader is None:
            return None
        return f"{self.kind} check" if self._reader.judge(path, check) else None

    def concluded(self) -> bool:
        """Whether all of a gzip file, which `follow` has had to its end, fits.

        False where it is none. Raises Damaged.
        """
        self._feed(b"", lambda: None, last=True)
        if self.damage:
            raise Damaged(self.damage)
        return isinstance(self._reader, _Gzip) and self._reader.is_whole()

    def _feed(self, chunk: bytes, check: Check, *, last: bool = False) -> None:
        if self._reader is None and not self._is_none:
            chunk = self._start = self._start + chunk
            if len(chunk) < 4 and not last:
                return
            self._reader = self._made_for(chunk)
            self._is_none, self._start = self._reader is None, b""
        if self._reader is None:
            return
        try:
            self._reader.feed(chunk, check)
        except Damaged as error:
            self.damage, self.damaged_at = str(error), self.position

    def _made_for(self, start: bytes) -> _Gzip | _Zip | None:
        if self.kind == "gzip" and start[:2] == b"\x1f\x8b":
            return _Gzip()
        return _Zip() if self.kind == "zip" and start[:4] in STARTS else None


class _Gzip:
    """Every member of a gzip or BGZF file (RFC 1952), CRC and length.

    Zeros between and behind members are allowed, as gzip does for tapes.
    """

    has_ended = False

    def __init__(self) -> None:
        self._zlib = quickest_zlib()
        self._member: zlib._Decompress | None = None
        self._members = 0

    def feed(self, chunk: bytes, check: Check) -> None:
        while chunk:
            check()
            if self._member is None:
                chunk = chunk.lstrip(b"\0") if self._members else chunk
                if not chunk:
                    return
                self._member = self._zlib.decompressobj(31)
            try:
                self._member.decompress(chunk, READ)
            except self._zlib.error as error:
                raise Damaged(f"broken gzip data: {error}") from error
            chunk = self._member.unused_data or self._member.unconsumed_tail
            if self._member.eof:
                self._member, self._members = None, self._members + 1

    def judge(self, _path: Path, _check: Check) -> bool:
        return self.is_whole()

    def is_whole(self) -> bool:
        if self._member is not None:
            raise Damaged("the gzip data ends in the middle")
        return True


class _Zip:
    """A zip archive; nothing of it is looked at before its end."""

    has_ended = True

    def feed(self, chunk: bytes, check: Check) -> None:
        """Pass over what comes."""

    def judge(self, path: Path, check: Check) -> bool:
        return check_zip(path, check)
