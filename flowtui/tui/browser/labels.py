"""How a node is written on one line: a name, and what belongs to the right edge."""

from __future__ import annotations

from flowtui.text import quantities
from flowtui.text.columns import LONGEST
from flowtui.text.printable import printable
from flowtui.tui.browser.nodes import Load, Node, NodeKind

SEPARATORS = "_-. "
"""What stands in a file's name between that of its sample and the rest."""

PRIVATE = "◆"
"""Marks what only some may see."""


def name_of(node: Node) -> str:
    """The node's name, fit for a terminal."""
    if node.kind in (NodeKind.SAMPLES, NodeKind.EXECUTIONS):
        return node.name.capitalize()
    name = node.name
    if len(name) > LONGEST:
        name = f"{name[: LONGEST - 100]}…{name[-100:]}"
    return printable(name) or node.key


def short_name_of(node: Node) -> str:
    """The node's name as it stands in the tree: a file of a sample does not repeat its name."""
    name = name_of(node)
    if node.kind is not NodeKind.DATA:
        return name
    sample = next((above for above in node.ancestors() if above.kind is NodeKind.SAMPLE), None)
    if sample is None or not (repeated := name_of(sample)) or not name.startswith(repeated):
        return name
    rest = name[len(repeated) :]
    # `liver_1` is not the beginning of `liver_10_R1.fastq.gz`, and a name is more than its ending.
    return f"…{rest}" if rest[:1] in SEPARATORS and rest.strip(SEPARATORS) else name


def access_of(node: Node) -> str:
    """The mark of what is private, one cell."""
    return PRIVATE if getattr(node.record, "private", None) else " "


def note_of(node: Node) -> str:
    """What stands at the right edge: a size, a count, a status."""
    record = node.record
    if node.kind is NodeKind.DATA:
        size = "size unknown" if record.size is None else quantities.size(record.size)
        # A sample's list has the outputs of all its runs, many of one name.
        maker = record.process_label or record.process_name
        is_listed = node.parent is not None and node.parent.kind is NodeKind.SAMPLE
        return f"{printable(maker[:LONGEST])}  {size}" if maker and is_listed else size
    if node.kind is NodeKind.PROJECT:
        count = record.sample_count
        return "" if count is None else quantities.counted(count, "sample")
    if node.kind is NodeKind.EXECUTION:
        pipeline = printable((record.pipeline_name or "")[:LONGEST])
        status = printable(record.status[:LONGEST]) or "running"
        return f"{pipeline}  {status}".strip()
    if node.kind is NodeKind.SAMPLE:
        return printable((record.sample_type or "")[:LONGEST])
    if node.kind is NodeKind.ORGANISM:
        return printable(record.latin_name[:LONGEST])
    if node.kind is NodeKind.FILESET:
        return quantities.counted(len(record.data), "file")
    if node.load is Load.READY:
        return f"{len(node.children):,}"
    if node.kind in (NodeKind.SAMPLES, NodeKind.EXECUTIONS) and node.parent is not None:
        count = getattr(node.parent.record, f"{node.name[:-1]}_count", None)
        return "" if count is None else f"{count:,}"
    return ""
