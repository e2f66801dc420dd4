"""`engine.lock`: who is the one engine of this user and host, and where it listens.

The folder of the socket is not the same for everyone: a session may have no $XDG_RUNTIME_DIR, or
another TMPDIR, and logind takes it away after a logout. The state folder is the same, so the
engine notes there, in the file it holds locked, its process id and its socket:

    4711
    /run/user/1000/flowtui/engine.sock
    <machine> <boot> <start of the process>

The second line is empty unless the engine listens. The third tells whether it is dead, should the
host be called otherwise by then (`system.machine`).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flowtui.system.files import read_regular
from flowtui.system.machine import own_mark


@dataclass(frozen=True)
class EngineAddress:
    """What `engine.lock` says; the engine may have died since (see `system.locks.is_held`)."""

    pid: int | None = None
    socket: Path | None = None


def read_address(file: Path) -> EngineAddress:
    """What `file` says; nothing where it cannot be read."""
    try:
        lines = os.fsdecode(read_regular(file, _MOST_SAID)).split("\n")
        pid = int(lines[0])
    except (OSError, ValueError):
        return EngineAddress()
    if not 0 < pid < _NO_PID:
        return EngineAddress()
    # A line without its end is not written whole yet.
    path = lines[1] if len(lines) > 2 else ""
    is_path = path.startswith("/") and "\0" not in path
    return EngineAddress(pid, Path(path) if is_path else None)


_MOST_SAID = 8192
"""Bytes: two paths of the longest that the system has."""

_NO_PID = 1 << 22
"""More than Linux has processes."""


class PidFile:
    """`engine.lock` held by this process: as long as it is, this is the one engine."""

    def __init__(self, descriptor: int, unlock: Callable[[], None]) -> None:
        """`descriptor` is the locked file's; `unlock` undoes what was locked beside it."""
        self._descriptor = descriptor
        self._unlock = unlock

    def write(self, socket: Path | None) -> None:
        """Say where this engine listens, or that it does not. Raises OSError."""
        text = f"{os.getpid()}\n".encode()
        text += (b"" if socket is None else os.fsencode(socket)) + b"\n"
        text += f"{own_mark().text()}\n".encode()
        # In this order no reader finds the file empty.
        os.pwrite(self._descriptor, text, 0)
        os.ftruncate(self._descriptor, len(text))

    def release(self) -> None:
        """Let another engine take over."""
        self._unlock()
        os.close(self._descriptor)
