"""How far a batch is: what the engine's events add up to, and the exit status that follows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from flowtui.cli.exit_codes import Exit, exit_of_all, exit_of_code
from flowtui.protocol.messages import Added, BulkFileRow, BulkRow, Summary, TransferRow
from flowtui.protocol.states import (
    BROKEN_ON_FLOW,
    BULK_ENDED,
    ENDED,
    GOOD,
    RUNNING,
    BulkState,
    TransferState,
)

NO_SPACE = "NO_SPACE"
SIGN_IN = "UNAUTHENTICATED"
INTERNAL = "INTERNAL"

_BULK_UNDONE = BULK_ENDED - {BulkState.DONE}
_BULK_ACTIVE = (
    BulkState.PENDING,
    BulkState.PROCESSING,
    BulkState.COMPLETED,
    BulkState.UNPACKING,
)

_FETCHED_ONE_BY_ONE = ("NOT_OFFERED", "ONE_BY_ONE")
"""Codes of bulk jobs whose files are fetched one by one instead."""


@dataclass
class BatchProgress:
    """What is known of a batch while the engine works on it, and what follows from that.

    Attributes:
        rows, bulk_jobs: the latest of each, by id.
        unpacked: the files that came out of an archive, or were here before it was asked for.
        running: the transfers that a worker holds, by id.
        counts: state → how many transfers.
        blocked_by: the code of what all unfinished transfers wait for in vain, or empty.
        interrupted: by the user, or by the end of the job's time.
        seconds: since the first of it was to be added.
        files: how many files were found for it so far.
        batch_id: the engine's, once something was added.
    """

    rows: dict[int, TransferRow] = field(default_factory=dict)
    running: dict[int, TransferRow] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    bulk_jobs: dict[int, BulkRow] = field(default_factory=dict)
    unpacked: tuple[BulkFileRow, ...] = ()
    summary: Summary = field(default_factory=Summary)
    blocked_by: str = ""
    interrupted: bool = False
    seconds: float = 0.0
    files: int = 0
    batch_id: int | None = None
    _expected: int = 0
    _bulk: bool = False
    _fetched_before: int = 0

    def added(self, added: Added) -> None:
        """Take note of what the engine was given."""
        if self.batch_id is None:
            self.batch_id = added.batch_id
        self._expected += len(added.ids)
        self._bulk = self._bulk or added.bulk_id is not None

    def update_transfer(self, row: TransferRow) -> None:
        """Take a transfer's latest row, without a walk over what may be a long queue."""
        self._drop(row.id)
        self.rows[row.id] = row
        self.counts[row.state] += 1
        if row.state in RUNNING:
            self.running[row.id] = row

    def remove_transfer(self, id: int) -> None:
        """Drop a transfer that has left the queue; what came over the network for it counts."""
        if id in self.rows:
            self._fetched_before += _fetched(self.rows[id])
            self._drop(id)

    def _drop(self, id: int) -> None:
        before = self.rows.pop(id, None)
        if before is not None:
            self.counts[before.state] -= 1
            self.running.pop(id, None)

    def count(self, *states: str) -> int:
        """How many transfers are in one of `states`."""
        return sum(self.counts[state] for state in states)

    def file_counts(self) -> Counter[str]:
        """State → how many files; an archive that is only a way to its files does not count."""
        counts = Counter(self.counts)
        for job in self.bulk_jobs.values():
            if job.unpack:
                if (archive := self.rows.get(job.transfer_id or -1)) is not None:
                    counts[archive.state] -= 1
                counts["done"] += job.unpacked
                counts["skipped"] += job.skipped
                lost = _lost(job)
                if job.state in BULK_ENDED:
                    counts["failed"] += lost
                elif lost:
                    counts["queued"] += lost
        return counts

    def _is_temporary(self, row: TransferRow) -> bool:
        """Whether this is an archive that is removed once it is unpacked."""
        job = self.bulk_jobs.get(row.bulk_id or -1)
        return job is not None and job.unpack

    def archive_failure(self) -> str:
        """The reason of a bulk job that brought no files; empty for none."""
        for job in self.bulk_jobs.values():
            if job.state in _BULK_UNDONE and _lost(job):
                return job.reason
        return ""

    def beside_foreign(self) -> list[str]:
        """Paths of files that have another name, since a different file stands at theirs."""
        singles = (
            row.path
            for row in self.rows.values()
            if row.occupied and row.state in GOOD and not self._is_temporary(row)
        )
        return [*singles, *(file.path for file in self.unpacked if file.occupied)]

    def _is_beside_foreign(self) -> bool:
        unpacked = any(job.occupied for job in self.bulk_jobs.values())
        return unpacked or bool(self.beside_foreign())

    def broken_files(self) -> int:
        """How many files are here as Flow has them, and are broken there."""
        return sum(row.code == BROKEN_ON_FLOW for row in self.rows.values())

    def verified_bytes(self) -> int:
        """Bytes of the files that are here and verified."""
        return sum(
            row.size or row.done
            for row in self.rows.values()
            if row.state in GOOD and not self._is_temporary(row)
        ) + sum(file.size or 0 for file in self.unpacked)

    def fetched_bytes(self) -> int:
        """Bytes that came over the network in this run, as far as they are still here."""
        return self._fetched_before + sum(map(_fetched, self.rows.values()))

    def waiting_reason(self, code: str) -> str:
        """The reason of one of the transfers that wait with this code; empty for none."""
        for row in self.rows.values():
            if row.state == TransferState.WAITING and row.code == code:
                return row.reason
        for job in self.bulk_jobs.values():
            if job.state == BulkState.UNPACKING and job.code == code:
                return job.reason
        return ""

    def is_finished(self) -> bool:
        """Whether all that was added has ended, as far as the events say."""
        if self._bulk:
            # A job may have been split into several.
            jobs = [job for job in self.bulk_jobs.values() if job.batch_id == self.batch_id]
            if not jobs or any(job.state not in BULK_ENDED for job in jobs):
                return False
        ended = self.count(*ENDED)
        return ended == len(self.rows) and ended >= self._expected

    def blocking_code(self) -> str:
        """The code of what all unfinished transfers wait for, if only a person can help; or empty.

        Behind a transfer that waits for a sign-in the rest stays queued.
        """
        if self.running:
            return ""
        if self.summary.needs_sign_in:
            return SIGN_IN
        full = [job for job in self.bulk_jobs.values()
                if job.state == BulkState.UNPACKING and job.code == NO_SPACE]  # fmt: skip
        if any(job.state in _BULK_ACTIVE and job not in full for job in self.bulk_jobs.values()):
            return ""
        waiting = self.count(TransferState.WAITING)
        if full and not waiting:
            return NO_SPACE
        if not waiting or self.count(TransferState.QUEUED):
            return ""
        codes = (row.code for row in self.rows.values() if row.state == TransferState.WAITING)
        return NO_SPACE if all(code == NO_SPACE for code in codes) else ""

    def exit_status(self) -> Exit:
        """The exit status as things stand."""
        if self.interrupted:
            return Exit.INTERRUPTED
        if self.blocked_by:
            return exit_of_code(self.blocked_by)
        counts = self.file_counts()
        good = sum(counts[state] for state in GOOD)
        undone_jobs = [job for job in self.bulk_jobs.values() if job.state in _BULK_UNDONE]
        undone = [row for row in self.rows.values() if row.state not in GOOD]
        codes = {row.code for row in undone} | {job.code for job in undone_jobs}
        # A job that Flow refused is no loss where the files came one by one instead.
        lost = [job for job in undone_jobs if job.code not in _FETCHED_ONE_BY_ONE or not good]
        if not undone and not lost:
            noticed = self._is_beside_foreign() or self.broken_files()
            return Exit.SOME_FAILED if noticed else Exit.OK
        causes = {exit_of_code(code) for code in codes}
        return causes.pop() if not good and len(causes) == 1 else exit_of_all(causes)


def _lost(job: BulkRow) -> int:
    """How many of a job's files neither are here nor come by transfers of their own."""
    return job.files - job.unpacked - job.skipped - job.one_by_one


def _fetched(row: TransferRow) -> int:
    """Bytes that came over the network for a transfer, and are here."""
    is_fetched = row.state != TransferState.SKIPPED and not row.linked
    return max(0, row.done - row.resumed_at) if is_fetched else 0
