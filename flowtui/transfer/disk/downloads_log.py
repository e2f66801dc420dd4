"""`downloads.log` in the target folder: one JSON object a line for every file that ended.

The guide's keys come first (`action, file_id, filename, size, timestamp`), then ours. The log is
also what a later run reads to know which file a path was given to.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from flowtui.flow.remote_file import NOWHERE, Origin
from flowtui.protocol.states import GOOD
from flowtui.system.files import UnfitFile, owner_of, parse_json
from flowtui.system.locks import wait_for_lock
from flowtui.system.shared_folder import Folder, open_folder
from flowtui.transfer.task import Recorded, Writers

LOG_NAME = "downloads.log"


@dataclass(frozen=True)
class LogEntry:
    """A file that ended.

    Attributes:
        file_id: `RemoteFile.key`'s id (`789`), or the whole key where it has no data id.
        filename: as on Flow, whatever it holds.
        size: bytes. `md5`: of the bytes here. `seconds`: how long it took.
        path: relative to the folder of the log.
        status: `done`, `skipped` or `failed`.
        mtime_ns: when the file was changed last, nanoseconds; None where nobody looked.
        blocks: the CRC-32 of each of its blocks, which is kept beside the log.
        linked: the path of the file that it was linked to. `renamed_from`: the path that it had.
        sample: its name. `belongs_to`, `origin`: see `RemoteFile`.
    """

    key: str
    file_id: str
    filename: str
    size: int | None
    path: str
    md5: str | None
    verified_by: str
    seconds: float
    status: str
    message: str = ""
    belongs_to: str = ""
    sample: str = ""
    origin: Origin = NOWHERE
    mtime_ns: int | None = None
    blocks: bytes = b""
    linked: str = ""
    renamed_from: str = ""


PATIENCE = 5.0
"""Seconds that a log is waited for which somebody keeps locked; then it goes without."""

LONGEST_LINE = 64 << 10
"""Bytes of a line; a longer one is none of ours, and counts for nothing."""

LONGEST = 1 << 29
"""Bytes of a log, which is some million files."""


@dataclass(frozen=True)
class OpenLog:
    """A log that is open for appending.

    Attributes:
        folder: the target folder. `is_locked`: whether nobody else writes now.
    """

    folder: Folder
    descriptor: int
    is_locked: bool


@contextlib.contextmanager
def locked(root: Path, patience: float = PATIENCE) -> Iterator[OpenLog]:
    """The log of `root`, locked for this open file alone where that is to be had in time.

    Raises UnfitFile where none of ours stands there, OSError.
    """
    with open_folder(root, make=True) as folder:
        descriptor = folder.open_or_make(LOG_NAME, os.O_RDWR | os.O_APPEND)
        try:
            # Appending is not one step on a network file system; the lock makes it one. Where there
            # is none to be had, two programs' lines may rarely mix, and are passed over.
            path = root / LOG_NAME
            unlock = wait_for_lock(descriptor, path, patience, folder.descriptor)
            try:
                yield OpenLog(folder, descriptor, unlock is not None)
            finally:
                if unlock is not None:
                    unlock()
        finally:
            os.close(descriptor)


def append(root: Path, entries: list[LogEntry]) -> None:
    """Add entries to the log of `root`, whole lines, also when several processes do so.

    Raises OSError.
    """
    with locked(root) as log:
        write(log.descriptor, entries)


def write(descriptor: int, entries: list[LogEntry]) -> None:
    """Add entries to a log that is open and `locked`. Raises OSError."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    lines = []
    for entry in entries:
        fields: dict[str, object] = {
            "action": "download",
            "file_id": entry.file_id,
            "filename": entry.filename,
            "size": entry.size,
            "timestamp": now,
            "key": entry.key,
            "path": entry.path,
            "md5": entry.md5,
            "verified_by": entry.verified_by,
            "seconds": round(entry.seconds, 3),
            "status": entry.status,
        }
        if entry.mtime_ns is not None:
            fields["mtime_ns"] = entry.mtime_ns
        if entry.linked:
            fields["linked"] = entry.linked
        if entry.renamed_from:
            fields["renamed_from"] = entry.renamed_from
        if entry.belongs_to:
            fields["belongs_to"] = entry.belongs_to
        if entry.sample:
            fields["sample"] = entry.sample
        origin = entry.origin
        fields |= {name: text for name in origin.__slots__ if (text := getattr(origin, name))}
        if origin.execution:
            fields["execution"] = f"execution/{origin.execution}"
        if entry.message:
            fields["message"] = entry.message
        lines.append(json.dumps(fields) + "\n")
    size = os.fstat(descriptor).st_size
    if size and os.pread(descriptor, 1, size - 1) != b"\n":
        lines.insert(0, "\n")  # the last line was cut off by a crash or a full disk
    view = memoryview("".join(lines).encode())
    while view:
        view = view[os.write(descriptor, view) :]


def trouble(root: Path, error: OSError) -> str:
    """What it means that the log of `root` cannot be written, and what helps, for people."""
    file = Path(error.filename) if error.filename else root / LOG_NAME
    words = f"cannot write {file}: {error.strerror or error}"
    if isinstance(error, PermissionError):
        owner = owner_of(file)
        whom = f"ask {owner} to" if owner else "make it writable:"
        return f"{words}; {whom} `chmod g+w` it. Downloads go on, but are not recorded there"
    return f"{words}. Downloads go on, but are not recorded there yet"


ABOUT = ("key", "belongs_to", "execution", "project")
"""Fields of a line by which `read` tells files apart."""


def read(root: Path, about: Mapping[str, str] | None = None) -> Iterator[tuple[str, Recorded]]:
    """`(path, what is recorded)` of every file that the log calls here, oldest first.

    With `about` only of paths of which a line says that (values of fields in ABOUT). What had a
    path that it was renamed from later is passed over, and so are lines that are no entry of ours
    (cut off, edited, another program's). Raises UnfitFile where the log is no file of a log's size,
    OSError where the folder cannot be read.
    """
    with _opened(root) as (lines, by):
        yield from _standing(lines, by, about)


def entries(root: Path) -> Iterator[dict[str, object]]:
    """The fields of all lines that are an entry, whatever became of it, the oldest first.

    Any field may be missing or of another kind. Raises what `read` does.
    """
    with _opened(root) as (lines, _):
        for line in lines:
            try:
                fields = parse_json(line)
            except ValueError:
                continue
            if isinstance(fields, dict) and fields.get("action") == "download":
                yield fields


@contextlib.contextmanager
def _opened(root: Path) -> Iterator[tuple[Iterator[bytes], Writers]]:
    """The lines of the log of `root`, and who may write it; none where it is not there."""
    nothing: tuple[Iterator[bytes], Writers] = iter(()), Writers.OTHERS
    try:
        folder = open_folder(root)
    except (FileNotFoundError, NotADirectoryError):
        yield nothing
        return
    with folder:
        try:
            descriptor = folder.open(LOG_NAME, os.O_RDONLY)
        except FileNotFoundError:
            yield nothing
            return
        except PermissionError:
            if not os.access(root, os.R_OK | os.X_OK):
                raise
            yield nothing  # another user's, closed to all others: `append` tells
            return
        except UnfitFile:
            found = folder.stat(LOG_NAME)
            if found is not None and stat.S_ISDIR(found.st_mode):
                yield nothing  # `append` tells
                return
            raise
        with open(descriptor, "rb") as stream:
            found = os.fstat(descriptor)
            if found.st_size > LONGEST:
                words = f"it has {found.st_size:,} bytes, of {LONGEST:,} at most; move it away"
                raise UnfitFile(errno.EFBIG, words, str(root / LOG_NAME))
            yield _lines(stream), _written_by(folder, found)


def _written_by(folder: Folder, found: os.stat_result) -> Writers:
    if found.st_mode & stat.S_IWOTH or not folder.owns(found):
        return Writers.OTHERS
    return Writers.GROUP if found.st_mode & stat.S_IWGRP else Writers.US


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    """The lines of a log, none that is too long; it may grow meanwhile. Raises OSError."""
    left = LONGEST
    is_rest = False
    while left > 0 and (line := stream.readline(LONGEST_LINE)):
        left -= len(line)
        is_whole = line.endswith(b"\n") or len(line) < LONGEST_LINE
        if is_whole and not is_rest:
            yield line
        is_rest = not is_whole


def _standing(
    lines: Iterable[bytes], by: Writers, about: Mapping[str, str] | None
) -> Iterator[tuple[str, Recorded]]:
    """The entries of files that were not renamed afterwards."""
    entries: list[tuple[str, Recorded]] = []
    renamed: dict[str, int] = {}
    told: set[str] = set()
    for line in lines:
        try:
            fields = parse_json(line)
            if fields.get("status") not in GOOD:
                continue
            path = fields["path"]
            record = _recorded(fields, by)
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
        if isinstance(former := fields.get("renamed_from"), str) and len(former) <= LONGEST_PATH:
            renamed[former] = len(entries)
        if isinstance(path, str) and record is not None and _is_possible(path):
            entries.append((path, record))
            if about and all(fields.get(name) == value for name, value in about.items()):
                told.add(path)
    for number, entry in enumerate(entries):
        if number >= renamed.get(entry[0], 0) and (not about or entry[0] in told):
            yield entry


LONGEST_PATH, DEEPEST = 4096, 128
"""Letters of a path, and its parts; what is beyond cannot be a file of ours."""


def _is_possible(path: str) -> bool:
    """Whether a file can have that path."""
    try:
        raw = os.fsencode(path)
    except UnicodeEncodeError:
        return False
    return b"\0" not in raw and len(path) <= LONGEST_PATH and path.count("/") < DEEPEST


def _recorded(fields: dict[str, object], by: Writers) -> Recorded | None:
    """What a line says. Raises KeyError where it is no entry."""
    key, size, md5 = fields["key"], fields.get("size"), fields.get("md5")
    belongs_to, mtime_ns = fields.get("belongs_to"), fields.get("mtime_ns")
    if not isinstance(key, str):
        return None
    return Recorded(
        key=key,
        size=size if isinstance(size, int) else None,
        md5=md5 if isinstance(md5, str) else None,
        belongs_to=belongs_to if isinstance(belongs_to, str) else "",
        mtime_ns=mtime_ns if type(mtime_ns) is int else None,
        logged=_seconds(fields.get("timestamp")),
        by=by,
        project=_shared(fields.get("project")),
        sample=_shared(fields.get("sample")),
        execution=_shared(fields.get("execution")).removeprefix("execution/"),
    )


def _shared(name: object) -> str:
    """A name that many lines have, kept once."""
    return sys.intern(name) if isinstance(name, str) else ""


def _seconds(timestamp: object) -> float | None:
    """Unix seconds of a line's time."""
    try:
        return datetime.fromisoformat(timestamp).timestamp() if isinstance(timestamp, str) else None
    except (ValueError, OverflowError):
        return None


def is_untouched(found: os.stat_result, record: Recorded) -> bool:
    """Whether a file is as it was recorded, as far as its size and time of change tell."""
    if record.size not in (None, found.st_size):
        return False
    if record.mtime_ns is not None:
        return found.st_mtime_ns == record.mtime_ns
    # A line of an earlier version: it was written after the last byte.
    return record.logged is not None and found.st_mtime <= record.logged + CLOCKS


CLOCKS = 2.0
"""Seconds that the clock of a file server may be ahead of ours, or coarser."""
