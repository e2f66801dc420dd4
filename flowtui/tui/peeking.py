"""Looking into files: one at a time, and given up as soon as somebody moves on."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING

from flowtui.text import quantities
from flowtui.tui.background import Background
from flowtui.tui.browser.fetching import words_of
from flowtui.tui.browser.nodes import Node
from flowtui.tui.screens.peek import PeekScreen

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import App

    from flowtui.flow.client import FlowClient
    from flowtui.peek.view import View


class Peeking:
    """Asks for what is inside the file of a node, in a thread, and shows it on a screen."""

    def __init__(
        self, app: App[None], client: Callable[[], FlowClient], background: Background
    ) -> None:
        """`client` is called in a thread."""
        self._app = app
        self._client = client
        self._background = background
        self._screen: PeekScreen | None = None
        self._stop = threading.Event()

    def show(self, node: Node) -> None:
        """Look into the file of a node; what was asked for before is given up."""
        self.leave()
        screen = self._screen
        if screen is None:
            screen = self._screen = PeekScreen()
            self._app.push_screen(screen, self._closed)
        screen.wait_for(node.name)
        stop = self._stop = threading.Event()

        def work() -> None:
            try:
                view, fetched = self._look(node, stop)
            except CancelledError:
                return
            except Exception as error:  # noqa: BLE001
                # Told on the screen: a file that cannot be looked into can still be downloaded.
                self._background.call_later(self._failed, stop, words_of(error))
                return
            self._background.call_later(self._received, stop, view, fetched)

        self._background.run(work, f"peek {node.key}")

    def leave(self) -> None:
        """Nobody waits for the file any more."""
        self._stop.set()

    def _look(self, node: Node, stop: threading.Event) -> tuple[View, int]:
        """What is inside, and how many bytes came for it. Raises FlowError, ValueError, …"""
        from flowtui.flow.walk.walk import remote_file
        from flowtui.peek.look import look
        from flowtui.peek.ranges import FileRanges

        client = self._client()
        file = remote_file(node.record, ())
        ranges = FileRanges(client, file.url, stop)
        return look(file.filename, ranges.read), ranges.fetched

    def _received(self, stop: threading.Event, view: View, fetched: int) -> None:
        if self._screen is not None and not stop.is_set():
            self._screen.show(view, quantities.size(fetched))

    def _failed(self, stop: threading.Event, words: str) -> None:
        if self._screen is not None and not stop.is_set():
            self._screen.fail(words)

    def _closed(self, _: None) -> None:
        self.leave()
        self._screen = None
