"""The bulk jobs: what people may do with them, and how their parts hang together.

    start (what is here?) → polling (ask Flow) → fetching (a transfer) → unpacking → done

The engine's thread alone uses the tracker; what takes time is done by workers.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from typing import TYPE_CHECKING

from flowtui.engine.bulk.fetching import ArchiveFetcher
from flowtui.engine.bulk.job import BulkJobRecord
from flowtui.engine.bulk.jobs import BulkJobs
from flowtui.engine.bulk.notes import Notes
from flowtui.engine.bulk.polling import ON_SERVER, JobPoller
from flowtui.engine.bulk.start import JobStarter
from flowtui.engine.bulk.unpacking import Unpacker
from flowtui.protocol.messages import Added, Batch, BulkFileRow, RequestRefused
from flowtui.protocol.states import BULK_ENDED, BulkState, TransferState
from flowtui.transfer.task import ExpectedFile

if TYPE_CHECKING:
    from flowtui.engine.mailbox import Mailbox
    from flowtui.engine.queue.admission import Admission
    from flowtui.engine.queue.folders import TargetFolders
    from flowtui.engine.queue.intake import Intake
    from flowtui.engine.queue.queue import Queue, Transfer
    from flowtui.engine.queue.scheduler import Scheduler
    from flowtui.engine.queue.sign_ins import SignIns
    from flowtui.engine.workers.pool import Workers
    from flowtui.flow.remote_file import RemoteFile
    from flowtui.timings import Timings
    from flowtui.transfer.disk.paths import TargetPaths
    from flowtui.transfer.http.clients import Clients


class BulkTracker:
    """All bulk jobs of an engine.

    Attributes:
        list: the jobs themselves, and which of them changed.
    """

    def __init__(
        self,
        queue: Queue,
        workers: Workers,
        clients: Clients,
        mailbox: Mailbox,
        clock: Callable[[], float],
        timings: Timings,
        *,
        admission: Admission,
        folders: TargetFolders,
        intake: Intake,
        scheduler: Scheduler,
        sign_ins: SignIns,
        unpack: bool,
        keep_notes: bool,
    ) -> None:
        """`clock` gives the seconds since 1970 that jobs are dated and polled by.

        `unpack`: whether archives are unpacked where a batch does not say it. `keep_notes`: for an
        engine that remembers nothing (see `notes`).
        """
        notes = Notes() if keep_notes else None
        self.list = BulkJobs(intake, admission, workers, clock, notes)
        self._queue = queue
        self._clock = clock
        self._folders = folders
        self._intake = intake
        self._scheduler = scheduler
        self._unpack = unpack
        self._unpacker = Unpacker(self.list, folders, workers, mailbox, timings, lost=self._lost)
        self._fetcher = ArchiveFetcher(
            self.list, queue, prepare=self._prepare, unpack=self._unpacker.unpack
        )
        self._poller = JobPoller(
            self.list,
            workers,
            clients,
            sign_ins,
            mailbox,
            timings,
            ready=self._fetcher.fetch,
            gone=self._fetcher.gone,
        )
        self._starter = JobStarter(
            self.list,
            folders,
            workers,
            mailbox,
            follow=self._poller.follow,
            unpack=self._unpacker.unpack,
        )
        self._to_resume: list[BulkJobRecord] = []
        queue.on_ended(self._transfer_ended)
        folders.on_read(self._claim_paths)

    @property
    def jobs(self) -> dict[int, BulkJobRecord]:
        """The jobs by id."""
        return self.list.jobs

    def restore(self, jobs: Sequence[BulkJobRecord]) -> None:
        """Take over what an earlier engine stored, after its transfers; the first tick goes on."""
        self.list.restore(jobs)
        self._to_resume += [job for job in jobs if job.state not in BULK_ENDED]
        self._intake.last_batch = max([self._intake.last_batch, *(job.batch_id for job in jobs)])
        for transfer in self._queue.transfers.values():
            job = self.jobs.get(transfer.bulk_id or -1)
            transfer.temporary = job is not None and job.unpack

    def _claim_paths(self, root: str, paths: TargetPaths) -> None:
        """Keep the paths below `root` that are meant for files still to come."""
        for job in self.jobs.values():
            if job.root == root and job.state not in BULK_ENDED:
                for expected in job.expected_files():
                    if expected.path:
                        paths.claim(expected.path, expected.file.key)

    def add(self, batch: Batch) -> Added:
        """Have an archive made of a batch, and queue what none can bring. Raises OSError."""
        batch_id = self._intake.batch_id(batch)
        under_way = self._under_way(batch.root)
        known = [under_way[file.key] for file in batch.files if file.key in under_way]
        able, single = self._divide(batch, under_way)
        added = Added(batch_id, (), 0, 0)
        if single:
            one_by_one = Batch(batch.server, batch.root, batch.name, single)
            added = self._intake.queue_files(batch_id, one_by_one)
        job_id = known[0] if known else None
        if able:
            self._intake.last_root = batch.root
            unpack = self._unpack if batch.unpack is None else batch.unpack
            job_id = self.create(batch_id, batch, able, unpack=unpack).id
        return Added(
            batch_id,
            added.ids,
            added.added,
            added.known + len(known),
            job_id,
            apart=sum(1 for file in single if file.data_id is None),
        )

    def _divide(
        self, batch: Batch, but: Container[str]
    ) -> tuple[list[ExpectedFile], tuple[RemoteFile, ...]]:
        """The files that an archive can bring, with their paths; and the others, without `but`.

        What has no data id cannot be in one, and what is under way already comes by itself.
        """
        paths = self._intake.assign_paths(batch)
        able, single = [], []
        for file in batch.files:
            if file.data_id is None or self._intake.is_under_way(batch.root, file.key):
                single.append(file)
            elif file.key not in but:
                able.append(ExpectedFile(file, paths[file.key]))
        return able, tuple(single)

    def create(
        self, batch_id: int, batch: Batch, files: Sequence[ExpectedFile], *, unpack: bool
    ) -> BulkJobRecord:
        """A new job for some files of a batch."""
        job = self.list.add(
            None,
            files,
            batch_id=batch_id,
            name=batch.name,
            root=batch.root,
            server=batch.server,
            created=self._clock(),
            unpack=unpack,
            up_to=batch.one_by_one_up_to,
        )
        self._starter.start(job)
        return job

    # What people may do

    def act(self, ids: Iterable[int], action: str) -> int:
        """Cancel, retry, create again, fetch one by one or forget; how many jobs that changed."""
        steps: dict[str, Callable[[BulkJobRecord], bool]] = {
            "cancel": self._cancel,
            "retry": self._retry,
            "again": self._again,
            "one_by_one": self._one_by_one,
            "forget": self._forget,
        }
        step = steps.get(action)
        if step is None:
            raise RequestRefused("BAD_REQUEST", f"unknown action: {action}")
        return sum(step(job) for job in self.list.pick(ids))

    def files(self, id_: int) -> tuple[BulkFileRow, ...]:
        """The files of a job. Raises RequestRefused."""
        job = self.jobs.get(id_)
        if job is None:
            raise RequestRefused("NOT_FOUND", f"there is no bulk job {id_}")
        return job.file_rows()

    def transfers_of(self, ids: Iterable[int]) -> list[int]:
        """The transfers of the archives of those jobs that have not ended."""
        return [
            job.transfer_id
            for job in self.list.pick(ids)
            if job.transfer_id is not None and job.state not in BULK_ENDED
        ]

    def _cancel(self, job: BulkJobRecord) -> bool:
        if job.state in BULK_ENDED:
            return False
        self._let_go(job)
        words = f"archive kept at {job.archive}; retry to continue with it" if job.archive else ""
        self.list.change(job, BulkState.CANCELLED, words)
        return True

    def _retry(self, job: BulkJobRecord) -> bool:
        """Go on from where it is: an archive that is here is not fetched again."""
        if job.state not in (BulkState.FAILED, BulkState.EXPIRED, BulkState.CANCELLED):
            return False
        job.again = 0
        transfer = self._queue.transfers.get(job.transfer_id or -1)
        if job.archive and job.unpack:
            self._unpacker.unpack(job)
        elif job.state is BulkState.FAILED and transfer and transfer.state is TransferState.FAILED:
            self.list.change(job, BulkState.FETCHING, "")
            self._scheduler.requeue(transfer)
        elif (
            job.job_id
            and job.state is not BulkState.EXPIRED
            and job.code not in ("FAILED", "EXPIRED")
        ):
            # Nothing says that the job on the server is gone; but check first what is here.
            self.list.recheck_singles(job)
            self.list.change(job, BulkState.PENDING, "")
            self._starter.start(job)
        else:
            self.list.recheck_singles(job)
            self._fetcher.anew(job, "")
        return True

    def _again(self, job: BulkJobRecord) -> bool:
        if job.state not in BULK_ENDED:
            return False
        job.again = 0
        job.results = {}
        job.unpacked_bytes = 0
        self._fetcher.anew(job, "")
        return True

    def _one_by_one(self, job: BulkJobRecord) -> bool:
        """Fetch what is missing by transfers of its own, and leave the archive."""
        if job.state is BulkState.DONE:
            return False
        self._let_go(job)
        self.list.recheck_singles(job)
        self.list.one_by_one(job, job.missing(), "you asked for it")
        words = "downloading its files one by one"
        if job.archive:
            words += f"; archive kept at {job.archive}"
        self.list.change(job, BulkState.CANCELLED, words, "ONE_BY_ONE")
        return True

    def _forget(self, job: BulkJobRecord) -> bool:
        if job.state not in BULK_ENDED:
            return False
        self.list.remove(job)
        transfer = self._queue.transfers.get(job.transfer_id or -1)
        if transfer is not None:
            transfer.temporary = False  # nobody is left to unpack it
        return True

    def _let_go(self, job: BulkJobRecord) -> None:
        self._starter.stop(job)
        self._poller.leave(job)
        self._unpacker.stop(job)

    def _under_way(self, root: str) -> dict[str, int]:
        """The keys of files below `root` that an unfinished job will bring, and which job."""
        found: dict[str, int] = {}
        for job in self.jobs.values():
            if job.root == root and job.unpack and job.state not in BULK_ENDED:
                found |= dict.fromkeys((expected.file.key for expected in job.missing()), job.id)
        return found

    # What happens in the engine

    def signed_in(self, server: str) -> None:
        """Ask about this server's jobs again, now."""
        self._poller.signed_in(server)

    def _transfer_ended(self, transfer: Transfer) -> None:
        """A transfer has ended, well or not, or was cancelled."""
        if transfer.bulk_id is None:
            self._unpacker.single_ended(transfer)
            return
        job = self.jobs.get(transfer.bulk_id)
        if job is not None and job.state is BulkState.FETCHING and job.transfer_id == transfer.id:
            self._fetcher.ended(job, transfer)

    def transfer_retried(self, transfer: Transfer) -> None:
        """Somebody tries the transfer of an ended job's archive again."""
        job = self.jobs.get(transfer.bulk_id or -1)
        if (
            job is not None
            and job.state in (BulkState.FAILED, BulkState.CANCELLED)
            and job.transfer_id == transfer.id
        ):
            self.list.change(job, BulkState.FETCHING, "")

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way by itself."""
        return not (self._to_resume or self._starter.busy) and (
            self._poller.is_idle and self._unpacker.is_idle
        )

    @property
    def is_unpacking(self) -> bool:
        """Whether files come out of an archive now."""
        return bool(self._unpacker.runs)

    def tick(self) -> float | None:
        """Do what is due; seconds until the next thing, or None."""
        resume, self._to_resume = self._to_resume, []
        for job in resume:
            self._resume(job)
        now = self._clock()
        waits = (self._poller.tick(now), self._unpacker.tick(now))
        return min((seconds for seconds in waits if seconds is not None), default=None)

    def stop(self) -> None:
        """Have all workers let go; the next engine goes on."""
        for stop in (*self._unpacker.runs.values(), *self._starter.busy.values()):
            stop.set()

    def close(self) -> None:
        """Let go of the notes."""
        if self.list.notes is not None:
            self.list.notes.close()

    def _resume(self, job: BulkJobRecord) -> None:
        if job.state is BulkState.FETCHING:
            self._fetcher.resume(job)
        elif job.state is BulkState.UNPACKING:
            self._unpacker.unpack(job)
        elif job.state in ON_SERVER:
            self._prepare(job)

    def _lost(self, job: BulkJobRecord, why: str, code: str) -> None:
        """The archive that was here is gone, or of no use."""
        self._fetcher.gone(job, why, code)

    def _prepare(self, job: BulkJobRecord) -> None:
        """Ask how far a job is, or check what is here and then ask for it."""
        if job.job_id:
            self._poller.follow(job)
        else:
            self._starter.start(job)
