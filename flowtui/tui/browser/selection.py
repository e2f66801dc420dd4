"""From what is marked in the tree to the files that it stands for. Runs in threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowtui.text import quantities
from flowtui.tui.browser.nodes import Node, NodeKind

if TYPE_CHECKING:
    from flowtui.flow.client import FlowClient
    from flowtui.flow.remote_file import RemoteFile
    from flowtui.flow.walk.patient import Told
    from flowtui.flow.walk.walk import LeftOut, Walk


@dataclass(frozen=True)
class Selection:
    """What someone wants.

    Attributes:
        nodes: marked ones, or the one under the cursor.
        taken_out: keys below them that are not wanted.
    """

    nodes: tuple[Node, ...]
    taken_out: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """What a person would call it; holds the server's words, untrusted."""
        if len(self.nodes) == 1:
            node = self.nodes[0]
            if node.kind in (NodeKind.SAMPLES, NodeKind.EXECUTIONS) and node.parent is not None:
                return f"{node.parent.name} {node.name}"
            return node.name
        return f"{len(self.nodes)} items"


def files_of(
    client: FlowClient,
    selection: Selection,
    left_out: Callable[[LeftOut], None],
    told: Told = lambda why, seconds: None,
    *,
    records: bool = False,
) -> Iterator[RemoteFile]:
    """The files, each once, asked for ahead of what is taken. Raises FlowError.

    `told` is told why it waits, and how many seconds. `records`: with the records of runs.
    """
    seen: set[str] = set()
    for file in _files(client, selection, left_out, told, records=records):
        if file.key not in seen:
            seen.add(file.key)
            yield file


def _files(
    client: FlowClient,
    selection: Selection,
    left_out: Callable[[LeftOut], None],
    told: Told,
    *,
    records: bool,
) -> Iterator[RemoteFile]:
    from flowtui.flow.refs import Ref, RefKind
    from flowtui.flow.walk.walk import Walk

    out = selection.taken_out | _executions_taken_out(client, selection.taken_out)
    with Walk(client, left_out, lambda key: key in out, told=told, records=records) as walk:
        of_samples: dict[str, list[str]] = {}
        for node in selection.nodes:
            if (sample := _sample_of(node)) is not None:
                of_samples.setdefault(sample, []).append(node.key)
        for node in selection.nodes:
            if (sample := _sample_of(node)) is not None:
                # All that is wanted of it with its first file: it is asked for once.
                yield from walk.sample_files(sample, of_samples.pop(sample, ()))
                continue
            id_ = node.key.partition("/")[2]
            owner = id_.partition("/")[0]
            if node.kind is NodeKind.PROJECT:
                if f"{node.key}/samples" not in out:
                    yield from walk.samples(id_)
                if f"{node.key}/executions" not in out:
                    yield from walk.executions(id_)
            elif node.kind is NodeKind.SAMPLES:
                yield from walk.samples(owner)
            elif node.kind is NodeKind.EXECUTIONS:
                if node.parent is not None and node.parent.kind is NodeKind.SAMPLE:
                    yield from walk.sample_executions(owner)
                else:
                    yield from walk.executions(owner)
            elif node.kind is NodeKind.SAMPLE:
                yield from walk.files(Ref(RefKind.SAMPLE, id_))
            elif node.kind is NodeKind.EXECUTION:
                yield from walk.files(Ref(RefKind.EXECUTION, id_))
            elif node.kind in (NodeKind.ORGANISM, NodeKind.FILESET):
                yield from _genomes(client, walk, node, out, left_out)
            elif node.kind is NodeKind.PROCESS:
                for child in node.children:
                    if child is not None and child.key not in out:
                        yield from _file_of_node(walk, child)
            else:
                yield from _file_of_node(walk, node)


def _executions_taken_out(client: FlowClient, taken_out: frozenset[str]) -> frozenset[str]:
    """The executions of samples whose executions were taken out as a group.

    A project lists its executions by themselves, not by sample.
    """
    groups = [key.split("/") for key in taken_out]
    return frozenset(
        f"execution/{execution.id}"
        for parts in groups
        if len(parts) == 3 and parts[0] == "sample" and parts[2] == "executions"
        for execution in client.sample_executions(parts[1])
    )


def _genomes(
    client: FlowClient,
    walk: Walk,
    node: Node,
    out: frozenset[str],
    left_out: Callable[[LeftOut], None],
) -> Iterator[RemoteFile]:
    """The files of an organism's genomes, or of one of them."""
    from flowtui.flow.walk.walk import LeftOut

    if node.kind is NodeKind.ORGANISM:
        organism = client.organism(node.record.id)
        name, filesets = node.name, organism.filesets
        if organism.unreadable:
            records = quantities.counted(organism.unreadable, "genome record")
            left_out(LeftOut(name, f"cannot read {records}"))
    else:
        name, filesets = node.parent.name if node.parent else "", (node.record,)
    for fileset in filesets:
        if f"fileset/{fileset.id}" in out:
            continue
        for data in fileset.data:
            yield from walk.data_file(data, ("genomes", name, fileset.name or fileset.id))
        if fileset.unreadable:
            records = quantities.counted(fileset.unreadable, "file record")
            left_out(LeftOut(fileset.name, f"cannot read {records}"))


def _sample_of(node: Node) -> str | None:
    """The id of the sample whose file a node is; None for all else."""
    above = node.parent
    is_file = node.kind is NodeKind.DATA and above is not None
    if not is_file or above is None or above.kind is not NodeKind.SAMPLE:
        return None
    return above.key.partition("/")[2]


def _file_of_node(walk: Walk, node: Node) -> Iterator[RemoteFile]:
    """The file of a data node, from what the tree knows of it and where it hangs."""
    above = node.parent
    if above is not None and above.kind is NodeKind.PROCESS:
        above = above.parent
    if above is not None and above.kind is NodeKind.EXECUTION:
        return walk.run_file(above.record, node.record)
    if above is not None and above.kind is NodeKind.FILESET:
        organism = above.parent.name if above.parent is not None else ""
        return walk.data_file(node.record, ("genomes", organism, above.name))
    return walk.data_file(node.record)
