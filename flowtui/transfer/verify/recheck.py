"""Files that were downloaded, read again and compared with what was recorded of them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from flowtui.transfer.disk import downloads_log
from flowtui.transfer.task import Recorded
from flowtui.transfer.verify.md5 import md5_of

READERS = 4
"""Files that are read at a time, at most; more do not help most disks."""

OK, UNKNOWN = "ok", "unknown"
CHANGED, TRUNCATED, MISSING, UNREADABLE = "changed", "truncated", "missing", "unreadable"
STATES = (OK, CHANGED, TRUNCATED, MISSING, UNREADABLE, UNKNOWN)


@dataclass(frozen=True)
class Checked:
    """What became of one file.

    Attributes:
        state: `ok`, `changed`, `truncated`, `missing`, `unreadable`, or `unknown`: no md5 was
            recorded to compare with.
        size: bytes here, or None. `md5`: of them, where they were read.
    """

    path: Path
    state: str
    size: int | None = None
    md5: str | None = None
    why: str = ""


def recorded_files(roots: Iterable[Path]) -> Iterator[tuple[Path, Recorded]]:
    """The files of the logs, as they were recorded last; none that leads out of its folder."""
    for root in roots:
        latest = dict(downloads_log.read(root))
        for path, recorded in latest.items():
            parts = Path(path).parts
            if parts and not Path(path).is_absolute() and ".." not in parts:
                yield root / path, recorded


def check_all(files: list[tuple[Path, Recorded]]) -> Iterator[Checked]:
    """The files in their order, several read at a time."""
    with ThreadPoolExecutor(min(READERS, os.cpu_count() or 1), "verify") as pool:
        try:
            yield from pool.map(lambda item: check(*item), files)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def check(path: Path, recorded: Recorded) -> Checked:
    """Read one file and compare it with what was recorded of it."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            return Checked(path, CHANGED, why="it is no file any more")
        size = found.st_size
        if recorded.size is not None and size != recorded.size:
            state = TRUNCATED if size < recorded.size else CHANGED
            return Checked(path, state, size, why=f"{size:,} of {recorded.size:,} bytes")
        if recorded.md5 is None:
            return Checked(path, UNKNOWN, size, why="no md5 was recorded")
        md5 = md5_of(path)
    except (FileNotFoundError, NotADirectoryError):
        return Checked(path, MISSING)
    except OSError as error:
        return Checked(path, UNREADABLE, why=error.strerror or str(error))
    if md5 == recorded.md5:
        return Checked(path, OK, size, md5)
    return Checked(path, CHANGED, size, md5, why=f"its md5 was {recorded.md5}")
