"""The quickest zlib that can be had: ISA-L, else Python's own.

ISA-L unpacks two to three times as fast, and sums a gigabyte by CRC-32 in 0.02 s instead of 0.25 s.
"""

from __future__ import annotations

import zlib
from functools import cache
from types import ModuleType


@cache
def quickest_zlib() -> ModuleType:
    """It has what Python's `zlib` has."""
    try:
        from isal import isal_zlib
    except ImportError:
        return zlib
    found: ModuleType = isal_zlib
    return found


def crc32(piece: bytes | memoryview, before: int = 0) -> int:
    """The CRC-32 of some bytes, behind those of which it was `before`."""
    found: int = quickest_zlib().crc32(piece, before)
    return found
