"""What is marked for download.

A mark on a node holds for all below it, also for what is not loaded yet; a node below it can be
taken out again. So a mark is a decision at a key, and the nearest decision upwards holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from flowtui.tui.browser.nodes import Node, NodeKind


@dataclass
class Marks:
    """The decisions: key → marked (True) or taken out (False), and the node it was made at."""

    decisions: dict[str, bool] = field(default_factory=dict)
    nodes: dict[str, Node] = field(default_factory=dict)
    _partly: set[str] = field(default_factory=set)

    def is_marked(self, node: Node) -> bool:
        """Whether the node would be downloaded."""
        for above in node.ancestors():
            decision = self.decisions.get(above.key)
            if decision is not None:
                return decision
        return False

    def is_partly(self, node: Node) -> bool:
        """Whether decisions were made below it."""
        return node.key in self._partly

    def toggle(self, node: Node) -> None:
        """Mark the node with all below it, or take it out with all below it."""
        self.decide([node], not self.is_marked(node))

    def decide(self, nodes: Iterable[Node], wanted: bool) -> None:
        """Mark all of these with all below them, or take them out with all below them."""
        chosen = {node.key: node for node in nodes}
        # Decisions at and below them are overruled by the new one.
        for key, other in list(self.nodes.items()):
            if any(above.key in chosen for above in other.ancestors()):
                del self.decisions[key], self.nodes[key]
        for node in chosen.values():
            if self.is_marked(node) != wanted:
                self._set(node, wanted)
        self._look_above()

    def invert(self, nodes: Iterable[Node]) -> None:
        """Mark what is not marked at and below these, and take out what is."""
        chosen = {node.key: node for node in nodes}
        for key, other in self.nodes.items():
            above = (node.key for node in other.ancestors() if node is not other)
            if key not in chosen and any(key in chosen for key in above):
                self.decisions[key] = not self.decisions[key]
        for node in chosen.values():
            wanted = not self.is_marked(node)
            self.decisions.pop(node.key, None)
            self.nodes.pop(node.key, None)
            if self.is_marked(node) != wanted:
                self._set(node, wanted)
        self._look_above()

    def _set(self, node: Node, wanted: bool) -> None:
        self.decisions[node.key] = wanted
        self.nodes[node.key] = node

    def _look_above(self) -> None:
        self._partly = {
            above.key
            for decided in self.nodes.values()
            for above in decided.ancestors()
            if above is not decided
        }

    def copy(self) -> Marks:
        """The same, which goes its own way from now on."""
        return Marks(dict(self.decisions), dict(self.nodes), set(self._partly))

    def take(self, other: Marks) -> None:
        """Be as the other one."""
        self.__dict__.update(other.copy().__dict__)

    def clear(self) -> None:
        """Take all marks away."""
        self.decisions.clear()
        self.nodes.clear()
        self._partly.clear()

    def __bool__(self) -> bool:
        return any(self.decisions.values())

    def __len__(self) -> int:
        return sum(self.decisions.values())

    def chosen(self) -> Iterator[Node]:
        """The nodes at which a mark was set, in order."""
        for key, marked in self.decisions.items():
            if marked:
                yield self.nodes[key]

    @property
    def taken_out(self) -> frozenset[str]:
        """The keys that were taken out again; a process is no more than its files."""
        out = {key for key, marked in self.decisions.items() if not marked}
        for node in [self.nodes[key] for key in out]:
            if node.kind is NodeKind.PROCESS:
                out |= {child.key for child in node.children if child is not None}
        return frozenset(out)

    def known_size(self) -> tuple[int, bool]:
        """Bytes marked as far as known, and whether that is all of it."""
        size, whole = 0, True
        for node in self.chosen():
            known = getattr(node.record, "size", None) if node.kind is NodeKind.DATA else None
            size += known or 0
            whole &= known is not None
        return size, whole and not self.taken_out
