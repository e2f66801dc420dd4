"""The tree pane: projects, samples, executions and files, opened and marked with the keyboard."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from flowtui.flow.clean import printable
from flowtui.tui.browser import labels, loading
from flowtui.tui.browser.marks import Marks
from flowtui.tui.browser.nodes import Kind, Load, Node, Row, visible_rows

if TYPE_CHECKING:
    from flowtui.flow.client import FlowClient

LOOK_DELAY = 0.06
"""Seconds that a row stays in sight before its page is fetched: scrolling past costs nothing."""

MARKED, PARTLY, UNMARKED = "●", "◐", " "
OPEN, CLOSED, LEAF = "▾", "▸", " "


class TreePane(ScrollView, can_focus=True):
    """Shows what is on Flow; loads what is looked at, in threads.

    Messages: `Highlighted` when the cursor is on another node, `MarksChanged`, `Trouble` when
    something could not be loaded.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup,ctrl+b", "page(-1)", "Page up", show=False),
        Binding("pagedown,ctrl+f", "page(1)", "Page down", show=False),
        Binding("home,g", "jump(0)", "First", show=False),
        Binding("end,G", "jump(-1)", "Last", show=False),
        Binding("right,l,enter", "open", "Open", show=False),
        Binding("left,h", "close", "Close", show=False),
        Binding("space", "mark", "Mark"),
        Binding("r", "reload", "Reload", show=False),
        Binding("escape", "clear_marks", "Clear marks", show=False),
    ]

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "tree--row",
        "tree--cursor",
        "tree--cursor-blurred",
        "tree--marked",
        "tree--dim",
        "tree--group",
        "tree--error",
    }

    cursor: reactive[int] = reactive(0, repaint=False)

    class Highlighted(Message):
        """The cursor is on `node`, or on no node."""

        def __init__(self, node: Node | None) -> None:
            super().__init__()
            self.node = node

    class MarksChanged(Message):
        """Something was marked, or a mark was taken away."""

        def __init__(self, marks: Marks) -> None:
            super().__init__()
            self.marks = marks

    class Trouble(Message):
        """`error` came while `node` was loaded."""

        def __init__(self, node: Node, error: Exception) -> None:
            super().__init__()
            self.node = node
            self.error = error

    def __init__(self, client: Callable[[], FlowClient], *, id: str | None = None) -> None:
        """`client` is called in a thread, when something is to be loaded."""
        super().__init__(id=id)
        self.root = loading.scopes()
        self.marks = Marks()
        self.rows: list[Row] = []
        self.wanted = ""
        self._client = client
        self._look_timer_set = False
        self._generation = 0

    def on_mount(self) -> None:
        """Show the scopes; nothing is loaded before someone asks."""
        self._rebuild()

    def open_first(self) -> None:
        """Load and open the user's own projects."""
        scope = self.root.children[0]
        if scope is not None and not scope.expanded:
            self._open(scope)

    def start_anew(self) -> None:
        """Forget everything that was loaded, as another user or server may answer now."""
        self._generation += 1
        self.root = loading.scopes()
        self.marks.clear()
        self.post_message(self.MarksChanged(self.marks))
        self.cursor = 0
        self._rebuild()
        self.open_first()

    @property
    def node(self) -> Node | None:
        """The node under the cursor; for a notice, the one it belongs to."""
        if not 0 <= self.cursor < len(self.rows):
            return None
        row = self.rows[self.cursor]
        return row.node or (row.parent if row.notice else None)

    def filter(self, text: str) -> None:
        """Show only what has `text` in its name; everything again for the empty text."""
        here = self.node
        self.wanted = text.strip().casefold()
        self._rebuild()
        if here is not None and not self.wanted:
            self._go_to(here)
        else:
            self._first_match()

    # Keys

    def action_move(self, by: int) -> None:
        """Move the cursor so many lines."""
        self._set_cursor(self.cursor + by)

    def action_page(self, by: int) -> None:
        """Move the cursor so many screens."""
        self._set_cursor(self.cursor + by * max(1, self.size.height - 1))

    def action_jump(self, to: int) -> None:
        """Go to the first (0) or last (-1) line."""
        self._set_cursor(to if to >= 0 else len(self.rows) - 1)

    def action_open(self) -> None:
        """Open the node, or step into it when it is open."""
        node = self.node
        if node is None or not node.can_open:
            return
        if node.load is Load.FAILED:
            self.action_reload()
        elif not node.expanded:
            self._open(node)
        else:
            self._set_cursor(self.cursor + 1)

    def action_close(self) -> None:
        """Close the node, or step out to the one above it."""
        node = self.node
        row = self.rows[self.cursor] if self.rows else None
        if node is not None and node.expanded and row is not None and row.node is node:
            node.expanded = False
            self._rebuild()
            return
        above = row.parent if row else None
        if above is not None and above.kind is not Kind.ROOT:
            self._go_to(above)

    def action_mark(self) -> None:
        """Mark or unmark the node under the cursor, and go on to the next line."""
        node = self.node
        if node is None or not node.can_mark:
            return
        self.marks.toggle(node)
        self.refresh()
        self.post_message(self.MarksChanged(self.marks))
        self._set_cursor(self.cursor + 1)

    def action_clear_marks(self) -> None:
        """Take all marks away, or the filter if there is one."""
        if self.wanted:
            self.filter("")
        elif self.marks.decisions:
            self.clear_marks()

    def clear_marks(self) -> None:
        """Take all marks away."""
        self.marks.clear()
        self.refresh()
        self.post_message(self.MarksChanged(self.marks))

    def action_reload(self) -> None:
        """Load the node under the cursor anew (for a file, the one it is in)."""
        node = self.node
        while node is not None and not node.can_open:
            node = node.parent
        if node is not None and node.kind is not Kind.ROOT:
            node.reset()
            self._open(node)

    # Loading

    def _open(self, node: Node) -> None:
        node.expanded = True
        if node.load in (Load.NEW, Load.FAILED):
            node.load = Load.LOADING
            self._fetch(node, 1)
        self._rebuild()

    def _fetch(self, node: Node, number: int) -> None:
        """Fetch a page of what is below `node`, in a thread."""
        if number in node.pending:
            return
        node.pending.add(number)
        generation = self._generation

        def fetch() -> None:
            from flowtui.flow.errors import FlowError

            result: loading.Loaded | Exception
            try:
                result = loading.load_page(self._client(), node, number)
            except FlowError as error:
                result = error
            except Exception as error:  # noqa: BLE001
                # It is shown in the tree where the children should be, and can be tried again.
                result = error
            self.app.call_from_thread(self._fetched, node, number, result, generation)

        self.run_worker(fetch, thread=True, group="tree", exit_on_error=False)

    def _fetched(
        self, node: Node, number: int, result: loading.Loaded | Exception, generation: int
    ) -> None:
        node.pending.discard(number)
        if generation != self._generation or not self.is_mounted:
            return
        if isinstance(result, Exception):
            if number == 1:
                node.load = Load.FAILED
            node.error = getattr(result, "message", None) or f"{type(result).__name__}: {result}"
            self.post_message(self.Trouble(node, result))
        else:
            loading.apply(node, result)
            if node.kind is Kind.PROJECT and node.children and node.children[0] is not None:
                self._open(node.children[0])
        here = self.node
        self._rebuild()
        if here is not None and here is not node:
            self._go_to(here, scroll=False)
        self.post_message(self.Highlighted(self.node))

    def _look_soon(self) -> None:
        """Fetch the pages of what is in sight, unless it has been scrolled away by then."""
        if not self._look_timer_set:
            self._look_timer_set = True
            self.set_timer(LOOK_DELAY, self._look)

    def _look(self) -> None:
        self._look_timer_set = False
        top = int(self.scroll_offset.y)
        for row in self.rows[top : top + self.size.height]:
            if row.node is None and row.parent is not None and not row.notice:
                number = loading.page_of(row.parent, row.index)
                if number not in row.parent.pending:
                    self._fetch(row.parent, number)

    # The screen

    def _rebuild(self) -> None:
        self.rows = visible_rows(self.root, self.wanted)
        self.virtual_size = Size(max(1, self.size.width), len(self.rows))
        self._set_cursor(self.cursor, tell=False)
        self.refresh()
        self._look_soon()

    def _set_cursor(self, line: int, *, tell: bool = True) -> None:
        before = self.cursor
        self.cursor = max(0, min(line, len(self.rows) - 1))
        self.refresh_line_at(before)
        self.refresh_line_at(self.cursor)
        if self.cursor != before or not tell:
            self.scroll_to_region(
                Region(0, self.cursor, 1, 1), animate=False, force=True, x_axis=False
            )
        if tell:
            self.post_message(self.Highlighted(self.node))

    def refresh_line_at(self, line: int) -> None:
        """Draw one line of the tree again."""
        y = line - int(self.scroll_offset.y)
        if 0 <= y < self.size.height:
            self.refresh(Region(0, y, self.size.width, 1))

    def _go_to(self, node: Node, *, scroll: bool = True) -> None:
        for line, row in enumerate(self.rows):
            if row.node is node:
                if scroll:
                    self._set_cursor(line)
                else:
                    self.cursor = line
                return

    def _first_match(self) -> None:
        for line, row in enumerate(self.rows):
            if row.node is not None and self.wanted in row.node.name.casefold():
                if row.node.kind in (Kind.SCOPE, Kind.SAMPLES, Kind.EXECUTIONS):
                    continue
                self._set_cursor(line)
                return

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Load what came into sight."""
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) != round(new_value):
            self._look_soon()

    def on_resize(self, _: events.Resize) -> None:
        """Fit the lines to the new width."""
        self.virtual_size = Size(max(1, self.size.width), len(self.rows))
        self._look_soon()

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on the line; a second click opens or closes it."""
        line = event.y + int(self.scroll_offset.y)
        if line >= len(self.rows):
            return
        if line == self.cursor:
            node = self.rows[line].node
            if node is not None and node.expanded:
                self.action_close()
            else:
                self.action_open()
        else:
            self._set_cursor(line)

    def render_line(self, y: int) -> Strip:
        """One line of the tree."""
        line = y + int(self.scroll_offset.y)
        width = self.size.width
        base = self.get_component_rich_style("tree--row")
        if line >= len(self.rows):
            return Strip.blank(width, base)
        if line == self.cursor:
            name = "tree--cursor" if self.has_focus else "tree--cursor-blurred"
            base = self.get_component_rich_style(name)
        return Strip(self._segments(self.rows[line], width, base, line == self.cursor), width)

    def _segments(self, row: Row, width: int, base: Style, on_cursor: bool) -> list[Segment]:
        def style(name: str) -> Style:
            found = self.get_component_rich_style(name, partial=True)
            return base + (found.without_color if on_cursor else found)

        indent = " " * (2 * row.depth)
        node = row.node
        if node is None:
            failed = row.notice and row.parent is not None and row.parent.load is Load.FAILED
            words = row.notice or "…"
            text = labels.fit(f"{indent}    {printable(words)}", width)
            return [Segment(text, style("tree--error" if failed else "tree--dim"))]
        marked = self.marks.is_marked(node) and node.can_mark
        sign = MARKED if marked else PARTLY if self.marks.is_partly(node) else UNMARKED
        fold = (OPEN if node.expanded else CLOSED) if node.can_open else LEAF
        note = labels.note_of(node)
        room = width - len(indent) - 5
        if note and len(note) > max(0, room - 10):
            note = note.rpartition("  ")[2] if "  " in note else ""
        note = labels.fit(note, min(cell_len(note), max(0, room - 6)))
        name = labels.fit(labels.name_of(node), room - cell_len(note) - 1)
        group = node.kind in (Kind.SCOPE, Kind.SAMPLES, Kind.EXECUTIONS)
        name_style = style("tree--marked" if marked else "tree--group") if marked or group else base
        return [
            Segment(f"{indent}{fold} ", style("tree--dim")),
            Segment(f"{sign} ", style("tree--marked")),
            Segment(name, name_style),
            Segment(f" {note} ", style("tree--dim")),
        ]

    def on_focus(self) -> None:
        """The cursor looks another way with the focus."""
        self.refresh_line_at(self.cursor)

    def on_blur(self) -> None:
        """See `on_focus`."""
        self.refresh_line_at(self.cursor)
