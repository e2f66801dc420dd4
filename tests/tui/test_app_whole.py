"""The app as a whole: first screen, panes, keys, leaving, crashing."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from flowtui.flow.errors import ServiceUnavailable
from flowtui.flow.session.credentials import SaveError
from flowtui.protocol.messages import BulkRow, Summary
from flowtui.tui import run
from flowtui.tui.app import FlowApp
from flowtui.tui.downloads.bulk_panel import BulkPanel
from flowtui.tui.downloads.table import TransferTable
from flowtui.tui.engine_link import EngineLost, EngineUp, QueueChanged
from flowtui.tui.screens.help import HelpScreen
from flowtui.tui.screens.quit import QuitDialog
from support.fake_flow import screen
from support.tui_app import context_of, lines, make_app, open_project, opened, tree, until

SIZE = (80, 24)


def drawn(app: FlowApp) -> list[str]:
    """The whole screen, line by line."""
    return [
        "".join(segment.text for segment in strip)
        for strip in app.screen._compositor.render_strips()
    ]


def shown_keys(app: FlowApp) -> set[str]:
    bindings = app.screen.active_bindings.values()
    return {one.binding.description for one in bindings if one.binding.show and one.enabled}


# Starting


async def test_the_first_screen_does_not_wait_for_the_server(tmp_path: Path) -> None:
    flow = screen(1)
    flow.hold = threading.Event()
    app = make_app(flow, tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        assert any("My projects" in line for line in drawn(app))
        await pilot.press("down", "down")
        assert tree(app).cursor == 2
        flow.hold.set()
        await opened(pilot)


def test_what_is_slow_to_import_is_not_imported_before_the_first_screen() -> None:
    program = (
        "import sys, flowtui.tui.app;"
        "print(sorted({'httpx', 'keyring', 'tomlkit'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ran.stdout.strip() == "[]", ran.stderr


async def test_no_server_is_said_and_can_be_tried_again(tmp_path: Path) -> None:
    flow = screen(1)
    flow.errors["me"] = [ServiceUnavailable("flow.test does not answer")]
    flow.errors["projects mine page 1"] = [ServiceUnavailable("flow.test does not answer")]
    app = make_app(flow, tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: any("does not answer" in line for line in lines(app)))
        assert "not connected" in str(app.header.render())
        await pilot.press("r")
        await until(pilot, lambda: any("Screen" in line for line in lines(app)))
        await until(pilot, lambda: "demo @" in str(app.header.render()))


async def test_a_token_that_must_not_be_read_is_said(tmp_path: Path) -> None:
    app = make_app(screen(1), tmp_path)
    context_of(app).refusal = SaveError("others may read credentials.json")
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: any("others may read" in line for line in lines(app)))


# Panes and keys


async def test_a_small_terminal_shows_tree_details_and_queue(tmp_path: Path) -> None:
    app = make_app(screen(3), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await open_project(pilot)
        shown = drawn(app)
        assert all(len(line) <= 80 for line in shown) and len(shown) == 24
        assert "3 samples" in "\n".join(lines(app))
        assert app.query_one("#details").region.width >= 25
        footer = shown[-1]
        for word in ("Mark", "Open", "Download", "Filter", "Next pane", "Help", "Quit"):
            assert word in footer


async def test_no_pane_promises_keys_that_do_not_fit_in_80_columns(tmp_path: Path) -> None:
    app = make_app(screen(3), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await open_project(pilot)
        for pane in (tree(app), app.query_one(TransferTable)):
            pane.focus()
            await pilot.pause()
            footer = drawn(app)[-1]
            assert all(word in footer for word in shown_keys(app)), footer


async def test_a_tiny_terminal_leaves_the_details_out(tmp_path: Path) -> None:
    app = make_app(screen(3), tmp_path)
    async with app.run_test(size=(50, 16)) as pilot:
        await open_project(pilot)
        assert not app.query_one("#details").display
        assert any("guide_0000" in line for line in drawn(app))


async def test_moving_and_opening_with_letters_and_arrows(tmp_path: Path) -> None:
    app = make_app(screen(3), tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("j", "l")
        await until(pilot, lambda: any("guide_0000" in line for line in lines(app)))
        await pilot.press("j", "j", "right")
        await until(pilot, lambda: any("…_R0" in line for line in lines(app)))
        node = tree(app).node
        assert node is not None and node.expanded
        await pilot.press("h")
        assert not node.expanded
        await pilot.press("left")  # to the group of the samples
        above = tree(app).node
        assert above is node.parent
        await pilot.press("k")
        assert tree(app).node is node.parent.parent  # type: ignore[union-attr]
        await pilot.press("G")
        assert tree(app).cursor == len(tree(app).rows) - 1
        await pilot.press("g")
        assert tree(app).cursor == 0


async def test_a_click_moves_a_second_one_opens_and_one_on_the_mark_marks(tmp_path: Path) -> None:
    app = make_app(screen(3), tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.click("#tree", offset=(10, 1))
        assert tree(app).cursor == 1
        await pilot.click("#tree", offset=(10, 1))
        await until(pilot, lambda: any("guide_0000" in line for line in lines(app)))
        await pilot.click("#tree", offset=(0, 3))
        assert len(tree(app).marks) == 1


async def test_tab_goes_round_the_panes(tmp_path: Path) -> None:
    app = make_app(screen(3), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        await pilot.press("tab")
        assert app.query_one(TransferTable).has_focus
        await pilot.press("tab")
        assert tree(app).has_focus


async def test_help_names_every_key_of_the_panes(tmp_path: Path) -> None:
    app = make_app(screen(3), tmp_path)
    async with app.run_test(size=(100, 80)) as pilot:
        await opened(pilot)
        await pilot.press("question_mark")
        assert isinstance(app.screen, HelpScreen)
        await pilot.pause()
        shown = "\n".join(drawn(app))
        for word in ("downloads continue", "space", "download", "ctrl+p", "filter", "retry"):
            assert word in shown
        await pilot.press("q")
        assert len(app.screen_stack) == 1


async def test_the_palette_offers_what_the_keys_do(tmp_path: Path) -> None:
    app = make_app(screen(3), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        titles = {command.title for command in app.get_system_commands(app.screen)}
        assert titles >= {
            "Download", "Filter", "Reload", "Set target folder", "Sign in", "Sign out",
            "Bulk jobs", "Help", "Theme", "Quit",
        }  # fmt: skip


async def test_the_state_of_the_engine_is_told_in_the_header(tmp_path: Path) -> None:
    app = make_app(screen(3), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        app.post_message(EngineUp(1, "0.1"))
        await until(pilot, lambda: "engine: running" in str(app.header.render()))
        app.post_message(EngineLost("it is gone"))
        await until(pilot, lambda: "engine: reconnecting" in str(app.header.render()))


async def test_what_is_wrong_with_the_engine_is_told_once(tmp_path: Path) -> None:
    app = make_app(screen(3), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        link = context_of(app).fake_link
        link.model.summary = Summary(trouble="the queue was rebuilt")
        for _ in range(2):
            app.post_message(QueueChanged(link))  # type: ignore[arg-type]
        await until(pilot, lambda: "engine: problem" in str(app.header.render()))
        await pilot.pause()
        told = [one for one in app._notifications if "was rebuilt" in one.message]
        assert len(told) == 1
        link.model.summary = Summary()
        app.post_message(QueueChanged(link))  # type: ignore[arg-type]
        await until(pilot, lambda: "engine: running" in str(app.header.render()))


# Leaving


def busy(app: FlowApp) -> None:
    context_of(app).fake_link.model.summary = Summary(counts={"active": 1, "queued": 2, "done": 5})


async def leaving(pilot: Pilot[Any]) -> str:
    await pilot.press("q")
    await until(pilot, lambda: isinstance(pilot.app.screen, QuitDialog))
    await pilot.pause()
    return " ".join(str(one.render()) for one in pilot.app.screen.query(Static))


async def test_with_nothing_to_do_q_leaves_at_once(tmp_path: Path) -> None:
    app = make_app(screen(1), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        await pilot.press("q")
        await until(pilot, lambda: context_of(app).fake_link.closed)
    assert app.return_code == 0 and not context_of(app).fake_link.stopped


async def test_with_work_under_way_it_says_that_the_engine_goes_on(tmp_path: Path) -> None:
    app = make_app(screen(1), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        busy(app)
        said = await leaving(pilot)
        assert "3 files still to download" in said and "continue in the background" in said
        await pilot.press("enter")
        await until(pilot, lambda: context_of(app).fake_link.closed)
    assert not context_of(app).fake_link.stopped


async def test_where_a_logout_ends_the_engine_that_is_said(tmp_path: Path) -> None:
    app = make_app(screen(1), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        app._quitting.logout_warning = "this host ends all your processes when you log out"
        busy(app)
        said = await leaving(pilot)
        assert "ends all your processes" in said
        assert "even after you log out" not in said


async def test_pause_all_and_stop_the_engine(tmp_path: Path) -> None:
    app = make_app(screen(1), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        busy(app)
        await leaving(pilot)
        await pilot.press("right", "enter")
        await until(pilot, lambda: context_of(app).fake_link.stopped == [True])
        await until(pilot, lambda: context_of(app).fake_link.closed)


async def test_stay_stays(tmp_path: Path) -> None:
    app = make_app(screen(1), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        busy(app)
        await leaving(pilot)
        await pilot.press("escape")
        assert len(app.screen_stack) == 1 and not context_of(app).fake_link.closed


async def test_an_archive_that_flow_prepares_is_work_too(tmp_path: Path) -> None:
    app = make_app(screen(1), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        model = context_of(app).fake_link.model
        model.bulk_jobs[1] = BulkRow(1, 1, "all.zip", "/tmp", "processing")
        assert "1 archive still to download" in await leaving(pilot)


async def test_a_server_that_does_not_answer_does_not_hold_up_leaving(tmp_path: Path) -> None:
    flow = screen(1)
    flow.hold = threading.Event()
    app = make_app(flow, tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        await pilot.press("q")
    # The thread that asks is still waiting: the app has ended all the same.
    assert app.return_code == 0
    flow.hold.set()


# Crashing


def test_a_crash_leaves_a_report_and_one_line_and_no_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app(screen(1), tmp_path)
    folders = context_of(app).folders

    def fail() -> None:
        raise RuntimeError("token=sesame-open in a message")

    monkeypatch.setattr(app, "_begin", fail)
    monkeypatch.setattr(app, "run", lambda: FlowApp.run(app, headless=True, size=SIZE))
    assert run.run(app, folders) == 1
    told = capsys.readouterr()
    (report,) = (folders.state / "crashes").iterdir()
    assert str(report) in told.err and "Traceback" not in told.err + told.out
    text = report.read_text()
    assert "RuntimeError" in text and "in fail" in text and "sesame" not in text


def test_a_crash_in_a_thread_is_a_crash_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app(screen(1), tmp_path)
    monkeypatch.setattr(context_of(app).flow, "me", lambda: 1 / 0)
    monkeypatch.setattr(app, "run", lambda: FlowApp.run(app, headless=True, size=SIZE))
    assert run.run(app, context_of(app).folders) == 1
    assert "ZeroDivisionError" in capsys.readouterr().err


async def test_the_bulk_panel_is_hidden_and_shown(tmp_path: Path) -> None:
    app = make_app(screen(1), tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot)
        await pilot.press("b")
        assert not app.query_one(BulkPanel).display
        await until(pilot, lambda: any("no bulk jobs" in n.message for n in app._notifications))
