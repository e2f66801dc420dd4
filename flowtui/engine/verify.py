"""Whether the bytes are the right ones: md5 close behind the writer, and containers' checksums."""

from __future__ import annotations

import hashlib
import math
import time
import zlib
from collections.abc import Callable
from pathlib import Path

READ = 1 << 20
"""Bytes read and hashed, or unpacked, at a time."""

PACKED = 128 << 10
"""Bytes of a gzip file read at a time; few, because what follows a member's end is copied."""


class Hasher:
    """MD5 of a file from the front, as far as it is there.

    Attributes:
        position: how many bytes went in.
        rate: bytes a second that go in while there are some, or infinity before it is known.
    """

    def __init__(self) -> None:
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._buffer = memoryview(b"")
        self.position = 0
        self._busy = 0.0
        self._timed = 0

    @property
    def rate(self) -> float:
        """See the class."""
        return self._timed / self._busy if self._busy > 0 else math.inf

    def follow(self, read: Callable[[int, memoryview], int], until: int) -> None:
        """Hash at most READ bytes more, not beyond `until`.

        `read(offset, buffer)` fills the buffer and says how many bytes it put there. Raises
        OSError; EOFError if the file was cut.
        """
        wanted = min(READ, until - self.position)
        if len(self._buffer) < wanted:
            # One buffer for all reads; a small file needs no large one.
            self._buffer = memoryview(bytearray(READ if len(self._buffer) else wanted))
        buffer = self._buffer[:wanted]
        began = time.monotonic()
        count = read(self.position, buffer)
        if not count and wanted:
            raise EOFError("the part file is shorter than it was")
        self._md5.update(buffer[:count])
        self.position += count
        self._busy += time.monotonic() - began
        self._timed += count

    def hexdigest(self) -> str:
        """The md5 of what went in so far. The buffer is let go of."""
        self._buffer = memoryview(b"")
        return self._md5.copy().hexdigest()


def md5_of(path: Path, check: Callable[[], None] = lambda: None) -> str:
    """The md5 of a whole file; `check` is called now and then and may raise. Raises OSError."""
    md5 = hashlib.md5(usedforsecurity=False)
    with path.open("rb", buffering=0) as stream:
        while chunk := stream.read(READ):
            md5.update(chunk)
            check()
    return md5.hexdigest()


class Damaged(Exception):
    """A container whose own checksums do not fit its bytes."""


def container_kind(filename: str) -> str | None:
    """What kind of container the name says: `gzip`, `zip`, or None."""
    name = filename.lower()
    if name.endswith((".gz", ".bgz", ".tgz", ".bam")):
        return "gzip"
    return "zip" if name.endswith(".zip") else None


def check_container(path: Path, kind: str, check: Callable[[], None] = lambda: None) -> str | None:
    """Read a container to its end with its checksums; `"gzip check"` if all fit.

    None where the file is no such container at all in spite of its name, or one that cannot be
    looked into (then its size alone decides). `check` is called now and then and may raise.

    Raises:
        Damaged: it is one, and it is broken.
        OSError: the disk does not give it.
    """
    with path.open("rb") as stream:
        magic = stream.read(4)
    if kind == "gzip" and magic[:2] == b"\x1f\x8b":
        _check_gzip(path, check)
        return "gzip check"
    if kind == "zip" and magic in (b"PK\x03\x04", b"PK\x05\x06"):
        return "zip check" if _check_zip(path, check) else None
    return None


def _check_gzip(path: Path, check: Callable[[], None]) -> None:
    """Every member of a gzip or BGZF file (RFC 1952), CRC and length.

    Zeros between and behind members are allowed, as gzip does for tapes.
    """
    member: zlib._Decompress | None = None
    members = 0
    with path.open("rb", buffering=0) as stream:
        while chunk := stream.read(PACKED):
            while chunk:
                check()
                if member is None:
                    chunk = chunk.lstrip(b"\0") if members else chunk
                    if not chunk:
                        break
                    member = zlib.decompressobj(31)
                chunk = _inflated(member, chunk)
                if member.eof:
                    member, members = None, members + 1
    if member is not None:
        raise Damaged("the gzip data ends in the middle")


def _inflated(member: zlib._Decompress, chunk: bytes) -> bytes:
    """Unpack at most READ bytes of `chunk`, however tightly it is packed; what is left of it."""
    try:
        member.decompress(chunk, READ)
    except zlib.error as error:
        raise Damaged(f"broken gzip data: {error}") from error
    return member.unused_data if member.eof else member.unconsumed_tail


def _check_zip(path: Path, check: Callable[[], None]) -> bool:
    """Every member of an archive; False where one cannot be looked into (encrypted, too new)."""
    import zipfile

    whole = True
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                try:
                    stream = archive.open(member)
                except (NotImplementedError, RuntimeError):
                    whole = False
                    continue
                with stream:
                    while stream.read(READ):
                        check()
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise Damaged(f"broken zip archive: {error}") from error
    return whole
