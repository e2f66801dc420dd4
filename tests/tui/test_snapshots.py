"""How the screens look, at the two sizes that people have. `make snapshots` accepts a new look.

Everything shown is made up here, so that nothing of the machine or the time is in the pictures.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest
from textual.pilot import Pilot

from flowtui.flow.errors import ServiceUnavailable
from flowtui.flow.remote_file import Origin
from flowtui.protocol.messages import (
    Changes,
    Recheck,
    Summary,
    WrongFile,
)
from flowtui.tui.app import FlowApp
from flowtui.tui.browser import details
from flowtui.tui.browser.nodes import Load
from flowtui.tui.downloads import bulk_drawing
from flowtui.tui.downloads.bulk_panel import BulkList
from flowtui.tui.downloads.table import TransferTable
from flowtui.tui.queue_model import Delta
from flowtui.tui.screens.verify import VerifyScreen
from support.fake_flow import SERVER, FakeFlow, data, sample
from support.pictures import HOSTILE, JOBS, NOW, app_of, queued, row
from support.tui_app import context_of, opened, tree, until

SIZES = [(80, 24), (120, 40)]
Driver = Callable[[Pilot[Any]], Awaitable[None]]


@pytest.fixture(params=SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def size(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock stands, no cursor blinks, and details are drawn at once."""
    monkeypatch.setattr(details, "PASSING", 0.0)
    monkeypatch.setattr(bulk_drawing.time, "time", lambda: NOW)
    monkeypatch.setattr("textual.widgets.Input.cursor_blink", False)


async def browser(pilot: Pilot[Any]) -> None:
    app = await opened(pilot)
    await pilot.press("down", "enter")
    await until(pilot, lambda: any(r.node and r.node.kind == "sample" for r in tree(app).rows))
    await pilot.press("down", "down", "enter")
    await until(pilot, lambda: any(r.node and r.node.kind == "data" for r in tree(app).rows))
    await pilot.press("down", "down", "space", "space")
    await pilot.pause(0.1)


async def standing(pilot: Pilot[Any]) -> None:
    """The tree while some of it is here, some under way, and some failed."""
    await browser(pilot)
    app = cast(FlowApp, pilot.app)
    link = context_of(app).fake_link
    rows = tuple(
        row(n, state, f"CRISPR screen/guide/{n}", server=SERVER, belongs_to="sample/s0",
            origin=Origin(project="CRISPR screen"), size=3_182_699)
        for n, state in ((1, "done"), (2, "failed"), (3, "queued"))
    )  # fmt: skip
    link.model.apply(Changes(Summary(), transfers=rows), Delta())
    tree(app).show_standing(link.model.files, SERVER)
    await pilot.pause(0.1)


def found(made: FakeFlow, samples: int) -> None:
    """What a search finds: so many samples, a file, no runs; the projects cannot be had."""
    made.search = {
        "samples": [sample(f"x{n}", f"guide liver_{n}", sample_type="RNA-Seq")
                    for n in range(samples)],
        "data": [data("1", "guide_0000_L001_R1.fastq.gz", size=3_182_699)],
        "executions": [],
        "projects": [],
    }  # fmt: skip
    made.errors["search projects page 1"] = [ServiceUnavailable("flow.test answered 503")]


async def searched(pilot: Pilot[Any], samples: int) -> None:
    app = await opened(pilot)
    found(context_of(app).flow, samples)
    await pilot.press("ctrl+f", *"guide", "enter")
    groups = tree(app).root.children[0].children  # type: ignore[union-attr]
    ended = (Load.READY, Load.FAILED)
    await until(pilot, lambda: all(one is not None and one.load in ended for one in groups))


async def finding(pilot: Pilot[Any]) -> None:
    await searched(pilot, 3)
    await pilot.press("down", "down", "space")
    await pilot.pause(0.1)


async def finding_many(pilot: Pilot[Any]) -> None:
    await searched(pilot, 1234)
    await pilot.press("down")
    await pilot.pause(0.1)


async def queue(pilot: Pilot[Any]) -> None:
    app = await queued(pilot)
    app.query_one(TransferTable).focus()
    await pilot.press("down", "down")
    await pilot.pause(0.1)


async def jobs(pilot: Pilot[Any]) -> None:
    app = await queued(pilot, jobs=JOBS)
    await until(pilot, lambda: app.query_one(BulkList).count == len(JOBS))
    app.query_one(BulkList).focus()
    await pilot.pause(0.1)


async def dialog(pilot: Pilot[Any]) -> None:
    app = await opened(pilot)
    await pilot.press("down", "d")
    await until(pilot, lambda: len(app.screen.query("Button.-primary")) > 0)
    await pilot.pause(0.3)


async def sign_in(pilot: Pilot[Any]) -> None:
    app = await opened(pilot)
    context_of(app).fake_store.works = False
    await pilot.press("s")
    await until(pilot, lambda: len(app.screen_stack) > 1)
    await pilot.pause(0.3)


async def help_screen(pilot: Pilot[Any]) -> None:
    await opened(pilot)
    await pilot.press("question_mark")
    await pilot.pause(0.2)


async def leaving(pilot: Pilot[Any]) -> None:
    app = await queued(pilot)
    await pilot.press("q")
    await until(pilot, lambda: len(app.screen_stack) > 1)
    await pilot.pause(0.1)


async def cancelling(pilot: Pilot[Any]) -> None:
    app = await queued(pilot)
    app.query_one(TransferTable).focus()
    await pilot.press("x")
    await until(pilot, lambda: len(app.screen_stack) > 1)
    await pilot.pause(0.1)


async def verifying(pilot: Pilot[Any]) -> None:
    app = await queued(pilot)
    wrong = (
        WrongFile("data/1", "CRISPR screen/guide_0000/a_R1.fastq.gz", "changed",
                  f"its md5 was {'3b' * 16}"),
        WrongFile("data/2", f"CRISPR screen/guide_0001/{HOSTILE}", "truncated",
                  "54,900,000 of 90,000,000 bytes"),
        WrongFile("data/3", "CRISPR screen/guide_0001/b.bam", "missing"),
        WrongFile("data/4", "CRISPR screen/guide_0002/c.bam", "unreadable", "Input/output error"),
        WrongFile("data/8", "data/g.gz", "unknown", "no md5 was recorded", mendable=False),
    )  # fmt: skip
    found = Recheck("ended", "", 9, 9, 13_494_000_000, 12_100_000_000, len(wrong), wrong)
    app.push_screen(VerifyScreen(Answers(found), 1, "CRISPR screen", "/data/flow"))  # type: ignore[arg-type]
    await until(pilot, lambda: isinstance(app.screen, VerifyScreen))
    await pilot.pause(0.1)


class Answers:
    """A link to an engine that always says the same."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def call(self, what: str, do: Any, done: Any = None) -> None:
        if done is not None:
            done(self.answer)


@pytest.mark.parametrize(
    "drive",
    [
        browser,
        standing,
        finding,
        finding_many,
        queue,
        jobs,
        dialog,
        sign_in,
        help_screen,
        leaving,
        cancelling,
        verifying,
    ],
)
def test_it_looks_as_it_did(drive: Driver, size: tuple[int, int], snap_compare: Any) -> None:
    assert snap_compare(app_of(), terminal_size=size, run_before=drive)
