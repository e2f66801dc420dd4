"""Where files go below a target folder: the guide's layout, made safe, each path for one file.

Two different files that want one path are both kept: the second becomes `name~2.ext`. Who has
which path is read from what is there (downloads.log, journals of unfinished files) and from the
queue, so a file gets the same path in every run. Names that differ only in case or in Unicode form
count as one, because there are file systems where they are.

A file and a folder may want one name, too (`results` and `results/x`): the one that comes second
becomes `results~2`.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from flowtui.transfer.disk import downloads_log, journal
from flowtui.transfer.disk.names import JOURNAL, numbered, safe_path, same_name
from flowtui.transfer.task import Recorded

FOLDER = ".zip"
"""What a folder is saved as."""


class TargetPaths:
    """The paths of one target folder and whose they are.

    Attributes:
        recorded: path → what downloads.log says stands there.
    """

    def __init__(self, root: Path) -> None:
        """Read what `root` says of itself; nothing is there yet where it does not exist.

        Raises OSError where the folder is there but cannot be read.
        """
        self.root = root
        self.recorded: dict[str, Recorded] = {}
        self._owners: dict[str, str] = {}
        self._paths: dict[str, str] = {}
        self._looked: set[PurePosixPath] = set()
        self._listed: set[PurePosixPath] = set()
        self._spellings: defaultdict[str, set[PurePosixPath]] = defaultdict(set)
        # Where no file can be, as `same_name` has it: folders of files that have their paths
        # (and of how many), and folders that are on the disk.
        self._folders: Counter[str] = Counter()
        self._on_disk: set[str] = set()
        self._resolved: dict[tuple[str, ...], PurePosixPath] = {}
        for path, entry in downloads_log.read(root):
            self.recorded[path] = entry
            self.claim(path, entry.key)

    def claim(self, path: str, key: str) -> None:
        """Say that `path` is the file `key`'s."""
        name = same_name(path)
        if name not in self._owners:
            self._folders.update(_above(name))
        self._owners[name] = key
        self._paths[key] = path

    def release(self, path: str, key: str) -> None:
        """Say that `path` is free again, if it was `key`'s."""
        name = same_name(path)
        if self._owners.get(name) == key:
            del self._owners[name]
            self._folders.subtract(_above(name))
            self._resolved.clear()  # a file may take the place of a folder now
        if self._paths.get(key) == path:
            del self._paths[key]

    def assign(self, key: str, folder: tuple[str, ...], filename: str, *, after: int = 0) -> str:
        """The path of the file `key`, relative to the root, and its own from now on.

        `after` passes over the first so many names, because a foreign file stands there.
        """
        parts = safe_path(folder, filename)
        if same_name(parts[0]) == downloads_log.LOG_NAME:
            parts = (parts[0] + "_", *parts[1:])  # our own log stands there
        parent = self._folder(parts[:-1])
        self._look_into(parent)
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
            name = same_name(path)
            if self._owners.get(name, key) == key and not self._is_folder(name):
                self.claim(path, key)
                return path
            number += 1

    def _is_folder(self, name: str) -> bool:
        return self._folders[name] > 0 or name in self._on_disk

    def _folder(self, parts: tuple[str, ...]) -> PurePosixPath:
        """The folder for a wished one: another where a file has the place of it, or above it."""
        if not parts:
            return PurePosixPath()
        known = self._resolved.get(parts)
        if known is not None:
            return known
        above = self._folder(parts[:-1])
        self._look_into(above)
        number = 1
        while same_name(str(above / numbered(parts[-1], number))) in self._owners:
            number += 1
        folder = self._resolved[parts] = above / numbered(parts[-1], number)
        return folder

    def _is_numbering_of(self, path: str, parent: PurePosixPath, name: str) -> bool:
        """Whether `path` is `parent/name` or that name with a number: then it fits the wish.

        A folder of Flow's is called so too, with the ending of the ZIP that it came as.
        """
        given = PurePosixPath(path)
        if given.parent != parent:
            return False
        called = given.name if name.endswith(FOLDER) else given.name.removesuffix(FOLDER)
        if name in (called, given.name):
            return True
        mark = called.rpartition("~")[2].partition(".")[0]
        return mark.isdecimal() and len(mark) < 9 and numbered(name, int(mark)) == called

    def _look_into(self, parent: PurePosixPath) -> None:
        """Learn whose the unfinished files of a folder are, and what folders it has, once.

        Of folders whose names count as the same one, too: their files may not share a name either.
        """
        if parent in self._looked:
            return
        self._looked.add(parent)
        for one in {parent, *self._spellings[same_name(str(parent))]} - self._listed:
            self._listed.add(one)
            self._list(one)

    def _list(self, parent: PurePosixPath) -> None:
        try:
            with os.scandir(self.root / parent) as entries:
                there = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
        except OSError:
            # Not there yet, or one that its transfers will find unusable and say so, each for
            # itself: no reason to refuse the others.
            return
        for name, is_folder in there:
            if is_folder:
                folder = same_name(str(parent / name))
                self._on_disk.add(folder)
                self._spellings[folder].add(parent / name)
            elif name.endswith(JOURNAL):
                found = journal.read(self.root / parent / name)
                path = str(parent / name.removesuffix(JOURNAL))
                if found is not None and same_name(path) not in self._owners:
                    self.claim(path, found[0].key)


def _above(path: str) -> Iterator[str]:
    """The folders that a path goes through: `a` and `a/b` of `a/b/c`."""
    at = path.find("/")
    while at >= 0:
        yield path[:at]
        at = path.find("/", at + 1)
