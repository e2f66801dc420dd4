"""The last step of every file, fetched or unpacked: its final name, never over another file."""

from __future__ import annotations

import errno
import os
from datetime import UTC, datetime
from itertools import count

from flowtui.protocol.states import REMOVED
from flowtui.system import folder_fsync
from flowtui.system.folder_fsync import Change
from flowtui.system.shared_folder import Folder
from flowtui.transfer.disk.names import fitting

Fingerprint = tuple[int, int, int, int]
"""Device, inode, size and time of change: what tells that nobody has touched a file."""


def fingerprint(found: os.stat_result) -> Fingerprint:
    """What a file looks like."""
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def give_name(folder: Folder, part: str, final: str, replaces: Fingerprint | None = None) -> Change:
    """Give a flushed, verified file its final name; what is to be put on the disk of it yet.

    `replaces`: a file of our own that stands there and has been seen to, see `set_aside`.

    Raises FileExistsError where something else stands there, OSError.
    """
    found = folder.stat(final)
    if found is not None and (replaces is None or fingerprint(found) != replaces):
        path = str(folder.path / final)
        raise FileExistsError(errno.EEXIST, "a file of that name appeared meanwhile", path)
    folder.rename(part, final)
    return folder_fsync.change(folder.path)


def put_names_on_disk(changes: list[Change]) -> None:
    """Flush the folders of these changes, each once for all its changes. Raises OSError."""
    latest = {made.folder: made for made in changes}  # a later change needs a later flush
    for folder, made in latest.items():
        folder_fsync.flush_folder(folder, made)


def set_aside(folder: Folder, part: str, final: str, replaces: Fingerprint) -> str:
    """Keep the bytes of our own earlier file, where they are not just a part of the new ones.

    Gives the name that they have now beside it, or REMOVED; `final` stands until it is replaced.
    Raises FileExistsError where something else stands there by now, OSError.
    """
    found = folder.stat(final)
    if found is None or fingerprint(found) != replaces:
        path = str(folder.path / final)
        raise FileExistsError(errno.EEXIST, "the file was changed meanwhile", path)
    if _is_beginning(folder, final, part):
        return REMOVED
    day = datetime.now(UTC).strftime("%Y-%m-%d")
    for number in count(1):
        ending = f".old-{day}" + (f"-{number}" if number > 1 else "")
        aside = fitting(final, ending) + ending
        at = folder.descriptor
        try:
            os.link(final, aside, src_dir_fd=at, dst_dir_fd=at, follow_symlinks=False)
        except FileExistsError:
            continue
        except OSError:
            # No hard links there: for a moment nothing stands at its name.
            if folder.stat(aside) is not None:
                continue
            folder.rename(final, aside)
        return aside
    raise AssertionError("count ends nowhere")


def words_of_replaced(replaced: str) -> str:
    """What became of an earlier file of ours, as `set_aside` gives it, for people."""
    kept = "" if replaced == REMOVED else f", kept as {replaced}"
    return f"replaced a file that was changed here or on Flow{kept}"


def _is_beginning(folder: Folder, short: str, whole: str) -> bool:
    """Whether a file is not longer than another, and all of it is how that one begins."""
    with (
        open(folder.open_data(short), "rb") as first,
        open(folder.open_data(whole), "rb") as second,
    ):
        if os.fstat(first.fileno()).st_size > os.fstat(second.fileno()).st_size:
            return False
        while piece := first.read(1 << 20):
            if second.read(len(piece)) != piece:
                return False
    return True
