"""The table of transfers: one line a file, what runs on top."""

from __future__ import annotations

from textual.message import Message
from textual.widget import Widget

from flowtui.protocol.messages import TransferRow
from flowtui.protocol.states import ENDED
from flowtui.tui.downloads import drawing
from flowtui.tui.queue_model import Delta, QueueModel
from flowtui.tui.widgets.line_list import LineList, Piece


class TableHead(Widget):
    """Shows the names of the table's columns. Sends no messages."""

    def render(self) -> str:
        """The names, above their columns."""
        return drawing.heading(self.size.width)


class TransferTable(LineList):
    """Shows the transfers. Messages: `Highlighted` when the cursor's one is another, or changed.

    The cursor stays with its file until that ends; then it stays where it is. Before anyone comes
    here it stays on top.
    """

    class Highlighted(Message):
        """The cursor is on `row`, or on nothing."""

        def __init__(self, row: TransferRow | None) -> None:
            super().__init__()
            self.row = row

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._model = QueueModel()
        self._under: TransferRow | None = None

    @property
    def count(self) -> int:
        """How many transfers there are."""
        return len(self._model)

    @property
    def row(self) -> TransferRow | None:
        """The transfer under the cursor."""
        return self._model.at(self.cursor)

    def pieces(self, line: int, width: int) -> list[Piece]:
        """See `LineList.pieces`."""
        row = self._model.at(line)
        return [] if row is None else drawing.pieces(row, width)

    def show(self, model: QueueModel, delta: Delta) -> None:
        """Draw what is new."""
        self._model = model
        if delta.moved:
            self._follow()
            self.redraw()
        else:
            for id_ in delta.changed:
                line = model.line_of(id_)
                if line is not None:
                    self.draw_line(line)
        if self.row is not self._under:
            self.cursor_moved()

    def cursor_moved(self) -> None:
        """Send `Highlighted`."""
        self._under = self.row
        self.post_message(self.Highlighted(self._under))

    def _follow(self) -> None:
        """Have the cursor go with its file, unless that has just ended."""
        before = self._under
        now = self._model.transfers.get(before.id) if before is not None else None
        if before is None or now is None:
            return
        ended = (now.state in ENDED) != (before.state in ENDED)
        if not ended and (self.has_focus or self.cursor > 0):
            line = self._model.line_of(now.id)
            if line is not None and line != self.cursor:
                self.virtual_size = self.virtual_size.with_height(self.count)
                self.set_cursor(line)
