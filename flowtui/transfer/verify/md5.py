"""MD5: of a file that is being written, close behind the writer, and of one that is there."""

from __future__ import annotations

import hashlib
import math
import os
import time
from collections.abc import Callable
from pathlib import Path

from flowtui.system.files import open_regular
from flowtui.transfer.verify.quick_zlib import crc32

READ = 1 << 20
"""Bytes read and hashed at a time."""

BLOCK = 16 << 20
"""Bytes of a block that can be found bad, and fetched again, by itself."""


class BlockSums:
    """The CRC-32 of each block of a file that comes piece by piece, from the front."""

    def __init__(self) -> None:
        self._position = 0
        self._blocks, self._crc = bytearray(), 0

    def update(self, piece: bytes | memoryview) -> None:
        """Take the next bytes."""
        view = memoryview(piece)
        while view:
            count = min(len(view), BLOCK - self._position % BLOCK)
            self._crc = crc32(view[:count], self._crc)
            self._position += count
            view = view[count:]
            if self._position % BLOCK == 0:
                self._blocks += self._crc.to_bytes(4, "big")
                self._crc = 0

    @property
    def blocks(self) -> bytes:
        """That of each block so far, four bytes each; nothing for a file of one block."""
        last = self._crc.to_bytes(4, "big") if self._position % BLOCK else b""
        return bytes(self._blocks) + last if self._position > BLOCK else b""


class Hasher:
    """MD5 of a file from the front, as far as it is there, and the CRC-32 of each of its blocks.

    Attributes:
        position: how many bytes went in.
        rate: bytes a second that go in while there are some, or infinity before it is known.
    """

    def __init__(self) -> None:
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._buffer = memoryview(b"")
        self.position = 0
        self._sums = BlockSums()
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
        self._sums.update(buffer[:count])
        self.position += count
        self._busy += time.monotonic() - began
        self._timed += count

    def hexdigest(self) -> str:
        """The md5 of what went in so far. The buffer is let go of."""
        self._buffer = memoryview(b"")
        return self._md5.copy().hexdigest()

    @property
    def blocks(self) -> bytes:
        """See `BlockSums`."""
        return self._sums.blocks


def md5_of(
    path: Path,
    check: Callable[[], None] = lambda: None,
    length: int | None = None,
    took: Callable[[int], None] = lambda count: None,
    sums: BlockSums | None = None,
) -> str:
    """The md5 of a whole file, or of its first `length` bytes.

    `check` is called now and then and may raise; `took` is told of the bytes that were read, and
    `sums` learns of the blocks. Raises UnfitFile, OSError.
    """
    descriptor = open_regular(path)
    try:
        return md5_of_open(descriptor, check, length, took, sums)
    finally:
        os.close(descriptor)


def md5_of_open(
    descriptor: int,
    check: Callable[[], None] = lambda: None,
    length: int | None = None,
    took: Callable[[int], None] = lambda count: None,
    sums: BlockSums | None = None,
) -> str:
    """The md5 of an open file, see `md5_of`; where it was being read does not change."""
    md5 = hashlib.md5(usedforsecurity=False)
    end = os.fstat(descriptor).st_size if length is None else length
    # One buffer for all: memory that is asked for anew costs as much as a tenth of the md5.
    buffer = memoryview(bytearray(max(1, min(READ, end))))
    at = 0
    while at < end and (count := os.preadv(descriptor, [buffer[: min(len(buffer), end - at)]], at)):
        md5.update(buffer[:count])
        if sums is not None:
            sums.update(buffer[:count])
        at += count
        took(count)
        check()
    return md5.hexdigest()
