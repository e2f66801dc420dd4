"""Work off the screen's thread: loading, counting, signing in.

Daemon threads, and not Textual's thread workers: those live in asyncio's pool, which Python waits
for at its end, so that a server that does not answer would hold up the quitting of the app.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from textual.app import App


class Background:
    """Runs things in threads, and brings what they have to say back to the screen's thread."""

    def __init__(self, app: App[Any]) -> None:
        self._app = app

    def run(self, work: Callable[[], None], name: str) -> None:
        """Run `work` in a thread of its own; an exception that it lets out ends the app."""

        def guarded() -> None:
            try:
                work()
            except Exception as error:  # noqa: BLE001
                self.call_later(self._app._handle_exception, error)

        threading.Thread(target=guarded, name=name, daemon=True).start()

    def call_later(self, callback: Callable[..., object], *arguments: object) -> None:
        """Have `callback` called on the screen's thread, soon. Does not wait for it.

        To be called from other threads. Once the app has ended nobody is there to hear.
        """
        try:
            self._app.call_later(callback, *arguments)
        except RuntimeError:
            if self._app.is_running:
                raise
