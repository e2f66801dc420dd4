"""What is at the top of the tree: one's own things, and the genomes, where the server has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from flowtui.flow.errors import NotOffered, ServiceUnavailable
from flowtui.flow.genomes import Organism
from flowtui.flow.models import Execution
from flowtui.tui.app import FlowApp
from flowtui.tui.browser.nodes import Node
from flowtui.tui.browser.selection import Selection, files_of
from support.fake_flow import FakeFlow, data, sample, screen
from support.tui_app import lines, make_app, opened, tree, until

SIZE = (120, 40)

ALL = ["My projects", "My samples", "My executions", "My data", "Shared", "Public", "Genomes"]


def roots(app: FlowApp) -> list[str]:
    return [node.name for node in tree(app).root.children if node is not None]


def node_named(app: FlowApp, name: str) -> Node:
    return next(row.node for row in tree(app).rows if row.node and row.node.name == name)


async def open_node(pilot: Pilot[Any], app: FlowApp, name: str, shown: str = "") -> Node:
    """Open the node of that name with the keyboard, and wait for something below it."""
    node = node_named(app, name)
    await pilot.press("home")
    while tree(app).node is not node:
        await pilot.press("down")
    await pilot.press("enter")
    if shown:
        await until(pilot, lambda: any(shown in line for line in lines(app)), shown)
    return node


def whole() -> FakeFlow:
    flow = screen(2)
    flow.own = {
        "samples": [sample("7", "liver_rep1", sample_type="ChIP-Seq")],
        "executions": [Execution(id="8", identifier="calm_curie", pipeline_name="Genome prep")],
        "uploads": [data("9", "lane1.fastq.gz")],
    }
    flow.files["7"] = [data("70", "liver_rep1_R1.fastq.gz")]
    filesets = [
        {"id": "f2", "name": "GRCh38 v2",
         "data": [{"id": "21", "filename": "genome.fa"}, {"id": "22", "filename": "genome.gtf"}]},
        {"id": "f1", "name": "GRCh38 v1",
         "data": [{"id": "11", "filename": "genome.fa", "size": 5}, {"id": "12"}]},
    ]  # fmt: skip
    human = {"id": "Hs", "name": "Human", "latin_name": "Homo sapiens", "filesets": filesets}
    flow.genomes = [Organism.read(human)]
    return flow


async def test_what_is_ones_own_is_at_the_top_and_asked_for_when_opened(tmp_path: Path) -> None:
    flow = whole()
    async with make_app(flow, tmp_path).run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        assert roots(app) == ALL
        assert not [one for one in flow.asked if one.startswith("own")]
        await open_node(pilot, app, "My samples", "liver_rep1")
        await open_node(pilot, app, "liver_rep1", "_R1.fastq.gz")
        await open_node(pilot, app, "My executions", "calm_curie")
        await open_node(pilot, app, "My data", "lane1.fastq.gz")
        assert [one for one in flow.asked if one.startswith("own")] == [
            "own samples page 1", "own executions page 1", "own uploads page 1",
        ]  # fmt: skip


@pytest.mark.parametrize("name", ["My samples", "My executions", "My data", "Genomes"])
async def test_what_the_server_lacks_goes_without_a_word(tmp_path: Path, name: str) -> None:
    flow = screen(2)
    async with make_app(flow, tmp_path).run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        await open_node(pilot, app, name)
        await until(pilot, lambda: name not in roots(app))
        assert roots(app) == [other for other in ALL if other != name]
        assert not any(name in line for line in lines(app))
        assert tree(app).row is not None
        assert not app._notifications  # nothing is said
        tree(app).reset()  # another server, which may have it
        assert roots(app) == ALL


async def test_a_server_in_trouble_is_no_server_without(tmp_path: Path) -> None:
    flow = whole()
    flow.errors["own samples page 1"] = [ServiceUnavailable("flow.test does not answer")]
    async with make_app(flow, tmp_path).run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        await open_node(pilot, app, "My samples", "does not answer")
        assert roots(app) == ALL


async def test_projects_stay_even_where_their_list_is_missing(tmp_path: Path) -> None:
    flow = whole()
    flow.errors["projects shared page 1"] = [NotOffered("not offered", status=405)]
    async with make_app(flow, tmp_path).run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        await open_node(pilot, app, "Shared", "not offered")
        assert roots(app) == ALL


async def test_genomes_are_opened_down_to_their_files(tmp_path: Path) -> None:
    flow = whole()
    async with make_app(flow, tmp_path).run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        await open_node(pilot, app, "Genomes", "Homo sapiens")
        human = await open_node(pilot, app, "Human", "GRCh38 v1")
        fileset = await open_node(pilot, app, "GRCh38 v2", "genome.gtf")
        assert human.can_mark and fileset.can_mark
        file = node_named(app, "genome.gtf")

    def places(nodes: tuple[Node, ...], out: tuple[str, ...] = ()) -> tuple[list[str], list[str]]:
        left: list[str] = []
        selection = Selection(nodes, frozenset(out))
        found = files_of(flow, selection, lambda what: left.append(what.why))  # type: ignore[arg-type]
        return ["/".join((*one.folder, one.filename)) for one in found], left

    second = ["genomes/Human/GRCh38 v2/genome.fa", "genomes/Human/GRCh38 v2/genome.gtf"]
    first = ["genomes/Human/GRCh38 v1/genome.fa"]
    assert places((human,)) == (second + first, ["cannot read 1 file record"])
    assert places((human,), ("fileset/f1", "data/21")) == (second[1:], [])
    assert places((fileset,)) == (second, [])
    assert places((file,)) == (second[1:], [])
