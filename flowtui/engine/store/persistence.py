"""What the engine keeps on the disk: its queue in the database, and once more as text.

It is written in a thread of its own, from copies: the disk of the state folder, often one NFS for
all homes, may hang, and then the engine goes on with what it has in memory.

A disk that does not take it is a trouble to be shown, not a reason to stop: the files themselves
are safe, and all is saved with the next change.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, wait
from copy import copy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol, TypeVar

from flowtui.engine.bulk.job import BulkJobRecord
from flowtui.engine.bulk.jobs import BulkJobs
from flowtui.engine.queue.queue import Queue, Transfer
from flowtui.engine.store.database import Store, StoreError
from flowtui.engine.store.recovery import Rescued, Restored, open_store
from flowtui.engine.store.request_log import Recorded, RequestLog
from flowtui.protocol.messages import Added, Batch
from flowtui.protocol.schema import WrongKind, read
from flowtui.system.clocks import Clocks
from flowtui.system.files import UnfitFile
from flowtui.text.redaction import without_secrets

T = TypeVar("T")

LOOK_EVERY = 0.05
"""Seconds between two looks at how far the last save is."""

NOTICE = 7 * 86_400.0
"""Seconds for which it is shown that the queue had to be rebuilt."""

START_PATIENCE = 5.0
"""Seconds that a start waits for its text record to be written."""

AGAIN = 5.0
"""Seconds until what a full disk did not take is tried again."""

_LOG = logging.getLogger("flowtui.engine")


@dataclass(frozen=True, slots=True)
class _Notice:
    """What is told for a while, and since when (Unix seconds)."""

    text: str
    time: float


@dataclass
class _Unsaved:
    """Ids whose stored form is out of date, besides `Queue.unsaved` and `BulkJobs.unsaved`."""

    removed: set[int] = field(default_factory=set)
    removed_bulk: set[int] = field(default_factory=set)


@dataclass(frozen=True)
class _Taken:
    """What was given to be stored: ids of transfers and of bulk jobs, and the rest."""

    transfers: set[int]
    bulk_jobs: set[int]
    others: _Unsaved


class InThread(Protocol):
    """Has another thread call something."""

    def __call__(self, work: Callable[[], T], /) -> Future[T]:
        """What comes of it."""


class Persistence:
    """The database and the text record of one queue. The engine's thread alone uses it.

    Attributes:
        is_finishing: what is left is being saved at the end, and gets on.
    """

    def __init__(
        self,
        database: Path | None,
        in_thread: InThread,
        clocks: Clocks = Clocks(),  # noqa: B008
    ) -> None:
        """`database` None keeps all in memory. `in_thread` has another thread call something, one
        after the other; from `rebuild` on all is written so. Raises StoreError.

        Where the disk has no room to begin a database it is kept in memory, too, and begun later.
        """
        self._clocks = clocks
        self._unopened: Path | None = None
        self._record_is_whole = True
        self._again_at = 0.0
        self._troubles: dict[str, str] = {}
        try:
            self._restored = open_store(database)
        except StoreError as error:
            if not (error.is_full and error.is_new):
                raise
            assert database is not None
            # As where it is gone: what the text record has is taken up.
            self._restored = Restored(Store(None), [], [], Rescued(database))
            self._unopened = database
            self._troubles["store"] = f"{error}; the queue is in memory only until there is room"
            self._try_again_later()
        self._store = self._restored.store
        self._request_log = RequestLog(database.with_name("queue.jsonl") if database else None)
        self._unsaved = _Unsaved()
        self._in_thread = in_thread
        self._saving: tuple[Future[list[str]], _Taken] | None = None
        self._opening: Future[Restored] | None = None
        self.is_finishing = False
        self._recording: deque[tuple[Future[None], bool]] = deque()

    @property
    def trouble(self) -> str:
        """What is wrong, in words, or empty."""
        return "; ".join(words for words in self._troubles.values() if words)

    def note_trouble(self, what: str, words: str) -> None:
        """Say what is wrong with `what`; empty words when it is right again."""
        self._troubles[what] = without_secrets(words)

    def tell_once(self, what: str, words: str) -> None:
        """`note_trouble`, unless the last engine that was asked to had the same words."""
        try:
            if words and self._store.fact(what) != words:
                self.note_trouble(what, words)
            self._store.remember(what, words)
        except StoreError as error:
            self._troubles["store"] = str(error)

    def transfers(self) -> Iterator[Transfer]:
        """The transfers as stored, or as far as they could be rescued."""
        return iter(self._restored.transfers)

    def bulk_jobs(self) -> list[BulkJobRecord]:
        """The bulk jobs as stored, or as far as they could be rescued."""
        return self._restored.bulk_jobs

    def rebuild(self, queue: Queue, jobs: BulkJobs, add: Callable[[Batch], Added]) -> None:
        """Add what the rescued rows lack and the text record has, and keep a word on it all.

        Nothing is to be done where the database was good.
        """
        rescued = self._restored.rescued
        if rescued is not None:
            before = len(queue.transfers)
            known = {job.batch_id for job in rescued.bulk_jobs}
            for job in rescued.bulk_jobs:
                jobs.touch(job)
            ids = {id_: id_ for id_ in queue.roots}
            batches, damage = self._read_request_log()
            for batch_id, batch in batches:
                missing = [file for file in batch.files if not queue.find(batch.root, file.key)]
                if missing and not (batch.bulk and batch_id in known):
                    continues = ids.get(batch_id)
                    try:
                        taken = add(replace(batch, files=tuple(missing), continues=continues))
                        ids[batch_id] = taken.batch_id
                    except OSError as error:
                        self._troubles["root"] = f"cannot read {batch.root}: {error.strerror}"
                    except Exception as error:  # noqa: BLE001
                        # A mistake of ours, for this batch; the others are taken up.
                        _LOG.exception("cannot take up a batch for %s", batch.root)
                        self._troubles["root"] = (
                            f"cannot take up {batch.name or 'a batch'} for {batch.root}"
                            f" ({type(error).__name__}); add it again"
                        )
            added = len(queue.transfers) - before
            if added or damage or not rescued.is_first_start:
                words = "; ".join(filter(None, (rescued.words(added), damage)))
                _LOG.warning("%s", words)
                try:
                    self._store.remember("notice", {"text": words, "time": self._clocks.day()})
                except StoreError as error:
                    self._troubles["notice"] = f"{words} ({error})"
        with contextlib.suppress(WrongKind):  # none was ever given, or it makes no sense
            notice = read(_Notice, self._store.fact("notice"))
            # A clock that was far ahead then must not keep it here for ever.
            if abs(self._clocks.day() - notice.time) < NOTICE:
                self._troubles["notice"] = without_secrets(notice.text)
        self._log_request(self._rewrite(queue), whole=True)
        if self.noted is not None:
            wait([self.noted], START_PATIENCE)
            self._take_recorded()

    def _rewrite(self, queue: Queue) -> Callable[[], None]:
        """Writes the text record anew, with what is in the queue now."""
        transfers = [copy(transfer) for transfer in queue.transfers.values()]
        return lambda: self._request_log.rewrite(transfers)

    def added(self, batch_id: int, batch: Batch) -> None:
        """Keep what was asked for."""
        if self._record_is_whole:  # else it is written anew, with this
            self._log_request(lambda: self._request_log.add(batch_id, batch))

    def dropped(self, transfers: Iterable[Transfer]) -> None:
        """Keep that these are wanted no more."""
        if self._record_is_whole:
            gone = list(transfers)
            self._log_request(lambda: self._request_log.drop(gone))

    @property
    def noted(self) -> Future[None] | None:
        """What is done once all that was kept so far is on the disk; None where all is."""
        return self._recording[-1][0] if self._recording else None

    def collect(self, queue: Queue, jobs: BulkJobs) -> None:
        """Take note of what is to be stored, before others take it over, and of what was."""
        self._take_saved(queue, jobs)
        self._take_recorded()
        self._unsaved.removed |= queue.removed
        self._unsaved.removed_bulk |= jobs.removed

    def save(self, queue: Queue, jobs: BulkJobs) -> None:
        """Store what changed since the last time, in one transaction."""
        self.collect(queue, jobs)
        if self._again_at and self._clocks.due() >= self._again_at:
            self._try_again(queue, jobs)
        if self._unopened is not None:
            return  # all of it is saved once there is room to begin
        unsaved = self._unsaved
        if self._store.file is None:
            queue.unsaved.clear()  # this engine's queue ends with it
            jobs.unsaved.clear()
            self._unsaved = _Unsaved()
            return
        if self._saving is not None:
            return  # the rest goes with the next one
        if not (queue.unsaved or unsaved.removed or jobs.unsaved or unsaved.removed_bulk):
            return
        taken = _Taken(set(queue.unsaved), set(jobs.unsaved), unsaved)
        transfers = [copy(queue.transfers[id_]) for id_ in queue.unsaved]
        bulk_jobs = [jobs.jobs[id_].copy() for id_ in jobs.unsaved]
        queue.unsaved.clear()
        jobs.unsaved.clear()
        self._unsaved = _Unsaved()
        store = self._store
        saved = self._in_thread(
            lambda: store.save(transfers, unsaved.removed, bulk_jobs, unsaved.removed_bulk)
        )
        self._saving = saved, taken

    def is_behind(self, queue: Queue, jobs: BulkJobs) -> bool:
        """Whether something changed that no save has taken yet."""
        others = self._unsaved.removed or self._unsaved.removed_bulk
        return bool(queue.unsaved or jobs.unsaved or others)

    @property
    def is_failing(self) -> bool:
        """Whether the last save was of no use: the next one waits for its time."""
        return bool(self._troubles.get("store"))

    @property
    def is_saving(self) -> bool:
        """Whether the disk has still to take what was saved last."""
        return self._saving is not None

    def _take_saved(self, queue: Queue, jobs: BulkJobs) -> None:
        """Take note of what came of the last save. What was not stored is to be stored again."""
        if self._opening is not None and self._opening.done():
            self._take_opened(self._opening, queue, jobs)
        if self._saving is None or not self._saving[0].done():
            return
        (saved, taken), self._saving = self._saving, None
        error = saved.exception()
        if error is None:
            self._troubles["store"] = ""
            self._say_left_out(saved.result())
            return
        queue.unsaved |= taken.transfers & queue.transfers.keys()
        jobs.unsaved |= taken.bulk_jobs & jobs.jobs.keys()
        self._unsaved.removed |= taken.others.removed
        self._unsaved.removed_bulk |= taken.others.removed_bulk
        if not isinstance(error, StoreError):
            raise error
        self._troubles["store"] = f"{error}; the last changes are in memory only"

    def _say_left_out(self, names: list[str]) -> None:
        """Tell of what no database can hold."""
        if names:
            _LOG.error("no database can hold: %s", ", ".join(names))
            count = "an entry" if len(names) == 1 else f"{len(names):,} entries"
            self._troubles["row"] = (
                f"cannot save {count} of the queue (first: {names[0]}): a number is too"
                " large; the next engine will not know of it"
            )

    def finish(self, queue: Queue, jobs: BulkJobs, patience: float) -> None:
        """Save what is left, and wait for it as long as it gets on.

        A long queue takes its time on a slow disk, and what is not stored by the end is lost to the
        next engine. One that takes no row for `patience` seconds hangs.
        """
        self.is_finishing = True
        try:
            for _ in range(2):  # what is under way, and what has come since
                self.save(queue, jobs)
                if self._saving is not None:
                    self._wait_while_it_gets_on(self._saving[0], patience)
        finally:
            self.is_finishing = False

    def _wait_while_it_gets_on(self, saved: Future[list[str]], patience: float) -> None:
        taken, since = self._store.taken, time.monotonic()
        while not saved.done():
            wait([saved], LOOK_EVERY)
            if self._store.taken != taken:
                taken, since = self._store.taken, time.monotonic()
            elif time.monotonic() - since >= patience:
                return

    @property
    def again_at(self) -> float | None:
        """When what a full disk did not take is tried again, by the clock `due`; or None."""
        return self._again_at or None

    def _try_again_later(self) -> None:
        self._again_at = self._clocks.due() + AGAIN

    def _try_again(self, queue: Queue, jobs: BulkJobs) -> None:
        """Begin the database, and write the text record anew, where there was no room for them."""
        self._again_at = 0.0
        if self._unopened is not None:
            unopened = self._unopened
            self._opening = self._in_thread(lambda: open_store(unopened))
            self._take_saved(queue, jobs)
            return
        if not self._record_is_whole:
            self._log_request(self._rewrite(queue), whole=True)

    def _take_opened(self, opening: Future[Restored], queue: Queue, jobs: BulkJobs) -> None:
        """Go on with the database that could be begun, or try it again later."""
        self._opening = None
        try:
            self._store = opening.result().store
        except StoreError:
            self._try_again_later()
            return
        self._unopened = None
        queue.unsaved.update(queue.transfers)
        jobs.unsaved.update(jobs.jobs)
        if not self._record_is_whole:
            self._log_request(self._rewrite(queue), whole=True)

    def close(self, timeout: float) -> None:
        """Let go of the files, as soon as all is written; waits `timeout` seconds for it."""
        wait([self._in_thread(self._store.close)], timeout)

    def _read_request_log(self) -> tuple[list[tuple[int, Batch]], str]:
        """What the text record has, and what is wrong with it, in words, or nothing.

        What else it holds is kept when it is written anew.
        """
        try:
            recorded = self._request_log.read()
            why = f"{recorded.nonsense:,} of its lines made no sense" if recorded.nonsense else ""
        except UnfitFile as error:
            recorded, why = Recorded(), error.what
        except OSError as error:
            recorded, why = Recorded(), error.strerror or str(error)
        if not why:
            return recorded.batches, ""
        words = f"cannot read all of {self._request_log.file}: {why}"
        try:
            words += f"; moved it to {self._request_log.set_aside()}"
        except OSError as error:
            words += f"; cannot move it away: {error.strerror}"
        return recorded.batches, words

    def _log_request(self, write: Callable[[], None], *, whole: bool = False) -> None:
        """Have the text record changed; `whole`: it is written anew."""
        if self._request_log.file is None:
            return
        self._recording.append((self._in_thread(write), whole))
        self._take_recorded()

    def _take_recorded(self) -> None:
        """Take note of what came of the changes of the text record."""
        while self._recording and self._recording[0][0].done():
            recorded, whole = self._recording.popleft()
            error = recorded.exception()
            if isinstance(error, OSError):
                # What lacks a line is written anew as a whole when there is room.
                self._record_is_whole = False
                self._try_again_later()
                file = self._request_log.file
                self._troubles["record"] = f"cannot write {file}: {error.strerror}"
            elif error is not None:
                raise error
            elif whole:
                self._record_is_whole = True
                self._troubles["record"] = ""
