"""One pane takes all the room, and gives it back."""

from __future__ import annotations

import pytest

from flowtui.tui.app import FlowApp
from flowtui.tui.browser.tree import TreePane
from flowtui.tui.downloads.bulk_panel import BulkList
from flowtui.tui.downloads.table import TransferTable
from support.pictures import JOBS, app_of, queued
from support.tui_app import tree, until

SIZE = (80, 24)
PANES = ("tree-side", "details", "downloads", "bulk")


def shown(app: FlowApp) -> list[str]:
    """The panes that are on the screen."""
    return [name for name in PANES if app.query_one(f"#{name}").region.area]


INSIDE = {"tree-side": TreePane, "downloads": TransferTable, "bulk": BulkList}


@pytest.mark.parametrize("pane", ["tree-side", "downloads", "bulk"])
async def test_a_pane_takes_all_the_room_and_gives_it_back(pane: str) -> None:
    app = app_of()
    async with app.run_test(size=SIZE) as pilot:
        await queued(pilot, jobs=JOBS)
        inside = app.query_one(INSIDE[pane])
        await until(pilot, lambda: inside.region.area)  # what is not shown takes no focus
        inside.focus()
        await until(pilot, lambda: inside.has_focus)
        before = shown(app)
        await pilot.press("plus")
        await until(pilot, lambda: shown(app) == [pane])
        assert app.query_one(f"#{pane}").region.height >= SIZE[1] - 3
        await pilot.press("plus")
        await until(pilot, lambda: shown(app) == before)


async def test_tab_stays_in_the_pane_that_has_the_room() -> None:
    app = app_of()
    async with app.run_test(size=SIZE) as pilot:
        await queued(pilot, jobs=JOBS)
        await pilot.press("plus", "tab", "tab")
        assert tree(app).has_focus
