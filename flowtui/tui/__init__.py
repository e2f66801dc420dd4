"""The app: what people see. A client of the engine, like every other."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowtui.config import Folders, Settings


def start(
    settings: Settings, folders: Folders, *, to: str | None = None, engine_stays: bool = True
) -> int:
    """Run the app until it is left; the exit status of the process.

    `engine_stays` false: the caller ends the engine afterwards (as the demo does).
    """
    from flowtui.tui.app import FlowApp
    from flowtui.tui.run import run

    return run(FlowApp(settings, folders, to=to, engine_stays=engine_stays), folders)
