"""The details pane: what is known of the thing under the cursor."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.timer import Timer

from flowtui.text.printable import printable
from flowtui.tui.background import Background
from flowtui.tui.browser import labels
from flowtui.tui.browser.facts import facts_of
from flowtui.tui.browser.fetching import words_of
from flowtui.tui.browser.nodes import Node, NodeKind
from flowtui.tui.widgets.steady_text import SteadyText

if TYPE_CHECKING:
    from flowtui.flow.client import FlowClient

REST = 0.35
"""Seconds that the cursor rests on a thing before more is asked about it."""

PASSING = 0.15
"""Seconds within which the cursor went on: what it only passes is not drawn, as with a held key."""

LONGEST_FACT = 4000
"""Characters of one fact that are shown."""


class DetailsPane(VerticalScroll, can_focus=False):
    """Shows what is known of a node: name on top, then facts, one a line. Sends no messages.

    The rows of a list do not say all: where the cursor rests, the rest is fetched, once.
    """

    BINDINGS: ClassVar[list[BindingType]] = []

    def __init__(
        self, client: Callable[[], FlowClient], background: Background, *, id: str | None = None
    ) -> None:
        """`client` is called in a thread, when more is to be asked."""
        super().__init__(id=id)
        self._client = client
        self._background = background
        self._node: Node | None = None
        self._timer: Timer | None = None
        self._draw_timer: Timer | None = None
        self._shown_at = 0.0
        # Made here: details may arrive before they are mounted, and after.
        self._title = SteadyText(id="details-title", markup=False)
        self._facts = SteadyText(id="details-facts", markup=False)

    def compose(self) -> ComposeResult:
        """A title and the facts."""
        yield self._title
        yield self._facts

    def show(self, node: Node | None) -> None:
        """Show another node, or nothing."""
        if node is not self._node:
            self.scroll_home(animate=False)
        self._node = node
        self._draw_soon()
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        if node is not None and needs_details(node):
            self._timer = self.set_timer(REST, self._fetch)

    def _draw_soon(self) -> None:
        """Draw at once, or where keys come fast, when they have come to rest."""
        now, before = time.monotonic(), self._shown_at
        self._shown_at = now
        if self._draw_timer is not None:
            self._draw_timer.stop()
            self._draw_timer = None
        if now - before > PASSING:
            self._draw()
        else:
            self._draw_timer = self.set_timer(PASSING, self._draw)

    def _draw(self) -> None:
        node, title, facts = self._node, self._title, self._facts
        if node is None:
            title.update("")
            facts.update("")
            return
        title.update(Text(labels.name_of(node), style="bold", overflow="fold"))
        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column(style="dim", no_wrap=True, max_width=16)
        table.add_column(overflow="fold", ratio=1)
        for name, value in facts_of(node):
            table.add_row(
                Text(printable(name[:LONGEST_FACT]), overflow="ellipsis"),
                Text(printable(value[:LONGEST_FACT]), overflow="fold"),
            )
        facts.update(table)

    def _fetch(self) -> None:
        """Ask for the details of the node, in a thread."""
        node = self._node
        if node is None or not needs_details(node):
            return
        node.details_asked = True

        def work() -> None:
            record, error_words = node.record, ""
            try:
                record = with_details(node, self._client())
            except Exception as error:  # noqa: BLE001
                # Shown among the details; what the list gave is there all the same.
                error_words = words_of(error)
            self._background.call_later(self._received, node, record, error_words)

        self._background.run(work, f"details of {node.key}")

    def _received(self, node: Node, record: Any, error_words: str) -> None:
        node.record, node.details_error = record, error_words
        if node is self._node and self.is_mounted:
            self._draw()


def needs_details(node: Node) -> bool:
    """Whether the service may know more of the node than its list said."""
    record = node.record
    if node.details_asked or record is None:
        return False
    if node.kind is NodeKind.DATA:
        return record.id is not None and not (record.md5 and record.filetype)
    return node.kind is NodeKind.SAMPLE and not record.metadata


def with_details(node: Node, client: FlowClient) -> Any:
    """The node's record, what it lacks filled from the service's details. Raises FlowError."""
    record = node.record
    more = client.data(record.id) if node.kind is NodeKind.DATA else client.sample(record.id)
    lacking: tuple[object, ...] = (None, "", {}, ())
    names = [field.name for field in fields(record) if field.name != "given"]
    known = {name: getattr(more, name) for name in names if getattr(record, name) in lacking}
    return replace(record, **known)
