"""Where things are among the lines of the tree, by tables."""

from __future__ import annotations

import pytest

from flowtui.tui.browser.lines import first_match, last_below, line_like, line_of
from flowtui.tui.browser.nodes import Node, NodeKind, Row
from flowtui.tui.matching import wanted_of

ROOT = Node(NodeKind.ROOT, "root", "")
PROJECT = Node(NodeKind.PROJECT, "project/1", "Liver", parent=ROOT)
GROUP = Node(NodeKind.SAMPLES, "project/1/samples", "Samples", parent=PROJECT)
FIRST, SECOND = (
    Node(NodeKind.SAMPLE, f"sample/{n}", f"Liver sample {n}", parent=GROUP) for n in (1, 2)
)
ROWS = [
    Row(PROJECT, ROOT, 0, 0),
    Row(GROUP, PROJECT, 0, 1),
    Row(FIRST, GROUP, 0, 2),
    Row(SECOND, GROUP, 1, 2),
    Row(None, GROUP, 2, 2),  # not loaded
    Row(Node(NodeKind.PROJECT, "project/2", "Brain", parent=ROOT), ROOT, 1, 0),
]


def test_the_line_of_a_node() -> None:
    assert [line_of(ROWS, node) for node in (PROJECT, SECOND, ROOT)] == [0, 3, None]


@pytest.mark.parametrize("near", [0, 4, 99])
def test_a_line_is_found_again_when_the_lines_were_made_anew(near: int) -> None:
    anew = [Row(row.node, row.parent, row.index, row.depth) for row in ROWS[1:]]
    assert [line_like(anew, row, near) for row in ROWS] == [None, 0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("text", "line"), [("liver", 0), ("sample 2", 3), ("sample", 2), ("brain", 5), ("heart", None)]
)
def test_the_first_match_is_a_thing_and_no_heading(text: str, line: int | None) -> None:
    assert first_match(ROWS, wanted_of(text)) == line


@pytest.mark.parametrize(
    ("line", "most", "last"), [(0, 99, 4), (0, 3, 2), (1, 99, 4), (3, 99, 3), (5, 99, 5)]
)
def test_what_is_below_a_line_ends_where_it_ends(line: int, most: int, last: int) -> None:
    assert last_below(ROWS, line, most) == last
