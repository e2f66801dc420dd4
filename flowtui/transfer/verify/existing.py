"""What stands on the disk already where a file would go: the file itself, another, or a part."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from flowtui.transfer.disk.part_file import journal_path, part_path
from flowtui.transfer.task import SKIPPED, ExpectedFile, FileResult, Recorded
from flowtui.transfer.verify import md5 as hashing


@dataclass(frozen=True)
class Existing:
    """What stands at a target.

    Attributes:
        is_folder: a folder, which no file can replace.
        verified_by: what proves that it is the file that is wanted; empty where it is another.
        size, md5: of the file that is wanted, as far as they are known.
    """

    is_folder: bool = False
    verified_by: str = ""
    size: int = 0
    md5: str | None = None


def existing(
    target: Path,
    *,
    key: str,
    size: int | None,
    md5: str | None,
    recorded: Recorded | None,
    check: Callable[[], None],
) -> Existing | None:
    """What stands at `target`, or None; the one rule of what is not fetched again.

    `recorded` is what downloads.log says of that path, `size` and `md5` what Flow says of the file
    `key`. It is hashed only where Flow gives an md5 that is not recorded. `check` is called now and
    then and may raise. Raises OSError.
    """
    try:
        found = target.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    if stat.S_ISDIR(found.st_mode):
        return Existing(is_folder=True)
    record = recorded if recorded is not None and recorded.key == key else None
    if size is None and record is not None:
        size = record.size
    if size is None or found.st_size != size or not stat.S_ISREG(found.st_mode):
        return Existing()
    if md5 is None:
        how = "size" if record is None else "size, as recorded"
        return Existing(verified_by=how, size=size, md5=record.md5 if record else None)
    if record is not None and record.md5 == md5:
        return Existing(verified_by="size and recorded md5", size=size, md5=md5)
    if hashing.md5_of(target, check) == md5:
        return Existing(verified_by="md5", size=size, md5=md5)
    return Existing()


@dataclass
class Found:
    """What a look at many files found.

    Attributes:
        here: key → its result, for files that are here.
        started: keys of those whose first bytes are here, from a download that was not finished.
    """

    here: dict[str, FileResult] = field(default_factory=dict)
    started: list[str] = field(default_factory=list)


def find_existing(
    root: Path,
    files: Iterable[ExpectedFile],
    recorded: Mapping[str, Recorded],
    check: Callable[[], None],
) -> Found:
    """Look for each file where it would be put. `check` is called now and then and may raise.

    Raises OSError.
    """
    found = Found()
    for expected in files:
        check()
        target = root / expected.path
        result = already_here(target, expected, recorded.get(expected.path), check)
        if result is not None:
            found.here[expected.file.key] = result
        elif journal_path(target).exists() and part_path(target).exists():
            found.started.append(expected.file.key)
    return found


def already_here(
    target: Path, expected: ExpectedFile, recorded: Recorded | None, check: Callable[[], None]
) -> FileResult | None:
    """The result of a file that stands at `target` already, or None. Raises OSError."""
    file = expected.file
    found = existing(
        target, key=file.key, size=file.size, md5=file.md5, recorded=recorded, check=check
    )
    if found is None or not found.verified_by:
        return None
    return FileResult(SKIPPED, expected.path, found.size, found.md5, found.verified_by)
