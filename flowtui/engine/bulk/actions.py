"""What people may do with bulk jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from flowtui.engine.bulk.job import BulkJobRecord
from flowtui.engine.bulk.jobs import BulkJobs
from flowtui.engine.bulk.stages import Stages
from flowtui.protocol.messages import RequestRefused
from flowtui.protocol.states import BULK_ENDED, BulkState, TransferState

if TYPE_CHECKING:
    from flowtui.engine.queue.queue import Queue
    from flowtui.engine.queue.scheduler import Scheduler


class BulkActions:
    """Does what was asked for, where a job's state allows it."""

    def __init__(self, jobs: BulkJobs, stages: Stages, queue: Queue, scheduler: Scheduler) -> None:
        self._jobs = jobs
        self._stages = stages
        self._queue = queue
        self._scheduler = scheduler

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
        return sum(step(job) for job in self._jobs.pick(ids))

    def _cancel(self, job: BulkJobRecord) -> bool:
        if job.state in BULK_ENDED:
            return False
        self._stages.leave(job)
        words = f"archive kept at {job.archive}; retry to continue with it" if job.archive else ""
        self._jobs.change(job, BulkState.CANCELLED, words)
        self._stages.unpacker.sweep(job)
        return True

    def _retry(self, job: BulkJobRecord) -> bool:
        """Go on from where it is: an archive that is here is not fetched again."""
        if job.state not in (BulkState.FAILED, BulkState.EXPIRED, BulkState.CANCELLED):
            return False
        job.again = 0
        self._stages.singles.leave(job.id)
        transfer = self._queue.transfers.get(job.transfer_id or -1)
        if job.archive and job.unpack:
            self._stages.unpacker.unpack(job)
        elif job.state is BulkState.FAILED and transfer and transfer.state is TransferState.FAILED:
            self._jobs.change(job, BulkState.FETCHING, "")
            self._scheduler.requeue(transfer)
        elif (
            job.job_id
            and job.state is not BulkState.EXPIRED
            and job.code not in ("FAILED", "EXPIRED")
        ):
            # Nothing says that the job on the server is gone; but check first what is here.
            self._jobs.recheck_singles(job)
            self._jobs.change(job, BulkState.PENDING, "")
            self._stages.starter.start(job)
        else:
            self._jobs.recheck_singles(job)
            self._stages.fetcher.anew(job, "")
        return True

    def _again(self, job: BulkJobRecord) -> bool:
        if job.state not in BULK_ENDED:
            return False
        job.again = 0
        self._stages.singles.leave(job.id)
        job.keep({})
        self._stages.fetcher.anew(job, "")
        return True

    def _one_by_one(self, job: BulkJobRecord) -> bool:
        """Fetch what is missing by transfers of its own, and leave the archive."""
        if job.state in (BulkState.DONE, BulkState.ONE_BY_ONE):
            return False
        self._stages.leave(job)
        self._jobs.recheck_singles(job)
        words = "downloading its files one by one"
        if job.archive:
            words += f"; archive kept at {job.archive}"
        self._stages.singles.bring(job, "you asked for it", words, "ONE_BY_ONE")
        return True

    def _forget(self, job: BulkJobRecord) -> bool:
        if job.state not in BULK_ENDED:
            return False
        self._stages.singles.leave(job.id)
        self._jobs.remove(job)
        transfer = self._queue.transfers.get(job.transfer_id or -1)
        if transfer is not None:
            transfer.temporary = False  # nobody is left to unpack it
        return True
