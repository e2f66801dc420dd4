"""What the tree says of each line: here, under way, failed."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowtui.flow.remote_file import Origin
from flowtui.protocol.messages import Changes, Summary, TransferRow
from flowtui.tui.browser.nodes import Load, Node, NodeKind
from flowtui.tui.browser.standing import FAILED, HERE, NOTHING, SOME_HERE, UNDER_WAY, sign_of
from flowtui.tui.engine_link import QueueChanged
from flowtui.tui.known_files import KnownFiles, Sums
from flowtui.tui.queue_model import Delta, QueueModel
from support.fake_flow import SERVER, data, screen
from support.tui_app import context_of, lines, make_app, open_project, until


def row(id_: int, state: str, key: str = "data/1", **more: object) -> TransferRow:
    fields = {"server": SERVER, "belongs_to": "sample/1", **more}
    origin = Origin(project="Liver", execution="9")
    return TransferRow(id_, 1, key, key, "/x", key, state, origin=origin, **fields)  # type: ignore[arg-type]


def node(kind: NodeKind, key: str, *below: Node, load: Load = Load.READY) -> Node:
    made = Node(kind, key, "Liver", load=load)
    made.children = list(below)
    return made


def files(*rows: TransferRow) -> KnownFiles:
    model = QueueModel()
    model.apply(Changes(Summary(), transfers=rows), Delta())
    return model.files


@pytest.mark.parametrize(
    ("state", "sign"),
    [
        ("queued", UNDER_WAY),
        ("active", UNDER_WAY),
        ("verifying", UNDER_WAY),
        ("paused", UNDER_WAY),
        ("waiting", UNDER_WAY),
        ("done", HERE),
        ("skipped", HERE),
        ("failed", FAILED),
        ("cancelled", NOTHING),
    ],
)
def test_a_file_has_the_sign_of_its_state(state: str, sign: object) -> None:
    known = files(row(1, state))
    assert sign_of(node(NodeKind.DATA, "data/1"), (known, SERVER)) == sign
    assert sign_of(node(NodeKind.DATA, "data/2"), (known, SERVER)) == NOTHING
    assert sign_of(node(NodeKind.DATA, "data/1"), (known, "https://else")) == NOTHING
    assert sign_of(None, (known, SERVER)) == NOTHING


@pytest.mark.parametrize(
    ("states", "sign"),
    [
        (("done", "queued", "failed"), UNDER_WAY),
        (("done", "failed"), FAILED),
        (("done", "skipped"), SOME_HERE),
        (("cancelled",), NOTHING),
        ((), NOTHING),
    ],
)
def test_samples_runs_and_projects_have_the_sum_of_theirs(
    states: tuple[str, ...], sign: object
) -> None:
    known = files(*(row(n, state, f"data/{n}") for n, state in enumerate(states)))
    for kind, key in [
        (NodeKind.SAMPLE, "sample/1"),
        (NodeKind.EXECUTION, "execution/9"),
        (NodeKind.PROJECT, "project/3"),
    ]:
        assert sign_of(node(kind, key, load=Load.NEW), (known, SERVER)) == sign
    assert sign_of(node(NodeKind.SCOPE, "scope/mine"), (known, SERVER)) == NOTHING


def test_all_is_here_only_where_all_of_a_loaded_list_is() -> None:
    one, two = (node(NodeKind.DATA, f"data/{n}") for n in (1, 2))
    group = node(NodeKind.EXECUTIONS, "sample/1/executions", load=Load.NEW)
    sample = node(NodeKind.SAMPLE, "sample/1", group, one, two)
    process = node(NodeKind.PROCESS, "execution/9/process/x", one, two)
    run = node(NodeKind.EXECUTION, "execution/9", process)
    half, whole = files(row(1, "done")), files(row(1, "done"), row(2, "skipped", "data/2"))
    for thing in (sample, process, run):
        assert sign_of(thing, (half, SERVER)) == SOME_HERE
        assert sign_of(thing, (whole, SERVER)) == HERE
    sample.children.append(None)
    assert sign_of(sample, (whole, SERVER)) == SOME_HERE


def test_of_a_file_that_is_asked_for_again_the_last_counts() -> None:
    known = files(row(1, "failed"), row(2, "done"))
    assert sign_of(node(NodeKind.DATA, "data/1"), (known, SERVER)) == HERE


def test_what_leaves_the_queue_leaves_nothing() -> None:
    model = QueueModel()
    for state in ("queued", "active", "done"):
        model.apply(Changes(Summary(), transfers=(row(1, state),)), Delta())
    assert model.files.of_thing(SERVER, "sample/1") == Sums(here=1)
    model.apply(Changes(Summary(), removed=(1,)), Delta())
    assert model.files == KnownFiles()
    model.apply(Changes(Summary(), transfers=(row(1, "queued"),)), Delta())
    model.apply(Changes(Summary(), reset=True), Delta())
    assert model.files == KnownFiles()


def test_an_archive_is_no_file_of_the_tree() -> None:
    assert files(row(1, "active", bulk_id=4)) == KnownFiles()


async def test_names_are_readable_on_a_tiny_screen(tmp_path: Path) -> None:
    """The tree has its whole width: the details beside it would leave nothing of the names."""
    flow = screen(2)
    name = "guide_0000_S14_L001_R{}_001.fastq.gz"
    flow.files["s0"] = [data(str(n), name.format(n)) for n in (1, 2)]
    async with make_app(flow, tmp_path).run_test(size=(60, 20)) as pilot:
        app = await open_project(pilot)
        await pilot.press("down", "down", "enter")
        for number in (1, 2):
            ending = f"…_S14_L001_R{number}_001.fastq.gz"
            await until(pilot, lambda ending=ending: any(ending in line for line in lines(app)))


async def test_the_tree_shows_what_the_queue_says_as_it_changes(tmp_path: Path) -> None:
    flow = screen(2)
    flow.files["s0"] = [data("1", "guide_0000_R1.gz"), data("2", "guide_0000_R2.gz")]
    async with make_app(flow, tmp_path).run_test(size=(80, 24)) as pilot:
        app = await open_project(pilot)
        await pilot.press("down", "down", "enter")
        await until(pilot, lambda: any("…_R2.gz" in line for line in lines(app)))
        link = context_of(app).fake_link

        def told(*rows: TransferRow) -> None:
            link.model.apply(Changes(Summary(), transfers=rows), Delta())
            app.post_message(QueueChanged(link))  # type: ignore[arg-type]

        def signs() -> list[str]:
            return [line.ljust(2)[1] for line in lines(app)[3:7]]

        mine = {"belongs_to": "sample/s0"}
        told(row(1, "active", "data/1", **mine), row(2, "failed", "data/2", **mine))
        await until(pilot, lambda: signs() == ["↓", " ", "↓", "!"])
        told(row(1, "done", "data/1", **mine))
        await until(pilot, lambda: signs() == ["!", " ", "✓", "!"])
        told(row(2, "done", "data/2", **mine))
        await until(pilot, lambda: signs() == ["✓", " ", "✓", "✓"])
        drawn = next(line for line in lines(app) if "…_R2.gz" in line)
        assert drawn.startswith(" ✓")
