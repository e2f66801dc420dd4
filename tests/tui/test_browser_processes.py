"""A run's outputs hang below their processes, and a process can be marked like anything else."""

from __future__ import annotations

from typing import Any

import pytest

from flowtui.flow.client import FlowClient
from flowtui.tui.browser.facts import facts_of
from flowtui.tui.browser.loading import apply, load_page
from flowtui.tui.browser.marks import Marks
from flowtui.tui.browser.nodes import Load, Node, NodeKind
from flowtui.tui.browser.selection import Selection, files_of
from tests.flow.conftest import FakeFlow


def process(label: str, *outputs: dict[str, Any]) -> dict[str, Any]:
    name = label.partition(" (")[0]
    return {"process_name": name, "name": label, "downstream_data": list(outputs)}


@pytest.fixture
def flow() -> FakeFlow:
    flow = FakeFlow()
    flow.answers["/executions/90"] = {
        "id": "90",
        "identifier": "mad_cat",
        "pipeline": {"name": "RNA-Seq", "version": {"name": "3.8"}},
        "process_executions": [
            process("FASTQC (liver)", {"id": "1", "filename": "versions.yml", "size": 4},
                    {"id": "2", "filename": "a.html", "size": 6}),
            process("FASTQC (kidney)", {"id": "3", "filename": "versions.yml", "size": 4}),
            process("MULTIQC", {"id": "4", "filename": "report.html", "size": 9}),
        ],
        "outputs": [{"id": "5", "filename": "trace.txt", "size": 1}],
    }  # fmt: skip
    return flow


@pytest.fixture
def run(flow: FakeFlow) -> Node:
    node = Node(NodeKind.EXECUTION, "execution/90", "mad_cat")
    apply(node, load_page(flow.client(), node, 1))
    return node


def chosen(client: FlowClient, marks: Marks) -> dict[str, str]:
    selection = Selection(tuple(marks.chosen()), marks.taken_out)
    return {
        file.key: "/".join((*file.within, file.filename))
        for file in files_of(client, selection, lambda what: None)
    }


def test_outputs_hang_below_their_process_with_its_tag(run: Node) -> None:
    found = {
        node.name: [child.name for child in node.children if child is not None]
        for node in run.children
        if node is not None
    }
    assert found == {
        "FASTQC (liver)": ["versions.yml", "a.html"],
        "FASTQC (kidney)": ["versions.yml"],
        "MULTIQC": ["report.html"],
        "trace.txt": [],
    }
    assert [node.load for node in run.children[:3] if node is not None] == [Load.READY] * 3


def test_a_process_stands_for_its_files(flow: FakeFlow, run: Node) -> None:
    marks = Marks()
    fastqc = run.children[0]
    assert fastqc is not None and fastqc.can_mark
    marks.toggle(fastqc)
    assert chosen(flow.client(), marks) == {
        "data/1": "RNA-Seq_mad_cat_90/FASTQC (liver)/versions.yml",
        "data/2": "RNA-Seq_mad_cat_90/FASTQC (liver)/a.html",
    }
    facts = dict(facts_of(fastqc))
    assert facts["files"] == "2" and facts["run"] == "mad_cat"


def test_a_process_that_is_taken_out_takes_its_files_with_it(flow: FakeFlow, run: Node) -> None:
    marks = Marks()
    marks.toggle(run)
    assert run.children[0] is not None
    marks.toggle(run.children[0])
    assert set(chosen(flow.client(), marks)) == {"data/3", "data/4", "data/5"}


def test_a_file_of_a_process_tells_run_pipeline_and_process(run: Node) -> None:
    assert run.children[0] is not None and run.children[0].children[0] is not None
    facts = dict(facts_of(run.children[0].children[0]))
    assert facts["pipeline"] == "RNA-Seq 3.8"
    assert facts["run"] == "mad_cat execution/90"
    assert facts["process"] == "FASTQC (liver)"


def test_a_process_that_is_loaded_anew_has_what_the_run_has_now(flow: FakeFlow, run: Node) -> None:
    fastqc = run.children[0]
    assert fastqc is not None
    fastqc.reset()
    flow.answers["/executions/90"]["process_executions"][0]["downstream_data"].pop()
    apply(fastqc, load_page(flow.client(), fastqc, 1))
    assert [child.name for child in fastqc.children if child is not None] == ["versions.yml"]


def test_a_marked_sample_is_what_get_takes(flow: FakeFlow) -> None:
    """Not the outputs that its runs made of other samples."""
    flow.answers["/samples/7"] = {"id": "7", "name": "liver"}
    rows = [{"id": "1", "filename": "versions.yml", "size": 4, "pipeline_name": "RNA-Seq"}]
    flow.paged("/samples/7/data", "data", rows)
    flow.paged("/samples/7/executions", "executions", [{"id": "90", "identifier": "mad_cat"}])
    marks = Marks()
    marks.toggle(Node(NodeKind.SAMPLE, "sample/7", "liver"))
    assert set(chosen(flow.client(), marks)) == {"data/1"}
