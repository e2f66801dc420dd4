"""The tree with the lines above it: the filter, and the search on the server."""

from __future__ import annotations

from collections.abc import Callable

from textual.app import ComposeResult
from textual.containers import Vertical

from flowtui.tui.browser.filter import FilterLine, FindLine, GoLine
from flowtui.tui.browser.tree import TreePane


class TreeSide(Vertical):
    """Takes what is typed above the tree to the tree. Messages: those of the tree."""

    def __init__(self, tree: TreePane, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._tree = tree
        self._filter = FilterLine(id="filter")
        self._find = FindLine(id="find")
        self._go = GoLine(id="go")

    def compose(self) -> ComposeResult:
        """The lines, hidden at first, and the tree."""
        yield self._filter
        yield self._find
        yield self._go
        yield self._tree

    def open_filter(self) -> None:
        """Show the filter line, and type there."""
        self._filter.open()

    def open_find(self) -> None:
        """Show the line for a search on the server, and type there."""
        self._find.open()

    def open_go(self) -> None:
        """Show the line for a reference or link, and type there."""
        self._go.open()

    def _have(self, do: Callable[[str], None], text: str) -> None:
        """Have the tree do something by itself, next.

        What it sends while its parent's handler runs counts as sent by the parent, and goes no
        further up than that: the details would not hear of the cursor.
        """
        self._tree.call_next(do, text)

    def on_go_line_asked(self, message: GoLine.Asked) -> None:
        """Go to what it names."""
        self._tree.focus()
        self._have(self._tree.go, message.text)

    def on_go_line_left(self, _: GoLine.Left) -> None:
        """Back to the tree."""
        self._tree.focus()

    def on_tree_pane_filtered(self, message: TreePane.Filtered) -> None:
        """Say what the filter found."""
        self._filter.tell(message.words)

    def on_tree_pane_filter_dropped(self) -> None:
        """The filter line goes with the filter."""
        self._filter.close()

    def on_filter_line_changed(self, message: FilterLine.Changed) -> None:
        """Filter as one types."""
        self._have(self._tree.filter, message.text)

    def on_filter_line_left(self, message: FilterLine.Left) -> None:
        """Back to the tree."""
        if not message.keep:
            self._filter.close()
            self._have(self._tree.filter, "")
        self._tree.focus()

    def on_find_line_asked(self, message: FindLine.Asked) -> None:
        """Search; what is found comes at the top of the tree."""
        self._tree.focus()
        self._have(self._tree.find, message.words)

    def on_find_line_left(self, _: FindLine.Left) -> None:
        """Back to the tree."""
        self._tree.focus()
