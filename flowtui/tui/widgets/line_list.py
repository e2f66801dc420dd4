"""A list of lines with a cursor, of which only those in sight are drawn."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from flowtui.tui.keys import with_ids

Piece = tuple[str, str]
"""Text, and the name of its style; a style `x` is the component class `lines--x`."""


class LineList(ScrollView, can_focus=True):
    """Shows `count` lines, each drawn by `pieces`; the keys move a cursor over them.

    Messages: those of its children, for which `cursor_moved` is called.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home,g", "jump(0)", "First", show=False),
        Binding("end,G", "jump(-1)", "Last", show=False),
    ]
    BINDINGS = with_ids("list", BINDINGS)

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "lines--row",
        "lines--cursor",
        "lines--cursor-blurred",
        "lines--dim",
        "lines--group",
        "lines--marked",
        "lines--match",
        "lines--active",
        "lines--good",
        "lines--warning",
        "lines--error",
    }

    cursor: reactive[int] = reactive(0, repaint=False)

    @property
    def count(self) -> int:
        """How many lines there are."""
        raise NotImplementedError

    def pieces(self, line: int, width: int) -> list[Piece]:
        """What is on a line, `width` cells in all."""
        raise NotImplementedError

    def cursor_moved(self) -> None:
        """The cursor is on another line."""

    @property
    def top(self) -> int:
        """The number of the first line in sight."""
        return int(self.scroll_offset.y)

    def draw_line(self, line: int) -> None:
        """Draw one line again, if it is in sight."""
        y = line - self.top
        if 0 <= y < self.size.height:
            self.refresh(Region(0, y, self.size.width, 1))

    def bring_into_sight(self, line: int, count: int = 1) -> None:
        """Scroll no further than needed for these lines; for the first, if not all fit."""
        top, height = self.top, max(1, self.size.height)
        wanted = top
        if line + count > top + height:
            wanted = line + count - height
        wanted = min(wanted, line)
        if wanted != top:
            self.scroll_to(y=wanted, animate=False, force=True)

    def action_move(self, by: int) -> None:
        """Move the cursor so many lines."""
        self.set_cursor(self.cursor + by)

    def action_page(self, by: int) -> None:
        """Move the cursor so many screens."""
        self.set_cursor(self.cursor + by * max(1, self.size.height - 1))

    def action_jump(self, to: int) -> None:
        """Go to the first (0) or last (-1) line."""
        self.set_cursor(to if to >= 0 else self.count - 1)

    def set_cursor(self, line: int) -> None:
        """Go to a line, or the nearest there is."""
        before = self.cursor
        self.cursor = max(0, min(line, self.count - 1))
        self.draw_line(before)
        self.draw_line(self.cursor)
        self.bring_into_sight(self.cursor)
        if self.cursor != before:
            self.cursor_moved()

    def redraw(self) -> None:
        """Draw all that is in sight again, as lines were added or removed."""
        self.virtual_size = Size(max(1, self.size.width), self.count)
        if self.cursor >= self.count:
            self.set_cursor(self.count - 1)
        self.refresh()

    def on_resize(self, _: events.Resize) -> None:
        """Fit the lines to the new size."""
        self.virtual_size = Size(max(1, self.size.width), self.count)
        self.bring_into_sight(self.cursor)

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on the line."""
        line = event.y + self.top
        if line < self.count:
            self.set_cursor(line)

    def render_line(self, y: int) -> Strip:
        """One line of the list."""
        line = y + self.top
        width = self.scrollable_content_region.width
        base = self.get_component_rich_style("lines--row")
        if line >= self.count:
            return Strip.blank(width, base)
        on_cursor = line == self.cursor and self.has_focus
        if on_cursor:
            base = self.get_component_rich_style("lines--cursor")
        elif line == self.cursor:
            base = self.get_component_rich_style("lines--cursor-blurred")
        segments = []
        for text, name in self.pieces(line, width):
            style = self.get_component_rich_style(f"lines--{name}", partial=True)
            segments.append(Segment(text, base + (style.without_color if on_cursor else style)))
        return Strip(segments, width).adjust_cell_length(width, base)

    def on_focus(self) -> None:
        """The cursor has other colours with the focus."""
        self.draw_line(self.cursor)

    def on_blur(self) -> None:
        """See `on_focus`."""
        self.draw_line(self.cursor)
