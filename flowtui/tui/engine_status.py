"""How the engine is, as people see it: in the header always, in a notification once."""

from __future__ import annotations

from typing import Any

from textual.app import App

from flowtui.text.printable import printable
from flowtui.tui.widgets.header import HeaderLine


class EngineStatus:
    """Shows whether the engine answers, and what is wrong with it."""

    def __init__(self, app: App[Any], header: HeaderLine) -> None:
        self._app = app
        self._header = header
        self._trouble = ""

    def up(self) -> None:
        """The engine answers."""
        self._header.engine = "engine: running"

    def lost(self, reason: str) -> None:
        """The engine does not answer; it is tried again."""
        self._header.engine = "engine: reconnecting"
        self._app.notify(
            printable(reason), title="Background engine", severity="warning", markup=False
        )

    def show_trouble(self, words: str) -> None:
        """Say what is wrong with the engine itself, once; empty words where nothing is."""
        if words == self._trouble:
            return
        self._trouble = words
        self._header.engine = "engine: problem" if words else "engine: running"
        if words:
            self._app.notify(
                printable(words),
                title="Background engine",
                severity="warning",
                timeout=20,
                markup=False,
            )

    def refused(self, what: str, why: str) -> None:
        """The engine would not do `what`, a verb."""
        self._app.notify(printable(why), title=f"Could not {what}", severity="error", markup=False)
