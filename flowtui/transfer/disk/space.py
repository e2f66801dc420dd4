"""Room on the disks that downloads go to, looked at in a thread of its own.

Asking a stalled network file system for its free space blocks; the engine asks this module's
memory instead.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

MARGIN = 1.1
"""Times the bytes still to come must be free (the guide's 10 %)."""


@dataclass(frozen=True)
class Room:
    """Of one folder: its file system, the bytes free there for this user, and those of it all."""

    device: int
    free: int
    size: int = 1 << 63


def measure(folder: Path) -> Room:
    """The room at `folder`, or at the nearest folder above it that exists. Raises OSError."""
    where = folder
    while True:
        try:
            device = where.stat().st_dev
            space = os.statvfs(where)
            return Room(device, space.f_bavail * space.f_frsize, space.f_blocks * space.f_frsize)
        except (FileNotFoundError, NotADirectoryError):
            if where == where.parent:
                raise
            where = where.parent


class SpaceWatch:
    """Knows the room of the folders it was asked for, a few seconds old at most."""

    def __init__(self, news: Callable[[], None], every: float) -> None:
        """`news` is called, in the watching thread, after a folder was measured first; all are
        measured `every` so many seconds.
        """
        self._every = every
        self._news = news
        self._rooms: dict[str, Room | None] = {}
        self._wanted: set[str] = set()
        self._wake = threading.Event()
        self._ended = False
        self._thread: threading.Thread | None = None

    def room(self, folder: str) -> Room | None:
        """What is known of `folder`; None until it was looked at, or where that failed."""
        if folder not in self._wanted:
            self._wanted.add(folder)
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="space", daemon=True)
                self._thread.start()
            self._wake.set()
        return self._rooms.get(folder)

    def is_known(self, folder: str) -> bool:
        """Whether the folder was looked at, be it in vain."""
        return folder in self._rooms

    def keep_only(self, folders: set[str]) -> None:
        """Look at no other folders any more."""
        for gone in self._wanted - folders:
            self._wanted.discard(gone)
            self._rooms.pop(gone, None)

    def close(self) -> None:
        """Stop looking."""
        self._ended = True
        self._wake.set()

    def _watch(self) -> None:
        while not self._ended:
            self._wake.clear()
            for folder in list(self._wanted):
                first = folder not in self._rooms
                try:
                    self._rooms[folder] = measure(Path(folder))
                except Exception:  # noqa: BLE001
                    # No answer is an answer: the transfer itself will meet the error and say it.
                    self._rooms[folder] = None
                if first:
                    self._news()
            self._wake.wait(self._every if self._wanted else None)
