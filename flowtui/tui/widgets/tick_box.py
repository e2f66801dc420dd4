"""A box to tick whose state is told by its shape: `[x]`, `[ ]`."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Checkbox


class TickBox(Checkbox):
    """Textual's, which tells by its colours alone whether it is ticked."""

    BUTTON_LEFT = "["
    BUTTON_RIGHT = "]"

    @property
    def _button(self) -> Content:
        inner = "x" if self.value else " "
        return Content(f"{self.BUTTON_LEFT}{inner}{self.BUTTON_RIGHT}")
