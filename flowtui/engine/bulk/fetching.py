"""The archive of a completed bulk job, as a transfer; and what follows when it has expired."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from flowtui.engine.bulk.job import AGAIN_BY_ITSELF, LIFETIME, BulkJobRecord
from flowtui.engine.bulk.jobs import BulkJobs
from flowtui.engine.bulk.notes import Note
from flowtui.engine.queue.queue import Queue, Transfer
from flowtui.flow.remote_file import RemoteFile
from flowtui.protocol.messages import Batch
from flowtui.protocol.states import ENDED, GOOD, BulkState, TransferState

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowtui.engine.queue.admission import Admission
    from flowtui.engine.queue.intake import Intake
    from flowtui.flow.models import BulkJob


class ArchiveFetcher:
    """Has archives fetched, and asked for again where they went too early."""

    def __init__(
        self,
        jobs: BulkJobs,
        queue: Queue,
        intake: Intake,
        admission: Admission,
        *,
        prepare: Callable[[BulkJobRecord], None],
        unpack: Callable[[BulkJobRecord], None],
    ) -> None:
        """`prepare` has an archive asked for anew, `unpack` takes over one that is here."""
        self._jobs = jobs
        self._queue = queue
        self._intake = intake
        self._admission = admission
        self._prepare = prepare
        self._unpack = unpack

    def fetch(self, job: BulkJobRecord, answer: BulkJob) -> None:
        """Queue the transfer of an archive that is ready."""
        now = self._jobs.clocks.day()
        finished = answer.finished.timestamp() if answer.finished else now
        job.expires = answer.expires.timestamp() if answer.expires else finished + LIFETIME
        job.progress = 100.0
        job.url = answer.download_url or f"/downloads/{quote(answer.id, safe='')}"
        archive = RemoteFile(
            key=f"bulk/{job.content or answer.id}",
            filename=job.archive_name,
            url=job.url,
            size=answer.size,
        )
        self._jobs.change(job, BulkState.COMPLETED, "")
        job.transfer_id = self._queue_archive(job, archive)
        job.part = self._queue.transfers[job.transfer_id].path
        self._jobs.change(job, BulkState.FETCHING, "")

    def resume(self, job: BulkJobRecord) -> None:
        """Take up a job whose archive was being fetched when the last engine ended."""
        transfer = self._queue.transfers.get(job.transfer_id or -1)
        if transfer is None:
            self._jobs.change(job, BulkState.COMPLETED, "")
            self._prepare(job)
        else:
            self.ended(job, transfer)

    def ended(self, job: BulkJobRecord, transfer: Transfer) -> None:
        """The transfer of an archive has ended, perhaps."""
        state = transfer.state
        if state in GOOD:
            job.archive, job.progress = transfer.path, None
            self._note_archive(job)
            if job.unpack:
                self._unpack(job)
            else:
                self._jobs.change(job, BulkState.DONE, "")
        elif state is TransferState.CANCELLED:
            self._jobs.change(job, BulkState.CANCELLED, "the download of its archive was cancelled")
        elif state is TransferState.FAILED and transfer.code == "EXPIRED":
            self.gone(job, "the archive has expired")
        elif state is TransferState.FAILED:
            self._jobs.change(job, BulkState.FAILED, transfer.reason, transfer.code)

    def gone(self, job: BulkJobRecord, why: str, code: str = "EXPIRED") -> None:
        """Ask for the archive again, once; a second time only the user does."""
        if job.again >= AGAIN_BY_ITSELF:
            state = BulkState.FAILED if job.state is BulkState.UNPACKING else BulkState.EXPIRED
            words = f"{why} again; create it again, or download the files one by one"
            self._jobs.change(job, state, words, code)
            return
        job.again += 1
        self.anew(job, f"{why}; asking Flow to prepare it again")

    def anew(self, job: BulkJobRecord, reason: str) -> None:
        """Have Flow prepare the archive anew. What is unpacked stays, and so does the part file."""
        transfer = self._queue.transfers.get(job.transfer_id or -1)
        if transfer is not None and transfer.state in ENDED:
            self._queue.remove(transfer)  # its part file stays
        job.job_id, job.url, job.archive = "", "", ""
        job.seen_ready = False
        job.progress, job.expires, job.transfer_id = None, None, None
        job.created = self._jobs.clocks.day()
        self._jobs.change(job, BulkState.PENDING, reason)
        self._prepare(job)

    def _queue_archive(self, job: BulkJobRecord, archive: RemoteFile) -> int:
        """Queue an archive as a part of its job's batch; its transfer's id. Raises OSError."""
        batch = Batch(job.server, job.root, job.name, (archive,))
        self._admission.readmit(job.batch_id)
        added = self._intake.queue_files(job.batch_id, batch, bulk_id=job.id, temporary=job.unpack)
        return added.ids[0]

    def _note_archive(self, job: BulkJobRecord) -> None:
        """Say in the note that the archive is here whole."""
        if self._jobs.notes is None or not job.unpack:
            return
        notes, root = self._jobs.notes, Path(job.root)
        keys = tuple(expected.file.key for expected in job.missing())
        note = Note(job.content, job.server, job.job_id, keys, job.archive)

        def write() -> None:
            try:
                notes.write(root, note)
            except OSError:
                # Then a later run fetches the archive again; this one does not need the note.
                return

        self._jobs.workers.lanes.post("note", job.root, write)
