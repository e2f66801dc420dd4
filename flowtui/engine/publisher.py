"""Tells subscribers what changed: a snapshot first, then changes only, at most ten times a second.

A subscriber that is slow misses no change, it only hears of several at once: each has a set of
what it was not told yet, and gets it when it is ready again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from flowtui.engine.protocol import SNAPSHOT_PIECE, BulkRow, Changes, Summary, TransferRow

Listener = Callable[[Changes], bool]
"""Takes an event; False says that it has still to deal with the last one: then it is kept."""


@dataclass(eq=False)
class Subscriber:
    """Someone who listens, and what he was not told yet."""

    listener: Listener
    transfers: set[int] = field(default_factory=set)
    bulk: set[int] = field(default_factory=set)
    removed: set[int] = field(default_factory=set)
    removed_bulk: set[int] = field(default_factory=set)
    reset: bool = True


class Publisher:
    """The subscribers. The engine's thread alone uses it."""

    def __init__(self) -> None:
        self._subscribers: list[Subscriber] = []

    def add(self, listener: Listener, transfers: Iterable[int], bulk: Iterable[int]) -> Subscriber:
        """A new subscriber, who is to be told of all these."""
        one = Subscriber(listener, set(transfers), set(bulk))
        self._subscribers.append(one)
        return one

    def discard(self, subscriber: Subscriber) -> None:
        """Forget a subscriber."""
        self._subscribers = [one for one in self._subscribers if one is not subscriber]

    @property
    def has_listeners(self) -> bool:
        """Whether anyone listens."""
        return bool(self._subscribers)

    def publish(
        self,
        *,
        changed: set[int],
        removed: set[int],
        bulk: set[int],
        removed_bulk: set[int],
        summary: Callable[[], Summary],
        row: Callable[[int], TransferRow | None],
        bulk_row: Callable[[int], BulkRow | None],
    ) -> bool:
        """Tell everybody; True if someone has still something to hear."""
        left = False
        said: Summary | None = None
        for one in self._subscribers:
            one.transfers |= changed
            one.removed |= removed
            one.bulk |= bulk
            one.removed_bulk |= removed_bulk
            while one.reset or one.transfers or one.removed or one.bulk or one.removed_bulk:
                said = said or summary()
                piece = sorted(one.transfers)[:SNAPSHOT_PIECE]
                event = Changes(
                    summary=said,
                    transfers=tuple(r for i in piece if (r := row(i)) is not None),
                    bulk_jobs=tuple(b for i in sorted(one.bulk) if (b := bulk_row(i)) is not None),
                    removed=tuple(sorted(one.removed)),
                    removed_bulk=tuple(sorted(one.removed_bulk)),
                    reset=one.reset,
                    last=len(piece) == len(one.transfers),
                )
                if not one.listener(event):
                    left = True
                    break
                one.reset = False
                one.transfers.difference_update(piece)
                one.bulk.clear()
                one.removed.clear()
                one.removed_bulk.clear()
        return left
