"""Makes the pictures of the README from the running app: `make screenshots [ONLY=name,name]`.

Every screen in two sizes, dark and light, and an animation (`film.py`). The app runs headless,
but is the real one: against the embedded Flow server, with an engine process of its own, in a
temporary home.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from itertools import product
from pathlib import Path
from typing import Any

import film

HERE = Path(__file__).parent
SIZES = ((120, 40), (80, 24))
LIGHT = ("flow-light", "textual-light")
"""Themes for light terminals; the first that there is."""

Driver = Callable[[Any, Any], Awaitable[None]]


async def until(pilot: Any, fits: Callable[[], bool], seconds: float = 30.0) -> None:
    """Let the app run until something holds."""
    deadline = time.monotonic() + seconds
    while not fits():
        if time.monotonic() > deadline:
            raise TimeoutError("the app did not get there")
        await pilot.pause(0.05)


async def open_sample(app: Any, pilot: Any) -> None:
    """Open the first project's first sample."""
    from flowtui.tui.browser.nodes import Load
    from flowtui.tui.browser.tree import TreePane

    tree = app.query_one(TreePane)
    await until(pilot, lambda: len(tree.rows) > 12)
    await pilot.press("down", "enter")
    await until(pilot, lambda: any(r.node and r.node.kind == "sample" for r in tree.rows))
    await pilot.press("down", "down", "enter")
    await until(pilot, lambda: tree.node is not None and tree.node.load is Load.READY)
    await pilot.press("down", "down", "space", "space")
    await pilot.pause(0.3)


async def browser(app: Any, pilot: Any) -> None:
    """The tree with marks, and details."""
    await open_sample(app, pilot)


async def dialog(app: Any, pilot: Any) -> None:
    """The download dialog, counted."""
    await open_sample(app, pilot)
    await pilot.press("d")
    await until(pilot, lambda: len(app.screen.query("Button.-primary")) > 0)
    await pilot.pause(0.3)


async def downloads(app: Any, pilot: Any) -> None:
    """Large files under way, some small ones done."""
    from flowtui.tui.browser.tree import TreePane

    tree = app.query_one(TreePane)
    await until(pilot, lambda: len(tree.rows) > 12)
    for name in ("Human cortex RNA-seq", "Whole genomes"):
        line = next(i for i, r in enumerate(tree.rows) if r.node and r.node.name.startswith(name))
        tree.set_cursor(line)
        await pilot.press("d")
        await until(pilot, lambda: len(app.screen.query("Button.-primary")) > 0)
        await pilot.press("enter")
        await until(pilot, lambda: len(app.screen_stack) == 1)
    model = app.link.model
    await until(pilot, lambda: model.summary.counts.get("done", 0) >= 8)
    await until(
        pilot, lambda: sum(r.rate > 1e6 and r.done > 2e7 for r in model.transfers.values()) >= 3
    )
    app.clear_notifications()
    await pilot.press("tab", "home")
    await pilot.pause(0.5)


async def bulk(app: Any, pilot: Any) -> None:
    """A bulk job on its way."""
    from flowtui.tui.browser.tree import TreePane
    from flowtui.tui.downloads.bulk_panel import BulkList

    tree = app.query_one(TreePane)
    await until(pilot, lambda: len(tree.rows) > 12)
    for name in ("Mouse brain ATAC-seq", "Human cortex RNA-seq"):
        line = next(i for i, r in enumerate(tree.rows) if r.node and r.node.name.startswith(name))
        tree.set_cursor(line)
        await pilot.press("d")
        await until(pilot, lambda: len(app.screen.query("Button.-primary")) > 0)
        app.screen.query_one("#bulk").focus()
        await pilot.press("enter")
        await until(pilot, lambda: len(app.screen_stack) == 1)
    jobs = app.link.model.bulk_jobs
    await until(pilot, lambda: any(j.state in ("fetching", "done") for j in jobs.values()))
    app.query_one(BulkList).focus()
    app.clear_notifications()
    await pilot.pause(0.7)


async def sign_in(app: Any, pilot: Any) -> None:
    """The form, before anything is stored."""
    await until(pilot, lambda: len(app.screen_stack) > 1)
    await pilot.pause(1.0)


async def help_screen(app: Any, pilot: Any) -> None:
    """All keys."""
    await until(pilot, lambda: len(app.query("TreePane")) > 0)
    await pilot.press("question_mark")
    await pilot.pause(0.5)


async def peek(app: Any, pilot: Any) -> None:
    """What is inside a report: MultiQC's general statistics."""
    from flowtui.tui.browser.tree import TreePane
    from flowtui.tui.screens.peek import PeekLines

    await open_sample(app, pilot)
    tree = app.query_one(TreePane)
    line = next(i for i, r in enumerate(tree.rows) if r.node and r.node.kind == "data")
    tree.set_cursor(line)
    await pilot.press("enter")
    await until(pilot, lambda: len(app.screen.query(PeekLines)) > 0)
    await until(pilot, lambda: app.screen.query_one(PeekLines).count > 5)
    await pilot.pause(0.3)


async def palette(app: Any, pilot: Any) -> None:
    """All commands with their keys."""
    await open_sample(app, pilot)
    await pilot.press("ctrl+p")
    await until(pilot, lambda: len(app.screen_stack) > 1)
    await pilot.pause(1.0)


async def quit_dialog(app: Any, pilot: Any) -> None:
    """Leaving while something is under way."""
    await downloads(app, pilot)
    await pilot.press("q")
    await until(pilot, lambda: len(app.screen_stack) > 1)
    await pilot.pause(0.5)


PICTURES: dict[str, Driver] = {
    "browser": browser,
    "download-dialog": dialog,
    "downloads": downloads,
    "bulk-jobs": bulk,
    "sign-in": sign_in,
    "help": help_screen,
    "peek": peek,
    "palette": palette,
    "quit": quit_dialog,
}


def sign_in_by_file(server: str, home: Path) -> None:
    """Keep a token of the demo's user in a home."""
    from flowtui.config import folders
    from flowtui.flow.client import FlowClient
    from flowtui.flow.session.credential_store import CredentialStore
    from flowtui.flow.session.credentials import CredentialSource

    os.environ["FLOWTUI_HOME"] = str(home)
    where = folders()
    client = FlowClient(server)
    client.account.sign_in("demo", "demo")
    assert client.account.credential is not None
    where.config.mkdir(parents=True, exist_ok=True)
    CredentialStore(where.config).keep(server, client.account.credential, CredentialSource.FILE)
    client.close()


async def take(
    name: str, drive: Driver, size: tuple[int, int], server: str, home: Path, *, light: bool
) -> None:
    """One picture."""
    from flowtui.config import Settings, folders
    from flowtui.daemon.connect import connect_engine
    from flowtui.daemon.errors import EngineError
    from flowtui.tui.app import FlowApp

    os.environ["FLOWTUI_HOME"] = str(home)
    os.environ["FLOW_API_URL"] = server
    where = folders()
    if name != "sign-in":
        sign_in_by_file(server, home)
    settings = Settings(server=server, usernames={server: "demo"} if name != "sign-in" else {})
    app = FlowApp(settings, where, to=str(home / "downloads"))
    app.animation_level = "none"
    async with app.run_test(size=size, notifications=True) as pilot:
        if light:
            app.theme = next(theme for theme in LIGHT if theme in app.available_themes)
        await drive(app, pilot)
        svg = app.export_screenshot(title=f"flowtui {size[0]}x{size[1]}", simplify=False)
        file = HERE / f"{name}-{size[0]}x{size[1]}{'-light' if light else ''}.svg"
        file.write_text(svg, encoding="utf-8")
        app.link.close()
    try:
        with connect_engine(where, start=False) as engine:
            engine.stop()
    except EngineError:
        pass
    print(file)


def main() -> None:
    """All pictures in all sizes."""
    from flowtui.demo.serve import DemoServer

    os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"
    for name in list(os.environ):
        if name.startswith("FLOW_"):
            del os.environ[name]
    with (
        tempfile.TemporaryDirectory() as scratch,
        DemoServer(rate=12_000_000, job_seconds=3.0) as server,
    ):
        os.environ["FLOW_TOKEN_FILE"] = f"{scratch}/none"
        only = set(filter(None, os.environ.get("ONLY", "").split(",")))
        for name, drive in PICTURES.items():
            if only and name not in only:
                continue
            for size, light in product(SIZES, (False, True)):
                home = Path(scratch) / f"{name}-{size[0]}-{light}"
                asyncio.run(take(name, drive, size, server.base_url, home, light=light))
        if not only or "session" in only:
            home = Path(scratch) / "session"
            sign_in_by_file(server.base_url, home)
            film.make(server.base_url, home)


if __name__ == "__main__":
    main()
