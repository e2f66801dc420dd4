"""The files of a bulk job, and what became of each."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Static

from flowtui.protocol.messages import BulkFileRow, BulkRow
from flowtui.text.printable import printable
from flowtui.tui.downloads import bulk_drawing
from flowtui.tui.keys import with_ids
from flowtui.tui.known_files import KnownFiles
from flowtui.tui.widgets.line_list import LineList, Piece


class FileList(LineList):
    """Shows the files, one a line. Messages: `Moved` when the cursor is on another."""

    class Moved(Message):
        """Another file is under the cursor."""

    def __init__(self, server: str, files: tuple[BulkFileRow, ...], known: KnownFiles) -> None:
        super().__init__(id="bulk-files")
        self._server, self._files, self._known = server, files, known

    @property
    def count(self) -> int:
        """How many files there are."""
        return len(self._files)

    def cursor_moved(self) -> None:
        """Send `Moved`."""
        self.post_message(self.Moved())

    @property
    def words(self) -> str:
        """All there is to say of the file under the cursor."""
        if not 0 <= self.cursor < self.count:
            return ""
        file = self._files[self.cursor]
        standing = self._known.of_file(self._server, file.key)
        words = bulk_drawing.file_words(file, standing)
        return f"{printable(file.path or file.filename)}\n{words}"

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
        self._job = job
        self._list = FileList(job.server, files, known)
        self._whole = Static(id="bulk-file", markup=False)

    def compose(self) -> ComposeResult:
        """The job's name and state, its files, how to leave."""
        job = self._job
        with Vertical(id="bulk-dialog"):
            yield Static(printable(job.name[:200]), id="dialog-title", markup=False)
            words = ", ".join(part for part in (job.state, bulk_drawing.note_of(job)) if part)
            yield Static(f"{words}\nin {printable(job.root)}", markup=False)
            yield self._list
            yield self._whole
            yield Static("esc: back", id="dialog-hint", classes="label")

    def on_mount(self) -> None:
        """Say all of the first file."""
        self.on_file_list_moved()

    def on_file_list_moved(self) -> None:
        """Say all of the file under the cursor: on its line it may be cut."""
        self._whole.update(Text(self._list.words, overflow="fold"))
