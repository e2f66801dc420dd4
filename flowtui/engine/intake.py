"""From what clients ask for to what the queue holds: a batch's files become transfers.

What is unfinished in the queue already is not queued twice, and every file gets a path of its own.
The engine's thread alone uses it.
"""

from __future__ import annotations

from collections.abc import Iterable

from flowtui.engine.bulk import BulkTracker
from flowtui.engine.bulk_job import BulkJobRecord
from flowtui.engine.protocol import Added, Batch
from flowtui.engine.queue import Queue, Transfer
from flowtui.engine.scheduler import Scheduler
from flowtui.engine.states import UNFINISHED, TransferState
from flowtui.flow.fields import parse_md5
from flowtui.flow.remote_file import RemoteFile


class Intake:
    """Gives ids and paths.

    Attributes:
        last_root: the target folder of the latest batch, or empty.
    """

    def __init__(self, queue: Queue, scheduler: Scheduler, bulk: BulkTracker) -> None:
        self.last_root = ""
        self._queue = queue
        self._scheduler = scheduler
        self._bulk = bulk
        self._last_id = 0
        self._last_batch = 0
        self._last_job = 0

    def restore(self, transfers: Iterable[Transfer], jobs: list[BulkJobRecord]) -> None:
        """Take over what an earlier engine stored."""
        for transfer in transfers:
            self._queue.add(transfer)
            self._last_id = max(self._last_id, transfer.id)
            self._last_batch = max(self._last_batch, transfer.batch_id)
            self.last_root = transfer.root
            if transfer.state is TransferState.QUEUED:
                self._scheduler.enqueue(transfer)
        self._bulk.restore(jobs)
        self._last_batch = max([self._last_batch, *(one.batch_id for one in jobs)])
        self._last_job = max([0, *(one.id for one in jobs)])

    def add(self, batch: Batch) -> Added:
        """Queue a batch, or have its archive made. Raises OSError."""
        batch_id = self._next_batch()
        if not batch.bulk:
            return self._queue_files(batch_id, batch)
        with_id = tuple(one for one in batch.files if one.data_id is not None)
        without = tuple(one for one in batch.files if one.data_id is None)
        job_id: int | None = None
        if with_id:
            # Clients and the store tell jobs apart by these ids: none is given twice.
            job_id = self._last_job = self._last_job + 1
            self.last_root = batch.root
            whole = Batch(batch.server, batch.root, batch.name, with_id, bulk=True)
            self._bulk.create(job_id, batch_id, whole)
        if not without:
            return Added(batch_id, (), 0, 0, job_id)
        # What has no data id cannot be in an archive.
        rest = self._queue_files(batch_id, Batch(batch.server, batch.root, batch.name, without))
        return Added(batch_id, rest.ids, rest.added, rest.known, job_id)

    def add_one_by_one(self, batch: Batch) -> None:
        """Queue the files of an archive that the server does not make. Raises OSError."""
        self._queue_files(self._next_batch(), batch)

    def add_archive(self, job: BulkJobRecord, archive: RemoteFile) -> int:
        """Queue a job's archive; its transfer's id. Raises OSError."""
        batch = Batch(job.server, job.root, job.name, (archive,))
        return self._queue_files(job.batch_id, batch, bulk_id=job.id).ids[0]

    def _next_batch(self) -> int:
        self._last_batch += 1
        return self._last_batch

    def _queue_files(self, batch_id: int, batch: Batch, bulk_id: int | None = None) -> Added:
        places = self._scheduler.places(batch.root)
        ids: list[int] = []
        added = known = 0
        self.last_root = batch.root
        # In the order of their keys, two files of one name get the same names in every run.
        assigned = {
            one.key: places.assign(one.key, one.folder, one.filename)
            for one in sorted(batch.files, key=lambda one: one.key)
        }
        for one in batch.files:
            there = self._queue.find(batch.root, one.key)
            if there is not None and there.state in UNFINISHED:
                known += 1
            else:
                if there is not None:
                    self._queue.remove(there)
                there = self._new_transfer(batch_id, batch, one, assigned[one.key], bulk_id)
                self._queue.add(there)
                self._scheduler.enqueue(there)
                added += 1
            ids.append(there.id)
        return Added(batch_id, tuple(dict.fromkeys(ids)), added, known)

    def _new_transfer(
        self, batch_id: int, batch: Batch, one: RemoteFile, path: str, bulk_id: int | None
    ) -> Transfer:
        self._last_id += 1
        return Transfer(
            id=self._last_id,
            batch_id=batch_id,
            key=one.key,
            filename=one.filename,
            folder=one.folder,
            url=one.url,
            root=batch.root,
            path=path,
            server=batch.server,
            expected=one.size,
            md5=parse_md5(one.md5),
            data_id=one.data_id,
            sample=one.sample,
            bulk_id=bulk_id,
        )
