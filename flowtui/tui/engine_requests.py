"""What the app asks of the engine: one request after the other, as soon as there is one."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from flowtui.daemon.client import EngineClient
from flowtui.daemon.errors import EngineError, EngineGone
from flowtui.protocol.messages import RequestRefused

CALL_PATIENCE = 15.0
"""Seconds that a request waits for an engine that is not there."""

T = TypeVar("T")

Call = tuple[str, Callable[[EngineClient], Any], Callable[[Any], object] | None]


class CurrentEngine:
    """The engine that is connected now, if one is. Safe to use from many threads."""

    def __init__(self, closed: threading.Event) -> None:
        """`closed` is set once no more engines are wanted."""
        self._closed = closed
        self._changed = threading.Condition()
        self._client: EngineClient | None = None

    @property
    def client(self) -> EngineClient | None:
        """The connection, or None."""
        with self._changed:
            return self._client

    def take(self, client: EngineClient) -> bool:
        """This one from now on; False, and it is hung up, where none is wanted any more."""
        with self._changed:
            if self._closed.is_set():
                client.close()
                return False
            self._client = client
            self._changed.notify_all()
            return True

    def drop(self) -> None:
        """Hang up; who waits for an engine looks whether one is still to come."""
        with self._changed:
            client, self._client = self._client, None
            self._changed.notify_all()
        if client is not None:
            client.close()

    def reach(self, other_than: EngineClient | None = None) -> EngineClient:
        """An engine, and another one than that; waited for CALL_PATIENCE seconds.

        Raises EngineError where none comes.
        """
        deadline = time.monotonic() + CALL_PATIENCE
        with self._changed:
            while self._client is None or self._client is other_than:
                left = deadline - time.monotonic()
                if left <= 0 or self._closed.is_set():
                    raise EngineError("the background engine does not answer; try again")
                self._changed.wait(left)
            return self._client


class EngineRequests:
    """Requests in the order in which they were made."""

    def __init__(
        self,
        engine: CurrentEngine,
        hand_back: Callable[[Callable[[Any], object], Any], object],
        failed: Callable[[str, str], None],
    ) -> None:
        """`hand_back(done, result)` calls `done` on the screen's thread.

        `failed` is told what (a verb) the engine would not do, and why.
        """
        self._engine = engine
        self._hand_back = hand_back
        self._failed = failed
        self._calls: queue.SimpleQueue[Call | None] = queue.SimpleQueue()

    def add(
        self,
        what: str,
        do: Callable[[EngineClient], T],
        done: Callable[[T], object] | None = None,
    ) -> None:
        """Have the engine do something, soon; see `EngineLink.call`."""
        self._calls.put((what, do, done))

    def end(self) -> None:
        """Make no more requests, once those so far are made."""
        self._calls.put(None)

    def run(self) -> None:
        """Make them, in a thread, until `end`."""
        while (call := self._calls.get()) is not None:
            what, do, done = call
            try:
                result = self._try(do)
            except (EngineError, RequestRefused) as error:
                self._failed(what, getattr(error, "message", str(error)))
            else:
                if done is not None:
                    self._hand_back(done, result)

    def _try(self, do: Callable[[EngineClient], T]) -> T:
        """Do it; once more where the engine went away meanwhile: no request does harm twice."""
        client = self._engine.reach()
        try:
            return do(client)
        except EngineGone:
            return do(self._engine.reach(other_than=client))
