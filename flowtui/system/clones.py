"""Files that share their bytes until one of them is written to (reflinks)."""

from __future__ import annotations

import fcntl

FICLONE = 0x40049409
"""The call of Linux that makes them."""


def clone(source: int, target: int) -> bool:
    """Have the open file `target` hold the bytes of `source` without a copy; whether it can be."""
    try:
        fcntl.ioctl(target, FICLONE, source)
    except OSError:
        return False
    return True
