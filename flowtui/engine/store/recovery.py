"""A queue whose database is gone, damaged or a newer version's: rebuilt from the rest.

A file that cannot be used is set aside. First what rows can still be read from the old file, then
what the text record beside it has more (`request_log`). How much of each file is here, its part
file and journal tell, as always.
"""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from flowtui.engine.bulk.job import BulkJobRecord
from flowtui.engine.queue.queue import Transfer
from flowtui.engine.store.database import Store, StoreUnusable, bulk_job_of, transfer_of

Row = TypeVar("Row", Transfer, BulkJobRecord)


@dataclass
class Rescued:
    """What came out of a database that cannot be used.

    Attributes:
        file: the database.
        aside: where the old file is now; None where it was gone.
        why: what is wrong with it, or empty where it was gone.
    """

    file: Path
    aside: Path | None = None
    why: str = ""
    transfers: list[Transfer] = field(default_factory=list)
    bulk_jobs: list[BulkJobRecord] = field(default_factory=list)

    def words(self, from_record: int) -> str:
        """What happened, for people."""
        count = len(self.transfers) + from_record
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


def open_store(file: Path | None) -> tuple[Store, Rescued | None]:
    """The store, and what was rescued where a new one had to be started.

    A store that was not there before is one that may have been lost, as long as the text record
    beside it says nothing else.

    Raises StoreError where the disk or another process is what keeps us from it.
    """
    was_gone = file is not None and not (file.exists() and file.stat().st_size)
    try:
        return Store(file), Rescued(file) if file is not None and was_gone else None
    except StoreUnusable as error:
        if file is None:
            raise
        aside = _set_aside(file, error.kind)
        rescued = Rescued(file, aside, str(error).replace(f"{file} ", "", 1))
        _read_what_can_be_read(rescued, aside)
        return Store(file), rescued


def _set_aside(file: Path, kind: str) -> Path:
    """Rename a database with its write-ahead log; where it is now."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    aside, number = file.with_name(f"{file.name}.{kind}-{stamp}"), 1
    while aside.exists():
        number += 1
        aside = file.with_name(f"{file.name}.{kind}-{stamp}-{number}")
    for ending in ("-wal", "-shm", ""):
        existing = file.with_name(file.name + ending)
        if existing.exists():
            existing.rename(aside.with_name(aside.name + ending))
    return aside


def _read_what_can_be_read(rescued: Rescued, aside: Path) -> None:
    """Rows of a copy of the old file: what is set aside stays as it was found."""
    copy = aside.with_name(aside.name + ".copy")
    try:
        for ending in ("-wal", ""):
            existing = aside.with_name(aside.name + ending)
            if existing.exists():
                shutil.copyfile(existing, copy.with_name(copy.name + ending))
        db = sqlite3.connect(str(copy), isolation_level=None)
        try:
            rescued.transfers = _rows(db, "transfers", Transfer, transfer_of)
            rescued.bulk_jobs = _rows(db, "bulk_jobs", BulkJobRecord, bulk_job_of)
        finally:
            db.close()
    finally:
        for ending in ("-wal", "-shm", ""):
            copy.with_name(copy.name + ending).unlink(missing_ok=True)


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
                except (ValueError, TypeError, KeyError):
                    continue  # a row that makes no sense
                found.setdefault(made.id, made)
        except sqlite3.Error:
            continue  # the damage: the other end may be whole
    return [found[id_] for id_ in sorted(found)]
