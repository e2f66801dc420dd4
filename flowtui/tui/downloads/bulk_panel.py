"""The panel of the bulk jobs: the archives that Flow was asked for."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Static

from flowtui.protocol.messages import BulkRow
from flowtui.protocol.states import BULK_ENDED, BulkState
from flowtui.text.printable import printable
from flowtui.tui.downloads import bulk_drawing
from flowtui.tui.downloads.requests import (
    BulkAction,
    BulkActionRequested,
    BulkFilesRequested,
    VerifyRequested,
)
from flowtui.tui.keys import with_ids
from flowtui.tui.queue_model import Delta, QueueModel
from flowtui.tui.widgets.confirm import Confirm
from flowtui.tui.widgets.line_list import LineList, Piece

MOST_LINES = 6
"""Jobs in sight; the others are scrolled to."""

AGE_EVERY = 1.0
"""Seconds between two drawings, as ages and times of expiry go on."""


class BulkList(LineList):
    """Shows the jobs, one a line, the latest on top. Sends no messages."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._model = QueueModel()
        self._ids: list[int] = []

    @property
    def count(self) -> int:
        """How many jobs there are."""
        return len(self._ids)

    @property
    def job(self) -> BulkRow | None:
        """The job under the cursor."""
        if not 0 <= self.cursor < len(self._ids):
            return None
        return self._model.bulk_jobs.get(self._ids[self.cursor])

    def show(self, model: QueueModel) -> None:
        """Draw the jobs anew; the cursor stays with its job."""
        before = self.job
        self._model = model
        self._ids = sorted(model.bulk_jobs, reverse=True)
        self.redraw()
        if before is not None and before.id in model.bulk_jobs:
            self.set_cursor(self._ids.index(before.id))

    def pieces(self, line: int, width: int) -> list[Piece]:
        """See `LineList.pieces`."""
        job = self._model.bulk_jobs.get(self._ids[line])
        return [] if job is None else bulk_drawing.pieces(job, width)


class BulkPanel(Vertical):
    """Shows the bulk jobs; hidden while there are none.

    Messages: `BulkActionRequested`, `BulkFilesRequested`, `VerifyRequested`.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "files", "Files", key_display="enter"),
        Binding("x", "cancel", "Cancel"),
        Binding("r", "retry", "Retry"),
        Binding("R", "again", "Create again", show=False),
        Binding("o", "one_by_one", "One by one"),
        Binding("c", "forget", "Forget"),
        Binding("v", "verify", "Verify"),
    ]
    BINDINGS = with_ids("bulk", BINDINGS)

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._model = QueueModel()
        self._shown = True
        self._jobs = BulkList(id="bulk-list")

    def compose(self) -> ComposeResult:
        """A title and the jobs."""
        yield Static(" Bulk jobs", id="bulk-title", markup=False)
        yield self._jobs

    def on_mount(self) -> None:
        """Hidden at first; ages are kept true."""
        self.set_interval(AGE_EVERY, self._age)

    def show(self, model: QueueModel, delta: Delta) -> None:
        """Draw what is new."""
        self._model = model
        if delta.bulk:
            self._jobs.styles.height = max(1, min(MOST_LINES, len(model.bulk_jobs)))
            self._jobs.show(model)
            self._set_display()

    def toggle(self) -> None:
        """Show it, or hide it."""
        if not self._model.bulk_jobs:
            self.app.notify("There are no bulk jobs.")
            return
        self._shown = not self._shown
        self._set_display()

    def _set_display(self) -> None:
        self.set_class(self._shown and bool(self._model.bulk_jobs), "-shown")

    def _age(self) -> None:
        if self.display:
            self._jobs.refresh()

    def action_files(self) -> None:
        """Show the files of the job under the cursor."""
        job = self._jobs.job
        if job is not None:
            self.post_message(BulkFilesRequested(job))

    def action_cancel(self) -> None:
        """Cancel the job under the cursor, after asking where bytes of it are here."""
        job = self._jobs.job
        if job is None or job.state in BULK_ENDED:
            return
        if not job.done:
            self._request(BulkAction.CANCEL, job)
            return
        text = f"Cancel {_name(job)}? The part of its archive downloaded so far will be deleted."
        self._ask("Cancel bulk job", text, "Cancel job", job, BulkAction.CANCEL)

    def action_retry(self) -> None:
        """Go on with a job that ended badly; what is here is not fetched again."""
        job = self._jobs.job
        if job is not None and job.state in (
            BulkState.FAILED,
            BulkState.EXPIRED,
            BulkState.CANCELLED,
        ):
            self._request(BulkAction.RETRY, job)
        elif job is not None:
            self.app.notify(f"Nothing to retry: {_name(job)} is {job.state}.", markup=False)

    def action_again(self) -> None:
        """Ask Flow for a new archive of the same files."""
        job = self._ended_job()
        if job is None:
            return
        text = f"Have Flow create {_name(job)} again? Files you already have are kept."
        self._ask("Create archive again", text, "Create again", job, BulkAction.AGAIN)

    def action_one_by_one(self) -> None:
        """Fetch what is missing of a job without its archive."""
        job = self._jobs.job
        if job is None:
            return
        if job.state == BulkState.DONE:
            self.app.notify(f"Nothing is missing: {_name(job)} is done.", markup=False)
            return
        text = f"Download the missing files of {_name(job)} one by one, without the archive?"
        self._ask("Download one by one", text, "One by one", job, BulkAction.ONE_BY_ONE)

    def action_verify(self) -> None:
        """Verify what was downloaded of the job's batch."""
        job = self._jobs.job
        if job is not None:
            self.post_message(VerifyRequested(job.name[:200], job.root, job.batch_id, job.server))

    def action_forget(self) -> None:
        """Take an ended job out of the list."""
        job = self._ended_job()
        if job is not None:
            self._request(BulkAction.FORGET, job)

    def _ended_job(self) -> BulkRow | None:
        """The job under the cursor if it has ended; else it is said what to do."""
        job = self._jobs.job
        if job is not None and job.state not in BULK_ENDED:
            self.app.notify(
                f"{_name(job)} is still {job.state}. Press x to cancel it.", markup=False
            )
            return None
        return job

    def _request(self, action: BulkAction, job: BulkRow) -> None:
        self.post_message(BulkActionRequested(action, job))

    def _ask(self, title: str, text: str, yes: str, job: BulkRow, action: BulkAction) -> None:
        def answered(agreed: bool | None) -> None:
            if agreed:
                self._request(action, job)

        self.app.push_screen(Confirm(title, text, yes=yes, no="Keep as is"), answered)


def _name(job: BulkRow) -> str:
    return printable(job.name[:200])
