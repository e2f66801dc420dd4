"""A queue whose database is gone, damaged or a newer version's: rebuilt from the rest.

A file that cannot be used is set aside. First what rows can still be read from the old file, then
what the text record beside it has more (`request_log`). How much of each file is here, its part
file and journal tell, as always.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from flowtui.engine.bulk.job import BulkJobRecord
from flowtui.engine.queue.queue import Transfer
from flowtui.engine.store.database import (
    BESIDE,
    Store,
    StoreError,
    StoreUnusable,
    bulk_job_of,
    transfer_of,
)
from flowtui.system.descriptors import patiently
from flowtui.system.files import UnfitFile, free_name, open_regular

Row = TypeVar("Row", Transfer, BulkJobRecord)


@dataclass
class Rescued:
    """What came out of a database that cannot be used, or not wholly.

    Attributes:
        file: the database.
        aside: where the old file is now; None where it was gone, or is still in use.
        why: what is wrong with it, or empty where it was gone.
        rows_aside: how many rows of it made no sense, where the others are in use.
    """

    file: Path
    aside: Path | None = None
    why: str = ""
    rows_aside: int = 0
    transfers: list[Transfer] = field(default_factory=list)
    bulk_jobs: list[BulkJobRecord] = field(default_factory=list)

    @property
    def is_first_start(self) -> bool:
        """Whether there was no database, unless the text record has something."""
        return self.aside is None and not self.rows_aside

    def words(self, from_record: int) -> str:
        """What happened, for people."""
        count = len(self.transfers) + from_record
        if self.rows_aside:
            rows = "1 row" if self.rows_aside == 1 else f"{self.rows_aside:,} rows"
            return (
                f"{rows} of the queue's database ({self.file}) made no sense: set aside in its"
                f" table set_aside, and {from_record:,} transfers taken from queue.jsonl instead"
            )
        if self.aside is None:
            return (
                f"the queue's database ({self.file}) was gone: rebuilt the queue with "
                f"{count:,} transfers from queue.jsonl"
            )
        return (
            f"cannot use the queue's database ({self.why}): moved it to {self.aside} "
            f"and rebuilt the queue with {count:,} transfers "
            f"({from_record:,} of them from queue.jsonl)"
        )


@dataclass
class Restored:
    """A queue as its database has it, or as it could be rescued.

    Attributes:
        rescued: what there is to tell of it, and to take from the text record; None where the
            database was good.
    """

    store: Store
    transfers: list[Transfer]
    bulk_jobs: list[BulkJobRecord]
    rescued: Rescued | None = None


def open_store(file: Path | None) -> Restored:
    """The store and what it holds, rescued where a new one had to be started.

    A store that was not there before is one that may have been lost, as long as the text record
    beside it says nothing else.

    Raises StoreError where the disk or another process is what keeps us from it.
    """
    if file is None:
        return Restored(Store(None), [], [])
    try:
        was_gone = not file.stat().st_size
    except FileNotFoundError:
        was_gone = True
    except OSError as error:
        raise StoreError(f"cannot open {file}: {error.strerror}") from error
    try:
        restored = _read_store(file)
    except StoreUnusable as error:
        aside = _set_aside(file, error.kind)
        rescued = Rescued(file, aside, str(error).replace(f"{file} ", "", 1))
        _read_what_can_be_read(rescued, aside)
        return Restored(Store(file), rescued.transfers, rescued.bulk_jobs, rescued)
    if restored.store.set_aside or was_gone:
        restored.rescued = Rescued(
            file, rows_aside=restored.store.set_aside, bulk_jobs=restored.bulk_jobs
        )
    return restored


def _read_store(file: Path) -> Restored:
    """A store with all its records; waits a moment for descriptors. Raises StoreError."""

    def read() -> Restored:
        store = Store(file)
        try:
            return Restored(store, list(store.transfers()), list(store.bulk_jobs()))
        except BaseException:
            store.close()
            raise

    return patiently(read)


def _set_aside(file: Path, kind: str) -> Path:
    """Rename a database with its write-ahead log; where it is now. Raises StoreError."""
    aside = free_name(file, kind)
    try:
        for ending in (*BESIDE, ""):
            existing = file.with_name(file.name + ending)
            if os.path.lexists(existing):
                existing.rename(aside.with_name(aside.name + ending))
    except OSError as error:
        raise StoreError(f"cannot move {file} to {aside}: {error.strerror}") from error
    return aside


MOST_COPIED = 4 << 30
"""Bytes of a damaged database that are read; a longer one cannot be a queue of ours."""

_MAGIC = b"SQLite format 3\0"


def _read_what_can_be_read(rescued: Rescued, aside: Path) -> None:
    """Rows of a copy of the old file: what is set aside stays as it was found."""
    copy = aside.with_name(aside.name + ".copy")
    try:
        if not _copy(aside, copy, _MAGIC):
            return
        wal = "-wal"
        _copy(aside.with_name(aside.name + wal), copy.with_name(copy.name + wal))
        db = sqlite3.connect(str(copy), isolation_level=None)
        try:
            db.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
            rescued.transfers = _rows(db, "transfers", Transfer, transfer_of)
            rescued.bulk_jobs = _rows(db, "bulk_jobs", BulkJobRecord, bulk_job_of)
        finally:
            db.close()
    except (OSError, sqlite3.Error) as error:
        rescued.why += f"; it could not be read ({error})"  # no room for a copy, say
    finally:
        for ending in (*BESIDE, ""):
            copy.with_name(copy.name + ending).unlink(missing_ok=True)


def _copy(source: Path, target: Path, begins: bytes = b"") -> bool:
    """Copy a regular file that begins so; whether there was one. Raises OSError."""
    try:
        descriptor = open_regular(source)
    except (FileNotFoundError, UnfitFile):
        return False
    with open(descriptor, "rb") as stream:
        size = os.fstat(descriptor).st_size
        if size > MOST_COPIED or not stream.read(len(_MAGIC)).startswith(begins):
            return False
        stream.seek(0)
        with target.open("xb") as copied:
            shutil.copyfileobj(stream, copied, 1 << 20)
    return True


def _rows(
    db: sqlite3.Connection, table: str, kind: type[Row], make: Callable[[dict[str, Any]], Row]
) -> list[Row]:
    """The rows of a table from its front and from its end, each as far as it can be read."""
    found: dict[int, Row] = {}
    wanted = {column.name for column in fields(kind)}
    for order in ("ASC", "DESC"):
        try:
            cursor = db.execute(f"SELECT * FROM {table} ORDER BY rowid {order}")
            names = [entry[0] for entry in cursor.description]
            for row in cursor:
                values = {k: v for k, v in zip(names, row, strict=True) if k in wanted}
                try:
                    made = make(values)
                except ValueError:
                    continue  # a row that makes no sense
                found.setdefault(made.id, made)
        except sqlite3.Error:
            continue  # the damage: the other end may be whole
    return [found[id_] for id_ in sorted(found)]
