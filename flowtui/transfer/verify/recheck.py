"""Files that were downloaded, read again and compared with what was recorded of them."""

from __future__ import annotations

import itertools
import os
import queue
import stat
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from flowtui.system.descriptors import patiently, shortage
from flowtui.system.files import UnfitFile, open_regular
from flowtui.system.shared_folder import open_folder
from flowtui.transfer.disk import downloads_log
from flowtui.transfer.errors import Stopped
from flowtui.transfer.task import Recorded
from flowtui.transfer.verify.md5 import md5_of_open

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


@dataclass
class RecordedFolder:
    """The files of a target folder, as its log recorded them last; none that leads out of it.

    Attributes:
        about: of which of them, see `downloads_log.read`; of all for None.
        files: path below `root` → what is recorded. Made by `read`.
    """

    root: Path
    about: Mapping[str, str] | None = None
    files: dict[str, Recorded] = field(default_factory=dict)
    _seen: tuple[int, int] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self) -> None:
        """Read the log, if anybody has written to it since. Raises OSError."""
        with self._lock:
            try:
                found = (self.root / downloads_log.LOG_NAME).stat()
                seen = (found.st_size, found.st_mtime_ns)
            except FileNotFoundError:
                seen = None
            if seen is None or seen != self._seen:
                self.files = {
                    path: recorded
                    for path, recorded in downloads_log.read(self.root, self.about)
                    if _is_below(path)
                }
                self._seen = seen

    def wanted(self) -> list[Wanted]:
        """All its files, for `check_all`."""
        return [(self, path, recorded) for path, recorded in self.files.items()]

    def check(
        self,
        path: str,
        recorded: Recorded,
        took: Callable[[int], None] = lambda count: None,
    ) -> Checked:
        """Read one file and compare it with what was recorded of it.

        A file that a download replaced meanwhile is compared with what is recorded by then. `took`
        is told of the bytes that are read and may raise.
        """
        checked = check(self.root, path, recorded, took)
        while checked.state != OK:
            try:
                self.read()
            except OSError:
                return checked  # what is recorded now is out of reach: what was counts
            before, recorded = recorded, self.files.get(path, recorded)
            if recorded == before:
                return checked
            checked = check(self.root, path, recorded, took)
        return checked


def _is_below(path: str) -> bool:
    """Whether a path of a log leads to something in its folder."""
    parts = Path(path).parts
    return bool(parts) and not Path(path).is_absolute() and ".." not in parts


Wanted = tuple[RecordedFolder, str, Recorded]
"""A file to be read: its folder, its path below that, and what is recorded of it."""


def check_all(
    wanted: Sequence[Wanted], took: Callable[[int], None] = lambda count: None
) -> Iterator[Checked]:
    """Check files in their order, several at a time.

    `took` is told of all bytes that are read, in several threads, and may raise Stopped. Who lets
    go of the iterator ends it.
    """
    ended = threading.Event()
    numbers = itertools.count()
    results: queue.SimpleQueue[tuple[int, Checked | Exception]] = queue.SimpleQueue()

    def read(count: int) -> None:
        if ended.is_set():
            raise Stopped
        took(count)

    def serve() -> None:
        while not ended.is_set() and (number := next(numbers)) < len(wanted):
            folder, path, recorded = wanted[number]
            try:
                results.put((number, folder.check(path, recorded, read)))
            except Exception as error:  # noqa: BLE001
                results.put((number, error))  # raised where the results are taken

    # Not a pool's: Python would wait at its end for one that a hanging disk keeps.
    for _ in range(min(READERS, os.cpu_count() or 1, len(wanted))):
        threading.Thread(target=serve, name="verify", daemon=True).start()
    early: dict[int, Checked | Exception] = {}
    try:
        for number in range(len(wanted)):
            while number not in early:
                at, result = results.get()
                early[at] = result
            checked = early.pop(number)
            if isinstance(checked, Exception):
                raise checked
            yield checked
    finally:
        ended.set()


def check(
    root: Path, path: str, recorded: Recorded, took: Callable[[int], None] = lambda count: None
) -> Checked:
    """Read one file of a target folder and compare it with what was recorded; `took` may raise.

    No link that another user made is followed on the way to it.
    """
    place = root / path

    def wait(seconds: float) -> None:
        took(0)  # is it still wanted?
        time.sleep(seconds)

    try:
        descriptor = patiently(lambda: _open(root, place), wait)
    except (FileNotFoundError, NotADirectoryError):
        return Checked(place, MISSING)
    except UnfitFile as error:
        where = "" if error.filename == str(place) else f"{error.filename}: "
        return Checked(place, CHANGED, why=f"{where}{error.what}")
    except OSError as error:
        return Checked(place, UNREADABLE, why=shortage(error) or error.strerror or str(error))
    try:
        size = os.fstat(descriptor).st_size
        if recorded.size is not None and size != recorded.size:
            state = TRUNCATED if size < recorded.size else CHANGED
            return Checked(place, state, size, why=f"{size:,} of {recorded.size:,} bytes")
        if recorded.md5 is None:
            return Checked(place, UNKNOWN, size, why="no md5 was recorded")
        md5 = md5_of_open(descriptor, took=took)
    except OSError as error:
        return Checked(place, UNREADABLE, why=error.strerror or str(error))
    finally:
        os.close(descriptor)
    if md5 == recorded.md5:
        return Checked(place, OK, size, md5)
    return Checked(place, CHANGED, size, md5, why=f"its md5 was {recorded.md5}")


def _open(root: Path, place: Path) -> int:
    """Open what stands at a place below a target folder, also by a link of this user's to it.

    Raises UnfitFile for another user's link, or what is no file; OSError.
    """
    with open_folder(place.parent, root) as folder:
        found = folder.stat(place.name)
        if found is not None and stat.S_ISLNK(found.st_mode) and folder.owns(found):
            return open_regular(place.name, folder=folder.descriptor)
        return folder.open_data(place.name)
