"""The engine: owns the queue and everything that moves, in one thread with a mailbox.

Commands come in from any thread, change the queue, are stored, and go out as events: command →
engine → store → event. Workers do what takes time and post what came of it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Container, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from flowtui.config import Folders, Settings
from flowtui.engine import log
from flowtui.engine.bulk import BulkTracker
from flowtui.engine.bulk_job import BulkJobRecord, Wanted
from flowtui.engine.bulk_list import Desk
from flowtui.engine.limits import RateLimit
from flowtui.engine.mailbox import Mailbox, MailboxClosed
from flowtui.engine.protocol import (
    Added,
    Batch,
    BulkFileRow,
    BulkRow,
    Changes,
    RequestRefused,
    Space,
    Status,
    Summary,
)
from flowtui.engine.publisher import Listener, Publisher
from flowtui.engine.queue import Queue, Transfer
from flowtui.engine.scheduler import Scheduler
from flowtui.engine.service import Service, Services
from flowtui.engine.space import SpaceWatch, look
from flowtui.engine.states import ENDED, PENDING_WORK, UNFINISHED, TransferState
from flowtui.engine.store import Store, StoreError
from flowtui.engine.transfer import Outcome
from flowtui.engine.workers import Run, Workers
from flowtui.flow.remote_file import RemoteFile

TICK = 0.1
"""Seconds between two events while something moves."""

_S = TransferState

T = TypeVar("T")

_LOG = logging.getLogger("flowtui.engine")


class Engine:
    """Downloads what it is told to. Start it, give it batches, subscribe, stop it.

    All methods may be called from any thread. Those that `protocol.py` lists as requests do and
    return what is said there, and raise RequestRefused.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        database: Path | None = None,
        folders: Folders | None = None,
        make_service: Callable[[str], Service] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`database` None keeps the queue in memory; `clock` is what bulk jobs go by.

        Raises StoreError.
        """
        if make_service is None:
            from flowtui.engine.connect import service_maker

            make_service = service_maker(settings, folders)
        self.started = time.time()
        self._clock = clock
        self._store = Store(database)
        self._mailbox = Mailbox()
        self._limit = RateLimit(self._store.fact("limit_rate", settings.limit_rate))
        self._services = Services(make_service, self._limit)
        self._queue = Queue()
        self._workers = Workers(self._worker_finished)
        self._space = SpaceWatch(lambda: self._mailbox.post(self._room_known))
        self._scheduler = Scheduler(
            self._queue,
            self._workers,
            self._services,
            self._space,
            jobs=self._store.fact("jobs", settings.jobs),
            connections=self._store.fact("connections", settings.connections),
            check_containers=settings.check_containers,
        )
        self._unpack_archives = settings.unpack_archives
        self._bulk = BulkTracker(self._desk(), keep_notes=database is None)
        self._scheduler.on_ended = self._bulk.transfer_ended
        self._scheduler.bulk = self._bulk
        self._publisher = Publisher()
        self._thread = threading.Thread(target=self._live, name="engine", daemon=True)
        self._ending = False
        self._last_id = 0
        self._last_batch = 0
        self._last_root = ""
        self._changed: set[int] = set()
        self._removed: set[int] = set()
        self._bulk_changed: set[int] = set()
        self._bulk_removed: set[int] = set()
        self._idle = threading.Event()
        self.trouble = ""
        self._restore()

    def _desk(self) -> Desk:
        return Desk(
            workers=self._workers,
            services=self._services,
            post=self._mailbox.post,
            fetch=self._fetch_archive,
            singles=self._queue_singles,
            drop=self._drop,
            retry=lambda id_: void(self._requeue([id_], {_S.FAILED})),
            transfer=self._queue.transfers.get,
            find=self._queue.find,
            places=self._scheduler.places,
            note=self._scheduler.note,
            needs_sign_in=self._scheduler.needs_sign_in.add,
            clock=self._clock,
        )

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def stop(self, timeout: float = 2.0, *, pause: bool = False) -> None:
        """End; unfinished files stay resumable. With `pause`, all is paused first."""
        if self._thread.is_alive():
            try:
                if pause:
                    self.pause(None)
                self._mailbox.call(self._end)
            except MailboxClosed:
                pass  # somebody else stopped it meanwhile
            self._thread.join(timeout)
        self._workers.close(timeout)
        self._bulk.close()
        self._space.close()
        self._services.close()
        self._store.close()

    # Commands

    def add(self, batch: Batch) -> Added:
        """Queue a batch. What is unfinished in the queue already is not queued twice."""
        if not batch.files:
            raise RequestRefused("EMPTY", "there is nothing to download in this selection")
        if not Path(batch.root).is_absolute():
            raise RequestRefused("BAD_REQUEST", f"the target folder {batch.root} is not absolute")
        try:
            return self._call(lambda: self._add(batch))
        except OSError as error:
            raise RequestRefused(
                "NOT_READABLE", f"cannot read {batch.root}: {error.strerror}; choose another folder"
            ) from error

    def pause(self, ids: Sequence[int] | None) -> int:
        """Pause what is queued, waits or runs."""
        return self._call(lambda: self._let_go(ids, PENDING_WORK, _S.PAUSED))

    def cancel(self, ids: Sequence[int] | None) -> int:
        """Cancel what has not ended well; what it left on the disk is taken away."""
        return self._call(lambda: self._let_go(ids, UNFINISHED | {_S.FAILED}, _S.CANCELLED))

    def resume(self, ids: Sequence[int] | None) -> int:
        """Let paused transfers go on, and waiting ones try at once."""
        return self._call(lambda: self._requeue(ids, {_S.PAUSED, _S.WAITING}))

    def retry(self, ids: Sequence[int] | None) -> int:
        """Try failed transfers again; cancelled ones too where they are named."""
        states = {_S.FAILED, _S.WAITING} | (set() if ids is None else {_S.CANCELLED})
        return self._call(lambda: self._requeue(ids, states))

    def forget(self, ids: Sequence[int] | None) -> int:
        """Take ended transfers out of the list."""

        def forget() -> int:
            gone = [one for one in self._queue.pick(ids) if one.state in ENDED]
            for one in gone:
                self._queue.remove(one)
            return len(gone)

        return self._call(forget)

    def bulk(self, ids: Sequence[int], action: str) -> int:
        """Cancel, retry, create again, fetch one by one or forget bulk jobs."""

        def act() -> int:
            stopped = action in ("cancel", "one_by_one")
            transfers = self._bulk.transfers_of(ids) if stopped else []
            count = self._bulk.act(ids, action)
            self._let_go(transfers, UNFINISHED | {_S.FAILED}, _S.CANCELLED)
            return count

        return self._call(act)

    def bulk_files(self, id_: int) -> tuple[BulkFileRow, ...]:
        """The files of a bulk job, and what became of each."""
        return self._call(lambda: self._bulk.files(id_))

    def status(self, rows: bool = False) -> Status:
        """The queue now."""

        def look_at() -> Status:
            return Status(
                summary=self._summary(),
                transfers=tuple(one.row() for one in self._queue.pick(None)) if rows else (),
                bulk_jobs=tuple(self._bulk_row(one) for one in self._bulk.jobs) if rows else (),
            )

        return self._call(look_at)

    def space(self, path: str) -> Space:
        """Room at `path`, and what the queue has promised of it."""
        try:
            room = look(Path(path))
        except OSError as error:
            raise RequestRefused("NOT_READABLE", f"{path}: {error.strerror}") from error
        return self._call(lambda: Space(room.free, self._scheduler.promised(room.device)))

    def sign_in(
        self, server: str, username: str | None, token: str, refresh_token: str | None
    ) -> int:
        """Use this credential for a server; the number of transfers that go on with it."""
        from flowtui.flow.credentials import Credential, Source

        credential = Credential(
            token=token, refresh_token=refresh_token, username=username, source=Source.MEMORY
        )

        def use() -> int:
            self._services.get(server).client.use(credential)
            self._bulk.signed_in(server)
            return self._scheduler.signed_in(server)

        return self._call(use)

    def settings(self, **changes: int | None) -> dict[str, int]:
        """Change how many, how parallel, how fast; what is in force then."""

        def change() -> dict[str, int]:
            for name, lowest, highest in (
                ("jobs", 1, 64),
                ("connections", 0, 16),
                ("limit_rate", 0, 1 << 50),
            ):
                value = changes.get(name)
                if value is None:
                    continue
                if not lowest <= value <= highest:
                    raise RequestRefused(
                        "BAD_REQUEST", f"{name} should be from {lowest} to {highest}"
                    )
                if name == "limit_rate":
                    self._limit.rate = value
                else:
                    setattr(self._scheduler, name, value)
                self._store.remember(name, value)
            return {
                "jobs": self._scheduler.jobs,
                "connections": self._scheduler.connections,
                "limit_rate": self._limit.rate,
            }

        return self._call(change)

    def subscribe(self, listener: Callable[[Changes], bool | None]) -> Callable[[], None]:
        """Have `listener` told of everything, first what is there now; call the result to end.

        It is called in the engine's thread and must be quick; where it answers False it has not
        taken the event, and gets it again, with what is new by then.
        """

        def take(changes: Changes) -> bool:
            return listener(changes) is not False

        def begin() -> Callable[[], None]:
            quick: Listener = take
            one = self._publisher.add(quick, self._queue.transfers, self._bulk.jobs)
            return lambda: self._mailbox.post(lambda: self._publisher.discard(one))

        return self._call(begin)

    def is_idle(self) -> bool:
        """Whether nothing is left that the engine would do by itself."""
        return self._idle.is_set()

    def wait_idle(self, timeout: float | None = None) -> bool:
        """Wait until there is nothing left to do by itself; whether it is so."""
        return self._idle.wait(timeout)

    # The engine's thread

    def _call(self, letter: Callable[[], T]) -> T:
        def act() -> T:
            result = letter()
            self._set_idle()
            return result

        try:
            return self._mailbox.call(act)
        except MailboxClosed:
            raise RequestRefused("STOPPED", "the engine has stopped") from None

    def _live(self) -> None:
        """Take letters, let the scheduler act, save, tell; until the end."""
        last = 0.0
        timeout: float | None = 0.0
        told = True
        while not self._ending:
            for letter in self._mailbox.take(timeout):
                try:
                    letter()
                except Exception as error:  # noqa: BLE001
                    # One letter's mistake must not end the queue of all others.
                    _LOG.exception("a letter to the engine failed")
                    self.trouble = f"internal error: {type(error).__name__}: {error}"
            if self._ending:
                break
            now = time.monotonic()
            at = self._scheduler.turn(now)
            bulk_in = self._bulk.turn()
            self._save()
            self._set_idle()
            moving = bool(self._scheduler.runs) or self._bulk.is_unpacking
            if now - last >= TICK and (moving or self._has_news or not told):
                last = now
                self._scheduler.sample(now)
                told = self._tell()
            waits = [at - now] if at is not None else []
            if bulk_in is not None:
                waits.append(bulk_in)
            if moving or self._has_news or not told:
                waits.append(last + TICK - now)
            timeout = max(0.0, min(waits)) if waits else None
        self._save()
        self._tell()

    @property
    def _has_news(self) -> bool:
        return bool(
            self._changed
            or self._removed
            or self._bulk_changed
            or self._bulk_removed
            or self._queue.changed
            or self._bulk.list.changed
        )

    def _save(self) -> None:
        """Store what changed, and write the log; one transaction for all of a turn."""
        queue, bulk = self._queue, self._bulk.list
        if queue.unsaved or queue.removed or bulk.unsaved or bulk.removed:
            try:
                self._store.save(
                    [queue.transfers[one] for one in queue.unsaved],
                    queue.removed,
                    [bulk.jobs[one] for one in bulk.unsaved],
                    bulk.removed,
                )
                queue.unsaved.clear()
                bulk.unsaved.clear()
                self.trouble = ""
            except StoreError as error:
                # The files themselves are safe; the queue is saved with the next change.
                self.trouble = str(error)
        self._changed |= queue.changed
        self._removed |= queue.removed
        self._bulk_changed |= bulk.changed
        self._bulk_removed |= bulk.removed
        queue.changed.clear()
        queue.removed.clear()
        bulk.changed.clear()
        bulk.removed.clear()
        for root, entries in self._scheduler.take_log().items():
            self._workers.do(lambda root=root, entries=entries: self._write_log(root, entries))  # type: ignore[misc]

    def _write_log(self, root: str, entries: list[log.Entry]) -> None:
        try:
            log.append(Path(root), entries)
        except OSError as error:
            self.trouble = f"cannot write {Path(root) / log.LOG_NAME}: {error.strerror}"

    def _set_idle(self) -> None:
        pending = any(self._queue.counts[state] for state in PENDING_WORK)
        if pending or self._scheduler.runs or not self._bulk.is_idle:
            self._idle.clear()
        else:
            self._idle.set()

    def _tell(self) -> bool:
        """Publish; whether everybody has heard everything."""
        transfers, jobs = self._queue.transfers, self._bulk.jobs
        self._changed |= self._queue.changed
        self._queue.changed.clear()
        # The row of a job tells how far its archive is.
        self._bulk_changed |= {id_ for id_, job in jobs.items() if job.transfer_id in self._changed}
        left = self._publisher.publish(
            changed=self._changed,
            removed=self._removed,
            bulk=self._bulk_changed,
            removed_bulk=self._bulk_removed,
            summary=self._summary,
            row=lambda i: transfers[i].row() if i in transfers else None,
            bulk_row=lambda i: self._bulk_row(i) if i in jobs else None,
        )
        for one in (self._changed, self._removed, self._bulk_changed, self._bulk_removed):
            one.clear()
        return not left

    def _bulk_row(self, id_: int) -> BulkRow:
        job = self._bulk.jobs[id_]
        return job.row(self._queue.transfers.get(job.transfer_id or -1))

    def _summary(self) -> Summary:
        room = self._space.room(self._last_root) if self._last_root else None
        return self._queue.summary(
            self._scheduler.rate if self._scheduler.runs else 0.0,
            root=self._last_root,
            free=room.free if room else None,
            needs_sign_in=tuple(sorted(self._scheduler.needs_sign_in)),
            limit_rate=self._limit.rate,
            jobs=self._scheduler.jobs,
        )

    def _restore(self) -> None:
        for transfer in self._store.transfers():
            self._queue.add(transfer)
            self._last_id = max(self._last_id, transfer.id)
            self._last_batch = max(self._last_batch, transfer.batch_id)
            self._last_root = transfer.root
            if transfer.state is _S.QUEUED:
                self._scheduler.enqueue(transfer)
        jobs: list[BulkJobRecord] = list(self._store.bulk_jobs())
        self._bulk.restore(jobs)
        self._last_batch = max([self._last_batch, *(one.batch_id for one in jobs)])

    def _next_batch(self) -> int:
        self._last_batch += 1
        return self._last_batch

    def _add(self, batch: Batch) -> Added:
        batch_id = self._next_batch()
        if not batch.bulk:
            return self._queue_files(batch_id, batch)
        under_way = self._bulk.under_way(batch.root)
        known = [under_way[one.key] for one in batch.files if one.key in under_way]
        able, single = self._for_archive(batch, under_way)
        # What has no data id cannot be in an archive, and what is under way already comes so.
        one_by_one = Batch(batch.server, batch.root, batch.name, single)
        added = self._queue_files(batch_id, one_by_one) if single else Added(batch_id, (), 0, 0)
        job_id = known[0] if known else None
        if able:
            self._last_root = batch.root
            unpack = self._unpack_archives if batch.unpack is None else batch.unpack
            job_id = self._bulk.create(batch_id, batch, able, unpack=unpack).id
        return Added(
            batch_id,
            added.ids,
            added.added,
            added.known + len(known),
            job_id,
            apart=sum(1 for one in single if one.data_id is None),
        )

    def _for_archive(
        self, batch: Batch, but: Container[str]
    ) -> tuple[list[Wanted], tuple[RemoteFile, ...]]:
        """The files that an archive can bring, with their paths; and the others, without `but`."""
        places = self._scheduler.places(batch.root)
        able, single = [], []
        paths = {
            one.key: places.assign(one.key, one.folder, one.filename)
            for one in sorted(batch.files, key=lambda one: one.key)
        }
        for one in batch.files:
            there = self._queue.find(batch.root, one.key)
            known = there is not None and there.state in UNFINISHED
            if one.data_id is None or known:
                single.append(one)
            elif one.key not in but:
                able.append(Wanted(one, paths[one.key]))
        return able, tuple(single)

    def _queue_files(self, batch_id: int, batch: Batch, bulk_id: int | None = None) -> Added:
        places = self._scheduler.places(batch.root)
        ids: list[int] = []
        added = known = 0
        self._last_root = batch.root
        # In the order of their keys, two files of one name get the same names in every run.
        assigned = {
            one.key: places.assign(one.key, one.folder, one.filename)
            for one in sorted(batch.files, key=lambda one: one.key)
        }
        for one in batch.files:
            there = self._queue.find(batch.root, one.key)
            if there is not None and there.state in UNFINISHED:
                known += 1
            else:
                if there is not None:
                    self._queue.remove(there)
                there = self._new_transfer(batch_id, batch, one, assigned[one.key], bulk_id)
                self._queue.add(there)
                self._scheduler.enqueue(there)
                added += 1
            ids.append(there.id)
        return Added(batch_id, tuple(dict.fromkeys(ids)), added, known)

    def _new_transfer(
        self, batch_id: int, batch: Batch, one: RemoteFile, path: str, bulk_id: int | None
    ) -> Transfer:
        self._last_id += 1
        return Transfer(
            id=self._last_id,
            batch_id=batch_id,
            key=one.key,
            filename=one.filename,
            folder=one.folder,
            url=one.url,
            root=batch.root,
            path=path,
            server=batch.server,
            expected=one.size,
            md5=one.md5,
            data_id=one.data_id,
            sample=one.sample,
            bulk_id=bulk_id,
        )

    def _fetch_archive(self, job: BulkJobRecord, archive: RemoteFile) -> int:
        batch = Batch(job.server, job.root, job.name, (archive,))
        self._scheduler.admit_anew(job.batch_id)
        return self._queue_files(job.batch_id, batch, bulk_id=job.id).ids[0]

    def _queue_singles(self, job: BulkJobRecord, files: Sequence[RemoteFile]) -> None:
        if files:
            batch = Batch(job.server, job.root, job.name, tuple(files))
            self._queue_files(job.batch_id, batch)

    def _drop(self, id_: int) -> None:
        """Take a transfer out of the list; its part file stays."""
        transfer = self._queue.transfers.get(id_)
        if transfer is not None and transfer.state in ENDED:
            self._queue.remove(transfer)

    def _let_go(
        self, ids: Sequence[int] | None, states: Iterable[TransferState], to: TransferState
    ) -> int:
        count = 0
        for one in self._queue.pick(ids):
            if one.state in states:
                self._scheduler.let_go(one, to)
                if to is _S.CANCELLED:
                    self._bulk.transfer_ended(one)
                count += 1
        return count

    def _requeue(self, ids: Sequence[int] | None, states: Iterable[TransferState]) -> int:
        count = 0
        for one in self._queue.pick(ids):
            if one.state in states:
                self._scheduler.requeue(one)
                self._bulk.transfer_retried(one)
                count += 1
        return count

    def _worker_finished(self, run: Run, outcome: Outcome) -> None:
        self._mailbox.post(lambda: self._scheduler.finished(run, outcome, time.monotonic()))

    def _room_known(self) -> None:
        self._scheduler.room_known()

    def _end(self) -> None:
        for run in self._scheduler.runs.values():
            run.stop.set()
        self._bulk.stop()
        self._scheduler.sample(time.monotonic())
        self._ending = True
        self._mailbox.close()


def void(_: object) -> None:
    """Let a result go."""
