"""Which transfer runs when, and what is done with what comes back from the workers.

There are `jobs` places. A file takes one. A small file (of one short request) may share one with
others (see `pacing`).

The engine's thread alone uses it; time comes in as an argument.
"""

from __future__ import annotations

import heapq
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from flowtui.engine.queue.admission import Admission
from flowtui.engine.queue.crowding import Crowding
from flowtui.engine.queue.folders import TargetFolders
from flowtui.engine.queue.outcomes import Effect, follow_up
from flowtui.engine.queue.pacing import Answers
from flowtui.engine.queue.placing import Placing
from flowtui.engine.queue.queue import HELD, Queue, Transfer
from flowtui.engine.queue.rates import sample, take_over
from flowtui.engine.queue.services import Services
from flowtui.engine.queue.sign_ins import SignIns
from flowtui.engine.queue.silence import SilentDisks
from flowtui.engine.queue.tasks import Tasks
from flowtui.engine.queue.waits import Waits
from flowtui.engine.workers.pool import Workers
from flowtui.engine.workers.run import Run
from flowtui.engine.workers.small_files import AHEAD
from flowtui.protocol.states import ENDED, GOOD, PENDING_WORK, TransferState
from flowtui.retry import History
from flowtui.system import descriptors
from flowtui.timings import Timings
from flowtui.transfer.disk.part_file import NoteBudget
from flowtui.transfer.errors import TooManyOpen, TransferError, disk_trouble, internal_error
from flowtui.transfer.fetch.progress import CarryOver
from flowtui.transfer.pipeline import Tools
from flowtui.transfer.task import INLINE_BELOW, Outcome

if TYPE_CHECKING:
    pass

_LOG = logging.getLogger("flowtui.engine")


class Scheduler:
    """Starts transfers and takes their outcomes.

    Attributes:
        jobs: files at a time.
        runs: what workers hold, by id of the transfer, also what they are just letting go of.
        rate: bytes a second of all runs together, as last sampled.
    """

    def __init__(
        self,
        queue: Queue,
        workers: Workers,
        admission: Admission,
        folders: TargetFolders,
        sign_ins: SignIns,
        services: Services,
        disks: SilentDisks,
        tasks: Tasks,
        *,
        jobs: int,
        timings: Timings,
        post: Callable[[Callable[[], None]], None],
    ) -> None:
        """`post` has the engine's thread call something, from any thread."""
        self.jobs = jobs
        self.runs: dict[int, Run] = {}
        self.rate = 0.0
        self.placing = Placing(queue, folders, disks, post)
        self.placing.listener = self._on_placed
        services.listener = self._on_service
        self._queue = queue
        self._workers = workers
        self._admission = admission
        self._folders = folders
        self._sign_ins = sign_ins
        self._services = services
        self._disks = disks
        self._tasks = tasks
        self._timings = timings
        self._post = post
        self._notes = NoteBudget(timings.note_every)
        self._ready: list[int] = []
        self._waits = Waits()
        self._short: list[int] = []  # they wait for a descriptor from the next tick on
        self._answers = Answers()
        self._crowding = Crowding()
        self._carry_overs: dict[int, CarryOver] = {}

    # What commands need

    def enqueue(self, transfer: Transfer) -> None:
        """Have a queued transfer run when its turn comes."""
        heapq.heappush(self._ready, transfer.id)

    def requeue(self, transfer: Transfer) -> None:
        """Make a transfer queued again, whatever it waits for."""
        self._waits.cut_short(transfer.id)
        self._queue.change(transfer, TransferState.QUEUED, reason="", code="", retryable=False)
        self.enqueue(transfer)

    def let_go(self, transfer: Transfer, state: TransferState) -> None:
        """Pause or cancel a transfer, now; a worker that holds it follows as soon as it can."""
        self._waits.cut_short(transfer.id)
        run = self.runs.get(transfer.id)
        done = transfer.done
        if run is not None:
            if state is TransferState.PAUSED:
                done = run.progress.done
            run.stop.set()
            if self._workers.small_files.take_back(lambda waiting: waiting is run):
                del self.runs[transfer.id]  # no worker holds it yet
        self._queue.change(transfer, state, reason="", code="", done=done)
        if state is TransferState.CANCELLED:
            if transfer.id not in self.runs:
                self._carry_overs.pop(transfer.id, None)
                self._queue.change(transfer, done=0)
                self._sweep(transfer)
            self._queue.announce_end(transfer)

    def signed_in(self, server: str) -> int:
        """Let the transfers that waited for this server's sign-in go on; how many."""
        held = self._sign_ins.signed_in(server)
        count = len(held)
        for transfer in self._queue.in_state(TransferState.WAITING):
            if transfer.server == server and transfer.id not in self._waits:
                self.requeue(transfer)
                count += 1
        for transfer_id in held:
            heapq.heappush(self._ready, transfer_id)
        return count

    @property
    def is_idle(self) -> bool:
        """Whether workers hold nothing, but for what was let go of and whose disk hangs."""
        return all(
            run.is_leaving and run.folder in self._disks.silent for run in self.runs.values()
        )

    def stop(self) -> None:
        """Have all workers let go of what they hold, since the engine ends."""
        for run in self.runs.values():
            run.stop.set()

    # What each tick does

    def tick(self, now: float) -> float | None:
        """Start what can start; the time of the next thing to do by itself, or None."""
        if self._disks.is_due(now):
            for transfer_id in self._disks.look(self.runs.values(), now, self._take_back):
                heapq.heappush(self._ready, transfer_id)
        for transfer_id in self._short:
            self._waits.add(transfer_id, now + self._timings.too_many_open.first)
        self._short.clear()
        for transfer_id in self._waits.take_due(now):
            transfer = self._queue.transfers.get(transfer_id)
            if transfer is not None and transfer.state is TransferState.WAITING:
                self.requeue(transfer)
        for transfer_id in self._admission.take_due(now):
            heapq.heappush(self._ready, transfer_id)
        for server in self._crowding.waiting:
            for transfer_id in self._crowding.take_due(server, self._places_at(server, now)):
                heapq.heappush(self._ready, transfer_id)
        self._fill(now)
        times = (self._waits.next(), self._admission.next(), self._crowding.next(),
                 self._disks.next())  # fmt: skip
        return min((when for when in times if when is not None), default=None)

    def sample(self, now: float) -> None:
        """Take over how far the workers are, and how fast."""
        self.rate = sample(self._queue, self.runs, now)

    def _take_back(self, folder: str) -> Iterator[int]:
        """What was handed over ahead and would only wait for the disk of this folder."""
        for run in self._workers.small_files.take_back(lambda waiting: waiting.folder == folder):
            del self.runs[run.task.id]
            yield run.task.id

    def _fill(self, now: float) -> None:
        """Start what there are places for, in the order of the queue."""
        small_files = self._workers.small_files
        staying = [run for run in self.runs.values() if run.is_fetching]
        large = sum(1 for run in staying if not run.task.is_small)
        small = -(-(len(staying) - large) // self._answers.share)  # places, rounded up
        kept_free = 0
        places = self._tasks.shares.files(self.jobs)
        while self._ready:
            transfer = self._queue.transfers.get(self._ready[0])
            size = None if transfer is None else transfer.expected
            if size is not None and size <= INLINE_BELOW:
                if small_files.waiting >= max(0, places - large) * self._answers.share * AHEAD:
                    break
                self._start(heapq.heappop(self._ready), now)
            elif large + small < places:
                large += self._start(heapq.heappop(self._ready), now)
            else:
                kept_free = 1  # the next place is its own
                break
        threads = self._answers.threads(max(0, places - large - kept_free))
        small_files.widen(min(threads, self._tasks.shares.small), self._disks.silent)

    def _start(self, transfer_id: int, now: float) -> bool:
        """Start a transfer if it can start; whether it did. One that cannot be started fails."""
        try:
            return self._start_if_possible(transfer_id, now)
        except Exception as error:  # noqa: BLE001
            # It has left the line already: without an end it would be waited for for ever.
            _LOG.error("a transfer could not be started", exc_info=error)
            self.runs.pop(transfer_id, None)
            self._fail(transfer_id, error)
            return False

    def _start_if_possible(self, transfer_id: int, now: float) -> bool:
        transfer = self._queue.transfers.get(transfer_id)
        if transfer is None or transfer.state not in HELD:
            return False
        if transfer_id in self.placing:
            return False  # it is queued again when it has its path
        if not transfer.path:
            self.placing.find(transfer)  # an earlier engine ended before it had one
            return False
        if transfer_id in self.runs:
            return False  # its worker is letting go; `on_result` queues it again
        if transfer.server in self._sign_ins.needed:
            self._sign_ins.hold(transfer.server, transfer_id)
            return False
        if self._places_at(transfer.server, now) == 0:
            self._crowding.hold(transfer.server, transfer_id)
            return False
        if transfer.root in self._disks.silent:
            self._disks.hold(transfer.root, transfer_id)
            return False
        server = self._services.of(transfer.server, transfer_id)
        if server is None or not self._admission.admit(transfer, now):
            return False
        if transfer.state is TransferState.WAITING:
            self._queue.change(transfer, TransferState.QUEUED, reason="", code="")
        run = Run(
            task=self._tasks.task(transfer, self.jobs),
            tools=Tools(
                server.http,
                server.client,
                self._services.clients.limit,
                self._notes,
                self._timings,
                self._folders.records,
            ),
            carry_over=self._carry_overs.setdefault(transfer_id, CarryOver()),
            measured_at=now,
            sign_ins=self._sign_ins.count(transfer.server),
            server=transfer.server,
            folder=transfer.root,
            good_ends=self._crowding.good_ends(transfer.server),
        )
        run.progress.listener = lambda phase, reason: self._on_progress(run, phase, reason)
        self.runs[transfer_id] = run
        if not run.task.is_small:  # a small one is active when its turn has come
            self._queue.change(transfer, TransferState.ACTIVE, reason="", code="", retryable=False)
        self._workers.start(run)
        return True

    def _on_placed(self, transfer: Transfer, error: BaseException | None) -> None:
        if error is None:
            self.enqueue(transfer)
        else:
            self._fail(transfer.id, error)

    def _on_service(self, held: Sequence[int], error: BaseException | None) -> None:
        """The client of a server is made, or why it could not be."""
        for transfer_id in held:
            transfer = self._queue.transfers.get(transfer_id)
            if error is None:
                heapq.heappush(self._ready, transfer_id)
            elif transfer is not None and transfer.state in HELD:
                self._fail(transfer_id, error)

    # What comes back

    def _on_progress(self, run: Run, phase: str, reason: str) -> None:
        """A worker is in another phase, or waits for something; called in its thread.

        Of small files the phases are passed over, with what they say of themselves: they last no
        time, there are many, and each message wakes the engine.
        """
        waits = phase == "active" and (reason or run.has_reason)
        if run.task.is_small and not waits:
            return
        run.has_reason = bool(reason)

        def take() -> None:
            transfer = self._queue.transfers.get(run.task.id)
            if transfer is not None and self.runs.get(run.task.id) is run:
                take_over(self._queue, transfer, run, phase, reason)

        self._post(take)

    def on_result(self, run: Run, outcome: Outcome, now: float) -> None:
        """A worker has let go of a transfer: do what follows from its outcome."""
        if self.runs.get(run.task.id) is run:
            del self.runs[run.task.id]
        if (seconds := run.progress.answered_in) is not None:
            self._answers.received(seconds)
        transfer = self._queue.transfers.get(run.task.id)
        if transfer is None:
            # Cancelled and forgotten while its worker let go of it.
            self._sweep_at(run.folder, run.task.target, run.task.root)
            return
        outcome = self._for_its_turn(run, outcome, now)
        instructions = follow_up(
            transfer,
            outcome,
            run.progress,
            is_leaving=run.is_leaving,
            signed_in_since=run.sign_ins != self._sign_ins.count(transfer.server),
        )
        *passing, last = instructions.states or (None,)
        for state in passing:
            self._queue.change(transfer, state)
        if last is not None or instructions.fields:
            self._queue.change(transfer, last, **instructions.fields)
        for effect in instructions.effects:
            self._carry_out(effect, transfer, outcome, now)

    def fail(self, run: Run, error: Exception) -> None:
        """What came of a run could not be dealt with: the transfer has failed, with words."""
        if self.runs.get(run.task.id) is run:
            del self.runs[run.task.id]
        self._fail(run.task.id, error)

    def _fail(self, transfer_id: int, error: BaseException) -> None:
        transfer = self._queue.transfers.get(transfer_id)
        if transfer is None or transfer.state in ENDED:
            return
        trouble: TransferError = internal_error(error)
        if (shortage := descriptors.shortage(error)) and transfer.state in PENDING_WORK:
            # A client was to be made, say, or a folder to be read: there will be descriptors.
            words = TooManyOpen(shortage)
            reason = words.waiting(self._timings.too_many_open.first)
            self._queue.change(transfer, TransferState.WAITING, reason=reason, code=words.code)
            self._short.append(transfer_id)
            return
        if isinstance(error, OSError):
            trouble = disk_trouble(error, Path(transfer.root) / transfer.filename)
        self._queue.change(
            transfer,
            TransferState.FAILED,
            reason=trouble.message,
            code=trouble.code,
            retryable=True,
        )
        self._queue.announce_end(transfer)

    def _places_at(self, server: str, now: float) -> int | None:
        """How many more files its server lets through now, None for any number."""
        if not self._crowding.is_limited(server):
            return None
        running = sum(run.server == server for run in self.runs.values() if not run.downloaded)
        return self._crowding.places(server, running, now)

    def _for_its_turn(self, run: Run, outcome: Outcome, now: float) -> Outcome:
        """The outcome, where the server refused the file because it serves others: a wait.

        It counts as no failure then, and fewer files at a time are asked for.
        """
        if not outcome.crowded:
            if outcome.state in GOOD:
                self._crowding.ended_well(run.server)
            return outcome
        getting_on = sum(
            other.server == run.server and other.is_fetching and other.progress.fetched > 0
            for other in self.runs.values()
        )
        if not getting_on and self._crowding.good_ends(run.server) == run.good_ends:
            self._crowding.forget(run.server)
            return outcome
        self._crowding.refused(run.server, getting_on, now)
        run.carry_over.history = History()
        if outcome.state is not TransferState.FAILED:
            return outcome
        reason = f"{outcome.reason}; waiting for other files of this server"
        return replace(outcome, state=TransferState.WAITING, wait=0.0, reason=reason)

    def _carry_out(self, effect: Effect, transfer: Transfer, outcome: Outcome, now: float) -> None:
        match effect:
            case Effect.ENQUEUE:
                self.enqueue(transfer)
            case Effect.NEW_PATH:
                self.placing.find(transfer)
            case Effect.CLAIM_PATH:
                path, key = transfer.path, transfer.key
                self._folders.tell(transfer.root, lambda paths: paths.claim(path, key))
            case Effect.AWAIT_SIGN_IN:
                self._sign_ins.need(transfer.server)
                self._hold_back(transfer.server)
            case Effect.AWAIT_TIME:
                self._waits.add(transfer.id, now + (outcome.wait or 0.0))
            case Effect.DROP_CARRY_OVER:
                self._carry_overs.pop(transfer.id, None)
            case Effect.SWEEP:
                self._sweep(transfer)
            case Effect.LOG:
                self._folders.log(transfer.root, transfer.entry(outcome))
            case Effect.ANNOUNCE:
                self._queue.announce_end(transfer)

    def _hold_back(self, server: str) -> None:
        """Take what was handed over ahead and would only meet the end of the session, too."""
        transfers = self._queue.transfers
        for run in self._workers.small_files.take_back(
            lambda waiting: transfers[waiting.task.id].server == server
        ):
            del self.runs[run.task.id]
            self._sign_ins.hold(server, run.task.id)

    def _sweep(self, transfer: Transfer) -> None:
        """Take away what is left of an unfinished file."""
        if transfer.path:
            root = Path(transfer.root)
            self._sweep_at(transfer.root, root / transfer.path, root)

    def _sweep_at(self, folder: str, target: Path, root: Path | None) -> None:
        from flowtui.transfer.disk.part_file import remove_leftovers

        def sweep() -> None:
            try:
                remove_leftovers(target, root)
            except OSError:
                # It stays beside the target as an unfinished file; a later try goes on from it.
                return

        self._workers.lanes.post("sweep", folder, sweep)
