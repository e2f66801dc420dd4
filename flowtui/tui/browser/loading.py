"""Fetches what is below a node. Runs in threads; knows the service, not the screen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flowtui.tui.browser import finding
from flowtui.tui.browser.nodes import Load, Node, NodeKind
from flowtui.tui.matching import Wanted

if TYPE_CHECKING:
    from flowtui.flow.client import FlowClient
    from flowtui.flow.models import Data


FEWER = "the server sent fewer items than it announced (r: retry)"
UNREADABLE = "cannot read what the server sent (r: retry)"


@dataclass(frozen=True)
class Loaded:
    """A page of what is below a node.

    Attributes:
        children: what is on it, groups that come before the paged ones included.
        total: how many there are on all pages, groups included; None where unknown.
        number: from 1. `size`: paged children of a full page. `full`: another may follow it.
        pages: where further pages come from, or None.
        unreadable: how many more came that could not be read.
    """

    children: list[Node]
    total: int | None
    number: int = 1
    size: int = 100
    full: bool = False
    pages: Any = None
    unreadable: int = 0


_SCOPES = (
    ("mine", "My projects", NodeKind.PROJECT),
    ("samples", "My samples", NodeKind.SAMPLE),
    ("executions", "My executions", NodeKind.EXECUTION),
    ("data", "My data", NodeKind.DATA),
    ("shared", "Shared", NodeKind.PROJECT),
    ("public", "Public", NodeKind.PROJECT),
    ("genomes", "Genomes", NodeKind.ORGANISM),
)
"""The top of the tree: key, name, and what is below it."""

_BELOW = {f"scope/{key}": kind for key, _, kind in _SCOPES} | {
    key: kind for key, (_, kind) in finding.KINDS.items()
}


def scopes() -> Node:
    """The root: what is mine, what is shared with me, what is public, and the genomes."""
    root = Node(NodeKind.ROOT, "root", "", load=Load.READY, expanded=True)
    for key, name, _ in _SCOPES:
        root.children.append(Node(NodeKind.SCOPE, f"scope/{key}", name, parent=root))
    return root


def is_optional(node: Node) -> bool:
    """Whether it is at the top only where the server has its list: all but the projects are."""
    is_own = node.kind is NodeKind.SCOPE and node.key.startswith("scope/")
    return is_own and _BELOW.get(node.key) is not NodeKind.PROJECT


def load_page(client: FlowClient, node: Node, number: int) -> Loaded:
    """Fetch page `number` (from 1) of what is below `node`. Raises FlowError."""
    if node.kind is NodeKind.PROJECT:
        return Loaded(_groups(node, ("samples", "executions")), 2)
    if node.kind is NodeKind.EXECUTION:
        return _outputs(client, node)
    if node.kind is NodeKind.PROCESS:
        return _outputs_of_process(client, node)
    if node.key == "scope/genomes":
        page = client.organisms().page(1)
        return _whole(node, page.items, page.unreadable)
    if node.kind is NodeKind.ORGANISM:
        organism = client.organism(node.record.id)
        return _whole(node, organism.filesets, organism.unreadable)
    if node.kind is NodeKind.FILESET:
        return _whole(node, node.record.data, node.record.unreadable)
    pages = node.pages if node.pages is not None else _pages(client, node)
    page = pages.page(number)
    # The first page shows how many the server really gives at a time.
    size = page.size if number == 1 else node.page_size
    children = [child_of(node, record) for record in page.items]
    if number == 1 and node.kind is NodeKind.SAMPLE:
        children = _groups(node, ("executions",)) + children
    total = None if page.total is None else page.total + node.fixed
    full = max(page.received, len(page.items)) >= size
    return Loaded(children, total, number, size, full, pages, page.unreadable)


def matches(client: FlowClient, node: Node, wanted: Wanted) -> tuple[list[Node], str, bool]:
    """The first that fits of what is below a node, asked of the server for a word of its name.

    With what is to be said of more, and whether the server could tell all. One that does not filter
    gives others, which are passed over. Raises FlowError.
    """
    page = _pages(client, node, like=wanted.asked).page(1)
    found = [child_of(node, record) for record in page.items]
    fitting = [child for child in found if wanted.fits(child.name)]
    if not all(wanted.asked in child.name.casefold() for child in found):
        return fitting, "the server cannot filter these", False
    more = 0 if page.total is None else page.total - page.received
    if more > 0:
        return fitting, f"{more:,} more match (type more to narrow it down)", True
    return fitting, "", True


def can_match(node: Node) -> bool:
    """Whether the server can be asked for what is below a node by its name: all that has pages."""
    return node.pages is not None


def apply(node: Node, loaded: Loaded) -> None:
    """Put the children of a page into their places, and make places for those not loaded yet."""
    number = loaded.number
    if number == 1:
        node.load, node.error = Load.READY, ""
        node.pages, node.page_size = loaded.pages, loaded.size
        node.unreadable.clear()
    if loaded.unreadable:
        node.unreadable[number] = loaded.unreadable
    first = 0 if number == 1 else node.fixed + (number - 1) * node.page_size
    end = first + len(loaded.children)
    ends_at = node.fixed + number * node.page_size
    if loaded.total is not None:
        wanted = max(loaded.total, end)
    else:
        wanted = max(len(node.children), end) if not loaded.full else max(ends_at, end) + 1
    node.children.extend([None] * (wanted - len(node.children)))
    node.children[first:end] = loaded.children
    if ends_at >= wanted or (loaded.total is None and not loaded.full):
        # The last page: what was counted and is not on it is nowhere.
        del node.children[end:]
    elif None in node.children[first:ends_at]:
        node.failed[number] = UNREADABLE if loaded.unreadable else FEWER


def _pages(client: FlowClient, node: Node, *, like: str = "") -> Any:
    """What is below a node; `like`: those with this in their names, where the server can tell."""
    from flowtui.flow.client import Scope

    owner = node.parent.key.partition("/")[2] if node.parent else ""
    own = {
        "scope/samples": client.own_samples,
        "scope/executions": client.own_executions,
        "scope/data": client.own_uploads,
    }.get(node.key)
    if own is not None:
        return own(like=like)
    if node.kind is NodeKind.SCOPE:
        return client.projects(Scope(node.key.partition("/")[2]), like=like)
    if node.kind is NodeKind.SAMPLES:
        return client.project_samples(owner, like=like)
    if node.kind is NodeKind.EXECUTIONS:
        assert node.parent is not None
        if node.parent.kind is NodeKind.SAMPLE:
            return client.sample_executions(owner, like=like)
        return client.project_executions(owner, like=like)
    return client.sample_data(node.key.partition("/")[2], like=like)


def _groups(node: Node, names: tuple[str, ...]) -> list[Node]:
    kinds = {"samples": NodeKind.SAMPLES, "executions": NodeKind.EXECUTIONS}
    return [Node(kinds[name], f"{node.key}/{name}", name, parent=node) for name in names]


def child_of(parent: Node, record: Any) -> Node:
    """A record as a node below another one."""
    kind = (
        _BELOW.get(parent.key)
        or {
            NodeKind.SAMPLES: NodeKind.SAMPLE,
            NodeKind.EXECUTIONS: NodeKind.EXECUTION,
            NodeKind.SAMPLE: NodeKind.DATA,
            NodeKind.EXECUTION: NodeKind.DATA,
            NodeKind.PROCESS: NodeKind.DATA,
            NodeKind.ORGANISM: NodeKind.FILESET,
            NodeKind.FILESET: NodeKind.DATA,
        }[parent.kind]
    )
    if kind is NodeKind.DATA:
        name = record.filename
        key = f"data/{record.id}" if record.id else f"{_run_of(parent).key}/{record.filename}"
    else:
        name = record.label if kind is NodeKind.EXECUTION else record.name
        key = f"{kind.value}/{record.id}"
    return Node(kind, key, name or record.id, parent=parent, record=record)


def _run_of(node: Node) -> Node:
    return node.parent if node.kind is NodeKind.PROCESS and node.parent is not None else node


def _outputs(client: FlowClient, node: Node) -> Loaded:
    execution = client.execution(node.key.partition("/")[2])
    node.record = execution
    children = _by_process(node, execution.outputs or ())
    return _all_of(children, execution.unreadable)


def _whole(node: Node, records: Iterable[Any], unreadable: int = 0) -> Loaded:
    """All that is below a node, which came in one piece."""
    return _all_of([child_of(node, record) for record in records], unreadable)


def _all_of(children: list[Node], unreadable: int) -> Loaded:
    size = max(1, len(children))
    return Loaded(children, len(children), size=size, unreadable=unreadable)


def _by_process(node: Node, outputs: tuple[Data, ...]) -> list[Node]:
    """The outputs of a run below the processes that made them; of no known one, as they are.

    A process has its tag (`FASTQC (liver_1)`): names are its own only within that.
    """
    children: list[Node] = []
    processes: dict[str, Node] = {}
    for output in outputs:
        label = output.process_label or output.process_name
        if not label:
            children.append(child_of(node, output))
            continue
        process = processes.get(label)
        if process is None:
            key = f"{node.key}/process/{label}"
            process = Node(NodeKind.PROCESS, key, label, parent=node, load=Load.READY)
            processes[label] = process
            children.append(process)
        process.children.append(child_of(process, output))
    return children


def _outputs_of_process(client: FlowClient, node: Node) -> Loaded:
    """What a process has now, asked for once more: one list has all of a run."""
    assert node.parent is not None
    execution = client.execution(node.parent.key.partition("/")[2])
    node.parent.record = execution
    here = [output for output in execution.outputs or ()
            if node.name == (output.process_label or output.process_name)]  # fmt: skip
    return _whole(node, here)
