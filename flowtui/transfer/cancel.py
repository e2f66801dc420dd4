"""Stopping a transfer at once, also while it waits for the network."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

import httpx

from flowtui.transfer.errors import Stopped


class StopSignal:
    """Tells a transfer's threads to stop, and wakes those that wait for the network.

    Attributes:
        event: set once the transfer shall stop.
    """

    def __init__(self) -> None:
        self.event = threading.Event()
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()

    def set(self) -> None:
        """Stop: no more bytes are asked for, and blocked reads end."""
        self.event.set()
        with self._lock:
            for connection in self._sockets:
                _shut(connection)

    def interrupt(self) -> None:
        """End the reads that are under way now, as if their connections were lost."""
        with self._lock:
            for connection in self._sockets:
                _shut(connection)

    def check(self) -> None:
        """Raise Stopped if it is time to stop."""
        if self.event.is_set():
            raise Stopped

    def watch(self, response: httpx.Response) -> Callable[[], None]:
        """Have `set` end this response's reads too; call what is returned when it is read."""
        stream = response.extensions.get("network_stream")
        found = stream.get_extra_info("socket") if stream is not None else None
        return self._watch(found) if isinstance(found, socket.socket) else lambda: None

    def watch_socket(self, found: socket.socket) -> Callable[[], None]:
        """Have `set` end what is read from it too, until what is returned is called.

        Raises Stopped if it is time to stop.
        """
        self.check()
        return self._watch(found)

    def _watch(self, found: socket.socket) -> Callable[[], None]:
        with self._lock:
            self._sockets.add(found)
        if self.event.is_set():
            _shut(found)

        def unwatch() -> None:
            with self._lock:
                self._sockets.discard(found)

        return unwatch


def _shut(connection: socket.socket) -> None:
    try:
        # Not SSLSocket's own: that drops TLS first, and a read after it takes the packed bytes that
        # wait in the system for the file's.
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
    except OSError:
        # Closed already: then nothing waits for it either.
        return


Check = Callable[[], None]
