"""The download manager: the table of transfers, what is to say of one, and the sums."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Static

from flowtui.protocol.messages import TransferRow
from flowtui.protocol.states import ENDED, PENDING_WORK, UNFINISHED, TransferState
from flowtui.text import quantities
from flowtui.text.printable import printable
from flowtui.tui.downloads.reason import ReasonLine
from flowtui.tui.downloads.requests import (
    Ids,
    TransferAction,
    TransferActionRequested,
    VerifyRequested,
)
from flowtui.tui.downloads.table import TableHead, TransferTable
from flowtui.tui.downloads.totals import TotalsLine
from flowtui.tui.keys import with_ids
from flowtui.tui.queue_model import Delta, QueueModel
from flowtui.tui.widgets.confirm import Confirm

ASK_ABOVE = 1_000_000
"""Bytes on disk from which on cancelling, which deletes them, is asked about."""

EMPTY = "No downloads yet. Mark files with space, then press d to download them."

ONLY_JOBS = "No single downloads. The files of bulk jobs are listed by enter in the bulk jobs."


class DownloadManager(Vertical):
    """Shows the queue.

    Messages: `TransferActionRequested`, `VerifyRequested`.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "details", "Info", key_display="enter"),
        Binding("p", "pause", "Pause/resume"),
        Binding("P", "pause_all", "Pause or resume all", show=False),
        Binding("x", "cancel", "Cancel"),
        Binding("X", "cancel_all", "Cancel all", show=False),
        Binding("r", "retry", "Retry"),
        Binding("R", "retry_all", "Retry all", show=False),
        Binding("c", "clear", "Clear"),
        Binding("v", "verify", "Verify", show=False),
        Binding("V", "verify_folder", "Verify the folder", show=False),
        Binding("l", "app.limit_rate", "Limit rate", show=False),
    ]
    BINDINGS = with_ids("downloads", BINDINGS)

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._model = QueueModel()
        # Made here: changes may arrive before they are mounted, and after.
        self._table = TransferTable(id="table")
        self._empty = Static(EMPTY, id="queue-empty", markup=False)
        self._reason = ReasonLine(id="reason")
        self._totals = TotalsLine(id="totals")

    @property
    def under_cursor(self) -> TransferRow | None:
        """The download under the cursor, where that is in this pane."""
        return self._table.row if self._table.has_focus else None

    def compose(self) -> ComposeResult:
        """Head, table, reason, sums."""
        yield TableHead(id="table-head")
        yield self._empty
        yield self._table
        yield self._reason
        yield self._totals

    def show(self, model: QueueModel, delta: Delta) -> None:
        """Draw what is new in the queue."""
        self._model = model
        self.set_class(not model.transfers, "-empty")
        if delta.bulk:
            self._empty.update(ONLY_JOBS if model.bulk_jobs else EMPTY)
        self._table.show(model, delta)
        self._totals.show(model.summary)

    def on_transfer_table_highlighted(self, message: TransferTable.Highlighted) -> None:
        """Show all that is known of the transfer under the cursor."""
        self._reason.show(message.row)

    def _request(self, action: TransferAction, ids: Ids) -> None:
        self.post_message(TransferActionRequested(action, ids))

    @property
    def _row(self) -> TransferRow | None:
        return self._table.row

    def _nothing_to(self, verb: str, row: TransferRow) -> None:
        name = printable(row.filename[-200:])
        self.app.notify(f"Nothing to {verb}: {name} is {row.state}.", markup=False)

    def action_details(self) -> None:
        """Show all there is to say of the transfer under the cursor."""
        from flowtui.tui.screens.transfer import TransferScreen

        if (row := self._row) is not None:
            self.app.push_screen(TransferScreen(row, self._model.transfers.get))

    def action_pause(self) -> None:
        """Pause the transfer under the cursor, or let it go on."""
        row = self._row
        if row is None:
            return
        if row.state == TransferState.PAUSED:
            self._request(TransferAction.RESUME, (row.id,))
        elif row.state in PENDING_WORK:
            self._request(TransferAction.PAUSE, (row.id,))
        else:
            self._nothing_to("pause", row)

    def action_pause_all(self) -> None:
        """Pause all that is to come; where all of that is paused, let it go on."""
        counts = self._model.summary.counts
        if any(counts.get(state) for state in PENDING_WORK):
            self._request(TransferAction.PAUSE, None)
        elif counts.get(TransferState.PAUSED):
            self._request(TransferAction.RESUME, None)

    def action_cancel(self) -> None:
        """Cancel the transfer under the cursor."""
        row = self._row
        if row is None:
            return
        if row.state not in UNFINISHED and row.state != TransferState.FAILED:
            self._nothing_to("cancel", row)
            return
        self._cancel((row.id,), printable(row.filename[-200:]), row.done)

    def action_cancel_all(self) -> None:
        """Cancel all that is not here yet."""
        rows = [
            row
            for row in self._model.transfers.values()
            if row.state in UNFINISHED or row.state == TransferState.FAILED
        ]
        if rows:
            ids = tuple(row.id for row in rows)
            self._cancel(ids, f"{len(rows):,} files", sum(row.done for row in rows), ask=True)

    def _cancel(self, ids: tuple[int, ...], what: str, here: int, *, ask: bool = False) -> None:
        if here < ASK_ABOVE and not ask:
            self._request(TransferAction.CANCEL, ids)
            return
        text = f"Cancel {what}?"
        if here:
            text += f" The {quantities.size(here)} downloaded so far will be deleted."
        question = Confirm("Cancel download", text, yes="Cancel download", no="Keep")

        def answered(yes: bool | None) -> None:
            if yes:
                self._request(TransferAction.CANCEL, ids)

        self.app.push_screen(question, answered)

    def action_retry(self) -> None:
        """Try the transfer under the cursor again."""
        row = self._row
        if row is None:
            return
        if row.state in (TransferState.FAILED, TransferState.CANCELLED, TransferState.WAITING):
            self._request(TransferAction.RETRY, (row.id,))
        elif row.state == TransferState.PAUSED:
            self._request(TransferAction.RESUME, (row.id,))
        else:
            self._nothing_to("retry", row)

    def action_retry_all(self) -> None:
        """Try all again that failed."""
        self._request(TransferAction.RETRY, None)

    def action_verify(self) -> None:
        """Verify what was downloaded together with the file under the cursor."""
        row = self._row
        if row is not None:
            what = f"what was downloaded with {row.path[-200:]}"
            self.post_message(VerifyRequested(what, row.root, row.batch_id, row.server))

    def action_verify_folder(self) -> None:
        """Verify all that was ever downloaded to the folder of the file under the cursor."""
        row = self._row
        if row is not None:
            what = "all that downloads.log records"
            self.post_message(VerifyRequested(what, row.root, None, row.server))

    def action_clear(self) -> None:
        """Take what has ended out of the list; the files stay."""
        if any(self._model.summary.counts.get(state) for state in ENDED):
            self._request(TransferAction.FORGET, None)
