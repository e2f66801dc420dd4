"""How a node is written on one line: a name, and what belongs to the right edge."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size

from flowtui.text import quantities
from flowtui.text.printable import printable
from flowtui.tui.browser.nodes import Load, Node, NodeKind

PRIVATE = "◆"
"""Marks what only some may see."""

LONGEST = 500
"""Characters of a name that are looked at: a server may send a name of a megabyte."""


def name_of(node: Node) -> str:
    """The node's name, fit for a terminal."""
    if node.kind in (NodeKind.SAMPLES, NodeKind.EXECUTIONS):
        return node.name.capitalize()
    name = node.name
    if len(name) > LONGEST:
        name = f"{name[: LONGEST - 100]}…{name[-100:]}"
    return printable(name) or node.key


def access_of(node: Node) -> str:
    """The mark of what is private, one cell."""
    return PRIVATE if getattr(node.record, "private", None) else " "


def note_of(node: Node) -> str:
    """What is told at the right edge: a size, a count, a status."""
    record = node.record
    if node.kind is NodeKind.DATA:
        return "size unknown" if record.size is None else quantities.size(record.size)
    if node.kind is NodeKind.PROJECT:
        count = record.sample_count
        return "" if count is None else f"{count:,} sample{'' if count == 1 else 's'}"
    if node.kind is NodeKind.EXECUTION:
        pipeline = printable((record.pipeline_name or "")[:LONGEST])
        status = printable(record.status[:LONGEST]) or "running"
        return f"{pipeline}  {status}".strip()
    if node.kind is NodeKind.SAMPLE:
        return printable((record.sample_type or "")[:LONGEST])
    if node.load is Load.READY:
        return f"{len(node.children):,}"
    if node.kind in (NodeKind.SAMPLES, NodeKind.EXECUTIONS) and node.parent is not None:
        count = getattr(node.parent.record, f"{node.name[:-1]}_count", None)
        return "" if count is None else f"{count:,}"
    return ""


def fit(text: str, width: int, tail: float = 0.33) -> str:
    """`text` in exactly `width` cells, cut in the middle so that its ending stays in sight.

    `tail` is the share of the width that goes to the ending.
    """
    if width <= 0:
        return ""
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    if width < 8:
        return set_cell_size(text, width - 1) + "…"
    room = max(1, int(width * tail))
    end = text[-room:]
    while cell_len(end) > room:
        end = end[1:]
    head = set_cell_size(text, width - 1 - cell_len(end))
    return f"{head}…{end}"
