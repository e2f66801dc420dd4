"""`engine.lock`: who is the one engine of this user and host, and where it listens.

The folder of the socket is not the same for everyone: a session may have no $XDG_RUNTIME_DIR, or
another TMPDIR, and logind takes it away after a logout. The state folder is the same, so the
engine notes there, in the file it holds locked, its process id and its socket:

    4711
    /run/user/1000/flowtui/engine.sock

The second line is there only while the engine listens.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Holder:
    """What `engine.lock` says; it may be of an engine that has died (see `file_lock.is_held`)."""

    pid: int | None = None
    socket: Path | None = None


def read_holder(file: Path) -> Holder:
    """Who noted themselves in `file`; nobody where it cannot be read."""
    try:
        lines = os.fsdecode(file.read_bytes()).split("\n")
        pid = int(lines[0])
    except (OSError, ValueError):
        return Holder()
    # A line counts when its end is there.
    noted = Path(lines[1]) if len(lines) > 2 else None
    return Holder(pid, noted if noted is not None and noted.is_absolute() else None)


class PidFile:
    """The place of the one engine, as long as this process has it."""

    def __init__(self, descriptor: int, unlock: Callable[[], None]) -> None:
        """`descriptor` is the locked file's; `unlock` lets go of what was locked beside it."""
        self._descriptor = descriptor
        self._unlock = unlock

    def note(self, socket: Path | None) -> None:
        """Say where this engine listens, or that it does not. Raises OSError."""
        text = f"{os.getpid()}\n".encode()
        if socket is not None:
            text += os.fsencode(socket) + b"\n"
        # In this order no reader finds the file empty.
        os.pwrite(self._descriptor, text, 0)
        os.ftruncate(self._descriptor, len(text))

    def let_go(self) -> None:
        """Leave the place to another engine."""
        self._unlock()
        os.close(self._descriptor)
