"""Where files go below a target folder: the guide's layout, made safe, each path for one file.

Two different files that want one path are both kept: the second becomes `name~2.ext`. Who has
which path is read from what is there (downloads.log, journals of unfinished files) and from the
queue, so a file gets the same path in every run. Names that differ only in case or in Unicode form
count as one, because there are file systems where they are.
"""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from flowtui.engine import journal, log
from flowtui.engine.names import JOURNAL, numbered, safe_path, same_name


class Places:
    """The paths of one target folder and whose they are.

    Attributes:
        recorded: path → what downloads.log says stands there.
    """

    def __init__(self, root: Path) -> None:
        """Read what `root` says of itself; nothing is there yet where it does not exist.

        Raises OSError where the folder is there but cannot be read.
        """
        self.root = root
        self.recorded: dict[str, log.Recorded] = {}
        self._owners: dict[str, str] = {}
        self._paths: dict[str, str] = {}
        self._listed: set[PurePosixPath] = set()
        for path, entry in log.read(root):
            self.recorded[path] = entry
            self.claim(path, entry.key)

    def claim(self, path: str, key: str) -> None:
        """Say that `path` is the file `key`'s."""
        self._owners[same_name(path)] = key
        self._paths[key] = path

    def release(self, path: str, key: str) -> None:
        """Say that `path` is free again, if it was `key`'s."""
        if self._owners.get(same_name(path)) == key:
            del self._owners[same_name(path)]
        if self._paths.get(key) == path:
            del self._paths[key]

    def assign(self, key: str, folder: tuple[str, ...], filename: str, *, after: int = 0) -> str:
        """The path of the file `key`, relative to the root, and its own from now on.

        `after` passes over the first so many names, because a foreign file stands there.
        """
        parts = safe_path(folder, filename)
        if same_name(parts[0]) == log.LOG_NAME:
            parts = (parts[0] + "_", *parts[1:])  # our own log stands there
        parent = PurePosixPath(*parts[:-1])
        self._read_journals(parent)
        known = self._paths.get(key)
        if (
            known is not None
            and not after
            and self._owners.get(same_name(known)) == key
            and self._is_numbering_of(known, parent, parts[-1])
        ):
            return known
        number = after + 1
        while True:
            path = str(parent / numbered(parts[-1], number))
            if self._owners.get(same_name(path), key) == key:
                self.claim(path, key)
                return path
            number += 1

    def _is_numbering_of(self, path: str, parent: PurePosixPath, name: str) -> bool:
        """Whether `path` is `parent/name` or that name with a number: then it fits the wish."""
        given = PurePosixPath(path)
        if given.parent != parent:
            return False
        if given.name == name:
            return True
        mark = given.name.rpartition("~")[2].partition(".")[0]
        return mark.isdecimal() and len(mark) < 9 and numbered(name, int(mark)) == given.name

    def _read_journals(self, parent: PurePosixPath) -> None:
        """Learn whose the unfinished files of a folder are, once."""
        if parent in self._listed:
            return
        self._listed.add(parent)
        try:
            names = [entry.name for entry in os.scandir(self.root / parent)]
        except OSError:
            # Not there yet, or one that its transfers will find unusable and say so, each for
            # itself: no reason to refuse the others.
            return
        for name in names:
            if name.endswith(JOURNAL):
                found = journal.read(self.root / parent / name)
                path = str(parent / name.removesuffix(JOURNAL))
                if found is not None and same_name(path) not in self._owners:
                    self.claim(path, found[0].key)
