"""What the details pane shows of a node: names and values, all untrusted text."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from flowtui.text import quantities
from flowtui.tui.browser import labels
from flowtui.tui.browser.nodes import Load, Node, NodeKind

Fact = tuple[str, str]

ABOUT = {
    "scope/mine": "Projects you own.",
    "scope/shared": "Projects shared with you.",
    "scope/public": "Projects open to everyone.",
    "scope/samples": "Samples you own, in a project or in none.",
    "scope/executions": "Executions you own, genome preparations and demultiplexing among them.",
    "scope/data": "Files you uploaded, lanes and annotation sheets among them.",
    "scope/genomes": "Organisms, and the genomes that pipelines use.",
}


FOUND = "What the server found. Press escape to clear it."


def facts_of(node: Node) -> Iterator[Fact]:
    """The facts of a node, name and value, untrusted text both."""
    for name, value in _all_facts(node):
        if value:
            yield name, value


def _all_facts(node: Node) -> Iterator[tuple[str, str | None]]:
    record = node.record
    if node.kind is NodeKind.DATA:
        yield "size", _size(record.size)
        yield "type", record.filetype
        yield "md5", record.md5 or "not provided by Flow"
        yield "created", _time(record.created)
        yield "project", record.project_name or _above(node, NodeKind.PROJECT)
        yield "sample", record.sample_name or _above(node, NodeKind.SAMPLE)
        yield from _made_by(node)
        yield "owner", record.owner_name
        yield "access", _access(record.private)
        yield "id", record.id or node.key
    elif node.kind is NodeKind.SAMPLE:
        yield "type", record.sample_type
        yield "organism", record.organism
        yield "owner", record.owner_name
        yield "created", _time(record.created)
        yield "project", record.project_name or _above(node, NodeKind.PROJECT)
        yield "access", _access(record.private)
        yield "id", record.id
        yield from record.metadata.items()
    elif node.kind is NodeKind.EXECUTION:
        yield "pipeline", _joined(record.pipeline_name, record.pipeline_version)
        yield "status", record.status or "running"
        yield "created", _time(record.created)
        yield "started", _time(record.started)
        yield "finished", _time(record.finished)
        yield "run time", _took(record.started, record.finished)
        yield "sample", record.sample_name
        yield "owner", record.owner_name
        yield "outputs", None if record.outputs is None else f"{len(record.outputs):,}"
        yield "id", record.id
    elif node.kind is NodeKind.PROCESS:
        sizes = [child.record.size for child in node.children if child is not None]
        yield "files", f"{len(sizes):,}"
        yield "size", _size(sum(sizes)) if None not in sizes else None
        yield "run", _above(node, NodeKind.EXECUTION)
    elif node.kind is NodeKind.PROJECT:
        yield "samples", None if record.sample_count is None else f"{record.sample_count:,}"
        count = record.execution_count
        yield "executions", None if count is None else f"{count:,}"
        yield "size", None if record.total_size is None else _size(record.total_size)
        yield "owner", record.owner_name
        yield "created", _time(record.created)
        yield "access", _access(record.private)
        yield "id", record.id
        yield "about", record.description
    elif node.kind is NodeKind.ORGANISM:
        yield "latin name", record.latin_name
        yield "latest", record.filesets[0].name if record.filesets else "no genome"
        yield "id", record.id
    elif node.kind is NodeKind.FILESET:
        yield "organism", _above(node, NodeKind.ORGANISM)
        yield "files", f"{len(record.data):,}"
        yield "created", _time(record.created)
        yield "id", record.id
    elif node.kind is NodeKind.SCOPE:
        yield "about", ABOUT.get(node.key, FOUND)
        for note in node.notes:
            yield "note", note
    if node.load is Load.FAILED:
        yield "error", node.error
    if node.details_error:
        yield "error", f"could not load details: {node.details_error}"


def _made_by(node: Node) -> Iterator[Fact]:
    """Where a file is from: the run, as far as the tree or the file's own record knows it."""
    record = node.record
    process = record.process_label or record.process_name
    if not (process or record.pipeline_name or record.execution_id):
        yield "source", "uploaded"
        return
    runs = (above.record for above in node.ancestors() if above.kind is NodeKind.EXECUTION)
    run = next(runs, None)
    if run is None:
        yield "pipeline", record.pipeline_name or ""
        yield "run", f"execution/{record.execution_id}" if record.execution_id else ""
    else:
        yield "pipeline", _joined(run.pipeline_name, run.pipeline_version) or ""
        yield "run", _joined(run.label, f"execution/{run.id}") or ""
    yield "process", process or ""


def _size(size: int | None) -> str:
    return "not provided by Flow" if size is None else f"{quantities.size(size)}  ({size:,} bytes)"


def _time(time: datetime | None) -> str | None:
    return time.astimezone().strftime("%Y-%m-%d %H:%M") if time else None


def _took(started: datetime | None, finished: datetime | None) -> str | None:
    if started is None or finished is None:
        return None
    return quantities.duration(max(0.0, (finished - started).total_seconds()))


def _joined(*parts: str | None) -> str:
    return " ".join(part for part in parts if part)


def _access(private: bool | None) -> str | None:
    return None if private is None else f"{labels.PRIVATE} private" if private else "public"


def _above(node: Node, kind: NodeKind) -> str | None:
    return next((above.name for above in node.ancestors() if above.kind is kind), None)
