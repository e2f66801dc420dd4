"""Keys one after the other: what is typed ahead belongs to what the key before opened.

Textual hands keys to the focused widget as they come, and a key that opens a field does so only
once it has come up to the app. What a stalled line sends in one piece, `/drug` and enter, would all
go to the tree. So a key is handed over when the one before has done all that it does.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from textual import events
from textual.message import Message

if TYPE_CHECKING:
    from textual.app import App
    from textual.message_pump import MessagePump

PATIENCE = 1.0
"""Seconds after which the next key is handed over, also where a widget went away with the one
before."""


class KeyPassed(Message):
    """Goes behind a key the way that keys go; when it is with the app, the key has been seen to."""

    def __init__(self) -> None:
        super().__init__()
        self.arrived = asyncio.Event()


class TypedAhead:
    """Holds back keys and pasted text while the one before is still under way."""

    def __init__(self, app: App[Any], hand_over: Callable[[events.Event], Awaitable[None]]) -> None:
        """`hand_over` has an event dealt with as Textual does."""
        self._app = app
        self._hand_over = hand_over
        self._waiting: deque[events.Event] = deque()
        self._task: asyncio.Task[None] | None = None

    def take(self, event: events.Event) -> None:
        """Hand an event over when its turn has come."""
        self._waiting.append(event)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._hand_over_all(), name="keys")

    async def _hand_over_all(self) -> None:
        try:
            while self._waiting and self._has_screen():
                event = self._waiting.popleft()
                target = self._app.focused or self._app.screen
                await self._hand_over(event)
                await self._passed(target)
                # A screen that was opened takes the focus as its first messages are dealt with.
                if self._has_screen():
                    await self._passed(self._app.screen)
        except Exception as error:  # noqa: BLE001
            self._app._handle_exception(error)

    def _has_screen(self) -> bool:
        """Whether the app is there to take a key; one that ends is without a screen first."""
        return self._app.is_running and bool(self._app.screen_stack)

    async def _passed(self, target: MessagePump) -> None:
        behind = KeyPassed()
        if self._app.is_running and target.post_message(behind):
            try:
                await asyncio.wait_for(behind.arrived.wait(), PATIENCE)
            except TimeoutError:
                return  # the widget went away, and the message with it
