"""The screen of the panes, below all dialogs."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.screen import Screen

from flowtui.tui.keys import with_ids

PANES = ("tree-side", "downloads", "bulk")
"""The ids of the panes that take keys."""

ZOOM = "-zoom-"


class PanesScreen(Screen[object]):
    """What the app composes is on it; it only knows how to go from pane to pane, and to have one
    of them take all the room. The style sheet says how that looks (`-zoom-…`)."""

    AUTO_FOCUS = "#tree"  # else it is the hidden filter's, and takes what is typed at the start
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "app.focus_next", "Next pane"),
        Binding("shift+tab", "app.focus_previous", "Previous pane", show=False),
    ]
    BINDINGS = [
        *with_ids("app", BINDINGS),
        Binding("plus", "zoom", "Zoom pane", show=False, id="panes.zoom"),
    ]

    def action_zoom(self) -> None:
        """Have the pane with the focus take all the room, or give it back."""
        zoomed = [name for name in self.classes if name.startswith(ZOOM)]
        if zoomed:
            self.remove_class(*zoomed)
            return
        above = self.focused.ancestors_with_self if self.focused is not None else ()
        pane = next((node.id for node in above if node.id in PANES), None)
        if pane is not None:
            self.add_class(f"{ZOOM}{pane}")
