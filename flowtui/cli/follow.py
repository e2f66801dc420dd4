"""Following a batch in the foreground engine until it is done, and reporting what happens."""

from __future__ import annotations

import contextlib
import queue
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from flowtui.cli.batch_progress import INTERNAL, BatchProgress
from flowtui.cli.json_fields import (
    bulk_fields,
    bulk_file_fields,
    foreign_path,
    is_kept,
    transfer_fields,
)
from flowtui.cli.output import Output, one_line
from flowtui.protocol.messages import (
    Added,
    Batch,
    BulkFileRow,
    BulkRow,
    Changes,
    Status,
    TransferRow,
)
from flowtui.protocol.states import GOOD, REMOVED, TransferState

if TYPE_CHECKING:
    from flowtui.protocol.feeding import Source

MISTAKE_PATIENCE = 30.0
"""Seconds without news after an internal error of the engine, after which a job gives up: what
should have gone on may be lost."""

GIVE_UP_AFTER = 1.5
"""Seconds for which all unfinished transfers must have waited for a person before a job gives up:
the engine may be about to try again."""

PROGRESS_EVERY = 1.0
"""Seconds between two `progress` events."""


class EngineLike(Protocol):
    """What is needed of the engine here."""

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

    @property
    def is_alive(self) -> bool:
        """Whether it works."""

    @property
    def mistake(self) -> BaseException | None:
        """The latest internal error, if there was one."""


class ProgressView(Protocol):
    """Shows the progress to people."""

    def update(self, progress: BatchProgress) -> None:
        """Show how far the batch is."""

    def transfer(self, row: TransferRow) -> None:
        """A transfer has changed its state."""

    def bulk(self, row: BulkRow) -> None:
        """A bulk job has changed its state."""

    def note(self, text: str) -> None:
        """Show a line beside the progress."""

    def close(self) -> None:
        """Leave the terminal as it was."""


class Follower:
    """Takes the engine's events on the main thread, reports them, and notices the batch's end."""

    def __init__(
        self,
        engine: EngineLike,
        out: Output,
        view: ProgressView,
        interrupted: Callable[[], bool],
        mistake_patience: float = MISTAKE_PATIENCE,
    ) -> None:
        self._mistake_patience = mistake_patience
        self._engine = engine
        self._out = out
        self._view = view
        self._interrupted = interrupted
        self._events: queue.SimpleQueue[Changes] = queue.SimpleQueue()
        self._reported: dict[int, tuple[str, str]] = {}
        self._reported_bulk: dict[int, tuple[str, str]] = {}
        self.state = BatchProgress()

    def run(self, source: Source) -> BatchProgress:
        """Queue what `source` gives and follow it.

        Until all of it has ended, it is interrupted, or it waits for a person's help.
        """
        started = time.monotonic()
        unsubscribe = self._engine.subscribe(self._events.put)
        self._out.note = self._view.note
        try:
            self._wait_until_finished(source, started)
        finally:
            unsubscribe()
            self._out.note = None
            self._view.close()
        if self._engine.is_alive:  # the last events may not have come yet
            now = self._engine.status(rows=True)
            self._apply(Changes(now.summary, now.transfers, now.bulk_jobs))
            self._report_bulk_files()
        self.state.seconds = time.monotonic() - started
        return self.state

    def _add(self, batch: Batch) -> None:
        first = self.state.batch_id
        added = self._engine.add(batch if first is None else replace(batch, continues=first))
        self.state.added(added)
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

    def _report_bulk_files(self) -> None:
        """Report what became of the files of bulk jobs, which have no transfers of their own."""
        unpacked: list[BulkFileRow] = []
        for job in self.state.bulk_jobs.values():
            for file in self._engine.bulk_files(job.id) if job.unpack else ():
                if file.state in GOOD:
                    unpacked.append(file)
                    if file.occupied:
                        self._say_foreign(file, job.root)
                self._out.event("bulk_file", bulk_id=job.id, **bulk_file_fields(file, job))
        self.state.unpacked = tuple(unpacked)

    def _wait_until_finished(self, source: Source, started: float) -> None:
        state = self.state
        reported_at = blocked_since = heard_at = time.monotonic()  # seconds
        while True:
            for batch in source.take():
                self._add(batch)
            state.files = source.files
            with contextlib.suppress(queue.Empty):
                self._apply(self._events.get(timeout=0.2 if source.is_over else 0.05))
                heard_at = time.monotonic()
            now = time.monotonic()
            is_lost = self._engine.mistake is not None and now - heard_at >= self._mistake_patience
            if is_lost or not self._engine.is_alive:
                state.blocked_by = INTERNAL
                return
            state.seconds = now - started
            if self._interrupted():
                state.interrupted = True
                return
            self._view.update(state)
            if now - reported_at >= PROGRESS_EVERY:
                reported_at = now
                self._report_progress()
            if (
                source.is_over
                and state.is_finished()
                and self._engine.is_idle()
                and self._events.empty()
            ):
                return
            code = state.blocking_code()
            if not code or not source.is_over:
                blocked_since = now
            elif now - blocked_since >= GIVE_UP_AFTER:
                state.blocked_by = code
                return

    def _apply(self, changes: Changes) -> None:
        state = self.state
        state.summary = changes.summary
        for row in changes.transfers:
            state.update_transfer(row)
            if self._reported.get(row.id) != (row.state, row.reason):
                self._reported[row.id] = (row.state, row.reason)
                self._report_transfer(row)
        for job in changes.bulk_jobs:
            state.bulk_jobs[job.id] = job
            if self._reported_bulk.get(job.id) != (job.state, job.reason):
                self._reported_bulk[job.id] = (job.state, job.reason)
                self._report_bulk(job)
        for id_ in changes.removed:
            state.remove_transfer(id_)
        for id_ in changes.removed_bulk:
            state.bulk_jobs.pop(id_, None)

    def _report_transfer(self, row: TransferRow) -> None:
        self._view.transfer(row)
        if row.state in GOOD:
            self._say_what_else(row)
        if self._out.as_json:
            self._out.event("transfer", **transfer_fields(row))

    def _say_what_else(self, row: TransferRow) -> None:
        """Say what is to be known of a file that is here, beside that it is."""
        if row.state == TransferState.DONE and row.replaced:
            aside = "" if row.replaced == REMOVED else one_line(row.replaced)
            kept = f"; the earlier one is {aside}" if aside else ""
            self._out.say(f"flowtui: replaced {_path_of(row)}{kept}")
        if row.renamed_from:
            self._out.say(f"flowtui: renamed {one_line(row.renamed_from)} back to {_path_of(row)}")
        if row.occupied:
            self._say_foreign(row, row.root)
        if is_kept(row):
            words = f"kept {_path_of(row)}, though it was changed here or on Flow"
            self._out.say(f"flowtui: warning: {words}")

    def _say_foreign(self, row: TransferRow | BulkFileRow, root: str) -> None:
        where = one_line(foreign_path(row, root) or "its name")
        saved = one_line(str(Path(root) / row.path))
        self._out.say(f"flowtui: warning: a different file is at {where}; saved as {saved}")

    def _report_bulk(self, job: BulkRow) -> None:
        self._view.bulk(job)
        self._out.event("bulk", **bulk_fields(job))

    def _report_progress(self) -> None:
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


def _path_of(row: TransferRow) -> str:
    return one_line(str(Path(row.root) / row.path))
