"""What changed in the queue, for those who subscribe: a snapshot first, then changes only.

A subscriber who is slow holds up nobody: what he has not taken yet is kept as ids, and he gets it
as it is by then. The engine's thread alone uses it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from flowtui.engine.bulk.jobs import BulkJobs
from flowtui.engine.queue.queue import Queue
from flowtui.protocol.messages import (
    SNAPSHOT_PIECE,
    BulkRow,
    Changes,
    Row,
    Summary,
    that_fit,
)
from flowtui.protocol.wire import MAX_LINE

_LOG = logging.getLogger("flowtui.engine")

Listener = Callable[[Changes], bool | None]
"""Takes an event; False says that it has still to deal with the last one: then it is kept."""


@dataclass(eq=False)
class _Subscriber:
    """Somebody who listens.

    Attributes:
        is_new: he has not got the beginning of his snapshot yet.
        is_midway: he has got a piece that others follow.
        transfers, removed: ids of transfers that changed or went since he last took an event.
        bulk_jobs, removed_bulk: the same of bulk jobs.
    """

    listener: Listener
    transfers: set[int]
    bulk_jobs: set[int]
    removed: set[int] = field(default_factory=set)
    removed_bulk: set[int] = field(default_factory=set)
    is_new: bool = True
    is_midway: bool = False
    has_old_sums: bool = False

    @property
    def is_waiting(self) -> bool:
        """Whether there is something that he has not got."""
        rows = (self.transfers, self.bulk_jobs, self.removed, self.removed_bulk)
        return self.is_new or self.has_old_sums or any(rows)


class Events:
    """The subscribers, and what each of them does not know yet."""

    def __init__(self, queue: Queue, jobs: BulkJobs, summary: Callable[[], Summary]) -> None:
        """`summary` gives the sums that come with every event."""
        self._queue = queue
        self._jobs = jobs
        self._summary = summary
        self._subscribers: list[_Subscriber] = []

    @property
    def is_waiting(self) -> bool:
        """Whether there is something that a subscriber has not got."""
        self.collect()
        return any(subscriber.is_waiting for subscriber in self._subscribers)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Have `listener` told, first of all that is there; call the result to end."""
        subscriber = _Subscriber(listener, set(self._queue.transfers), set(self._jobs.jobs))
        self._subscribers.append(subscriber)
        return lambda: self._discard(subscriber)

    def sums_changed(self) -> None:
        """Have all told of what no row says: a limit, for one."""
        for subscriber in self._subscribers:
            subscriber.has_old_sums = True

    def collect(self) -> None:
        """Take over what changed; to be called when it is stored."""
        queue, jobs = self._queue, self._jobs
        changed_jobs = set(jobs.changed)
        if queue.changed:
            # The row of a job tells how far its archive is.
            changed_jobs |= {
                id_ for id_, job in jobs.jobs.items() if job.transfer_id in queue.changed
            }
        for subscriber in self._subscribers:
            subscriber.transfers |= queue.changed
            subscriber.removed |= queue.removed
            subscriber.bulk_jobs |= changed_jobs
            subscriber.removed_bulk |= jobs.removed
        for ids in (queue.changed, queue.removed, jobs.changed, jobs.removed):
            ids.clear()

    def publish(self) -> None:
        """Tell every subscriber what he does not know yet, as far as he takes it."""
        self.collect()
        summary: Summary | None = None
        for subscriber in self._subscribers:
            while subscriber.is_waiting:
                summary = summary or self._summary()
                if not self._send_piece(subscriber, summary):
                    break

    def go_on(self, listener: Listener) -> None:
        """Tell a listener more at once, who has dealt with a piece that others follow.

        What only changes waits for the next turn, and is joined.
        """
        for subscriber in self._subscribers:
            while subscriber.listener == listener and subscriber.is_midway:
                if not self._send_piece(subscriber, self._summary()):
                    break

    def _send_piece(self, subscriber: _Subscriber, summary: Summary) -> bool:
        """Whether the subscriber took the next piece of what he does not know yet."""
        transfers, jobs = self._queue.transfers, self._jobs.jobs
        piece, rows = _piece(
            sorted(subscriber.transfers)[:SNAPSHOT_PIECE],
            lambda id_: transfers[id_].row() if id_ in transfers else None,
            MAX_LINE // 2,
        )
        bulk_piece, bulk_rows = _piece(
            sorted(subscriber.bulk_jobs),
            lambda id_: self.bulk_row(id_) if id_ in jobs else None,
            MAX_LINE // 4,
        )
        is_whole = (len(piece), len(bulk_piece)) == (
            len(subscriber.transfers),
            len(subscriber.bulk_jobs),
        )
        event = Changes(
            summary=summary,
            transfers=rows,
            bulk_jobs=bulk_rows,
            removed=tuple(sorted(subscriber.removed)),
            removed_bulk=tuple(sorted(subscriber.removed_bulk)),
            reset=subscriber.is_new,
            last=is_whole,
        )
        if not self._take(subscriber, event):
            return False
        subscriber.is_new, subscriber.is_midway = False, not event.last
        subscriber.has_old_sums = False
        subscriber.transfers.difference_update(piece)
        subscriber.bulk_jobs.difference_update(bulk_piece)
        subscriber.removed.clear()
        subscriber.removed_bulk.clear()
        return True

    def bulk_row(self, id_: int) -> BulkRow:
        """A bulk job as clients see it, with how far its archive is."""
        job = self._jobs.jobs[id_]
        return job.row(self._queue.transfers.get(job.transfer_id or -1))

    def _take(self, subscriber: _Subscriber, event: Changes) -> bool:
        """Whether the subscriber took the event."""
        try:
            return subscriber.listener(event) is not False
        except Exception:  # noqa: BLE001
            # Its own mistake must not cost the queue, nor the other listeners.
            _LOG.exception("a listener failed and is told nothing more")
            self._discard(subscriber)
            return False

    def _discard(self, subscriber: _Subscriber) -> None:
        self._subscribers = [other for other in self._subscribers if other is not subscriber]


def _piece(
    ids: list[int], row_of: Callable[[int], Row | None], most: int
) -> tuple[list[int], tuple[Row, ...]]:
    """The first ids whose rows take so many bytes of a line at most, and those rows."""
    there: list[int] = []

    def rows() -> Iterator[Row]:
        for id_ in ids:
            if (row := row_of(id_)) is not None:
                there.append(id_)
                yield row

    fit = tuple(that_fit(rows(), most))
    if len(fit) < len(there):
        ids = [id_ for id_ in ids if id_ < there[len(fit)]]
    return ids, fit
