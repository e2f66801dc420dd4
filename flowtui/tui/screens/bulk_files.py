"""The files of a bulk job, and what became of each."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
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

Files = tuple[BulkFileRow, ...]

LOOK_EVERY = 1.0
"""Seconds between two looks at how the job stands."""

SHARE = 10
"""The files are asked for again after so many times of what an answer took."""


@dataclass(frozen=True)
class JobNow:
    """How a job is as of now.

    Attributes:
        latest: the job; None where it is in the list no more.
        ask: has its files asked for, and gives them to a function.
        known: what the queue says of files that come one by one.
    """

    latest: Callable[[], BulkRow | None]
    ask: Callable[[Callable[[Files], None]], None]
    known: KnownFiles


class FileList(LineList):
    """Shows the files, one a line. Messages: `Moved` when the cursor is on another."""

    class Moved(Message):
        """Another file is under the cursor."""

    def __init__(self, server: str, files: Files, known: KnownFiles) -> None:
        super().__init__(id="bulk-files")
        self._server, self._files, self._known = server, files, known

    def show(self, files: Files) -> None:
        """The same files as they are now."""
        self._files = files
        self.redraw()

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
    """Shows a job and its files, which are kept true. Any of escape and q closes."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,enter", "dismiss", "Back")]
    BINDINGS = with_ids("bulk-files", BINDINGS)

    def __init__(self, job: BulkRow, files: Files, now: JobNow) -> None:
        super().__init__()
        self._job = job
        self._now = now
        self._listed = job
        self._ask_from = 0.0
        self._list = FileList(job.server, files, now.known)
        self._state = Static(id="bulk-state", markup=False)
        self._whole = Static(id="bulk-file", markup=False)

    def compose(self) -> ComposeResult:
        """The job's name and state, its files, how to leave."""
        job = self._job
        with Vertical(id="bulk-dialog"):
            yield Static(printable(job.name[:200]), id="dialog-title", markup=False)
            yield self._state
            yield self._list
            yield self._whole
            yield Static("esc: back", id="dialog-hint", classes="label")

    def on_mount(self) -> None:
        """Say all of the job and the first file, and look how they stand from time to time."""
        self.on_file_list_moved()
        self._look()
        self.set_interval(LOOK_EVERY, self._look)

    def _look(self) -> None:
        self._job = self._now.latest() or self._job
        state = self._job.state.replace("_", " ")
        words = ", ".join(part for part in (state, bulk_drawing.note_of(self._job)) if part)
        self._state.update(f"{words}\nin {printable(self._job.root)}")
        asked_at = time.monotonic()
        if _standing_of(self._job) == _standing_of(self._listed) or asked_at < self._ask_from:
            return
        self._ask_from = math.inf  # until there is an answer
        job = self._job

        def take(files: Files) -> None:
            self._listed = job
            now = time.monotonic()
            self._ask_from = now + SHARE * (now - asked_at)
            self._list.show(files)
            self.on_file_list_moved()

        self._now.ask(take)

    def on_file_list_moved(self) -> None:
        """Say all of the file under the cursor: on its line it may be cut."""
        self._whole.update(Text(self._list.words, overflow="fold"))


def _standing_of(job: BulkRow) -> tuple[object, ...]:
    """What changes with a job's files."""
    return job.state, job.unpacked, job.skipped, job.one_by_one, job.one_by_one_here
