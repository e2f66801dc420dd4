"""A file whose bytes are here already, at another place below the target: linked, not fetched.

It is the same by Flow's id, and its size and md5, as they were recorded. A file that had to have a
number because another stood in its way goes back to its own name once that is gone.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import AbstractContextManager

from flowtui.protocol.states import TransferState
from flowtui.system import folder_fsync
from flowtui.system.shared_folder import Folder, open_folder
from flowtui.transfer.disk.commit import fingerprint, give_name, put_names_on_disk
from flowtui.transfer.disk.part_file import NoteBudget, PartFile
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
                root=task.root,
            )
            usable = found is not None and found.verified_by and found.is_ours
            if found is None or not usable or found.seen is None or found.md5 is None:
                continue
            if other.moves:
                return _moved(task, other, found, moving)
            for way in WAYS[task.link]:
                if (mtime_ns := _take(task, other, found, way, notes, check)) is not None:
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
    with moving(other.name), open_folder(task.target.parent, task.root) as folder:
        made = give_name(folder, other.path.name, task.target.name)
    put_names_on_disk([made])
    assert found.seen is not None
    return Outcome(TransferState.SKIPPED, f"already here; renamed back from {other.path.name}",
                   size=found.size, md5=found.md5, verified_by=found.verified_by,
                   mtime_ns=found.seen[3], renamed_from=other.name)  # fmt: skip


def _take(
    task: Task,
    other: Elsewhere,
    found: Existing,
    way: str,
    notes: NoteBudget,
    check: Callable[[], None],
) -> int | None:
    """Bring the bytes of the other file here; its time of change, None where that cannot be."""
    with open_folder(other.path.parent, task.root) as folder:
        source = folder.stat(other.path.name)
        if source is None or not _is_known_to_us(source):
            return None
        if way == "hard":
            return _hard_link(task, folder, other.path.name, found)
        descriptor = folder.open_data(other.path.name)
    try:
        return _filled(task, descriptor, found, notes, _FILLS[way], check)
    finally:
        os.close(descriptor)


def _is_known_to_us(source: os.stat_result) -> bool:
    """Whether a file is this user's, or of a group of this user's."""
    return source.st_uid == os.geteuid() or source.st_gid in {os.getegid(), *os.getgroups()}


def _hard_link(task: Task, source: Folder, name: str, found: Existing) -> int | None:
    there = source.stat(name)
    if there is None or there.st_uid != os.geteuid():
        return None  # a change of its rights would not be ours to make
    with open_folder(task.target.parent, task.root, make=True) as folder:
        final = task.target.name
        try:
            os.link(
                name,
                final,
                src_dir_fd=source.descriptor,
                dst_dir_fd=folder.descriptor,
                follow_symlinks=False,
            )
        except FileExistsError:
            raise
        except OSError:
            return None  # other file systems, too many links, or not allowed
        made = folder.stat(final)
        if made is None or fingerprint(made) != found.seen:
            folder.unlink(final)
            return None
    put_names_on_disk([folder_fsync.change(task.target.parent)])
    return made.st_mtime_ns


def _share(descriptor: int, part: PartFile, found: Existing, check: Callable[[], None]) -> bool:
    return share_bytes(descriptor, part)


def _copy(descriptor: int, part: PartFile, found: Existing, check: Callable[[], None]) -> bool:
    md5, at = hashlib.md5(usedforsecurity=False), 0
    while piece := os.pread(descriptor, 1 << 20, at):
        check()
        md5.update(piece)
        part.write(at, piece)
        at += len(piece)
    return md5.hexdigest() == found.md5


_FILLS = {"reflink": _share, "copy": _copy}


def _filled(
    task: Task,
    source: int,
    found: Existing,
    notes: NoteBudget,
    fill: Callable[[int, PartFile, Existing, Callable[[], None]], bool],
    check: Callable[[], None],
) -> int | None:
    """Fill a part file from the open source and give it its name; None where that is not it."""
    if fingerprint(os.fstat(source)) != found.seen:
        return None
    identity = Identity(key=task.key, md5=task.md5)
    part = PartFile(task.target, identity, notes, journaled=False, root=task.root)
    try:
        if part.done.total or not fill(source, part, found, check):
            return None
        if fingerprint(os.fstat(source)) != found.seen:
            return None
        part.settle(found.size)
        part.rename(task.target, found.size)
        mtime_ns = os.fstat(part.descriptor).st_mtime_ns
        part.finish()
        return mtime_ns
    finally:
        if part.descriptor >= 0:
            if not part.done.total:
                part.remove()  # what was begun as a download is gone on with
            part.close()
