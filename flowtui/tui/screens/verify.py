"""Downloaded files that are read again: how far that is, and what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from flowtui.protocol.messages import Recheck, WrongFile
from flowtui.text import quantities
from flowtui.text.columns import LONGEST, column
from flowtui.text.printable import printable
from flowtui.tui.downloads.drawing import fit_path
from flowtui.tui.keys import with_ids
from flowtui.tui.widgets.line_list import LineList, Piece

if TYPE_CHECKING:
    from flowtui.tui.engine_link import EngineLink

ASK_EVERY = 0.5
"""Seconds between two questions on how far it is."""

STATE = 12
"""Cells of the word that says what is wrong."""


class WrongList(LineList):
    """Shows the files that are not as they were recorded. Sends no messages."""

    def __init__(self) -> None:
        super().__init__(id="wrong-files")
        self.files: list[WrongFile] = []

    @property
    def count(self) -> int:
        """How many files there are."""
        return len(self.files)

    def pieces(self, line: int, width: int) -> list[Piece]:
        """See `LineList.pieces`."""
        file = self.files[line]
        path = max(8, min(width - STATE - 3, width * 3 // 5))
        return [
            (column(" ✗ ", 3), "error"),
            (column(printable(file.state[:LONGEST]), STATE), "error"),
            (fit_path(printable(file.path[-LONGEST:]), path), "row"),
            (
                column(f"  {printable(file.why[:LONGEST])}", width - path - STATE - 3, ending=0),
                "dim",
            ),
        ]


class VerifyScreen(ModalScreen[tuple[WrongFile, ...]]):
    """Shows how far the engine is, and ends that when it is left.

    Closes with the files that are to be fetched again.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "close", "Back"),
        Binding("f", "fetch", "Fetch again"),
    ]
    BINDINGS = with_ids("verify", BINDINGS)

    def __init__(self, link: EngineLink, recheck_id: int, what: str, root: str) -> None:
        """`what` is verified in `root`, in words."""
        super().__init__()
        self._link = link
        self._recheck_id = recheck_id
        self._what = what
        self._root = root
        self._latest = Recheck("reading")
        self._asking = False
        self._progress = Static(id="verify-progress", markup=False)
        self._list = WrongList()
        self._hint = Static("esc: stop", id="dialog-hint", classes="label")

    def compose(self) -> ComposeResult:
        """What is verified, how far it is, what is wrong, what to do."""
        with Vertical(id="bulk-dialog"):
            yield Static(f"Verify {printable(self._what)}", id="dialog-title", markup=False)
            yield Static(f"in {printable(self._root)}", classes="label", markup=False)
            yield self._progress
            yield self._list
            yield self._hint

    def on_mount(self) -> None:
        """Ask at once, and then now and then."""
        self._progress.update(words_of(self._latest))
        self._list.focus()
        self._ask()
        self.set_interval(ASK_EVERY, self._ask)

    def _ask(self) -> None:
        has_all = self._latest.state != "reading" and self._list.count >= self._latest.wrong
        if self._asking or has_all:
            return
        self._asking = True
        id_, after = self._recheck_id, self._list.count
        self._link.call("verify", lambda engine: engine.verified(id_, after), self._told)

    def _told(self, found: Recheck) -> None:
        self._asking = False
        self._latest = found
        self._list.files += found.found
        self._progress.update(words_of(found))
        if found.state != "reading":
            can_fetch = any(file.mendable for file in self._list.files)
            hint = "f: fetch again what is wrong   esc: close" if can_fetch else "esc: close"
            self._hint.update(hint)
        if found.found:
            self._list.redraw()

    def action_close(self) -> None:
        """Leave it, and have the engine read no more."""
        self._leave(())

    def action_fetch(self) -> None:
        """Leave it, and have fetched again what is wrong."""
        if self._latest.state == "reading":
            self.app.notify("Still reading. Press f when all files are read.")
            return
        mendable = tuple(file for file in self._list.files if file.mendable)
        if not mendable:
            self.app.notify("Nothing to fetch again.")
            return
        self._leave(mendable)

    def _leave(self, files: tuple[WrongFile, ...]) -> None:
        id_ = self._recheck_id
        self._link.call("stop verifying", lambda engine: engine.verify_end(id_))
        self.dismiss(files)


def words_of(found: Recheck) -> str:
    """How far it is, or what came of it."""
    read = quantities.size(found.read)
    if found.state == "failed":
        return f"Not verified: {printable(found.reason)}"
    silent = f"; {printable(found.reason)}" if found.state == "reading" and found.reason else ""
    if found.files is None:
        return f"Reading downloads.log{silent}"
    files = quantities.counted(found.files, "file")
    if found.state == "reading":
        wrong = f"; {found.wrong:,} not as recorded" if found.wrong else ""
        size = quantities.size(found.size)
        return f"Read {found.checked:,} of {files}, {read} of {size}{wrong}{silent}"
    if not found.files:
        return "downloads.log there has none of it: nothing was downloaded there yet."
    if not found.wrong:
        what = "1 file is" if found.files == 1 else f"{found.files:,} files are"
        return f"✓ {what} as recorded; {read} read"
    return f"{found.wrong:,} of {files} not as recorded; {read} read"
