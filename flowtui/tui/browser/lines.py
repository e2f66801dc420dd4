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
