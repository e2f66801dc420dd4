"""The help screen: all keys by pane, and what goes on behind them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from flowtui.tui.keys import in_words, with_ids

KEYS: dict[str, tuple[tuple[str, str], ...]] = {
    "Everywhere": (
        ("tab  shift+tab", "next pane, previous pane"),
        ("+", "have the pane take all the room, or give it back"),
        ("d", "download what is marked, or the item under the cursor"),
        ("/", "filter the tree as you type; *.bam is a pattern, !words hides; enter: to the tree"),
        ("ctrl+f", "find on Flow: samples, executions, files, projects with these words"),
        (":", "go to sample/34, data/789, … or a link; so does pasting one into the tree"),
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
        ("shift+↓ shift+↑", "mark several, one after the other"),
        ("V", "begin a range: moving marks; V or space ends it, esc takes it back"),
        ("a  i", "mark all of the list, or all that fits the filter; i: invert the marks"),
        ("esc", "clear the filter, or else all marks, or else what was found"),
        ("r", "reload, or retry what failed"),
        ("v", "verify what was downloaded of it to the target folder"),
        ("● ◐", "marked, partly marked"),
        ("✓ ◔ ↓ !", "here, some of it here, queued or under way, failed"),
        ("◆", "private: visible only to those it is shared with"),
    ),
    "Downloads": (
        ("enter", "details: the whole path and reason, what helps; copies path, REF, commands"),
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
    """Shows the keys, those of the pane one is in first. `/` searches; escape, q and ? go back."""

    AUTO_FOCUS = "#help"  # else the hidden field takes what is typed
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark", "dismiss", "Back"),
        Binding("slash", "search", "Search"),
    ]
    BINDINGS = with_ids("help", BINDINGS)

    def __init__(self, pane: str = "", keymap: Mapping[str, str] | None = None) -> None:
        """`pane`: the one that one is in, of KEYS. `keymap`: what the settings have changed."""
        super().__init__()
        self._sections = sections(pane, keymap or {})
        self._search = Input(placeholder="type to search", id="help-search", compact=True)

    def compose(self) -> ComposeResult:
        """Words, then a table for each pane."""
        self._search.display = False
        with VerticalScroll(id="help"):
            yield self._search
            yield Static("flowtui", id="dialog-title")
            yield Static(CONCEPT, markup=False, id="help-concept")
            for name, rows in self._sections:
                yield Static(name, classes="help-pane", markup=False)
                yield Static(_table(rows), classes="help-keys")
            yield Static("/: search   esc: back", classes="label")

    def action_search(self) -> None:
        """Show the field; what is typed is looked for in keys and words."""
        self._search.display = True
        self._search.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Show the lines that have all the words."""
        shown = matching(self._sections, event.value)
        self.query_one("#help-concept").display = not event.value.strip()
        heads, tables = self.query(".help-pane"), self.query(".help-keys")
        for (_, rows), head, table in zip(shown, heads, tables, strict=True):
            head.display = table.display = bool(rows)
            assert isinstance(table, Static)
            table.update(_table(rows))

    def on_input_submitted(self, _: Input.Submitted) -> None:
        """Back to the list, which scrolls by the arrows."""
        self.query_one("#help").focus()


Rows = tuple[tuple[str, str], ...]


def sections(pane: str, keymap: Mapping[str, str]) -> list[tuple[str, Rows]]:
    """The panes with their keys, `pane` first, then what the settings have changed."""
    found = sorted(KEYS.items(), key=lambda item: item[0] != pane)
    own = tuple((in_words(keys), name) for name, keys in sorted(keymap.items()))
    if not own:
        return found
    return [("Your settings (instead of the keys below)", own), *found]


def matching(found: list[tuple[str, Rows]], text: str) -> list[tuple[str, Rows]]:
    """The same with those rows only that have all words of `text`."""
    words = text.casefold().split()
    return [
        (name, tuple(row for row in rows
                     if all(word in f"{name} {' '.join(row)}".casefold() for word in words)))
        for name, rows in found
    ]  # fmt: skip


def _table(rows: Rows) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, width=16)
    table.add_column(overflow="fold")
    for key, what in rows:
        table.add_row(Text(key, style="bold"), Text(what))
    return table
