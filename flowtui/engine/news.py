"""What happened in the queue: first stored, then told. The engine's thread alone uses it."""

from __future__ import annotations

import logging
from collections.abc import Callable

from flowtui.engine.bulk import BulkTracker
from flowtui.engine.protocol import Changes, Summary
from flowtui.engine.publisher import Publisher
from flowtui.engine.queue import Queue
from flowtui.engine.store import Store

_LOG = logging.getLogger("flowtui.engine")


class News:
    """Collects what changed, and remembers what the store and the listeners do not know yet."""

    def __init__(self, queue: Queue, bulk: BulkTracker, store: Store) -> None:
        self._queue = queue
        self._bulk = bulk
        self._store = store
        self._publisher = Publisher()
        # Not told yet.
        self._changed: set[int] = set()
        self._removed: set[int] = set()
        self._bulk_changed: set[int] = set()
        self._bulk_removed: set[int] = set()
        self._all_told = True
        # Not stored yet; transfers that changed are in `Queue.unsaved`.
        self._gone: set[int] = set()
        self._bulk_unsaved: set[int] = set()
        self._bulk_gone: set[int] = set()

    @property
    def is_waiting(self) -> bool:
        """Whether someone has still something to hear."""
        self._collect()
        untold = (self._changed, self._removed, self._bulk_changed, self._bulk_removed)
        return not self._all_told or any(untold)

    def save(self) -> bool:
        """Store what changed, in one transaction; whether there was anything.

        Raises StoreError; then the same is stored with the next call.
        """
        self._collect()
        queue, jobs = self._queue, self._bulk.jobs
        unsaved = (queue.unsaved, self._gone, self._bulk_unsaved, self._bulk_gone)
        if not any(unsaved):
            return False
        self._store.save(
            [queue.transfers[one] for one in queue.unsaved],
            self._gone,
            [jobs[one] for one in self._bulk_unsaved if one in jobs],
            self._bulk_gone,
        )
        for one in unsaved:
            one.clear()
        return True

    def tell(self, summary: Callable[[], Summary]) -> None:
        """Publish what changed."""
        self._collect()
        transfers, jobs = self._queue.transfers, self._bulk.jobs
        left = self._publisher.publish(
            changed=self._changed,
            removed=self._removed,
            bulk=self._bulk_changed,
            removed_bulk=self._bulk_removed,
            summary=summary,
            row=lambda i: transfers[i].row() if i in transfers else None,
            bulk_row=lambda i: jobs[i].row() if i in jobs else None,
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

    def _collect(self) -> None:
        queue, bulk = self._queue, self._bulk
        self._changed |= queue.changed
        self._removed |= queue.removed
        self._gone |= queue.removed
        self._bulk_changed |= bulk.changed
        self._bulk_unsaved |= bulk.changed
        self._bulk_removed |= bulk.removed
        self._bulk_gone |= bulk.removed
        for one in (queue.changed, queue.removed, bulk.changed, bulk.removed):
            one.clear()
