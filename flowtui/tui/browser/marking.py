"""Lines of the tree that can be marked: one, a range of them, all, the others."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message

from flowtui.tui.browser.lines import between, beyond, line_of, together
from flowtui.tui.browser.marks import Marks
from flowtui.tui.browser.nodes import Node, Row
from flowtui.tui.keys import with_ids
from flowtui.tui.matching import EVERYTHING
from flowtui.tui.widgets.line_list import LineList


class MarkedLines(LineList):
    """Shows `rows`, and what is marked of them.

    Messages: `MarksChanged`.

    Attributes:
        rows: the lines. `wanted`: the filter that left them. `marks`: what is marked.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "mark", "Mark"),
        Binding("shift+up", "extend(-1)", "Mark upwards", show=False),
        Binding("shift+down", "extend(1)", "Mark downwards", show=False),
        Binding("V", "range", "Mark a range", show=False),
        Binding("a", "mark_all", "Mark all", show=False),
        Binding("i", "invert_marks", "Invert marks", show=False),
    ]
    BINDINGS = with_ids("tree", BINDINGS)

    class MarksChanged(Message):
        """Something was marked, or a mark was taken away; `is_range`: moving marks more."""

        def __init__(self, marks: Marks, is_range: bool) -> None:
            super().__init__()
            self.marks = marks
            self.is_range = is_range

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.marks = Marks()
        self.rows: list[Row] = []
        self.wanted = EVERYTHING
        self._anchor: Node | None = None  # where a range began
        self._before = Marks()  # what was marked then
        self._is_held = False  # the range goes on with every movement
        self._is_extending = False  # with this one

    @property
    def count(self) -> int:
        """How many lines there are."""
        return len(self.rows)

    @property
    def row(self) -> Row | None:
        """The line under the cursor."""
        return self.rows[self.cursor] if 0 <= self.cursor < len(self.rows) else None

    def action_mark(self) -> None:
        """Mark or unmark the node under the cursor, and go on to the next line."""
        if self._end_range():
            return
        row = self.row
        if row is None or row.node is None or not row.node.can_mark:
            return
        self.marks.toggle(row.node)
        self._show_marks()
        self.set_cursor(self.cursor + 1)

    def action_range(self) -> None:
        """Have the range begin here, which every movement of the cursor extends; or end it here."""
        if not self._end_range():
            self._begin_range(is_held=True)

    def action_extend(self, by: int) -> None:
        """Mark the line under the cursor and the next; back again takes the last mark away."""
        if self._anchor is None and not self._begin_range(is_held=False):
            return
        self._is_extending = True
        self.set_cursor(self.cursor + by)
        self._is_extending = False

    def action_move(self, by: int) -> None:
        """Move the cursor so many lines."""
        if not self._is_held:
            self._anchor = None
        super().action_move(by)

    def cursor_moved(self) -> None:
        """Extend the range that is under way."""
        if self._anchor is not None and (self._is_held or self._is_extending):
            self._extend_range()
        else:
            self._anchor = None

    def _begin_range(self, *, is_held: bool) -> bool:
        node = self.row.node if self.row is not None else None
        if node is None:
            return False
        self._anchor, self._before, self._is_held = node, self.marks.copy(), is_held
        self._extend_range()
        return True

    def _extend_range(self) -> None:
        start = line_of(self.rows, self._anchor) if self._anchor is not None else None
        if start is None:
            self._end_range()  # what it began at is no longer among the lines
            return
        self.marks.take(self._before)
        self.marks.decide(between(self.rows, start, self.cursor), True)
        self._show_marks()

    def _end_range(self) -> bool:
        """Keep what the range marked; whether there was one to end."""
        was_held = self._anchor is not None and self._is_held
        self._anchor, self._is_held = None, False
        if was_held:
            self._show_marks()
        return was_held

    def drop_range(self) -> bool:
        """Take back what the range marked; whether there was one."""
        if self._anchor is None or not self._is_held:
            return False
        self.marks.take(self._before)
        return self._end_range()

    def action_mark_all(self) -> None:
        """Mark all that fits the filter, or else all of the list one is in; or unmark it."""
        nodes = self._these()
        if nodes:
            self.marks.decide(nodes, not all(map(self.marks.is_marked, nodes)))
            self._show_marks()
            self._tell_left()

    def action_invert_marks(self) -> None:
        """Mark what is not marked of the same, and the other way round."""
        nodes = self._these()
        if nodes:
            self.marks.invert(nodes)
            self._show_marks()
            self._tell_left()

    def _these(self) -> list[Node]:
        return together(self.rows, self.row, self.wanted)

    def _tell_left(self) -> None:
        """Say what is not marked, as the filter does not know it."""
        left = beyond(self.rows, self.row, self.wanted)
        if left:
            self.app.notify(f"Not among these: {left:,} that are not loaded.")

    def clear_marks(self) -> None:
        """Take all marks away."""
        self._end_range()
        self.marks.clear()
        self._show_marks()

    def _show_marks(self) -> None:
        self.refresh()
        self.post_message(self.MarksChanged(self.marks, self._anchor is not None and self._is_held))
