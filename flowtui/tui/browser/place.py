"""The way to where something is in the tree, for what a search found: one step at a time."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from flowtui.text.printable import printable
from flowtui.tui.browser.nodes import Load, Node, NodeKind

PROJECTS = ("scope/mine", "scope/shared", "scope/public")
"""Where projects are, in the order in which they are looked through."""

MOST_PAGES = 20
"""Pages of a list that are loaded to find something in it."""


class Step(Enum):
    """What is to be done next, with a node."""

    OPEN = "open it"
    LOAD = "load the pages of it that are missing"
    WAIT = "wait until it is loaded"
    ARRIVED = "it is the one"
    LOST = "it is not below it"
    TOO_MANY = "too much is below it to be loaded for this"


@dataclass(frozen=True)
class Route:
    """The keys that lead to something, from the top; projects are in one of the scopes of them."""

    keys: tuple[str, ...]


def route_of(node: Node) -> Route | None:
    """Where something is that a search found; None where its record does not tell."""
    record, kind = node.record, node.kind
    project = _key("project", getattr(record, "project_id", None))
    if kind is NodeKind.PROJECT:
        return Route((node.key,))
    if kind is NodeKind.SAMPLE:
        return Route((*_group(project, "samples"), node.key))
    if kind is NodeKind.EXECUTION:
        return Route((*_group(project, "executions"), node.key))
    sample, run = _key("sample", record.sample_id), _key("execution", record.execution_id)
    if run and (project or not sample):
        return Route((*_group(project, "executions"), run, node.key))
    if sample:
        return Route((*_group(project, "samples"), sample, node.key))
    is_upload = not (record.pipeline_name or record.process_name or record.sample_name)
    return Route(("scope/data", node.key)) if is_upload else None


def _group(project: str, name: str) -> tuple[str, ...]:
    """Where the samples or executions of a project are, or one's own of no project."""
    return (project, f"{project}/{name}") if project else (f"scope/{name}",)


def _key(kind: str, id_: Any) -> str:
    return f"{kind}/{id_}" if id_ else ""


def next_step(root: Node, route: Route) -> tuple[Step, Node]:
    """What to do next on a route, as far as the tree is loaded by now."""
    at = root
    for key in route.keys:
        found = _below(at, key)
        if found is None and at is root and key.startswith("project/"):
            scopes = [scope for scope in root.children
                      if scope is not None and scope.key in PROJECTS]  # fmt: skip
            found = next((node for scope in scopes if (node := _below(scope, key))), None)
            for scope in scopes if found is None else ():
                if (step := _to_load(scope)) is not None:
                    return step, scope
        if found is None:
            return (_to_load(at) if at is not root else None) or Step.LOST, at
        at = found
    return Step.ARRIVED, at


class Loader(Protocol):
    """What loads a tree; see `TreeLoader`."""

    root: Node

    def open(self, node: Node) -> None:
        """Expand a node, its first page loaded where it is not."""

    def load_rest(self, node: Node) -> None:
        """Load all pages of a node that are missing."""


def advance(loader: Loader, route: Route) -> tuple[Step, Node]:
    """Have loaded what is missing on the way; the step at which that ends for now, and where."""
    while True:
        step, node = next_step(loader.root, route)
        if step is Step.OPEN:
            loader.open(node)
        elif step is Step.LOAD:
            loader.load_rest(node)
        else:
            return step, node


def why_not_there(step: Step, node: Node) -> str:
    """Why the way ended before its end, and what helps, in words."""
    if step is not Step.TOO_MANY:
        return "It is not in the tree. Press → to open it here."
    name = printable(node.parent.name if node.parent else node.name)
    return f"Too much to look through in {name}: go there, and press / to filter."


def _below(node: Node, key: str) -> Node | None:
    """A child, or the child of a process; what a search found is not its place."""
    for child in node.children:
        if child is not None and child.key == key:
            return child
        if child is not None and child.kind is NodeKind.PROCESS:
            found = _below(child, key)
            if found is not None:
                return found
    return None


def _to_load(node: Node) -> Step | None:
    """How more of what is below a node can be known; None where all is."""
    if node.load is Load.NEW:
        return Step.OPEN
    if node.load is Load.LOADING or node.pending:
        return Step.WAIT
    missing = [number for number in node.missing_pages() if number not in node.failed]
    if not missing:
        return None
    return Step.LOAD if len(missing) <= MOST_PAGES else Step.TOO_MANY
