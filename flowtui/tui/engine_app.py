"""The part of the app that passes on what the queue's widgets ask for, and tells of the engine."""

from __future__ import annotations

from textual.app import App

from flowtui.text.printable import printable
from flowtui.tui.downloads.bulk_panel import BulkActionRequested, BulkFilesRequested
from flowtui.tui.downloads.manager import (
    CancelRequested,
    ForgetRequested,
    PauseRequested,
    ResumeRequested,
    RetryRequested,
)
from flowtui.tui.engine_link import EngineCallFailed, EngineLink, EngineLost, EngineUp
from flowtui.tui.widgets.header import HeaderLine

BULK_WORDS = {
    "cancel": "cancel it",
    "retry": "try it again",
    "again": "create it again",
    "one_by_one": "fetch its files one by one",
    "forget": "forget it",
}


class EngineApp(App[None]):
    """Routes messages to the engine.

    Attributes:
        link: the engine. `header`: where its state is told.
    """

    link: EngineLink
    header: HeaderLine
    _trouble = ""

    def tell_trouble(self, words: str) -> None:
        """Say what is wrong with the engine itself, once; empty words where nothing is."""
        if words == self._trouble:
            return
        self._trouble = words
        self.header.engine = "engine: trouble" if words else "engine: on"
        if words:
            self.notify(
                printable(words), title="The engine", severity="warning", timeout=20, markup=False
            )

    def on_engine_up(self, message: EngineUp) -> None:
        """The engine answers."""
        self.header.engine = "engine: on"

    def on_engine_lost(self, message: EngineLost) -> None:
        """The engine does not answer; the link tries again by itself."""
        self.header.engine = "engine: lost, trying again"
        self.notify(message.reason, severity="warning", markup=False)

    def on_engine_call_failed(self, message: EngineCallFailed) -> None:
        """The engine would not do something."""
        self.notify(
            printable(message.message),
            title=f"Could not {message.what}",
            severity="error",
            markup=False,
        )

    def on_pause_requested(self, message: PauseRequested) -> None:
        """Pause transfers."""
        self.link.call("pause", lambda engine: engine.pause(message.ids))

    def on_resume_requested(self, message: ResumeRequested) -> None:
        """Let transfers go on."""
        self.link.call("resume", lambda engine: engine.resume(message.ids))

    def on_cancel_requested(self, message: CancelRequested) -> None:
        """Cancel transfers."""
        self.link.call("cancel", lambda engine: engine.cancel(message.ids))

    def on_retry_requested(self, message: RetryRequested) -> None:
        """Try transfers again."""
        self.link.call("try again", lambda engine: engine.retry(message.ids))

    def on_forget_requested(self, message: ForgetRequested) -> None:
        """Clear ended transfers."""
        self.link.call("clear the list", lambda engine: engine.forget(message.ids))

    def on_bulk_action_requested(self, message: BulkActionRequested) -> None:
        """Cancel, retry, create again, fetch one by one or forget bulk jobs."""
        self.link.call(
            BULK_WORDS[message.action], lambda engine: engine.bulk(message.ids, message.action)
        )

    def on_bulk_files_requested(self, message: BulkFilesRequested) -> None:
        """Show the files of a bulk job."""
        from flowtui.tui.screens.bulk_files import BulkFilesScreen

        job = message.job
        self.link.call(
            "list its files",
            lambda engine: engine.bulk_files(job.id),
            lambda files: self.push_screen(BulkFilesScreen(job, files)),
        )

    def action_limit_rate(self) -> None:
        """Ask for the rate of all downloads together."""
        from flowtui.tui.screens.rate import RateDialog

        def limit(rate: int | None) -> None:
            if rate is not None:
                self.link.call("limit the rate", lambda engine: engine.settings(limit_rate=rate))

        self.push_screen(RateDialog(self.link.model.summary.limit_rate), limit)
