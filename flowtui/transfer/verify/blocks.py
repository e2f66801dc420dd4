"""The good blocks of a file that was changed, so that only the bad ones are fetched again.

A CRC-32 of each block was recorded when the file came. That tells which blocks are worth keeping;
what proves the whole file right in the end is its md5.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from flowtui.system.clones import clone
from flowtui.transfer.disk.part_file import PartFile
from flowtui.transfer.verify.md5 import BLOCK, READ
from flowtui.transfer.verify.quick_zlib import crc32


def keep_good_blocks(
    part: PartFile, earlier: str, sums: bytes, size: int, check: Callable[[], None]
) -> int:
    """Take over into an empty part file those blocks of `earlier`, beside it, that are as recorded.

    `sums` are their CRC-32, four bytes each, `size` is that of the whole file. Gives the bytes that
    were taken over. `check` is called now and then and may raise. Raises OSError.
    """
    descriptor = part.folder.open_data(earlier)
    try:
        is_shared = share_bytes(descriptor, part)
        for number in range(len(sums) // 4):
            check()
            begin, end = number * BLOCK, min(size, (number + 1) * BLOCK)
            wanted = int.from_bytes(sums[4 * number : 4 * number + 4], "big")
            if _crc(descriptor, begin, end, check) != wanted:
                continue
            if not is_shared:
                _copy(descriptor, begin, end, part)
            part.done.add(begin, end)
            part.note(begin, end)
    finally:
        os.close(descriptor)
    return part.done.total


def _crc(descriptor: int, begin: int, end: int, check: Callable[[], None]) -> int | None:
    """The CRC-32 of a range, or None where the file ends before."""
    crc = 0
    while begin < end:
        check()
        piece = os.pread(descriptor, min(READ, end - begin), begin)
        if not piece:
            return None
        crc, begin = crc32(piece, crc), begin + len(piece)
    return crc


def _copy(descriptor: int, begin: int, end: int, part: PartFile) -> None:
    while begin < end and (piece := os.pread(descriptor, min(READ, end - begin), begin)):
        part.write(begin, piece)
        begin += len(piece)


def share_bytes(source: int, part: PartFile) -> bool:
    """Have a part file hold the bytes of an open file without a copy; whether that can be."""
    return clone(source, part.descriptor)
