"""The queue on disk: one SQLite file, opened by the one engine of this user and host.

WAL with an exclusive lock needs no shared memory, so it works on a network file system too. A
commit is not flushed to the disk (synchronous=NORMAL): after a crash of the machine the last
changes of the queue may be missing, but never its consistency, and what was downloaded is told by
the files and their journals. No token is ever in it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

from flowtui.engine.bulk_job import BulkJobRecord, pack_results, unpack_results
from flowtui.engine.queue import Transfer
from flowtui.engine.states import RUNNING, BulkState, TransferState

SCHEMA = 2
"""2: more columns of bulk_jobs."""

_COLUMNS = [one.name for one in fields(Transfer) if one.name not in ("rate", "connections")]
_BULK_COLUMNS = [one.name for one in fields(BulkJobRecord) if one.name != "results"]


class StoreError(Exception):
    """A database that cannot be used; the message says which and why."""


class Store:
    """The tables `transfers`, `bulk_jobs` and `facts` (a name → a JSON value).

    Raises StoreError where the file cannot be opened or is a newer version's.
    """

    def __init__(self, file: Path | None) -> None:
        self.file = file
        try:
            self._db = sqlite3.connect(
                str(file) if file else ":memory:", isolation_level=None, check_same_thread=False
            )
            self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
            if version > SCHEMA:
                raise StoreError(f"{file} was written by a newer flowtui")
            self._create()
        except sqlite3.Error as error:
            raise StoreError(f"{file}: {error}") from error

    def _create(self) -> None:
        columns = ", ".join(name for name in _COLUMNS if name != "id")
        bulk = ", ".join(name for name in _BULK_COLUMNS if name != "id")
        self._db.execute("BEGIN")
        self._db.execute(
            f"CREATE TABLE IF NOT EXISTS transfers (id INTEGER PRIMARY KEY, {columns})"
        )
        self._db.execute(f"CREATE TABLE IF NOT EXISTS bulk_jobs (id INTEGER PRIMARY KEY, {bulk})")
        there = {row[1] for row in self._db.execute("PRAGMA table_info(bulk_jobs)")}
        for name in _BULK_COLUMNS:
            if name not in there:
                self._db.execute(f"ALTER TABLE bulk_jobs ADD COLUMN {name}")
        self._db.execute("CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value)")
        self._db.execute(f"PRAGMA user_version={SCHEMA}")
        self._db.execute("COMMIT")

    def save(
        self,
        transfers: Iterable[Transfer],
        removed: Iterable[int],
        bulk_jobs: Iterable[BulkJobRecord] = (),
        removed_bulk: Iterable[int] = (),
    ) -> None:
        """Store these as they are now, all or nothing. Raises StoreError."""
        marks = ", ".join("?" for _ in _COLUMNS)
        bulk_marks = ", ".join("?" for _ in _BULK_COLUMNS)
        try:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany(
                f"INSERT OR REPLACE INTO transfers ({', '.join(_COLUMNS)}) VALUES ({marks})",
                (tuple(_plain(getattr(one, name)) for name in _COLUMNS) for one in transfers),
            )
            self._db.executemany("DELETE FROM transfers WHERE id = ?", ((one,) for one in removed))
            self._db.executemany(
                f"INSERT OR REPLACE INTO bulk_jobs ({', '.join(_BULK_COLUMNS)}) "
                f"VALUES ({bulk_marks})",
                (_bulk_values(one) for one in bulk_jobs),
            )
            self._db.executemany(
                "DELETE FROM bulk_jobs WHERE id = ?", ((one,) for one in removed_bulk)
            )
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise StoreError(f"cannot save the queue in {self.file}: {error}") from error

    def transfers(self) -> Iterator[Transfer]:
        """All transfers in order; what a worker held when the last engine ended is queued again."""
        rows = self._db.execute(f"SELECT {', '.join(_COLUMNS)} FROM transfers ORDER BY id")
        for row in rows:
            values: dict[str, Any] = dict(zip(_COLUMNS, row, strict=True))
            values["folder"] = tuple(json.loads(values["folder"]))
            state = TransferState(values["state"])
            if state in RUNNING or state is TransferState.WAITING:
                state = TransferState.QUEUED
                values["reason"] = ""
            values["state"] = state
            values["retryable"] = bool(values["retryable"])
            yield Transfer(**values)

    def bulk_jobs(self) -> Iterator[BulkJobRecord]:
        """All bulk jobs in order."""
        rows = self._db.execute(f"SELECT {', '.join(_BULK_COLUMNS)} FROM bulk_jobs ORDER BY id")
        for row in rows:
            # A column that an older flowtui did not have is empty: then the default holds.
            values: dict[str, Any] = {
                name: value
                for name, value in zip(_BULK_COLUMNS, row, strict=True)
                if value is not None
            }
            values["unpack"] = bool(values.get("unpack"))
            values["results"] = unpack_results(values.get("outcomes", "{}"))
            values["data_ids"] = tuple(json.loads(values["data_ids"]))
            values["state"] = BulkState(values["state"])
            yield BulkJobRecord(**values)

    def fact(self, name: str, default: Any = None) -> Any:
        """A stored value."""
        row = self._db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return json.loads(row[0]) if row else default

    def remember(self, name: str, value: Any) -> None:
        """Store a value. Raises StoreError."""
        try:
            self._db.execute(
                "INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)",
                (name, json.dumps(value)),
            )
        except sqlite3.Error as error:
            raise StoreError(f"cannot save in {self.file}: {error}") from error

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()


def _bulk_values(job: BulkJobRecord) -> tuple[object, ...]:
    """A bulk job as a row."""
    job.outcomes = pack_results(job.results)
    return tuple(_plain(getattr(job, name)) for name in _BULK_COLUMNS)


def _plain(value: object) -> object:
    """A field as SQLite takes it."""
    if isinstance(value, tuple):
        return json.dumps(value)
    if isinstance(value, TransferState | BulkState):
        return value.value
    return value
