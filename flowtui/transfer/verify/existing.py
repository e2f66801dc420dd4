"""What stands on the disk already where a file would go: the file itself, another, or a part."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from flowtui.protocol.states import AS_RECORDED
from flowtui.system.files import UnfitFile, open_regular
from flowtui.system.shared_folder import Folder, open_folder
from flowtui.transfer.disk.commit import Fingerprint, fingerprint
from flowtui.transfer.disk.downloads_log import is_untouched
from flowtui.transfer.disk.part_file import journal_path, part_path
from flowtui.transfer.task import SKIPPED, Elsewhere, ExpectedFile, FileResult, Recorded, Writers
from flowtui.transfer.verify import md5 as hashing


@dataclass(frozen=True)
class Existing:
    """What stands at a target.

    Attributes:
        is_folder: a folder, which no file can replace.
        verified_by: what tells that it is the file that is wanted; empty where it is another.
        size, md5: of the file that is wanted, as far as they are known.
        is_ours: it is recorded as this very file's, so that it may be replaced where it is not
            verified. `seen`: what it looked like, see `fingerprint`.
        is_news: it was read to know it, or is not recorded so yet. `blocks`: see `LogEntry.blocks`.
    """

    is_folder: bool = False
    verified_by: str = ""
    size: int = 0
    md5: str | None = None
    is_ours: bool = False
    is_news: bool = False
    seen: Fingerprint | None = None
    blocks: bytes = b""


def existing(
    target: Path,
    *,
    key: str,
    size: int | None,
    md5: str | None,
    recorded: Recorded | None,
    check: Callable[[], None],
    root: Path | None = None,
) -> Existing | None:
    """What stands at `target`, or None; the one rule of what is not fetched again.

    `recorded` is what downloads.log says of that path, `size` and `md5` what Flow says of the file
    `key`; `root` is the folder that the user chose. A file is read where it was changed after it
    was recorded, where its md5 is not recorded, or where another user may have written it or that.
    A link of this user's to the file counts as it, and is never ours to replace. `check` is called
    now and then and may raise. Raises UnfitFile for a folder that is another user's link, OSError.
    """
    try:
        folder = open_folder(target.parent, root)
    except (FileNotFoundError, NotADirectoryError):
        return None
    with folder:
        return _existing(folder, target.name, key, size, md5, recorded, check)


def _existing(
    folder: Folder,
    name: str,
    key: str,
    size: int | None,
    md5: str | None,
    recorded: Recorded | None,
    check: Callable[[], None],
) -> Existing | None:
    found = folder.stat(name)
    if found is None:
        return None
    is_link = stat.S_ISLNK(found.st_mode)
    if is_link:
        if not folder.owns(found):
            return Existing()
        try:
            found = os.stat(name, dir_fd=folder.descriptor)
        except (FileNotFoundError, NotADirectoryError):
            return Existing()
        except OSError as error:
            if error.errno == errno.ELOOP:
                return Existing()
            raise
    if stat.S_ISDIR(found.st_mode):
        return Existing() if is_link else Existing(is_folder=True)
    record = recorded if recorded is not None and recorded.key == key else None
    is_file = stat.S_ISREG(found.st_mode)
    another = Existing(
        is_ours=record is not None and is_file and not is_link, seen=fingerprint(found)
    )
    if not is_file:
        return another
    # What Flow says now counts for more than what was recorded, and an md5 for more than a size.
    known = size is not None or record is None
    wanted_size = size if known or record is None else record.size
    recorded_md5 = record.md5 if record is not None else None
    if wanted_size != found.st_size:
        # Sizes on Flow may be stale; one that was measured here, with that md5, is not.
        is_measured = recorded_md5 is not None and record is not None and record.size == size
        decides = md5 or (None if known else recorded_md5)
        if decides is None or (is_measured and md5 in (None, recorded_md5)):
            return another
    here = replace(another, size=found.st_size)
    is_own = folder.owns(found)
    # Without an md5 on either side it is read once, so that the next run need not.
    if (
        record is not None
        and record.md5 is not None
        and md5 in (None, record.md5)
        and is_own
        and record.by is not Writers.OTHERS
        and is_untouched(found, record)
    ):
        return replace(here, verified_by=AS_RECORDED, md5=record.md5)
    wanted = md5 or recorded_md5
    if md5 is None and not is_own and not is_believed(record, is_own=is_own):
        return Existing(seen=another.seen)  # nothing proves another user's file
    sums = hashing.BlockSums()
    digest = _md5_of(folder, name, check, sums, is_link=is_link)
    if wanted is not None and digest != wanted:
        return another
    how = "md5" if md5 else "size"
    if md5 is None and recorded_md5 is not None and is_believed(record, is_own=is_own):
        how = "recorded md5"
    return replace(here, verified_by=how, md5=digest, is_news=True, blocks=sums.blocks)


def is_believed(record: Recorded | None, *, is_own: bool) -> bool:
    """Whether the md5 that was recorded of a file proves it.

    Who may write both, the file and the log, proves nothing by that.
    """
    if record is None or record.md5 is None or record.by is Writers.OTHERS:
        return False
    return is_own or record.by is Writers.US


def _md5_of(
    folder: Folder,
    name: str,
    check: Callable[[], None],
    sums: hashing.BlockSums,
    *,
    is_link: bool,
) -> str:
    """The md5 of a file in an open folder; `sums` learns of its blocks. Raises OSError."""
    at = folder.descriptor
    descriptor = open_regular(name, folder=at) if is_link else folder.open_data(name)
    try:
        return hashing.md5_of_open(descriptor, check, sums=sums)
    finally:
        os.close(descriptor)


@dataclass
class Found:
    """What a look at many files found.

    Attributes:
        here: key → its result, for files that are here.
        started: keys of those whose first bytes are here, from a download that was not finished.
        elsewhere: keys of those that are at another place below the folder, as far as size tells.
        changed: keys of files of ours that are not as they were recorded, or as Flow has them.
    """

    here: dict[str, FileResult] = field(default_factory=dict)
    started: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)


def find_existing(
    root: Path,
    files: Iterable[ExpectedFile],
    recorded: Mapping[str, Recorded],
    elsewhere: Mapping[str, tuple[Elsewhere, ...]],
    check: Callable[[], None],
) -> Found:
    """Look for each file where it would be put, then where else it may be, by its key.

    `check` is called now and then and may raise. Raises OSError.
    """
    found = Found()
    for expected in files:
        check()
        target = root / expected.path
        there = _look(root, expected, recorded.get(expected.path), check)
        if there is not None and there.verified_by:
            found.here[expected.file.key] = _result(expected, there)
        elif there is not None and there.is_ours:
            found.changed.append(expected.file.key)
        elif journal_path(target).exists() and part_path(target).exists():
            found.started.append(expected.file.key)
        elif any(_may_be_there(other) for other in elsewhere.get(expected.file.key, ())):
            found.elsewhere.append(expected.file.key)
    return found


def _may_be_there(other: Elsewhere) -> bool:
    """Whether a file of the recorded size stands at another place."""
    try:
        found = other.path.lstat()
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and other.recorded.size in (None, found.st_size)


def already_here(
    root: Path, expected: ExpectedFile, recorded: Recorded | None, check: Callable[[], None]
) -> FileResult | None:
    """The result of a file that stands at its place already, or None. Raises OSError."""
    found = _look(root, expected, recorded, check)
    return _result(expected, found) if found is not None and found.verified_by else None


def _look(
    root: Path, expected: ExpectedFile, recorded: Recorded | None, check: Callable[[], None]
) -> Existing | None:
    file = expected.file
    try:
        return existing(
            root / expected.path,
            key=file.key,
            size=file.size,
            md5=file.md5,
            recorded=recorded,
            check=check,
            root=root,
        )
    except UnfitFile:
        return None  # who brings it there meets the same, and says it


def _result(expected: ExpectedFile, found: Existing) -> FileResult:
    mtime_ns = found.seen[3] if found.seen else None
    return FileResult(SKIPPED, expected.path, found.size, found.md5, found.verified_by,
                      mtime_ns=mtime_ns, blocks=found.blocks)  # fmt: skip
