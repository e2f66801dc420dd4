"""What a stalled line sends in one piece goes where it goes when it is typed slowly."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any, cast

import pytest
from textual import events
from textual.app import App, ScreenStackError
from textual.pilot import Pilot
from textual.widgets import Input

from flowtui.protocol.messages import TransferRow
from flowtui.tui.engine_link import QueueChanged
from flowtui.tui.queue_model import Delta
from flowtui.tui.screens.help import HelpScreen
from flowtui.tui.screens.rate import RateDialog
from flowtui.tui.screens.sign_in import SignInScreen
from flowtui.tui.typed_ahead import TypedAhead
from support.fake_flow import screen
from support.tui_app import context_of, lines, make_app, open_project, opened, tree, until

SIZE = (80, 24)


def type_at_once(pilot: Pilot[Any], *keys: str) -> None:
    """Send keys as one read from the terminal brings them: none is seen to before the last came."""
    driver = pilot.app._driver
    assert driver is not None
    for key in keys:
        event = events.Key(key, key if len(key) == 1 else None)
        event.set_sender(pilot.app)
        driver.send_message(event)


async def test_what_follows_the_slash_is_the_filter(tmp_path: Path) -> None:
    async with make_app(screen(2), tmp_path).run_test(size=SIZE) as pilot:
        app = await open_project(pilot)
        type_at_once(pilot, "slash", *"drug", "enter")
        field = app.query_one("#filter").query_one(Input)
        await until(pilot, lambda: field.value == "drug" and tree(app).has_focus)
        assert len(app.screen_stack) == 1 and not context_of(app).engine.batches


async def test_what_follows_ctrl_f_is_searched_for(tmp_path: Path) -> None:
    async with make_app(screen(2), tmp_path).run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        type_at_once(pilot, "ctrl+f", *"dqs", "enter")
        await until(pilot, lambda: any("Found: dqs" in line for line in lines(app)))
        assert len(app.screen_stack) == 1


async def test_a_question_is_answered_ahead(tmp_path: Path) -> None:
    async with make_app(screen(2), tmp_path).run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        type_at_once(pilot, "question_mark", "escape", "down", "d", "escape", "question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        assert len(app.screen_stack) == 2 and not context_of(app).engine.batches


async def test_a_rate_is_typed_ahead(tmp_path: Path) -> None:
    async with make_app(screen(2), tmp_path).run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        asked: list[dict[str, int]] = []
        engine: Any = context_of(app).engine
        engine.settings = lambda **changes: asked.append(changes) or changes
        model = context_of(app).fake_link.model
        model.transfers[1] = TransferRow(1, 1, "data/1", "f", "/to", "f", "active")
        app.post_message(QueueChanged(_Link(context_of(app).fake_link)))  # type: ignore[arg-type]
        await until(pilot, lambda: not app.query_one("#downloads").has_class("-empty"))
        app.query_one("#downloads TransferTable").focus()
        await until(pilot, lambda: app.focused is app.query_one("#downloads TransferTable"))
        type_at_once(pilot, "l", *"5M", "enter")
        await until(pilot, lambda: asked)
        assert asked == [{"limit_rate": 5 << 20}]
        assert not isinstance(app.screen, RateDialog)


class _Link:
    """A link whose model moved."""

    def __init__(self, link: Any) -> None:
        self.model = link.model

    def take(self) -> Delta:
        return Delta(moved=True)


async def test_a_name_and_a_password_are_typed_ahead(tmp_path: Path) -> None:
    flow = screen(2)
    flow.credential = None
    app = make_app(flow, tmp_path)
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: isinstance(app.screen, SignInScreen))
        await pilot.press("escape")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        type_at_once(pilot, "s", *"demo", "enter", *"right", "enter")
        await until(pilot, lambda: context_of(app).engine.signed_in)
        assert context_of(app).engine.signed_in[0][1] == "demo"


async def test_pasted_text_waits_for_its_field_too(tmp_path: Path) -> None:
    async with make_app(screen(2), tmp_path).run_test(size=SIZE) as pilot:
        app = await open_project(pilot)
        type_at_once(pilot, "slash")
        paste = events.Paste("guide_0001")
        paste.set_sender(app)
        assert app._driver is not None
        app._driver.send_message(paste)
        field = app.query_one("#filter").query_one(Input)
        await until(pilot, lambda: field.value == "guide_0001")


async def test_a_widget_that_goes_away_with_its_key_holds_up_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with make_app(screen(2), tmp_path).run_test(size=SIZE) as pilot:
        app = await opened(pilot)
        type_at_once(pilot, *["question_mark", "escape"] * 10, "slash", "x")
        field = app.query_one("#filter").query_one(Input)
        await until(pilot, lambda: field.value == "x")


async def test_an_app_that_ends_while_a_key_is_under_way_ends_without_a_word() -> None:
    ending = EndingApp()
    keys = TypedAhead(cast("App[Any]", ending), ending.hand_over)
    keys.take(events.Key("x", "x"))
    keys.take(events.Key("y", "y"))
    await ending.ended.wait()
    await asyncio.gather(*(task for task in asyncio.all_tasks() if task.get_name() == "keys"))
    assert ending.handed == ["x"] and ending.crash is None


class EndingApp:
    """An app whose screens go with the first key, as Textual's do when it ends."""

    is_running = True
    focused = None

    def __init__(self) -> None:
        self.screen_stack = [Closed()]
        self.handed: list[str] = []
        self.crash: Exception | None = None
        self.ended = asyncio.Event()

    @property
    def screen(self) -> Closed:
        try:
            return self.screen_stack[-1]
        except IndexError:
            raise ScreenStackError from None

    async def hand_over(self, event: events.Event) -> None:
        assert isinstance(event, events.Key)
        self.handed.append(event.key)
        self.screen_stack.clear()
        self.ended.set()

    def _handle_exception(self, error: Exception) -> None:
        self.crash = error


class Closed:
    """A widget that takes no messages any more."""

    def post_message(self, _message: object) -> bool:
        return False


async def test_a_mistake_in_an_action_ends_the_app_as_ever(tmp_path: Path) -> None:
    app = make_app(screen(2), tmp_path)
    thrown = threading.Event()

    def action_help() -> None:
        thrown.set()
        raise ValueError("planted")

    app.action_help = action_help  # type: ignore[method-assign]
    with pytest.raises(ValueError, match="planted"):
        async with app.run_test(size=SIZE) as pilot:
            await opened(pilot)
            type_at_once(pilot, "question_mark")
            await until(pilot, lambda: app.crash is not None)
    assert thrown.is_set()
