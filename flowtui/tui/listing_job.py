"""Shows the files of a bulk job, for as long as somebody looks at them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textual.app import App

from flowtui.protocol.messages import BulkRow
from flowtui.text.printable import printable
from flowtui.tui.engine_link import EngineLink
from flowtui.tui.screens.bulk_files import BulkFilesScreen, Files, JobNow


def list_files(app: App[Any], link: EngineLink, job: BulkRow) -> None:
    """Have the engine list the files, and show them."""
    model = link.model

    def ask(then: Callable[[Files], None]) -> None:
        what = f"list the files of {printable(job.name[:200])}"
        link.call(what, lambda engine: engine.bulk_files(job.id), then)

    now = JobNow(lambda: model.bulk_jobs.get(job.id), ask, model.files)

    def show(files: Files) -> None:
        app.push_screen(BulkFilesScreen(job, files, now))

    ask(show)
