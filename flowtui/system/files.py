"""Files and folders that only their user may read."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from pathlib import Path


class NotOurs(Exception):
    """Somebody else's folder, a link or a file stands where a private folder is to be."""


def private_folder(path: Path) -> Path:
    """Make `path` a folder that only this user can enter, and return it.

    Raises NotOurs, OSError.
    """
    with contextlib.suppress(FileExistsError):  # what is there is looked at below
        path.mkdir(mode=0o700, parents=True)
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise NotOurs(f"{path} is not a folder of yours")
    if stat.S_IMODE(status.st_mode) & 0o077:
        path.chmod(0o700)
    return path


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
