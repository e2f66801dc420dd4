"""What a filter shows of the tree, what it lights, and what it says of how far it reaches."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from flowtui.tui.app import FlowApp
from flowtui.tui.browser.covered import Covered, covered
from support.fake_flow import screen
from support.tui_app import lines, make_app, open_project, said, tree, until

SIZE = (120, 40)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Covered(0), "no matches"),
        (Covered(1), "1 match"),
        (Covered(1200), "1,200 matches"),
        (Covered(3, is_loose=True), "3 similar"),
        (Covered(3, is_inverted=True), "3 left"),
        (Covered(2, asking=True, unknown=5), "2 matches, asking Flow …"),
        (Covered(2, asked=True), "2 matches, Flow asked"),
        (Covered(0, unknown=1350), "no matches, 1,350 not loaded"),
        (Covered(2, asked=True, unknown=350), "2 matches, 350 not loaded"),
    ],
)
def test_how_far_a_filter_reaches_is_said_in_words(found: Covered, words: str) -> None:
    assert found.words == words


def told(app: FlowApp) -> str:
    return said(app, "#filter .filter-found").strip()


async def tells(pilot: Pilot[Any], app: FlowApp, words: str) -> None:
    await until(pilot, lambda: told(app) == words, words)


def guides(app: FlowApp) -> int:
    return sum("guide_" in line for line in lines(app))


async def test_it_counts_and_says_that_nothing_fits(tmp_path: Path) -> None:
    async with make_app(screen(26), tmp_path).run_test(size=SIZE) as pilot:
        app = await open_project(pilot)
        await pilot.press("slash", *"001")
        await tells(pilot, app, "11 matches")
        await pilot.press(*"zz")
        await tells(pilot, app, "no matches")


async def test_where_none_has_the_words_similar_names_come(tmp_path: Path) -> None:
    async with make_app(screen(26), tmp_path).run_test(size=SIZE) as pilot:
        app = await open_project(pilot)
        await pilot.press("slash", *"gde17")
        await tells(pilot, app, "1 similar")
        assert guides(app) == 1


async def test_an_exclamation_mark_hides_what_has_the_words(tmp_path: Path) -> None:
    async with make_app(screen(26), tmp_path).run_test(size=SIZE) as pilot:
        app = await open_project(pilot)
        await pilot.press("slash", *"!_001")
        await until(pilot, lambda: guides(app) == 16)
        assert any("Screen" in line for line in lines(app))
        await tells(pilot, app, "17 left")  # the project, and 16 samples
        await pilot.press("escape")
        await until(pilot, lambda: guides(app) == 26)


async def test_what_fits_is_lit_in_its_line(tmp_path: Path) -> None:
    async with make_app(screen(26), tmp_path).run_test(size=SIZE) as pilot:
        app = await open_project(pilot)
        await pilot.press("slash", *"0017")
        await until(pilot, lambda: guides(app) == 1)
        line = next(n for n, text in enumerate(lines(app)) if "guide_0017" in text)
        pieces = tree(app).pieces(line, 60)
        assert [text for text, style in pieces if style == "match"] == ["0017"]


async def test_it_says_that_flow_is_asked_and_that_it_was(tmp_path: Path) -> None:
    flow = screen(450)
    asked = "samples 1 like 0444 page 1"
    flow.holds[asked] = threading.Event()
    async with make_app(flow, tmp_path).run_test(size=SIZE) as pilot:
        app = await open_project(pilot)
        tree(app).filter("0444")
        await pilot.press("slash")
        await tells(pilot, app, "no matches, asking Flow …")
        flow.holds[asked].set()
        await tells(pilot, app, "1 match, Flow asked")


async def test_it_says_what_is_not_covered_where_the_server_does_not_filter(
    tmp_path: Path,
) -> None:
    flow = screen(450)
    flow.filters = False
    async with make_app(flow, tmp_path).run_test(size=SIZE) as pilot:
        app = await open_project(pilot)
        await pilot.press("slash", *"0444")
        await tells(pilot, app, "no matches, 350 not loaded")


async def test_several_words_are_asked_for_by_the_longest(tmp_path: Path) -> None:
    flow = screen(450)
    async with make_app(flow, tmp_path).run_test(size=SIZE) as pilot:
        app = await open_project(pilot)
        await pilot.press("slash", *"44 _0444")
        await tells(pilot, app, "1 match, Flow asked")
        assert "samples 1 like _0444 page 1" in flow.asked


async def test_what_flow_has_more_of_than_it_sends_is_not_covered(tmp_path: Path) -> None:
    async with make_app(screen(450), tmp_path).run_test(size=SIZE) as pilot:
        app = await open_project(pilot)
        await pilot.press("slash", *"guide")
        pane = tree(app)
        await until(pilot, lambda: any("350 more match" in row.notice for row in pane.rows))
        found = covered(pane.root, pane.rows, pane.wanted)
        assert found.words == "100 matches, 350 not loaded"
