"""What happened in the queue, for those who listen. The engine's thread alone uses it."""

from __future__ import annotations

import logging
from collections.abc import Callable

from flowtui.engine.bulk import BulkTracker
from flowtui.engine.protocol import BulkRow, Changes, Summary
from flowtui.engine.publisher import Publisher
from flowtui.engine.queue import Queue

_LOG = logging.getLogger("flowtui.engine")


class News:
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
