"""A file whose bytes are here already, at another place below the target: linked, not fetched.

It is the same by Flow's id, and its size and md5, as they were recorded. A file that had to have a
number because another stood in its way goes back to its own name once that is gone.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from flowtui.protocol.states import TransferState
from flowtui.system import folder_fsync
from flowtui.transfer.disk.commit import (
    Fingerprint,
    fingerprint,
    give_name,
    put_names_on_disk,
)
from flowtui.transfer.disk.part_file import NoteBudget, PartFile, make_folder
from flowtui.transfer.identity import Identity
from flowtui.transfer.task import Elsewhere, Outcome, Task
from flowtui.transfer.verify.blocks import share_bytes
from flowtui.transfer.verify.existing import Existing, existing

WAYS = {
    "auto": ("reflink", "hard", "copy"),
    "reflink": ("reflink",),
    "hard": ("hard",),
    "copy": ("copy",),
    "never": (),
}
"""What the setting `link` may say, and what is tried in turn."""

_TOLD = {
    "reflink": "its bytes are shared with",
    "hard": "linked to",
    "copy": "copied from",
}


def from_elsewhere(
    task: Task,
    notes: NoteBudget,
    check: Callable[[], None],
    moving: Callable[[str], AbstractContextManager[None]],
) -> Outcome | None:
    """Bring the file to its path from another below the target, or None where it has to be fetched.

    `moving` is entered with the path that a file is to lose. `check` is called now and then and
    may raise. Raises TransferError, OSError.
    """
    for other in task.elsewhere:
        try:
            found = existing(
                other.path,
                key=task.key,
                size=task.size,
                md5=task.md5,
                recorded=other.recorded,
                check=check,
            )
            usable = found is not None and found.verified_by and found.is_ours
            if found is None or not usable or found.seen is None or found.md5 is None:
                continue
            if other.moves:
                return _moved(task, other, found, moving)
            for way in WAYS[task.link] if _is_known_to_us(other.path) else ():
                if (mtime_ns := _WAYS[way](task, other.path, found, notes, check)) is not None:
                    told = f"{_TOLD[way]} {other.name}, {found.verified_by}"
                    return Outcome(TransferState.DONE, told, size=found.size, md5=found.md5,
                                   verified_by=found.verified_by, mtime_ns=mtime_ns,
                                   linked=other.name)  # fmt: skip
        except (FileNotFoundError, FileExistsError):
            continue  # somebody was quicker, there or here
    return None


def _moved(
    task: Task,
    other: Elsewhere,
    found: Existing,
    moving: Callable[[str], AbstractContextManager[None]],
) -> Outcome:
    with moving(other.name):
        made = give_name(other.path, task.target)
    put_names_on_disk([made])
    assert found.seen is not None
    return Outcome(TransferState.SKIPPED, f"already here; renamed back from {other.path.name}",
                   size=found.size, md5=found.md5, verified_by=found.verified_by,
                   mtime_ns=found.seen[3], renamed_from=other.name)  # fmt: skip


def _is_known_to_us(path: Path) -> bool:
    """Whether a file is this user's, or of a group of this user's."""
    owner = path.stat(follow_symlinks=False)
    return owner.st_uid == os.geteuid() or owner.st_gid in {os.getegid(), *os.getgroups()}


def _hard_link(
    task: Task, source: Path, found: Existing, notes: NoteBudget, check: Callable[[], None]
) -> int | None:
    if source.stat(follow_symlinks=False).st_uid != os.geteuid():
        return None  # a change of its rights would not be ours to make
    make_folder(task.target.parent)
    try:
        os.link(source, task.target, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError:
        return None  # other file systems, too many links, or not allowed
    if fingerprint(task.target.lstat()) != found.seen:
        task.target.unlink()
        return None
    put_names_on_disk([folder_fsync.change(task.target.parent)])
    return task.target.lstat().st_mtime_ns


def _reflink(
    task: Task, source: Path, found: Existing, notes: NoteBudget, check: Callable[[], None]
) -> int | None:
    return _filled(task, source, found.seen, notes, share_bytes, found)


def _copy(
    task: Task, source: Path, found: Existing, notes: NoteBudget, check: Callable[[], None]
) -> int | None:
    def copy(descriptor: int, part: PartFile) -> bool:
        md5, at = hashlib.md5(usedforsecurity=False), 0
        while piece := os.pread(descriptor, 1 << 20, at):
            check()
            md5.update(piece)
            part.write(at, piece)
            at += len(piece)
        return md5.hexdigest() == found.md5

    return _filled(task, source, found.seen, notes, copy, found)


def _filled(
    task: Task,
    source: Path,
    seen: Fingerprint | None,
    notes: NoteBudget,
    fill: Callable[[int, PartFile], bool],
    found: Existing,
) -> int | None:
    """Fill a part file from the source and give it its name; None where that is not the file."""
    make_folder(task.target.parent)
    descriptor = os.open(source, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    part = None
    try:
        if fingerprint(os.fstat(descriptor)) != seen:
            return None
        part = PartFile(task.target, Identity(key=task.key, md5=task.md5), notes, journaled=False)
        if part.done.total or not fill(descriptor, part):
            return None
        if fingerprint(os.fstat(descriptor)) != seen:
            return None
        part.settle(found.size)
        part.rename(task.target, found.size)
        mtime_ns = os.fstat(part.descriptor).st_mtime_ns
        part.finish()
        return mtime_ns
    finally:
        os.close(descriptor)
        if part is not None and part.descriptor >= 0:
            if not part.done.total:
                part.remove()  # what was begun as a download is gone on with
            part.close()


_WAYS = {"reflink": _reflink, "hard": _hard_link, "copy": _copy}
