"""A file whose bytes are here already, at another place below the target: linked, not fetched.

It is the same by Flow's id, and its size and md5, as they were recorded. A file that had to have a
number because another stood in its way goes back to its own name once that is gone.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from flowtui.protocol.states import TransferState
from flowtui.system import folder_fsync
from flowtui.system.shared_folder import Folder, open_folder
from flowtui.transfer.disk.commit import (
    Fingerprint,
    fingerprint,
    give_name,
    put_names_on_disk,
    set_aside,
    words_of_replaced,
)
from flowtui.transfer.disk.names import fitting
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

LINK = ".flowtui-link"
"""What a hard link is called until it takes the place of an earlier file."""

_TOLD = {
    "reflink": "its bytes are shared with",
    "hard": "linked to",
    "copy": "copied from",
}


Moving = Callable[[str], AbstractContextManager[None]]
"""Entered with the path of a file, below the target folder, while that loses its name or bytes."""


@dataclass(frozen=True)
class _Brought:
    """A file at its path: its time of change, and what became of the one that stood there."""

    mtime_ns: int
    replaced: str = ""


@dataclass(frozen=True)
class _Way:
    """What each way to bring a file to its path needs to know.

    Attributes:
        other: where it is. `found`: how that was verified.
        replaces: a file of ours that stands at the target and is to be replaced, or None.
        unlisted: entered with nothing while that is replaced.
    """

    task: Task
    other: Elsewhere
    found: Existing
    replaces: Fingerprint | None
    unlisted: Callable[[], AbstractContextManager[None]]
    notes: NoteBudget
    check: Callable[[], None]


def from_elsewhere(
    task: Task,
    notes: NoteBudget,
    check: Callable[[], None],
    moving: Moving,
    replaces: Fingerprint | None = None,
) -> Outcome | None:
    """Bring the file to its path from another below the target, or None where it has to be fetched.

    `replaces`: a file of our own that stands there and is not as it should be. `check` is called
    now and then and may raise. Raises TransferError, OSError.
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
            if other.moves and replaces is None:
                return _moved(task, other, found, moving)
            way = _Way(task, other, found, replaces, lambda: moving(""), notes, check)
            for name in WAYS[task.link]:
                if (brought := _take(way, name)) is not None:
                    told = f"{_TOLD[name]} {other.name}, {found.verified_by}"
                    if brought.replaced:
                        told = f"{words_of_replaced(brought.replaced)}; {told}"
                    return Outcome(TransferState.DONE, told, size=found.size, md5=found.md5,
                                   verified_by=found.verified_by, mtime_ns=brought.mtime_ns,
                                   replaced=brought.replaced, linked=other.name)  # fmt: skip
        except (FileNotFoundError, FileExistsError):
            continue  # somebody was quicker, there or here
    return None


def _moved(
    task: Task,
    other: Elsewhere,
    found: Existing,
    moving: Moving,
) -> Outcome:
    with moving(other.name), open_folder(task.target.parent, task.root) as folder:
        made = give_name(folder, other.path.name, task.target.name)
    put_names_on_disk([made])
    assert found.seen is not None
    return Outcome(TransferState.SKIPPED, f"already here; renamed back from {other.path.name}",
                   size=found.size, md5=found.md5, verified_by=found.verified_by,
                   mtime_ns=found.seen[3], renamed_from=other.name)  # fmt: skip


def _take(way: _Way, name: str) -> _Brought | None:
    """Bring the bytes of the other file here, in the way of this name; None where it cannot be."""
    with open_folder(way.other.path.parent, way.task.root) as folder:
        source = folder.stat(way.other.path.name)
        if source is None or not _is_known_to_us(source):
            return None
        if name == "hard":
            return _hard_link(way, folder)
        descriptor = folder.open_data(way.other.path.name)
    try:
        return _filled(way, descriptor, _FILLS[name])
    finally:
        os.close(descriptor)


def _is_known_to_us(source: os.stat_result) -> bool:
    """Whether a file is this user's, or of a group of this user's."""
    return source.st_uid == os.geteuid() or source.st_gid in {os.getegid(), *os.getgroups()}


def _hard_link(way: _Way, source: Folder) -> _Brought | None:
    task = way.task
    there = source.stat(way.other.path.name)
    if there is None or there.st_uid != os.geteuid():
        return None  # a change of its rights would not be ours to make
    with open_folder(task.target.parent, task.root, make=True) as folder:
        final = name = task.target.name
        if way.replaces is not None:
            # Never NAME.part: who goes on with one of those writes to it, and that is the source.
            name = fitting(final, LINK) + LINK
            folder.unlink(name)  # of a run that was killed
        try:
            os.link(
                way.other.path.name,
                name,
                src_dir_fd=source.descriptor,
                dst_dir_fd=folder.descriptor,
                follow_symlinks=False,
            )
        except FileExistsError:
            raise
        except OSError:
            return None  # other file systems, too many links, or not allowed
        made = folder.stat(name)
        if made is None or fingerprint(made) != way.found.seen:
            folder.unlink(name)
            return None
        replaced = ""
        if way.replaces is not None:
            try:
                with way.unlisted():
                    replaced = set_aside(folder, name, final, way.replaces)
                    give_name(folder, name, final, way.replaces)
            except BaseException:
                folder.unlink(name)
                raise
    put_names_on_disk([folder_fsync.change(task.target.parent)])
    return _Brought(made.st_mtime_ns, replaced)


def _share(way: _Way, descriptor: int, part: PartFile) -> bool:
    return share_bytes(descriptor, part)


def _copy(way: _Way, descriptor: int, part: PartFile) -> bool:
    md5, at = hashlib.md5(usedforsecurity=False), 0
    while piece := os.pread(descriptor, 1 << 20, at):
        way.check()
        md5.update(piece)
        part.write(at, piece)
        at += len(piece)
    return md5.hexdigest() == way.found.md5


_FILLS = {"reflink": _share, "copy": _copy}


def _filled(way: _Way, source: int, fill: Callable[[_Way, int, PartFile], bool]) -> _Brought | None:
    """Fill a part file from the open source and give it its name; None where that is not it."""
    task, found = way.task, way.found
    if fingerprint(os.fstat(source)) != found.seen:
        return None
    identity = Identity(key=task.key, md5=task.md5)
    part = PartFile(task.target, identity, way.notes, journaled=False, root=task.root)
    try:
        if part.done.total or not fill(way, source, part):
            return None
        if fingerprint(os.fstat(source)) != found.seen:
            return None
        part.settle(found.size)
        with nullcontext() if way.replaces is None else way.unlisted():
            replaced = part.rename(task.target, found.size, way.replaces)
        mtime_ns = os.fstat(part.descriptor).st_mtime_ns
        part.finish()
        return _Brought(mtime_ns, replaced)
    finally:
        if part.descriptor >= 0:
            if not part.done.total:
                part.remove()  # what was begun as a download is gone on with
            part.close()
