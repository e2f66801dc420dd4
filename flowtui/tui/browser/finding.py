"""What a search on the server found, as a branch at the top of the tree, by kind, as it comes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import CancelledError
from contextlib import closing
from typing import TYPE_CHECKING

from flowtui.text import quantities
from flowtui.tui.background import Background
from flowtui.tui.browser.nodes import Load, Node, NodeKind

if TYPE_CHECKING:
    from flowtui.flow.client import FlowClient
    from flowtui.flow.search.criteria import FoundRecord
    from flowtui.flow.search.search import Search
    from flowtui.flow.search.search_notices import Notice

ROOT = "scope/found"

KINDS = {
    "found/samples": ("Samples", NodeKind.SAMPLE),
    "found/data": ("Data", NodeKind.DATA),
    "found/executions": ("Executions", NodeKind.EXECUTION),
    "found/projects": ("Projects", NodeKind.PROJECT),
}
"""The groups: key → name, and what is below it."""

MOST = 100
"""Of each kind; who looks for one of more says more words."""

SEARCHING = "searching …"

OnFound = Callable[[Node, Exception | None], None]
ToNode = Callable[[Node, "FoundRecord"], Node]


def branch(words: str, parent: Node) -> Node:
    """The branch for what has all these words in its name; its groups are still to be loaded."""
    found = Node(NodeKind.SCOPE, ROOT, f"Found: {words}", parent, load=Load.READY, expanded=True)
    found.children = [
        Node(NodeKind.SCOPE, key, name, parent=found, record=tuple(words.split()))
        for key, (name, _) in KINDS.items()
    ]
    return found


def branch_of(node: Node, parent: Node) -> Node:
    """The branch for one thing that was named, and has no place in the tree."""
    kind = next(key for key, (_, kind) in KINDS.items() if kind is node.kind)
    named = Node(NodeKind.SCOPE, ROOT, f"Found: {node.key}", parent, load=Load.READY, expanded=True)
    group = Node(NodeKind.SCOPE, kind, KINDS[kind][0], named, (node.name,), expanded=True)
    group.load, group.children, node.parent = Load.READY, [node], group
    named.children = [group]
    return named


class Finder:
    """Searches for the groups of a branch, in threads. To be used on the screen's thread."""

    def __init__(
        self,
        client: Callable[[], FlowClient],
        background: Background,
        to_node: ToNode,
        on_found: OnFound,
    ) -> None:
        """`client` is called in a thread; `to_node` makes a node of a record.

        `on_found(group, error)` is called, on the screen's thread, when a group has more than
        before, and with what ended it early.
        """
        self.client = client
        self.background = background
        self.to_node = to_node
        self.on_found = on_found
        self._stops: dict[int, threading.Event] = {}

    def search(self, group: Node) -> None:
        """Search for what a group is to have; a search for it that is under way ends."""
        self._stop(group)
        stop = self._stops[id(group)] = threading.Event()
        self.background.run(_Run(self, group, stop).work, f"find {group.key}")

    def stop(self) -> None:
        """End all searches: nothing more is asked, and nothing of them is shown."""
        for stop in self._stops.values():
            stop.set()
        self._stops.clear()

    def _stop(self, group: Node) -> None:
        stop = self._stops.pop(id(group), None)
        if stop is not None:
            stop.set()


class _Run:
    """One search for one group; `work` runs in a thread."""

    def __init__(self, finder: Finder, group: Node, stop: threading.Event) -> None:
        self._finder = finder
        self._group = group
        self._stop = stop
        self._words: tuple[str, ...] = group.record
        self._title = KINDS[group.key][0]
        self._lock = threading.Lock()
        self._is_told = False  # that there is something to take
        # To be taken by the screen's thread:
        self._found: list[FoundRecord] = []
        self._notes: dict[str, None] = {}
        self._how_far = SEARCHING
        self._error: Exception | None = None
        self._is_over = False

    def work(self) -> None:
        """Search, and hand over what is found."""
        from flowtui.flow.search.criteria import Criteria, Kind
        from flowtui.flow.search.search import Search

        try:
            client = self._finder.client().until(self._stop)
            kind = Kind(self._group.key.partition("/")[2])
            search = Search(client, kind, Criteria(words=self._words), self._notice)
            how_far = ""
            with closing(search):
                for number, record in enumerate(search):
                    if number == MOST:
                        how_far = _cut(search)
                        break
                    self._tell(found=record, how_far=SEARCHING)
        except CancelledError:
            return
        except Exception as error:  # noqa: BLE001 - shown in the tree, and can be tried again
            self._tell(error=error, how_far="", is_over=True)
        else:
            self._tell(how_far=how_far, is_over=True)

    def _notice(self, notice: Notice) -> None:
        """Show what is said; called from any thread."""
        from flowtui.flow.search.search_notices import Waiting

        if isinstance(notice, Waiting):
            self._tell(how_far=quantities.waiting(notice.why, notice.seconds))
        else:
            self._tell(note=words_of(notice))

    def _tell(
        self,
        *,
        found: FoundRecord | None = None,
        note: str = "",
        how_far: str | None = None,
        error: Exception | None = None,
        is_over: bool = False,
    ) -> None:
        """Keep it for the screen's thread, which takes all at once when it comes to it."""
        with self._lock:
            if found is not None:
                self._found.append(found)
            if note:
                self._notes[note] = None
            if how_far is not None:
                self._how_far = how_far
            self._error, self._is_over = error, is_over
            if self._is_told:
                return
            self._is_told = True
        self._finder.background.call_later(self._take)

    def _take(self) -> None:
        """On the screen's thread."""
        with self._lock:
            self._is_told = False
            found, self._found = self._found, []
            notes, how_far, error = tuple(self._notes), self._how_far, self._error
            is_over = self._is_over
        group = self._group
        if self._stop.is_set():
            return
        group.children.extend(self._finder.to_node(group, record) for record in found)
        group.notes = notes
        if error is not None:
            group.error = getattr(error, "message", None) or f"{type(error).__name__}: {error}"
            how_far = f"stopped: {group.error}" if group.children else ""
        parts = [part for part in (how_far, *notes) if part]
        group.name = self._title + (f" ({'; '.join(parts)})" if parts else "")
        if is_over:
            group.load = Load.READY if error is None else Load.FAILED
        self._finder.on_found(group, error)


def _cut(search: Search) -> str:
    """What is said where more is there than is shown."""
    if search.counted is None or search.counted <= MOST:
        return f"the first {MOST} of more"
    most = "at most " if search.passed_over else ""
    return f"the first {MOST} of {most}{search.counted:,}"


def words_of(notice: Notice) -> str:
    """A notice in a few words."""
    from flowtui.flow.search import search_notices as notices

    if isinstance(notice, notices.Walking):
        return "in projects: the server has no search"
    if isinstance(notice, notices.LeftOut):
        return f"without {notice.name}: {notice.error.message}"
    if isinstance(notice, notices.NotCovered):
        return f"without {notice.what}"
    if isinstance(notice, notices.Unreadable):
        return f"without {quantities.counted(notice.count, 'record')} that cannot be read"
    if isinstance(notice, notices.Lacking):
        return f"without {notice.count:,} that the server did not send"
    if isinstance(notice, notices.Unchecked):
        return f"not checked: {', '.join(sorted(notice.fields))}"
    return notice.why
