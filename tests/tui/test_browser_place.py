"""The way to where something is in the tree: a table of what is done next."""

from __future__ import annotations

from typing import Any

import pytest

from flowtui.tui.browser import loading
from flowtui.tui.browser.nodes import Load, Node, NodeKind
from flowtui.tui.browser.place import MOST_PAGES, Route, Step, next_step, route_of
from support.fake_flow import data, sample

SAMPLE = ("project/5", "project/5/samples", "sample/7")


def below(parent: Node, kind: NodeKind, key: str, load: Load = Load.NEW) -> Node:
    node = Node(kind, key, key, parent=parent, load=load)
    parent.children.append(node)
    return node


def scope(root: Node, key: str) -> Node:
    return next(node for node in root.children if node is not None and node.key == key)


def loaded(root: Node, *keys: str) -> None:
    for key in keys:
        scope(root, key).load = Load.READY


def project(root: Node, where: str = "scope/mine") -> Node:
    loaded(root, where)
    return below(scope(root, where), NodeKind.PROJECT, "project/5")


def test_each_step_of_a_way() -> None:
    root = loading.scopes()
    route = Route(SAMPLE)
    assert next_step(root, route) == (Step.OPEN, scope(root, "scope/mine"))
    scope(root, "scope/mine").load = Load.LOADING
    assert next_step(root, route)[0] is Step.WAIT
    loaded(root, "scope/mine")
    assert next_step(root, route) == (Step.OPEN, scope(root, "scope/shared"))
    five = project(root, "scope/shared")
    assert next_step(root, route) == (Step.OPEN, five)
    five.load = Load.READY
    samples = below(five, NodeKind.SAMPLES, "project/5/samples", Load.READY)
    samples.children = [None] * 250
    assert next_step(root, route) == (Step.LOAD, samples)
    samples.pending = {1}
    assert next_step(root, route) == (Step.WAIT, samples)
    samples.pending, samples.failed = set(), {1: "gone", 2: "gone", 3: "gone"}
    assert next_step(root, route) == (Step.LOST, samples)
    samples.failed = {}
    samples.children = [None] * (100 * MOST_PAGES + 101)
    assert next_step(root, route) == (Step.TOO_MANY, samples)
    samples.children = []
    seven = below(samples, NodeKind.SAMPLE, "sample/7")
    assert next_step(root, route) == (Step.ARRIVED, seven)


def test_a_project_that_is_in_none_of_the_lists_is_lost() -> None:
    root = loading.scopes()
    loaded(root, "scope/mine", "scope/shared", "scope/public")
    assert next_step(root, Route(SAMPLE))[0] is Step.LOST
    scope(root, "scope/public").load = Load.FAILED
    assert next_step(root, Route(SAMPLE))[0] is Step.LOST


def test_an_output_is_found_below_its_process() -> None:
    root = loading.scopes()
    five = project(root)
    five.load = Load.READY
    runs = below(five, NodeKind.EXECUTIONS, "project/5/executions", Load.READY)
    run = below(runs, NodeKind.EXECUTION, "execution/9", Load.READY)
    process = below(run, NodeKind.PROCESS, "execution/9/STAR", Load.READY)
    file = below(process, NodeKind.DATA, "data/70")
    route = Route(("project/5", "project/5/executions", "execution/9", "data/70"))
    assert next_step(root, route) == (Step.ARRIVED, file)


@pytest.mark.parametrize(
    ("kind", "record", "keys"),
    [
        (NodeKind.SAMPLE, sample("7", project_id="5"), SAMPLE),
        (NodeKind.SAMPLE, sample("7"), ("scope/samples", "sample/7")),
        (NodeKind.DATA, data("70", sample_id="7", project_id="5"), (*SAMPLE, "data/70")),
        (NodeKind.DATA, data("70", sample_id="7"), ("scope/samples", "sample/7", "data/70")),
        (NodeKind.DATA, data("70", execution_id="9", project_id="5", sample_id="7"),
         ("project/5", "project/5/executions", "execution/9", "data/70")),
        (NodeKind.DATA, data("70"), ("scope/data", "data/70")),
        (NodeKind.DATA, data("70", process_name="STAR"), None),
    ],
)  # fmt: skip
def test_where_a_record_says_that_it_is(
    kind: NodeKind, record: Any, keys: tuple[str, ...] | None
) -> None:
    found = route_of(Node(kind, f"{kind}/{record.id}", "x", record=record))
    assert (found.keys if found else None) == keys
