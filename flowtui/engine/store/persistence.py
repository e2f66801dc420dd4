"""What the engine keeps on the disk: its queue in the database, and once more as text.

A disk that does not take it is a trouble to be shown, not a reason to stop: the files themselves
are safe, and all is saved with the next change.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

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

NOTICE = 7 * 86_400.0
"""Seconds for which it is shown that the queue had to be rebuilt."""

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


class Persistence:
    """The database and the text record of one queue. The engine's thread alone uses it."""

    def __init__(self, database: Path | None, clocks: Clocks = Clocks()) -> None:  # noqa: B008
        """`database` None keeps all in memory. Raises StoreError.

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
        self._log_request(lambda: self._request_log.rewrite(queue.transfers.values()))

    def added(self, batch_id: int, batch: Batch) -> None:
        """Keep what was asked for."""
        if self._record_is_whole:  # else it is written anew, with this
            self._log_request(lambda: self._request_log.add(batch_id, batch))

    def dropped(self, transfers: Iterable[Transfer]) -> None:
        """Keep that these are wanted no more."""
        if self._record_is_whole:
            self._log_request(lambda: self._request_log.drop(transfers))

    def collect(self, queue: Queue, jobs: BulkJobs) -> None:
        """Take note of what is to be stored, before others take it over."""
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
        if not (queue.unsaved or unsaved.removed or jobs.unsaved or unsaved.removed_bulk):
            return
        try:
            left_out = self._store.save(
                [queue.transfers[id_] for id_ in queue.unsaved],
                unsaved.removed,
                [jobs.jobs[id_] for id_ in jobs.unsaved],
                unsaved.removed_bulk,
            )
            queue.unsaved.clear()
            jobs.unsaved.clear()
            self._unsaved = _Unsaved()
            self._troubles["store"] = ""
            if left_out:
                _LOG.error("no database can hold: %s", ", ".join(left_out))
                count = "an entry" if len(left_out) == 1 else f"{len(left_out):,} entries"
                self._troubles["row"] = (
                    f"cannot save {count} of the queue (first: {left_out[0]}): a number is too"
                    " large; the next engine will not know of it"
                )
        except StoreError as error:
            self._troubles["store"] = str(error)

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
            try:
                self._store = open_store(self._unopened).store
            except StoreError:
                self._try_again_later()
                return
            self._unopened = None
            queue.unsaved.update(queue.transfers)
            jobs.unsaved.update(jobs.jobs)
        if not self._record_is_whole:
            self._log_request(lambda: self._request_log.rewrite(queue.transfers.values()))

    def close(self) -> None:
        """Let go of the files."""
        self._store.close()

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

    def _log_request(self, write: Callable[[], None]) -> None:
        try:
            write()
        except OSError as error:
            # What lacks a line is written anew as a whole when there is room.
            self._record_is_whole = False
            self._try_again_later()
            self._troubles["record"] = f"cannot write {self._request_log.file}: {error.strerror}"
        else:
            self._record_is_whole = True
            self._troubles["record"] = ""
