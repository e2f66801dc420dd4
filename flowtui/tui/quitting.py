"""Ends the app: when it is asked to, on a signal, and when its terminal is gone."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rich.text import Text
from textual.app import App

from flowtui.tui.background import Background
from flowtui.tui.engine_link import EngineLink
from flowtui.tui.terminal import STATUS, watch_terminal

if TYPE_CHECKING:
    from flowtui.tui.screens.quit import Leave


class Quitting:
    """Ends the app, the engine too if that is wanted.

    Attributes:
        logout_warning: what a logout does to the engine on this host; empty where nothing, and
            until `check_logout` has found out.
    """

    def __init__(
        self,
        app: App[Any],
        link: EngineLink,
        background: Background,
        *,
        engine_stays: bool,
        still_counted: Callable[[], list[str]],
    ) -> None:
        """`engine_stays`: whether the engine goes on without the app.

        `still_counted` names the selections whose files are still being found.
        """
        self._still_counted = still_counted
        self._app = app
        self._link = link
        self._background = background
        self._engine_stays = engine_stays
        self._stopping = False
        self.logout_warning = ""

    # What comes from outside

    def watch(self) -> None:
        """End the app on SIGTERM and SIGHUP, and with its terminal; to be called in its loop."""
        if threading.current_thread() is not threading.main_thread():
            return  # signals are the main thread's
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._end, 128 + number)
        if not self._app.is_headless:
            watch_terminal(lambda: self._terminal_gone(loop))

    def _terminal_gone(self, loop: asyncio.AbstractEventLoop) -> None:
        """To be called in the thread that noticed."""
        with contextlib.suppress(RuntimeError):  # the app has ended meanwhile
            loop.call_soon_threadsafe(self._end, STATUS)

    def _end(self, status: int) -> None:
        # First: should somebody end the engine now, no new one is to be started for us.
        self._link.close()
        self._app.exit(return_code=status)

    # What comes from a key

    def check_logout(self) -> None:
        """Find out, in a thread, what a logout does to the engine."""

        def check() -> None:
            from flowtui.daemon.logout import logout_warning

            self.logout_warning = logout_warning()

        self._background.run(check, "what a logout does")

    def ask(self) -> None:
        """Quit; where work is under way, say that it goes on and offer to stop it."""
        from flowtui.tui.screens.quit import QuitDialog, work_under_way

        files, archives = work_under_way(self._link.model)
        still_counted = self._still_counted()
        work = files or archives or still_counted
        if not work or self._stopping or isinstance(self._app.screen, QuitDialog):
            self._quit()
            return
        dialog = QuitDialog(files, archives, self._engine_stays, self.logout_warning, still_counted)
        self._app.push_screen(dialog, self._answered)

    def _answered(self, how: Leave | None) -> None:
        from flowtui.tui.screens.quit import Leave

        if how is Leave.KEEP_GOING:
            self._quit(
                "Downloads continue in the background. Run flowtui to see them."
                if self._engine_stays
                else ""
            )
        elif how is Leave.PAUSE_ALL:
            self._stopping = True
            self._app.notify("Pausing all downloads and stopping the engine …")
            self._background.run(self._stop_engine, "stop the engine")

    def _stop_engine(self) -> None:
        self._link.stop_engine(pause=True)
        self._background.call_later(
            self._quit,
            "All downloads are paused and the engine is stopped. Run flowtui to resume them.",
        )

    def _quit(self, last_words: str = "") -> None:
        # Hanging up may have to wait for a connection that is just being made.
        self._background.run(self._link.close, "hang up")
        self._app.exit(message=Text(last_words) if last_words else None)
