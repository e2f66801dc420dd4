"""For each Flow service that the queue names: its client and the connections to it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

from flowtui.transfer.http.rate_limit import RateLimit

if TYPE_CHECKING:
    from flowtui.flow.client import FlowClient


@dataclass(frozen=True)
class ServerClients:
    """A signed-in client, and the pool of connections that its files come over."""

    client: FlowClient
    http: httpx.Client


def service_maker(
    open_client: Callable[[str], FlowClient], opened: FlowClient | None = None
) -> Callable[[str], ServerClients]:
    """Makes the service of a base URL, with the client that `open_client` gives for it.

    `opened` is a client that is there already; its service keeps it, and closes it at its end.
    """

    def make(server: str) -> ServerClients:
        if opened is not None and opened.server == server:
            return ServerClients(opened, opened.http)
        client = open_client(server)
        return ServerClients(client, client.http)

    return make


class Clients:
    """Makes a service's client when it is first needed; it may be used from any thread.

    Attributes:
        limit: the one rate limit of all.
    """

    def __init__(self, make: Callable[[str], ServerClients], limit: RateLimit) -> None:
        self._make = make
        self._made: dict[str, ServerClients] = {}
        self._lock = threading.Lock()
        self._making: dict[str, threading.Lock] = {}
        self.limit = limit

    def made(self, server: str) -> ServerClients | None:
        """The service with this base URL, where it is there already."""
        return self._made.get(server)

    def get(self, server: str) -> ServerClients:
        """The service with this base URL; it may be made now, which reads settings and tokens."""
        found = self._made.get(server)
        if found is None:
            with self._lock:
                making = self._making.setdefault(server, threading.Lock())
            with making:
                found = self._made.get(server) or self._make(server)
                self._made[server] = found
        return found

    def close(self) -> None:
        """Close all connections."""
        for made in list(self._made.values()):
            made.client.close()
            made.http.close()
