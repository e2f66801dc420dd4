"""The search on the server: what is found comes at the top, and is like all else in the tree."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from flowtui.flow.errors import ServiceUnavailable
from flowtui.tui.app import FlowApp
from flowtui.tui.browser.finding import MOST
from flowtui.tui.browser.nodes import Load, Node
from support.fake_flow import FakeFlow, data, sample, screen
from support.tui_app import context_of, lines, make_app, opened, said, tree, until

SIZE = (120, 40)


def full() -> FakeFlow:
    flow = screen(2)
    flow.search = {
        "samples": [sample("7", "liver_rep1"), sample("8", "heart")],
        "executions": [],
        "data": [data("9", "liver.bam"), data("10", "kidney.bam")],
        "projects": [],
    }
    flow.details["sample/7"] = sample("7", "liver_rep1")
    flow.files["7"] = [data("70", "liver_rep1_R1.fastq.gz")]
    return flow


async def find(pilot: Pilot[Any], words: str, shown: str) -> FlowApp:
    app = await opened(pilot)
    await pilot.press("ctrl+f", *words, "enter")
    await until(pilot, lambda: any(shown in line for line in lines(app)), shown)
    return app


async def test_what_is_found_comes_by_kind_and_is_held_to_the_words(tmp_path: Path) -> None:
    flow = full()
    async with make_app(flow, tmp_path).run_test(size=SIZE) as pilot:
        app = await find(pilot, "liver", "liver.bam")
        await until(pilot, lambda: any("no projects found" in line for line in lines(app)))
        found = "\n".join(lines(app))
        assert "Found: liver" in found and "liver_rep1" in found
        assert "heart" not in found and "kidney" not in found
        assert {path for path, query in flow.queries if query["name"] == "liver"} == {
            "/samples/search", "/executions/search", "/data/search", "/projects/search"
        }  # fmt: skip
        assert tree(app).has_focus


async def test_what_is_found_opens_is_marked_and_downloads(tmp_path: Path) -> None:
    async with make_app(full(), tmp_path).run_test(size=SIZE) as pilot:
        app = await find(pilot, "liver", "liver.bam")
        while (node := tree(app).node) is None or node.name != "liver_rep1":
            await pilot.press("down")
        await pilot.press("right")
        await until(pilot, lambda: any("…_R1.fastq.gz" in line for line in lines(app)))
        await pilot.press("space", "d")
        await until(pilot, lambda: "1 file" in said(app, "#dialog-what"))
        await until(pilot, lambda: app.screen.query_one("#one-by-one").has_focus)
        await pilot.press("enter")
        await until(pilot, lambda: context_of(app).engine.batches)
        (batch,) = context_of(app).engine.batches
        assert [file.key for file in batch.files] == ["data/70"]


async def test_escape_takes_it_away_and_another_search_replaces_it(tmp_path: Path) -> None:
    async with make_app(full(), tmp_path).run_test(size=SIZE) as pilot:
        app = await find(pilot, "liver", "liver.bam")
        await pilot.press("ctrl+f", *"kidney", "enter")
        await until(pilot, lambda: any("kidney.bam" in line for line in lines(app)))
        names = [node.name for node in tree(app).root.children if node is not None]
        assert names[0] == "Found: kidney" and "Found: liver" not in names
        await pilot.press("escape")
        assert not any("Found" in line for line in lines(app))


async def test_escape_while_typing_searches_nothing(tmp_path: Path) -> None:
    flow = full()
    async with make_app(flow, tmp_path).run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        await pilot.press("ctrl+f", *"liver", "escape")
        assert tree(app).has_focus and flow.queries == []
        await pilot.press("ctrl+f", "backspace", "enter")  # an empty line asks for nothing
        assert tree(app).has_focus and flow.queries == []


async def test_one_kind_in_trouble_does_not_cost_the_others_and_can_be_tried_again(
    tmp_path: Path,
) -> None:
    flow = full()
    flow.errors["search data page 1"] = [ServiceUnavailable("gone for a moment")]
    async with make_app(flow, tmp_path).run_test(size=SIZE) as pilot:
        app = await find(pilot, "liver", "gone for a moment")
        assert any("liver_rep1" in line for line in lines(app))
        while (node := tree(app).node) is None or node.name != "Data":
            await pilot.press("down")
        await pilot.press("r")
        await until(pilot, lambda: any("liver.bam" in line for line in lines(app)))


async def test_of_very_many_the_first_are_shown_and_that_is_said(tmp_path: Path) -> None:
    flow = full()
    flow.search["samples"] = [sample(f"x{n}", f"liver {n}") for n in range(MOST + 50)]
    async with make_app(flow, tmp_path).run_test(size=SIZE) as pilot:
        await find(pilot, "liver", f"Samples (the first {MOST} of {MOST + 50})")


async def test_a_server_without_search_is_looked_through(tmp_path: Path) -> None:
    flow = full()
    flow.search = {}
    async with make_app(flow, tmp_path).run_test(size=SIZE) as pilot:
        app = await find(pilot, "guide_0001", "the server has no search")
        await until(pilot, lambda: any("guide_0001_R1.gz" in line for line in lines(app)))


async def test_the_groups_are_in_order_and_each_is_told_what_it_lacks(tmp_path: Path) -> None:
    flow = full()
    flow.search["samples"] = [sample(f"x{n}", f"{'liver' if n else 'x'} {n}") for n in range(150)]
    async with make_app(flow, tmp_path).run_test(size=SIZE) as pilot:
        app = await find(pilot, "liver", f"Samples (the first {MOST} of at most 150)")
        groups = tree(app).root.children[0].children  # type: ignore[union-attr]
        names = [group.name.partition(" ")[0] for group in groups if group is not None]
        assert names == ["Samples", "Data", "Executions", "Projects"]


async def test_what_was_left_out_of_a_walk_is_in_the_group_and_its_details(tmp_path: Path) -> None:
    flow = full()
    flow.search = {}
    flow.errors["data of s0 page 1"] = [ServiceUnavailable("it is broken")]
    async with make_app(flow, tmp_path).run_test(size=SIZE) as pilot:
        app = await find(pilot, "guide", "guide_0001_R1.gz")
        await until(pilot, lambda: group_named(app, "Data").load is Load.READY)
        group = group_named(app, "Data")
        assert "without guide_0000: it is broken" in group.notes
        assert "without guide_0000: it is broken" in group.name


def group_named(app: FlowApp, name: str) -> Node:
    groups = tree(app).root.children[0].children  # type: ignore[union-attr]
    return next(one for one in groups if one is not None and one.name.startswith(name))


async def test_closing_ends_the_search_and_frees_the_tree(tmp_path: Path) -> None:
    """What is under way is not shown, and nothing more is asked: not its later pages either."""
    flow = full()
    flow.search = dict.fromkeys(KINDS_OF_SEARCH, [])
    flow.search["samples"] = [sample(f"x{n}", "heart") for n in range(5 * MOST)]  # none fits
    first = threading.Event()
    flow.arrived["search samples page 2"] = first
    flow.holds["search samples page 2"] = threading.Event()
    async with make_app(flow, tmp_path).run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        await pilot.press("ctrl+f", *"liver", "enter")
        await until(pilot, first.is_set, "page 2")
        assert "Samples" in "\n".join(lines(app))
        await pilot.press("escape")
        assert not any("Found" in line for line in lines(app))
        before = set(threading.enumerate())
        flow.holds["search samples page 2"].set()
        # The thread of the search ends: by then it would have asked for page 3.
        await until(pilot, lambda: not any(one.name == "find found/samples" and one.is_alive()
                                           for one in before))  # fmt: skip
        assert "search samples page 3" not in flow.asked
        await pilot.press("home", "down", "enter")
        await until(pilot, lambda: any("guide_0001" in line for line in lines(app)))


KINDS_OF_SEARCH = ("samples", "data", "executions", "projects")


async def test_a_search_that_hangs_does_not_hold_up_the_tree(tmp_path: Path) -> None:
    flow = full()
    for kind in KINDS_OF_SEARCH:
        flow.search[kind] = []
        flow.holds[f"search {kind} page 1"] = threading.Event()
    async with make_app(flow, tmp_path).run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        await pilot.press("ctrl+f", *"liver", "enter")
        await until(pilot, lambda: sum(one.startswith("search") for one in flow.asked) == 4)
        await pilot.press("end")
        while (node := tree(app).node) is None or node.name != "Screen":
            await pilot.press("up")
        await pilot.press("enter")
        await until(pilot, lambda: any("guide_0001" in line for line in lines(app)))
        for hold in flow.holds.values():
            hold.set()


async def test_what_is_found_comes_as_it_is_found(tmp_path: Path) -> None:
    flow = full()
    flow.search["samples"] = [sample(f"x{n}", "liver") for n in range(40)]
    flow.search["samples"] += [sample(f"y{n}", "heart") for n in range(2 * MOST)]
    flow.holds["search samples page 2"] = threading.Event()
    async with make_app(flow, tmp_path).run_test(size=SIZE) as pilot:
        app = await find(pilot, "liver", "searching …")
        group = group_named(app, "Samples")
        await until(pilot, lambda: group.children)
        flow.holds["search samples page 2"].set()
        await until(pilot, lambda: group.load is Load.READY)
        assert len(group.children) == 40 and group.name == "Samples"


async def go_to(pilot: Pilot[Any], app: FlowApp, name: str) -> None:
    """Move down to what was found of this name, and press enter."""
    while (node := tree(app).node) is None or node.name != name:
        await pilot.press("down")
    await pilot.press("enter")


async def test_enter_goes_to_the_place_of_a_sample_and_of_a_file(tmp_path: Path) -> None:
    flow = full()
    project = [sample(f"s{n}", f"other_{n}") for n in range(150)]
    flow.project_of("5", "Livers", [*project, sample("7", "liver_rep1", project_id="5")])
    flow.search["samples"] = [sample("7", "liver_rep1", project_id="5")]
    flow.search["data"] = [data("70", "liver_R1.gz", sample_id="7", project_id="5")]
    flow.files["7"] = [data("70", "liver_R1.gz")]
    async with make_app(flow, tmp_path).run_test(size=SIZE) as pilot:
        app = await find(pilot, "liver", "liver_R1.gz")
        await go_to(pilot, app, "liver_rep1")
        place = ["sample/7", "project/5/samples", "project/5", "scope/mine", "root"]
        await until(
            pilot,
            lambda: (
                tree(app).node is not None
                and [node.key for node in tree(app).node.ancestors()] == place
            ),
        )  # type: ignore[union-attr]
        tree(app).set_cursor(0)
        await go_to(pilot, app, "liver_R1.gz")
        await until(
            pilot,
            lambda: (
                tree(app).node is not None
                and [node.key for node in tree(app).node.ancestors()] == ["data/70", *place]
            ),
        )  # type: ignore[union-attr]


async def test_what_has_no_place_is_said_and_stays(tmp_path: Path) -> None:
    flow = full()
    flow.search["samples"] = [sample("7", "liver_rep1", project_id="99")]
    async with make_app(flow, tmp_path).run_test(size=SIZE) as pilot:
        app = await find(pilot, "liver", "liver.bam")
        await go_to(pilot, app, "liver_rep1")
        await until(pilot, lambda: app._notifications)
        assert "not in the tree" in next(iter(app._notifications)).message
        assert tree(app).node is not None and tree(app).node.name == "liver_rep1"
