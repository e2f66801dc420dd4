"""What is below a folder that others may write to, opened so that nothing they plant there is used.

Others may put anything under any name there, and exchange it between two looks. So each folder on
the way is opened by its name in the one above, and a file by its name in an open folder; it is
looked at once it is open. A link leads on only as a folder, and where this user or root made it.
What is made is new. The folder that the user chose is opened as he named it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
import threading
from dataclasses import dataclass, field
from pathlib import Path

from flowtui.system.files import UnfitFile, name_of_user, open_regular
from flowtui.system.folder_fsync import flush_folder

_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC

_Way = tuple[str, str]
"""A path, and the folder below which it was looked at, or nothing."""

_TRIES = 8
"""How often something is opened anew that somebody makes and removes meanwhile."""


def user_of(found: os.stat_result) -> int:
    """Whose something is; a test may say another one."""
    return found.st_uid


class Folder:
    """An open folder; whatever becomes of its name, it is this one. See `open_folder`.

    Attributes:
        path: how it was come by, for words.
        is_group: others may write to it, whom its owner chose: his group, or those of its ACL.
    """

    def __init__(self, path: Path, descriptor: int, found: os.stat_result) -> None:
        self.path = path
        self.descriptor = descriptor
        self.key = found.st_dev, found.st_ino, str(path)
        self.is_group = bool(found.st_mode & stat.S_IWGRP) and not found.st_mode & stat.S_IWOTH
        self._owner = user_of(found)
        self.uses = 1
        self.ways: set[_Way] = set()

    def __enter__(self) -> Folder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def again(self) -> Folder:
        """The same, for one more who closes it."""
        return _table.again(self)

    def close(self) -> None:
        """Let go of it; what is shared closes with the last who does."""
        _table.let_go(self)

    def stat(self, name: str) -> os.stat_result | None:
        """What stands under a name, a link as itself; None where nothing does. Raises OSError."""
        try:
            return os.stat(name, dir_fd=self.descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def open(self, name: str, flags: int) -> int:
        """Open a file of ours that is there, a part, journal, log or the like.

        Raises UnfitFile where it is none: no regular file, one that has other names, too, or, where
        it is to be written, another user's, unless the folder is a group's. OSError.
        """
        descriptor = self._open(name, flags)
        try:
            found = os.fstat(descriptor)
            if found.st_nlink > 1:
                raise self._unfit(name, "it is a hard link, to a file with other names; remove it")
            if flags & os.O_ACCMODE != os.O_RDONLY and not self.may_write(found):
                owner = name_of_user(user_of(found))
                words = f"it belongs to {owner}; have it removed, or choose another folder"
                raise self._unfit(name, words)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def open_data(self, name: str) -> int:
        """Open a file to read it, whosever it is, and however many names it has.

        Raises UnfitFile for a link and what is no regular file, OSError.
        """
        return self._open(name, os.O_RDONLY)

    def open_or_make(self, name: str, flags: int) -> int:
        """Open a file of ours as `open` does, or make it. Raises UnfitFile, OSError."""
        for _ in range(_TRIES):
            try:
                return self.open(name, flags)
            except FileNotFoundError:
                try:
                    return self.make(name, flags)
                except FileExistsError:
                    continue
        raise self._unfit(name, "it comes and goes; another program is at it")

    def make(self, name: str, flags: int) -> int:
        """Make a new file, with the mode of the umask. Raises FileExistsError, OSError."""
        flags |= os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            return os.open(name, flags, 0o666, dir_fd=self.descriptor)
        except OSError as error:
            error.filename = str(self.path / name)
            raise

    def make_anew(self, name: str, flags: int) -> int:
        """Make a new file in the place of what a killed run left. Raises UnfitFile, OSError."""
        with contextlib.suppress(FileExistsError):
            return self.make(name, flags)
        with contextlib.suppress(FileNotFoundError):
            os.close(self.open(name, os.O_WRONLY))
        self.unlink(name)
        return self.make(name, flags)

    def unlink(self, name: str) -> None:
        """Take a name away, if it is there. Raises OSError."""
        try:
            os.unlink(name, dir_fd=self.descriptor)
        except FileNotFoundError:
            return
        except OSError as error:
            error.filename = str(self.path / name)
            raise

    def rename(self, name: str, new: str) -> None:
        """Give a file another name in this folder, in the place of what has it. Raises OSError."""
        try:
            os.rename(name, new, src_dir_fd=self.descriptor, dst_dir_fd=self.descriptor)
        except OSError as error:
            error.filename = str(self.path / name)
            raise

    def entries(self) -> list[tuple[str, bool]]:
        """Each name in it, and whether that is a folder, no link to one. Raises OSError."""
        descriptor = os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=self.descriptor)
        try:
            with os.scandir(descriptor) as found:
                return [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in found]
        finally:
            os.close(descriptor)

    def owns(self, found: os.stat_result) -> bool:
        """Whether a file in it is this user's.

        There are file systems that give all files to one user: then what we make is his, too.
        """
        if user_of(found) == os.geteuid():
            return True
        return user_of(found) == self._made_as()

    def may_write(self, found: os.stat_result) -> bool:
        """Whether a file in it is one that this user may write, beyond what its mode says."""
        by_root = os.geteuid() == 0 and user_of(found) == self._owner
        return self.is_group or by_root or self.owns(found)

    def _made_as(self) -> int | None:
        """Whose a file is that we make here; None where that cannot be tried."""
        disk = self.key[0]
        if disk not in _makers:
            name = f".flowtui-{os.getpid()}-{secrets.token_hex(4)}"
            try:
                descriptor = self.make(name, os.O_WRONLY)
            except OSError:
                return None
            try:
                _makers[disk] = user_of(os.fstat(descriptor))
            finally:
                os.close(descriptor)
                self.unlink(name)
        return _makers[disk]

    def _open(self, name: str, flags: int) -> int:
        try:
            return open_regular(name, flags | os.O_NOFOLLOW, folder=self.descriptor)
        except OSError as error:
            error.filename = str(self.path / name)
            raise

    def _unfit(self, name: str, words: str) -> UnfitFile:
        return UnfitFile(errno.EEXIST, words, str(self.path / name))


@dataclass
class _Table:
    """The open folders of this process: one descriptor each, however many use it.

    Attributes:
        by_way: the folder that was opened last by a way.
    """

    lock: threading.Lock = field(default_factory=threading.Lock)
    folders: dict[tuple[int, int, str], Folder] = field(default_factory=dict)
    by_way: dict[_Way, Folder] = field(default_factory=dict)

    def same(self, way: _Way) -> Folder | None:
        """The folder to which this way led and leads, where it is open still; else None."""
        with self.lock:
            folder = self.by_way.get(way)
            if folder is None:
                return None
            folder.uses += 1
        try:
            found = os.stat(way[0])
        except OSError:  # who goes the way meets the same
            found = None
        if found is not None and (found.st_dev, found.st_ino) == folder.key[:2]:
            return folder
        self.let_go(folder)
        return None

    def take(self, path: Path, way: _Way, descriptor: int) -> Folder:
        """The folder of a descriptor, which is closed where the folder is open already."""
        found = os.fstat(descriptor)
        key = found.st_dev, found.st_ino, str(path)
        with self.lock:
            folder = self.folders.get(key)
            if folder is None:
                folder = self.folders[key] = Folder(path, descriptor, found)
                folder.ways.add(way)
                self.by_way[way] = folder
                return folder
            folder.uses += 1
            folder.ways.add(way)
            self.by_way[way] = folder
        os.close(descriptor)
        return folder

    def again(self, folder: Folder) -> Folder:
        with self.lock:
            folder.uses += 1
        return folder

    def let_go(self, folder: Folder) -> None:
        with self.lock:
            folder.uses -= 1
            if folder.uses:
                return
            del self.folders[folder.key]
            for way in folder.ways:
                if self.by_way.get(way) is folder:
                    del self.by_way[way]
        os.close(folder.descriptor)


_table = _Table()

_makers: dict[int, int] = {}
"""Whose the files are that we make, by the file system; only where another's were met."""


def open_folder(path: Path, below: Path | None = None, *, make: bool = False) -> Folder:
    """Open the folder `path`; of the way to it, what is below `below` is looked at.

    Without `below` it is opened as it is named. `make` has what is missing made, and put on the
    disk. Who is done with it closes it. Raises UnfitFile for a link of another user's, OSError.

    Where it is open already, and the path leads to it still, it is that one: the way there was
    looked at when it was opened, and is not what its files are reached by.
    """
    way = str(path), "" if below is None else str(below)
    if (known := _table.same(way)) is not None:
        return known
    top = path if below is None else below
    names = _between(top, path)
    at = _open_top(top, make=make)
    try:
        for number, name in enumerate(names):
            try:
                step = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=at)
            except OSError:
                step = _enter(at, name, top.joinpath(*names[:number]), make=make)
            os.close(at)
            at = step
        return _table.take(path, way, at)
    except BaseException:
        os.close(at)
        raise


def remove(path: Path, below: Path) -> None:
    """Take a file below a folder away, if it is there. Raises UnfitFile, OSError."""
    with (
        contextlib.suppress(FileNotFoundError, NotADirectoryError),
        open_folder(path.parent, below) as folder,
    ):
        folder.unlink(path.name)


def _between(top: Path, path: Path) -> list[str]:
    """The names that lead from one folder to another below it."""
    begin, whole = str(top), str(path)
    if whole == begin:
        return []
    begin = begin.rstrip("/") + "/"
    names = whole[len(begin) :].split("/")
    if not whole.startswith(begin) or ".." in names:
        raise UnfitFile(errno.EINVAL, f"it is not below {top}", whole)
    return names


def _open_top(top: Path, *, make: bool) -> int:
    try:
        return os.open(top, _FOLDER)
    except FileNotFoundError:
        if not make:
            raise
    missing = []
    at = top
    while not at.exists():
        missing.append(at)
        at = at.parent
    top.mkdir(parents=True, exist_ok=True)
    for made in missing:
        flush_folder(made.parent)
    return os.open(top, _FOLDER)


def _enter(at: int, name: str, above: Path, *, make: bool) -> int:
    """Open a folder in an open one, or a link of ours to one; or make it. Raises OSError."""
    text = name
    flags = _FOLDER | os.O_NOFOLLOW
    try:
        try:
            return os.open(name, flags, dir_fd=at)
        except FileNotFoundError:
            if not make:
                raise
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, dir_fd=at)
            flush_folder(above)
        except OSError as error:
            if error.errno not in (errno.ENOTDIR, errno.ELOOP):
                raise
            link = _read_link(at, name, above)
            if link is None:
                raise
            text, flags = link, _FOLDER
        return os.open(text, flags, dir_fd=at)
    except UnfitFile:
        raise
    except OSError as error:
        error.filename = str(above / name)
        raise


def _read_link(at: int, name: str, above: Path) -> str | None:
    """Where a link leads that may be followed; None where no link stands there."""
    for _ in range(_TRIES):
        found = os.stat(name, dir_fd=at, follow_symlinks=False)
        if not stat.S_ISLNK(found.st_mode):
            return None
        # A link of ours with two names is one that somebody gave this name.
        if user_of(found) not in (os.geteuid(), 0) or found.st_nlink > 1:
            words = f"it is a link that {name_of_user(user_of(found))} made; remove it"
            if found.st_nlink > 1:
                words = "it is a link that somebody gave this name; remove it"
            raise UnfitFile(errno.EEXIST, words, str(above / name))
        text = os.readlink(name, dir_fd=at)
        after = os.stat(name, dir_fd=at, follow_symlinks=False)
        if (found.st_ino, found.st_ctime_ns) == (after.st_ino, after.st_ctime_ns):
            return text
    raise UnfitFile(errno.EEXIST, "another program changes it all the time", str(above / name))
