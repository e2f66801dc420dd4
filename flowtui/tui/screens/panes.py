"""The screen of the panes, below all dialogs."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.screen import Screen

from flowtui.tui.keys import with_ids


class PanesScreen(Screen[object]):
    """What the app composes is on it; it only knows how to go from pane to pane."""

    AUTO_FOCUS = "#tree"  # else it is the hidden filter's, and takes what is typed at the start
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "app.focus_next", "Next pane"),
        Binding("shift+tab", "app.focus_previous", "Previous pane", show=False),
    ]
    BINDINGS = with_ids("app", BINDINGS)
