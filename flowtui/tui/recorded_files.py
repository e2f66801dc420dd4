"""What `downloads.log` of the target folder calls here, looked at in a thread.

The folder may be on a disk that hangs: one thread asks it at a time, nobody waits for that, and
what is not known has no sign. Of all that is recorded only what is on the screen is looked for.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

LOG_NAME = "downloads.log"

MOST_READ = 64 << 20
"""Bytes of a log that are read, the latest: some hundred thousand files."""

LONGEST_LINE = 64 << 10
"""Bytes of a line; a longer one is none of ours."""

LONGEST_PATH = 4096

AGAIN = 10
"""Every so many looks the same files are looked for again: somebody may have moved them."""


@dataclass
class Found:
    """What a look found.

    Attributes:
        here: key of a file that was asked for and is recorded → whether it is there.
        things: how many files are recorded of each sample, run and project (`things_of`).
    """

    here: dict[str, bool] = field(default_factory=dict)
    things: dict[str, int] = field(default_factory=dict)


class LogReader:
    """Reads a log as it grows. One thread at a time uses it; any call may hang with the disk."""

    def __init__(self) -> None:
        self._log: tuple[object, ...] = ()
        self._read = 0
        self._paths: dict[str, tuple[str, int | None]] = {}
        self._things: dict[str, int] = {}

    def look(self, root: Path, keys: Iterable[str]) -> Found:
        """What is here of these files. Raises OSError where the log cannot be read."""
        self._read_on(root)
        here = {key: self._is_here(root, key) for key in keys if key in self._paths}
        return Found(here, dict(self._things))

    def these_are_here(self, root: Path, sizes: Mapping[str, int | None]) -> set[str]:
        """Those of these files that are here as Flow has them: key → size there, None for unknown.

        Raises OSError as `look` does.
        """
        self._read_on(root)
        return {
            key
            for key, size in sizes.items()
            if key in self._paths
            and (None in (size, self._paths[key][1]) or size == self._paths[key][1])
            and self._is_here(root, key)
        }

    def _is_here(self, root: Path, key: str) -> bool:
        path, size = self._paths[key]
        return _is_there(root / path, size)

    def _read_on(self, root: Path) -> None:
        try:
            self._follow(root)
        except FileNotFoundError:
            self._forget((), 0)

    def _forget(self, log: tuple[object, ...], begin: int) -> None:
        self._log, self._read = log, begin
        self._paths.clear()
        self._things.clear()

    def _follow(self, root: Path) -> None:
        """Read what was added since the last time."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with open(os.open(root / LOG_NAME, flags), "rb") as stream:
            found = os.fstat(stream.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise FileNotFoundError(LOG_NAME)
            log = (root, found.st_dev, found.st_ino)
            if log != self._log or found.st_size < self._read:
                self._forget(log, max(0, found.st_size - MOST_READ))
            stream.seek(self._read)
            while self._read < found.st_size and (line := stream.readline(LONGEST_LINE)):
                if not line.endswith(b"\n") and len(line) < LONGEST_LINE:
                    return  # it is being written
                self._read += len(line)
                self._take(line)

    def _take(self, line: bytes) -> None:
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError):
            return  # another program's, or cut off by a crash
        if not isinstance(fields, dict) or fields.get("status") not in ("done", "skipped"):
            return
        key, path, size = fields.get("key"), fields.get("path"), fields.get("size")
        if not isinstance(key, str) or not isinstance(path, str) or not _is_possible(path):
            return
        if key not in self._paths:
            for thing in _things_of(fields):
                self._things[thing] = self._things.get(thing, 0) + 1
        self._paths[key] = path, size if type(size) is int else None


def _things_of(fields: dict[str, Any]) -> set[str]:
    """As `known_files.things_of`, of a line of the log."""
    project = fields.get("project")
    given = fields.get("belongs_to"), fields.get("execution")
    things = {thing for thing in given if isinstance(thing, str) and thing}
    return things | ({f"project:{project}"} if isinstance(project, str) and project else set())


def _is_possible(path: str) -> bool:
    """Whether it is a path below a folder, as ours are."""
    parts = PurePosixPath(path).parts
    is_below = bool(parts) and ".." not in parts and not path.startswith("/")
    return is_below and "\0" not in path and len(path) <= LONGEST_PATH


def _is_there(file: Path, size: int | None) -> bool:
    """Whether a file of that size is there."""
    try:
        found = file.stat(follow_symlinks=False)
    except (OSError, ValueError):  # a name that this file system cannot have
        return False
    return stat.S_ISREG(found.st_mode) and size in (None, found.st_size)


class RecordedFiles:
    """Has a thread look what is here of the files on the screen, where that may have changed."""

    def __init__(
        self,
        run: Callable[[Callable[[], None], str], None],
        call_later: Callable[..., None],
        told: Callable[[Found], None],
    ) -> None:
        """`run`, `call_later`: see `Background`. `told` is called on the screen's thread."""
        self._run, self._call_later, self._told = run, call_later, told
        self._reader = LogReader()
        self._asked: tuple[object, ...] = ()
        self._is_looking = False
        self._passed = 0

    def look(self, root: Path, keys: list[str], queue: object) -> None:
        """Look for these; not while a look is under way, and seldom if nothing is new.

        `queue`: what the queue says of them, to be looked for again where that changes.
        """
        asked = (root, keys, queue)
        self._passed = 0 if asked != self._asked else self._passed + 1
        if self._is_looking or self._passed % AGAIN:
            return
        self._asked, self._is_looking = asked, True

        def work() -> None:
            try:
                found = self._reader.look(root, keys)
            except OSError:
                found = Found()  # the engine, which writes the log, says what is wrong with it
            self._call_later(self._looked, found)

        self._run(work, "look what is here")

    def _looked(self, found: Found) -> None:
        self._is_looking = False
        self._told(found)
