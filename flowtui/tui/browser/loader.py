"""The tree as far as it is loaded: which pages are asked for, and what they held."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from flowtui.tui.background import Background
from flowtui.tui.browser import finding, loading
from flowtui.tui.browser.fetching import PageFetcher, words_of
from flowtui.tui.browser.nodes import Load, Node, NodeKind, Row
from flowtui.tui.matching import Wanted

if TYPE_CHECKING:
    from flowtui.flow.client import FlowClient

LATER = 2
"""The number of a page that is not the first, for what is added to a node that is in sight."""

OnResult = Callable[[Node, int, Exception | None], None]


class TreeLoader:
    """Loads what is below nodes. To be used on the screen's thread.

    Attributes:
        root: the scopes, and below them what was loaded.
    """

    def __init__(
        self, client: Callable[[], FlowClient], background: Background, on_result: OnResult
    ) -> None:
        """`client` is called in a thread.

        `on_result(node, number, error)` is called once page `number` of `node` was loaded, or could
        not be; the nodes are up to date by then.
        """
        self.root = loading.scopes()
        self._on_result = on_result
        self._fetcher = PageFetcher(client, background, self._fetched)
        self._finder = finding.Finder(client, background, loading.child_of, self._found)

    def reset(self) -> None:
        """Forget everything; pages on their way are dropped when they arrive."""
        self._finder.stop()
        self.root = loading.scopes()

    def find(self, words: str) -> Node:
        """Look for these words on the server; the branch at the top that shows what is found."""
        self.drop_found()
        found = finding.branch(words, self.root)
        self.root.children.insert(0, found)
        for group in found.children:
            if group is not None:
                self.open(group)
        return found

    def show_found(self, node: Node) -> None:
        """Show one thing that was named at the top, as it has no place in the tree."""
        self.drop_found()
        self.root.children.insert(0, finding.branch_of(node, self.root))

    def drop_found(self) -> bool:
        """Take the branch of a search away, and end it; whether there was one."""
        self._finder.stop()
        first = self.root.children[0] if self.root.children else None
        if first is None or first.key != finding.ROOT:
            return False
        del self.root.children[0]
        return True

    def open(self, node: Node) -> None:
        """Expand a node, its first page loaded where it is not."""
        node.expanded = True
        if node.load in (Load.NEW, Load.FAILED):
            node.load = Load.LOADING
            if node.key in finding.KINDS:
                node.name, node.children = finding.KINDS[node.key][0], []
                self._finder.search(node)
            else:
                self._fetcher.fetch(node, 1)

    def reload(self, node: Node) -> None:
        """Forget what is below a node, and load it anew."""
        node.reset()
        self.open(node)

    def load_rest(self, node: Node) -> None:
        """Load all pages of a node that are missing."""
        for number in node.missing_pages():
            self._fetcher.fetch(node, number)

    def load_rows(self, rows: Iterable[Row]) -> None:
        """Load the pages that these rows are on, but those that failed."""
        for row in rows:
            if row.node is None and not row.notice:
                number = row.parent.page_of(row.index)
                if number not in row.parent.failed:
                    self._fetcher.fetch(row.parent, number)

    def match(self, nodes: Iterable[Node], wanted: Wanted, then: Callable[[Node], None]) -> None:
        """Ask the server for what fits where not all is loaded."""
        for node in nodes if wanted.asked else ():
            if node.is_partly_loaded and node.matched != wanted.text and loading.can_match(node):
                self._fetcher.fetch_matches(node, wanted, then)

    def retry(self, rows: Iterable[Row]) -> None:
        """Open again what failed to open; let the pages that failed be loaded by `load_rows`."""
        for row in rows:
            if row.node is not None and row.node.expanded and row.node.load is Load.FAILED:
                self.open(row.node)
            row.parent.failed.clear()

    def _found(self, group: Node, error: Exception | None) -> None:
        if self.root in group.ancestors():
            self._on_result(group, LATER, error)

    def _fetched(self, node: Node, number: int, result: loading.Loaded | Exception) -> None:
        if self.root not in node.ancestors():
            return  # it belongs to a tree that was left behind
        if isinstance(result, Exception):
            if loading.is_optional(node) and number == 1 and _is_lacking(result):
                self.root.children.remove(node)
                self._on_result(node, number, None)
                return
            if number == 1:
                node.load, node.error = Load.FAILED, words_of(result)
            else:
                node.failed[number] = f"{words_of(result)} (r: retry)"
            self._on_result(node, number, result)
            return
        loading.apply(node, result)
        samples = node.children[0] if node.kind is NodeKind.PROJECT else None
        if samples is not None:
            self.open(samples)  # what a project is opened for
        self._on_result(node, number, None)


def _is_lacking(error: Exception) -> bool:
    """Whether this says that the server has no such list."""
    from flowtui.flow.errors import NotFound, NotOffered

    return isinstance(error, NotFound | NotOffered)
