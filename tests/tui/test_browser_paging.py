"""Lists are loaded page by page, and only where somebody looks."""

from __future__ import annotations

import threading
from pathlib import Path

from flowtui.flow.errors import ServiceUnavailable
from flowtui.flow.pages import Page
from flowtui.tui.browser.loading import FEWER, UNREADABLE, Loaded, apply, scopes
from flowtui.tui.browser.nodes import Load, Node, NodeKind, visible_rows
from support.fake_flow import FakeFlow, data, screen
from support.tui_app import lines, make_app, open_project, opened, tree, until

SIZE = (120, 40)


def sample_pages(flow: FakeFlow) -> list[str]:
    return [one for one in flow.asked if one.startswith("samples 1")]


async def test_opening_a_large_project_fetches_its_first_page_only(tmp_path: Path) -> None:
    flow = screen(2000)
    async with make_app(flow, tmp_path).run_test(size=SIZE) as pilot:
        app = await open_project(pilot)
        await pilot.pause(0.3)
        assert sample_pages(flow) == ["samples 1 page 1"]
        assert len(tree(app).rows) > 2000  # all of them have their place already


async def test_the_end_key_fetches_only_the_last_page(tmp_path: Path) -> None:
    flow = screen(2000)
    async with make_app(flow, tmp_path).run_test(size=SIZE) as pilot:
        app = await open_project(pilot)
        await pilot.press("end")
        await until(pilot, lambda: any("guide_1999" in line for line in lines(app)))
        await pilot.pause(0.3)
        assert sample_pages(flow) == ["samples 1 page 1", "samples 1 page 20"]


async def test_rows_scrolled_past_are_not_fetched(tmp_path: Path) -> None:
    flow = screen(2000)
    async with make_app(flow, tmp_path).run_test(size=SIZE) as pilot:
        app = await open_project(pilot)
        for _ in range(40):
            tree(app).action_page(1)
        await until(pilot, lambda: len(sample_pages(flow)) > 1)
        await pilot.pause(0.3)
        assert len(sample_pages(flow)) <= 3


async def test_keys_are_answered_while_a_list_is_on_its_way(tmp_path: Path) -> None:
    flow = screen(3)
    async with make_app(flow, tmp_path).run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        flow.hold = threading.Event()
        await pilot.press("down", "enter")
        await until(pilot, lambda: any("loading" in line for line in lines(app)))
        await pilot.press("up")
        assert tree(app).cursor == 0
        flow.hold.set()
        await until(pilot, lambda: any("guide_0002" in line for line in lines(app)))
        assert tree(app).cursor == 0


async def test_an_error_is_shown_in_its_place_and_r_tries_again(tmp_path: Path) -> None:
    flow = screen(3)
    flow.errors["samples 1 page 1"] = [ServiceUnavailable("flow.test does not answer")]
    async with make_app(flow, tmp_path).run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        await pilot.press("down", "enter")
        await until(pilot, lambda: any("does not answer" in line for line in lines(app)))
        row = next(n for n, line in enumerate(lines(app)) if "does not answer" in line)
        assert "r: retry" in lines(app)[row]
        while tree(app).cursor < row:
            await pilot.press("down")
        await pilot.press("r")
        await until(pilot, lambda: any("guide_0000" in line for line in lines(app)))
        assert not any("does not answer" in line for line in lines(app))


async def test_a_later_page_that_fails_says_so_and_is_not_asked_for_endlessly(
    tmp_path: Path,
) -> None:
    flow = screen(250)
    flow.errors["samples 1 page 3"] = [ServiceUnavailable("gone for a moment")]
    async with make_app(flow, tmp_path).run_test(size=SIZE) as pilot:
        app = await open_project(pilot)
        await pilot.press("end", *["up"] * 7)
        await until(pilot, lambda: any("gone for a moment" in line for line in lines(app)))
        await pilot.pause(0.3)
        assert flow.asked.count("samples 1 page 3") == 1
        await pilot.press("r")
        await until(pilot, lambda: any("guide_0249" in line for line in lines(app)))


async def test_empty_lists_say_so(tmp_path: Path) -> None:
    flow = screen(0)
    async with make_app(flow, tmp_path).run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        await pilot.press("down", "enter")
        await until(pilot, lambda: any("no samples" in line for line in lines(app)))


async def test_a_page_that_comes_does_not_move_what_is_in_sight(tmp_path: Path) -> None:
    flow = screen(1000)
    async with make_app(flow, tmp_path).run_test(size=SIZE) as pilot:
        app = await open_project(pilot)
        tree(app).scroll_to(y=500, animate=False, force=True)  # as with the wheel
        await until(pilot, lambda: any("guide_0500" in line for line in lines(app)))
        await pilot.pause(0.2)
        assert tree(app).top == 500


async def test_what_is_opened_comes_into_sight(tmp_path: Path) -> None:
    async with make_app(screen(30), tmp_path).run_test(size=(80, 24)) as pilot:
        app = await open_project(pilot)
        height = tree(app).size.height
        await pilot.press(*["down"] * (height - 3))
        before = tree(app).node
        await pilot.press("enter")
        await until(pilot, lambda: sum("_R" in line for line in lines(app)) == 2)
        assert tree(app).node is before


async def test_reloading_drops_an_answer_to_the_older_question(tmp_path: Path) -> None:
    flow = screen(3)
    async with make_app(flow, tmp_path).run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        flow.hold = threading.Event()
        scope = tree(app).root.children[0]
        assert scope is not None
        await pilot.press("r", "r")
        flow.hold.set()
        await until(pilot, lambda: scope.load is Load.READY and not scope.pending)
        assert len(scope.children) == 1


# The places of a list, without a screen


def samples_node() -> Node:
    return Node(NodeKind.SAMPLES, "project/1/samples", "samples", parent=scopes())


def some(parent: Node, count: int) -> list[Node]:
    return [Node(NodeKind.SAMPLE, f"sample/{n}", f"s{n}", parent=parent) for n in range(count)]


def test_a_count_that_was_too_high_leaves_no_empty_places_at_the_end() -> None:
    node = samples_node()
    apply(node, Loaded(some(node, 100), 205, 1, 100, True))
    apply(node, Loaded(some(node, 2), 205, 3, 100, False))
    assert len(node.children) == 202


def test_a_short_page_in_the_middle_says_so_instead_of_asking_for_ever() -> None:
    node = samples_node()
    apply(node, Loaded(some(node, 100), 300, 1, 100, True))
    apply(node, Loaded(some(node, 97), 300, 2, 100, True))
    assert node.failed == {2: FEWER}
    assert node.missing_pages() == [2, 3]


def test_without_a_count_there_is_one_place_more_until_a_page_is_not_full() -> None:
    node = samples_node()
    apply(node, Loaded(some(node, 100), None, 1, 100, True))
    assert len(node.children) == 101
    assert node.page_of(100) == 2
    apply(node, Loaded(some(node, 0), None, 2, 100, False))
    assert len(node.children) == 100


def test_a_server_with_smaller_pages_than_asked_for() -> None:
    node = samples_node()
    apply(node, Loaded(some(node, 50), 120, 1, 50, True))
    apply(node, Loaded(some(node, 20), 120, 3, 50, False))
    assert [one is None for one in node.children] == [False] * 50 + [True] * 50 + [False] * 20


def test_the_size_of_a_page_is_what_the_first_one_had() -> None:
    from flowtui.flow.pages import Pages
    from flowtui.tui.browser.loading import load_page

    flow = FakeFlow()
    files = [data(str(n)) for n in range(70)]

    def fetch(number: int) -> Page[object]:
        part = tuple(files[(number - 1) * 50 : number * 50])
        return Page(part, number, 70, 50 if number == 1 else 100, len(part))  # type: ignore[arg-type]

    flow.sample_data = lambda id_, like="": Pages(fetch)  # type: ignore[method-assign,assignment,arg-type]
    node = Node(NodeKind.SAMPLE, "sample/1", "s", parent=scopes())
    apply(node, load_page(flow, node, 1))  # type: ignore[arg-type]
    apply(node, load_page(flow, node, 2))  # type: ignore[arg-type]
    names = [one.key for one in node.children if one is not None]
    assert names == ["sample/1/executions", *(f"data/{n}" for n in range(70))]


def test_records_that_cannot_be_read_are_told_below_where_they_are_missing() -> None:
    root = scopes()
    mine = root.children[0]
    assert mine is not None
    mine.expanded = True
    project = Node(NodeKind.PROJECT, "project/1", "Cortex", parent=mine)
    apply(mine, Loaded([project], 3, size=100, unreadable=2))
    lines = [row.notice or (row.node.name if row.node else "…") for row in visible_rows(root)]
    words = "2 records left out: cannot read what the server sent"
    assert lines[:4] == ["My projects", "Cortex", words, "My samples"]
    apply(mine, Loaded([], 0, unreadable=1))
    lines = [row.notice for row in visible_rows(root) if row.notice]
    assert lines == ["1 record left out: cannot read what the server sent"]
    mine.reset()
    assert not mine.unreadable


def test_a_place_whose_record_cannot_be_read_says_so() -> None:
    root = scopes()
    mine = root.children[0]
    assert mine is not None
    known = [Node(NodeKind.PROJECT, f"project/{n}", str(n), parent=mine) for n in range(9)]
    apply(mine, Loaded(known, 25, size=10, full=True, unreadable=1))
    assert mine.failed == {1: UNREADABLE}
