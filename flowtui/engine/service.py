"""For each Flow service that the queue names: its client and the connections to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

from flowtui.engine.limits import RateLimit

if TYPE_CHECKING:
    from flowtui.flow.client import FlowClient


@dataclass(frozen=True)
class Service:
    """A signed-in client, and the pool of connections that its files come over."""

    client: FlowClient
    http: httpx.Client


class Services:
    """Makes a service's client when it is first needed.

    Attributes:
        limit: the one rate limit of all.
    """

    def __init__(self, make: Callable[[str], Service], limit: RateLimit) -> None:
        self._make = make
        self._made: dict[str, Service] = {}
        self.limit = limit

    def get(self, server: str) -> Service:
        """The service with this base URL."""
        found = self._made.get(server)
        if found is None:
            found = self._made[server] = self._make(server)
        return found

    def close(self) -> None:
        """Close all connections."""
        for one in self._made.values():
            one.client.close()
            one.http.close()
