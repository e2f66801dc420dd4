"""What a search on the server found, as a branch at the top of the tree, by kind."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from flowtui.tui.browser.nodes import Load, Node, NodeKind

if TYPE_CHECKING:
    from flowtui.flow.client import FlowClient
    from flowtui.flow.search import FoundRecord

ROOT = "scope/found"

KINDS = {
    "found/samples": ("Samples", NodeKind.SAMPLE),
    "found/executions": ("Executions", NodeKind.EXECUTION),
    "found/data": ("Data", NodeKind.DATA),
    "found/projects": ("Projects", NodeKind.PROJECT),
}
"""The groups: key → name, and what is below it."""

MOST = 100
"""Of each kind; who looks for one of more says more words."""


def branch(words: str, parent: Node) -> Node:
    """The branch for what has all these words in its name; its groups are still to be loaded."""
    found = Node(NodeKind.SCOPE, ROOT, f"Found: {words}", parent, load=Load.READY, expanded=True)
    found.children = [
        Node(NodeKind.SCOPE, key, name, parent=found, record=tuple(words.split()))
        for key, (name, _) in KINDS.items()
    ]
    return found


def found_by(client: FlowClient, group: Node) -> list[FoundRecord]:
    """What a group has, `MOST` at most; its name says where there is more. Raises FlowError."""
    from flowtui.flow.search import Criteria, Kind, search

    kind = Kind(group.key.partition("/")[2])
    wanted = Criteria(words=group.record)
    walked: list[Exception] = []
    found = list(islice(search(client, kind, wanted, walked.append), MOST + 1))
    name = KINDS[group.key][0]
    if len(found) > MOST:
        name += f" (the first {MOST})"
    if walked:
        name += " (in your projects: the server has no search)"
    group.name = name
    return found[:MOST]
