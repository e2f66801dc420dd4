"""A disk that hangs, as a network file system does whose server is away: calls never come back.

Of what is called for paths below a folder, one kind of call waits from a moment on until it is let
go, in whichever thread it is made. That it is held is counted, so that a test waits for the
arrival and not for time to pass.
"""

from __future__ import annotations

import builtins
import fcntl
import io
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.waiting import GUARD

CALLS: dict[str, tuple[str, ...]] = {
    "stat": ("stat", "lstat", "fstat"),
    "open": ("open",),
    "write": ("write", "pwrite"),
    "fsync": ("fsync", "fdatasync"),
    "rename": ("rename", "replace", "link"),
    "statvfs": ("statvfs",),
    "scandir": ("scandir",),
    "unlink": ("unlink",),
    "flock": (),
}
"""A kind of call → what functions of `os` are of it."""


class HangingDisk:
    """Holds calls below `root`. Nothing is held until `hang`."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = str(root)
        self._kind = self._name = ""
        self._only: Callable[[], bool] = lambda: True
        self._changed = threading.Condition()
        self._held: list[tuple[str, str]] = []
        self._readlink = os.readlink
        for kind, names in CALLS.items():
            for name in names:
                monkeypatch.setattr(os, name, self._holding(kind, getattr(os, name)))
        monkeypatch.setattr(fcntl, "flock", self._holding("flock", fcntl.flock))
        opening = self._holding("open", io.open)
        monkeypatch.setattr(io, "open", opening)
        monkeypatch.setattr(builtins, "open", opening)

    def hang(self, kind: str, name: str = "", only: Callable[[], bool] = lambda: True) -> None:
        """From now on hold calls of this kind for paths that end with `name`, where `only` says."""
        with self._changed:
            self._kind, self._name, self._only = kind, name, only

    def until_held(self, times: int = 1) -> list[tuple[str, str]]:
        """Wait until so many calls were held; which, with their paths."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self._held) >= times, GUARD), self._held
            return list(self._held)

    @property
    def held(self) -> int:
        """How many calls were held so far."""
        return len(self._held)

    def let_go(self) -> None:
        """The disk answers again."""
        with self._changed:
            self._kind = ""
            self._changed.notify_all()

    def _holding(self, kind: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **more: Any) -> Any:
            if self._kind == kind and self._only():
                self._hold(kind, self._path(args[0], more.get("dir_fd")))
            return real(*args, **more)

        return call

    def _hold(self, kind: str, path: str) -> None:
        below = path == self.root or path.startswith(f"{self.root}/")
        with self._changed:
            if self._kind != kind or not below or not path.endswith(self._name):
                return
            self._held.append((kind, path))
            self._changed.notify_all()
            while self._kind == kind:
                self._changed.wait()

    def _path(self, given: Any, folder: int | None) -> str:
        try:
            if isinstance(given, int):
                return self._readlink(f"/proc/self/fd/{given}")
            if hasattr(given, "fileno"):
                return self._readlink(f"/proc/self/fd/{given.fileno()}")
            path = os.fsdecode(given)
            if folder is not None and not path.startswith("/"):
                return f"{self._readlink(f'/proc/self/fd/{folder}')}/{path}"
        except (OSError, TypeError, ValueError):
            return ""
        return path
