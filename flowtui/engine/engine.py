"""The engine's commands, and the parts that it is put together from.

A command comes in from any thread and is done in the engine's own (`loop`), which then stores what
changed and tells of it: command → queue → store → event. Workers do what takes time, and post what
came of it.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TypeVar

from flowtui.config import Folders, Settings
from flowtui.connect import connector
from flowtui.engine.bulk.stages import EngineParts
from flowtui.engine.bulk.sums import with_files
from flowtui.engine.bulk.tracker import BulkTracker
from flowtui.engine.events import Events
from flowtui.engine.loop import Loop
from flowtui.engine.mailbox import Mailbox, MailboxClosed
from flowtui.engine.queue import silence
from flowtui.engine.queue.admission import Admission
from flowtui.engine.queue.folders import TargetFolders
from flowtui.engine.queue.intake import Intake
from flowtui.engine.queue.queue import Queue, Transfer
from flowtui.engine.queue.scheduler import Scheduler
from flowtui.engine.queue.services import Services
from flowtui.engine.queue.sign_ins import SignIns
from flowtui.engine.queue.silence import SilentDisks
from flowtui.engine.queue.tasks import Tasks
from flowtui.engine.rechecks import Rechecks
from flowtui.engine.runtime_settings import checked
from flowtui.engine.store.persistence import Persistence
from flowtui.engine.workers.lanes import Lanes
from flowtui.engine.workers.pool import Workers
from flowtui.engine.workers.run import Run
from flowtui.protocol.messages import (
    STATUS_PIECE,
    Added,
    Batch,
    BulkFileRow,
    BulkRow,
    Changes,
    Recheck,
    RequestRefused,
    Space,
    Status,
    Summary,
    TransferRow,
    that_fit,
)
from flowtui.protocol.schema import MOST
from flowtui.protocol.states import CANCELLABLE, ENDED, GOOD, PENDING_WORK, TransferState
from flowtui.system.clocks import Clocks
from flowtui.system.descriptors import Shares, own_shares
from flowtui.system.files import UnfitFile
from flowtui.timings import Timings
from flowtui.transfer.disk import space as disk_space
from flowtui.transfer.disk.downloads_log import ABOUT
from flowtui.transfer.disk.folder_record import FolderRecords
from flowtui.transfer.disk.space import SpaceWatch
from flowtui.transfer.http.clients import Clients, ServerClients, service_maker
from flowtui.transfer.http.rate_limit import RateLimit
from flowtui.transfer.task import Outcome, Recorded

T = TypeVar("T")


def _in_daemon_thread(work: Callable[[], None]) -> None:
    """Call `work` in a thread that keeps no process from ending."""
    threading.Thread(target=work, name="store", daemon=True).start()


class Engine:
    """Downloads what it is told to. Start it, give it batches, subscribe, stop it.

    All methods may be called from any thread. Those that `protocol.messages` lists as requests do
    and return what is said there, and raise RequestRefused.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        database: Path | None = None,
        folders: Folders | None = None,
        environment: Mapping[str, str] | None = None,
        make_service: Callable[[str], ServerClients] | None = None,
        clocks: Clocks = Clocks(),  # noqa: B008
        timings: Timings = Timings(),  # noqa: B008
        shares: Shares | None = None,
    ) -> None:
        """`database` None keeps the queue in memory.

        `environment`: see `connect.open_store`. `shares`: of the descriptors that it may have open,
        if not of all that this process has.

        Raises StoreError.
        """
        if make_service is None:
            make_service = service_maker(connector(settings, folders, environment))
        patience = min(timings.bulk_patience, settings.bulk_patience * 60.0)
        timings = replace(timings, bulk_patience=patience)
        self.started = clocks.day()
        self._clocks = clocks
        self._timings = timings
        self._mailbox = Mailbox()
        self._store_lanes = Lanes(_in_daemon_thread)
        self._state = str(database.parent) if database is not None else ""
        self._persistence = Persistence(database, self._in_store_thread, clocks)
        self._limit = RateLimit(settings.limit_rate)
        self._clients = Clients(make_service, self._limit)
        self._queue = Queue()
        shares = shares or own_shares()
        self._workers = Workers(self._on_result, timings, self._on_mistake, shares)
        self._space = SpaceWatch(self._on_room_measured, timings.space_every)
        self._sign_ins = SignIns()
        self._folders = TargetFolders(
            self._queue,
            self._space,
            self._workers.lanes,
            FolderRecords(md5sums=settings.md5sums),
            links=settings.link != "never",
            clock=clocks.due,
        )
        self._admission = Admission(self._queue, self._space, timings.room_retry)
        self._services = Services(self._clients, self._mailbox.post, self._open_service)
        self._disks = SilentDisks(self._queue, timings, self._persistence.note_trouble)
        lanes = (self._workers.lanes, self._store_lanes)
        self._disks.asked += [self._space.since, *(lane.since for lane in lanes)]
        self._tasks = Tasks.by(settings, self._folders, shares)
        self._scheduler = Scheduler(
            self._queue,
            self._workers,
            self._admission,
            self._folders,
            self._sign_ins,
            self._services,
            self._disks,
            self._tasks,
            jobs=settings.jobs,
            timings=timings,
            post=self._mailbox.post,
        )
        self._intake = Intake(self._queue, self._scheduler, self._folders)
        parts = EngineParts(
            queue=self._queue,
            intake=self._intake,
            scheduler=self._scheduler,
            disks=self._disks,
            admission=self._admission,
            folders=self._folders,
            sign_ins=self._sign_ins,
            clients=self._clients,
            workers=self._workers,
            mailbox=self._mailbox,
            clocks=clocks,
            timings=timings,
            on_mistake=self._on_mistake,
        )
        self._bulk = BulkTracker(
            parts,
            unpack=settings.unpack_archives,
            keep_notes=database is None,
        )
        self._rechecks = Rechecks(self._workers, timings.disk_patience)
        self._events = Events(self._queue, self._bulk.list, self._summary)
        self._loop = Loop(
            self._mailbox,
            self._queue,
            self._scheduler,
            self._bulk,
            folders=self._folders,
            workers=self._workers,
            persistence=self._persistence,
            events=self._events,
            timings=timings,
            clock=clocks.due,
        )
        self._intake.restore(self._persistence.transfers())
        self._bulk.restore(self._persistence.bulk_jobs())
        self._persistence.rebuild(self._queue, self._bulk.list, self._add)

    def tell_once(self, what: str, words: str) -> None:
        """Have `words` shown while this engine runs, unless an earlier one has said the same.

        To be called before `start`; empty words where there is nothing to tell.
        """
        self._persistence.tell_once(what, words)

    @property
    def trouble(self) -> str:
        """What is wrong with the engine itself, in words, or empty."""
        return self._persistence.trouble

    def note_trouble(self, what: str, words: str) -> None:
        """Tell clients what is wrong with `what`; empty words when it is right again."""
        self._mailbox.post(lambda: self._persistence.note_trouble(what, words))

    @property
    def is_saving_last(self) -> bool:
        """Whether it is about to end, and what it saves last still gets on."""
        return self._persistence.is_finishing

    @property
    def mistake(self) -> BaseException | None:
        """The latest exception in one of the engine's threads that nobody expected."""
        return self._loop.mistake

    @property
    def is_alive(self) -> bool:
        """Whether it was started and works."""
        return self._loop.is_alive

    def start(self) -> None:
        """Begin to work."""
        self._loop.start()

    def stop(self, timeout: float = 2.0, *, pause: bool = False) -> None:
        """End; unfinished files stay resumable. With `pause`, all is paused first."""
        deadline = time.monotonic() + timeout
        if self._loop.is_alive:
            if pause:
                with contextlib.suppress(RequestRefused):  # somebody else stopped it meanwhile
                    self.pause(None)
            self._loop.stop(timeout)
        self._rechecks.stop()
        self._workers.close(max(0.0, deadline - time.monotonic()))
        self._bulk.close()
        self._space.close()
        self._clients.close()
        self._persistence.close(max(0.1, deadline - time.monotonic()))

    # Commands

    def add(self, batch: Batch) -> Added:
        """Queue a batch. What is unfinished in the queue already is not queued twice."""
        if not batch.files:
            raise RequestRefused("EMPTY", "nothing to download: the request names no files")
        if not Path(batch.root).is_absolute():
            raise RequestRefused(
                "BAD_REQUEST", f"the target folder must be an absolute path: {batch.root}"
            )

        places = self._call(lambda: self._folders.place(batch.root, batch.files))
        # A disk that hangs is no reason not to take it: its files get their paths later.
        wait([places], self._timings.disk_patience)

        def add() -> Added:
            added = self._add(batch, places)
            self._persistence.added(added.batch_id, batch)
            return added

        try:
            return self._noted(add)
        except UnfitFile as error:
            raise RequestRefused(
                "IN_THE_WAY", f"cannot use {error.filename}: {error.strerror}"
            ) from error
        except OSError as error:
            raise RequestRefused(
                "NOT_READABLE", f"cannot read {batch.root}: {error.strerror}; choose another folder"
            ) from error

    def _add(self, batch: Batch, places: Future[dict[str, str]] | None = None) -> Added:
        add = self._bulk.intake.add if batch.bulk else self._intake.add
        return add(batch, places)

    def pause(self, ids: Sequence[int] | None) -> int:
        """Pause what is queued, waits or runs."""
        return self._call(lambda: self._let_go(ids, PENDING_WORK, TransferState.PAUSED))

    def cancel(self, ids: Sequence[int] | None) -> int:
        """Cancel what has not ended well; what it left on the disk is taken away."""
        return self._noted(lambda: self._let_go(ids, CANCELLABLE, TransferState.CANCELLED))

    def resume(self, ids: Sequence[int] | None) -> int:
        """Let paused transfers go on, and waiting ones try at once."""
        return self._call(lambda: self._requeue(ids, {TransferState.PAUSED, TransferState.WAITING}))

    def retry(self, ids: Sequence[int] | None) -> int:
        """Try failed transfers again; cancelled ones too where they are named."""
        named = set() if ids is None else {TransferState.CANCELLED}
        states = named | {TransferState.FAILED, TransferState.WAITING}
        return self._call(lambda: self._requeue(ids, states))

    def forget(self, ids: Sequence[int] | None) -> int:
        """Take ended transfers out of the list."""

        def forget() -> int:
            gone = [transfer for transfer in self._queue.pick(ids) if transfer.state in ENDED]
            self._persistence.dropped(gone)
            for transfer in gone:
                self._queue.remove(transfer)
            self._folders.forget_unused()
            return len(gone)

        return self._noted(forget)

    def bulk(self, ids: Sequence[int], action: str) -> int:
        """Cancel, retry, create again, fetch one by one or forget bulk jobs."""

        def act() -> int:
            stopped = action in ("cancel", "one_by_one")
            singles = action == "cancel"
            transfers = self._bulk.transfers_of(ids, singles=singles) if stopped else []
            count = self._bulk.actions.act(ids, action)
            self._let_go(transfers, CANCELLABLE, TransferState.CANCELLED)
            return count

        return self._call(act)

    def bulk_files(self, id_: int) -> tuple[BulkFileRow, ...]:
        """The files of a bulk job, and what became of each."""
        return tuple(self.bulk_files_from(id_, 0))

    def bulk_files_from(self, id_: int, after: int) -> Iterator[BulkFileRow]:
        """The same from the `after`th on."""
        # Whoever asks reads them from their text: a long list holds up nothing here.
        return self._call(lambda: self._bulk.copy_of(id_)).file_rows(after)

    def status(
        self, rows: bool = False, most: int | None = None, after: int | None = None
    ) -> Status:
        """The queue now; of its rows all, or the first `most` of those still to be done.

        With `after` the first of those with higher ids, STATUS_PIECE or as many as fit a line; bulk
        jobs come after 0.
        """

        def collect() -> Status:
            shown: Iterable[Transfer] = ()
            jobs = self._bulk.jobs if rows and not after else ()
            if rows:
                shown = self._queue.pick(None) if most is None else self._queue.next_to_do(most)
            if after is not None:
                shown = islice(self._queue.above(after), STATUS_PIECE if rows else 0)
            found = (transfer.row() for transfer in shown)
            return Status(
                summary=self._summary(),
                transfers=tuple(found if after is None else that_fit(found)),
                bulk_jobs=tuple(map(self._events.bulk_row, jobs)),
            )

        return self._call(collect)

    def verify(
        self, root: str, batch_id: int | None = None, about: Mapping[str, str] | None = None
    ) -> int:
        """Have the files of a batch read again, or what the log of `root` has; see `verified`.

        `about`: of the log only the files of which it says this (`downloads_log.ABOUT`). A worker
        reads them.
        """
        if about and not about.keys() <= set(ABOUT):
            raise RequestRefused("BAD_REQUEST", f"unknown field in {', '.join(about)}")
        if not Path(root).is_absolute():
            raise RequestRefused("BAD_REQUEST", f"the folder must be an absolute path: {root}")

        def start() -> int:
            expected = None if batch_id is None else self._files_here(root, batch_id)
            if expected is not None and not expected:
                raise RequestRefused("EMPTY", "nothing of it has been downloaded yet")
            return self._rechecks.start(Path(root), expected, about)

        return self._call(start)

    def _files_here(self, root: str, batch_id: int) -> dict[str, Recorded]:
        """Path → what is known of it, of those files of a batch that are at their place."""
        here = {
            transfer.path: Recorded(transfer.key, transfer.size, transfer.md5)
            for transfer in self._queue.transfers.values()
            if (transfer.batch_id, transfer.root) == (batch_id, root)
            and transfer.state in GOOD
            and not transfer.temporary
        }
        return self._bulk.files_here(root, batch_id) | here

    def verified(self, recheck_id: int, after: int = 0) -> Recheck:
        """How far `verify` is, with what is wrong from the `after`th file on."""
        return self._call(lambda: self._rechecks.report(recheck_id, after))

    def verify_end(self, recheck_id: int) -> int:
        """Read no more of it, and forget it."""
        return self._call(lambda: self._rechecks.end(recheck_id))

    def space(self, path: str) -> Space:
        """Room at `path`, and what the queue has promised of it."""
        asked = self._workers.lanes.do("space", path, lambda: disk_space.measure(Path(path)))
        try:
            room = asked.result(self._timings.disk_patience)
        except TimeoutError as error:
            words = silence.words(path, self._timings.disk_patience)
            raise RequestRefused(silence.CODE, words) from error
        except OSError as error:
            raise RequestRefused("NOT_READABLE", f"cannot read {path}: {error.strerror}") from error
        return self._call(
            lambda: Space(room.free, min(MOST, self._admission.promised(room.device)))
        )

    def sign_in(
        self, server: str, username: str | None, token: str, refresh_token: str | None
    ) -> int:
        """Use this credential for a server; the number of transfers that go on with it."""
        from flowtui.flow.session.credentials import Credential, CredentialSource

        credential = Credential(
            token=token,
            refresh_token=refresh_token,
            username=username,
            source=CredentialSource.MEMORY,
        )

        service = self._clients.get(server)

        def use() -> int:
            service.client.account.use(credential)
            self._bulk.signed_in(server)
            return self._scheduler.signed_in(server)

        return self._call(use)

    def settings(self, **changes: int | None) -> dict[str, int]:
        """Change how many, how parallel, how fast, until this engine ends; what is in force then.

        What is to last is in the settings file.
        """

        def change() -> dict[str, int]:
            for name, value in checked(changes).items():
                if name == "limit_rate":
                    self._limit.rate = value
                else:
                    setattr(self._scheduler if name == "jobs" else self._tasks, name, value)
            self._events.sums_changed()
            return {
                "jobs": self._scheduler.jobs,
                "connections": self._tasks.connections,
                "limit_rate": self._limit.rate,
            }

        return self._call(change)

    def subscribe(self, listener: Callable[[Changes], bool | None]) -> Callable[[], None]:
        """Have `listener` called with all there is, then with changes; call the result to end.

        It is called in the engine's thread and must be quick; where it answers False it has not
        taken the event, and gets it again, with what is new by then.
        """

        unsubscribe = self._call(lambda: self._events.subscribe(listener))
        return lambda: self._mailbox.post(unsubscribe)

    def tell_more(self, listener: Callable[[Changes], bool | None]) -> None:
        """Have a listener called again soon, who has dealt with an event that more follow.

        Without it he is called with the next piece at the engine's next turn.
        """
        self._mailbox.post(lambda: self._events.go_on(listener))

    def observe(
        self,
        transfer: Callable[[TransferRow], None],
        bulk_job: Callable[[BulkRow], None] = lambda row: None,
    ) -> None:
        """Have every single change told, also of states that pass at once; for before the start.

        What `subscribe` tells is joined: several changes between two events are one there. Both
        are called in the engine's thread and must be quick.
        """
        self._queue.observers.append(lambda changed: transfer(changed.row()))
        self._bulk.list.observers.append(
            lambda job: bulk_job(job.row(self._queue.transfers.get(job.transfer_id or -1)))
        )

    def is_idle(self) -> bool:
        """Whether nothing is left that the engine would do by itself."""
        return self._loop.is_idle

    def wait_idle(self, timeout: float | None = None) -> bool:
        """Wait until there is nothing left to do by itself; whether it is so."""
        return self._loop.wait_idle(timeout)

    def _call(self, message: Callable[[], T]) -> T:
        try:
            return self._loop.call(message)
        except MailboxClosed:
            raise RequestRefused("STOPPED", "the engine has stopped") from None

    def _noted(self, message: Callable[[], T]) -> T:
        """`_call`, and wait a moment until what it changed of what is wanted is on the disk."""

        def act() -> tuple[T, Future[None] | None]:
            result = message()
            return result, self._persistence.noted

        result, noted = self._call(act)
        if noted is not None and self._state not in self._disks.silent:
            wait([noted], self._timings.disk_patience)
        return result

    def _in_store_thread(self, work: Callable[[], T]) -> Future[T]:
        """Have the thread of the state folder call `work`, in its turn."""
        answer = self._store_lanes.do("store", self._state, work)
        answer.add_done_callback(lambda _: self._mailbox.post(lambda: None))  # to hear of it
        return answer

    def _open_service(self, server: str) -> Future[object]:
        """Have a server's client made, which reads tokens and certificates from the home folder."""
        folder = self._state or os.path.expanduser("~")  # Path asks for a home
        return self._store_lanes.do(
            f"client of {server}", folder, lambda: self._clients.get(server)
        )

    def _summary(self) -> Summary:
        root = self._intake.last_root
        room = self._space.room(root) if root else None
        summary = self._queue.summary(
            self._scheduler.rate if self._scheduler.runs else 0.0,
            root=root,
            free=room.free if room else None,
            needs_sign_in=tuple(sorted(self._sign_ins.needed)),
            limit_rate=self._limit.rate,
            jobs=self._scheduler.jobs,
            connections=self._tasks.connections,
            trouble=self.trouble,
        )
        return with_files(summary, self._bulk.jobs.values(), self._queue.transfers)

    def _let_go(
        self, ids: Sequence[int] | None, states: Iterable[TransferState], to: TransferState
    ) -> int:
        chosen = [transfer for transfer in self._queue.pick(ids) if transfer.state in states]
        if to is TransferState.CANCELLED:
            self._persistence.dropped(chosen)
        for transfer in chosen:
            self._scheduler.let_go(transfer, to)
        return len(chosen)

    def _requeue(self, ids: Sequence[int] | None, states: Iterable[TransferState]) -> int:
        count = 0
        for transfer in self._queue.pick(ids):
            if transfer.state in states:
                self._scheduler.requeue(transfer)
                self._bulk.transfer_retried(transfer)
                count += 1
        return count

    def _on_result(self, run: Run, outcome: Outcome) -> None:
        # Of small files it is enough to hear at the next tick, unless more are to be handed over.
        def follow() -> None:
            try:
                self._scheduler.on_result(run, outcome, self._clocks.due())
            except Exception as error:
                self._scheduler.fail(run, error)  # nobody holds it any more
                raise

        self._mailbox.post(
            follow,
            wake=not run.task.is_small or self._workers.small_files.is_low,
        )

    def _on_mistake(self, what: str, error: Exception) -> None:
        self._mailbox.post(lambda: self._loop.on_mistake(what, error))

    def _on_room_measured(self) -> None:
        self._mailbox.post(self._admission.room_measured)
