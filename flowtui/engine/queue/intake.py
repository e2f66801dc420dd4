"""From what clients ask for to what the queue holds: a batch's files become transfers.

What is unfinished in the queue already is not queued twice, and every file gets a path of its own.
The engine's thread alone uses it.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future
from typing import Any

from flowtui.engine.queue.folders import TargetFolders
from flowtui.engine.queue.queue import Queue, Transfer
from flowtui.engine.queue.scheduler import Scheduler
from flowtui.flow.fields import parse_md5
from flowtui.flow.remote_file import RemoteFile
from flowtui.protocol.messages import Added, Batch
from flowtui.protocol.states import UNFINISHED, TransferState


class Intake:
    """Gives ids and paths.

    Attributes:
        last_root: the target folder of the latest batch, or empty.
        last_batch: the highest id of a batch that was ever given.
    """

    def __init__(self, queue: Queue, scheduler: Scheduler, folders: TargetFolders) -> None:
        self.last_root = ""
        self.last_batch = 0
        self._queue = queue
        self._scheduler = scheduler
        self._folders = folders
        self._last_id = 0

    def restore(self, transfers: Iterable[Transfer]) -> None:
        """Take over what an earlier engine stored."""
        same: dict[Any, Any] = {}
        for transfer in transfers:
            transfer.share_texts(same)
            self._queue.add(transfer)
            self._last_id = max(self._last_id, transfer.id)
            self.last_batch = max(self.last_batch, transfer.batch_id)
            self.last_root = transfer.root
            if transfer.state is TransferState.QUEUED:
                self._scheduler.enqueue(transfer)

    def add(self, batch: Batch, places: Future[dict[str, str]] | None = None) -> Added:
        """Queue the files of a batch, each as a transfer; see `queue_files`."""
        return self.queue_files(self.batch_id(batch), batch, places)

    def batch_id(self, batch: Batch) -> int:
        """The id of a new batch, or of the one that it is a further piece of."""
        if batch.continues is not None and 0 < batch.continues <= self.last_batch:
            return batch.continues
        self.last_batch += 1
        return self.last_batch

    def is_under_way(self, root: str, key: str) -> bool:
        """Whether the queue holds this file already, unfinished."""
        transfer = self._queue.find(root, key)
        return transfer is not None and transfer.state in UNFINISHED

    def queue_files(
        self,
        batch_id: int,
        batch: Batch,
        places: Future[dict[str, str]] | None = None,
        *,
        bulk_id: int | None = None,
        temporary: bool = False,
    ) -> Added:
        """Queue files as part of a batch that has its id; see `Transfer` for the rest.

        `places`: key → path of each; they are asked for where it is not given, and run as soon as
        they have them. Raises OSError where it is there, and says that the folder cannot be read.
        """
        places = places or self._folders.place(batch.root, batch.files)
        paths = places.result() if places.done() else {}
        ids: list[int] = []
        same: dict[Any, Any] = {}
        unplaced: list[int] = []
        added = known = 0
        self.last_root = batch.root
        for file in batch.files:
            transfer = self._queue.find(batch.root, file.key)
            if transfer is not None and transfer.state in UNFINISHED:
                known += 1
            else:
                if transfer is not None:
                    self._queue.remove(transfer)
                transfer = self._new_transfer(batch_id, batch, file, paths.get(file.key, ""))
                transfer.share_texts(same)
                transfer.bulk_id = bulk_id
                transfer.temporary = temporary
                self._queue.add(transfer)
                if transfer.path:
                    self._scheduler.enqueue(transfer)
                else:
                    unplaced.append(transfer.id)
                added += 1
            ids.append(transfer.id)
        self._scheduler.placing.wait(batch.root, unplaced, places)
        return Added(batch_id, tuple(dict.fromkeys(ids)), added, known)

    def _new_transfer(self, batch_id: int, batch: Batch, file: RemoteFile, path: str) -> Transfer:
        self._last_id += 1
        return Transfer(
            id=self._last_id,
            batch_id=batch_id,
            key=file.key,
            filename=file.filename,
            folder=file.folder,
            url=file.url,
            root=batch.root,
            path=path,
            server=batch.server,
            expected=file.size,
            md5=parse_md5(file.md5),
            data_id=file.data_id,
            sample=file.sample,
            belongs_to=file.belongs_to,
            fileset=file.fileset,
            within=file.within,
            origin=file.origin,
            reread=batch.reread,
        )
