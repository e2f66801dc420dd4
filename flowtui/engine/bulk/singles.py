"""The files of bulk jobs that come one by one: waited for, until the last of them has ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flowtui.engine.bulk.job import SAVE_EVERY, BulkJobRecord
from flowtui.engine.bulk.jobs import BulkJobs
from flowtui.engine.queue.queue import Queue, Transfer
from flowtui.protocol.states import BULK_ENDED, ENDED, GOOD, BulkState
from flowtui.transfer.task import ONE_BY_ONE, FileResult

if TYPE_CHECKING:
    from collections.abc import Iterable


ENDED_TOO_EARLY = ("NOT_OFFERED", "ONE_BY_ONE")
"""Codes of jobs that flowtui once ended when their files were queued."""


@dataclass(frozen=True)
class Loss:
    """A single file that could not be had."""

    filename: str
    reason: str
    code: str


@dataclass
class _Wait:
    """The files of a job that come one by one and are not here.

    Attributes:
        over: told what could not be had, when nothing is under way any more.
        under_way: keys. `lost`: key → why it has not come.
    """

    over: Callable[[list[Loss]], None]
    under_way: set[str] = field(default_factory=set)
    lost: dict[str, Loss] = field(default_factory=dict)
    saved: float = 0.0


class Singles:
    """Follows the transfers of files that no archive brings, and ends jobs that have only those.

    A file that comes later, because somebody has tried it again, counts too.
    """

    def __init__(self, jobs: BulkJobs, queue: Queue) -> None:
        self._jobs = jobs
        self._queue = queue
        self._waits: dict[int, _Wait] = {}

    def bring(self, job: BulkJobRecord, why: str, words: str, code: str = "") -> None:
        """Have all that is missing of a job come without an archive; it ends with the last file.

        `why` is said of each file, `words` of the job.
        """
        self._jobs.one_by_one(job, job.missing(), why)
        self._jobs.drop_note(job)
        self._jobs.change(job, BulkState.ONE_BY_ONE, words, code)
        self.follow(job)

    def follow(self, job: BulkJobRecord) -> None:
        """Wait for what comes one by one of a job that has nothing else to come."""
        self.wait(job, lambda lost: self._end(job, lost))

    def wait(self, job: BulkJobRecord, over: Callable[[list[Loss]], None]) -> None:
        """Call `over` when no single file of a job is under way; at once if none is."""
        wait = self._begin(job, over)
        for key in _to_come(job):
            transfer = self._queue.find(job.root, key)
            if transfer is None:
                filename = key.rpartition("/")[2]
                wait.lost[key] = Loss(filename, "it was taken off the list", "CANCELLED")
            elif transfer.state in ENDED:
                self._take(job, wait, transfer)
            else:
                wait.under_way.add(key)
        self._settle(job, wait)

    def is_waiting(self, id_: int) -> bool:
        """Whether files of a job are under way."""
        wait = self._waits.get(id_)
        return wait is not None and bool(wait.under_way)

    def leave(self, id_: int) -> None:
        """Wait for no files of a job; they come all the same."""
        self._waits.pop(id_, None)

    def under_way(self, job: BulkJobRecord) -> list[int]:
        """The transfers that bring files of a job alone, and have not ended."""
        wait = self._waits.get(job.id)
        keys = wait.under_way if wait is not None else ()
        found = (self._queue.find(job.root, key) for key in keys)
        return [one.id for one in found if one is not None and one.batch_id == job.batch_id]

    def ended(self, transfer: Transfer) -> None:
        """A transfer has ended that may be one of a job's files."""
        for job in self._jobs_of(transfer):
            come = lambda job=job: self._ended(job, transfer)  # noqa: E731
            self._jobs.apart(job.id, come, self.leave)

    def retried(self, transfer: Transfer) -> None:
        """A transfer is tried again that may be one of a job's files."""
        for job in self._jobs_of(transfer):
            wait = self._waits.get(job.id)
            if wait is None:
                continue
            wait.lost.pop(transfer.key, None)
            wait.under_way.add(transfer.key)
            if job.state is BulkState.FAILED and job.has_all_results:
                words = "downloading its files one by one"
                self._jobs.change(job, BulkState.ONE_BY_ONE, words)

    def take_up(self, job: BulkJobRecord) -> None:
        """Follow the files of a job that an earlier flowtui called over when they were queued."""
        self.follow(job)
        if self.is_waiting(job.id) and job.code in ENDED_TOO_EARLY:
            self._jobs.change(job, BulkState.ONE_BY_ONE, job.reason, job.code)

    @staticmethod
    def are_left(job: BulkJobRecord) -> bool:
        """Whether files of an ended job may come that nobody waits for."""
        is_over = job.state in BULK_ENDED and job.state is not BulkState.DONE
        return is_over and job.tally.come < job.count(ONE_BY_ONE)

    def _jobs_of(self, transfer: Transfer) -> Iterable[BulkJobRecord]:
        """The jobs that wait for a transfer's file, or have waited in vain."""
        return [
            job
            for job in self._jobs.jobs.values()
            if job.root == transfer.root
            and (result := job.results.get(transfer.key)) is not None
            and _is_to_come(result)
        ]

    def _begin(self, job: BulkJobRecord, over: Callable[[list[Loss]], None]) -> _Wait:
        wait = self._waits[job.id] = _Wait(over, saved=time.monotonic())
        return wait

    def _ended(self, job: BulkJobRecord, transfer: Transfer) -> None:
        wait = self._waits.get(job.id)
        if wait is None:
            if job.state not in BULK_ENDED:
                # Its archive is not here yet; only what is seen on the disk then counts.
                if transfer.state in GOOD:
                    _put(job, transfer)
                    self._jobs.touch(job, save=False)
                return
            self.follow(job)
            return
        self._take(job, wait, transfer)
        now = time.monotonic()
        save = now - wait.saved >= SAVE_EVERY
        if save:
            wait.saved = now
        self._jobs.touch(job, save=save)
        self._settle(job, wait)

    def _take(self, job: BulkJobRecord, wait: _Wait, transfer: Transfer) -> None:
        wait.under_way.discard(transfer.key)
        if transfer.state in GOOD:
            wait.lost.pop(transfer.key, None)
            _put(job, transfer)
        else:
            reason = transfer.reason or transfer.state.value
            wait.lost[transfer.key] = Loss(transfer.filename, reason, transfer.code)

    def _settle(self, job: BulkJobRecord, wait: _Wait) -> None:
        if wait.under_way:
            return
        over, wait.over = wait.over, lambda lost: self._end(job, lost)
        over(list(wait.lost.values()))

    def _end(self, job: BulkJobRecord, lost: list[Loss]) -> None:
        if lost:
            if job.state is BulkState.ONE_BY_ONE:
                self._jobs.change(job, BulkState.FAILED, words_of(job, lost), code_of(lost))
        elif job.state is BulkState.DONE or not job.has_all_results:
            self._jobs.touch(job)  # other files of it are missing
        else:
            self.leave(job.id)
            self._jobs.change(job, BulkState.DONE, done_words(job))


def words_of(job: BulkJobRecord, lost: list[Loss]) -> str:
    """What to say of a job of which these files could not be had."""
    words = f"could not download {len(lost):,} of {len(job.data_ids):,} files"
    return f"{words}: {lost[0].filename}: {lost[0].reason}"


def code_of(lost: list[Loss]) -> str:
    """The code of a job of which these files could not be had."""
    return lost[0].code or "CANCELLED"


def done_words(job: BulkJobRecord) -> str:
    """What to say of a job whose files are all here."""
    singles = job.count(ONE_BY_ONE)
    words = f"{singles:,} of {len(job.data_ids):,} files downloaded one by one" if singles else ""
    return f"{words}; archive kept at {job.archive}" if job.archive else words


def _to_come(job: BulkJobRecord) -> Iterator[str]:
    """The keys of the files that come one by one and are not here."""
    return iter([key for key, result in job.results.items() if _is_to_come(result)])


def _is_to_come(result: FileResult) -> bool:
    return result.state == ONE_BY_ONE and not result.verified_by


def _put(job: BulkJobRecord, transfer: Transfer) -> None:
    """Note that a file has come."""
    why = job.results[transfer.key].reason if transfer.verified_by else transfer.reason
    result = FileResult(ONE_BY_ONE, transfer.path, transfer.size, transfer.md5,
                        transfer.verified_by, why)  # fmt: skip
    job.put(transfer.key, result)
