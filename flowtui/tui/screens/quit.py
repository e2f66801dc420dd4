"""Leaving while there is work under way: the engine goes on, unless it is told not to."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Static


class Leave(StrEnum):
    """How to leave."""

    KEEP_GOING = "keep-going"
    PAUSE_ALL = "pause-all"


class QuitDialog(ModalScreen[Leave | None]):
    """Says what goes on without the app; gives how to leave, or None to stay."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(None)", "Stay"),
        Binding("left", "app.focus_previous", show=False),
        Binding("right", "app.focus_next", show=False),
    ]

    def __init__(self, unfinished: int) -> None:
        """`unfinished`: how many files are still to come."""
        super().__init__()
        self._unfinished = unfinished

    def compose(self) -> ComposeResult:
        """The words and the choice."""
        files = f"{self._unfinished:,} file{'' if self._unfinished == 1 else 's'}"
        with Vertical(id="dialog"):
            yield Static("Leave flowtui", id="dialog-title")
            yield Static(
                f"{files} still to come. The engine goes on with them in the background, also "
                "after you log out. Run flowtui again to see where it is.",
                markup=False,
            )
            with Horizontal(id="dialog-buttons"):
                yield Button("Keep going", id=Leave.KEEP_GOING, variant="primary", compact=True)
                yield Button("Pause all, stop the engine", id=Leave.PAUSE_ALL, compact=True)
                yield Button("Stay", id="stay", compact=True)

    def on_mount(self) -> None:
        """Enter keeps going."""
        self.query_one(f"#{Leave.KEEP_GOING}", Button).focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Leave, or stay."""
        event.stop()
        chosen = event.button.id
        self.dismiss(None if chosen == "stay" else Leave(chosen or ""))
