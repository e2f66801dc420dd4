"""Files and folders that only their user may read, and files that a group shares."""

from __future__ import annotations

import contextlib
import os
import pwd
import stat
import tempfile
from pathlib import Path


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


def open_shared(path: Path, flags: int) -> int:
    """Open or make a file beside the downloads, whose mode is the umask's: a group may share it.

    A link is not followed. Raises OSError.
    """
    flags |= os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        # A sticky folder may refuse another user's file to who would make it, and only to him.
        return os.open(path, flags)
    except FileNotFoundError:
        return os.open(path, flags | os.O_CREAT, 0o666)


def owner_of(path: Path) -> str:
    """Whose file it is, where it is another user's; else an empty text."""
    try:
        user = path.lstat().st_uid
    except OSError:
        return ""
    if user == os.getuid():
        return ""
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


def write_private(file: Path, text: str) -> None:
    """Put `text` into `file` at once, mode 0600 from the first byte on."""
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(name, file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
