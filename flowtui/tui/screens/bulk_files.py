"""The files of a bulk job, and what became of each."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from flowtui.protocol.messages import BulkFileRow, BulkRow
from flowtui.text.printable import printable
from flowtui.tui.downloads import bulk_drawing
from flowtui.tui.keys import with_ids
from flowtui.tui.known_files import KnownFiles
from flowtui.tui.widgets.line_list import LineList, Piece


class FileList(LineList):
    """Shows the files, one a line. Sends no messages."""

    def __init__(self, server: str, files: tuple[BulkFileRow, ...], known: KnownFiles) -> None:
        super().__init__(id="bulk-files")
        self._server, self._files, self._known = server, files, known

    @property
    def count(self) -> int:
        """How many files there are."""
        return len(self._files)

    def pieces(self, line: int, width: int) -> list[Piece]:
        """See `LineList.pieces`."""
        file = self._files[line]
        standing = self._known.of_file(self._server, file.key)
        return bulk_drawing.file_pieces(file, width, standing)


class BulkFilesScreen(ModalScreen[None]):
    """Shows a job and its files as they were when it was asked for. Any of escape and q closes."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,enter", "dismiss", "Back")]
    BINDINGS = with_ids("bulk-files", BINDINGS)

    def __init__(self, job: BulkRow, files: tuple[BulkFileRow, ...], known: KnownFiles) -> None:
        """`known`: what the queue says of the files that come one by one."""
        super().__init__()
        self._known = known
        self._job = job
        self._files = files

    def compose(self) -> ComposeResult:
        """The job's name and state, its files, how to leave."""
        job = self._job
        with Vertical(id="bulk-dialog"):
            yield Static(printable(job.name[:200]), id="dialog-title", markup=False)
            words = ", ".join(part for part in (job.state, bulk_drawing.note_of(job)) if part)
            yield Static(f"{words}\nin {printable(job.root)}", markup=False)
            yield FileList(job.server, self._files, self._known)
            yield Static("esc: back", id="dialog-hint", classes="label")
