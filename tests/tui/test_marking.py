"""A mark holds for all below it, loaded or not, and can be taken away below again."""

from __future__ import annotations

from pathlib import Path

from flowtui.flow.models import Execution
from flowtui.flow.walk.walk import LeftOut
from flowtui.tui.browser.loading import load_page, scopes
from flowtui.tui.browser.marks import Marks
from flowtui.tui.browser.nodes import Node, NodeKind
from flowtui.tui.browser.selection import Selection, files_of
from support.fake_flow import FakeFlow, data, sample, screen
from support.tui_app import lines, make_app, open_project, opened, tree, until


def below(flow: FakeFlow, node: Node) -> list[Node]:
    found = load_page(flow, node, 1)  # type: ignore[arg-type]
    node.children = list(found.children)
    return found.children


def project_node(flow: FakeFlow) -> Node:
    scope = scopes().children[0]
    assert scope is not None
    return below(flow, scope)[0]


def chosen(flow: FakeFlow, marks: Marks) -> list[str]:
    out: list[LeftOut] = []
    selection = Selection(tuple(marks.chosen()), marks.taken_out)
    return [file.key for file in files_of(flow, selection, out.append)]  # type: ignore[arg-type]


def test_a_marked_project_stands_for_what_was_never_loaded() -> None:
    flow = screen(3)
    marks = Marks()
    marks.toggle(project_node(flow))
    assert chosen(flow, marks) == [f"data/d{n}x{k}" for n in range(3) for k in range(2)]


def test_a_child_of_a_marked_project_is_marked_and_can_be_taken_out() -> None:
    flow = screen(3)
    project = project_node(flow)
    marks = Marks()
    marks.toggle(project)
    samples = below(flow, below(flow, project)[0])
    assert all(marks.is_marked(one) for one in samples)
    marks.toggle(samples[1])
    assert [marks.is_marked(one) for one in samples] == [True, False, True]
    assert marks.is_marked(project) and marks.is_partly(project)
    assert chosen(flow, marks) == ["data/d0x0", "data/d0x1", "data/d2x0", "data/d2x1"]


def test_a_file_can_be_put_back_into_a_sample_that_was_taken_out() -> None:
    flow = screen(2)
    project = project_node(flow)
    marks = Marks()
    marks.toggle(project)
    samples = below(flow, below(flow, project)[0])
    marks.toggle(samples[1])
    marks.toggle(below(flow, samples[1])[2])
    assert chosen(flow, marks) == ["data/d0x0", "data/d0x1", "data/d1x1"]


def test_marking_what_is_above_overrules_what_was_decided_below() -> None:
    flow = screen(2)
    project = project_node(flow)
    samples = below(flow, below(flow, project)[0])
    marks = Marks()
    marks.toggle(samples[0])
    assert not marks.is_marked(project) and marks.is_partly(project)
    marks.toggle(project)
    assert len(marks) == 1 and not marks.is_partly(project)
    marks.toggle(project)
    assert not marks and not any(marks.is_marked(one) for one in samples)


def test_a_file_marked_twice_over_comes_once() -> None:
    flow = screen(1)
    run = Execution.read(
        {
            "id": "e1",
            "identifier": "run",
            "outputs": [{"id": "d0x0", "filename": "guide_0000_R0.gz"}],
        }
    )
    flow.sample_runs["s0"] = [run]
    flow.details["execution/e1"] = run
    samples = below(flow, below(flow, project_node(flow))[0])
    group, first, _ = below(flow, samples[0])
    execution = below(flow, group)[0]
    marks = Marks()
    marks.toggle(first)
    marks.toggle(execution)
    # One key, two places: it is marked in both, and unmarked in both.
    assert marks.is_marked(below(flow, execution)[0])
    assert chosen(flow, marks) == ["data/d0x0"]


def test_a_samples_executions_taken_out_are_not_had_through_the_project() -> None:
    flow = screen(1)
    run = Execution.read(
        {"id": "e1", "identifier": "run", "outputs": [{"id": "o1", "filename": "out.tsv"}]}
    )
    flow.sample_runs["s0"] = flow.project_runs["1"] = [run]
    flow.details["execution/e1"] = run
    project = project_node(flow)
    marks = Marks()
    marks.toggle(project)
    assert "data/o1" in chosen(flow, marks)
    group = below(flow, below(flow, below(flow, project)[0])[0])[0]
    assert group.kind is NodeKind.EXECUTIONS
    marks.toggle(group)
    assert chosen(flow, marks) == ["data/d0x0", "data/d0x1"]


def test_a_removed_file_is_left_out_with_a_reason() -> None:
    flow = screen(1)
    flow.files["s0"] = [data("gone", "gone.bam", is_removed=True)]
    samples = below(flow, below(flow, project_node(flow))[0])
    out: list[LeftOut] = []
    selection = Selection((below(flow, samples[0])[1],))
    assert list(files_of(flow, selection, out.append)) == []  # type: ignore[arg-type]
    assert [(one.name, one.why) for one in out] == [("gone.bam", "it was removed from Flow")]


def test_only_the_known_sizes_are_summed_and_that_is_said() -> None:
    flow = FakeFlow()
    flow.project_of("1", "P", [sample("s")])
    flow.files["s"] = [data("a", size=500), data("b", size=None)]
    _, a, b = below(flow, below(flow, below(flow, project_node(flow))[0])[0])
    marks = Marks()
    marks.toggle(a)
    assert marks.known_size() == (500, True)
    marks.toggle(b)
    assert marks.known_size() == (500, False)


async def test_space_marks_and_goes_on_and_escape_takes_all_marks_away(tmp_path: Path) -> None:
    async with make_app(screen(5), tmp_path).run_test(size=(120, 40)) as pilot:
        app = await open_project(pilot)
        await pilot.press("down", "down", "space", "space")
        assert [line[:1] for line in lines(app)[:7]] == ["◐", "◐", "◐", "●", "●", " ", " "]
        assert "2 marked" in str(app.header.render())
        await pilot.press("escape")
        assert not any("●" in line for line in lines(app))
        assert "marked" not in str(app.header.render())


async def test_a_scope_cannot_be_marked(tmp_path: Path) -> None:
    async with make_app(screen(5), tmp_path).run_test(size=(120, 40)) as pilot:
        app = await opened(pilot)
        await pilot.press("space")
        assert not tree(app).marks and tree(app).cursor == 0


async def test_children_loaded_later_show_the_mark_of_what_is_above(tmp_path: Path) -> None:
    async with make_app(screen(5), tmp_path).run_test(size=(120, 40)) as pilot:
        app = await opened(pilot)
        await pilot.press("down", "space", "up", "enter")
        tree(app).action_jump(1)
        await pilot.press("enter")
        await until(pilot, lambda: sum("guide_" in line for line in lines(app)) == 5)
        assert all(line.startswith("●") for line in lines(app) if "guide_" in line)
