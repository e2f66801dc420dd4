"""From what clients ask for to what the queue holds: a batch's files become transfers.

What is unfinished in the queue already is not queued twice, and every file gets a path of its own.
The engine's thread alone uses it.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence

from flowtui.engine.bulk.job import BulkJobRecord
from flowtui.engine.bulk.tracker import BulkTracker
from flowtui.engine.queue.queue import Queue, Transfer
from flowtui.engine.queue.scheduler import Scheduler
from flowtui.flow.fields import parse_md5
from flowtui.flow.remote_file import RemoteFile
from flowtui.protocol.messages import Added, Batch
from flowtui.protocol.states import UNFINISHED, TransferState
from flowtui.transfer.task import ExpectedFile


class Intake:
    """Gives ids and paths.

    Attributes:
        last_root: the target folder of the latest batch, or empty.
    """

    def __init__(
        self, queue: Queue, scheduler: Scheduler, bulk: BulkTracker, *, unpack: bool
    ) -> None:
        """`unpack`: whether archives are unpacked where a batch does not say it."""
        self._unpack = unpack
        self.last_root = ""
        self._queue = queue
        self._scheduler = scheduler
        self._bulk = bulk
        self._last_id = 0
        self._last_batch = 0

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

    def add(self, batch: Batch) -> Added:
        """Queue a batch, or have its archive made. Raises OSError."""
        batch_id = self._next_batch()
        if not batch.bulk:
            return self._queue_files(batch_id, batch)
        under_way = self._bulk.under_way(batch.root)
        known = [under_way[one.key] for one in batch.files if one.key in under_way]
        able, single = self._for_archive(batch, under_way)
        # What has no data id cannot be in an archive, and what is under way already comes so.
        one_by_one = Batch(batch.server, batch.root, batch.name, single)
        added = self._queue_files(batch_id, one_by_one) if single else Added(batch_id, (), 0, 0)
        job_id = known[0] if known else None
        if able:
            self.last_root = batch.root
            unpack = self._unpack if batch.unpack is None else batch.unpack
            job_id = self._bulk.create(batch_id, batch, able, unpack=unpack).id
        return Added(
            batch_id,
            added.ids,
            added.added,
            added.known + len(known),
            job_id,
            apart=sum(1 for one in single if one.data_id is None),
        )

    def add_singles(self, job: BulkJobRecord, files: Sequence[RemoteFile]) -> None:
        """Queue some of a job's files as transfers of their own. Raises OSError."""
        if files:
            batch = Batch(job.server, job.root, job.name, tuple(files))
            self._queue_files(job.batch_id, batch)

    def add_archive(self, job: BulkJobRecord, archive: RemoteFile) -> int:
        """Queue a job's archive; its transfer's id. Raises OSError."""
        batch = Batch(job.server, job.root, job.name, (archive,))
        self._scheduler.admit_anew(job.batch_id)
        return self._queue_files(job.batch_id, batch, bulk_id=job.id).ids[0]

    def _for_archive(
        self, batch: Batch, but: Container[str]
    ) -> tuple[list[ExpectedFile], tuple[RemoteFile, ...]]:
        """The files that an archive can bring, with their paths; and the others, without `but`."""
        places = self._scheduler.places(batch.root)
        able, single = [], []
        paths = {
            one.key: places.assign(one.key, one.folder, one.filename)
            for one in sorted(batch.files, key=lambda one: one.key)
        }
        for one in batch.files:
            there = self._queue.find(batch.root, one.key)
            known = there is not None and there.state in UNFINISHED
            if one.data_id is None or known:
                single.append(one)
            elif one.key not in but:
                able.append(ExpectedFile(one, paths[one.key]))
        return able, tuple(single)

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
