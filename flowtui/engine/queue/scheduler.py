"""Which transfer runs when: places, waits, held batches, and what follows from an outcome.

There are `jobs` places. A file takes one. A small file (of one short request) may share one with
others (see `small_files`).

The engine's thread alone uses it; time comes in as an argument.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from flowtui.engine.queue.admission import BulkSide, NoBulk
from flowtui.engine.queue.pacing import Answers
from flowtui.engine.queue.queue import Queue, Transfer
from flowtui.engine.queue.rates import sample, take_over
from flowtui.engine.workers.pool import Workers
from flowtui.engine.workers.run import Run
from flowtui.engine.workers.small_files import AHEAD
from flowtui.protocol.states import TransferState
from flowtui.text import quantities
from flowtui.timings import Timings
from flowtui.transfer.disk import downloads_log
from flowtui.transfer.disk.part_file import NoteBudget
from flowtui.transfer.disk.paths import TargetPaths
from flowtui.transfer.disk.space import MARGIN, SpaceWatch
from flowtui.transfer.fetch.progress import CarryOver
from flowtui.transfer.pipeline import Tools
from flowtui.transfer.task import INLINE_BELOW, Outcome, Task

if TYPE_CHECKING:
    from flowtui.transfer.http.clients import Clients


class Scheduler:
    """Starts transfers and takes their outcomes.

    Attributes:
        jobs: files at a time. `connections`: per file at most, 0 for automatic.
        needs_sign_in: servers whose session has ended.
        runs: what workers hold, by id of the transfer, also what they are just letting go of.
        bulk: the bulk jobs that some of the transfers belong to.
    """

    def __init__(
        self,
        queue: Queue,
        workers: Workers,
        services: Clients,
        space: SpaceWatch,
        *,
        jobs: int,
        connections: int,
        check_containers: bool,
        timings: Timings,
        post: Callable[[Callable[[], None]], None],
    ) -> None:
        """`post` has the engine's thread call something, from any thread."""
        self._post = post
        self.jobs = jobs
        self.connections = connections
        self.needs_sign_in: set[str] = set()
        self.runs: dict[int, Run] = {}
        self.rate = 0.0
        self.on_ended: Callable[[Transfer], None] = lambda transfer: None
        self.bulk: BulkSide = NoBulk()
        self._check_containers = check_containers
        self._queue = queue
        self._workers = workers
        self._services = services
        self._space = space
        self._timings = timings
        self._notes = NoteBudget(timings.note_every)
        self._ready: list[int] = []
        self._held: dict[object, list[int]] = defaultdict(list)
        self._waits: list[tuple[float, int]] = []
        self._wait_until: dict[int, float] = {}
        self._answers = Answers()
        self._memories: dict[int, CarryOver] = {}
        self._admitted: set[int] = set()
        self._sign_ins: Counter[str] = Counter()
        self._space_checks: dict[int, float] = {}
        self._places: dict[str, TargetPaths] = {}
        self._log: dict[str, list[downloads_log.LogEntry]] = defaultdict(list)

    # What commands need

    def enqueue(self, transfer: Transfer) -> None:
        """Have a queued transfer run when its turn comes."""
        heapq.heappush(self._ready, transfer.id)

    def requeue(self, transfer: Transfer) -> None:
        """Make a transfer queued again, whatever it waits for."""
        self._wait_until.pop(transfer.id, None)
        self._queue.change(transfer, TransferState.QUEUED, reason="", code="", retryable=False)
        self.enqueue(transfer)

    def let_go(self, transfer: Transfer, state: TransferState) -> None:
        """Pause or cancel a transfer, now; a worker that holds it follows as soon as it can."""
        self._wait_until.pop(transfer.id, None)
        held = self.runs.get(transfer.id)
        done = transfer.done
        if held is not None:
            if state is TransferState.PAUSED:
                done = held.progress.done
            held.stop.set()
            if self._workers.lane.take_back(lambda one: one is held):
                del self.runs[transfer.id]  # no worker holds it yet
        self._queue.change(transfer, state, reason="", code="", done=done)
        if state is TransferState.CANCELLED and transfer.id not in self.runs:
            self._cancelled(transfer)

    def places(self, root: str) -> TargetPaths:
        """Whose the paths below `root` are. Raises OSError."""
        found = self._places.get(root)
        if found is None:
            found = self._places[root] = TargetPaths(Path(root))
            for one in self._queue.transfers.values():
                if one.root == root:
                    found.claim(one.path, one.key)
            for path, key in self.bulk.claims(root):
                found.claim(path, key)
        return found

    def forget_unused_places(self) -> None:
        """Let go of what is known of folders that the queue has nothing for any more.

        It is read from the folders themselves when it is needed again.
        """
        used = {one.root for one in self._queue.transfers.values()}
        for root in self._places.keys() - used:
            del self._places[root]
        self._space.keep_only(used)  # else their disks are looked at until the engine ends

    def signed_in(self, server: str) -> int:
        """Let the transfers that waited for this server's sign-in go on; how many."""
        self.needs_sign_in.discard(server)
        self._sign_ins[server] += 1
        count = 0
        for one in self._queue.in_state(TransferState.WAITING):
            if one.server == server and one.id not in self._wait_until:
                self.requeue(one)
                count += 1
        held = self._held.pop(("server", server), [])
        for id_ in held:
            heapq.heappush(self._ready, id_)
        return count + len(held)

    # What each turn does

    def turn(self, now: float) -> float | None:
        """Start what can start; the time of the next thing to do by itself, or None."""
        while self._waits and self._waits[0][0] <= now:
            when, id_ = heapq.heappop(self._waits)
            if self._wait_until.get(id_) == when:
                transfer = self._queue.transfers.get(id_)
                del self._wait_until[id_]
                if transfer is not None and transfer.state is TransferState.WAITING:
                    self.requeue(transfer)
        for batch_id, when in list(self._space_checks.items()):
            if when <= now:
                del self._space_checks[batch_id]
                for id_ in self._held.pop(("batch", batch_id), []):
                    heapq.heappush(self._ready, id_)
        self._fill(now)
        pending = [when for when, _ in self._waits[:1]] + list(self._space_checks.values())
        return min(pending, default=None)

    def _fill(self, now: float) -> None:
        """Start what there are places for, in the order of the queue."""
        lane = self._workers.lane
        staying = [one for one in self.runs.values() if one.is_fetching]
        large = sum(1 for one in staying if not one.task.is_small)
        small = -(-(len(staying) - large) // self._answers.share)  # places, rounded up
        kept_free = 0
        while self._ready:
            transfer = self._queue.transfers.get(self._ready[0])
            size = None if transfer is None else transfer.expected
            if size is not None and size <= INLINE_BELOW:
                if lane.waiting >= max(0, self.jobs - large) * self._answers.share * AHEAD:
                    break
                self._start(heapq.heappop(self._ready), now)
            elif large + small < self.jobs:
                large += self._start(heapq.heappop(self._ready), now)
            else:
                kept_free = 1  # the next place is its own
                break
        lane.widen(self._answers.threads(max(0, self.jobs - large - kept_free)))

    def _start(self, id_: int, now: float) -> bool:
        """Start a transfer if it can start; whether it did."""
        transfer = self._queue.transfers.get(id_)
        if transfer is None or transfer.state not in (TransferState.QUEUED, TransferState.WAITING):
            return False
        if id_ in self.runs:
            return False  # its worker is letting go; `finished` queues it again
        if transfer.server in self.needs_sign_in:
            self._held["server", transfer.server].append(id_)
            return False
        if not self._fits(transfer, now):
            return False
        if transfer.state is TransferState.WAITING:
            self._queue.change(transfer, TransferState.QUEUED, reason="", code="")
        service = self._services.get(transfer.server)
        recorded = None
        places = self._places.get(transfer.root)
        if places is not None:
            recorded = places.recorded.get(transfer.path)
        task = Task(
            id=id_,
            key=transfer.key,
            filename=transfer.filename,
            url=transfer.url,
            target=Path(transfer.root) / transfer.path,
            size=transfer.expected,
            md5=transfer.md5,
            data_id=transfer.data_id,
            recorded=recorded,
            archive=transfer.bulk_id is not None,
            connections=self.connections,
            # What is unpacked is checked then, member by member.
            check_containers=self._check_containers and not self.bulk.is_unpacked(transfer.bulk_id),
        )
        tools = Tools(
            service.http, service.client, self._services.limit, self._notes, self._timings
        )
        memory = self._memories.setdefault(id_, CarryOver())
        sign_ins = self._sign_ins[transfer.server]
        held = Run(task=task, tools=tools, memory=memory, looked=now, sign_ins=sign_ins)
        held.progress.listener = lambda phase, reason: self._reported(held, phase, reason)
        self.runs[id_] = held
        if not task.is_small:  # a small one is active when its turn has come
            self._queue.change(transfer, TransferState.ACTIVE, reason="", code="", retryable=False)
        self._workers.start(held)
        return True

    def _fits(self, transfer: Transfer, now: float) -> bool:
        """Whether the transfer's batch has room; if not, it is held until it has."""
        batch = transfer.batch_id
        if batch in self._admitted:
            return True
        room = self._space.room(transfer.root)
        if room is None and not self._space.is_known(transfer.root):
            self._held["batch", batch].append(transfer.id)
            self._space_checks[batch] = now + self._timings.room_retry
            return False
        left = self._queue.left[batch] + self.bulk.reserved(batch)
        if room is None or left <= 0:
            self._admitted.add(batch)
            return True
        promised = self.promised(room.device, batch)
        missing = int((left + promised) * MARGIN) - room.free
        if missing <= 0:
            self._admitted.add(batch)
            return True
        self._held["batch", batch].append(transfer.id)
        self._space_checks[batch] = now + self._timings.room_retry
        reason = (
            f"needs {quantities.size(missing)} more in {transfer.root} "
            f"({quantities.size(room.free)} free, {quantities.size(left)} to come)"
        )
        if transfer.state is not TransferState.WAITING or transfer.reason != reason:
            self._queue.change(transfer, TransferState.WAITING, reason=reason, code="NO_SPACE")
        return False

    def promised(self, device: int, but: int | None = None) -> int:
        """Bytes still to come to this file system by batches that were let through before."""
        total = 0
        roots: dict[int, str] = {}
        left: dict[int, int] = {}
        for one in self._admitted:
            left[one] = self._queue.left[one] + self.bulk.reserved(one)
            if one != but and left[one] > 0:
                roots.setdefault(one, self._queue.roots.get(one, ""))
        for batch, root in roots.items():
            room = self._space.room(root)
            if room is not None and room.device == device:
                total += left[batch]
        return total

    def admit_anew(self, batch_id: int) -> None:
        """Look again whether a batch has room, because more of it has come."""
        self._admitted.discard(batch_id)

    def room_known(self) -> None:
        """A folder was looked at first: look at what was held for it."""
        for batch in self._space_checks:
            self._space_checks[batch] = 0.0

    # What comes back

    def _reported(self, run: Run, phase: str, reason: str) -> None:
        """A worker is in another phase, or waits for something; called in its thread.

        Of small files the phases are passed over: they last no time, and there are many.
        """
        if run.task.is_small and not reason and not run.told_reason:
            return
        run.told_reason = bool(reason)

        def take() -> None:
            transfer = self._queue.transfers.get(run.task.id)
            if transfer is not None and self.runs.get(run.task.id) is run:
                take_over(self._queue, transfer, run, phase, reason)

        self._post(take)

    def finished(self, run: Run, outcome: Outcome, now: float) -> None:
        """A worker has let go of a transfer."""
        id_ = run.task.id
        if self.runs.get(id_) is run:
            del self.runs[id_]
        if (took := run.progress.answered_in) is not None:
            self._answers.heard(took)
        transfer = self._queue.transfers.get(id_)
        if transfer is None:
            # Cancelled and forgotten while its worker let go of it.
            self._sweep(run.task.target)
            return
        progress = run.progress
        ended = outcome.state in (TransferState.DONE, TransferState.SKIPPED)
        if not ended and transfer.state in (TransferState.PAUSED, TransferState.CANCELLED):
            if transfer.state is TransferState.CANCELLED:
                self._cancelled(transfer)
            else:
                self._queue.change(transfer, done=progress.done)
            return
        if transfer.state is TransferState.QUEUED:
            if run.is_leaving and not ended:  # paused and resumed while its worker let go
                self.enqueue(transfer)
                return
            self._queue.change(transfer, TransferState.ACTIVE)
        if outcome.state is TransferState.PAUSED:
            # Stopped by the end of the engine: it stays as it is, and goes on in the next one.
            self._queue.change(transfer, done=progress.done)
            return
        if outcome.needs == "sign-in" and run.sign_ins != self._sign_ins[transfer.server]:
            # It was refused with the token of before; meanwhile somebody has signed in.
            self._queue.change(transfer, done=progress.done)
            self.requeue(transfer)
            return
        if outcome.state is TransferState.WAITING:
            self._waiting(transfer, outcome, progress.done, now)
            return
        transfer.resumed_at = progress.resumed_at
        self._ended(transfer, outcome, progress.done)

    def _waiting(self, transfer: Transfer, outcome: Outcome, done: int, now: float) -> None:
        change = self._queue.change
        if outcome.needs == "place":
            occupied = transfer.occupied + 1
            places = self.places(transfer.root)
            places.release(transfer.path, transfer.key)
            path = places.assign(transfer.key, transfer.folder, transfer.filename, after=occupied)
            change(transfer, TransferState.QUEUED, path=path, occupied=occupied, done=0, reason="")
            self._memories.pop(transfer.id, None)
            self.enqueue(transfer)
            return
        change(
            transfer,
            TransferState.WAITING,
            reason=outcome.reason,
            code=outcome.code,
            retryable=outcome.retryable,
            done=done,
        )
        if outcome.needs == "sign-in":
            self.needs_sign_in.add(transfer.server)
            self._hold_back(transfer.server)
            return
        when = now + (outcome.wait or 0.0)
        self._wait_until[transfer.id] = when
        heapq.heappush(self._waits, (when, transfer.id))

    def _hold_back(self, server: str) -> None:
        """Take what was handed over ahead and would only meet the end of the session, too."""
        transfers = self._queue.transfers
        for run in self._workers.lane.take_back(
            lambda one: transfers[one.task.id].server == server
        ):
            del self.runs[run.task.id]
            self._held["server", server].append(run.task.id)

    def _ended(self, transfer: Transfer, outcome: Outcome, done: int) -> None:
        good = outcome.state is not TransferState.FAILED
        change = self._queue.change
        size = outcome.size if good else transfer.size
        if outcome.final is not None:
            path = str(outcome.final.relative_to(transfer.root))
            self.places(transfer.root).claim(path, transfer.key)
            change(transfer, path=path)
        change(
            transfer,
            outcome.state,
            reason=outcome.reason,
            code=outcome.code,
            retryable=outcome.retryable,
            done=(size or 0) if good else done,
            size=size,
            verified_by=outcome.verified_by,
            seconds=outcome.seconds,
            md5=outcome.md5 or transfer.md5,
        )
        self._memories.pop(transfer.id, None)
        if outcome.state is not TransferState.SKIPPED or outcome.md5 is None:
            self._note(transfer, outcome)
        self.on_ended(transfer)

    def _note(self, transfer: Transfer, outcome: Outcome) -> None:
        entry = transfer.entry(outcome.md5)
        if not self.bulk.is_unpacked(transfer.bulk_id):  # that archive does not stay
            self.note(transfer.root, entry)

    def note(self, root: str, entry: downloads_log.LogEntry) -> None:
        """Have an entry written into the log of `root`."""
        self._log[root].append(entry)
        places = self._places.get(root)
        if places is not None and entry.status in (TransferState.DONE, TransferState.SKIPPED):
            places.recorded[entry.path] = downloads_log.Recorded(entry.key, entry.size, entry.md5)

    def take_log(self) -> dict[str, list[downloads_log.LogEntry]]:
        """The log's new entries by folder, to be written by whoever takes them."""
        taken, self._log = self._log, defaultdict(list)
        return taken

    def _cancelled(self, transfer: Transfer) -> None:
        """A cancelled transfer is in nobody's hands: what it left goes."""
        self._memories.pop(transfer.id, None)
        self._queue.change(transfer, done=0)
        self._sweep(Path(transfer.root) / transfer.path)

    def _sweep(self, target: Path) -> None:
        """Take away what is left of an unfinished file."""
        from flowtui.transfer.disk.part_file import remove_leftovers

        def sweep() -> None:
            try:
                remove_leftovers(target)
            except OSError:
                # It stays beside the target as an unfinished file; a later try goes on from it.
                return

        self._workers.do(sweep)

    def sample(self, now: float) -> None:
        """Take over how far the workers are, and how fast."""
        self.rate = sample(self._queue, self.runs, now)
