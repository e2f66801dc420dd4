"""Connections that httpcore opened and that are read from here, kept for the next request.

httpcore closes a connection of which its parser has not seen the end of the answer. Those whose
bodies were read from their sockets (`large_bodies`) have come to that end all the same, and live on
here; `kept_answers` and `large_bodies` send the next requests over them.
"""

from __future__ import annotations

import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import httpcore

from flowtui.flow.http.deadline import bounded

COLLECT = 0.05
"""Seconds within which a piece is given, also where it is not full."""

KEPT_FOR = 30.0
"""Seconds that a connection is kept for another request; as the pool of httpx does."""

MOST_KEPT = 64

Origin = tuple[str, str, int | None]
"""Scheme, host in lower case and port, None where it is the scheme's own: httpx's way."""


@dataclass(eq=False)
class DirectConnection:
    """A connection that is read from here, and no longer by httpcore.

    Attributes:
        close: ends it. `body`: the iterator of its first answer; httpcore ends the connection when
            that is let go of before its end.
        idle_since: seconds of the monotonic clock, while nothing is asked.
        waited: seconds spent waiting for bytes, of all large bodies so far.
    """

    stream: httpcore.NetworkStream
    socket: socket.socket
    origin: Origin
    close: Callable[[], None]
    body: Iterator[bytes]
    idle_since: float = 0.0
    waited: float = 0.0

    @property
    def is_silent(self) -> bool:
        """Whether nothing came since the last answer, not even that the server hung up."""
        pending = isinstance(self.socket, ssl.SSLSocket) and self.socket.pending()
        return not pending and not _wait(self.socket, 0.0)

    def send(self, content: bytes, timeout: float | None) -> None:
        """Send all of it.

        Raises TimeoutError where that takes longer than `timeout` seconds at a time, OSError.
        """
        timeout = bounded(timeout, TimeoutError)
        self._wait_for_nothing()
        view = memoryview(content)
        while view:
            try:
                view = view[self.socket.send(view) :]
                continue
            except (BlockingIOError, ssl.SSLWantWriteError):
                writes = True
            except ssl.SSLWantReadError:
                writes = False
            if not _wait(self.socket, timeout, writes=writes):
                raise TimeoutError("timed out")

    def receive(self, most: int, timeout: float | None) -> bytes:
        """The next bytes that come, nothing at the end of the connection.

        Raises TimeoutError where none comes within `timeout` seconds, OSError.
        """
        timeout = bounded(timeout, TimeoutError)
        self._wait_for_nothing()
        has_come = isinstance(self.socket, ssl.SSLSocket)  # what it holds, no poll tells
        writes = False
        while True:
            if not has_come and not _wait(self.socket, timeout, writes=writes):
                raise TimeoutError("timed out")
            try:
                return self.socket.recv(most)
            except (BlockingIOError, ssl.SSLWantReadError):
                has_come = writes = False
            except ssl.SSLWantWriteError:
                has_come, writes = False, True

    def _wait_for_nothing(self) -> None:
        """Have the socket's own calls return at once. httpx sets a timeout each time it reads."""
        if self.socket.gettimeout() != 0.0:
            self.socket.setblocking(False)

    def fill(self, view: memoryview, timeout: float | None) -> int:
        """Fill a buffer as far as bytes come soon; how many came, 0 at the end of the connection.

        Raises TimeoutError where none comes within `timeout` seconds, or the deadline of the
        request has passed, OSError.
        """
        timeout = bounded(timeout, TimeoutError)
        got = 0
        began = time.monotonic()
        self._wait_for_nothing()
        while got < len(view):
            writes = False
            try:
                count = self.socket.recv_into(view[got:])
            except (BlockingIOError, ssl.SSLWantReadError):
                count = -1
            except ssl.SSLWantWriteError:
                count, writes = -1, True
            if count == 0:
                break
            if count > 0:
                got += count
                continue
            left = timeout if not got else COLLECT - (time.monotonic() - began)
            if got and left is not None and left <= 0:
                break
            asked = time.monotonic()
            is_there = _wait(self.socket, left, writes=writes)
            self.waited += time.monotonic() - asked
            if not is_there:
                if got:
                    break
                raise TimeoutError("timed out")
        return got


def _wait(of: socket.socket, seconds: float | None, *, writes: bool = False) -> bool:
    """Whether a socket can be read (or written) within so many seconds."""
    poll = select.poll()
    poll.register(of, select.POLLOUT if writes else select.POLLIN)
    return bool(poll.poll(None if seconds is None else max(0.0, seconds) * 1000))


@dataclass(eq=False)
class KeptConnections:
    """Connections that wait for another request. For many threads."""

    _most: int = MOST_KEPT
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _idle: list[DirectConnection] = field(default_factory=list)
    _is_closed: bool = False

    def put(self, connection: DirectConnection) -> None:
        """Keep a connection."""
        connection.idle_since = time.monotonic()
        with self._lock:
            self._idle.append(connection)
            surplus = len(self._idle) if self._is_closed else len(self._idle) - self._most
            dropped = [self._idle.pop(0) for _ in range(max(0, surplus))]
        for old in dropped:
            old.close()

    def take(self, origin: Origin) -> DirectConnection | None:
        """A connection to this server that seems to live, the latest first; None where none is."""
        while True:
            with self._lock:
                mine = (idle for idle in reversed(self._idle) if idle.origin == origin)
                connection = next(mine, None)
                if connection is None:
                    return None
                self._idle.remove(connection)
            if time.monotonic() - connection.idle_since < KEPT_FOR and connection.is_silent:
                return connection
            connection.close()

    def close(self) -> None:
        """End all of them."""
        with self._lock:
            idle, self._idle, self._is_closed = self._idle, [], True
        for connection in idle:
            connection.close()
