"""A text field that keeps up with keys in a burst, as they come after a slow line stalled."""

from __future__ import annotations

from collections.abc import Callable

from textual import events
from textual.widgets import Input


class Field(Input):
    """An `Input` that goes on to the next field at once. Messages: as `Input`, but `Submitted`.

    The app hands keys to the focused widget without waiting until the last one was dealt with. So
    what is typed right behind an enter or tab still comes here, and a password would stand where
    the user name is asked for; it is passed on to where the focus is by then.
    """

    def __init__(
        self, value: str = "", *, entered: Callable[[str], None], id: str, password: bool = False
    ) -> None:
        """`entered` is called with our id on enter; it may move the focus."""
        super().__init__(value, id=id, password=password, compact=True)
        self._entered = entered

    async def _on_key(self, event: events.Key) -> None:
        screen = self.screen
        elsewhere = screen.focused if screen.focused is not self else None
        if elsewhere is not None:
            elsewhere._forward_event(events.Key(event.key, event.character))
        elif event.key == "enter":
            self._entered(self.id or "")
        elif event.key == "tab":
            screen.focus_next()
        elif event.key == "shift+tab":
            screen.focus_previous()
        else:
            await super()._on_key(event)
            return
        event.stop()
        event.prevent_default()
