"""The app: what people see. A client of the engine, like every other."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowtui.config import Folders, Settings


def start(settings: Settings, folders: Folders, *, to: str | None = None) -> int:
    """Run the app until it is left; the exit status of the process."""
    from flowtui.tui.app import FlowApp
    from flowtui.tui.crash import run

    return run(FlowApp(settings, folders, to=to), folders)
