"""Where things are among the lines of the tree, pure."""

from __future__ import annotations

from collections.abc import Sequence

from flowtui.tui.browser.covered import is_hit
from flowtui.tui.browser.nodes import Node, Row
from flowtui.tui.matching import Wanted


def line_of(rows: Sequence[Row], node: Node) -> int | None:
    """The line of a node, or None."""
    return next((line for line, row in enumerate(rows) if row.node is node), None)


def line_like(rows: Sequence[Row], row: Row, near: int) -> int | None:
    """Where a line is now that was made before the lines were made anew; `near`: where it was."""

    def is_it(other: Row) -> bool:
        if row.node is not None:
            return other.node is row.node
        return other.parent is row.parent and other.index == row.index

    if near < len(rows) and is_it(rows[near]):
        return near
    return next((line for line, other in enumerate(rows) if is_it(other)), None)


def first_match(rows: Sequence[Row], wanted: Wanted) -> int | None:
    """The first line whose own name fits, and not only something below it."""
    return next((line for line, row in enumerate(rows) if is_hit(row, wanted)), None)


def last_below(rows: Sequence[Row], line: int, most: int) -> int:
    """The last of the `most` lines from `line` on that are that one or below it."""
    last = line
    while last + 1 < min(len(rows), line + most) and rows[last + 1].depth > rows[line].depth:
        last += 1
    return last


def between(rows: Sequence[Row], start: int, end: int) -> list[Node]:
    """What can be marked on two lines and those between them, from top to bottom."""
    part = rows[min(start, end) : max(start, end) + 1]
    return [row.node for row in part if row.node is not None and row.node.can_mark]


def together(rows: Sequence[Row], at: Row | None, wanted: Wanted) -> list[Node]:
    """What is marked with the line `at`: all that fits a filter, or all of the list it is in.

    A list that can be marked as a whole stands for what of it is not loaded, too.
    """
    if wanted and not wanted.inverted:
        found = [row.node for row in rows if is_hit(row, wanted)]
    elif at is None:
        return []
    elif not wanted and at.parent.can_mark:
        return [at.parent]
    else:
        found = [row.node for row in rows if row.parent is at.parent]
    return [node for node in found if node is not None and node.can_mark]


def beyond(rows: Sequence[Row], at: Row | None, wanted: Wanted) -> int:
    """How many things are not loaded that may belong to what `together` gives."""
    if at is None or (not wanted and at.parent.can_mark):
        return 0
    if not wanted or wanted.inverted:
        return at.parent.children.count(None)
    lists = {id(row.parent): row.parent for row in rows}.values()
    return sum(node.children.count(None) for node in lists if not _is_told(node, wanted))


def _is_told(node: Node, wanted: Wanted) -> bool:
    """Whether the server has told all that fits of what is below a node."""
    is_asked = node.matched == wanted.text and not node.is_matching
    return is_asked and not (node.match_failed or node.match_note)
