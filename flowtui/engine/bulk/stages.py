"""The stages of a bulk job, each of which hands over to the next.

start (what is here?) → polling (ask Flow) → fetching (a transfer) → unpacking → done; from each
of them also → singles (files that come one by one) → done
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowtui.engine.bulk.fetching import ArchiveFetcher
from flowtui.engine.bulk.job import BulkJobRecord
from flowtui.engine.bulk.jobs import BulkJobs, Work
from flowtui.engine.bulk.polling import ON_SERVER, JobPoller
from flowtui.engine.bulk.singles import Singles
from flowtui.engine.bulk.start import JobStarter
from flowtui.engine.bulk.unpacking import Unpacker
from flowtui.engine.queue.silence import CODE, SilentDisks
from flowtui.protocol.states import BULK_ENDED, BulkState

if TYPE_CHECKING:
    from flowtui.engine.mailbox import Mailbox
    from flowtui.engine.queue.admission import Admission
    from flowtui.engine.queue.folders import TargetFolders
    from flowtui.engine.queue.intake import Intake
    from flowtui.engine.queue.queue import Queue
    from flowtui.engine.queue.scheduler import Scheduler
    from flowtui.engine.queue.sign_ins import SignIns
    from flowtui.engine.workers.pool import Workers
    from flowtui.system.clocks import Clocks
    from flowtui.timings import Timings
    from flowtui.transfer.http.clients import Clients


@dataclass(frozen=True)
class EngineParts:
    """What bulk jobs use of the engine: the queue, and who does the work."""

    queue: Queue
    intake: Intake
    scheduler: Scheduler
    disks: SilentDisks
    admission: Admission
    folders: TargetFolders
    sign_ins: SignIns
    clients: Clients
    workers: Workers
    mailbox: Mailbox
    clocks: Clocks
    timings: Timings
    on_mistake: Callable[[str, Exception], object]


class Stages:
    """The four stages, each with the jobs that are in it."""

    def __init__(self, jobs: BulkJobs, parts: EngineParts) -> None:
        self._jobs = jobs
        self._parts = parts
        self._is_silence_said = False
        self.singles = Singles(jobs, parts.queue)
        self.unpacker = Unpacker(
            jobs,
            parts.queue,
            parts.folders,
            parts.workers,
            parts.mailbox,
            parts.timings,
            singles=self.singles,
            lost=self._lost,
        )
        self.fetcher = ArchiveFetcher(
            jobs,
            parts.queue,
            parts.intake,
            parts.admission,
            prepare=self._prepare,
            unpack=self.unpacker.unpack,
        )
        self.poller = JobPoller(
            jobs,
            parts.workers,
            parts.clients,
            parts.sign_ins,
            parts.mailbox,
            parts.timings,
            ready=self.fetcher.fetch,
            gone=self.fetcher.gone,
            one_by_one=self.singles.bring,
        )
        self.starter = JobStarter(
            jobs,
            parts.folders,
            parts.workers,
            parts.mailbox,
            parts.timings,
            follow=self.poller.follow,
            unpack=self.unpacker.unpack,
            one_by_one=self.singles.bring,
        )

    @property
    def is_idle(self) -> bool:
        """Whether no job is under way by itself."""
        silent = self._parts.disks.silent
        return not (self.starter.busy or self.starter.due) and (
            self.poller.is_idle(silent) and self.unpacker.is_idle(silent)
        )

    def tick(self, now: float) -> float | None:
        """Do what is due; seconds until the next thing, or None."""
        self._say_silent()
        looks = self._parts.timings.disk_patience if any(True for _ in self._working()) else None
        waits = (self.starter.tick(now), self.poller.tick(now), self.unpacker.tick(now), looks)
        return min((seconds for seconds in waits if seconds is not None), default=None)

    def resume(self, job: BulkJobRecord) -> None:
        """Take up a job of an earlier engine where that left it."""
        if job.state is BulkState.FETCHING:
            self.fetcher.resume(job)
        elif job.state is BulkState.UNPACKING:
            self.unpacker.unpack(job)
        elif job.state is BulkState.ONE_BY_ONE:
            self.singles.follow(job)
        elif job.state in BULK_ENDED:
            self.singles.take_up(job)
        elif job.state in ON_SERVER:
            self._prepare(job)

    def leave(self, job: BulkJobRecord) -> None:
        """Do nothing more for a job."""
        self.starter.stop(job)
        self.poller.leave(job)
        self.unpacker.stop(job)
        self.singles.leave(job.id)

    def drop(self, id_: int) -> None:
        """Nobody works on this job any more: what was begun for it has failed half-way."""
        self.starter.drop(id_)
        self.poller.drop(id_)
        self.unpacker.drop(id_)
        self.singles.leave(id_)

    def stop(self) -> None:
        """Have all workers let go; the next engine goes on."""
        for work in (*self.unpacker.runs.values(), *self.starter.busy.values()):
            work.stop.set()

    def _working(self) -> Iterator[tuple[BulkJobRecord, Work]]:
        """The jobs that workers are at, with their disks."""
        for id_, work in (*self.starter.busy.items(), *self.unpacker.runs.items()):
            if (job := self._jobs.jobs.get(id_)) is not None:
                yield job, work

    def asked_disks(self) -> dict[str, float]:
        """The folders whose disks are asked something, and since when."""
        asked: dict[str, float] = {}
        for job, work in self._working():
            if (since := work.calls.since) is not None:
                asked[job.root] = min(since, asked.get(job.root, since))
        return asked

    def _say_silent(self) -> None:
        """Say of jobs that they wait for a disk that does not answer, while it is so."""
        silent = self._parts.disks.silent
        if not silent and not self._is_silence_said:
            return
        self._is_silence_said = bool(silent)
        for job in self._jobs.jobs.values():
            words = silent.get(job.root, "")
            is_said = job.code == CODE and job.reason == words if words else job.code != CODE
            if is_said or job.state in BULK_ENDED or job.state is BulkState.FETCHING:
                continue  # of an archive that is fetched its transfer says it
            say = lambda job=job, words=words: self._jobs.change(  # noqa: E731
                job, None, words, CODE if words else ""
            )
            self._jobs.apart(job.id, say, self.drop)

    def _lost(self, job: BulkJobRecord, why: str, code: str) -> None:
        """The archive that was here is gone, or of no use."""
        self.fetcher.gone(job, why, code)

    def _prepare(self, job: BulkJobRecord) -> None:
        """Ask how far a job is, or check what is here and then ask for it."""
        if job.job_id:
            self.poller.follow(job)
        else:
            self.starter.start(job)
