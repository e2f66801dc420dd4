"""The tree of what is on Flow, as far as it was loaded. Plain data, without any widget.

A node's children are loaded when it is opened, page by page as they come into sight: a child that
was not loaded yet is None in its parent's list.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Any

from flowtui.text.quantities import counted
from flowtui.tui.matching import EVERYTHING, Wanted


class NodeKind(StrEnum):
    """What a node stands for."""

    ROOT = "root"
    SCOPE = "scope"
    PROJECT = "project"
    SAMPLES = "samples"
    EXECUTIONS = "executions"
    SAMPLE = "sample"
    EXECUTION = "execution"
    PROCESS = "process"
    DATA = "data"
    ORGANISM = "organism"
    FILESET = "fileset"


class Load(Enum):
    """How far the children of a node are known."""

    NEW = "new"
    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"


@dataclass(eq=False, slots=True)
class Node:
    """A thing on Flow, or a group of things.

    Attributes:
        key: names it on the server (`sample/34`), or the group below its parent's key.
        name: as on Flow: untrusted text.
        record: the `flow.models` record behind it, or None for a group.
        children: loaded ones, and None for each that is known to be there but not loaded.
        pages: where further children come from (`flow.pages.Pages`).
        pending: numbers of the pages that are on their way.
        error: why loading failed, in words.
        failed: number of a later page that could not be had → why.
        unreadable: number of a page → how many of its records could not be read.
        matches: what the server has for the filter `matched`, of which not all is loaded.
        match_note: what is to be said of these: that more match, or why they could not be had.
        is_matching: the server is still asked for them. `match_failed`: it could not tell them.
        notes: what a search could not do.
        epoch: how often what is below was forgotten; an answer to an older question is dropped.
        details_asked: whether its own details were asked for. `details_error`: why they could not
            be had.
    """

    kind: NodeKind
    key: str
    name: str
    parent: Node | None = None
    record: Any = None
    expanded: bool = False
    load: Load = Load.NEW
    error: str = ""
    children: list[Node | None] = field(default_factory=list)
    pages: Any = None
    page_size: int = 100
    pending: set[int] = field(default_factory=set)
    failed: dict[int, str] = field(default_factory=dict)
    unreadable: dict[int, int] = field(default_factory=dict)
    matches: list[Node] = field(default_factory=list)
    matched: str = ""
    match_note: str = ""
    is_matching: bool = False
    match_failed: bool = False
    notes: tuple[str, ...] = ()
    epoch: int = 0
    details_asked: bool = False
    details_error: str = ""

    @property
    def can_open(self) -> bool:
        """Whether there can be anything below it."""
        return self.kind is not NodeKind.DATA

    @property
    def can_mark(self) -> bool:
        """Whether it can be marked for download."""
        return self.kind in (
            NodeKind.PROJECT,
            NodeKind.SAMPLE,
            NodeKind.EXECUTION,
            NodeKind.PROCESS,
            NodeKind.DATA,
            NodeKind.SAMPLES,
            NodeKind.EXECUTIONS,
            NodeKind.ORGANISM,
            NodeKind.FILESET,
        )

    def ancestors(self) -> Iterator[Node]:
        """Itself, its parent, and so on up."""
        node: Node | None = self
        while node is not None:
            yield node
            node = node.parent

    def reset(self) -> None:
        """Forget what is below, to load it anew."""
        self.load, self.error = Load.NEW, ""
        self.children, self.pages = [], None
        self.pending.clear()
        self.failed.clear()
        self.unreadable.clear()
        self.matches, self.matched, self.match_note = [], "", ""
        self.is_matching = self.match_failed = False
        self.notes = ()
        self.epoch += 1
        self.details_asked, self.details_error = False, ""

    @property
    def fixed(self) -> int:
        """How many children come before the paged ones."""
        return 1 if self.kind is NodeKind.SAMPLE else 0

    def page_of(self, index: int) -> int:
        """The number of the page on which the child at `index` is."""
        return max(0, index - self.fixed) // self.page_size + 1

    @property
    def is_partly_loaded(self) -> bool:
        """Whether there are children that were not loaded yet."""
        return None in self.children

    def missing_pages(self) -> list[int]:
        """The numbers of the pages of which something is not loaded."""
        return sorted(
            {self.page_of(index) for index, child in enumerate(self.children) if child is None}
        )


NOTICE, REST, MATCH, NOTE = -1, -2, -3, -4
"""The `index` of a row that says how its parent is, that more is there than was filtered; of one
that only the server knew of; and of one that says something of these."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the tree.

    Attributes:
        node: what it shows; None for a child that is not loaded, or for a notice.
        parent, index: which child it is; NOTICE or REST where it is none.
        notice: words in place of children: loading, empty, or why it failed.
    """

    node: Node | None
    parent: Node
    index: int
    depth: int
    notice: str = ""


GROUPS = (NodeKind.SCOPE, NodeKind.SAMPLES, NodeKind.EXECUTIONS)
"""Headings: no filter finds them."""


def visible_rows(root: Node, wanted: Wanted = EVERYTHING) -> list[Row]:
    """The lines of the tree from top to bottom.

    With a filter only what fits, and what leads there; of what is loaded, opened or not. With an
    inverted one what is open, without what has the words in its name and all that is below that.
    """
    rows: list[Row] = []
    for index, child in enumerate(root.children):
        if child is not None:
            _walk(child, root, index, 0, wanted, rows)
    return rows


def _walk(
    node: Node, parent: Node, index: int, depth: int, wanted: Wanted, rows: list[Row]
) -> bool:
    """Append the node's lines; whether it or anything below it matches."""
    filter_text = "" if wanted.inverted else wanted.text
    if wanted.inverted and node.kind not in GROUPS and not wanted.fits(node.name):
        return False
    start = len(rows)
    rows.append(Row(node, parent, index, depth))
    hit = not filter_text or (node.kind not in GROUPS and wanted.fits(node.name))
    if node.expanded or filter_text:
        below = False
        unloaded = 0
        for number, child in enumerate(node.children):
            if child is not None:
                below |= _walk(child, node, number, depth + 1, wanted, rows)
            elif not filter_text:
                rows.append(Row(None, node, number, depth + 1))
            else:
                unloaded += 1
        note = ""
        if unloaded and node.matched == filter_text:
            loaded = {child.key for child in node.children if child is not None}
            for match in node.matches:
                if match.key not in loaded:
                    below |= _walk(match, node, MATCH, depth + 1, wanted, rows)
            note = node.match_note
        if note and (node.expanded or node.matches):
            rows.append(Row(None, node, NOTE, depth + 1, note))
            below = True
        if unloaded and node.expanded:
            rows.append(
                Row(None, node, REST, depth + 1, f"{unloaded:,} more not loaded (enter: load)")
            )
            below = True
        hit |= below
        unreadable = sum(node.unreadable.values())
        if unreadable and not filter_text:
            left_out = f"{counted(unreadable, 'record')} left out: cannot read what the server sent"
            rows.append(Row(None, node, NOTE, depth + 1, left_out))
        elif not filter_text and not node.children:
            notice = _notice(node)
            if notice:
                rows.append(Row(None, node, NOTICE, depth + 1, notice))
    if filter_text and not hit and node.kind is not NodeKind.SCOPE:
        del rows[start:]
    return hit


_NOTHING_IN = {
    "found/samples": "no samples found",
    "found/executions": "no executions found",
    "found/data": "no files found",
    "found/projects": "no projects found",
    "scope/samples": "no samples",
    "scope/executions": "no executions",
    "scope/data": "no uploaded files",
    "scope/genomes": "no organisms",
}


def _notice(node: Node) -> str:
    if node.load is Load.LOADING or node.load is Load.NEW:
        return "loading …"
    if node.load is Load.FAILED:
        return f"{node.error} (r: retry)"
    if node.kind is NodeKind.SCOPE:
        return _NOTHING_IN.get(node.key, "no projects")
    return {
        NodeKind.SAMPLES: "no samples",
        NodeKind.EXECUTIONS: "no executions",
        NodeKind.SAMPLE: "no data files",
        NodeKind.EXECUTION: "no outputs",
        NodeKind.PROCESS: "no outputs",
        NodeKind.ORGANISM: "no genomes",
        NodeKind.FILESET: "no files",
    }.get(node.kind, "nothing here")
