"""Where files go below a target folder: the guide's layout, made safe, each path for one file.

Two different files that want one path are both kept: the second becomes `name~2.ext`. Who has
which path is read from what is there (downloads.log, journals of unfinished files) and from the
queue, so a file gets the same path in every run. Names that differ only in case or in Unicode form
count as one, because there are file systems where they are.

A file and a folder may want one name, too (`results` and `results/x`): the one that comes second
becomes `results~2`.

Two samples of one name do not mix their files: the one that comes second has the folder `liver~2`.
Nor do two sets of files of the same names in one folder: all files of the second set are `~2`, so
that a pair stays a pair.
"""

from __future__ import annotations

import errno
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Protocol

from flowtui.flow.remote_file import Origin, RemoteFile
from flowtui.system import descriptors
from flowtui.system.files import UnfitFile
from flowtui.system.locks import ENDING as LOCK_ENDING
from flowtui.system.shared_folder import Folder, open_folder
from flowtui.transfer.disk import downloads_log, folder_record, journal
from flowtui.transfer.disk.downloads_log import LOG_NAME
from flowtui.transfer.disk.folder_record import BLOCKS_NAME, SUMS_NAME
from flowtui.transfer.disk.names import (
    JOURNAL,
    is_numbering,
    number_of,
    numbered,
    safe_path,
    same_name,
)
from flowtui.transfer.task import Recorded

MOST_BEFORE = 20
"""Names before a numbered one that are looked at."""

_OURS = {same_name(name) for name in (LOG_NAME, LOG_NAME + LOCK_ENDING, SUMS_NAME, BLOCKS_NAME)}

ALL_FOLDERS = 1 << 28
"""Letters of the paths of all folders that a log names, about."""

FOLDER = ".zip"
"""What a folder is saved as."""


class Placed(Protocol):
    """What has a place below a target folder: see `RemoteFile`, whose fields these are."""

    @property
    def key(self) -> str: ...  # noqa: D102
    @property
    def folder(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def filename(self) -> str: ...  # noqa: D102
    @property
    def belongs_to(self) -> str: ...  # noqa: D102
    @property
    def fileset(self) -> str: ...  # noqa: D102
    @property
    def within(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def origin(self) -> Origin: ...  # noqa: D102


class TargetPaths:
    """The paths of one target folder and whose they are.

    Attributes:
        recorded: path → what downloads.log says stands there.
    """

    def __init__(self, root: Path) -> None:
        """Read what `root` says of itself; nothing is there yet where it does not exist.

        Raises OSError where the folder is there but cannot be read, UnfitFile where something else
        stands under the name of one of its records.
        """
        self.root = root
        self.recorded: dict[str, Recorded] = {}
        self._owners: dict[str, str] = {}
        self._paths: dict[str, str] = {}
        self._also: defaultdict[str, list[str]] = defaultdict(list)  # earlier ones than that
        self._looked: set[PurePosixPath] = set()
        self._listed: set[PurePosixPath] = set()
        self._spellings: defaultdict[str, set[PurePosixPath]] = defaultdict(set)
        # Where no file can be, as `same_name` has it: folders of files that have their paths
        # (and of how many), and folders that are on the disk.
        self._folders: Counter[str] = Counter()
        self._on_disk: set[str] = set()
        self._resolved: dict[tuple[str, ...], PurePosixPath] = {}
        # Whose a folder is (see `RemoteFile.belongs_to`), and the numbers that sets of files have.
        self._samples: dict[str, str] = {}
        self._owned: set[str] = set()  # by which samples
        self._numbers: dict[tuple[str, str], int] = {}  # by folder and set
        # Which number is the first that may be free for a newcomer: of a file or a folder (its
        # parent and the name that it would like), and of a set of files in a folder.
        self._first_free: dict[tuple[PurePosixPath, str], int] = {}
        self._first_of_sets: dict[str, int] = {}
        self._beyond: defaultdict[str, set[int]] = defaultdict(set)  # taken, and higher than that
        self._kept_numbers: set[tuple[tuple[str, ...], str]] = set()
        self._unfinished: defaultdict[str, set[str]] = defaultdict(set)
        folder_record.check(root)
        room = ALL_FOLDERS
        for path, entry in downloads_log.read(root):
            self.recorded[path] = entry
            known = len(self._folders)
            self.claim(path, entry.key, entry.belongs_to)
            room -= (len(self._folders) - known) * len(path)
            if room < 0:
                words = "it names more folders than flowtui makes; move it away"
                raise UnfitFile(errno.EFBIG, words, str(root / LOG_NAME))

    def claim(self, path: str, key: str, belongs_to: str = "") -> None:
        """Say that `path` is the file `key`'s, and its folder is for `belongs_to`."""
        name = same_name(path)
        if name not in self._owners:
            self._folders.update(_above(name))
        self._owners[name] = key
        before = self._paths.get(key, path)
        if before != path and before not in self._also[key]:
            self._also[key].append(before)
        self._paths[key] = path
        if belongs_to:
            self._belongs(name.rpartition("/")[0], belongs_to)

    def elsewhere(self, key: str, path: str) -> list[str]:
        """The other paths that the file `key` was brought to, the latest first."""
        places = [self._paths.get(key, path), *reversed(self._also.get(key, ()))]
        return [
            place
            for place in dict.fromkeys(places)
            if place != path
            and (found := self.recorded.get(place)) is not None
            and found.key == key
        ]

    def renamed(self, former: str, key: str) -> None:
        """Say that the file `key` is not at that path any more."""
        self.recorded.pop(former, None)
        self.release(former, key)

    def release(self, path: str, key: str) -> None:
        """Say that `path` is free again, if it was `key`'s."""
        name = same_name(path)
        if self._owners.get(name) == key:
            del self._owners[name]
            self._folders.subtract(_above(name))
            self._resolved.clear()  # a file may take the place of a folder now
            self._first_free.clear()
        if self._paths.get(key) == path:
            del self._paths[key]
        if path in self._also.get(key, ()):
            self._also[key].remove(path)

    def assign_all(self, files: Iterable[RemoteFile]) -> dict[str, str]:
        """Key → path, relative to the root, for each of these files.

        Those that are here, or begun, come first: theirs are the folders and the numbers that they
        have. Then it goes by the keys, so that the rest gets the same names in every run.
        """
        wanted = sorted(files, key=lambda file: file.key)
        for folder in {file.folder for file in wanted if file.belongs_to and file.folder}:
            self._find_begun(folder)
        known = [file.key in self._paths for file in wanted]
        self._kept_numbers = {
            (file.folder, file.fileset)
            for file in wanted
            if file.fileset and not self._may_go_back(file)
        }
        for file, is_known in zip(wanted, known, strict=True):
            if is_known and file.belongs_to:
                self._unfinished[same_name(self._paths[file.key]).rpartition("/")[0]].discard(
                    file.key
                )
        self._first_free.clear()  # a folder may be no other sample's any more
        paths = {}
        for first in (True, False):
            for file, is_known in zip(wanted, known, strict=True):
                if is_known is first:
                    paths[file.key] = self.assign_file(file)
        return paths

    def assign_file(self, file: Placed, after: int = 0) -> str:
        """`assign` for a file, as its record has it."""
        return self.assign(
            file.key,
            file.folder,
            file.filename,
            after=after,
            belongs_to=file.belongs_to,
            fileset=file.fileset,
            within=file.within,
            execution=file.origin.execution,
        )

    def assign(
        self,
        key: str,
        folder: tuple[str, ...],
        filename: str,
        *,
        after: int = 0,
        belongs_to: str = "",
        fileset: str = "",
        within: tuple[str, ...] = (),
        execution: str = "",
    ) -> str:
        """The path of the file `key`, relative to the root, and its own from now on.

        `after` passes over the first so many names, because a foreign file stands there. For the
        others see `RemoteFile`.
        """
        parts = self._parts((*folder, *within), filename)
        shared = len(folder) if belongs_to else 0
        if within and not after:
            self._find_former(folder, within, filename, execution)
            former = self._former(key, parts)
            if former is not None:
                return former
        known = self._paths.get(key)
        if known is not None and not after and self._owners.get(same_name(known)) == key:
            parent = self._known_parent(PurePosixPath(known), parts, shared)
            number = None if parent is None else self._number_in(known, parent, parts[-1])
            if parent is not None and number is not None and number > 1 and not within:
                is_set = (folder, fileset) in self._kept_numbers
                if not is_set and self._can_go_back(known, parent, parts[-1]):
                    path = str(parent / parts[-1])
                    self.claim(path, key, belongs_to)
                    self._take(parent, belongs_to, fileset, 1)
                    return path
            if parent is not None and number is not None:
                self._take(parent, belongs_to, fileset, number)
                return known
        parent = self._folder(parts[:-1], shared, belongs_to)
        self._look_into(parent)
        begin = self._number_of(parent, fileset) if fileset else 1
        begin = max(after + 1, begin)
        free = self._first_free.get((parent, parts[-1]), 1)
        number = max(begin, free) if known is None else begin
        above = f"{parent}/" if parent.parts else ""  # a `Path` keeps each of its parts for good
        while True:
            path = above + numbered(parts[-1], number)
            name = same_name(path)
            if self._owners.get(name, key) == key and not self._is_folder(name):
                if begin <= free <= number and number > 1:  # most names come once
                    self._first_free[parent, parts[-1]] = number + 1
                self.claim(path, key, belongs_to)
                self._take(parent, belongs_to, fileset, number)
                return path
            number += 1

    def _may_go_back(self, file: RemoteFile) -> bool:
        """Whether a file's own name is free, where it has one with a number."""
        known = PurePosixPath(self._paths.get(file.key, ""))
        name = self._parts(file.folder, file.filename)[-1]
        if not file.folder or number_of(known.name, name) in (None, 1):
            return True
        return self._can_go_back(str(known), known.parent, name)

    def _can_go_back(self, known: str, parent: PurePosixPath, name: str) -> bool:
        """Whether a file with a number need not have it any more: nothing stands at its own name.

        Or what stands there is the file itself, where it is gone from the path with the number.
        """
        plain = str(parent / name)
        self._look_into(parent)
        if same_name(plain) in self._owners or self._is_folder(same_name(plain)):
            return False
        if known not in self.recorded:
            return False
        return not (os.path.lexists(self.root / plain) and os.path.lexists(self.root / known))

    def foreign_before(
        self, path: str, folder: tuple[str, ...], filename: str, fileset: str
    ) -> dict[int, str]:
        """The names before a numbered one that no file of ours has: a foreign one may stand there.

        By their numbers. It looks at nothing, and may be called in any thread.
        """
        above, _, given = path.rpartition("/")
        if "~" not in given or (folder, fileset) in self._kept_numbers:
            return {}
        name = safe_path((), filename)[-1]
        before = range(1, min(number_of(given, name) or 1, MOST_BEFORE))
        paths = {number: f"{above}/{numbered(name, number)}".lstrip("/") for number in before}
        return {
            number: each for number, each in paths.items() if same_name(each) not in self._owners
        }

    def _former(self, key: str, parts: tuple[str, ...]) -> str | None:
        """Where an output is, or was begun, below the first of its folders.

        Earlier versions placed outputs elsewhere, and names on Flow change: what is here stays.
        """
        top = self._folder(parts[:1]).parts[0]
        for path in (self._paths.get(key), *reversed(self._also.get(key, ()))):
            given = PurePosixPath(path or "")
            if (
                path is not None
                and given.parts[0] == top
                and ".." not in given.parts
                and self._owners.get(same_name(path)) == key
                and self._number_in(path, given.parent, parts[-1]) is not None
                and (path not in self.recorded or (self.root / path).exists())
            ):
                return path
        return None

    def _find_former(
        self, folder: tuple[str, ...], within: tuple[str, ...], filename: str, execution: str
    ) -> None:
        """Learn of unfinished files where earlier versions placed outputs.

        That was flat in the sample's folder, or in `executions/ID`, by the process without tag.
        """
        *above, _ = self._parts(folder, filename)
        self._look_into(self._folder(tuple(above)))
        if not execution:
            return
        process = within[-1].partition(" (")[0] if len(within) > 1 else ""
        inside = [part for part in (process, *filename.split("/")[:-1]) if part]
        for top in {folder[:1], folder}:
            wish = (*top, execution, *inside) if top == ("executions",) else (
                *top, "executions", execution, *inside
            )  # fmt: skip
            *above, _ = self._parts(wish, "x")
            if self._is_there(above):
                self._look_into(PurePosixPath(*above))

    def _is_there(self, parts: list[str]) -> bool:
        """Whether the folder that these lead to exists, looked for from the top, each once."""
        at = PurePosixPath()
        for part in parts:
            self._look_into(at)
            at /= part
            if same_name(str(at)) not in self._on_disk:
                return False
        return True

    def _parts(self, folder: tuple[str, ...], filename: str) -> tuple[str, ...]:
        parts = safe_path(folder, filename)
        if same_name(parts[0]) in _OURS:
            return (parts[0] + "_", *parts[1:])  # our own log or checksums stand there
        return parts

    def _take(self, parent: PurePosixPath, belongs_to: str, fileset: str, number: int) -> None:
        """Note whose the folder is from now on, and which number a set of files has in it."""
        if belongs_to:
            self._belongs(same_name(str(parent)), belongs_to)
        if fileset:
            place = str(parent)
            number = self._numbers.setdefault((place, fileset), number)
            first = self._first_of_sets.get(place, 1)
            if number > first:
                self._beyond[place].add(number)
            elif number == first:
                beyond = self._beyond.get(place, ())
                first += 1
                while first in beyond:
                    first += 1
                self._first_of_sets[place] = first

    def _belongs(self, folder: str, sample: str) -> None:
        """Note whose a folder is, unless it is another's."""
        self._samples.setdefault(folder, sample)
        self._owned.add(sample)

    def _number_of(self, parent: PurePosixPath, fileset: str) -> int:
        """The number of a set of files: the one that it has, or the first that no other has."""
        place = str(parent)
        return self._numbers.get((place, fileset)) or self._first_of_sets.get(place, 1)

    def _find_begun(self, wished: tuple[str, ...]) -> None:
        """Learn of unfinished files in all folders that may be a sample's of this name."""
        parts = self._parts(wished, "x")
        above, wish = self._folder(parts[: len(wished) - 1]), parts[len(wished) - 1]
        self._look_into(above)
        number = 1
        while same_name(str(above / numbered(wish, number))) in self._on_disk:
            self._look_into(above / numbered(wish, number))
            number += 1

    def _known_parent(
        self, known: PurePosixPath, parts: tuple[str, ...], shared: int
    ) -> PurePosixPath | None:
        """The folder of a path that a file has, if it is one that it may have now."""
        if not shared:
            parent = self._folder(parts[:-1])
            self._look_into(parent)
            return parent if known.parent == parent else None
        above = self._folder(parts[: shared - 1])
        if len(known.parts) != len(parts) or known.parts[: shared - 1] != above.parts:
            return None
        if not is_numbering(known.parts[shared - 1], parts[shared - 1]):
            return None
        return known.parent if known.parts[shared:-1] == parts[shared:-1] else None

    def _is_anothers(self, folder: PurePosixPath, belongs_to: str) -> bool:
        """Whether a folder is for the files of another sample than this one."""
        name = same_name(str(folder))
        owner = self._samples.get(name)
        if owner is not None:
            return owner != belongs_to
        self._look_into(folder)
        return bool(self._unfinished.get(name))

    def _is_folder(self, name: str) -> bool:
        return self._folders[name] > 0 or name in self._on_disk

    def _folder(
        self, parts: tuple[str, ...], shared: int = 0, belongs_to: str = ""
    ) -> PurePosixPath:
        """The folder for a wished one: another where a file has the place of it, or above it.

        The `shared`th part is a sample's, whose `belongs_to` is: another where it is another's.
        """
        if not parts:
            return PurePosixPath()
        mine = belongs_to if len(parts) == shared else ""
        wish = (*parts, f"/{belongs_to}") if shared and len(parts) >= shared else parts
        known = self._resolved.get(wish)
        if known is not None:
            return known
        above = self._folder(parts[:-1], shared, belongs_to)
        self._look_into(above)
        # Which of them a sample has already is not known by the first that is free.
        is_new = bool(mine) and mine not in self._owned
        number = self._first_free.get((above, parts[-1] + "/"), 1) if is_new else 1
        while True:
            folder = above / numbered(parts[-1], number)
            if same_name(str(folder)) not in self._owners and not (
                mine and self._is_anothers(folder, mine)
            ):
                break
            number += 1
        if mine:
            self._belongs(same_name(str(folder)), mine)
        if is_new and number > 1:
            self._first_free[above, parts[-1] + "/"] = number + 1
        self._resolved[wish] = folder
        return folder

    def _number_in(self, path: str, parent: PurePosixPath, name: str) -> int | None:
        """Which number of `parent/name` a path is, or None where it is none.

        A folder of Flow's is called so too, with the ending of the ZIP that it came as.
        """
        given = PurePosixPath(path)
        if given.parent != parent:
            return None
        called = given.name if name.endswith(FOLDER) else given.name.removesuffix(FOLDER)
        if given.name == name:
            return 1
        return number_of(called, name)

    def _look_into(self, parent: PurePosixPath) -> None:
        """Learn whose the unfinished files of a folder are, and what folders it has, once.

        Of folders whose names count as the same one, too: their files may not share a name either.
        """
        if parent in self._looked:
            return
        self._looked.add(parent)
        spellings = self._spellings.get(same_name(str(parent)), ())
        for spelling in {parent, *spellings} - self._listed:
            self._listed.add(spelling)
            self._list(spelling)

    def _list(self, parent: PurePosixPath) -> None:
        try:
            folder = open_folder(self.root / parent, self.root)
        except OSError as error:
            if descriptors.shortage(error):
                raise
            # Not there yet, or one that its transfers will find unusable and say so, each for
            # itself: no reason to refuse the others.
            return
        with folder:
            try:
                there = folder.entries()
            except OSError as error:
                if descriptors.shortage(error):
                    raise
                return
            for name, is_folder in there:
                if is_folder:
                    known = same_name(str(parent / name))
                    self._on_disk.add(known)
                    self._spellings[known].add(parent / name)
                elif name.endswith(JOURNAL):
                    self._learn_of_unfinished(parent, name, folder)

    def _learn_of_unfinished(self, parent: PurePosixPath, name: str, folder: Folder) -> None:
        path = str(parent / name.removesuffix(JOURNAL))
        try:
            key = journal.key_in(self.root / parent / name, folder)
        except (UnfitFile, PermissionError, FileNotFoundError):
            return  # none of ours; whose transfer meets it says so
        if key is not None and same_name(path) not in self._owners:
            self.claim(path, key)
            # Whose sample's it is comes out when that is asked for.
            self._unfinished[same_name(str(parent))].add(key)


def _above(path: str) -> Iterator[str]:
    """The folders that a path goes through: `a` and `a/b` of `a/b/c`."""
    at = path.find("/")
    while at >= 0:
        yield path[:at]
        at = path.find("/", at + 1)


def last_taken(root: Path, before: Mapping[int, str]) -> int:
    """Of names by their numbers the highest number at which something stands; 0 for none."""
    taken = (number for number, path in before.items() if os.path.lexists(root / path))
    return max(taken, default=0)
