"""Unix sockets at paths that may be longer than the system takes."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

LONGEST = 100
"""Bytes of a path that every system takes for a socket (Linux: 107)."""


@contextlib.contextmanager
def address_of(path: Path) -> Iterator[str]:
    """What to bind or connect to for the socket at `path`, within the `with`. Raises OSError."""
    if len(os.fsencode(path)) <= LONGEST:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
