"""What a filter found in the tree, and how much of Flow it covers: pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flowtui.tui.browser.nodes import GROUPS, Node, Row
from flowtui.tui.matching import Wanted


@dataclass(frozen=True)
class Covered:
    """How far a filter reaches.

    Attributes:
        hits: things whose own name fits.
        is_loose: these fit loosely, as none had the very words. `is_inverted`: others are hidden.
        asking: the server is being asked for more.
        asked: it has been asked for what is not loaded, and has answered.
        unknown: things that are not loaded, in lists that the server was not asked for, or could
            not filter, or had more of than it sends at a time.
    """

    hits: int
    is_loose: bool = False
    is_inverted: bool = False
    asking: bool = False
    asked: bool = False
    unknown: int = 0

    @property
    def words(self) -> str:
        """The same in a few words."""
        found = "no matches"
        if self.hits and self.is_inverted:
            found = f"{self.hits:,} left"
        elif self.hits:
            noun = "similar" if self.is_loose else "match" if self.hits == 1 else "matches"
            found = f"{self.hits:,} {noun}"
        if self.asking:
            return f"{found}, asking Flow …"
        if self.unknown:
            return f"{found}, {self.unknown:,} not loaded"
        return f"{found}, Flow asked" if self.asked else found


def covered(root: Node, rows: Sequence[Row], wanted: Wanted) -> Covered:
    """What `wanted` found: `rows` are the lines that it left."""
    asking = asked = False
    unknown = 0
    for node in _lists(root):
        if not node.is_partly_loaded:
            continue
        if not wanted.inverted and node.matched == wanted.text:
            asking |= node.is_matching
            asked |= not node.is_matching
            if node.is_matching or not (node.match_failed or node.match_note):
                continue
        unknown += node.children.count(None)
    return Covered(hits_in(rows, wanted), wanted.is_loose, wanted.inverted, asking, asked, unknown)


def hits_in(rows: Sequence[Row], wanted: Wanted) -> int:
    """How many of the lines fit themselves, and are not only on the way to what does."""
    return sum(is_hit(row, wanted) for row in rows)


def is_hit(row: Row, wanted: Wanted) -> bool:
    """Whether a line shows a thing whose own name fits."""
    node = row.node
    return node is not None and node.kind not in GROUPS and wanted.fits(node.name)


def _lists(node: Node) -> Iterator[Node]:
    """The node and all below it that has children."""
    yield node
    for child in node.children:
        if child is not None and child.children:
            yield from _lists(child)
