"""How a line of the tree looks: pieces of text, each with the name of its style."""

from __future__ import annotations

from flowtui.text.columns import column
from flowtui.text.columns import width as cells_of
from flowtui.text.printable import printable
from flowtui.tui.browser import labels
from flowtui.tui.browser.marks import Marks
from flowtui.tui.browser.nodes import GROUPS, NOTICE, Load, Node, NodeKind, Row
from flowtui.tui.browser.standing import NOTHING, Sign
from flowtui.tui.matching import EVERYTHING, Wanted
from flowtui.tui.widgets.line_list import Piece

MARKED, PARTLY, UNMARKED = "●", "◐", " "
OPEN, CLOSED, LEAF = "▾", "▸", " "

LEAST_NAME = 10
"""Cells that a name keeps before the note beside it is cut."""

ENDING = 18
"""Cells of the end of a file's name that stay the longest: `_R1_001.fastq.gz`, and a bit."""


def pieces(
    row: Row,
    marks: Marks,
    width: int,
    wanted: Wanted = EVERYTHING,
    standing: Sign = NOTHING,
) -> list[Piece]:
    """A line of the tree, exactly `width` cells: mark, `standing`, fold, name, note, access.

    What a filter looks for is lit in the name.
    """
    if row.node is None:
        return _without_node(row, width)
    node = row.node
    marked = node.can_mark and marks.is_marked(node)
    partly = marks.is_partly(node)
    sign = PARTLY if partly else MARKED if marked else UNMARKED
    fold = (OPEN if node.expanded else CLOSED) if node.can_open else LEAF
    head = _head(row.depth, fold, width)
    room = width - 2 - len(head) - 3
    name, note = _name_and_note(node, room, wanted)
    style = "marked" if marked else "group" if node.kind in GROUPS else "row"
    line = [
        *([(f"{sign} ", "marked")] if standing == NOTHING else [(sign, "marked"), standing]),
        (head, "dim"),
        *_lit(name, style, EVERYTHING if node.kind in GROUPS else wanted),
        (f" {note}", "dim"),
        (f" {labels.access_of(node)}", "dim"),
    ]
    return _exactly(line, width)


def _lit(name: str, style: str, wanted: Wanted) -> list[Piece]:
    """A name as it is on the screen, in pieces: what is looked for, and what is between."""
    found: list[Piece] = []
    end = 0
    for start, stop in wanted.places(name):
        found += [(name[end:start], style), (name[start:stop], "match")]
        end = stop
    return [*((text, how) for text, how in found if text), (name[end:], style)]


def _name_and_note(node: Node, room: int, wanted: Wanted) -> tuple[str, str]:
    """Both in `room` cells together. A file's name goes before what made it, and its end matters.

    What tells `…_R1_001.fastq.gz` from `…_R2_001.fastq.gz` stands at the end.
    """
    # The whole name where there is a filter: what was looked for is lit in it.
    is_filtered = wanted != EVERYTHING
    name = labels.name_of(node) if is_filtered else labels.short_name_of(node)
    note = labels.note_of(node)
    if node.kind is not NodeKind.DATA:
        if cells_of(note) > max(0, room - LEAST_NAME):
            note = note.rpartition("  ")[2]  # of "pipeline  status" the status stays longest
        note = column(note, min(cells_of(note), max(0, room - LEAST_NAME)))
        return column(name, max(0, room - cells_of(note))), note
    if cells_of(name) + cells_of(note) > room:
        note = note.rpartition("  ")[2]  # of "process  size" the size
    note = column(note, min(cells_of(note), max(0, room - LEAST_NAME)))
    cells = max(0, room - cells_of(note))
    return column(name, cells, ending=max(cells * 2 // 3, min(cells - 3, ENDING))), note


def _without_node(row: Row, width: int) -> list[Piece]:
    style = "dim"
    words = row.notice or "…"
    if row.index == NOTICE and row.parent.load is Load.FAILED:
        style = "error"
    elif not row.notice and (trouble := row.parent.failed.get(row.parent.page_of(row.index))):
        words, style = trouble, "error"
    head = _head(row.depth, LEAF, width)
    text = column(printable(words), max(0, width - 2 - len(head)))
    return _exactly([("  ", "dim"), (head, "dim"), (text, style)], width)


def _head(depth: int, fold: str, width: int) -> str:
    """The indent and the fold sign; a deep line in a narrow pane is indented less."""
    return " " * min(2 * depth, max(0, width // 3)) + f"{fold} "


def _exactly(line: list[Piece], width: int) -> list[Piece]:
    """The line cut, or filled up with blanks, to `width` cells."""
    cut: list[Piece] = []
    left = width
    for text, style in line:
        length = min(left, cells_of(text))
        cut.append((column(text, length), style))
        left -= length
    if left:
        cut.append((" " * left, "row"))
    return cut
