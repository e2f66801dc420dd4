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

from flowtui.system.files import open_shared, owner_of
from flowtui.system.locks import Held, lock

PREFIX, SUFFIX = ".flowtui-bulk-", ".jsonl"


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
        with self._lock:
            locked = self._locked.get((str(root), note.content))
            if locked is None:
                root.mkdir(parents=True, exist_ok=True)
                locked = _open_locked(_path(root, note.content))
                if locked is None:
                    return False
                self._locked[str(root), note.content] = locked
            os.write(locked.descriptor, b"\n" + json.dumps(asdict(note)).encode() + b"\n")
            os.fsync(locked.descriptor)
            return True

    def remove(self, root: Path, content: str) -> None:
        """The archive is done with."""
        with self._lock:
            locked = self._locked.pop((str(root), content), None)
            if locked is not None:
                _path(root, content).unlink(missing_ok=True)
                locked.let_go()

    def find(self, root: Path, server: str) -> list[Note]:
        """The notes of ended processes on this server's archives; they are this process's now."""
        found = []
        for path in sorted(root.glob(f"{PREFIX}*{SUFFIX}")):
            locked = _open_locked(path)
            if locked is None:
                continue
            note = _read(path)
            content = path.name.removeprefix(PREFIX).removesuffix(SUFFIX)
            if note is None or note.server != server or note.content != content:
                locked.let_go()
                continue
            with self._lock:
                self._locked[str(root), content] = locked
            found.append(note)
        return found

    def release(self, root: Path, content: str) -> None:
        """Leave a note to others."""
        with self._lock:
            locked = self._locked.pop((str(root), content), None)
            if locked is not None:
                locked.let_go()

    def close(self) -> None:
        """Leave all notes to others."""
        with self._lock:
            for locked in self._locked.values():
                locked.let_go()
            self._locked.clear()


def _path(root: Path, content: str) -> Path:
    return root / f"{PREFIX}{content}{SUFFIX}"


@dataclass(frozen=True)
class _Locked:
    """An open note that is ours."""

    descriptor: int
    unlock: Callable[[], None]

    def let_go(self) -> None:
        self.unlock()
        os.close(self.descriptor)


def _open_locked(path: Path) -> _Locked | None:
    """The note, where no other process has it and this user may write it. Raises OSError."""
    try:
        descriptor = open_shared(path, os.O_RDWR | os.O_APPEND)
    except PermissionError:
        if not owner_of(path):
            raise
        return None
    try:
        return _Locked(descriptor, lock(descriptor, path))
    except Held:
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise


def _read(path: Path) -> Note | None:
    """The last whole line that is a note; one of another user's counts for nothing."""
    if path.stat().st_uid != os.getuid():
        return None
    for line in reversed(path.read_bytes().split(b"\n")):
        try:
            fields = json.loads(line)
            texts = {name: fields[name] for name in ("content", "server", "job_id", "archive")}
            keys = tuple(fields["keys"])
        except (ValueError, KeyError, TypeError):
            continue
        if all(isinstance(text, str) for text in (*texts.values(), *keys)):
            return Note(**texts, keys=keys)
    return None
