"""The queue of this machine under a name that it had before.

State is kept by host, since a home is often one folder for many. After a renaming the queue would
lie there, seen by nobody. It is taken over where its engine is dead for sure (`system.machine`);
where that cannot be known, it is told of.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from flowtui.engine.store.database import Store, StoreError
from flowtui.engine.store.request_log import RequestLog
from flowtui.protocol.messages import Batch, RequestRefused
from flowtui.protocol.states import BULK_ENDED
from flowtui.system.files import read_regular
from flowtui.system.locks import Held, lock
from flowtui.system.machine import Fate, Mark, fate_of, is_local, mark_of, own_mark, start_of

DATABASE, RECORD, LOCK = "queue.db", "queue.jsonl", "engine.lock"

MOST_HOSTS = 1_000
"""Folders that are looked at; a shared home may have those of a whole cluster."""

_LOG = logging.getLogger("flowtui.engine")


@dataclass(frozen=True)
class OtherQueue:
    """A queue under another host's name, which has something to do."""

    folder: Path
    fate: Fate

    @property
    def host(self) -> str:
        """The name."""
        return self.folder.name


def other_queues(state: Path, here: Mark | None = None) -> list[OtherQueue]:
    """The queues beside `state` that are wanted by nobody, or may be."""
    here = here or own_mark()
    found = []
    try:
        with os.scandir(state.parent) as entries:
            names = sorted(entry.name for _, entry in zip(range(MOST_HOSTS), entries, strict=False))
    except OSError as error:
        _LOG.warning("cannot look for queues of other names: %s", error)
        return []
    for name in names:
        folder = state.parent / name
        if folder != state and _is_ours(folder):
            fate = _fate(folder, here)
            if fate in (Fate.DEAD, Fate.UNKNOWN) and _is_wanted(folder, fate):
                found.append(OtherQueue(folder, fate))
    return found


def _is_ours(folder: Path) -> bool:
    """Whether it is a folder of this user with a queue."""
    try:
        status = folder.lstat()
        return status.st_uid == os.getuid() and (
            stat.S_ISDIR(status.st_mode) and (folder / DATABASE).is_file()
        )
    except OSError:
        return False


def _is_wanted(folder: Path, fate: Fate) -> bool:
    """Whether a queue has something to do; of bulk jobs only where its engine is dead."""
    try:
        if (folder / RECORD).stat().st_size > 0:
            return True
        with _held(folder):
            return fate is Fate.DEAD and bool(_bulk_batches(folder / DATABASE))
    except (Held, OSError, StoreError) as error:
        _LOG.warning("cannot look into the queue of %s: %s", folder.name, error)
        return False


def _bulk_batches(database: Path) -> list[Batch]:
    """What the bulk jobs of a queue still want; the text record has it not. Raises StoreError."""
    store = Store(database)
    try:
        return [
            Batch(
                job.server,
                job.root,
                job.name,
                tuple(expected.file for expected in job.missing()),
                bulk=True,
                unpack=job.unpack,
            )
            for job in store.bulk_jobs()
            if job.state not in BULK_ENDED and job.missing()
        ]
    finally:
        store.close()


def _fate(folder: Path, here: Mark) -> Fate:
    """What became of the engine of a folder."""
    try:
        lines = os.fsdecode(read_regular(folder / LOCK, 8192)).split("\n")
        pid = int(lines[0])
    except (OSError, ValueError):
        lines, pid = [], 0
    mark = mark_of(pid, lines[2]) if len(lines) > 3 else None
    try:
        with _held(folder):
            held = False
    except (Held, OSError):
        held = True
    started = start_of(pid) if pid else None
    return fate_of(mark, here, is_held=held, is_local=is_local(folder), started=started)


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[None]:
    """While entered no engine can begin there. Raises Held, OSError."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(folder / LOCK, flags, 0o600)
    try:
        unlock = lock(descriptor, folder / LOCK)
        try:
            yield
        finally:
            unlock()
    finally:
        os.close(descriptor)


def take_first(others: list[OtherQueue], state: Path) -> tuple[list[OtherQueue], list[str]]:
    """Have the latest queue whose engine is dead be that of `state`, where there is none yet.

    The others, and what was done in words.
    """
    dead = [other for other in others if other.fate is Fate.DEAD]
    if not dead or (state / DATABASE).exists():
        return others, []
    latest = max(dead, key=lambda other: (other.folder / DATABASE).stat().st_mtime)
    try:
        with _held(latest.folder):
            _fold_log_in(latest.folder / DATABASE)
            # The record last: without it, it is written anew.
            for name in (DATABASE, RECORD):
                os.rename(latest.folder / name, state / name)
    except (Held, OSError, sqlite3.Error) as error:
        _LOG.warning("cannot take over the queue of %s: %s", latest.host, error)
        return others, []
    return [other for other in others if other is not latest], [_taken(latest)]


def take_rest(others: list[OtherQueue], state: Path, add: Callable[[Batch], object]) -> list[str]:
    """Queue what the queues of dead engines still wanted, and set them aside; that in words."""
    told = []
    for other in others:
        if other.fate is not Fate.DEAD:
            continue
        try:
            with _held(other.folder):
                single = [batch for _, batch in RequestLog(other.folder / RECORD).read().batches]
                bulk = _bulk_batches(other.folder / DATABASE)
                for batch in (*(batch for batch in single if not batch.bulk), *bulk):
                    add(replace(batch, continues=None))
                _set_aside(other.folder)
        except (Held, OSError, StoreError, RequestRefused) as error:
            # It stays where it is, for the next engine.
            _LOG.warning("cannot take over the queue of %s: %s", other.host, error)
            continue
        told.append(_taken(other))
    return told


def unsure_in_words(others: list[OtherQueue]) -> str:
    """That there are queues of which nobody knows whether they have an engine; else nothing."""
    unsure = [other for other in others if other.fate is Fate.UNKNOWN]
    if not unsure:
        return ""
    names = ", ".join(other.host for other in unsure)
    return (
        f"there are unfinished downloads in the queue of {names} ({unsure[0].folder}); if no"
        " flowtui runs there any more, add them again"
    )


def _taken(other: OtherQueue) -> str:
    words = f"this machine was called {other.host} before; took over the queue it had by that name"
    _LOG.warning("%s", words)
    return words


def _set_aside(folder: Path) -> None:
    stamp = time.strftime("%Y%m%d-%H%M%S")
    # The record first: what has none is not looked at.
    for name in (RECORD, DATABASE, f"{DATABASE}-wal"):
        with contextlib.suppress(FileNotFoundError):
            os.rename(folder / name, folder / f"{name}.taken-{stamp}")


def _fold_log_in(database: Path) -> None:
    """Have all of a database in its one file. Raises sqlite3.Error."""
    db = sqlite3.connect(str(database), isolation_level=None)
    try:
        db.execute("PRAGMA locking_mode=EXCLUSIVE")
        db.execute("PRAGMA journal_mode=DELETE").fetchone()
    finally:
        db.close()
