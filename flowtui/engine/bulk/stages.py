"""The stages of a bulk job, each of which hands over to the next.

start (what is here?) → polling (ask Flow) → fetching (a transfer) → unpacking → done
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowtui.engine.bulk.fetching import ArchiveFetcher
from flowtui.engine.bulk.job import BulkJobRecord
from flowtui.engine.bulk.jobs import BulkJobs
from flowtui.engine.bulk.polling import ON_SERVER, JobPoller
from flowtui.engine.bulk.start import JobStarter
from flowtui.engine.bulk.unpacking import Unpacker
from flowtui.protocol.states import BulkState

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
    admission: Admission
    folders: TargetFolders
    sign_ins: SignIns
    clients: Clients
    workers: Workers
    mailbox: Mailbox
    clocks: Clocks
    timings: Timings


class Stages:
    """The four stages, each with the jobs that are in it."""

    def __init__(self, jobs: BulkJobs, parts: EngineParts) -> None:
        self.unpacker = Unpacker(
            jobs, parts.folders, parts.workers, parts.mailbox, parts.timings, lost=self._lost
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
        )
        self.starter = JobStarter(
            jobs,
            parts.folders,
            parts.workers,
            parts.mailbox,
            follow=self.poller.follow,
            unpack=self.unpacker.unpack,
        )

    @property
    def is_idle(self) -> bool:
        """Whether no job is under way by itself."""
        return not self.starter.busy and self.poller.is_idle and self.unpacker.is_idle

    def tick(self, now: float) -> float | None:
        """Do what is due; seconds until the next thing, or None."""
        waits = (self.poller.tick(now), self.unpacker.tick(now))
        return min((seconds for seconds in waits if seconds is not None), default=None)

    def resume(self, job: BulkJobRecord) -> None:
        """Take up a job of an earlier engine where that left it."""
        if job.state is BulkState.FETCHING:
            self.fetcher.resume(job)
        elif job.state is BulkState.UNPACKING:
            self.unpacker.unpack(job)
        elif job.state in ON_SERVER:
            self._prepare(job)

    def leave(self, job: BulkJobRecord) -> None:
        """Do nothing more for a job."""
        self.starter.stop(job)
        self.poller.leave(job)
        self.unpacker.stop(job)

    def stop(self) -> None:
        """Have all workers let go; the next engine goes on."""
        for stop in (*self.unpacker.runs.values(), *self.starter.busy.values()):
            stop.set()

    def _lost(self, job: BulkJobRecord, why: str, code: str) -> None:
        """The archive that was here is gone, or of no use."""
        self.fetcher.gone(job, why, code)

    def _prepare(self, job: BulkJobRecord) -> None:
        """Ask how far a job is, or check what is here and then ask for it."""
        if job.job_id:
            self.poller.follow(job)
        else:
            self.starter.start(job)
