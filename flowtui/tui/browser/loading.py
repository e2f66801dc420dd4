"""Fetches what is below a node. Runs in threads; knows the service, not the screen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flowtui.tui.browser.nodes import Kind, Load, Node

if TYPE_CHECKING:
    from flowtui.flow.client import FlowClient


@dataclass(frozen=True)
class Loaded:
    """What came: children for the places from `first` on, of `total` (None where unknown).

    Attributes:
        fixed: children that come before the paged ones.
        full: whether the page was full, so that another may follow where no total is known.
    """

    children: list[Node]
    first: int
    total: int | None
    pages: Any = None
    page_size: int = 100
    fixed: int = 0
    full: bool = False


def scopes() -> Node:
    """The root: my projects, those shared with me, the public ones."""
    root = Node(Kind.ROOT, "root", "", load=Load.READY, expanded=True)
    for key, name in (("mine", "My projects"), ("shared", "Shared"), ("public", "Public")):
        root.children.append(Node(Kind.SCOPE, f"scope/{key}", name, parent=root))
    return root


def load_page(client: FlowClient, node: Node, number: int) -> Loaded:
    """Fetch page `number` (from 1) of what is below `node`. Raises FlowError."""
    if node.kind is Kind.PROJECT:
        return Loaded(_groups(node, ("samples", "executions")), 0, 2)
    if node.kind is Kind.EXECUTION:
        return _outputs(client, node)
    pages = node.pages if node.pages is not None else _pages(client, node)
    page = pages.page(number)
    fixed = _groups(node, ("executions",)) if node.kind is Kind.SAMPLE else []
    children = [_child(node, record) for record in page.items]
    first = len(fixed) + (number - 1) * page.size
    total = None if page.total is None else page.total + len(fixed)
    if number == 1:
        children, first = fixed + children, 0
    return Loaded(
        children,
        first,
        total,
        pages=pages,
        page_size=page.size,
        fixed=len(fixed),
        full=len(page.items) >= page.size,
    )


def apply(node: Node, loaded: Loaded) -> None:
    """Put what came in its places."""
    node.load, node.error = Load.READY, ""
    node.pages, node.page_size = loaded.pages, loaded.page_size
    end = loaded.first + len(loaded.children)
    wanted = loaded.total if loaded.total is not None else end + (1 if loaded.full else 0)
    if loaded.first == 0 or len(node.children) < wanted:
        missing = wanted - len(node.children)
        node.children.extend([None] * max(0, missing))
    node.children[loaded.first : end] = loaded.children
    if not loaded.full and loaded.pages is not None:
        # The last page: the service counted what it then did not give.
        expected_end = loaded.first + loaded.page_size + (loaded.fixed if loaded.first == 0 else 0)
        if loaded.total is None or (end < len(node.children) <= expected_end):
            del node.children[end:]


def page_of(node: Node, index: int) -> int:
    """The number of the page on which the child at `index` is."""
    fixed = 1 if node.kind is Kind.SAMPLE else 0
    return max(0, index - fixed) // node.page_size + 1


def _pages(client: FlowClient, node: Node) -> Any:
    from flowtui.flow.client import Scope

    owner = node.parent.key.partition("/")[2] if node.parent else ""
    if node.kind is Kind.SCOPE:
        return client.projects(Scope(node.key.partition("/")[2]))
    if node.kind is Kind.SAMPLES:
        return client.project_samples(owner)
    if node.kind is Kind.EXECUTIONS:
        assert node.parent is not None
        if node.parent.kind is Kind.SAMPLE:
            return client.sample_executions(owner)
        return client.project_executions(owner)
    return client.sample_data(node.key.partition("/")[2])


def _groups(node: Node, names: tuple[str, ...]) -> list[Node]:
    kinds = {"samples": Kind.SAMPLES, "executions": Kind.EXECUTIONS}
    return [Node(kinds[name], f"{node.key}/{name}", name, parent=node) for name in names]


def _child(parent: Node, record: Any) -> Node:
    kind = {
        Kind.SCOPE: Kind.PROJECT,
        Kind.SAMPLES: Kind.SAMPLE,
        Kind.EXECUTIONS: Kind.EXECUTION,
        Kind.SAMPLE: Kind.DATA,
        Kind.EXECUTION: Kind.DATA,
    }[parent.kind]
    if kind is Kind.DATA:
        name = record.filename
        key = f"data/{record.id}" if record.id else f"{parent.key}/{record.filename}"
    else:
        name = record.label if kind is Kind.EXECUTION else record.name
        key = f"{kind.value}/{record.id}"
    return Node(kind, key, name or record.id, parent=parent, record=record)


def _outputs(client: FlowClient, node: Node) -> Loaded:
    execution = client.execution(node.key.partition("/")[2])
    node.record = execution
    children = [_child(node, one) for one in execution.outputs or ()]
    return Loaded(children, 0, len(children))
