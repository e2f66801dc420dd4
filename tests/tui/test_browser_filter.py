"""The filter: as one types, and back to the tree."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from textual.widgets import Input

from flowtui.flow.errors import Refused
from flowtui.flow.models import Execution, Project
from support.fake_flow import data, sample, screen
from support.tui_app import lines, make_app, open_project, opened, tree, until

SIZE = (120, 40)


async def test_it_filters_as_one_types_and_enter_goes_to_the_first_match(tmp_path: Path) -> None:
    async with make_app(screen(26), tmp_path).run_test(size=SIZE) as pilot:
        app = await open_project(pilot)
        await pilot.press("slash", *"GUIDE_001")
        await until(pilot, lambda: sum("guide_" in line for line in lines(app)) == 10)
        await pilot.press("7")
        await until(pilot, lambda: sum("guide_" in line for line in lines(app)) == 1)
        await pilot.press("enter")
        node = tree(app).node
        assert tree(app).has_focus and node is not None and node.name == "guide_0017"


async def test_the_cursor_of_a_field_writes_nothing_while_nobody_types(tmp_path: Path) -> None:
    async with make_app(screen(26), tmp_path).run_test(size=SIZE) as pilot:
        app = await open_project(pilot)
        await pilot.press("slash")
        field = app.screen.query_one("#filter Input", Input)
        await until(pilot, lambda: field.has_focus)
        assert not field.cursor_blink


async def test_escape_shows_everything_again_with_the_cursor_on_what_was_found(
    tmp_path: Path,
) -> None:
    async with make_app(screen(26), tmp_path).run_test(size=SIZE) as pilot:
        app = await open_project(pilot)
        await pilot.press("slash", *"0017", "enter", "escape")
        await until(pilot, lambda: sum("guide_" in line for line in lines(app)) == 26)
        node = tree(app).node
        assert node is not None and node.name == "guide_0017"
        await pilot.press("slash")
        assert app.screen.query_one("#filter Input").value == ""  # type: ignore[attr-defined]


async def test_escape_while_typing_shows_everything_again(tmp_path: Path) -> None:
    async with make_app(screen(26), tmp_path).run_test(size=SIZE) as pilot:
        app = await open_project(pilot)
        await pilot.press("slash", *"0017", "escape")
        await until(pilot, lambda: sum("guide_" in line for line in lines(app)) == 26)
        assert tree(app).has_focus


async def test_the_server_is_asked_where_more_is_there_than_is_loaded(tmp_path: Path) -> None:
    flow = screen(450)
    flow.files["s444"] = [data("d444", "reads_0444.gz")]
    async with make_app(flow, tmp_path).run_test(size=SIZE) as pilot:
        app = await open_project(pilot)
        await pilot.press("slash", *"0444")
        await until(pilot, lambda: any("guide_0444" in line for line in lines(app)))
        # A slow machine may ask for what was typed until then, too.
        asked = [question for question in flow.asked if "like" in question]
        assert asked[-1] == "samples 1 like 0444 page 1"
        await pilot.press("enter")
        node = tree(app).node
        assert node is not None and node.name == "guide_0444"
        await pilot.press("enter")
        await until(pilot, lambda: any("reads_0444.gz" in line for line in lines(app)))
        await pilot.press("escape")
        await until(pilot, lambda: not any("guide_0444" in line for line in lines(app)))


async def test_a_server_that_does_not_filter_shows_nothing_that_does_not_fit(
    tmp_path: Path,
) -> None:
    flow = screen(450)
    flow.filters = False
    async with make_app(flow, tmp_path).run_test(size=SIZE) as pilot:
        app = await open_project(pilot)
        await pilot.press("slash", *"0444")
        await until(pilot, lambda: "samples 1 like 0444 page 1" in flow.asked)
        await until(pilot, lambda: any("350 more not loaded" in line for line in lines(app)))
        assert not any("guide_" in line for line in lines(app))


async def test_where_all_is_loaded_the_server_is_not_asked(tmp_path: Path) -> None:
    flow = screen(26)
    async with make_app(flow, tmp_path).run_test(size=SIZE) as pilot:
        app = await open_project(pilot)
        tree(app).filter("0017")
        tree(app)._match()  # what comes once nobody types any more
        await until(pilot, lambda: sum("guide_" in line for line in lines(app)) == 1)
        assert not [asked for asked in flow.asked if "like" in asked]


async def test_what_is_not_loaded_is_counted_and_enter_loads_it(tmp_path: Path) -> None:
    flow = screen(450)
    # What the server finds by itself would take the place of the line that enter is pressed on.
    found = threading.Event()
    flow.holds |= {f"samples 1 like {'0444'[:n]} page 1": found for n in range(1, 5)}
    async with make_app(flow, tmp_path).run_test(size=SIZE) as pilot:
        app = await open_project(pilot)
        await pilot.press("slash", *"0444", "enter")
        row = next(n for n, line in enumerate(lines(app)) if "350 more" in line)
        while tree(app).cursor < row:
            await pilot.press("down")
        await pilot.press("enter")
        await until(pilot, lambda: any("guide_0444" in line for line in lines(app)))
        await until(pilot, lambda: not any("more:" in line for line in lines(app)))
        pages = [one for one in flow.asked if one.startswith("samples 1 page")]
        assert sorted(pages) == [f"samples 1 page {n}" for n in range(1, 6)]
        found.set()


async def test_keys_of_the_app_are_only_letters_while_typing(tmp_path: Path) -> None:
    async with make_app(screen(3), tmp_path).run_test(size=SIZE) as pilot:
        app = await open_project(pilot)
        await pilot.press("slash", *"qdsb?")
        assert app.screen.query_one("#filter Input").value == "qdsb?"  # type: ignore[attr-defined]
        assert len(app.screen_stack) == 1


@pytest.mark.parametrize(
    ("root", "asked"),
    [
        ("My samples", "own samples"),
        ("My executions", "own executions"),
        ("My data", "own uploads"),
        ("Public", "projects public"),
    ],
)
async def test_the_server_is_asked_for_what_is_below_the_roots(
    tmp_path: Path, root: str, asked: str
) -> None:
    flow = screen(2)
    flow.own = {
        "samples": [sample(f"x{n}", f"liver {n:04}") for n in range(300)],
        "executions": [Execution(id=f"y{n}", identifier=f"liver {n:04}") for n in range(300)],
        "uploads": [data(f"z{n}", f"liver {n:04}") for n in range(300)],
    }
    flow.public = [Project(id=f"p{n}", name=f"liver {n:04}") for n in range(300)]
    async with make_app(flow, tmp_path).run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        while (node := tree(app).node) is None or node.name != root:
            await pilot.press("down")
        await pilot.press("enter")
        await until(pilot, lambda: any("liver 0000" in line for line in lines(app)))
        await pilot.press("slash", *"0277")
        await until(pilot, lambda: any("liver 0277" in line for line in lines(app)))
        assert f"{asked} like 0277 page 1" in flow.asked


async def test_that_more_match_than_the_server_gives_at_once_is_said(tmp_path: Path) -> None:
    flow = screen(450)
    async with make_app(flow, tmp_path).run_test(size=SIZE) as pilot:
        app = await open_project(pilot)
        await pilot.press("slash", *"guide_")
        more = "350 more match (type more to narrow it down)"
        await until(pilot, lambda: any(row.notice == more for row in tree(app).rows))


async def test_a_filter_that_the_server_refuses_is_no_filter_without_matches(
    tmp_path: Path,
) -> None:
    flow = screen(450)
    flow.errors["samples 1 like 0444 page 1"] = [Refused("this token is for other lists")]
    async with make_app(flow, tmp_path).run_test(size=SIZE) as pilot:
        app = await open_project(pilot)
        await pilot.press("slash", *"0444")
        said = "the server could not filter: this token is for other lists"
        await until(pilot, lambda: any(row.notice == said for row in tree(app).rows))
        assert any("the server could not filter" in line for line in lines(app))
        assert any("350 more not loaded" in line for line in lines(app))
