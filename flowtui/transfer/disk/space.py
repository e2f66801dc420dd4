"""Room on the disks that downloads go to, looked at in threads of their own.

Asking a stalled network file system for its free space blocks; the engine asks this module's
memory instead.
"""

from __future__ import annotations

import os
import threading
import time
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
    """Knows the room of the folders it was asked for, a few seconds old at most.

    Each folder has a thread of its own: one whose disk hangs keeps none of the others waiting.
    """

    def __init__(
        self,
        news: Callable[[], None],
        every: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`news` is called, in the watching thread, after a folder was measured first; all are
        measured `every` so many seconds.
        """
        self._every = every
        self._news = news
        self._clock = clock
        self._rooms: dict[str, Room | None] = {}
        self._wanted: set[str] = set()
        self._lock = threading.Lock()
        self._watched: set[str] = set()
        self._asked: dict[str, float] = {}
        self._ended = threading.Event()

    def room(self, folder: str) -> Room | None:
        """What is known of `folder`; None until it was looked at, or where that failed."""
        if folder not in self._wanted:
            with self._lock:
                self._wanted.add(folder)
                is_new = folder not in self._watched
                self._watched.add(folder)
                if is_new:
                    self._asked[folder] = self._clock()
            if is_new:
                threading.Thread(
                    target=self._watch, args=(folder,), name="space", daemon=True
                ).start()
        return self._rooms.get(folder)

    def is_known(self, folder: str) -> bool:
        """Whether the folder was looked at, be it in vain."""
        return folder in self._rooms

    def since(self) -> dict[str, float]:
        """The folders whose disks are asked now, and since when, by the watch's clock."""
        return {folder: at for folder, at in self._asked.copy().items() if folder in self._wanted}

    def keep_only(self, folders: set[str]) -> None:
        """Look at no other folders any more."""
        with self._lock:
            for gone in self._wanted - folders:
                self._wanted.discard(gone)
                self._rooms.pop(gone, None)

    def close(self) -> None:
        """Stop looking."""
        self._ended.set()

    def _watch(self, folder: str) -> None:
        while True:
            self._asked[folder] = self._clock()
            try:
                room = measure(Path(folder))
            except Exception:  # noqa: BLE001
                # No answer is an answer: the transfer itself will meet the error and say it.
                room = None
            del self._asked[folder]
            with self._lock:
                is_news = folder in self._wanted and folder not in self._rooms
                if folder in self._wanted:
                    self._rooms[folder] = room
            if is_news:
                self._news()
            self._ended.wait(self._every)
            with self._lock:
                if self._ended.is_set() or folder not in self._wanted:
                    self._watched.discard(folder)
                    return
