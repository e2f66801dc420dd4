"""Following a batch to its end in the foreground engine, and what came of it."""

from __future__ import annotations

import contextlib
import queue
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from flowtui.cli.exit_codes import Exit, exit_of_code
from flowtui.cli.output import Output
from flowtui.protocol.messages import (
    Added,
    Batch,
    BulkFileRow,
    BulkRow,
    Changes,
    Status,
    Summary,
    TransferRow,
)
from flowtui.protocol.states import BULK_ENDED, ENDED, RUNNING, BulkState, TransferState

STUCK_AFTER = 1.5
"""Seconds for which all that is left must have waited before a job gives up: the engine may only
be about to look again."""

PROGRESS_EVERY = 1.0
"""Seconds between two `progress` events."""

_NO_SPACE = "NO_SPACE"
_SIGN_IN = "UNAUTHENTICATED"
_BAD_ENDS = BULK_ENDED - {BulkState.DONE}
_GOOD = (TransferState.DONE, TransferState.SKIPPED)
_UNDER_WAY = (BulkState.PENDING, BulkState.PROCESSING, BulkState.COMPLETED, BulkState.UNPACKING)

_NO_LOSS = ("NOT_OFFERED", "ONE_BY_ONE")
"""Codes of bulk jobs whose files come one by one instead."""


class EngineLike(Protocol):
    """What of the engine is needed here."""

    def add(self, batch: Batch) -> Added:
        """Queue a batch."""

    def subscribe(self, callback: Callable[[Changes], None]) -> Callable[[], None]:
        """Call back with what changes, the whole queue first."""

    def status(self, rows: bool = False) -> Status:
        """The queue now."""

    def bulk_files(self, id_: int) -> tuple[BulkFileRow, ...]:
        """The files of a bulk job."""

    def is_idle(self) -> bool:
        """Whether there is nothing more to do by itself."""


class View(Protocol):
    """Who shows the progress to people."""

    def update(self, follow: Follow) -> None:
        """Show where it stands."""

    def transfer(self, row: TransferRow) -> None:
        """A transfer has come to another state."""

    def bulk(self, row: BulkRow) -> None:
        """A bulk job has come to another state."""

    def close(self) -> None:
        """Leave the terminal as it was."""


@dataclass
class Follow:
    """What is known of the queue while it is followed.

    Attributes:
        rows, bulk_jobs: the latest of each, by id.
        unpacked: the files that came out of an archive, or were here before it was asked for.
        running: the transfers that a worker holds, by id.
        counts: state → how many transfers.
        stuck: the code of what all that is left waits for in vain, or empty.
        interrupted: the user or the job's time is over.
        seconds: since the batch was added.
    """

    rows: dict[int, TransferRow] = field(default_factory=dict)
    running: dict[int, TransferRow] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    bulk_jobs: dict[int, BulkRow] = field(default_factory=dict)
    unpacked: tuple[BulkFileRow, ...] = ()
    summary: Summary = field(default_factory=Summary)
    stuck: str = ""
    interrupted: bool = False
    seconds: float = 0.0

    def put(self, row: TransferRow) -> None:
        """Take the latest of a transfer. A queue may be long, so nothing here goes over it all."""
        self.forget(row.id)
        self.rows[row.id] = row
        self.counts[row.state] += 1
        if row.state in RUNNING:
            self.running[row.id] = row

    def forget(self, id: int) -> None:
        """A transfer has left the queue."""
        before = self.rows.pop(id, None)
        if before is not None:
            self.counts[before.state] -= 1
            self.running.pop(id, None)

    def count(self, *states: str) -> int:
        """How many transfers are in one of `states`."""
        return sum(self.counts[state] for state in states)

    def files(self) -> Counter[str]:
        """State → how many files; an archive that is only a way to its files does not count."""
        counts = Counter(self.counts)
        for job in self.bulk_jobs.values():
            if job.unpack:
                if (archive := self.rows.get(job.transfer_id or -1)) is not None:
                    counts[archive.state] -= 1
                counts["done"] += job.unpacked
                counts["skipped"] += job.skipped
                lost = job.files - job.unpacked - job.skipped - job.one_by_one
                if job.state in BULK_ENDED:
                    counts["failed"] += lost
                elif lost:
                    counts["queued"] += lost
        return counts

    def _is_passing(self, row: TransferRow) -> bool:
        """Whether this is an archive that is removed when its files are here."""
        job = self.bulk_jobs.get(row.bulk_id or -1)
        return job is not None and job.unpack

    def why_no_archive(self) -> str:
        """The words of a bulk job that brought no files; empty for none."""
        for job in self.bulk_jobs.values():
            if job.state in _BAD_ENDS and job.code not in _NO_LOSS:
                return job.reason
        return ""

    def bytes_here(self) -> int:
        """Bytes of the files that are here and verified."""
        return sum(
            row.size or row.done
            for row in self.rows.values()
            if row.state in _GOOD and not self._is_passing(row)
        ) + sum(one.size or 0 for one in self.unpacked)

    def fetched(self) -> int:
        """Bytes that came over the network in this run, as far as they are still here."""
        rows = (row for row in self.rows.values() if row.state != TransferState.SKIPPED)
        return sum(max(0, row.done - row.resumed_at) for row in rows)

    def why_waiting(self, code: str) -> str:
        """The words of one of the transfers that wait with this code; empty for none."""
        for row in self.rows.values():
            if row.state == TransferState.WAITING and row.code == code:
                return row.reason
        for job in self.bulk_jobs.values():
            if job.state == BulkState.UNPACKING and job.code == code:
                return job.reason
        return ""

    def is_over(self, added: Added) -> bool:
        """Whether all that was added has ended, as far as the events tell."""
        if added.bulk_id is not None:
            # A job may have been split into several.
            jobs = [one for one in self.bulk_jobs.values() if one.batch_id == added.batch_id]
            if not jobs or any(one.state not in BULK_ENDED for one in jobs):
                return False
        ended = self.count(*ENDED)
        return ended == len(self.rows) and ended >= len(added.ids)

    def hopeless(self) -> str:
        """The code of what everything unfinished waits for, where nobody is here to help.

        Behind a transfer that waits for a sign-in the rest stays queued.
        """
        if self.running:
            return ""
        if self.summary.needs_sign_in:
            return _SIGN_IN
        full = [job for job in self.bulk_jobs.values()
                if job.state == BulkState.UNPACKING and job.code == _NO_SPACE]  # fmt: skip
        if any(job.state in _UNDER_WAY and job not in full for job in self.bulk_jobs.values()):
            return ""
        waiting = self.count(TransferState.WAITING)
        if full and not waiting:
            return _NO_SPACE
        if not waiting or self.count(TransferState.QUEUED):
            return ""
        codes = (row.code for row in self.rows.values() if row.state == TransferState.WAITING)
        return _NO_SPACE if all(code == _NO_SPACE for code in codes) else ""

    def exit(self) -> Exit:
        """The exit status of it all as it stands."""
        if self.interrupted:
            return Exit.INTERRUPTED
        if self.stuck:
            return exit_of_code(self.stuck)
        counts = self.files()
        good = sum(counts[state] for state in _GOOD)
        bad_jobs = [job for job in self.bulk_jobs.values() if job.state in _BAD_ENDS]
        bad = [row for row in self.rows.values() if row.state not in _GOOD]
        codes = {row.code for row in bad} | {job.code for job in bad_jobs}
        # A job that Flow refused is no loss where the files came one by one instead.
        lost = [job for job in bad_jobs if job.code not in _NO_LOSS or not good]
        if not bad and not lost:
            return Exit.OK
        causes = {exit_of_code(code) for code in codes}
        return causes.pop() if not good and len(causes) == 1 else Exit.SOME_FAILED


class Follower:
    """Takes the engine's events on the main thread, shows and reports them, and finds the end."""

    def __init__(
        self, engine: EngineLike, out: Output, view: View, interrupted: Callable[[], bool]
    ) -> None:
        self._engine = engine
        self._out = out
        self._view = view
        self._interrupted = interrupted
        self._events: queue.SimpleQueue[Changes] = queue.SimpleQueue()
        self._told: dict[int, tuple[str, str]] = {}
        self._told_bulk: dict[int, tuple[str, str]] = {}
        self.state = Follow()

    def run(self, batch: Batch) -> Follow:
        """Add `batch` and stay until its end, an interruption, or a wait for what cannot come."""
        started = time.monotonic()
        unsubscribe = self._engine.subscribe(self._events.put)
        try:
            added = self._engine.add(batch)
            self._out.event(
                "added",
                batch_id=added.batch_id,
                root=batch.root,
                files=len(batch.files),
                added=added.added,
                known=added.known,
                bulk=batch.bulk,
                bulk_id=added.bulk_id,
            )
            self._until_end(added, started)
        finally:
            unsubscribe()
            self._view.close()
        # What the last events may not have said yet.
        now = self._engine.status(rows=True)
        self._take(Changes(now.summary, now.transfers, now.bulk_jobs))
        self._tell_files()
        self.state.seconds = time.monotonic() - started
        return self.state

    def _tell_files(self) -> None:
        """Say what became of the files of bulk jobs, which have no transfers of their own."""
        here: list[BulkFileRow] = []
        for job in self.state.bulk_jobs.values():
            for one in self._engine.bulk_files(job.id) if job.unpack else ():
                if one.state in _GOOD:
                    here.append(one)
                self._out.event("bulk_file", bulk_id=job.id, **bulk_file_fields(one, job))
        self.state.unpacked = tuple(here)

    def _until_end(self, added: Added, started: float) -> None:
        state = self.state
        told = stuck_since = time.monotonic()  # seconds
        while True:
            with contextlib.suppress(queue.Empty):
                self._take(self._events.get(timeout=0.2))
            now = time.monotonic()
            state.seconds = now - started
            if self._interrupted():
                state.interrupted = True
                return
            self._view.update(state)
            if now - told >= PROGRESS_EVERY:
                told = now
                self._progress()
            if state.is_over(added) and self._engine.is_idle() and self._events.empty():
                return
            hopeless = state.hopeless()
            if not hopeless:
                stuck_since = now
            elif now - stuck_since >= STUCK_AFTER:
                state.stuck = hopeless
                return

    def _take(self, changes: Changes) -> None:
        state = self.state
        state.summary = changes.summary
        for row in changes.transfers:
            state.put(row)
            if self._told.get(row.id) != (row.state, row.reason):
                self._told[row.id] = (row.state, row.reason)
                self._tell(row)
        for job in changes.bulk_jobs:
            state.bulk_jobs[job.id] = job
            if self._told_bulk.get(job.id) != (job.state, job.reason):
                self._told_bulk[job.id] = (job.state, job.reason)
                self._tell_bulk(job)
        for gone in changes.removed:
            state.forget(gone)
        for gone in changes.removed_bulk:
            state.bulk_jobs.pop(gone, None)

    def _tell(self, row: TransferRow) -> None:
        self._view.transfer(row)
        if self._out.as_json:
            self._out.event("transfer", **transfer_fields(row))

    def _tell_bulk(self, job: BulkRow) -> None:
        self._view.bulk(job)
        self._out.event("bulk", **bulk_fields(job))

    def _progress(self) -> None:
        summary = self.state.summary
        self._out.event(
            "progress",
            done=summary.done,
            total=summary.total,
            unknown_sizes=summary.unknown_sizes,
            rate=round(summary.rate),
            eta=None if summary.eta is None else round(summary.eta),
            counts=dict(summary.counts),
            seconds=round(self.state.seconds, 1),
        )


def transfer_fields(row: TransferRow) -> dict[str, object]:
    """A transfer for programs; `path` is absolute."""
    failed = row.state == TransferState.FAILED
    return {
        "id": row.id,
        "key": row.key,
        "filename": row.filename,
        "path": str(Path(row.root) / row.path),
        "state": str(row.state),
        "reason": row.reason,
        "code": row.code,
        "message": row.reason if failed else "",
        "retryable": row.retryable,
        "size": row.size,
        "done": row.done,
        "resumed_at": row.resumed_at,
        "md5": row.md5,
        "verified_by": row.verified_by,
        "seconds": round(row.seconds, 3),
    }


def bulk_file_fields(one: BulkFileRow, job: BulkRow) -> dict[str, object]:
    """A file of a bulk job for programs; `path` is absolute."""
    return {
        "key": one.key,
        "filename": one.filename,
        "path": str(Path(job.root) / one.path),
        "state": one.state,
        "reason": one.reason,
        "size": one.size,
        "md5": one.md5,
        "verified_by": one.verified_by,
    }


def bulk_fields(job: BulkRow) -> dict[str, object]:
    """A bulk job for programs."""
    return {
        "id": job.id,
        "name": job.name,
        "state": str(job.state),
        "reason": job.reason,
        "code": job.code,
        "files": job.files,
        "bytes": job.bytes,
        "progress": None if job.progress is None else round(job.progress, 1),
        "created": job.created,
        "expires": job.expires,
        "ended": job.ended,
        "size": job.size,
        "done": job.done,
        "rate": round(job.rate),
        "eta": None if job.eta is None else round(job.eta),
        "unpack": job.unpack,
        "unpacked": job.unpacked,
        "unpacked_bytes": job.unpacked_bytes,
        "skipped": job.skipped,
        "one_by_one": job.one_by_one,
        "archive": str(Path(job.root) / job.archive) if job.archive else "",
        "job_id": job.job_id,
        "transfer_id": job.transfer_id,
    }
