"""The app's connection to the engine: events come in, and requests go out (`engine_requests`).

Events are read as they come: what is drawn is then the queue as it is, however seldom it is drawn.
An engine that went away is started again, and sends the whole queue again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from textual.message import Message

from flowtui.daemon.client import EngineClient
from flowtui.daemon.connect import connect_engine
from flowtui.daemon.errors import EngineError
from flowtui.protocol.messages import Changes, RequestRefused
from flowtui.tui.background import Background
from flowtui.tui.engine_requests import CurrentEngine, EngineRequests
from flowtui.tui.queue_model import Delta, QueueModel

if TYPE_CHECKING:
    from textual.app import App

    from flowtui.config import Folders

DRAW_EVERY = 0.2
"""Seconds between two drawings of what changed, where the terminal is on this machine."""

DRAW_EVERY_REMOTE = 0.5
"""The same over SSH, where what is drawn shares the line with keys and their effect."""

RECONNECT_AFTER = (0.2, 1.0, 3.0, 10.0)
"""Seconds before each further try to connect to an engine; the last one for all that follow."""

T = TypeVar("T")


class EngineUp(Message):
    """The engine answers; it is this process and version."""

    def __init__(self, pid: int, version: str) -> None:
        super().__init__()
        self.pid = pid
        self.version = version


class EngineLost(Message):
    """The engine does not answer; `reason` says more. It is tried again."""

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason


class EngineCallFailed(Message):
    """The engine would not do `what` (a verb: `pause`); `message` says why."""

    def __init__(self, what: str, message: str) -> None:
        super().__init__()
        self.what = what
        self.message = message


class QueueChanged(Message):
    """There is something new in the queue."""

    def __init__(self, link: EngineLink) -> None:
        super().__init__()
        self._link = link

    def take(self) -> tuple[QueueModel, Delta]:
        """The queue as it is now, and what is new. To be called on the screen's thread."""
        delta = self._link.take()
        return self._link.model, delta


def draw_every(refresh_rate: int, environment: Mapping[str, str]) -> float:
    """Seconds between two drawings, by the setting and by where the terminal is."""
    if refresh_rate:
        return 1 / refresh_rate
    remote = any(environment.get(name) for name in ("SSH_CONNECTION", "SSH_TTY"))
    return DRAW_EVERY_REMOTE if remote else DRAW_EVERY


class EngineLink:
    """Keeps the model of the queue, and passes requests on.

    Attributes:
        model: the queue as far as it was taken over; for the screen's thread only.
    """

    def __init__(self, app: App[Any], folders: Folders, *, draw_every: float = DRAW_EVERY) -> None:
        """`draw_every`: seconds between two announcements of what changed, at least."""
        self.model = QueueModel()
        self._background = Background(app)
        self._post_message = app.post_message
        self._folders = folders
        self._lock = threading.Lock()
        self._pending: list[Changes] = []
        self._announced = False
        self._news = threading.Event()
        self._draw_every = draw_every
        self._closed = threading.Event()
        self._engine = CurrentEngine(self._closed)
        self._requests = EngineRequests(
            self._engine,
            self._background.call_later,
            lambda what, why: self._post(EngineCallFailed(what, why)),
        )

    def start(self) -> None:
        """Begin to listen; an engine is started where none runs."""
        self._background.run(self._listen, "engine events")
        self._background.run(self._announce, "news of the engine")
        self._background.run(self._requests.run, "engine requests")

    def take(self) -> Delta:
        """Bring the model up to date; what changed."""
        with self._lock:
            pending, self._pending = self._pending, []
            self._announced = False
        delta = Delta()
        for changes in pending:
            self.model.apply(changes, delta)
        return delta

    def call(
        self,
        what: str,
        do: Callable[[EngineClient], T],
        done: Callable[[T], object] | None = None,
    ) -> None:
        """Have the engine do something, soon; `done` gets the result on the screen's thread.

        Requests are made one after the other. `what` is a verb, for when it fails.
        """
        self._requests.add(what, do, done)

    def stop_engine(self, *, pause: bool) -> None:
        """Have the engine end, all transfers paused first if so wanted. Waits for its answer."""
        self._closed.set()
        self._news.set()
        client = self._engine.client
        if client is None:
            return
        try:
            client.stop(pause=pause)
        except (EngineError, RequestRefused):
            return  # it has ended already, which is what was wanted

    def close(self) -> None:
        """Hang up; the engine goes on."""
        self._closed.set()
        self._news.set()
        self._requests.end()
        self._engine.drop()

    # In the listening thread

    def _listen(self) -> None:
        failures = 0
        while not self._closed.is_set():
            try:
                client = connect_engine(self._folders)
                failures = 0
                self._connected(client)
                for changes in client.events():
                    self._received(changes)
            except (EngineError, OSError) as error:
                self._lost(str(error))
                self._closed.wait(RECONNECT_AFTER[min(failures, len(RECONNECT_AFTER) - 1)])
                failures += 1

    def _connected(self, client: EngineClient) -> None:
        if self._engine.take(client):
            self._post(EngineUp(client.pid, client.version))

    def _lost(self, reason: str) -> None:
        self._engine.drop()
        if not self._closed.is_set():
            self._post(EngineLost(reason))

    def _received(self, changes: Changes) -> None:
        with self._lock:
            self._pending.append(changes)
            if self._announced:
                return
            self._announced = True
        self._news.set()

    # In the announcing thread

    def _announce(self) -> None:
        while self._news.wait() and not self._closed.is_set():
            self._news.clear()
            self._post(QueueChanged(self))
            self._closed.wait(self._draw_every)

    def _post(self, message: Message) -> None:
        self._background.call_later(self._post_message, message)
