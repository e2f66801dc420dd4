"""The queue once more, as text: what was asked for, a line each, beside the database.

The database is the truth; this is what the queue is rebuilt from should the database be damaged.
Lines are appended when something is added or taken away, and the file is written anew, short,
whenever an engine starts:

    {"add": 7, "batch": {"server": …, "root": …, "files": […], …}}
    {"drop": "/data/to", "keys": ["data/789", …]}
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

from flowtui.engine.queue.links import kept_link, without_signed_links
from flowtui.engine.queue.queue import Transfer
from flowtui.flow.remote_file import RemoteFile
from flowtui.protocol.messages import Batch
from flowtui.protocol.states import UNFINISHED, TransferState
from flowtui.system.files import write_private
from flowtui.system.fsync import flush_data


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
        lines = []
        for (batch_id, server, root), group in groupby(
            wanted, key=lambda transfer: (transfer.batch_id, transfer.server, transfer.root)
        ):
            batch = Batch(server, root, "", tuple(_file_of(transfer) for transfer in group))
            lines.append(json.dumps({"add": batch_id, "batch": batch.to_json()}) + "\n")
        write_private(self.file, "".join(lines))

    def read(self) -> Iterator[tuple[int, Batch]]:
        """The batches with what is still wanted of them; lines that were cut off are passed over.

        What was dropped and then added again is wanted.
        """
        batches: list[tuple[int, Batch]] = []
        if self.file is None or not self.file.exists():
            return
        for line in self.file.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                said = json.loads(line)
                if "add" in said:
                    batches.append((int(said["add"]), Batch.from_json(said["batch"])))
                else:
                    root, gone = str(said["drop"]), set(said["keys"])
                    batches = [(n, _without(batch, root, gone)) for n, batch in batches]
            except (ValueError, KeyError, TypeError):
                continue
        yield from ((n, batch) for n, batch in batches if batch.files)

    def _append(self, line: dict[str, object]) -> None:
        if self.file is None:
            return
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(self.file, flags, 0o600)
        try:
            view = memoryview(json.dumps(line).encode() + b"\n")
            while view:
                view = view[os.write(descriptor, view) :]
            flush_data(descriptor)
        finally:
            os.close(descriptor)


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
