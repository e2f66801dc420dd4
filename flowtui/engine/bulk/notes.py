"""A note in the target folder on an archive that is under way, for engines without a database.

`flowtui get` in a job script may be killed at any time, and the same command shall go on where it
was: with the job that it has started on Flow, and with the archive that it has fetched. The note
says which these are. It is a file of JSON lines that only grows, locked by the process that follows
the job; a line that was cut off counts for nothing.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from flowtui.system.files import UnfitFile, owner_of, parse_json, read_open
from flowtui.system.locks import Held, lock
from flowtui.system.shared_folder import Folder, open_folder

PREFIX, SUFFIX = ".flowtui-bulk-", ".jsonl"

LONGEST = 64 << 20
"""Bytes of a note; one of 100,000 files has some 2 MB, written a few times."""


@dataclass(frozen=True)
class Note:
    """What is known of an archive.

    Attributes:
        content: `BulkJobRecord.content`. `job_id`: the service's id of the job.
        keys: of all the files in it. `archive`: its path below the root once it is fetched whole.
    """

    content: str
    server: str
    job_id: str
    keys: tuple[str, ...]
    archive: str = ""


class Notes:
    """The notes that this process holds. Its methods are for workers, and raise OSError."""

    def __init__(self) -> None:
        self._locked: dict[tuple[str, str], _Locked] = {}
        self._lock = threading.Lock()

    def write(self, root: Path, note: Note) -> bool:
        """Write what is known now; False where another process holds this note, or it is another
        user's: then a later run begins anew.
        """
        locked = self._get(root, note.content)
        if locked is None:
            root.mkdir(parents=True, exist_ok=True)
            locked = _open_locked(root, _name(note.content))
            if locked is None:
                return False
            self._keep(root, note.content, locked)
        os.write(locked.descriptor, b"\n" + json.dumps(asdict(note)).encode() + b"\n")
        os.fsync(locked.descriptor)
        return True

    def remove(self, root: Path, content: str) -> None:
        """The archive is done with."""
        locked = self._take(root, content)
        if locked is not None:
            locked.folder.unlink(_name(content))
            locked.let_go()

    def find(self, root: Path, server: str) -> list[Note]:
        """The notes of ended processes on this server's archives; they are this process's now."""
        found = []
        for name in _names(root):
            try:
                locked = _open_locked(root, name)
            except UnfitFile:
                continue  # whatever it is, it is no note of ours
            if locked is None:
                continue
            note = locked.read()
            content = name.removeprefix(PREFIX).removesuffix(SUFFIX)
            if note is None or note.server != server or note.content != content:
                locked.let_go()
                continue
            self._keep(root, content, locked)
            found.append(note)
        return found

    def release(self, root: Path, content: str) -> None:
        """Leave a note to others."""
        locked = self._take(root, content)
        if locked is not None:
            locked.let_go()

    def close(self) -> None:
        """Leave all notes to others."""
        with self._lock:
            all_, self._locked = list(self._locked.values()), {}
        for locked in all_:
            locked.let_go()

    # The lock is held for a moment only: a disk may hang, and others need it.

    def _get(self, root: Path, content: str) -> _Locked | None:
        with self._lock:
            return self._locked.get((str(root), content))

    def _keep(self, root: Path, content: str, locked: _Locked) -> None:
        with self._lock:
            self._locked[str(root), content] = locked

    def _take(self, root: Path, content: str) -> _Locked | None:
        with self._lock:
            return self._locked.pop((str(root), content), None)


def _name(content: str) -> str:
    return f"{PREFIX}{content}{SUFFIX}"


def _names(root: Path) -> list[str]:
    """The names of all notes in a folder. Raises OSError."""
    try:
        folder = open_folder(root)
    except (FileNotFoundError, NotADirectoryError):
        return []
    with folder:
        names = [name for name, is_folder in folder.entries() if not is_folder]
    return sorted(name for name in names if name.startswith(PREFIX) and name.endswith(SUFFIX))


@dataclass(frozen=True)
class _Locked:
    """An open note that no other process has."""

    folder: Folder
    descriptor: int
    unlock: Callable[[], None]

    def read(self) -> Note | None:
        """The last whole line that is a note; one of another user's counts for nothing."""
        if not self.folder.owns(os.fstat(self.descriptor)):
            return None
        try:
            lines = read_open(self.descriptor, LONGEST, self.folder.path).split(b"\n")
        except UnfitFile:
            return None  # far longer than any of ours
        for line in reversed(lines):
            try:
                fields = parse_json(line)
                texts = {name: fields[name] for name in ("content", "server", "job_id", "archive")}
                keys = tuple(fields["keys"])
            except (ValueError, KeyError, TypeError):
                continue
            if all(isinstance(text, str) for text in (*texts.values(), *keys)):
                return Note(**texts, keys=keys)
        return None

    def let_go(self) -> None:
        self.unlock()
        os.close(self.descriptor)
        self.folder.close()


def _open_locked(root: Path, name: str) -> _Locked | None:
    """The note, where no other process has it and this user may write it. Raises OSError."""
    folder = open_folder(root, make=True)
    descriptor = -1
    try:
        descriptor = folder.open_or_make(name, os.O_RDWR | os.O_APPEND)
        return _Locked(folder, descriptor, lock(descriptor, root / name, folder.descriptor))
    except BaseException as error:
        if descriptor >= 0:
            os.close(descriptor)
        folder.close()
        if isinstance(error, Held):
            return None
        if isinstance(error, PermissionError) and owner_of(root / name):
            return None
        raise
