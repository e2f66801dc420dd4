"""A question before something that cannot be undone."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from flowtui.tui.keys import with_ids


class Confirm(ModalScreen[bool]):
    """Asks; gives True for yes, False for no. Escape is no."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,n", "dismiss(False)", "No"),
        Binding("y", "dismiss(True)", "Yes"),
        Binding("left", "app.focus_previous", show=False),
        Binding("right", "app.focus_next", show=False),
    ]
    BINDINGS = with_ids("confirm", BINDINGS)

    def __init__(self, title: str, question: str, *, yes: str, no: str) -> None:
        """`question` is shown as it is; `yes` and `no` are on the buttons."""
        super().__init__()
        self._title = title
        self._question = question
        self._yes = yes
        self._no = no

    def compose(self) -> ComposeResult:
        """The question, and the two answers."""
        with Vertical(id="dialog"):
            yield Static(self._title, id="dialog-title", markup=False)
            yield Static(self._question, markup=False)
            with Horizontal(id="dialog-buttons"):
                yield Button(self._yes, id="yes", variant="primary", compact=True)
                yield Button(self._no, id="no", compact=True)
            yield Static("enter or y: yes   esc or n: no", id="dialog-hint", classes="label")

    def on_mount(self) -> None:
        """Enter says yes: the question was asked for by a key."""
        self.query_one("#yes", Button).focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Answer."""
        event.stop()
        self.dismiss(event.button.id == "yes")
