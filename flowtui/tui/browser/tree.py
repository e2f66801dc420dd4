"""The tree pane: projects, samples, executions and files, opened and marked with the keyboard."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.timer import Timer

from flowtui.text.printable import printable
from flowtui.tui.background import Background
from flowtui.tui.browser import drawing
from flowtui.tui.browser.covered import covered, hits_in, is_hit
from flowtui.tui.browser.finding import KINDS, ROOT
from flowtui.tui.browser.going import Going
from flowtui.tui.browser.lines import first_match, last_below, line_like, line_of
from flowtui.tui.browser.loader import TreeLoader
from flowtui.tui.browser.marking import MarkedLines
from flowtui.tui.browser.nodes import REST, Load, Node, NodeKind, visible_rows
from flowtui.tui.browser.place import Route, Step, advance, route_of, why_not_there
from flowtui.tui.browser.standing import Sign, sign_of
from flowtui.tui.keys import with_ids
from flowtui.tui.known_files import KnownFiles
from flowtui.tui.matching import Wanted, wanted_of
from flowtui.tui.widgets.line_list import Piece

if TYPE_CHECKING:
    from flowtui.flow.client import FlowClient

LOAD_DELAY = 0.08
"""Seconds without scrolling before the pages in sight are loaded: what is passed costs nothing."""

MATCH_DELAY = 0.4
"""Seconds without typing before the server is asked for what is filtered."""


class TreePane(MarkedLines):
    """Shows what is on Flow; loads what is in sight, in threads.

    Messages: `Highlighted` when the cursor is on another node, `MarksChanged`, `LoadFailed` when
    something could not be loaded, `Recovered` when loading works again, `FilterDropped` when
    escape took the filter away, `Filtered` when it found something else, `PeekRequested` for a file
    to be looked into.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,l", "open", "Open", key_display="→"),
        Binding("enter", "open_or_go", "Open", show=False),
        Binding("left,h", "close", "Close", show=False),
        Binding("d", "app.download", "Download"),
        Binding("slash", "app.filter", "Filter"),
        Binding("ctrl+f", "app.find", "Find"),
        Binding("r", "reload", "Reload", show=False),
        Binding("v", "app.verify", "Verify", show=False),
        Binding("escape", "clear_marks", "Clear marks", show=False),
    ]
    BINDINGS = with_ids("tree", BINDINGS)

    class Highlighted(Message):
        """The cursor is on `node`, or on no node."""

        def __init__(self, node: Node | None) -> None:
            super().__init__()
            self.node = node

    class LoadFailed(Message):
        """`node` could not be loaded, because of `error`."""

        def __init__(self, node: Node, error: Exception) -> None:
            super().__init__()
            self.node = node
            self.error = error

    class Recovered(Message):
        """Something could be loaded, where the last thing could not."""

    class PeekRequested(Message):
        """What is inside the file `node` is to be shown."""

        def __init__(self, node: Node) -> None:
            super().__init__()
            self.node = node

    class Filtered(Message):
        """What the filter found and how far it reaches, in words; empty without one."""

        def __init__(self, words: str) -> None:
            super().__init__()
            self.words = words

    class FilterDropped(Message):
        """Everything is shown again."""

    def __init__(
        self, client: Callable[[], FlowClient], background: Background, *, id: str | None = None
    ) -> None:
        """`client` is called in a thread, when something is to be loaded."""
        super().__init__(id=id)
        self._known, self._signs = (KnownFiles(), ""), list[Sign]()
        self._loader = TreeLoader(client, background, self._on_result)
        self._load_timer: Timer | None = None
        self._match_timer: Timer | None = None
        self._route: Route | None = None
        self._going = Going(client, background, self._go_to_place, self._tell_no_place)
        self._named: Node | None = None  # what the route leads to, where it was asked for by name
        self._covered = ""
        self._failing = False

    @property
    def root(self) -> Node:
        """The root of what is shown."""
        return self._loader.root

    def on_mount(self) -> None:
        """Show the scopes; nothing is loaded before someone asks."""
        self._rebuild()

    def open_scope(self, name: str) -> None:
        """Load and open `mine`, `public`, … (see `loading.scopes`)."""
        for scope in self.root.children:
            if scope is not None and scope.key == f"scope/{name}" and not scope.expanded:
                self._open(scope)

    def reset(self) -> None:
        """Forget everything that was loaded, as another user or server may answer now."""
        self._loader.reset()
        self.clear_marks()
        self.cursor = 0
        self._rebuild()
        self.open_scope("mine")

    def retry_failed(self) -> None:
        """Load what could not be loaded, as there may be somebody signed in now."""
        self._loader.retry(self.rows)
        self._rebuild()

    def pieces(self, line: int, width: int) -> list[Piece]:
        """See `LineList.pieces`."""
        row = self.rows[line]
        return drawing.pieces(row, self.marks, width, self.wanted, sign_of(row.node, self._known))

    def show_standing(self, files: KnownFiles, server: str) -> None:
        """Show what is here, under way and failed, of what `server` has."""
        self._known = files, server
        in_sight = self.rows[self.top : self.top + self.size.height]
        signs = [sign_of(row.node, self._known) for row in in_sight]
        if signs != self._signs:
            self._signs = signs
            self.refresh()

    @property
    def node(self) -> Node | None:
        """The node under the cursor; for a notice, the one it belongs to."""
        row = self.row
        return None if row is None else row.node or (row.parent if row.notice else None)

    def filter(self, text: str) -> None:
        """Show only what fits (see `Wanted`); everything again for the empty text."""
        self.wanted = wanted_of(text)
        if self._match_timer is not None:
            self._match_timer.stop()
        if self.wanted:
            self._match_timer = self.set_timer(MATCH_DELAY, self._match)
        self._rebuild()
        if self.wanted:
            self._first_match()
        else:
            self._follow_cursor()

    def _drop_filter(self) -> None:
        if self.wanted:
            self.filter("")
            self.post_message(self.FilterDropped())

    def _match(self) -> None:
        """Ask the server where more is there than is loaded."""
        parents = {id(row.parent): row.parent for row in self.rows}
        self._loader.match(parents.values(), self._exact, self._on_match)
        self._tell_covered()

    def _on_match(self, _: Node) -> None:
        self._rebuild()
        if self.row is None or not is_hit(self.row, self.wanted):
            self._first_match()

    def find(self, words: str) -> None:
        """Look for `words` on the server, and show what comes at the top."""
        self._drop_filter()
        self._route = None
        found = self._loader.find(words)
        self._rebuild()
        self._go_to(found)
        self.bring_into_sight(0)

    def go(self, text: str) -> None:
        """Go to what a reference or link names; what is in no list comes at the top."""
        self._drop_filter()
        self._going.ask(text)

    def on_paste(self, event: events.Paste) -> None:
        """Go to what was pasted."""
        event.stop()
        if event.text.strip():
            self.go(event.text)

    def _go_to_place(self, node: Node) -> None:
        self._named, self._route = node, route_of(node)
        if self._route is None:
            self._show_named(node)
        self._go_on()

    def _tell_no_place(self, why: str) -> None:
        self.app.notify(printable(why[:500]), severity="warning", markup=False)

    def _show_named(self, node: Node) -> None:
        self._named = None
        self._loader.show_found(node)
        self._rebuild()
        self._go_to(node)

    # Keys

    def action_open_or_go(self) -> None:
        """Open the node, look into a file; for what was found, go to its place in the tree."""
        node = self.node
        is_found = node is not None and node.parent is not None and node.parent.key in KINDS
        if node is None or not is_found:
            if node is not None and node.kind is NodeKind.DATA:
                self.post_message(self.PeekRequested(node))
            else:
                self.action_open()
            return
        self._named, self._route = None, route_of(node)
        if self._route is None:
            self.app.notify("Flow does not say where this is. Press → to open it here.")
        self._go_on()

    def step_to_file(self, by: int) -> Node | None:
        """Move the cursor to the next file (1) or the one before (-1); None where there is none."""
        line = self.cursor + by
        while 0 <= line < len(self.rows):
            node = self.rows[line].node
            if node is not None and node.kind is NodeKind.DATA:
                self.set_cursor(line)
                return node
            line += by
        return None

    def _go_on(self) -> None:
        """Go on towards the place that was asked for, as far as the tree is loaded."""
        if self._route is None:
            return
        step, node = advance(self._loader, self._route)
        if step is Step.WAIT:
            return
        self._route = None
        if step is Step.ARRIVED:
            for above in node.ancestors():
                above.expanded = above.expanded or above is not node
            self._rebuild()
            self._go_to(node)
            self._reveal()
        elif self._named is not None:
            self._show_named(self._named)
        else:
            self.app.notify(why_not_there(step, node), markup=False)

    def action_open(self) -> None:
        """Open the node, or step into it when it is open."""
        self._route = None
        node, row = self.node, self.row
        if row is not None and row.index == REST:
            self._loader.load_rest(row.parent)
        elif node is None or not node.can_open:
            return
        elif node.load is Load.FAILED:
            self.action_reload()
        elif not node.expanded:
            self._open(node)
        elif row is not None and row.node is node:
            self.set_cursor(self.cursor + 1)

    def action_close(self) -> None:
        """Close the node, or step out to the one above it."""
        row = self.row
        if row is None:
            return
        if row.node is not None and row.node.expanded and (not self.wanted or self.wanted.inverted):
            row.node.expanded = False
            self._rebuild()
        elif row.parent.kind is not NodeKind.ROOT:
            self._go_to(row.parent)

    def action_clear_marks(self) -> None:
        """Take back a range, or the filter away, else all marks, else what a search found."""
        if self.drop_range():
            return
        if self.wanted:
            self._drop_filter()
        elif self.marks.decisions:
            self.clear_marks()
        elif self._loader.drop_found():
            self._rebuild()

    def action_reload(self) -> None:
        """Load the node under the cursor anew (for a file, the one it is in)."""
        row = self.row
        if row is not None and row.node is None and row.index >= 0:
            row.parent.failed.pop(row.parent.page_of(row.index), None)
            self._load_soon()
            self.refresh()
            return
        node = self.node
        while node is not None and not node.can_open:
            node = node.parent
        if node is not None and node.key == ROOT:
            self.find(" ".join(node.children[0].record if node.children[0] else ()))
        elif node is not None and node.kind is not NodeKind.ROOT:
            self._loader.reload(node)
            self._rebuild()
            self._reveal()

    # Loading

    def _open(self, node: Node) -> None:
        self._loader.open(node)
        self._rebuild()
        self._reveal()

    def _on_result(self, node: Node, number: int, error: Exception | None) -> None:
        if not self.is_mounted:
            return  # the app ends
        if error is not None:
            self._failing = True
            self.post_message(self.LoadFailed(node, error))
        elif self._failing:
            self._failing = False
            self.post_message(self.Recovered())
        self._rebuild()
        if number == 1:
            self._reveal()
        self._go_on()
        self.post_message(self.Highlighted(self.node))

    def _load_soon(self) -> None:
        """Load the pages of what is in sight, once the scrolling has come to rest."""
        if self._load_timer is not None:
            self._load_timer.stop()
        self._load_timer = self.set_timer(LOAD_DELAY, self._load_in_sight)

    def _load_in_sight(self) -> None:
        self._load_timer = None
        self._loader.load_rows(self.rows[self.top : self.top + self.size.height])

    # The screen

    def _rebuild(self) -> None:
        """Make the lines anew; what is under the cursor stays there, and in its place in sight."""
        before, row = self.cursor, self.row
        top = self.top
        self._filter_rows()
        self.virtual_size = Size(max(1, self.size.width), len(self.rows))
        line = before if row is None else line_like(self.rows, row, self.cursor)
        self.cursor = max(0, min(before if line is None else line, len(self.rows) - 1))
        if self.cursor != before:
            self.scroll_to(y=top + self.cursor - before, animate=False, force=True)
        self.refresh()
        self._load_soon()

    def _filter_rows(self) -> None:
        """The lines that fit; where none has the very words, those that fit loosely."""
        self.wanted = self._exact
        self.rows = visible_rows(self.root, self.wanted)
        if self.wanted and not self.wanted.inverted and not hits_in(self.rows, self.wanted):
            loose = self.wanted.loosely()
            rows = visible_rows(self.root, loose)
            if hits_in(rows, loose):
                self.wanted, self.rows = loose, rows
        self._tell_covered()

    @property
    def _exact(self) -> Wanted:
        return replace(self.wanted, is_loose=False)

    def _tell_covered(self) -> None:
        """Tell what the filter found, where that is something else than before."""
        words = covered(self.root, self.rows, self.wanted).words if self.wanted else ""
        if words != self._covered:
            self._covered = words
            self.post_message(self.Filtered(words))

    def _reveal(self) -> None:
        """Scroll so that what was opened under the cursor is in sight, as far as it fits."""
        row = self.row
        if row is None or row.node is None:
            self._follow_cursor()
            return
        last = last_below(self.rows, self.cursor, self.size.height)
        self.bring_into_sight(self.cursor, last - self.cursor + 1)

    def _follow_cursor(self) -> None:
        self.bring_into_sight(self.cursor, 1)

    def cursor_moved(self) -> None:
        """Send `Highlighted`, and extend the range."""
        super().cursor_moved()
        self.post_message(self.Highlighted(self.node))

    def _go_to(self, node: Node) -> None:
        if (line := line_of(self.rows, node)) is not None:
            self.set_cursor(line)

    def _first_match(self) -> None:
        line = first_match(self.rows, self.wanted)
        if line is None or line == self.cursor:
            self.post_message(self.Highlighted(self.node))  # the line may be another thing's now
        else:
            self.set_cursor(line)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Load what is in sight now."""
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) != round(new_value):
            self._load_soon()

    def on_resize(self, event: events.Resize) -> None:
        """Fit the lines to the new size."""
        super().on_resize(event)
        self._load_soon()

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on the line; a click on its mark marks, a second one opens or closes."""
        line = event.y + self.top
        if line >= len(self.rows):
            return
        again = line == self.cursor
        self.set_cursor(line)
        node = self.rows[line].node
        if event.x < 2:
            self.action_mark()
        elif again and node is not None and node.expanded:
            self.action_close()
        elif again:
            self.action_open()
