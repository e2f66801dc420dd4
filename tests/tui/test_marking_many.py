"""Marking many at once: a range, all, the others, what fits a filter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from flowtui.tui.app import FlowApp
from flowtui.tui.browser.lines import between, beyond, together
from flowtui.tui.browser.marks import Marks
from flowtui.tui.browser.nodes import Node, NodeKind, Row
from flowtui.tui.matching import EVERYTHING, wanted_of
from support.fake_flow import FakeFlow, screen
from support.tui_app import lines, make_app, open_project, said, tree, until

SIZE = (120, 40)


def tree_of(names: str) -> tuple[Node, list[Node]]:
    """A list `samples` below a project, and its samples, each with two files."""
    project = Node(NodeKind.PROJECT, "project/1", "P")
    group = Node(NodeKind.SAMPLES, "project/1/samples", "samples", parent=project)
    project.children = [group]
    for name in names:
        sample = Node(NodeKind.SAMPLE, f"sample/{name}", name, parent=group)
        sample.children = [
            Node(NodeKind.DATA, f"data/{name}{n}", f"{name}{n}", parent=sample) for n in "12"
        ]
        group.children.append(sample)
    return group, [node for node in group.children if node is not None]


def files_in(marks: Marks, samples: Sequence[Node]) -> str:
    """The marked files."""
    files = [file for sample in samples for file in sample.children if file is not None]
    return " ".join(file.name for file in files if marks.is_marked(file))


def one_file(marks: Marks, group: Node, samples: list[Node]) -> None:
    marks.toggle(samples[1].children[0])  # type: ignore[arg-type]


def a_sample(marks: Marks, group: Node, samples: list[Node]) -> None:
    marks.toggle(samples[0])


def all_but_a_file(marks: Marks, group: Node, samples: list[Node]) -> None:
    marks.toggle(group)
    one_file(marks, group, samples)


def nothing(marks: Marks, group: Node, samples: list[Node]) -> None:
    return


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (nothing, "a1 a2 b1 b2 c1 c2"),
        (a_sample, "b1 b2 c1 c2"),
        (one_file, "a1 a2 b2 c1 c2"),
        (all_but_a_file, "b1"),
    ],
)
def test_inverting_a_list_marks_the_files_that_were_not_and_twice_is_as_before(
    before: Callable[[Marks, Node, list[Node]], None], after: str
) -> None:
    marks = Marks()
    group, samples = tree_of("abc")
    before(marks, group, samples)
    first, decided = files_in(marks, samples), dict(marks.decisions)
    marks.invert([group])
    assert files_in(marks, samples) == after
    marks.invert([group])
    assert files_in(marks, samples) == first and marks.decisions == decided


def test_what_is_decided_for_several_overrules_what_was_decided_below_them() -> None:
    marks = Marks()
    _, samples = tree_of("abc")
    marks.toggle(samples[0].children[0])  # type: ignore[arg-type]
    marks.decide(samples[:2], True)
    assert files_in(marks, samples) == "a1 a2 b1 b2" and len(marks) == 2
    marks.decide(samples, False)
    assert not marks.decisions


def rows_of(group: Node, samples: list[Node]) -> list[Row]:
    assert group.parent is not None
    own = [Row(sample, group, n, 1) for n, sample in enumerate(samples)]
    return [Row(group, group.parent, 0, 0), *own]


@pytest.mark.parametrize(
    ("typed", "marked"), [("", "samples"), ("b", "b"), ("!b", "a c"), ("zz", "")]
)
def test_all_is_the_list_one_is_in_or_what_fits_the_filter(typed: str, marked: str) -> None:
    group, samples = tree_of("abc")
    wanted = wanted_of(typed)
    shown = [one for one in samples if wanted.fits(one.name)]
    rows = rows_of(group, shown)
    found = together(rows, rows[-1], wanted) if shown else together(rows, None, wanted)
    assert " ".join(node.name for node in found) == marked


def test_a_list_that_cannot_be_marked_is_marked_one_by_one_and_what_is_not_loaded_told() -> None:
    scope = Node(NodeKind.SCOPE, "scope/mine", "My projects")
    first = Node(NodeKind.PROJECT, "project/1", "One", parent=scope)
    scope.children = [first, None, None]
    rows = [Row(first, scope, 0, 1), Row(None, scope, 1, 1)]
    assert together(rows, rows[0], EVERYTHING) == [first]
    assert beyond(rows, rows[0], EVERYTHING) == 2


@pytest.mark.parametrize(
    ("matched", "note", "left"), [("b", "", 0), ("", "", 7), ("b", "9 more match", 7)]
)
def test_what_a_filter_does_not_cover_is_told(matched: str, note: str, left: int) -> None:
    group, samples = tree_of("ab")
    group.children += [None] * 7
    group.matched, group.match_note = matched, note
    rows = rows_of(group, samples[1:])
    assert beyond(rows, rows[-1], wanted_of("b")) == left


def test_between_are_all_lines_that_can_be_marked_whichever_comes_first() -> None:
    group, samples = tree_of("abc")
    rows = [*rows_of(group, samples[:2]), Row(None, group, -1, 1, "loading …")]
    assert between(rows, 3, 1) == between(rows, 1, 3) == samples[:2]


# In the app


def marked(app: FlowApp) -> list[str]:
    """The last two digits of the marked samples."""
    return [line.split("guide_00")[1][:2] for line in lines(app) if "●" in line and "_" in line]


async def on_sample(pilot: Pilot[Any], number: int) -> FlowApp:
    """The project opened, and the cursor on its sample of this number."""
    app = await open_project(pilot)
    names = [row.node.name if row.node is not None else "" for row in tree(app).rows]
    tree(app).set_cursor(names.index(f"guide_{number:04}"))
    return app


KEYS: list[tuple[list[str], list[str]]] = [
    (["shift+down", "shift+down"], ["05", "06", "07"]),
    (["shift+down", "shift+down", "shift+up"], ["05", "06"]),
    (["shift+up"], ["04", "05"]),
    (["shift+up", "shift+down", "shift+down"], ["05", "06"]),
    (["shift+down", "down", "down", "shift+down"], ["05", "06", "08", "09"]),
    (["V", "down", "down"], ["05", "06", "07"]),
    (["V", "down", "down", "V", "down", "space"], ["05", "06", "07", "08"]),
    (["V", "pagedown", "up", "escape"], []),
    (["space", "V", "down", "escape"], ["05"]),
    (["V", "j", "space", "j", "j"], ["05", "06"]),
    (["space", "space", "V", "k", "k", "k"], ["04", "05", "06", "07"]),
]


@pytest.mark.parametrize(("keys", "expected"), KEYS)
async def test_a_range_is_marked_by_keys_typed_ahead(
    tmp_path: Path, keys: list[str], expected: list[str]
) -> None:
    async with make_app(screen(12), tmp_path).run_test(size=SIZE) as pilot:
        app = await on_sample(pilot, 5)
        await pilot.press(*keys)
        await until(pilot, lambda: marked(app) == expected, str(expected))


async def test_the_header_says_that_a_range_is_under_way(tmp_path: Path) -> None:
    async with make_app(screen(12), tmp_path).run_test(size=SIZE) as pilot:
        app = await on_sample(pilot, 5)
        await pilot.press("V", "down")
        await until(pilot, lambda: app.header.marked == "range: 2 marked")
        await pilot.press("V")
        await until(pilot, lambda: app.header.marked == "2 marked")
        await pilot.press("shift+down")
        await until(pilot, lambda: app.header.marked == "3 marked")


async def test_all_marks_the_list_with_what_is_not_loaded_and_invert_takes_it_back(
    tmp_path: Path,
) -> None:
    flow = screen(450)
    async with make_app(flow, tmp_path).run_test(size=SIZE) as pilot:
        app = await on_sample(pilot, 5)
        await pilot.press("space", "i")
        await until(pilot, lambda: "05" not in marked(app) and "06" in marked(app))
        await pilot.press("i", "a", "d")
        await until(pilot, lambda: len(app.screen_stack) == 2, "the dialog")
        await until(pilot, lambda: "900 files" in said(app, "#dialog-what"), "all files")


async def test_with_a_filter_all_that_fits_is_marked_with_what_the_server_knew(
    tmp_path: Path,
) -> None:
    flow: FakeFlow = screen(450)
    async with make_app(flow, tmp_path).run_test(size=SIZE) as pilot:
        app = await on_sample(pilot, 5)
        await pilot.press("slash", *"_0444")
        await until(pilot, lambda: any("guide_0444" in line for line in lines(app)))
        await pilot.press("enter", "a")
        await until(pilot, lambda: [n.name for n in tree(app).marks.chosen()] == ["guide_0444"])


async def test_a_pattern_in_the_filter_is_for_whole_names(tmp_path: Path) -> None:
    async with make_app(screen(12), tmp_path).run_test(size=SIZE) as pilot:
        app = await on_sample(pilot, 5)
        await pilot.press("slash", *"*_000?", "enter", "a")
        await until(pilot, lambda: len(tree(app).marks) == 10)
        await pilot.press("a")
        await until(pilot, lambda: not tree(app).marks)
