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

from flowtui.tui.keys import with_ids

KEYS: dict[str, tuple[tuple[str, str], ...]] = {
    "Everywhere": (
        ("tab  shift+tab", "next pane, previous pane"),
        ("d", "download what is marked, or the item under the cursor"),
        ("/", "filter the tree as you type; enter returns to the tree"),
        ("ctrl+f", "find on Flow: samples, executions, files, projects with these words"),
        ("s", "sign in, or switch to another account"),
        ("b", "show or hide the bulk jobs"),
        ("ctrl+p", "all commands"),
        ("?", "this help"),
        ("q  ctrl+q", "quit; downloads continue in the background"),
    ),
    "Tree": (
        ("↑ ↓  k j", "move; also page up, page down, home, end"),
        ("→ l enter", "open; enter on what was found goes to its place"),
        ("enter", "on a file: look into it without downloading it"),
        ("← h", "close, then go to the parent"),
        ("space", "mark or unmark, with everything below it"),
        ("esc", "clear the filter, or else all marks, or else what was found"),
        ("r", "reload, or retry what failed"),
        ("v", "verify what was downloaded of it to the target folder"),
        ("● ◐", "marked, partly marked"),
        ("◆", "private: visible only to those it is shared with"),
    ),
    "Downloads": (
        ("p  P", "pause or resume; P: all"),
        ("x  X", "cancel; X: everything not finished"),
        ("r  R", "retry; R: everything that failed"),
        ("c", "clear finished downloads from the list; files are kept"),
        ("l", "limit the download rate"),
        ("v  V", "verify what came with the file; V: all that downloads.log of its folder has"),
    ),
    "Bulk jobs": (
        ("enter", "show the files and their state"),
        ("x", "cancel"),
        ("r  R", "retry, keeping what was downloaded; R: create a new archive"),
        ("o", "download the missing files one by one instead"),
        ("c", "forget: remove from the list; files are kept"),
        ("v", "verify its files: read them again; f fetches again what is wrong"),
    ),
}

CONCEPT = (
    "A background engine does the downloading, not this screen. Quit, or lose the SSH connection, "
    "and downloads continue; run flowtui again to see them. A file gets its final name only when "
    "it is complete and verified. Until then it is NAME.part in the same folder, and an "
    "interrupted download resumes from there."
)


class HelpScreen(ModalScreen[None]):
    """Shows the keys. Any of escape, q and ? goes back."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,question_mark", "dismiss", "Back")]
    BINDINGS = with_ids("help", BINDINGS)

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
            yield Static("esc: back", classes="label")
