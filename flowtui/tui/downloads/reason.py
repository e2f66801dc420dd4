"""The line below the downloads: how the one under the cursor stands, and where it goes."""

from __future__ import annotations

from rich.text import Text
from textual.widgets import Static

from flowtui.protocol.messages import TransferRow
from flowtui.tui.downloads import drawing


class ReasonLine(Static):
    """Shows the state of one transfer, why, and its whole path. Sends no messages."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, markup=False)
        self._row: TransferRow | None = None

    def show(self, row: TransferRow | None) -> None:
        """Show this transfer; None for nothing."""
        self._row = row
        self.refresh()  # one line always: nothing moves

    def render(self) -> Text:
        """What fits, which Textual would cut where a word ends."""
        line = Text(no_wrap=True)
        if self._row is not None:
            words, path = drawing.full_line(self._row, self.size.width)
            line.append(words)
            line.append(path, "dim")
        return line
