"""Which file system a folder is on, as Linux lists them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

MOUNTS = Path("/proc/self/mounts")

LOCAL = {
    "bcachefs", "btrfs", "exfat", "ext2", "ext3", "ext4", "f2fs", "jfs", "overlay", "ramfs",
    "reiserfs", "tmpfs", "xfs", "zfs",
}  # fmt: skip
"""File systems that one machine alone has at a time, so that its locks count for all."""


@dataclass(frozen=True)
class Mount:
    """A file system and where it is.

    Attributes:
        source: the device or server. `kind`: such as `ext4`, `nfs4`; empty where nobody says.
        options: such as `rw`, `noatime`.
    """

    source: str = ""
    at: str = ""
    kind: str = ""
    options: tuple[str, ...] = ()


def mount_of(folder: Path, mounts: Path = MOUNTS) -> Mount:
    """The file system that a folder is on; an empty one where nobody says."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        place = os.path.realpath(folder)
    except OSError:
        return Mount()
    best = Mount()
    for line in lines:
        words = line.split(" ")
        if len(words) < 3:
            continue
        at = _unescaped(words[1])
        if (place == at or place.startswith(at.rstrip("/") + "/")) and len(at) >= len(best.at):
            # Of two at one place the later hides the other.
            options = tuple(words[3].split(",")) if len(words) > 3 else ()
            best = Mount(_unescaped(words[0]), at, words[2], options)
    return best


def _unescaped(word: str) -> str:
    return word.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")
