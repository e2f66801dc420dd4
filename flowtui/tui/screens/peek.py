"""What is inside a file, without downloading it: a table, reads, a header, a list, text."""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Static

from flowtui.peek.drawing import Line, drawn
from flowtui.peek.view import View
from flowtui.text.printable import printable
from flowtui.tui.widgets.line_list import LineList, Piece

_STYLES = {"title": "group", "head": "dim", "fact": "dim", "note": "warning"}

STEP = 8
"""Cells that one key moves sideways."""


class PeekLines(LineList):
    """Shows the lines of a view, which may be wider than the screen. Sends no messages."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,l", "sideways(1)", "Right", show=False, id="peek.right"),
        Binding("left,h", "sideways(-1)", "Left", show=False, id="peek.left"),
    ]

    def __init__(self) -> None:
        super().__init__(id="peek-lines")
        self.lines: list[Line] = []
        self._offset = 0

    @property
    def count(self) -> int:
        """How many lines there are."""
        return len(self.lines)

    def show(self, lines: list[Line]) -> None:
        """Show other lines, from the first on."""
        self.lines, self._offset = lines, 0
        self.set_cursor(0)
        self.redraw()

    def pieces(self, line: int, width: int) -> list[Piece]:
        """See `LineList.pieces`."""
        text, what = self.lines[line]
        shown = set_cell_size(_from_cell(text, self._offset), width)
        return [(shown, _STYLES.get(what, "row"))]

    def action_sideways(self, by: int) -> None:
        """Go to the right or left, as far as there is something."""
        widest = max((cell_len(text) for text, _ in self.lines), default=0)
        most = max(0, widest - self.size.width)
        self._offset = max(0, min(self._offset + by * STEP, -(-most // STEP) * STEP))
        self.refresh()


class PeekScreen(ModalScreen[None]):
    """Shows one file after the other.

    Messages: `MoveOn` for the file before or behind this one.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "dismiss", "Back", id="peek.back"),
        Binding("n", "move_on(1)", "Next file", id="peek.next"),
        Binding("N", "move_on(-1)", "Previous file", id="peek.previous"),
    ]

    class MoveOn(Message):
        """Show another file: `by` 1 the next, -1 the one before."""

        def __init__(self, by: int) -> None:
            super().__init__()
            self.by = by

    def __init__(self) -> None:
        super().__init__()
        self._title = Static(id="dialog-title", markup=False)
        self._kind = Static(id="peek-kind", classes="label", markup=False)
        self._lines = PeekLines()

    def compose(self) -> ComposeResult:
        """The file's name, what it is, its lines, the keys."""
        with Vertical(id="peek-dialog"):
            yield self._title
            yield self._kind
            yield self._lines
            yield Static(
                "n N: next and previous file   ← →: sideways   esc: back",
                id="dialog-hint",
                classes="label",
                markup=False,
            )

    def wait_for(self, name: str) -> None:
        """A file is asked for."""
        self._title.update(printable(name[:500]))
        self._kind.update("Loading …")
        self._lines.show([])

    def show(self, view: View, fetched: str) -> None:
        """What is inside it; `fetched`: how much came for that, in words."""
        self._kind.update(f"{printable(view.kind)} · {fetched} fetched")
        self._lines.show(drawn(view))

    def fail(self, words: str) -> None:
        """Why nothing can be shown."""
        self._kind.update(printable(words))

    def action_move_on(self, by: int) -> None:
        """Go to another file."""
        self.post_message(self.MoveOn(by))


def _from_cell(text: str, offset: int) -> str:
    """`text` without its first cells; a wide character that is cut leaves a blank."""
    at = 0
    for number, character in enumerate(text):
        if at >= offset:
            return " " * (at - offset) + text[number:]
        at += cell_len(character)
    return ""
