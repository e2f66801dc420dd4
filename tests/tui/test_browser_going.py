"""Going to what a reference or a link names."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot

from flowtui.flow.errors import BadReference, NotFound
from flowtui.flow.models import Project
from flowtui.tui.app import FlowApp
from flowtui.tui.browser.going import look_up
from support.fake_flow import FakeFlow, data, sample, screen
from support.tui_app import lines, make_app, opened, tree, until

SIZE = (120, 40)


def flow_of() -> FakeFlow:
    """A project of 450 samples, of which Flow says where they are."""
    flow = screen(450)
    for n in range(450):
        flow.details[f"sample/s{n}"] = sample(f"s{n}", f"guide_{n:04}", project="1")
    flow.details["data/d444x1"] = data("d444x1", "guide_0444_R1.gz", sample="s444", project="1")
    flow.details["sample/lost"] = sample("lost", "a lost one", project="99")
    return flow


async def at(pilot: Pilot[Any], app: FlowApp, name: str) -> None:
    await until(pilot, lambda: (node := tree(app).node) is not None and node.name == name, name)


PLACES = [
    ("sample/s444", "guide_0444"),
    ("data/d444x1", "guide_0444_R1.gz"),
    ("project/1", "Screen"),
    ("https://flow.test/samples/s3/", "guide_0003"),
    ('"sample/s3",', "guide_0003"),
]


@pytest.mark.parametrize(("ref", "name"), PLACES)
async def test_a_reference_typed_ahead_leads_to_its_place(
    tmp_path: Path, ref: str, name: str
) -> None:
    async with make_app(flow_of(), tmp_path).run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        await pilot.press("colon", *ref, "enter")
        await at(pilot, app, name)
        node = tree(app).node
        assert node is not None and tree(app).has_focus
        assert [above.key for above in node.ancestors()][-2] == "scope/mine"


async def test_what_is_pasted_into_the_tree_is_gone_to(tmp_path: Path) -> None:
    async with make_app(flow_of(), tmp_path).run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        app.post_message(events.Paste("https://flow.test/samples/s17\n"))
        await at(pilot, app, "guide_0017")


async def test_what_is_in_no_list_comes_at_the_top_and_can_be_marked(tmp_path: Path) -> None:
    async with make_app(flow_of(), tmp_path).run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        await pilot.press("colon", *"sample/lost", "enter")
        await at(pilot, app, "a lost one")
        assert "Found: sample/lost" in lines(app)[0]
        await pilot.press("space")
        await until(pilot, lambda: [n.key for n in tree(app).marks.chosen()] == ["sample/lost"])


@pytest.mark.parametrize(
    ("text", "words"),
    [("nonsense", "is not a reference"), ("sample/none", "sample/none: not found")],
)
async def test_what_cannot_be_gone_to_is_told_and_the_cursor_stays(
    tmp_path: Path, text: str, words: str
) -> None:
    async with make_app(flow_of(), tmp_path).run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        told: list[str] = []
        tree(app)._going._failed = told.append
        await pilot.press("colon", *text, "enter")
        await until(pilot, lambda: told)
        assert words in told[0] and tree(app).cursor == 0


async def test_the_latest_place_counts_whichever_answer_comes_last(tmp_path: Path) -> None:
    flow = flow_of()
    slow = flow.holds["sample s3"] = threading.Event()
    reached = flow.arrived["sample s3"] = threading.Event()
    async with make_app(flow, tmp_path).run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        await pilot.press("colon", *"sample/s3", "enter")
        await until(pilot, reached.is_set)
        await pilot.press("colon", *"sample/s5", "enter")
        await at(pilot, app, "guide_0005")
        slow.set()
        await pilot.press("colon", *"project/1", "enter")
        await at(pilot, app, "Screen")


async def test_escape_leads_back_to_the_tree(tmp_path: Path) -> None:
    async with make_app(flow_of(), tmp_path).run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        await pilot.press("colon", *"sam", "escape")
        await until(pilot, lambda: tree(app).has_focus)


def test_what_is_named_comes_with_its_record() -> None:
    flow = flow_of()
    node = look_up(flow, "sample/s3")  # type: ignore[arg-type]
    assert (node.key, node.name, node.record.project_id) == ("sample/s3", "guide_0003", "1")
    assert isinstance(look_up(flow, "project/1").record, Project)  # type: ignore[arg-type]
    with pytest.raises(BadReference):
        look_up(flow, "https://elsewhere.test/samples/3")  # type: ignore[arg-type]
    with pytest.raises(NotFound):
        look_up(flow, "data/none")  # type: ignore[arg-type]
