"""Names, details and lines, whatever the server sends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.widgets import Static

from flowtui.flow.errors import ServiceUnavailable
from flowtui.flow.models import Execution
from flowtui.flow.session.credentials import Credential
from flowtui.tui.browser import details, drawing
from flowtui.tui.browser.facts import facts_of
from flowtui.tui.browser.loading import scopes
from flowtui.tui.browser.marks import Marks
from flowtui.tui.browser.nodes import Node, NodeKind, visible_rows
from flowtui.tui.widgets.steady_text import SteadyText
from support.fake_flow import FakeFlow, data, sample, screen
from support.tui_app import lines, make_app, open_project, opened, tree, until

HOSTILE = (
    "\x1b]0;owned\x07title",
    "[red]markup[/red]",
    "two\nlines",
    "\u202etxt.exe",
    "\x9b31mred",
    "wide 日本語のとても長い名前がここにあります",
    "n" * 3000,
    "\ud800 lone",
)


def hostile_flow() -> FakeFlow:
    from flowtui.flow.session.credentials import Credential

    flow = FakeFlow(Credential("good", username="demo\x1b[31m"))
    for n, name in enumerate(HOSTILE):
        flow.project_of(str(n), name, [sample(f"s{n}", name, owner_name=name)], description=name)
        flow.files[f"s{n}"] = [data(f"d{n}", name, filetype=name, owner_name=name)]
    return flow


async def test_hostile_names_are_harmless_in_every_pane(tmp_path: Path) -> None:
    async with make_app(hostile_flow(), tmp_path).run_test(size=(120, 40)) as pilot:
        app = await opened(pilot)
        for _ in HOSTILE:
            await pilot.press("down")
            await pilot.pause()
            title = str(app.query_one("#details-title", Static).render())
            assert title.isprintable()
        shown = "\n".join(lines(app))
        assert "[red]markup[/red]" in shown and "two lines" in shown and "�txt.exe" in shown
        assert shown.replace("\n", "").isprintable()
        whole = "".join(
            segment.text for strip in app.screen._compositor.render_strips() for segment in strip
        )
        assert not any(c in whole for c in "\x1b\x07\x9b\u202e")


async def test_the_download_dialog_of_a_hostile_name(tmp_path: Path) -> None:
    app = make_app(hostile_flow(), tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("down", "d")
        await until(pilot, lambda: "1 file" in str(app.screen.query_one("#dialog-what").render()))
        await pilot.press("enter")
        engine = app.context.engine  # type: ignore[attr-defined]
        await until(pilot, lambda: engine.batches)
        assert engine.batches[0].name.isprintable()


def every_line(width: int) -> list[str]:
    root = scopes()
    scope = root.children[0]
    assert scope is not None
    scope.expanded = True
    above = scope
    for n, name in enumerate(HOSTILE):
        record = data(str(n), name, size=10**11, private=True)
        node = Node(NodeKind.SAMPLE, f"sample/{n}", name, parent=above, record=sample(str(n), name))
        node.expanded = True
        file = Node(NodeKind.DATA, f"data/{n}", name, parent=node, record=record)
        above.children.append(node)
        node.children = [file, None]
        above = node
    marks = Marks()
    return [
        "".join(text for text, _ in drawing.pieces(row, marks, width)) for row in visible_rows(root)
    ]


def test_lines_are_exactly_as_wide_as_the_pane() -> None:
    for width in (10, 20, 31, 48, 80, 200):
        for line in every_line(width):
            assert cell_len(line) == width


def test_sizes_stay_in_sight_where_names_are_long() -> None:
    sizes = [line for line in every_line(40) if "GB" in line]
    assert len(sizes) == len(HOSTILE)
    assert all(line.endswith("100.0 GB ◆") for line in sizes)


def test_facts_of_a_file_without_md5_and_size_say_so() -> None:
    node = Node(NodeKind.DATA, "data/1", "x", record=data("1", "x", size=None))
    facts = dict(facts_of(node))
    assert facts["size"] == facts["md5"] == "not provided by Flow"


def test_facts_of_an_execution() -> None:
    record = Execution.read(
        {
            "id": "1",
            "identifier": "small_meucci",
            "pipeline_name": "RNA-Seq",
            "pipeline_version": "3.8",
            "status": "OK",
            "started": 1_700_000_000,
            "finished": 1_700_003_700,
        }
    )
    facts = dict(facts_of(Node(NodeKind.EXECUTION, "execution/1", "x", record=record)))
    assert facts["pipeline"] == "RNA-Seq 3.8"
    assert facts["status"] == "OK"
    assert facts["run time"] == "1 h 01 m"


async def test_where_the_cursor_rests_the_rest_is_asked_once(tmp_path: Path) -> None:
    flow = FakeFlow()
    flow.project_of("1", "P", [sample("s", metadata={})])
    flow.details["sample/s"] = sample("s", metadata={"tissue": "liver"})
    app = make_app(flow, tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: len(app.screen_stack) == 2)  # nobody is signed in
        await pilot.press("escape")
        tree(app).open_scope("mine")
        await until(pilot, lambda: tree(app).root.children[0].children)  # type: ignore[union-attr]
        await pilot.press("down", "enter")
        await until(pilot, lambda: any("sample_s" in line for line in lines(app)))
        await pilot.press("down", "down")
        await until(pilot, lambda: "liver" in facts_shown(app))
        await pilot.press("up", "down")
        await pilot.pause(0.6)
        assert flow.asked.count("sample s") == 1


async def test_details_that_cannot_be_had_are_told_and_the_rest_stays(tmp_path: Path) -> None:
    flow = FakeFlow()
    flow.mine = []
    flow.project_of("1", "P", [sample("s", metadata={}, owner_name="Dana")])
    flow.errors["sample s"] = [ServiceUnavailable("no answer")]
    app = make_app(flow, tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: len(app.screen_stack) == 2)
        await pilot.press("escape")
        tree(app).open_scope("mine")
        await until(pilot, lambda: tree(app).root.children[0].children)  # type: ignore[union-attr]
        await pilot.press("down", "enter")
        await until(pilot, lambda: any("sample_s" in line for line in lines(app)))
        await pilot.press("down", "down")
        await until(pilot, lambda: "could not load details: no answer" in facts_shown(app))
        assert "Dana" in facts_shown(app)


def facts_shown(app: object) -> str:
    pane = app.screen.query_one("#details-facts", Static)  # type: ignore[attr-defined]
    return "\n".join(
        "".join(segment.text for segment in strip) for strip in pane.render_lines(pane.size.region)
    )


async def test_what_the_cursor_only_passes_is_not_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = FakeFlow(Credential("good", username="demo"))
    for name in ("first", "second", "third", "fourth"):
        flow.project_of(name, name, [])
    monkeypatch.setattr(details, "PASSING", 0.0)
    async with make_app(flow, tmp_path).run_test(size=(120, 40)) as pilot:
        app = pilot.app
        title = app.screen.query_one("#details-title", Static)
        await opened(pilot)
        await pilot.press("down")
        await until(pilot, lambda: "first" in str(title.content))
        monkeypatch.setattr(details, "PASSING", 3600.0)
        await pilot.press("down", "down")
        node = tree(app).node
        assert node is not None and node.name == "third"
        await until(pilot, lambda: app.screen.query_one(details.DetailsPane)._node is node)
        assert "first" in str(title.content)
        monkeypatch.setattr(details, "PASSING", 0.0)
        await pilot.press("down")
        await until(pilot, lambda: "fourth" in str(title.content))


class Lines(App[None]):
    """Text above other text."""

    def __init__(self) -> None:
        super().__init__()
        self.text = SteadyText("one\ntwo")

    def compose(self) -> ComposeResult:
        yield self.text
        yield Static("below")


async def test_text_of_as_many_lines_needs_no_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    app = Lines()
    async with app.run_test(size=(20, 10)) as pilot:
        refresh = app.text.refresh
        laid_out: list[bool] = []

        def record(*regions: Any, layout: bool = False, **more: Any) -> Any:
            laid_out.append(layout)
            return refresh(*regions, layout=layout, **more)

        monkeypatch.setattr(app.text, "refresh", record)
        app.text.update("three\nfour")
        assert laid_out and not any(laid_out)
        app.text.update("much more than fits into twenty cells\nfour")
        assert laid_out[-1]
        await until(pilot, lambda: app.text.size.height == 3)


@pytest.mark.parametrize(
    "keys", [["slash", *"0001"], ["colon", *"sample/s1", "enter"], ["slash", *"0001", "escape"]]
)
async def test_the_details_follow_the_lines_above_the_tree(tmp_path: Path, keys: list[str]) -> None:
    async with make_app(screen(3), tmp_path).run_test(size=(120, 40)) as pilot:
        app = await open_project(pilot)
        title = app.screen.query_one("#details-title", Static)
        await until(pilot, lambda: "Screen" in str(title.content))
        await pilot.press(*keys)
        await until(pilot, lambda: "guide_0001" in str(title.content))
        node = tree(app).node
        assert node is not None and node.name == "guide_0001"
