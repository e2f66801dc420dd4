"""Files and folders that only their user may read; how our own files are opened and read.

What stands under the name of one of our files may be anything by now: a pipe that never ends, a
link to `/dev/zero`, a gigabyte, a hundred thousand brackets. `open_regular` and `read_regular` open
and read none of that, and say so in words; `parse_json` does the same for what is in it.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import pwd
import stat
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any


class UnfitFile(OSError):
    """No regular file, or one that is too long; `strerror` says which, and what to do.

    It is worded to follow the file's name: `it is a named pipe, not a regular file; move it away`.

    Attributes:
        what: the same without what to do.
    """

    def __init__(self, number: int, what: str, path: Path | str) -> None:
        super().__init__(number, f"{what}; move it away", str(path))
        self.what = what


class NotOurs(Exception):
    """Somebody else's folder, a link or a file stands where a private folder is to be."""


def private_folder(path: Path) -> Path:
    """Make `path` a folder that only this user can enter, and return it.

    So are the folders above that have to be made for it. Raises NotOurs, OSError.
    """
    for folder in (*reversed(path.parents), path):
        if not folder.is_dir():
            with contextlib.suppress(FileExistsError):  # what is there is looked at below
                folder.mkdir(mode=0o700)
    if is_taken(path):
        raise NotOurs(f"{path} is not a folder of yours")
    if stat.S_IMODE(path.lstat().st_mode) & 0o077:
        path.chmod(0o700)
    return path


def open_regular(
    path: Path | str, flags: int = os.O_RDONLY, mode: int = 0o600, *, folder: int | None = None
) -> int:
    """Open a regular file, without waiting for whoever is at the other end of anything else.

    `mode` is for O_CREAT; `folder` is the open folder that `path` is relative to. Links are
    followed, unless `flags` has O_NOFOLLOW. Raises UnfitFile where something else stands there,
    OSError.
    """
    try:
        descriptor = os.open(
            path, flags | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, mode, dir_fd=folder
        )
    except OSError as error:
        # A folder; a link that is not followed; a socket, or a pipe that nobody reads: the system
        # names none of them.
        if error.errno in (errno.EISDIR, errno.ELOOP, errno.ENXIO):
            try:
                mode = os.stat(
                    path, dir_fd=folder, follow_symlinks=not flags & os.O_NOFOLLOW
                ).st_mode
            except OSError:
                raise error from None
            _check_regular(mode, path)
        raise
    try:
        _check_regular(os.fstat(descriptor).st_mode, path)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _check_regular(mode: int, path: Path | str) -> None:
    if not stat.S_ISREG(mode):
        kind = _KINDS.get(stat.S_IFMT(mode), "something else")
        raise UnfitFile(errno.EINVAL, f"it is {kind}, not a regular file", path)


_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFDIR: "a folder",
    stat.S_IFLNK: "a link",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def check_regular(path: Path | str, most: int | None = None) -> None:
    """Raise UnfitFile where no regular file (of at most `most` bytes) stands there, OSError.

    For what others open: a database, whose locks of this process closing it would let go of, and
    certificates.
    """
    status = os.stat(path)
    _check_regular(status.st_mode, path)
    if most is not None and status.st_size > most:
        raise _too_long(status.st_size, most, path)


def read_regular(
    path: Path | str, most: int, *, flags: int = os.O_RDONLY, folder: int | None = None
) -> bytes:
    """All of a regular file of at most `most` bytes; for the rest see `open_regular`.

    Raises UnfitFile where it is longer, or no regular file, OSError.
    """
    descriptor = open_regular(path, flags, folder=folder)
    try:
        return read_open(descriptor, most, path)
    finally:
        os.close(descriptor)


def read_open(descriptor: int, most: int, path: Path | str) -> bytes:
    """What an open regular file has from its position on, at most `most` bytes.

    Raises UnfitFile where it has more, before that is read, OSError.
    """
    size = os.fstat(descriptor).st_size
    pieces: list[bytes] = []
    length = 0
    while size <= most and length <= most:  # it may have grown since
        piece = os.read(descriptor, min(_PIECE, most + 1 - length))
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)
        length += len(piece)
    raise _too_long(max(size, length), most, path)


def _too_long(size: int, most: int, path: Path | str) -> UnfitFile:
    return UnfitFile(errno.EFBIG, f"it has {size:,} bytes, of {most:,} at most", path)


_PIECE = 1 << 20


def parse_json(text: str | bytes) -> Any:
    """The value of a JSON text. Raises ValueError, also for what is nested too deeply."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def free_name(file: Path, ending: str) -> Path:
    """A name beside `file` for what is set aside: `NAME.ENDING-TIME`, with a number if need be."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    aside, number = file.with_name(f"{file.name}.{ending}-{stamp}"), 1
    while os.path.lexists(aside):
        number += 1
        aside = file.with_name(f"{file.name}.{ending}-{stamp}-{number}")
    return aside


def owner_of(path: Path) -> str:
    """Whose file it is, where it is another user's; else an empty text."""
    try:
        user = path.lstat().st_uid
    except OSError:
        return ""
    return "" if user == os.getuid() else name_of_user(user)


def name_of_user(user: int) -> str:
    """What a user is called, by his id."""
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"


def is_taken(path: Path) -> bool:
    """Whether somebody else's folder, a link or a file stands at `path`. Raises OSError."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return False
    return not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid()


ABANDONED = 3600.0
"""Seconds after which what was to replace a file is no longer written by anybody."""

_MARK = ".flowtui-"
"""In the names of files that are being written, behind the name that they are to have."""


def write_private(file: Path, text: str | Iterable[str], *, kind: str = "") -> None:
    """Put `text`, or all of its pieces, into `file` at once, mode 0600 from the first byte on.

    What a kill in the middle of it left goes at a later one; `kind` is what the names of all such
    files begin with, where each is written once. Raises OSError.
    """
    with _written_beside(file, text, 0o600) as name:
        os.replace(name, file)
    _remove_abandoned(file, f".{kind}" if kind else f".{file.name}{_MARK}")


def write_whole(file: Path, text: str, *, replace: bool) -> None:
    """Put `text` into `file`, open to whom the umask says; it is there whole or not at all.

    What a kill in the middle of it left goes at a later one. Raises FileExistsError where there is
    one already, unless `replace`; OSError.
    """
    with _written_beside(file, text, 0o666) as name:
        if replace:
            os.replace(name, file)
        else:
            _give_free_name(name, file)
    _remove_abandoned(file, f".{file.name}{_MARK}")


@contextlib.contextmanager
def _written_beside(file: Path, text: str | Iterable[str], mode: int) -> Iterator[Path]:
    """The name of a new file beside `file` that has the text, on the disk; gone after an error."""
    name = file.with_name(f".{file.name}{_MARK}{os.urandom(8).hex()}")
    descriptor = os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as stream:
            stream.writelines([text] if isinstance(text, str) else text)
            stream.flush()
            os.fsync(stream.fileno())
        yield name
    except BaseException:
        name.unlink(missing_ok=True)
        raise


def _give_free_name(name: Path, file: Path) -> None:
    """Rename, where there is no file of that name: who comes second takes none away."""
    try:
        os.link(name, file, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError:  # no links here: the name is made first
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        os.replace(name, file)
    else:
        os.unlink(name)


def _remove_abandoned(file: Path, prefix: str) -> None:
    """Take away what was to become a file, by its own name, and is older than `file` by more than
    any write takes.

    Both times are of the disk's own clock. What cannot be taken away is tried again later.
    """
    with contextlib.suppress(OSError):
        latest = file.stat().st_mtime - ABANDONED
        with os.scandir(file.parent) as entries:
            for entry in entries:
                if not (entry.name.startswith(prefix) and _MARK in entry.name):
                    continue
                found = entry.stat(follow_symlinks=False)
                is_ours = stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid()
                if is_ours and found.st_mtime < latest:
                    os.unlink(entry.path)
