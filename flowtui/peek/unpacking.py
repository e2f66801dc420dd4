"""As much of gzip data as some bytes from its start give; BGZF is gzip of many members."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

MOST = 1 << 20
"""Bytes that are unpacked: a quarter of a MiB of zeros would be 256 MiB of them."""

_STEP = 1 << 10
"""Packed bytes that are unpacked at a time."""

MAGIC = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Unpacked:
    """The bytes, and what is broken in them in words, or nothing. `is_whole`: all were unpacked."""

    data: bytes
    damage: str = ""
    is_whole: bool = True


def unpacked(packed: bytes, most: int = MOST) -> Unpacked:
    """What `packed` gives; its end may be missing."""
    found = bytearray()
    member = None
    at = 0
    # In small steps: what comes before damage is kept, and the bytes behind a member's end, which
    # are copied, are few.
    while at < len(packed) and len(found) < most:
        if member is None and found and packed[at] == 0:
            at += 1  # zeros between members, as tapes have them
            continue
        member = member or zlib.decompressobj(31)
        step = packed[at : at + _STEP]
        try:
            found += member.decompress(step, most - len(found))
        except zlib.error:
            where = f" after {len(found):,} unpacked bytes" if found else ""
            return Unpacked(bytes(found), f"The gzip data is broken{where}.", False)
        at += len(step) - len(member.unused_data or member.unconsumed_tail)
        member = None if member.eof else member
    return Unpacked(bytes(found), is_whole=at == len(packed) and member is None)
