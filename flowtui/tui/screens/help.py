"""The help screen: all keys by pane, and what goes on behind them."""

from __future__ import annotations

from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

KEYS: dict[str, tuple[tuple[str, str], ...]] = {
    "Everywhere": (
        ("tab  shift+tab", "next pane, previous pane"),
        ("d", "download what is marked, or what is under the cursor"),
        ("/", "filter the tree as you type; enter: back to the tree"),
        ("s", "sign in, or in as somebody else"),
        ("b", "show or hide the bulk jobs"),
        ("ctrl+p", "all commands"),
        ("?", "this help"),
        ("q  ctrl+q", "leave; the engine goes on with the downloads"),
    ),
    "Tree": (
        ("↑ ↓  k j", "move; page up, page down, home, end too"),
        ("→ l enter", "open"),
        ("← h", "close, then up"),
        ("space", "mark, with all below it, loaded or not"),
        ("esc", "take the filter away, else all marks"),
        ("r", "load again, or try again"),
        ("● ◐", "marked; marked in part"),
        ("◆", "private: only those it is shared with see it"),
    ),
    "Downloads": (
        ("p  P", "pause or resume; all of them"),
        ("x  X", "cancel; all that is not here yet"),
        ("r  R", "try again; all that failed"),
        ("c", "clear what has ended from the list"),
        ("l", "limit the rate of all together"),
    ),
    "Bulk jobs": (
        ("enter", "its files, and what became of each"),
        ("x", "cancel"),
        ("r  R", "try again, with what is here; create a new archive"),
        ("o", "fetch what is missing one by one instead"),
        ("c", "forget"),
    ),
}

CONCEPT = (
    "Downloads are done by an engine of their own, not by this screen. Close it, lose the SSH "
    "connection: the engine goes on. Run flowtui again and see where it stands. A file "
    "gets its final name only when it is whole and verified; what is unfinished is beside it as "
    "NAME.part and goes on where it was."
)


class HelpScreen(ModalScreen[None]):
    """Shows the keys. Any of escape, q and ? goes back."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,question_mark", "dismiss", "Back")]

    def compose(self) -> ComposeResult:
        """Words, then a table for each pane."""
        with VerticalScroll(id="help"):
            yield Static("flowtui", id="dialog-title")
            yield Static(CONCEPT, markup=False, id="help-concept")
            for pane, keys in KEYS.items():
                yield Static(pane, classes="help-pane")
                table = Table.grid(padding=(0, 2))
                table.add_column(no_wrap=True, width=16)
                table.add_column(overflow="fold")
                for key, what in keys:
                    table.add_row(Text(key, style="bold"), Text(what))
                yield Static(table)
            yield Static("escape goes back", classes="label")
