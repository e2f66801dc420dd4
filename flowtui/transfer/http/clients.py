"""For each Flow service that the queue names: its client and the connections to it."""

from __future__ import annotations

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
    """Makes a service's client when it is first needed.

    Attributes:
        limit: the one rate limit of all.
    """

    def __init__(self, make: Callable[[str], ServerClients], limit: RateLimit) -> None:
        self._make = make
        self._made: dict[str, ServerClients] = {}
        self.limit = limit

    def get(self, server: str) -> ServerClients:
        """The service with this base URL."""
        found = self._made.get(server)
        if found is None:
            found = self._made[server] = self._make(server)
        return found

    def close(self) -> None:
        """Close all connections."""
        for made in self._made.values():
            made.client.close()
            made.http.close()
