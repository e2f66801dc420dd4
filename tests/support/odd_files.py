"""What others or accidents may put under the name of a file of ours."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

DEEP = 100_000


def _socket(path: Path) -> None:
    here = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(f"/proc/self/fd/{here}/{path.name}")
    finally:
        os.close(here)


def _gigabyte(path: Path) -> None:
    path.touch()
    os.truncate(path, 1 << 30)


IRREGULAR: dict[str, Callable[[Path], None]] = {
    "a named pipe": os.mkfifo,
    "a link to /dev/zero": lambda path: path.symlink_to("/dev/zero"),
    "a socket": _socket,
    "a folder": Path.mkdir,
}
"""What is no regular file: reading these never ends, or begins."""

ODD = IRREGULAR | {
    "a gigabyte": _gigabyte,
    "brackets": lambda path: path.write_bytes(b"[" * DEEP),
    "objects": lambda path: path.write_bytes(b'{"a":' * DEEP),
    "invalid UTF-8": lambda path: path.write_bytes(b'\xff\xfe{"\x80'),
    "NULs": lambda path: path.write_bytes(bytes(4096)),
    "a huge number": lambda path: path.write_bytes(b"9" * 10_000),
    "an infinite number": lambda path: path.write_bytes(b"Infinity"),
    "nothing": Path.touch,
}


def put(kind: str, path: Path) -> Path:
    """Put it there, in place of what is there."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.unlink(missing_ok=True)
    ODD[kind](path)
    if not path.is_symlink():
        path.chmod(0o700 if path.is_dir() else 0o600)
    return path
