"""Asks for what is below nodes, in threads, a few at a time, each page once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from flowtui.tui.background import Background
from flowtui.tui.browser.loading import Loaded, load_page, matches
from flowtui.tui.browser.nodes import Node
from flowtui.tui.matching import Wanted

if TYPE_CHECKING:
    from flowtui.flow.client import FlowClient

AT_A_TIME = 4
"""Requests under way at once; more would not come sooner, and the service counts them."""

OnResult = Callable[[Node, int, Loaded | Exception], None]


class PageFetcher:
    """Fetches pages; `on_result(node, number, result)` is called on the screen's thread."""

    def __init__(
        self, client: Callable[[], FlowClient], background: Background, on_result: OnResult
    ) -> None:
        """`client` is called in a thread: it may take a moment the first time."""
        self._client = client
        self._background = background
        self._on_result = on_result
        self._slots = threading.BoundedSemaphore(AT_A_TIME)

    def fetch(self, node: Node, number: int) -> None:
        """Ask for page `number` of what is below `node`, unless it was asked for already."""
        if number in node.pending:
            return
        node.pending.add(number)
        epoch = node.epoch

        def work() -> None:
            result: Loaded | Exception
            try:
                with self._slots:
                    if node.epoch != epoch:
                        return
                    result = load_page(self._client(), node, number)
            except Exception as error:  # noqa: BLE001
                # It is shown in the tree where the children should be, and can be tried again.
                result = error
            self._background.call_later(self._received, node, epoch, number, result)

        self._background.run(work, f"fetch {node.key} {number}")

    def fetch_matches(self, node: Node, wanted: Wanted, then: Callable[[Node], None]) -> None:
        """Ask the server for what fits below `node`; `then` is called with it.

        What goes wrong is its `match_note`: what is loaded is filtered all the same, and the row of
        what is not stays.
        """
        text = wanted.text
        epoch, node.matched, node.matches, node.match_note = node.epoch, text, [], ""
        node.is_matching, node.match_failed = True, False

        def received(found: list[Node], note: str, is_all: bool) -> None:
            if node.epoch == epoch and node.matched == text:
                node.matches, node.match_note = found, note
                node.is_matching, node.match_failed = False, not is_all
                then(node)

        def work() -> None:
            try:
                with self._slots:
                    if node.matched != text:
                        return  # more was typed meanwhile
                    found, note, is_all = matches(self._client(), node, wanted)
            except Exception as error:  # noqa: BLE001 - shown where the matches should be
                found, note = [], f"the server could not filter: {words_of(error)}"
                is_all = False
            self._background.call_later(received, found, note, is_all)

        self._background.run(work, f"filter {node.key}")

    def _received(self, node: Node, epoch: int, number: int, result: Loaded | Exception) -> None:
        if node.epoch == epoch:
            node.pending.discard(number)
            self._on_result(node, number, result)


def words_of(error: Exception) -> str:
    """An error in words for people; the errors of Flow's client have some."""
    return getattr(error, "message", None) or f"{type(error).__name__}: {error}"
