"""The app with a Flow and an engine that are not there, and ways to wait for what it shows."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from textual.pilot import Pilot
from textual.widgets import Static

from flowtui.config import Folders, Settings
from flowtui.flow.session.credentials import Credential, CredentialSource, SaveError
from flowtui.protocol.messages import Added, Batch, RequestRefused, Space
from flowtui.tui.app import FlowApp
from flowtui.tui.away import Seen
from flowtui.tui.browser.tree import TreePane
from flowtui.tui.context import AppContext
from flowtui.tui.queue_model import Delta, QueueModel
from support.fake_flow import SERVER, FakeFlow
from support.waiting import GUARD


class FakeEngine:
    """What the app asks of an `EngineClient`."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.signed_in: list[tuple[Any, ...]] = []
        self.free = 10**12
        self.asked: list[str] = []
        self.refuses: RequestRefused | None = None

    def add(self, batch: Batch) -> Added:
        if self.refuses is not None:
            raise self.refuses
        self.batches.append(batch)
        ids = tuple(range(len(batch.files)))
        return Added(1, ids, len(ids), 0, 1 if batch.bulk else None)

    def space(self, path: str) -> Space:
        self.asked.append(path)
        return Space(self.free, 0)

    def sign_in(self, *arguments: Any) -> int:
        self.signed_in.append(arguments)
        return 0


class FakeLink:
    """An `EngineLink` that calls the engine at once."""

    def __init__(self, engine: FakeEngine) -> None:
        self.engine = engine
        self.model = QueueModel()
        self.stopped: list[bool] = []
        self.closed = False

    def start(self) -> None:
        return None

    def take(self) -> Delta:
        return Delta()

    def call(self, what: str, do: Callable[[Any], Any], done: Any = None) -> None:
        try:
            result = do(self.engine)
        except RequestRefused:
            return  # which is told
        if done is not None:
            done(result)

    def stop_engine(self, *, pause: bool) -> None:
        self.stopped.append(pause)

    def close(self) -> None:
        self.closed = True


class FakeStore:
    """A `CredentialStore` in memory."""

    def __init__(self, works: bool = True) -> None:
        self.works = works
        self.kept: list[tuple[str, Credential, CredentialSource]] = []

    def keyring_works(self) -> bool:
        return self.works

    def keep(self, server: str, credential: Credential, where: CredentialSource) -> Credential:
        if where is CredentialSource.KEYRING and not self.works:
            raise SaveError("no keyring works here")
        self.kept.append((server, credential, where))
        return credential

    def forget(self, server: str, username: str | None) -> list[str]:
        return ["removed the token"]


class FakeContext(AppContext):
    """A context whose Flow, engine and credential store are fake.

    Attributes:
        refusal: what asking for a client raises, or None.
        seen: what the last app is said to have seen, and then what this one has.
    """

    def __init__(self, flow: FakeFlow, folders: Folders, settings: Settings) -> None:
        super().__init__(settings, folders)
        self.flow = flow
        self.engine = FakeEngine()
        self.fake_link = FakeLink(self.engine)
        self.fake_store = FakeStore()
        self.refusal: Exception | None = None
        self.seen: Seen | None = None

    def seen_before(self) -> Seen | None:
        return self.seen

    def keep_seen(self, seen: Seen) -> None:
        self.seen = seen

    def link(self, app: Any) -> Any:
        return self.fake_link

    def store(self) -> Any:
        return self.fake_store

    def client(self) -> Any:
        if self.refusal is not None:
            raise self.refusal
        return self.flow

    def client_of(self, server: str) -> Any:
        return self.flow


def make_app(flow: FakeFlow, folder: Path, **settings: Any) -> FlowApp:
    folders = Folders(config=folder / "config", state=folder / "state", runtime=folder / "run")
    given = Settings(server=SERVER, download_dir=str(folder / "downloads"), **settings)
    return FlowApp(given, folders, context=FakeContext(flow, folders, given))


def context_of(app: FlowApp) -> FakeContext:
    return cast(FakeContext, app.context)


async def until(pilot: Pilot[Any], true: Callable[[], object], what: str = "") -> None:
    """Wait until something is true; fail after long."""
    end = time.monotonic() + GUARD
    while not true():
        assert time.monotonic() < end, f"never came true: {what or true}"
        await pilot.pause(0.01)


def tree(app: FlowApp) -> TreePane:
    return app.screen_stack[0].query_one(TreePane)


def lines(app: FlowApp) -> list[str]:
    """What the tree shows, line by line, as drawn."""
    pane = tree(app)
    return [pane.render_line(y).text.rstrip() for y in range(pane.size.height)]


def said(app: FlowApp, selector: str) -> str:
    """The text of a Static on the screen in front."""
    return str(app.screen.query_one(selector, Static).render())


async def opened(pilot: Pilot[Any]) -> FlowApp:
    """Wait until the projects are listed."""
    app = cast(FlowApp, pilot.app)
    await until(pilot, lambda: tree(app).root.children[0].children, "my projects")  # type: ignore[union-attr]
    return app


async def open_project(pilot: Pilot[Any]) -> FlowApp:
    """Open the first project, and wait until its samples are listed; the cursor is on it."""
    app = await opened(pilot)
    await pilot.press("down", "enter")
    await until(pilot, lambda: any("guide_0000" in line for line in lines(app)), "the samples")
    return app
