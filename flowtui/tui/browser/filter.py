"""The lines above the tree: the filter, where to go, the search on the server."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Static

from flowtui.tui.keys import with_ids


class FilterInput(Input):
    """Where to type; enter and down go to the tree."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,down", "submit", "Go to first match", key_display="enter")
    ]
    BINDINGS = with_ids("filter", BINDINGS)


class FilterLine(Horizontal):
    """Shown by `/`; sends `Changed` as one types, and `Left` with enter or escape."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave(False)", "Clear filter", key_display="esc"),
    ]
    BINDINGS = with_ids("filter", BINDINGS)

    class Changed(Message):
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
        super().__init__(id=id)
        self.display = False

    def compose(self) -> ComposeResult:
        """A word, and where to type."""
        yield Static(" Filter ")
        yield FilterInput(placeholder="words of a name; ! hides them", compact=True)
        yield Static("", classes="filter-found", markup=False)

    @property
    def _input(self) -> Input:
        return self.query_one(Input)

    def open(self) -> None:
        """Show the line, and type there."""
        self.display = True
        self._input.focus()

    def tell(self, words: str) -> None:
        """Show what was found."""
        self.query_one(".filter-found", Static).update(f" {words} " if words else "")

    def close(self) -> None:
        """Hide the line, emptied."""
        self._input.value = ""
        self.display = False

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter as one types."""
        event.stop()
        self.post_message(self.Changed(event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter: back to the tree."""
        event.stop()
        self.action_leave(True)

    def action_leave(self, keep: bool) -> None:
        """Go back to the tree; an empty filter is none."""
        self.post_message(self.Left(keep and bool(self._input.value)))


class GoLine(Horizontal):
    """Shown by `:`; sends `Asked` with enter, `Left` with escape."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Back", key_display="esc"),
    ]
    BINDINGS = with_ids("go", BINDINGS)

    class Asked(Message):
        """Go to what this reference or link names."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Left(Message):
        """Back to the tree."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.display = False

    def compose(self) -> ComposeResult:
        """A word, and where to type."""
        yield Static(" Go to ")
        yield Input(placeholder="sample/34, data/789 or a link to Flow", compact=True)

    def open(self) -> None:
        """Show the line, emptied, and type there."""
        self.display = True
        field = self.query_one(Input)
        field.value = ""
        field.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter: go there."""
        event.stop()
        self.display = False
        text = event.value.strip()
        self.post_message(self.Asked(text) if text else self.Left())

    def action_leave(self) -> None:
        """Go back to the tree."""
        self.display = False
        self.post_message(self.Left())


class FindLine(Horizontal):
    """Shown by `ctrl+f`; sends `Asked` with enter, `Left` with escape."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Back", key_display="esc"),
    ]
    BINDINGS = with_ids("find", BINDINGS)

    class Asked(Message):
        """Look for these words on the server."""

        def __init__(self, words: str) -> None:
            super().__init__()
            self.words = words

    class Left(Message):
        """Back to the tree."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.display = False

    def compose(self) -> ComposeResult:
        """A word, and where to type."""
        yield Static(" Find on Flow ")
        yield Input(placeholder="words in names; enter searches", compact=True)

    def open(self) -> None:
        """Show the line, and type there; what was asked last can be changed."""
        self.display = True
        field = self.query_one(Input)
        field.focus()
        field.action_select_all()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter: search."""
        event.stop()
        words = event.value.strip()
        self.display = False
        self.post_message(self.Asked(words) if words else self.Left())

    def action_leave(self) -> None:
        """Go back to the tree."""
        self.display = False
        self.post_message(self.Left())
