"""The last step of every file, fetched or unpacked: its final name, never over another file."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from flowtui.system import folder_fsync
from flowtui.system.folder_fsync import Change


def give_name(part: Path, final: Path) -> Change:
    """Give a flushed, verified file its final name; what is to be put on the disk of it yet.

    Raises FileExistsError where something stands at `final`, OSError.
    """
    if os.path.lexists(final):
        raise FileExistsError(errno.EEXIST, "a file of that name appeared meanwhile", str(final))
    os.rename(part, final)
    return folder_fsync.change(final.parent)


def put_names_on_disk(changes: list[Change]) -> None:
    """Flush the folders of these changes, each once for all its changes. Raises OSError."""
    latest = {made.folder: made for made in changes}  # a later change needs a later flush
    for folder, made in latest.items():
        folder_fsync.flush_folder(folder, made)
