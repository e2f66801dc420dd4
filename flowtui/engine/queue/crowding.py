"""How many files at a time a server lets through, where that is fewer than there are places.

Some serve one download at a time for each address: they refuse the others (429, 503), turn their
connections away, or leave them without an answer. That is told from trouble by what comes
meanwhile: while other files of the same server get on, what it refuses has only to wait its turn.

The engine's thread alone uses it; time comes in as an argument.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict

REST = 300.0
"""Seconds after which one file more at a time is tried again."""


class Crowding:
    """The servers that have let through fewer, and the transfers that wait their turn there."""

    def __init__(self) -> None:
        self._limits: dict[str, int] = {}
        self._raise_at: dict[str, float] = {}
        self._held: dict[str, list[int]] = defaultdict(list)
        self._ended: Counter[str] = Counter()

    def ended_well(self, server: str) -> None:
        """Note that a file of the server is here."""
        self._ended[server] += 1

    def good_ends(self, server: str) -> int:
        """How many files of the server have come so far."""
        return self._ended[server]

    def refused(self, server: str, getting_on: int, now: float) -> None:
        """The server has refused a file while so many others of it got on."""
        limit = max(1, getting_on)
        self._limits[server] = min(self._limits.get(server, limit), limit)
        self._raise_at[server] = now + REST

    def forget(self, server: str) -> None:
        """The server refuses a file that is alone, too: that is no matter of how many there are."""
        self._limits.pop(server, None)
        self._raise_at.pop(server, None)

    def hold(self, server: str, transfer_id: int) -> None:
        """Keep a queued transfer until it is its turn."""
        heapq.heappush(self._held[server], transfer_id)

    def is_limited(self, server: str) -> bool:
        """Whether the server has let through fewer than were asked for."""
        return server in self._limits

    def places(self, server: str, running: int, now: float) -> int | None:
        """How many more files the server lets through beside those that run; None for any."""
        limit = self._limits.get(server)
        if limit is None:
            return None
        if now >= self._raise_at[server]:
            limit = self._limits[server] = limit + 1
            self._raise_at[server] = now + REST
        return max(0, limit - running)

    def take_due(self, server: str, places: int | None) -> list[int]:
        """The transfers whose turn it is, at most so many; they are held no more."""
        held = self._held[server]
        count = len(held) if places is None else min(places, len(held))
        return [heapq.heappop(held) for _ in range(count)]

    @property
    def waiting(self) -> list[str]:
        """The servers at which transfers are held."""
        return [server for server, held in self._held.items() if held]

    def next(self) -> float | None:
        """When one more is tried somewhere, or None."""
        return min(
            (self._raise_at[server] for server in self.waiting if server in self._raise_at),
            default=None,
        )
