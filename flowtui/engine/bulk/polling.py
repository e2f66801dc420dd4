"""Asking Flow for archives, and how far they are, for as long as it takes.

The asking is done by workers; what comes back is dealt with in the engine's thread.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from flowtui.engine.bulk.job import AT_A_TIME, LIFETIME, BulkJobRecord, halves, poll_delay
from flowtui.engine.bulk.jobs import BulkJobs
from flowtui.engine.bulk.notes import Note
from flowtui.protocol.states import BulkState
from flowtui.retry import LONGEST_ASKED, TRIES, Failure, GiveUp, History, decide
from flowtui.system import descriptors
from flowtui.system.clocks import age
from flowtui.text.redaction import without_secrets
from flowtui.transfer.errors import internal_error
from flowtui.transfer.task import ExpectedFile

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from flowtui.engine.mailbox import Mailbox
    from flowtui.engine.queue.sign_ins import SignIns
    from flowtui.engine.workers.pool import Workers
    from flowtui.flow.errors import FlowError
    from flowtui.flow.models import BulkJob
    from flowtui.timings import Timings
    from flowtui.transfer.http.clients import Clients

ON_SERVER = frozenset({BulkState.PENDING, BulkState.PROCESSING, BulkState.COMPLETED})

_AT_SERVER = ON_SERVER | {BulkState.FETCHING}


class JobPoller:
    """The jobs that are asked about, and when to ask next."""

    def __init__(
        self,
        jobs: BulkJobs,
        workers: Workers,
        clients: Clients,
        sign_ins: SignIns,
        mailbox: Mailbox,
        timings: Timings,
        *,
        ready: Callable[[BulkJobRecord, BulkJob], None],
        gone: Callable[[BulkJobRecord, str], None],
        one_by_one: Callable[[BulkJobRecord, str, str, str], None],
    ) -> None:
        """`ready` takes over a job whose archive can be fetched; `gone` one that has expired.

        `one_by_one`: one that there will be no archive of (see `Singles.bring`).
        """
        self._jobs = jobs
        self._workers = workers
        self._clients = clients
        self._sign_ins = sign_ins
        self._mailbox = mailbox
        self._timings = timings
        self._ready = ready
        self._gone = gone
        self._one_by_one = one_by_one
        self._due: dict[int, float] = {}
        self._asking: set[int] = set()
        self._old_session: set[int] = set()
        self._failures: dict[int, History] = {}
        self._since: dict[int, float] = {}
        # What was last heard of a job, and since when it is so.
        self._signs: dict[int, tuple[object, float]] = {}

    def is_idle(self, silent: Container[str]) -> bool:
        """Whether no job is under way on a server.

        What was left and waits for the disk of one of these folders does not count.
        """
        jobs = (self._jobs.jobs.get(id_) for id_ in self._asking)
        return not self._due and all(job is not None and job.root in silent for job in jobs)

    def follow(self, job: BulkJobRecord) -> None:
        """Ask for this job, or how far it is, at once."""
        self._due[job.id] = 0.0

    def leave(self, job: BulkJobRecord) -> None:
        """Ask no more."""
        for kept in (self._due, self._failures, self._since, self._signs):
            kept.pop(job.id, None)

    def signed_in(self, server: str) -> None:
        """Ask about this server's jobs again, now."""
        # What is answered to these is about the old session.
        self._old_session |= self._asking
        for id_ in self._due:
            if self._jobs.jobs[id_].server == server:
                self._due[id_] = 0.0

    def tick(self, now: float) -> float | None:
        """Have the jobs asked about whose time has come; seconds until the next one."""
        for id_, when in list(self._due.items()):
            if when <= now and id_ not in self._asking:
                self._jobs.apart(id_, lambda id_=id_: self._turn(id_, now), self.drop)  # type: ignore[misc]
        waiting = [when for id_, when in self._due.items() if id_ not in self._asking]
        return max(0.0, min(waiting) - now) if waiting else None

    def _turn(self, id_: int, now: float) -> None:
        """Ask about a job, if it is its turn."""
        job = self._jobs.jobs[id_]
        if job.job_id or self._may_start(job):
            self._ask(job)
            return
        self._due[id_] = now + self._timings.poll_turn
        if not job.reason:
            self._jobs.change(job, None, "waiting for earlier archives")

    def _may_start(self, job: BulkJobRecord) -> bool:
        others = (
            other
            for other in self._jobs.jobs.values()
            if other.server == job.server
            and other.state in _AT_SERVER
            and (other.job_id or other.id in self._asking)
        )
        return sum(1 for _ in others) < AT_A_TIME

    def _ask(self, job: BulkJobRecord) -> None:
        self._asking.add(job.id)
        server, id_, job_id, name, notes, root = (
            job.server,
            job.id,
            job.job_id,
            job.archive_name,
            self._jobs.notes,
            Path(job.root),
        )
        asked: tuple[ExpectedFile, ...] = ()
        if not job_id:
            asked = job.missing()
            self._jobs.set_content(job, asked)
        data_ids = [expected.file.data_id or "" for expected in asked]
        content, keys = job.content, tuple(expected.file.key for expected in asked)
        unpack = job.unpack
        part = root / job.part if job.part else None

        def ask() -> None:
            from flowtui.flow.errors import FlowError, ServiceUnavailable, UnexpectedAnswer

            response: BulkJob | FlowError
            try:
                client = self._clients.get(server).client
                if job_id:
                    response = client.bulk_job(job_id)
                else:
                    response = client.create_bulk_job(data_ids, name)
                    note = Note(content, job.server, response.id, keys)

                    def keep() -> None:
                        if part is not None:
                            _drop_unprovable(part)
                        if notes is not None and unpack:
                            notes.write(root, note)

                    # In the lane of the folder, which tells where its disk hangs.
                    self._workers.lanes.do("note", str(root), keep).result()
            except FlowError as error:
                # A client that could not read its certificates is no answer of Flow's.
                shortage = "" if error.retryable else descriptors.shortage(error)
                response = ServiceUnavailable(shortage) if shortage else error
            except Exception as error:  # noqa: BLE001
                if shortage := descriptors.shortage(error):
                    response = ServiceUnavailable(shortage)
                elif isinstance(error, OSError):
                    response = UnexpectedAnswer(f"cannot write to {root}: {error.strerror}")
                else:
                    # A mistake of ours must not leave the job unasked about for ever.
                    response = UnexpectedAnswer(internal_error(error).message)
            self._mailbox.post(
                self._jobs.about(id_, lambda: self._on_response(id_, response), self.drop)
            )

        self._workers.do(ask)

    def drop(self, id_: int) -> None:
        """Ask no more about a job with which something has gone wrong."""
        self._asking.discard(id_)
        self._due.pop(id_, None)

    def _on_response(self, id_: int, response: BulkJob | FlowError) -> None:
        from flowtui.flow.bulk_jobs import says_too_much
        from flowtui.flow.errors import FlowError, NotSignedIn

        self._asking.discard(id_)
        old_session = id_ in self._old_session
        self._old_session.discard(id_)
        job = self._jobs.jobs.get(id_)
        if job is None or job.state not in ON_SERVER or id_ not in self._due:
            return
        if isinstance(response, NotSignedIn) and old_session:
            self._due[id_] = self._jobs.clocks.due()
            return
        if self._is_lifeless(job, response):
            minutes = self._timings.bulk_patience / 60
            self._give_up(
                job, f"Flow has made no progress on the archive for {minutes:.0f} min", "ONE_BY_ONE"
            )
            return
        if isinstance(response, FlowError):
            self._refused(job, response)
            return
        self._failures.pop(id_, None)
        if not job.job_id:
            self._since[id_] = self._jobs.clocks.due()
        job.job_id = response.id
        if response.progress is not None or response.status != "processing":
            job.progress = response.progress
        if response.status == "failed":
            words = without_secrets(response.error) or "Flow could not prepare the archive"
            if says_too_much(words) and len(job.missing()) > 1:
                self._split(job, words)
            else:
                self._end(
                    job,
                    BulkState.FAILED,
                    f"{words}; retry, or download the files one by one",
                    "FAILED",
                )
        elif response.status == "expired":
            self.leave(job)
            self._gone(job, "the archive has expired")
        elif response.status == "completed":
            self.leave(job)
            job.seen_ready = True
            self._ready(job, response)
        else:
            state = BulkState.PROCESSING if response.status == "processing" else BulkState.PENDING
            self._ask_later(job, state, response.retry_after)

    def _ask_later(self, job: BulkJobRecord, state: BulkState, asked: float | None) -> None:
        now = self._jobs.clocks.due()
        if job.id not in self._since:  # an earlier engine has asked for it
            asked_for = age(job.created, self._jobs.clocks.day(), LIFETIME)
            self._since[job.id] = now - asked_for
        wait = poll_delay(now - self._since[job.id], self._timings.poll)
        if asked is not None:
            wait = max(wait, min(asked, LONGEST_ASKED))
        self._due[job.id] = now + wait
        self._jobs.change(job, state, "")

    def _is_lifeless(self, job: BulkJobRecord, response: BulkJob | FlowError) -> bool:
        """Whether a job that was asked for has not moved for as long as people are patient."""
        if not job.job_id or job.seen_ready:
            return False
        now = self._jobs.clocks.awake()
        sign = getattr(response, "status", None), getattr(response, "progress", None)
        before, since = self._signs.get(job.id, (None, now))
        if sign != before:
            since = now
        self._signs[job.id] = sign, since
        return now - since >= self._timings.bulk_patience

    def _give_up(self, job: BulkJobRecord, why: str, code: str) -> None:
        """Have the files come one by one, and forget the archive."""
        self.leave(job)
        self._one_by_one(job, why, f"{why}; downloading the files one by one", code)

    def _refused(self, job: BulkJobRecord, error: FlowError) -> None:
        from flowtui.flow.errors import (
            TOO_MANY_REQUESTS,
            Gone,
            NotOffered,
            NotReady,
            NotSignedIn,
            RateLimited,
            TooMuch,
        )

        if isinstance(error, TooMuch):
            self._split(job, error.message)
        elif isinstance(error, NotOffered):
            self._give_up(job, error.message.partition(";")[0], "NOT_OFFERED")
        elif isinstance(error, NotReady) and job.job_id and not job.seen_ready:
            self._failures.pop(job.id, None)
            self._ask_later(job, job.state, None)
        elif isinstance(error, Gone | NotReady):
            self.leave(job)
            self._gone(job, "the archive has expired")
        elif isinstance(error, NotSignedIn):
            self._sign_ins.need(job.server)
            self._due[job.id] = self._jobs.clocks.due() + self._timings.signed_out.first
            self._jobs.change(job, None, "waiting for you to sign in", error.code)
        elif error.retryable:
            limited = isinstance(error, RateLimited) and error.status == TOO_MANY_REQUESTS
            delay = self._delay(job, error.retry_after if isinstance(error, RateLimited) else None)
            if not job.job_id and self._is_refusal(job, limited=limited):
                self._give_up(
                    job, f"Flow does not prepare the archive ({error.message})", "NOT_OFFERED"
                )
                return
            self._due[job.id] = self._jobs.clocks.due() + delay
            self._jobs.change(
                job, None, f"{error.message}; checking again in {delay:.0f} s", error.code
            )
        else:
            self._end(job, BulkState.FAILED, error.message, error.code)

    def _is_refusal(self, job: BulkJobRecord, *, limited: bool) -> bool:
        """Whether a request for a job has failed as often, or for as long, as it is tried.

        Too many requests is no refusal until an hour of them.
        """
        history = self._failures[job.id]
        if limited:
            return self._jobs.clocks.awake() - history.since > LONGEST_ASKED
        return history.failures >= TRIES

    def _delay(self, job: BulkJobRecord, asked: float | None) -> float:
        """Count a failed request; the seconds until the next one."""
        now, policy = self._jobs.clocks.awake(), self._timings.bulk_job
        history = self._failures[job.id] = self._failures.get(job.id, History()).failed(now)
        decision = decide(Failure(asked=asked), history, now, policy)
        # Without a limit of tries it is never given up.
        return policy.longest if isinstance(decision, GiveUp) else decision.seconds

    def _split(self, job: BulkJobRecord, words: str) -> None:
        """Ask for two archives of half the files each; a single file comes by itself."""
        missing = job.missing()
        job.job_id, job.url, job.progress = "", "", None
        if len(missing) < 2:
            self._give_up(job, words, "ONE_BY_ONE")
            return
        first, second = halves(missing)
        moved = {expected.file.key for expected in second}
        kept = [expected for expected in job.expected_files() if expected.file.key not in moved]
        self._jobs.set_files(job, kept)
        job.up_to = 0  # that an archive is worth while is decided
        self._jobs.set_content(job, first)
        other = self._jobs.add(job, second)
        number = sum(1 for part in self._jobs.jobs.values() if part.batch_id == job.batch_id)
        job.name = f"{job.base} part 1" if job.name == job.base else job.name
        other.name = f"{job.base} part {number}"
        for part in (job, other):
            self._jobs.change(
                part, BulkState.PENDING, f"too much for one archive ({words}); asking for several"
            )
            self.follow(part)

    def _end(self, job: BulkJobRecord, state: BulkState, reason: str, code: str) -> None:
        self.leave(job)
        self._jobs.change(job, state, reason, code)


def _drop_unprovable(archive: Path) -> None:
    """Remove a part file of which nobody could tell whether the new archive goes on from it.

    Raises OSError.
    """
    from flowtui.system.files import UnfitFile
    from flowtui.transfer.disk import journal
    from flowtui.transfer.disk.part_file import journal_path, remove_leftovers

    try:
        found = journal.load(journal_path(archive))
    except UnfitFile:
        return  # whose transfer meets it takes another name
    if found is None or found.identity.validator is None:
        remove_leftovers(archive)
