"""A small file of ours beside the log that is written anew as a whole, such as `samples.tsv`.

Under the lock of downloads.log, so that of two processes none loses what the other wrote; it has
its name only once it is on the disk, whenever we are killed.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

from flowtui.system.files import UnfitFile, read_open
from flowtui.system.shared_folder import Folder, open_folder
from flowtui.transfer.disk import downloads_log

PATIENCE = 30.0
"""Seconds that the log is waited for; without its lock nothing is written."""


def read(root: Path, name: str, most: int) -> bytes | None:
    """What the file holds, None where there is none. Raises UnfitFile as `rewrite`, OSError."""
    try:
        with open_folder(root) as folder:
            found = _read(folder, name, most, os.O_RDONLY)
            return None if found is None else found[0]
    except FileNotFoundError:
        return None


def rewrite(root: Path, name: str, most: int, change: Callable[[bytes | None], bytes]) -> bool:
    """Put what `change` makes of the file's content into its place; whether that was another.

    `change` gets None where there is no file, and may raise. Raises UnfitFile where what stands
    there is none of ours (a link, another user's) or has more than `most` bytes, or would have, and
    where another program keeps the log locked; OSError.
    """
    with downloads_log.locked(root, PATIENCE) as log:
        path = root / name
        if not log.is_locked:
            words = f"another program keeps {downloads_log.LOG_NAME} locked; try again later"
            raise UnfitFile(errno.EAGAIN, words, str(path))
        folder = log.folder
        found = _read(folder, name, most, os.O_RDWR)
        before, mode = (None, None) if found is None else found
        content = change(before)
        if content == before:
            folder.unlink(_part(name))  # a kill may have left it
            return False
        if len(content) > most:
            words = f"it would have {len(content):,} bytes, of {most:,} at most"
            raise UnfitFile(errno.EFBIG, words, str(path))
        _write(folder, name, content, mode)
    return True


def _read(folder: Folder, name: str, most: int, flags: int) -> tuple[bytes, int] | None:
    """The content and the mode."""
    try:
        descriptor = folder.open(name, flags)
    except FileNotFoundError:
        return None
    try:
        content = read_open(descriptor, most, folder.path / name)
        return content, stat.S_IMODE(os.fstat(descriptor).st_mode)
    finally:
        os.close(descriptor)


def _part(name: str) -> str:
    """What it is called before it is whole."""
    return f".{name}.part"


def _write(folder: Folder, name: str, content: bytes, mode: int | None) -> None:
    part = _part(name)
    try:
        with open(folder.make_anew(part, os.O_WRONLY), "wb") as stream:
            if mode is not None:
                os.fchmod(stream.fileno(), mode)
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        folder.rename(part, name)
    except BaseException:
        folder.unlink(part)
        raise
