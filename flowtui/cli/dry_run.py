"""What a download would do, file by file, without doing it; and what it would end with."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flowtui.cli.exit_codes import CommandError, Exit
from flowtui.cli.get_report import missing_error
from flowtui.cli.output import Output, counted, one_line, size_text
from flowtui.system.files import UnfitFile
from flowtui.text import quantities
from flowtui.transfer.disk.part_file import journal_path, part_path
from flowtui.transfer.disk.paths import TargetPaths, last_taken
from flowtui.transfer.disk.space import MARGIN, measure
from flowtui.transfer.verify.existing import Existing, existing

if TYPE_CHECKING:
    from flowtui.cli.selection import RequestedFiles
    from flowtui.flow.remote_file import RemoteFile
    from flowtui.protocol.messages import Batch

HERE, ELSEWHERE, MISSING = "here", "elsewhere", "missing"
STARTED, CHANGED, FOREIGN = "started", "changed", "foreign"
STATES = (HERE, ELSEWHERE, MISSING, STARTED, CHANGED, FOREIGN)

MOST_NAMES = 1000
"""Names of one file that are looked at, where foreign files have them."""

NAMED = 3


@dataclass(frozen=True)
class Planned:
    """A file, and what a download would find.

    Attributes:
        state: `here`; `elsewhere`: at another place below the folder, whose bytes are shared;
            `missing`; `started`: a part of it is here; `changed`: a file of ours, which is
            not as it was recorded or as Flow has it now; `foreign`: another file has its name.
        path: where it would go, below the target folder; of a foreign file beside that.
        to_fetch: bytes that are not here, or None where Flow does not tell the size.
        foreign: the path of the foreign file.
    """

    file: RemoteFile
    state: str
    path: str
    to_fetch: int | None = None
    foreign: str = ""

    @property
    def size(self) -> int | None:
        """As Flow says."""
        return self.file.size


@dataclass
class DryRun:
    """All files of a batch, and the folder that they would go to.

    Attributes:
        free: bytes free there, or None where that cannot be known.
        trouble: why nothing can be written there; empty where it can.
    """

    root: Path
    files: list[Planned]
    free: int | None
    trouble: str = ""

    def count(self, state: str) -> int:
        """Files in a state."""
        return sum(1 for planned in self.files if planned.state == state)

    def bytes_of(self, state: str) -> int:
        """Bytes on Flow of the files in a state, as far as sizes are known."""
        return sum(planned.size or 0 for planned in self.files if planned.state == state)

    @property
    def to_fetch(self) -> int:
        """Bytes that are not here, as far as sizes are known."""
        return sum(planned.to_fetch or 0 for planned in self.files)

    @property
    def has_room(self) -> bool:
        """Whether the disk has room for that, and the margin that a download keeps."""
        return not self.to_fetch or self.free is None or self.to_fetch * MARGIN <= self.free


def look(batch: Batch, check: Callable[[], None] = lambda: None, *, links: bool = True) -> DryRun:
    """Look what is at the target; by the rules of a download. Nothing is written.

    `links`: a file that is at another place below the folder is not fetched again.

    A file that is not recorded, and has the size of the wanted one, is read. Raises OSError.
    """
    root = Path(batch.root)
    paths = TargetPaths(root)
    places = paths.assign_all(batch.files)
    files = [_planned(paths, file, places[file.key], check, links=links) for file in batch.files]
    room = measure(root)
    return DryRun(root, files, room.free, trouble_with(root))


def _planned(
    paths: TargetPaths, file: RemoteFile, path: str, check: Callable[[], None], *, links: bool
) -> Planned:
    foreign = ""
    before = paths.foreign_before(path, file.folder, file.filename, file.fileset)
    if before and (taken := last_taken(paths.root, before)):
        foreign = before[taken]
    for number in range(1, MOST_NAMES):
        found = _look(paths, file, path, check)
        if found is None or found.verified_by or found.is_ours:
            break
        foreign = foreign or path
        path = paths.assign_file(file, after=number)
    if found is not None and found.verified_by:
        return Planned(file, FOREIGN if foreign else HERE, path, 0, foreign)
    if found is not None and found.is_ours:
        return Planned(file, CHANGED, path, file.size, foreign)
    target = paths.root / path
    begun = part_path(target).exists() and journal_path(target).exists()
    if links and not begun and _is_elsewhere(paths, file, path):
        return Planned(file, FOREIGN if foreign else ELSEWHERE, path, 0, foreign)
    state = FOREIGN if foreign else STARTED if begun else MISSING
    return Planned(file, state, path, _left(file, part_path(target), begun=begun), foreign)


def _look(
    paths: TargetPaths, file: RemoteFile, path: str, check: Callable[[], None]
) -> Existing | None:
    check()
    try:
        return existing(
            paths.root / path,
            key=file.key,
            size=file.size,
            md5=file.md5,
            recorded=paths.recorded.get(path),
            check=check,
            root=paths.root,
        )
    except UnfitFile:
        return None  # the download meets the same, and says it


def _is_elsewhere(paths: TargetPaths, file: RemoteFile, path: str) -> bool:
    """Whether it was brought to another place, and what stands there has its size."""
    for place in paths.elsewhere(file.key, path):
        recorded = paths.recorded[place]
        try:
            found = (paths.root / place).lstat()
        except OSError:
            continue
        is_it = recorded.size in (None, found.st_size) and file.size in (None, found.st_size)
        if stat.S_ISREG(found.st_mode) and is_it:
            return True
    return False


def _left(file: RemoteFile, part: Path, *, begun: bool) -> int | None:
    """Bytes that are still to come, at least."""
    if file.size is None or not begun:
        return file.size
    try:
        # A part file has holes; its blocks are what came.
        return max(0, file.size - part.stat().st_blocks * 512)
    except OSError:
        return file.size


def trouble_with(root: Path) -> str:
    """Why this folder cannot be written to, or cannot be made; empty where it can."""
    where = root
    while not os.path.lexists(where) and where != where.parent:
        where = where.parent
    if not where.is_dir():
        return f"{where} is not a folder"
    if not os.access(where, os.W_OK | os.X_OK):
        what = "may not be written to" if where == root else "takes no new folder"
        return f"{where} {what} by you; choose another --to"
    return ""


def error_of(plan: DryRun, found: RequestedFiles, on_change: str) -> CommandError | None:
    """What the download would end with as far as can be known; None where all would be well."""
    if plan.trouble and plan.to_fetch:
        return CommandError(plan.trouble, code="DISK")
    if not plan.has_room:
        needed = f"{size_text(int(plan.to_fetch * MARGIN))} needed, {size_text(plan.free)} free"
        message = f"not enough disk space: {needed}; free some or choose another --to"
        return CommandError(message, exit=Exit.NO_ROOM, code="NO_SPACE")
    if on_change == "fail" and (changed := plan.count(CHANGED)):
        message = f"{counted(changed, 'file')} changed, which --on-change fail refuses to replace"
        return CommandError(message, code="CHANGED")
    foreign = [one_line(planned.foreign) for planned in plan.files if planned.foreign]
    if foreign:
        names = quantities.named(foreign, NAMED)
        message = f"different files already have these names; Flow's go beside them: {names}"
        return CommandError(message, code="FOREIGN_FILE")
    return missing_error(found)


def show(plan: DryRun, batch: Batch, out: Output) -> None:
    """List what would be downloaded and where, and the sums of it."""
    from flowtui.cli.json_fields import origin_fields
    from flowtui.text.columns import table

    rows = []
    for planned in plan.files:
        file = planned.file
        out.event(
            "file",
            key=file.key,
            filename=file.filename,
            path=str(plan.root / planned.path),
            state=planned.state,
            size=file.size,
            to_fetch=planned.to_fetch,
            md5=file.md5,
            foreign=str(plan.root / planned.foreign) if planned.foreign else None,
            **origin_fields(file.sample, file.belongs_to, file.origin),
        )
        rows.append((file.key, size_text(file.size), planned.state, planned.path))
    out.event(
        "plan",
        root=str(plan.root),
        states={state: plan.count(state) for state in STATES},
        to_fetch=plan.to_fetch,
        unknown_sizes=sum(1 for planned in plan.files if planned.to_fetch is None),
        free=plan.free,
        has_room=plan.has_room,
        writable=not plan.trouble,
        bulk=batch.bulk,
    )
    if not out.as_json:
        headers = ("REF", "SIZE", "STATE", "PATH")
        for line in table(headers, [tuple(map(one_line, row)) for row in rows], right=(1,)):
            out.line(line)
    out.say(_sums(plan, batch))


def _sums(plan: DryRun, batch: Batch) -> str:
    parts = [
        f"{number:,} {state} ({size_text(plan.bytes_of(state))})"
        for state in STATES
        if (number := plan.count(state))
    ]
    text = f"{counted(len(plan.files), 'file')}: {', '.join(parts)}; "
    text += f"{size_text(plan.to_fetch)} to download"
    if batch.bulk:
        text += ", as one archive that is then unpacked" if batch.unpack else ", as one archive"
    elif plan.to_fetch:
        text += ", one by one"
    where = f"{one_line(str(plan.root))} ({size_text(plan.free)} free)"
    return f"{text}, to {where}; nothing was downloaded"
