"""The app's link to an engine that comes, goes and refuses."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.message import Message
from textual.pilot import Pilot

from flowtui.config import Folders
from flowtui.daemon.errors import EngineError, EngineGone
from flowtui.protocol.messages import Changes, RequestRefused, Summary, TransferRow
from flowtui.tui import engine_link as module
from flowtui.tui import engine_requests
from flowtui.tui.engine_link import (
    DRAW_EVERY,
    DRAW_EVERY_REMOTE,
    EngineCallFailed,
    EngineLink,
    EngineLost,
    EngineUp,
    QueueChanged,
    draw_every,
)
from support.fake_flow import screen
from support.tui_app import make_app, until
from support.waiting import GUARD


class Engine:
    """An `EngineClient` whose events and answers a test gives."""

    pid, version = 7, "0.1"

    def __init__(self) -> None:
        self.published: list[Changes] = []
        self.there = threading.Condition()
        self.gone = False
        self.closed = False
        self.paused: list[Any] = []
        self.errors: list[Exception] = []
        self.asked = 0

    def publish(self, changes: Changes) -> None:
        with self.there:
            self.published.append(changes)
            self.there.notify_all()

    def go(self) -> None:
        with self.there:
            self.gone = True
            self.there.notify_all()

    def events(self) -> Iterator[Changes]:
        while True:
            with self.there:
                self.asked += 1
                while not self.published:
                    if self.gone or self.closed:
                        raise EngineGone("the background engine has ended")
                    self.there.wait(GUARD)
                changes = self.published.pop(0)
            yield changes

    def pause(self, ids: Any) -> int:
        if self.errors:
            raise self.errors.pop(0)
        self.paused.append(ids)
        return 1

    def stop(self, pause: bool = False) -> None:
        self.paused.append(f"stop {pause}")
        self.go()

    def close(self) -> None:
        with self.there:
            self.closed = True
            self.there.notify_all()


class World:
    """Engines one after the other, and what the app received."""

    def __init__(self, pilot: Pilot[Any], link: EngineLink, engines: list[Any]) -> None:
        self.pilot, self.link, self.engines = pilot, link, engines
        self.received: list[Message] = []

    def of(self, kind: type[Message]) -> list[Any]:
        return [message for message in self.received if isinstance(message, kind)]

    async def until(self, true: Callable[[], object]) -> None:
        await until(self.pilot, true)


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(module, "RECONNECT_AFTER", (0.01,))
    monkeypatch.setattr(engine_requests, "CALL_PATIENCE", 0.5)
    engines: list[Any] = []

    def connect(folders: Folders) -> Any:
        if not engines or isinstance(engines[0], Exception):
            raise engines.pop(0) if engines else EngineError("none there")
        return engines.pop(0)

    monkeypatch.setattr(module, "connect_engine", connect)
    app = make_app(screen(1), tmp_path)
    folders = Folders(tmp_path, tmp_path, tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        link = EngineLink(app, folders)
        world = World(pilot, link, engines)
        link._post_message = world.received.append  # type: ignore[method-assign, assignment]
        yield world
        link.close()


def rows(*states: str) -> Changes:
    made = (
        TransferRow(n, 1, f"data/{n}", "f", "/to", f"data/f{n}", state)
        for n, state in enumerate(states, 1)
    )
    return Changes(Summary(counts={"active": 1}), transfers=tuple(made), reset=True)


async def test_what_the_engine_tells_is_in_the_model_once_it_is_taken(world: World) -> None:
    engine = Engine()
    world.engines.append(engine)
    engine.publish(rows("active", "queued"))
    world.link.start()
    await world.until(lambda: world.of(QueueChanged))
    assert world.of(EngineUp)[0].pid == 7
    assert not world.link.model.transfers  # the screen's thread has not looked yet
    model, delta = world.of(QueueChanged)[0].take()
    assert len(model) == 2 and delta.moved and model.summary.counts == {"active": 1}


async def test_several_events_before_a_look_are_told_once(world: World) -> None:
    engine = Engine()
    world.engines.append(engine)
    for _ in range(3):
        engine.publish(rows("active"))
    world.link.start()
    await world.until(lambda: engine.asked > 3 and world.of(QueueChanged))
    assert len(world.of(QueueChanged)) == 1
    world.of(QueueChanged)[0].take()
    engine.publish(rows("done"))
    await world.until(lambda: len(world.of(QueueChanged)) == 2)


async def test_a_minute_of_events_is_not_shown_for_minutes(tmp_path: Path, world: World) -> None:
    """The engine tells ten times a second; what waited for a drawing waited in the socket."""
    engine = Engine()
    world.engines.append(engine)
    link = EngineLink(world.pilot.app, Folders(tmp_path, tmp_path, tmp_path), draw_every=3600)
    told: list[Message] = []
    link._post_message = told.append  # type: ignore[method-assign, assignment]
    for _ in range(600):
        engine.publish(rows("active"))
    engine.publish(rows("done"))
    try:
        link.start()
        await world.until(lambda: engine.asked > 601 and QueueChanged in map(type, told))
        changed = [message for message in told if isinstance(message, QueueChanged)]
        assert len(changed) == 1  # drawn once, with all that there is to know
        model, _ = changed[0].take()
        assert [row.state for row in model.transfers.values()] == ["done"]
    finally:
        link.close()


async def test_an_engine_that_went_away_is_said_and_looked_for_again(world: World) -> None:
    first, second = Engine(), Engine()
    world.engines += [first, EngineError("cannot start"), second]
    world.link.start()
    await world.until(lambda: world.of(EngineUp))
    first.go()
    await world.until(lambda: len(world.of(EngineUp)) == 2)
    reasons = [lost.reason for lost in world.of(EngineLost)]
    assert reasons == ["the background engine has ended", "cannot start"]
    assert first.closed


async def test_requests_are_made_in_order_and_answers_come_back(world: World) -> None:
    engine = Engine()
    world.engines.append(engine)
    world.link.start()
    answers: list[int] = []
    world.link.call("pause", lambda engine: engine.pause([1]), answers.append)
    world.link.call("pause", lambda engine: engine.pause([2]), answers.append)
    await world.until(lambda: answers == [1, 1])
    assert engine.paused == [[1], [2]]


async def test_a_refusal_is_told_with_the_engine_s_words(world: World) -> None:
    engine = Engine()
    engine.errors.append(RequestRefused("BAD", "not that one"))
    world.engines.append(engine)
    world.link.start()
    world.link.call("pause", lambda engine: engine.pause(None))
    await world.until(lambda: world.of(EngineCallFailed))
    failed = world.of(EngineCallFailed)[0]
    assert (failed.what, failed.message) == ("pause", "not that one")


async def test_a_request_that_met_a_dying_engine_is_made_again_of_the_next(world: World) -> None:
    first, second = Engine(), Engine()
    first.errors.append(EngineGone("gone"))
    world.engines += [first, second]
    world.link.start()
    await world.until(lambda: world.of(EngineUp))
    world.link.call("pause", lambda engine: engine.pause([3]))
    first.go()
    await world.until(lambda: second.paused == [[3]])


async def test_without_an_engine_a_request_fails_in_time(world: World) -> None:
    world.link.start()
    world.link.call("pause", lambda engine: engine.pause(None))
    await world.until(lambda: world.of(EngineCallFailed))
    assert "does not answer" in world.of(EngineCallFailed)[0].message


async def test_stopping_the_engine_starts_no_other(world: World) -> None:
    engine = Engine()
    world.engines += [engine, Engine()]
    world.link.start()
    await world.until(lambda: world.of(EngineUp))
    world.link.stop_engine(pause=True)
    assert engine.paused == ["stop True"]
    await world.until(lambda: engine.closed)
    assert len(world.engines) == 1 and not world.of(EngineLost)


@pytest.mark.parametrize(
    ("refresh_rate", "environment", "seconds"),
    [
        (0, {}, DRAW_EVERY),
        (0, {"SSH_CONNECTION": "10.0.0.1 50000 10.0.0.2 22"}, DRAW_EVERY_REMOTE),
        (0, {"SSH_TTY": "/dev/pts/3"}, DRAW_EVERY_REMOTE),
        (0, {"SSH_TTY": ""}, DRAW_EVERY),
        (4, {"SSH_TTY": "/dev/pts/3"}, 0.25),
        (10, {}, 0.1),
    ],
)
def test_over_ssh_less_is_drawn_unless_the_settings_say_how_often(
    refresh_rate: int, environment: dict[str, str], seconds: float
):
    assert draw_every(refresh_rate, environment) == seconds
