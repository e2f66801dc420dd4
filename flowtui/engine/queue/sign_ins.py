"""Servers whose session has ended, and the transfers that are held until somebody signs in."""

from __future__ import annotations

from collections import Counter, defaultdict


class SignIns:
    """The engine's thread alone uses it.

    Attributes:
        needed: servers whose session has ended.
    """

    def __init__(self) -> None:
        self.needed: set[str] = set()
        self._count: Counter[str] = Counter()
        self._held: dict[str, list[int]] = defaultdict(list)

    def need(self, server: str) -> None:
        """Note that the session at `server` has ended."""
        self.needed.add(server)

    def hold(self, server: str, transfer_id: int) -> None:
        """Keep a queued transfer back until somebody has signed in at `server`."""
        self._held[server].append(transfer_id)

    def count(self, server: str) -> int:
        """How often somebody has signed in at `server` since this engine began."""
        return self._count[server]

    def signed_in(self, server: str) -> list[int]:
        """Note that somebody has signed in; the transfers that were held for it."""
        self.needed.discard(server)
        self._count[server] += 1
        return self._held.pop(server, [])
