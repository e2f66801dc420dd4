"""The queue once more, as text: what was asked for, a line each, beside the database.

The database is the truth; this is what the queue is rebuilt from should the database be damaged.
Lines are appended when something is added or taken away, and the file is written anew, short,
whenever an engine starts:

    {"add": 7, "batch": {"server": …, "root": …, "files": […], …}}
    {"drop": "/data/to", "keys": ["data/789", …]}

A batch may have several lines. They are read as messages are, by the schema of `protocol`.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import groupby, islice
from pathlib import Path

from flowtui.engine.queue.links import kept_link, without_signed_links
from flowtui.engine.queue.queue import Transfer
from flowtui.flow.remote_file import RemoteFile
from flowtui.protocol.messages import Batch
from flowtui.protocol.schema import Id, read
from flowtui.protocol.states import UNFINISHED, TransferState
from flowtui.protocol.wire import MAX_LINE
from flowtui.system.files import (
    UnfitFile,
    free_name,
    open_regular,
    parse_json,
    write_private,
)
from flowtui.system.fsync import flush_data

MOST_BYTES = 512 << 20
"""Of the file; a million files fit."""

FILES_A_LINE = 1000


@dataclass(frozen=True, slots=True)
class _Added:
    """A line of what was asked for."""

    add: Id
    batch: Batch


@dataclass(frozen=True, slots=True)
class _Dropped:
    """A line of what is wanted no more; `drop` is the folder."""

    drop: str
    keys: tuple[str, ...]


@dataclass
class Recorded:
    """What the file says.

    Attributes:
        batches: each line's, with the batch's id. `nonsense`: how many lines made no sense.
    """

    batches: list[tuple[int, Batch]] = field(default_factory=list)
    nonsense: int = 0

    def take(self, line: bytes) -> None:
        """Follow a line."""
        try:
            said = parse_json(line)
            if isinstance(said, dict) and "add" in said:
                added = read(_Added, said)
                self.batches.append((added.add, added.batch))
            else:
                dropped = read(_Dropped, said)
                gone = set(dropped.keys)
                left = [(n, _without(batch, dropped.drop, gone)) for n, batch in self.batches]
                self.batches = [(n, batch) for n, batch in left if batch.files]
        except ValueError:
            if line.endswith(b"\n"):  # else a crash cut it off
                self.nonsense += 1


@dataclass(frozen=True)
class RequestLog:
    """The text file; None for a queue that is kept in memory only. All methods raise OSError."""

    file: Path | None

    def add(self, batch_id: int, batch: Batch) -> None:
        """Note a batch."""
        kept = replace(batch, files=without_signed_links(batch.files))
        self._append({"add": batch_id, "batch": kept.to_json()})

    def drop(self, transfers: Iterable[Transfer]) -> None:
        """Note that these are wanted no more."""
        by_root = sorted((transfer.root, transfer.key) for transfer in transfers)
        for root, group in groupby(by_root, key=lambda pair: pair[0]):
            self._append({"drop": root, "keys": [key for _, key in group]})

    def rewrite(self, transfers: Iterable[Transfer]) -> None:
        """Begin anew with what is still to come of these; archives are their bulk jobs' matter."""
        if self.file is None:
            return
        wanted = [
            transfer
            for transfer in transfers
            if (transfer.state in UNFINISHED or transfer.state is TransferState.FAILED)
            and transfer.bulk_id is None
        ]
        write_private(self.file, _lines(wanted))

    def read(self) -> Recorded:
        """The batches with what is still wanted of them; a last line that was cut off is none.

        What was dropped and then added again is wanted. Raises UnfitFile where it is no file of
        ours, OSError.
        """
        found = Recorded()
        if self.file is None:
            return found
        try:
            descriptor = open_regular(self.file)
        except FileNotFoundError:
            return found
        with open(descriptor, "rb") as stream:
            if (size := os.fstat(descriptor).st_size) > MOST_BYTES:
                raise UnfitFile(
                    errno.EFBIG, f"it has {size:,} bytes, of {MOST_BYTES:,} at most", self.file
                )
            while line := stream.readline(MAX_LINE):
                found.take(line)
        return found

    def set_aside(self) -> Path | None:
        """Rename the file, so that what is in it is kept when it is written anew; its new name."""
        if self.file is None or not os.path.lexists(self.file):
            return None
        aside = free_name(self.file, "damaged")
        self.file.rename(aside)
        return aside

    def _append(self, line: dict[str, object]) -> None:
        if self.file is None:
            return
        descriptor = open_regular(self.file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            view = memoryview(json.dumps(line).encode() + b"\n")
            while view:
                view = view[os.write(descriptor, view) :]
            flush_data(descriptor)
        finally:
            os.close(descriptor)


def _lines(wanted: Iterable[Transfer]) -> Iterator[str]:
    """The lines of what is wanted; all of them together may be long."""
    for (batch_id, server, root), group in groupby(
        wanted, key=lambda transfer: (transfer.batch_id, transfer.server, transfer.root)
    ):
        for piece in batched(map(_file_of, group), FILES_A_LINE):
            batch = Batch(server, root, "", piece)
            yield json.dumps({"add": batch_id, "batch": batch.to_json()}) + "\n"


def batched(files: Iterable[RemoteFile], most: int) -> Iterator[tuple[RemoteFile, ...]]:
    """The files in groups of so many."""
    left = iter(files)
    while group := tuple(islice(left, most)):
        yield group


def _without(batch: Batch, root: str, gone: set[str]) -> Batch:
    if batch.root != root:
        return batch
    return replace(batch, files=tuple(file for file in batch.files if file.key not in gone))


def _file_of(transfer: Transfer) -> RemoteFile:
    return RemoteFile(
        key=transfer.key,
        filename=transfer.filename,
        url=kept_link(transfer.url, transfer.data_id),
        folder=transfer.folder,
        size=transfer.expected,
        md5=transfer.md5,
        data_id=transfer.data_id,
        sample=transfer.sample,
        belongs_to=transfer.belongs_to,
        fileset=transfer.fileset,
        within=transfer.within,
        origin=transfer.origin,
    )
