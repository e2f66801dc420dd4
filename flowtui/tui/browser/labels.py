"""How a node is written on one line: a name, and what belongs to the right edge."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size

from flowtui.flow.clean import printable
from flowtui.tui.browser.nodes import Kind, Load, Node
from flowtui.tui.downloads import format as words


def name_of(node: Node) -> str:
    """The node's name, fit for a terminal."""
    if node.kind in (Kind.SAMPLES, Kind.EXECUTIONS):
        return node.name.capitalize()
    return printable(node.name) or node.key


def note_of(node: Node) -> str:
    """What is told at the right edge: a size, a count, a status."""
    record = node.record
    if node.kind is Kind.DATA:
        return "" if record.size is None else words.size(record.size)
    if node.kind is Kind.PROJECT:
        count = record.sample_count
        counted = "" if count is None else f"{count:,} sample{'' if count == 1 else 's'}"
        return f"private  {counted}" if record.private else counted
    if node.kind is Kind.EXECUTION:
        pipeline = printable(record.pipeline_name or "")
        status = printable(record.status or "") or "running"
        return f"{pipeline}  {status}".strip()
    if node.kind is Kind.SAMPLE:
        return "private" if record.private else printable(record.sample_type or "")
    if node.load is Load.READY:
        return f"{len(node.children):,}"
    if node.kind in (Kind.SAMPLES, Kind.EXECUTIONS) and node.parent is not None:
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
    room = int(width * tail)
    end = text[-room:]
    while cell_len(end) > room:
        end = end[1:]
    head = set_cell_size(text, width - 1 - cell_len(end))
    return f"{head}…{end}"
