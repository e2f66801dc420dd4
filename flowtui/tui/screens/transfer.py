"""All there is to say of one download, kept true while one looks; and what can be copied of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from flowtui.protocol.messages import TransferRow
from flowtui.text.printable import printable
from flowtui.tui.downloads import facts
from flowtui.tui.keys import with_ids

LOOK_EVERY = 0.5
"""Seconds between two looks at how it stands."""

COPIED: dict[str, tuple[str, Callable[[TransferRow], str]]] = {
    "path": ("path", facts.path_of),
    "ref": ("REF", facts.ref_of),
    "command": ("flowtui command", facts.command_of),
    "curl": ("curl command", facts.curl_of),
}
"""What can be copied → its name, and what makes it."""

HINT = "copy: y path, Y REF, u flowtui command, U curl command   esc: back"


class TransferScreen(ModalScreen[None]):
    """Shows one transfer. Sends no messages."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "dismiss", "Back"),
        Binding("y", "copy('path')", "Copy path"),
        Binding("Y", "copy('ref')", "Copy REF"),
        Binding("u", "copy('command')", "Copy flowtui command"),
        Binding("U", "copy('curl')", "Copy curl command"),
    ]
    BINDINGS = with_ids("transfer", BINDINGS)

    def __init__(self, row: TransferRow, latest: Callable[[int], TransferRow | None]) -> None:
        """`latest`: the transfer of an id as it is now; None where it is in the list no more."""
        super().__init__()
        self._row = row
        self._latest = latest
        self._shown: list[tuple[str, str]] = []
        self._facts = Static(id="transfer-facts")

    def compose(self) -> ComposeResult:
        """The file's name, the facts, the keys."""
        with VerticalScroll(id="dialog", can_focus=False):
            yield Static(printable(self._row.filename), id="dialog-title", markup=False)
            yield self._facts
            yield Static(HINT, id="dialog-hint", classes="label", markup=False)

    def on_mount(self) -> None:
        """Look now, and again and again."""
        self._look()
        self.set_interval(LOOK_EVERY, self._look)

    def _look(self) -> None:
        latest = self._latest(self._row.id)
        self._row = latest or self._row
        shown = list(facts.facts_of(self._row))
        if latest is None:
            shown.append(("", "It was taken off the list."))
        if shown == self._shown:
            return
        self._shown = shown
        table = Table.grid(padding=(0, 2))
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for label, words in shown:
            table.add_row(Text(label, style="dim"), Text(words))
        self._facts.update(table)

    def action_copy(self, what: str) -> None:
        """Put something into the clipboard of whoever's terminal this is (OSC 52)."""
        name, make = COPIED[what]
        text = make(self._row)
        if not text:
            self.app.notify(f"There is no {name} for this.")
            return
        try:
            text.encode()
        except UnicodeEncodeError:  # a folder's name that is no UTF-8
            self.app.notify(f"The {name} cannot be copied: it is not UTF-8.", severity="warning")
            return
        self.app.copy_to_clipboard(text)
        self.app.notify(printable(text), title=f"Copied the {name}", markup=False)
