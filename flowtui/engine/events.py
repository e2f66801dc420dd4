"""What happened in the queue, for those who listen. The engine's thread alone uses it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from flowtui.engine.bulk.tracker import BulkTracker
from flowtui.engine.queue.queue import Queue
from flowtui.protocol.messages import SNAPSHOT_PIECE, BulkRow, Changes, Summary, TransferRow

_LOG = logging.getLogger("flowtui.engine")


class Events:
    """Collects what changed, and remembers what the listeners do not know yet."""

    def __init__(self, queue: Queue, bulk: BulkTracker) -> None:
        self._queue = queue
        self._bulk = bulk
        self._publisher = Publisher()
        self._changed: set[int] = set()
        self._removed: set[int] = set()
        self._bulk_changed: set[int] = set()
        self._bulk_removed: set[int] = set()
        self._all_told = True

    @property
    def is_waiting(self) -> bool:
        """Whether someone has still something to hear."""
        self.collect()
        untold = (self._changed, self._removed, self._bulk_changed, self._bulk_removed)
        return not self._all_told or any(untold)

    def tell(self, summary: Callable[[], Summary]) -> None:
        """Publish what changed."""
        self.collect()
        transfers, jobs = self._queue.transfers, self._bulk.jobs
        # The row of a job tells how far its archive is.
        self._bulk_changed |= {id_ for id_, job in jobs.items() if job.transfer_id in self._changed}
        left = self._publisher.publish(
            changed=self._changed,
            removed=self._removed,
            bulk=self._bulk_changed,
            removed_bulk=self._bulk_removed,
            summary=summary,
            row=lambda i: transfers[i].row() if i in transfers else None,
            bulk_row=lambda i: self.bulk_row(i) if i in jobs else None,
        )
        for one in (self._changed, self._removed, self._bulk_changed, self._bulk_removed):
            one.clear()
        self._all_told = not left

    def subscribe(self, listener: Callable[[Changes], bool | None]) -> Callable[[], None]:
        """Have `listener` told, first of all that is there; call the result to end."""

        def take(changes: Changes) -> bool:
            try:
                return listener(changes) is not False
            except Exception:  # noqa: BLE001
                # Its own mistake must not cost the queue, nor the other listeners.
                _LOG.exception("a listener failed and is told nothing more")
                self._publisher.discard(one)
                return True

        one = self._publisher.add(take, self._queue.transfers, self._bulk.jobs)
        self._all_told = False
        return lambda: self._publisher.discard(one)

    def bulk_row(self, id_: int) -> BulkRow:
        """A bulk job as clients see it, with how far its archive is."""
        job = self._bulk.jobs[id_]
        return job.row(self._queue.transfers.get(job.transfer_id or -1))

    def collect(self) -> None:
        """Take over what changed; to be called when it is stored."""
        queue, bulk = self._queue, self._bulk.list
        self._changed |= queue.changed
        self._removed |= queue.removed
        self._bulk_changed |= bulk.changed
        self._bulk_removed |= bulk.removed
        for one in (queue.changed, queue.removed, bulk.changed, bulk.removed):
            one.clear()


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
