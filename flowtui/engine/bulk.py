"""Follows bulk jobs: asks Flow for an archive, looks how far it is, has it fetched when ready.

The engine's thread alone uses the tracker; the asking itself is done by workers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING
from urllib.parse import quote

from flowtui.engine.bulk_job import LIFETIME, BulkJobRecord, pack_files, poll_delay, unpack_files
from flowtui.engine.protocol import Batch
from flowtui.engine.queue import Transfer
from flowtui.engine.service import Services
from flowtui.engine.states import BULK_ENDED, BulkState, TransferState, check_bulk
from flowtui.engine.workers import Workers
from flowtui.flow.remote_file import RemoteFile

if TYPE_CHECKING:
    from flowtui.flow.errors import FlowError
    from flowtui.flow.models import BulkJob

_B = BulkState

_ON_SERVER = frozenset({_B.PENDING, _B.PROCESSING, _B.COMPLETED})


class BulkTracker:
    """The bulk jobs and when to look at each.

    Attributes:
        jobs: by id, in the order in which they were asked for.
        changed, removed: ids that clients (and the store) must hear of.
        fetch: queues an archive and gives its transfer's id; `one_by_one` queues single files.
        needs_sign_in: told of a server whose session has ended.
    """

    def __init__(
        self,
        workers: Workers,
        services: Services,
        post: Callable[[Callable[[], None]], None],
        *,
        fetch: Callable[[BulkJobRecord, RemoteFile], int],
        one_by_one: Callable[[Batch], None],
        needs_sign_in: Callable[[str], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.jobs: dict[int, BulkJobRecord] = {}
        self.changed: set[int] = set()
        self.removed: set[int] = set()
        self._workers = workers
        self._services = services
        self._post = post
        self._fetch = fetch
        self._one_by_one = one_by_one
        self._needs_sign_in = needs_sign_in
        self._clock = clock
        self._due: dict[int, float] = {}
        self._asking: set[int] = set()
        self._old_session: set[int] = set()
        self._failures: dict[int, int] = {}

    def restore(self, jobs: Iterable[BulkJobRecord]) -> None:
        """Take over what an earlier engine stored."""
        for job in jobs:
            self.jobs[job.id] = job
            if job.state in _ON_SERVER:
                self._due[job.id] = 0.0

    def create(self, id_: int, batch_id: int, batch: Batch) -> BulkJobRecord:
        """A new job for the files of a batch."""
        job = BulkJobRecord(
            id=id_,
            batch_id=batch_id,
            name=batch.name,
            root=batch.root,
            server=batch.server,
            data_ids=tuple(one.data_id for one in batch.files if one.data_id is not None),
            bytes=sum(one.size or 0 for one in batch.files if one.data_id is not None),
            created=self._clock(),
            files=pack_files(batch.files),
        )
        self.jobs[job.id] = job
        self.changed.add(job.id)
        self._due[job.id] = 0.0
        return job

    def cancel(self, ids: Iterable[int]) -> list[int]:
        """Stop following these; the ids of their archives' transfers, to be cancelled too."""
        transfers = []
        for job in self._pick(ids):
            if job.state not in BULK_ENDED:
                self._due.pop(job.id, None)
                if job.transfer_id is not None:
                    transfers.append(job.transfer_id)
                self._change(job, _B.CANCELLED, "")
        return transfers

    def retry(self, ids: Iterable[int]) -> int:
        """Ask for these archives again; how many."""
        count = 0
        for job in self._pick(ids):
            if job.state in (_B.FAILED, _B.EXPIRED, _B.CANCELLED):
                job.job_id, job.url, job.progress, job.expires = "", "", None, None
                job.transfer_id, job.code = None, ""
                job.created = self._clock()
                self._change(job, _B.PENDING, "")
                self._due[job.id] = 0.0
                count += 1
        return count

    def forget(self, ids: Iterable[int]) -> int:
        """Take ended jobs out of the list; how many."""
        count = 0
        for job in self._pick(ids):
            if job.state in BULK_ENDED:
                del self.jobs[job.id]
                self.changed.discard(job.id)
                self.removed.add(job.id)
                count += 1
        return count

    def signed_in(self, server: str) -> None:
        """Look at this server's jobs again, now."""
        # What is answered to these is about the old session.
        self._old_session |= self._asking
        for job in self.jobs.values():
            if job.server == server and job.state in _ON_SERVER:
                self._due[job.id] = 0.0

    @property
    def is_idle(self) -> bool:
        """Whether no job is under way on a server."""
        return not self._due and not self._asking

    def turn(self) -> float | None:
        """Have the jobs asked about whose time has come; seconds until the next one."""
        now = self._clock()
        for id_, when in list(self._due.items()):
            if when <= now and id_ not in self._asking:
                self._ask(self.jobs[id_])
        waiting = [when for id_, when in self._due.items() if id_ not in self._asking]
        return max(0.0, min(waiting) - now) if waiting else None

    def transfer_ended(self, transfer: Transfer) -> None:
        """The transfer of an archive has ended."""
        job = self.jobs.get(transfer.bulk_id or -1)
        if job is None or job.state is not _B.FETCHING:
            return
        if transfer.state in (TransferState.DONE, TransferState.SKIPPED):
            self._change(job, _B.DONE, "")
        elif transfer.code == "EXPIRED":
            self._change(job, _B.EXPIRED, "the archive has expired; create it again", "EXPIRED")
        else:
            self._change(job, _B.FAILED, transfer.reason, transfer.code)

    def transfer_retried(self, transfer: Transfer) -> None:
        """Somebody tries the transfer of a failed job's archive again."""
        job = self.jobs.get(transfer.bulk_id or -1)
        if job is not None and job.state is _B.FAILED and job.transfer_id == transfer.id:
            self._change(job, _B.FETCHING, "")

    def _ask(self, job: BulkJobRecord) -> None:
        self._asking.add(job.id)
        client = self._services.get(job.server).client
        id_, job_id, data_ids, name = job.id, job.job_id, job.data_ids, job.name

        def ask() -> None:
            from flowtui.flow.errors import FlowError, UnexpectedAnswer

            answer: BulkJob | FlowError
            try:
                if job_id:
                    answer = client.bulk_job(job_id)
                else:
                    answer = client.create_bulk_job(data_ids, f"{name}.zip")
            except FlowError as error:
                answer = error
            except Exception as error:  # noqa: BLE001
                # A mistake of ours must not leave the job unlooked at for ever.
                answer = UnexpectedAnswer(f"internal error: {type(error).__name__}: {error}")
            self._post(lambda: self._answered(id_, answer))

        self._workers.do(ask)

    def _answered(self, id_: int, answer: BulkJob | FlowError) -> None:
        from flowtui.flow.errors import FlowError, NotSignedIn

        self._asking.discard(id_)
        old_session = id_ in self._old_session
        self._old_session.discard(id_)
        job = self.jobs.get(id_)
        if job is None or job.state not in _ON_SERVER:
            return
        if isinstance(answer, NotSignedIn) and old_session:
            self._due[id_] = self._clock()
            return
        if isinstance(answer, FlowError):
            self._refused(job, answer)
            return
        self._failures.pop(id_, None)
        job.job_id = answer.id
        job.progress = answer.progress
        if answer.status == "failed":
            self._end(
                job, _B.FAILED, answer.error or "Flow could not prepare the archive", "FAILED"
            )
        elif answer.status == "expired":
            self._end(job, _B.EXPIRED, "the archive has expired; create it again", "EXPIRED")
        elif answer.status == "completed":
            finished = answer.finished.timestamp() if answer.finished else self._clock()
            job.expires = answer.expires.timestamp() if answer.expires else finished + LIFETIME
            job.progress = 100.0
            job.url = answer.download_url or f"/downloads/{quote(answer.id, safe='')}"
            del self._due[id_]
            archive = RemoteFile(
                key=f"bulk/{answer.id}", filename=f"{job.name}.zip", url=job.url, size=answer.size
            )
            self._change(job, _B.COMPLETED, "")
            job.transfer_id = self._fetch(job, archive)
            self._change(job, _B.FETCHING, "")
        else:
            self._due[id_] = self._clock() + poll_delay(self._clock() - job.created)
            self._change(job, _B.PROCESSING if answer.status == "processing" else _B.PENDING, "")

    def _refused(self, job: BulkJobRecord, error: FlowError) -> None:
        from flowtui.flow.errors import Gone, NotOffered, NotSignedIn, RateLimited

        if isinstance(error, NotOffered):
            self._end(
                job,
                _B.FAILED,
                "this server prepares no archives; the files are fetched one by one",
                error.code,
            )
            self._one_by_one(Batch(job.server, job.root, job.name, files=unpack_files(job.files)))
            return
        if isinstance(error, Gone):
            self._end(job, _B.EXPIRED, "the archive has expired; create it again", error.code)
            return
        if isinstance(error, NotSignedIn):
            self._needs_sign_in(job.server)
            self._due[job.id] = self._clock() + 60.0
            self._change(job, None, "waits for a sign-in", error.code)
            return
        if error.retryable:
            failures = self._failures[job.id] = self._failures.get(job.id, 0) + 1
            delay = min(60.0, 5.0 * 2 ** min(failures - 1, 6))
            if isinstance(error, RateLimited) and error.retry_after is not None:
                delay = max(delay, min(error.retry_after, 3600.0))
            self._due[job.id] = self._clock() + delay
            self._change(job, None, f"{error.message}; looks again in {delay:.0f} s", error.code)
            return
        self._end(job, _B.FAILED, error.message, error.code)

    def _end(self, job: BulkJobRecord, state: BulkState, reason: str, code: str) -> None:
        self._due.pop(job.id, None)
        self._change(job, state, reason, code)

    def _change(
        self, job: BulkJobRecord, state: BulkState | None, reason: str, code: str = ""
    ) -> None:
        if state is not None and state is not job.state:
            check_bulk(job.state, state)
            job.state = state
        job.reason, job.code = reason, code
        self.changed.add(job.id)

    def _pick(self, ids: Iterable[int]) -> list[BulkJobRecord]:
        return [self.jobs[one] for one in ids if one in self.jobs]
