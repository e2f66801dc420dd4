"""Runs the app; a crash leaves a usable terminal, a report without secrets, and one line."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from flowtui.crash_report import write_report

if TYPE_CHECKING:
    from flowtui.config import Folders
    from flowtui.tui.app import FlowApp


def run(app: FlowApp, folders: Folders) -> int:
    """Run the app; 0 when it was left, 1 when it crashed."""
    error: BaseException | None = None
    try:
        app.run()
    except Exception as raised:  # noqa: BLE001
        error = raised
    error = error or app.crash
    if error is None:
        return app.return_code or 0
    try:
        where = f"; a report is in {write_report(error, folders, app.context.secrets())}"
    except Exception as failed:  # noqa: BLE001 - what went wrong first is to be told all the same
        where = f"; no report could be written ({getattr(failed, 'strerror', None) or failed})"
    print(  # noqa: T201
        f"flowtui: the app crashed ({type(error).__name__}){where}\n"
        "Downloads are not affected: the engine keeps running. Run flowtui to see them.",
        file=sys.stderr,
    )
    return 1
