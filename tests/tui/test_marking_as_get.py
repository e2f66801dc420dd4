"""What is marked in the tree brings what `get` of the same thing brings, to the same places."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flowtui.demo.serve import DemoServer
from flowtui.flow.client import FlowClient
from flowtui.flow.refs import parse_ref
from flowtui.flow.remote_file import RemoteFile
from flowtui.flow.session.credentials import Credential
from flowtui.flow.walk.walk import LeftOut, Walk
from flowtui.tui.browser.loading import apply, load_page, scopes
from flowtui.tui.browser.nodes import Node, NodeKind
from flowtui.tui.browser.selection import Selection, files_of
from support import bulk

PROJECTS = ("Human cortex", "Yeast heat shock")
"""Beginnings of the names: runs of several samples, and outputs that no sample has."""

OF_EACH = 3
"""Samples and runs that are marked of each project."""


@pytest.fixture(scope="module", params=["guide", "live", "both"])
def client(request: pytest.FixtureRequest) -> Iterator[FlowClient]:
    with DemoServer(request.param, token_seconds=3600) as server:
        client = FlowClient(server.base_url, Credential(bulk.token(server)))
        yield client
        client.close()


def below(client: FlowClient, node: Node) -> list[Node]:
    """What the tree shows below a node, all pages of it."""
    apply(node, load_page(client, node, 1))
    number = 1
    while None in node.children:
        number += 1
        apply(node, load_page(client, node, number))
    return [child for child in node.children if child is not None]


def projects(client: FlowClient) -> list[Node]:
    mine = scopes().children[0]
    assert mine is not None
    found = [node for node in below(client, mine) if node.name.startswith(PROJECTS)]
    assert len(found) == len(PROJECTS)
    return found


def named(client: FlowClient) -> list[Node]:
    """Projects, and some of their samples and runs: what has a REF."""
    nodes = []
    for project in projects(client):
        nodes.append(project)
        for group in below(client, project):
            nodes += below(client, group)[:OF_EACH]
    kinds = {node.kind for node in nodes}
    assert kinds >= {NodeKind.PROJECT, NodeKind.SAMPLE}  # the guide lists no executions
    return nodes


def marked(client: FlowClient, *nodes: Node) -> tuple[list[RemoteFile], list[str]]:
    """The files of marked nodes, as they go to the engine, and what is left out."""
    left_out: list[LeftOut] = []
    files = list(files_of(client, Selection(nodes), left_out.append))
    return sorted(files, key=lambda file: file.key), sorted(what.name for what in left_out)


def got(client: FlowClient, *refs: str) -> tuple[list[RemoteFile], list[str]]:
    """The same by `get REF…`."""
    left_out: list[LeftOut] = []
    with Walk(client, left_out.append) as walk:
        wanted = [parse_ref(ref, client.server) for ref in refs]
        files = [file for _, file in walk.files_of(wanted) if file is not None]
    return sorted(files, key=lambda file: file.key), sorted(what.name for what in left_out)


def test_what_has_a_ref_brings_what_get_brings(client: FlowClient) -> None:
    number = 0
    for node in named(client):
        files, left_out = marked(client, node)
        assert (files, left_out) == got(client, node.key)
        number += len(files)
    assert number > 40


def test_several_marked_things_bring_what_get_of_their_refs_brings(client: FlowClient) -> None:
    samples = [node for node in named(client) if node.kind is NodeKind.SAMPLE]
    assert marked(client, *samples) == got(client, *(node.key for node in samples))


def test_the_groups_of_a_project_together_are_the_project(client: FlowClient) -> None:
    for project in projects(client):
        groups = below(client, project)
        assert marked(client, *groups)[0] == got(client, project.key)[0]


def test_the_executions_of_a_sample_are_what_get_brings_of_each(client: FlowClient) -> None:
    """They are of all their samples, and do not belong into the folder of this one."""
    number = 0
    for sample in [node for node in named(client) if node.kind is NodeKind.SAMPLE]:
        for group in below(client, sample):
            if group.kind is NodeKind.EXECUTIONS:
                runs = [node.key for node in below(client, group)]
                assert marked(client, group) == got(client, *runs)
                number += len(runs)
    assert bool(number) is any(True for _ in client.sample_executions("34"))  # not in the guide


def test_a_file_of_a_sample_goes_where_the_sample_puts_it(client: FlowClient) -> None:
    for sample in [node for node in named(client) if node.kind is NodeKind.SAMPLE]:
        whole = got(client, sample.key)[0]
        for node in below(client, sample):
            if node.kind is NodeKind.DATA:
                assert marked(client, node)[0] == [one for one in whole if one.key == node.key]


def test_a_process_or_file_of_a_run_goes_where_the_run_puts_it(client: FlowClient) -> None:
    for run in [node for node in named(client) if node.kind is NodeKind.EXECUTION]:
        whole = got(client, run.key)[0]
        children = below(client, run)
        parts = [file for node in children for file in marked(client, node)[0]]
        assert sorted(parts, key=lambda file: file.key) == whole
