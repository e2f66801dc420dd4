"""The bulk jobs: what people may do with them, and how their parts hang together.

    begin (what is here?) → follow (ask Flow, poll) → fetch (a transfer) → unpack → done

The engine's thread alone uses the tracker; what takes time is done by workers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from flowtui.engine.bulk.fetching import ArchiveFetcher
from flowtui.engine.bulk.job import BulkJobRecord
from flowtui.engine.bulk.jobs import BulkJobs, Desk
from flowtui.engine.bulk.notes import Notes
from flowtui.engine.bulk.polling import ON_SERVER, JobPoller
from flowtui.engine.bulk.start import JobStarter
from flowtui.engine.bulk.unpacking import Unpacker
from flowtui.engine.queue.queue import Transfer
from flowtui.protocol.messages import Batch, BulkFileRow, RequestRefused
from flowtui.protocol.states import BULK_ENDED, BulkState, TransferState
from flowtui.transfer.task import ExpectedFile


class BulkTracker:
    """All bulk jobs of an engine.

    Attributes:
        list: the jobs themselves, and which of them have news.
    """

    def __init__(self, desk: Desk, *, keep_notes: bool) -> None:
        """`keep_notes`: for an engine that remembers nothing (see `bulk_note`)."""
        self.list = BulkJobs(desk, Notes() if keep_notes else None)
        self._desk = desk
        self._unpacker = Unpacker(self.list, lost=self._lost)
        self._fetcher = ArchiveFetcher(
            self.list, prepare=self._prepare, unpack=self._unpacker.unpack
        )
        self._follower = JobPoller(self.list, ready=self._fetcher.fetch, gone=self._fetcher.gone)
        self._beginner = JobStarter(
            self.list, follow=self._follower.follow, unpack=self._unpacker.unpack
        )
        self._to_resume: list[BulkJobRecord] = []

    @property
    def jobs(self) -> dict[int, BulkJobRecord]:
        """The jobs by id."""
        return self.list.jobs

    def restore(self, jobs: Iterable[BulkJobRecord]) -> None:
        """Take over what an earlier engine stored; the first turn goes on with it."""
        for job in jobs:
            self.jobs[job.id] = job
            if job.state not in BULK_ENDED:
                self._to_resume.append(job)

    def claims(self, root: str) -> Iterable[tuple[str, str]]:
        """The paths below `root` that are kept for files still to come, and their keys."""
        for job in self.jobs.values():
            if job.root == root and job.state not in BULK_ENDED:
                yield from ((one.path, one.file.key) for one in job.wanted() if one.path)

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
            created=self._desk.clock(),
            unpack=unpack,
            up_to=batch.one_by_one_up_to,
        )
        self._beginner.begin(job)
        return job

    # What people may do

    def act(self, ids: Iterable[int], action: str) -> int:
        """Cancel, retry, create again, fetch one by one or forget; for how many it was so."""
        steps: dict[str, Callable[[BulkJobRecord], bool]] = {
            "cancel": self._cancel,
            "retry": self._retry,
            "again": self._again,
            "one_by_one": self._one_by_one,
            "forget": self._forget,
        }
        step = steps.get(action)
        if step is None:
            raise RequestRefused("BAD_REQUEST", f"no such action: {action}")
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
        words = f"its archive is kept, {job.archive}: retry goes on with it" if job.archive else ""
        self.list.change(job, BulkState.CANCELLED, words)
        return True

    def _retry(self, job: BulkJobRecord) -> bool:
        """Go on from where it is: an archive that is here is not fetched again."""
        if job.state not in (BulkState.FAILED, BulkState.EXPIRED, BulkState.CANCELLED):
            return False
        job.again = 0
        transfer = self._desk.transfer(job.transfer_id or -1)
        if job.archive and job.unpack:
            self._unpacker.unpack(job)
        elif job.state is BulkState.FAILED and transfer and transfer.state is TransferState.FAILED:
            self.list.change(job, BulkState.FETCHING, "")
            self._desk.retry(transfer.id)
        elif (
            job.job_id
            and job.state is not BulkState.EXPIRED
            and job.code not in ("FAILED", "EXPIRED")
        ):
            # Nothing says that the job on the server is no more; but look first what is here.
            self.list.look_anew(job)
            self.list.change(job, BulkState.PENDING, "")
            self._beginner.begin(job)
        else:
            self.list.look_anew(job)
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
        self.list.look_anew(job)
        self.list.one_by_one(job, job.missing(), "as you asked for")
        words = "its files are fetched one by one"
        if job.archive:
            words += f"; its archive is kept: {job.archive}"
        self.list.change(job, BulkState.CANCELLED, words, "ONE_BY_ONE")
        return True

    def _forget(self, job: BulkJobRecord) -> bool:
        if job.state not in BULK_ENDED:
            return False
        self.list.remove(job)
        return True

    def _let_go(self, job: BulkJobRecord) -> None:
        self._beginner.stop(job)
        self._follower.leave(job)
        self._unpacker.stop(job)

    def under_way(self, root: str) -> dict[str, int]:
        """The keys of files below `root` that an unfinished job will bring, and which job."""
        found: dict[str, int] = {}
        for job in self.jobs.values():
            if job.root == root and job.unpack and job.state not in BULK_ENDED:
                found |= dict.fromkeys((one.file.key for one in job.missing()), job.id)
        return found

    # What the engine tells

    def signed_in(self, server: str) -> None:
        """Look at this server's jobs again, now."""
        self._follower.signed_in(server)

    def transfer_ended(self, transfer: Transfer) -> None:
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

    def is_unpacked(self, bulk_id: int | None) -> bool:
        """Whether this is a job whose archive goes when its files are here."""
        job = self.jobs.get(bulk_id or -1)
        return job is not None and job.unpack

    def reserved(self, batch_id: int) -> int:
        """Bytes that the jobs of a batch will write beside the transfers that are queued."""
        total = 0
        for job in self.jobs.values():
            if job.batch_id == batch_id:
                total += job.bytes_to_unpack
        return total

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way by itself."""
        return not (self._to_resume or self._beginner.busy) and (
            self._follower.is_idle and self._unpacker.is_idle
        )

    @property
    def is_unpacking(self) -> bool:
        """Whether files come out of an archive now."""
        return bool(self._unpacker.runs)

    def turn(self) -> float | None:
        """Do what is due; seconds until the next thing, or None."""
        resume, self._to_resume = self._to_resume, []
        for job in resume:
            self._resume(job)
        now = self._desk.clock()
        waits = (self._follower.turn(now), self._unpacker.turn(now))
        return min((one for one in waits if one is not None), default=None)

    def stop(self) -> None:
        """Have all workers let go; the next engine goes on."""
        for stop in (*self._unpacker.runs.values(), *self._beginner.busy.values()):
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
        """Ask how far a job is, or look what is here and then ask for it."""
        if job.job_id:
            self._follower.follow(job)
        else:
            self._beginner.begin(job)
