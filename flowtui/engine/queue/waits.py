"""Transfers that wait until a time: after a failure, for a busy file, for room on a full disk."""

from __future__ import annotations

import heapq


class Waits:
    """The engine's thread alone uses it. Times are seconds of the clock that `now` comes from."""

    def __init__(self) -> None:
        self._until: dict[int, float] = {}
        self._heap: list[tuple[float, int]] = []  # also of waits that were cut short

    def __contains__(self, transfer_id: int) -> bool:
        return transfer_id in self._until

    def add(self, transfer_id: int, until: float) -> None:
        """Have a transfer wait."""
        self._until[transfer_id] = until
        heapq.heappush(self._heap, (until, transfer_id))

    def cut_short(self, transfer_id: int) -> None:
        """Let a transfer wait no more, if it did."""
        self._until.pop(transfer_id, None)

    def take_due(self, now: float) -> list[int]:
        """The transfers whose time has come; they wait no more."""
        due = []
        while (next_until := self.next()) is not None and next_until <= now:
            _, transfer_id = heapq.heappop(self._heap)
            del self._until[transfer_id]
            due.append(transfer_id)
        return due

    def next(self) -> float | None:
        """When the next wait ends, or None."""
        while self._heap and self._until.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None
