"""The queue on disk: one SQLite file, opened by the one engine of this user and host.

WAL with an exclusive lock needs no shared memory, so it works on a network file system too. A
commit is not flushed to the disk (synchronous=NORMAL): after a crash of the machine the last
changes of the queue may be missing, but never its consistency, and what was downloaded follows from
the files and their journals. No token is ever in it.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import math
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, TypeVar

from flowtui.engine.bulk.job import BulkJobRecord, pack_results, unpack, unpack_results
from flowtui.engine.queue.links import kept_link
from flowtui.engine.queue.queue import Transfer
from flowtui.flow.remote_file import NOWHERE, Origin
from flowtui.protocol.messages import origin_to_json
from flowtui.protocol.schema import MOST, read
from flowtui.protocol.states import RUNNING, BulkState, TransferState
from flowtui.system import descriptors
from flowtui.system.files import UnfitFile, check_regular, parse_json
from flowtui.system.locks import has_record_locks
from flowtui.text.redaction import without_secrets

T = TypeVar("T")

_LOG = logging.getLogger("flowtui.engine")

SCHEMA = 3
"""2: more columns of bulk_jobs. 3: `within` and `origin` of transfers."""

_NOT_STORED = {"rate", "connections", "temporary"}
_COLUMNS = [field.name for field in fields(Transfer) if field.name not in _NOT_STORED]
_URL = _COLUMNS.index("url")
_BULK_COLUMNS = [
    field.name for field in fields(BulkJobRecord) if field.name not in ("results", "tally")
]

_TABLES = {
    "transfers": _COLUMNS,
    "bulk_jobs": _BULK_COLUMNS,
    "facts": ["name", "value"],
}


class StoreError(Exception):
    """A database that cannot be used; the message says which and why.

    Attributes:
        is_full: its disk has no room. `is_new`: nothing was ever stored in it.
    """

    def __init__(self, message: str, *, is_full: bool = False, is_new: bool = False) -> None:
        super().__init__(message)
        self.is_full = is_full
        self.is_new = is_new


class StoreUnusable(StoreError):
    """A database that is damaged, or a newer version's: not one to go on with.

    Attributes:
        kind: `corrupt` or `newer`.
    """

    def __init__(self, message: str, kind: str) -> None:
        super().__init__(message)
        self.kind = kind


class Store:
    """The tables `transfers`, `bulk_jobs` and `facts` (a name → a JSON value).

    A database of an older version gets the columns that it lacks. What is read of it is checked as
    what comes over the socket is; rows of nonsense go to the table `set_aside`, as they are.

    Attributes:
        taken: rows that it was handed so far: how far a save is.

    Raises StoreUnusable where the file is damaged or a newer version's, StoreError where it
    cannot be opened.
    """

    def __init__(self, file: Path | None) -> None:
        self.file = file
        self.set_aside = 0
        self.taken = 0
        self._is_new = False
        try:
            self._db = _connect(file)
        except sqlite3.Error as error:
            _raise_shortage(file, error)
            raise StoreError(f"cannot open {file}: {error}", is_full=has_no_room(error)) from error
        try:
            self._open()
        except BaseException as error:
            self._db.close()
            if isinstance(error, sqlite3.Error):
                _raise_shortage(file, error)
                if is_damage(error):
                    raise StoreUnusable(f"{file} is damaged: {error}", "corrupt") from error
                raise StoreError(
                    f"cannot open {file}: {error}",
                    is_full=has_no_room(error),
                    is_new=self._is_new,
                ) from error
            raise

    def _open(self) -> None:
        self._db.text_factory = _text  # bytes that are no text must not end the reading of others
        self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        self._is_new = version == 0
        if version > SCHEMA:
            raise StoreUnusable(f"{self.file} was written by a newer flowtui", "newer")
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        (verdict,) = self._db.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise StoreUnusable(f"{self.file} is damaged: {verdict}", "corrupt")
        if version < SCHEMA or not self._is_complete():
            self._create()  # else nothing is written: it can be read on a full disk, too

    def _is_complete(self) -> bool:
        """Whether the tables have all their columns."""
        return all(
            set(names) <= {row[1] for row in self._db.execute(f"PRAGMA table_info({table})")}
            for table, names in _TABLES.items()
        )

    def _create(self) -> None:
        self._db.execute("BEGIN")
        for table, names in _TABLES.items():
            first, *others = names
            kind = "INTEGER" if first == "id" else "TEXT"
            self._db.execute(
                f"CREATE TABLE IF NOT EXISTS {table} "
                f"({first} {kind} PRIMARY KEY, {', '.join(others)})"
            )
            existing = {row[1] for row in self._db.execute(f"PRAGMA table_info({table})")}
            for name in names:
                if name not in existing:
                    self._db.execute(f"ALTER TABLE {table} ADD COLUMN {name}")
        self._db.execute(f"PRAGMA user_version={SCHEMA}")
        self._db.execute("COMMIT")

    def save(
        self,
        transfers: Iterable[Transfer],
        removed: Iterable[int],
        bulk_jobs: Iterable[BulkJobRecord] = (),
        removed_bulk: Iterable[int] = (),
    ) -> list[str]:
        """Store these as they are now, all or nothing. Raises StoreError.

        The names of those that no database can hold: they are left out, and keep out no others.
        """
        left_out: list[str] = []

        def storable(rows: Iterable[tuple[str, _Row]]) -> Iterator[_Row]:
            for name, row in rows:
                self.taken += 1
                if all(map(_is_storable, row)):
                    yield row
                else:
                    left_out.append(name)

        marks = ", ".join("?" for _ in _COLUMNS)
        bulk_marks = ", ".join("?" for _ in _BULK_COLUMNS)
        try:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany(
                f"INSERT OR REPLACE INTO transfers ({', '.join(_COLUMNS)}) VALUES ({marks})",
                storable((transfer.path, _transfer_values(transfer)) for transfer in transfers),
            )
            self._db.executemany("DELETE FROM transfers WHERE id = ?", ((id_,) for id_ in removed))
            self._db.executemany(
                f"INSERT OR REPLACE INTO bulk_jobs ({', '.join(_BULK_COLUMNS)}) "
                f"VALUES ({bulk_marks})",
                storable((job.name, _bulk_values(job)) for job in bulk_jobs),
            )
            self._db.executemany(
                "DELETE FROM bulk_jobs WHERE id = ?", ((id_,) for id_ in removed_bulk)
            )
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise StoreError(
                f"cannot save the queue to {self.file}: {error}",
                is_full=has_no_room(error),
            ) from error
        return left_out

    def transfers(self) -> Iterator[Transfer]:
        """All transfers in order; what a worker held when the last engine ended is queued again."""
        return self._records("transfers", _COLUMNS, transfer_of)

    def bulk_jobs(self) -> Iterator[BulkJobRecord]:
        """All bulk jobs in order."""
        return self._records("bulk_jobs", _BULK_COLUMNS, bulk_job_of)

    def _records(
        self, table: str, columns: list[str], make: Callable[[dict[str, Any]], T]
    ) -> Iterator[T]:
        """What `make` makes of each row. A row of nonsense is set aside when all are read.

        Raises StoreUnusable where the file is damaged.
        """
        nonsense: list[tuple[int, str]] = []
        try:
            for id_, *row in self._db.execute(
                f"SELECT rowid, {', '.join(columns)} FROM {table} ORDER BY rowid"
            ):
                try:
                    record = make(_fields(columns, tuple(row)))
                except ValueError as error:
                    nonsense.append((id_, without_secrets(str(error))))
                    continue
                yield record
            self._set_aside(table, columns, nonsense)
        except sqlite3.Error as error:
            raise StoreUnusable(f"{self.file} is damaged: {error}", "corrupt") from error

    def _set_aside(self, table: str, columns: list[str], rows: list[tuple[int, str]]) -> None:
        """Move rows to the table for those, as SQL has them; on a full disk they stay."""
        if not rows:
            return
        self.set_aside += len(rows)
        texts = " || ', ' || ".join(f"quote({name})" for name in columns)
        try:
            self._db.execute("BEGIN")
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS set_aside (id INTEGER PRIMARY KEY, kind, row, why)"
            )
            for id_, why in rows:
                self._db.execute(
                    f"INSERT INTO set_aside (kind, row, why) SELECT ?, {texts}, ? FROM {table}"
                    " WHERE rowid = ?",
                    (table, why, id_),
                )
                self._db.execute(f"DELETE FROM {table} WHERE rowid = ?", (id_,))
            self._db.execute("COMMIT")
        except sqlite3.Error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            _LOG.exception("cannot set rows aside in %s", self.file)

    def fact(self, name: str, default: Any = None) -> Any:
        """A stored value; `default` also for what is none."""
        try:
            row = self._db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
            return parse_json(row[0]) if row else default
        except (sqlite3.Error, ValueError, TypeError):
            return default

    def remember(self, name: str, value: Any) -> None:
        """Store a value. Raises StoreError."""
        try:
            self._db.execute(
                "INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)",
                (name, json.dumps(value)),
            )
        except sqlite3.Error as error:
            raise StoreError(f"cannot save to {self.file}: {error}") from error

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()


def _raise_shortage(file: Path | None, error: sqlite3.Error) -> None:
    """Raise StoreError where SQLite could open no file since there is no descriptor for one.

    It says the same of everything that cannot be opened.
    """
    if getattr(error, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_CANTOPEN:
        return
    try:
        descriptors.probe(SQLITE_FILES)
    except OSError as none_left:
        if words := descriptors.shortage(none_left):
            raise StoreError(f"cannot open {file}: {words}") from none_left


SQLITE_FILES = 3
"""Descriptors that SQLite has open at a time, at most: database, log, folder."""


def _connect(file: Path | None) -> sqlite3.Connection:
    """Open the database, without its own locks where the file system knows none.

    The lock of the one engine has to do there. Raises sqlite3.Error, StoreError.
    """
    name = str(file) if file else ":memory:"
    try:
        _check_files(file)
        bare = file is not None and not has_record_locks(file)
    except UnfitFile as error:
        what = error.what
        if error.filename != str(file):
            what = f"{Path(error.filename).name}{what.removeprefix('it')}"
        raise StoreUnusable(f"{file} cannot be opened: {what}", "corrupt") from error
    except OSError as error:
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise StoreError(
            f"cannot open {file}: {error.strerror}", is_full=is_full, is_new=is_full
        ) from error  # there was no room even for an empty one
    if bare:
        assert file is not None
        name = f"{file.absolute().as_uri()}?vfs=unix-none"
    return sqlite3.connect(name, isolation_level=None, check_same_thread=False, uri=bare)


_Row = tuple[object, ...]


def _check_files(file: Path | None) -> None:
    """Raise UnfitFile where the database, or a file that SQLite keeps beside it, is no file."""
    for ending in ("", *BESIDE) if file is not None else ():
        with contextlib.suppress(FileNotFoundError):
            check_regular(f"{file}{ending}")


BESIDE = ("-wal", "-shm", "-journal")
"""Endings of the names of what SQLite keeps beside a database."""


def _is_storable(value: object) -> bool:
    """Whether a column can hold it, and gives it back as it was."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, int):
        return -MOST <= value <= MOST
    return value is None or isinstance(value, str | bytes)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def transfer_of(values: dict[str, Any]) -> Transfer:
    """The transfer of a row; what a worker held when the last engine ended is queued again.

    Raises ValueError for a row that is none.
    """
    transfer = read(Transfer, _json_values(values, Transfer))
    if transfer.state in RUNNING or transfer.state is TransferState.WAITING:
        transfer.state = TransferState.QUEUED
        transfer.reason, transfer.code, transfer.retryable = "", "", False
    return transfer


def bulk_job_of(values: dict[str, Any]) -> BulkJobRecord:
    """The bulk job of a row. Raises ValueError for a row that is none."""
    job = read(BulkJobRecord, _json_values(values, BulkJobRecord))
    job.keep(unpack_results(job.outcomes))
    unpack(job.files)  # now, not when somebody asks for them
    return job


_PACKED = {"folder", "within", "origin", "data_ids"}
"""Columns that hold JSON."""

_FLAGS = {"retryable", "reread", "unpack", "seen_ready"}
"""Columns that hold 0 or 1."""


def _json_values(values: dict[str, Any], kind: type) -> dict[str, Any]:
    """A row as `schema.read` takes it; what an older version's row does not have is left out.

    Raises ValueError.
    """
    optional = {field.name for field in fields(kind) if field.default is not MISSING}
    return {
        name: _json_value(name, value)
        for name, value in values.items()
        if value is not None or name not in optional
    }


def _json_value(name: str, value: Any) -> Any:
    if name in _PACKED and isinstance(value, str):
        return parse_json(value)
    return bool(value) if name in _FLAGS and value in (0, 1) else value


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file itself is at fault, not its disk or another process."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    # SQLITE_ERROR: its tables are others than ours (a view of that name, say).
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)


def has_no_room(error: sqlite3.Error) -> bool:
    """Whether the disk, or the user's part of it, is full."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL


def _transfer_values(transfer: Transfer) -> tuple[object, ...]:
    """A transfer as a row."""
    values = [_plain(getattr(transfer, name)) for name in _COLUMNS]
    values[_URL] = _plain(kept_link(transfer.url, transfer.data_id))
    return tuple(values)


def _bulk_values(job: BulkJobRecord) -> tuple[object, ...]:
    """A bulk job as a row."""
    job.outcomes = pack_results(job.results)
    values = {name: _plain(getattr(job, name)) for name in _BULK_COLUMNS}
    return tuple((values | {"url": _plain(kept_link(job.url, None))}).values())


def _plain(value: object) -> object:
    """A field as SQLite takes it."""
    if isinstance(value, tuple):
        return json.dumps(value)
    if isinstance(value, Origin):
        return json.dumps(origin_to_json(value)) if value != NOWHERE else None
    if isinstance(value, TransferState | BulkState):
        return value.value
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            # A lone surrogate, as JSON can carry it: kept as bytes, which `_fields` reads.
            return value.encode("utf-8", "surrogatepass")
    return value


def _fields(columns: list[str], row: tuple[Any, ...]) -> dict[str, Any]:
    """Columns by name, with what `_plain` made bytes of as text again."""
    return {
        name: value.decode("utf-8", "surrogatepass") if isinstance(value, bytes) else value
        for name, value in zip(columns, row, strict=True)
    }
