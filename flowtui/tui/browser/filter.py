"""The filter line: type, and the tree shows only what has it in its name."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input


class FilterLine(Input):
    """Shown by `/`; sends `Wanted` as one types, and `Left` with enter or escape."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave(False)", "Everything again", show=False),
        Binding("down", "leave(True)", "To the tree", show=False),
    ]

    class Wanted(Message):
        """Show only what has `text` in its name."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Left(Message):
        """Back to the tree, with the filter kept or not."""

        def __init__(self, keep: bool) -> None:
            super().__init__()
            self.keep = keep

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(placeholder="filter: part of a name", id=id, compact=True)
        self.display = False

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter as one types."""
        event.stop()
        self.post_message(self.Wanted(event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter: back to the tree."""
        event.stop()
        self.action_leave(True)

    def action_leave(self, keep: bool) -> None:
        """Go back to the tree."""
        self.post_message(self.Left(keep))
