"""The target folder: room, file system, locks, reflinks, quota. What is written there is unnamed
and gone at once.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flowtui.cli.checks.check import Check, fail, ok, warn
from flowtui.system.clones import clone
from flowtui.system.locks import has_locks
from flowtui.system.mounts import LOCAL, Mount, mount_of
from flowtui.text import quantities
from flowtui.transfer.disk.space import Room, measure

LITTLE = 1 << 30
"""Bytes free that are told of."""

NEARLY = 0.9
"""Of a quota, used."""

TOOL_SECONDS = 5.0

SMALL_FILES_ONLY = {"vfat": "4 GiB", "msdos": "4 GiB"}
"""File systems that hold no larger file."""

IN_MEMORY = {"tmpfs", "ramfs"}


def existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that there is. Raises OSError."""
    while not folder.exists():
        if folder == folder.parent:
            raise FileNotFoundError(f"{folder}: there is no such folder")
        folder = folder.parent
    return folder


def target(
    folder: Path,
    room_of: Callable[[Path], Room] = measure,
    mount_at: Callable[[Path], Mount] = mount_of,
    locks: Callable[[int], bool] = has_locks,
    clones: Callable[[int, int], bool] = clone,
) -> list[Check]:
    """Room and rights, file system, locks and reflinks of the target folder."""
    try:
        place = existing(folder)
        free = room_of(place).free
    except OSError as error:
        return [_unusable(folder, error)]
    if not place.is_dir():
        return [fail("disk", f"{place} is not a folder", "choose another folder with --to")]
    mount = mount_at(place)
    kind = file_system(mount)
    try:
        checks = _tried(place, locks, clones)
    except OSError as error:
        return [_unusable(place, error), kind]
    return [room(folder, free), kind, *checks]


def _unusable(folder: Path, error: OSError) -> Check:
    why = error.strerror or str(error)
    return fail(
        "disk",
        f"cannot write to {folder}: {why}",
        "choose another folder with --to, or have its owner let you write there",
    )


def room(folder: Path, free: int) -> Check:
    """Whether there is room for anything; how much is needed a download knows by itself."""
    text = f"{quantities.size(free)} free for {folder}"
    if free >= LITTLE:
        return ok("disk", text)
    remedy = "free some, or choose another folder with --to"
    return warn("disk", text, remedy) if free > 0 else fail("disk", text, remedy)


def file_system(mount: Mount) -> Check:
    """The kind of file system, and what it is not good for."""
    name = "file-system"
    if not mount.kind:
        return ok(name, "of no known kind")
    text = f"{mount.kind} at {mount.at}"
    if mount.kind in SMALL_FILES_ONLY:
        most = SMALL_FILES_ONLY[mount.kind]
        return warn(name, f"{text}: no file above {most}", "choose another folder for large files")
    if mount.kind in IN_MEMORY:
        return warn(name, f"{text}: it is in memory, and empty after a restart",
                    "choose a folder on a disk with --to")  # fmt: skip
    shared = "" if mount.kind in LOCAL else ", which other machines may share"
    return ok(name, text + shared)


def _tried(
    place: Path, locks: Callable[[int], bool], clones: Callable[[int, int], bool]
) -> list[Check]:
    """Write, lock and clone in a folder. Raises OSError where nothing can be written."""
    with tempfile.TemporaryFile(dir=place) as first, tempfile.TemporaryFile(dir=place) as second:
        first.write(bytes(4096))
        first.flush()
        return [
            locking(locks(first.fileno())),
            reflinks(clones(first.fileno(), second.fileno())),
        ]


def locking(known: bool) -> Check:
    """Whether two processes can keep out of each other's way."""
    if known:
        return ok("locks", "known")
    return warn(
        "locks",
        "this file system knows none: NAME.part.lock stands for each",
        "after a crash on another host, remove the NAME.part.lock that a message names",
    )


def reflinks(known: bool) -> Check:
    """Whether a file that is here twice needs its room once."""
    if known:
        return ok("reflinks", "known: a file that is here already needs no room twice")
    return ok("reflinks", "none: a file that is here already is linked or copied (`link`)")


@dataclass(frozen=True)
class Quota:
    """What a user has of a file system, of its KiB or its files, and may have."""

    what: str
    used: int
    limit: int


def read_quota(text: str, source: str) -> list[Quota]:
    """The limits on a file system, as `quota -wp` and `lfs quota -q` print them.

    A line is: file system, KiB used, soft and hard limit, grace, and the same for files. A `*`
    stands behind what is too much, 0 for no limit.
    """
    for line in text.splitlines():
        words = line.split()
        if len(words) < 8 or words[0] != source:
            continue
        numbers = [word.rstrip("*") for word in words[1:9]]
        if not all(numbers[at].isdecimal() for at in (0, 1, 2, 4, 5, 6)):
            continue
        used, soft, hard, _, files, soft_files, hard_files = (
            int(number) if number.isdecimal() else 0 for number in numbers[:7]
        )
        found = [
            Quota("bytes", used << 10, (hard or soft) << 10),
            Quota("files", files, hard_files or soft_files),
        ]
        return [each for each in found if each.limit]
    return []


def quota(found: list[Quota], is_known: bool) -> Check:
    """What is left of the quotas; `is_known` false where nobody here tells of them."""
    if not is_known:
        return ok("quota", "not known: neither `quota` nor `lfs` is here to tell")
    if not found:
        return ok("quota", "none known on this file system")
    words = ", ".join(map(_quota_words, found))
    fullest = max(each.used / each.limit for each in found)
    remedy = "remove what you do not need, ask for more, or choose another folder with --to"
    if fullest >= 1:
        return fail("quota", words, remedy)
    return warn("quota", words, remedy) if fullest >= NEARLY else ok("quota", words)


def _quota_words(each: Quota) -> str:
    if each.what == "bytes":
        return f"{quantities.size(each.used)} of {quantities.size(each.limit)} used"
    return f"{each.used:,} of {each.limit:,} files used"


def ask_quota(folder: Path, mount_at: Callable[[Path], Mount] = mount_of) -> Check:
    """The quota of the file system of the target, by the tool of the system that knows it."""
    mount = mount_at(existing(folder))
    if mount.kind == "lustre":
        command = ["lfs", "quota", "-q", "-u", str(os.getuid()), mount.at]
        source = mount.at
    else:
        command = ["quota", "-wp"]
        source = mount.source
    if shutil.which(command[0]) is None:
        return quota([], is_known=False)
    try:
        # Its exit status is 1 for who is over a quota.
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=TOOL_SECONDS,
            check=False, stdin=subprocess.DEVNULL, env=os.environ | {"LC_ALL": "C"},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        text = f"not known: `{command[0]}` did not answer within {TOOL_SECONDS:g} s"
        return warn("quota", text, f"try `{' '.join(command)}` yourself")
    return quota(read_quota(done.stdout, source), is_known=True)
