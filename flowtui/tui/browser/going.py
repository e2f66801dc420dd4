"""From a reference or link to what it names, asked of Flow in a thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flowtui.tui.background import Background
from flowtui.tui.browser.fetching import words_of
from flowtui.tui.browser.nodes import Node, NodeKind

if TYPE_CHECKING:
    from flowtui.flow.client import FlowClient
    from flowtui.flow.refs import Ref

LONGEST = 8192
"""Characters of what is typed or pasted: an address is no longer."""


class Going:
    """Looks up what a reference names; the latest one alone counts."""

    def __init__(
        self,
        client: Callable[[], FlowClient],
        background: Background,
        found: Callable[[Node], None],
        failed: Callable[[str], None],
    ) -> None:
        """`found` and `failed` (why, in words) are called on the screen's thread."""
        self._client = client
        self._background = background
        self._found = found
        self._failed = failed
        self._latest = 0

    def ask(self, text: str) -> None:
        """Look up what `text` names: `sample/34`, or a web or download link of the same server."""
        self._latest += 1
        number = self._latest

        def work() -> None:
            try:
                node = look_up(self._client(), text[:LONGEST])
            except Exception as error:  # noqa: BLE001 - told to who asked for it
                self._background.call_later(tell, self._failed, words_of(error))
                return
            self._background.call_later(tell, self._found, node)

        def tell(told: Callable[[Any], None], what: Any) -> None:
            if number == self._latest:
                told(what)

        self._background.run(work, f"go {number}")


def look_up(client: FlowClient, text: str) -> Node:
    """What a reference names, as a node without a place; of an output by its path the run.

    Raises FlowError, BadReference among them.
    """
    from flowtui.flow.errors import NotFound
    from flowtui.flow.refs import parse_ref

    ref = parse_ref(text, client.server)
    try:
        record = _record(client, ref)
    except NotFound as error:
        raise NotFound(f"{ref}: {error.message}", status=error.status) from error
    kind = NodeKind(ref.kind.value)
    if kind is NodeKind.DATA:
        name = record.filename
    else:
        name = record.label if kind is NodeKind.EXECUTION else record.name
    return Node(kind, f"{kind.value}/{ref.id}", name or ref.id, record=record)


def _record(client: FlowClient, ref: Ref) -> Any:
    from flowtui.flow.refs import RefKind

    ask: dict[RefKind, Callable[[str], Any]] = {
        RefKind.PROJECT: client.project,
        RefKind.SAMPLE: client.sample,
        RefKind.EXECUTION: client.execution,
        RefKind.DATA: client.data,
    }
    return ask[ref.kind](ref.id)
