"""Which of many files are on the disk already, before an archive of them is asked for."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from flowtui.transfer.disk.downloads_log import Recorded
from flowtui.transfer.disk.part_file import journal_path, part_path
from flowtui.transfer.task import SKIPPED, ExpectedFile, FileResult
from flowtui.transfer.verify import md5


@dataclass
class Found:
    """What a look at the disk found.

    Attributes:
        here: key → its result, for files that are here. `begun`: keys of those whose first bytes
            are here, from a download that was not finished.
    """

    here: dict[str, FileResult] = field(default_factory=dict)
    begun: list[str] = field(default_factory=list)


def look(
    root: Path,
    files: Iterable[ExpectedFile],
    recorded: Mapping[str, Recorded],
    check: Callable[[], None],
) -> Found:
    """Look for each file where it would be put. `check` is called now and then and may raise.

    Raises OSError.
    """
    found = Found()
    for one in files:
        check()
        target = root / one.path
        result = is_here(target, one, recorded.get(one.path), check)
        if result is not None:
            found.here[one.file.key] = result
        elif journal_path(target).exists() and part_path(target).exists():
            found.begun.append(one.file.key)
    return found


def is_here(
    target: Path, one: ExpectedFile, recorded: Recorded | None, check: Callable[[], None]
) -> FileResult | None:
    """The file at `target` if it is this one, by the rules of a transfer. Raises OSError."""
    try:
        there = target.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not stat.S_ISREG(there.st_mode):
        return None
    file = one.file
    record = recorded if recorded is not None and recorded.key == file.key else None
    size = file.size if file.size is not None else (record.size if record else None)
    if size is None or there.st_size != size:
        return None
    if file.md5 is None:
        how = "size" if record is None else "size, as recorded"
        return FileResult(SKIPPED, one.path, size, record.md5 if record else None, how)
    if record is not None and record.md5 == file.md5:
        return FileResult(SKIPPED, one.path, size, file.md5, "size and recorded md5")
    if md5.md5_of(target, check) == file.md5:
        return FileResult(SKIPPED, one.path, size, file.md5, "md5")
    return None
