"""The bulk jobs of an engine: where they come from, and what they are told of the rest of it.

The engine's thread alone uses the tracker; what takes time is done by workers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from flowtui.engine.bulk.actions import BulkActions
from flowtui.engine.bulk.adding import BulkIntake
from flowtui.engine.bulk.job import BulkJobRecord
from flowtui.engine.bulk.jobs import BulkJobs
from flowtui.engine.bulk.notes import Notes
from flowtui.engine.bulk.stages import EngineParts, Stages
from flowtui.protocol.messages import RequestRefused
from flowtui.protocol.states import BULK_ENDED, BulkState
from flowtui.transfer.task import Recorded

if TYPE_CHECKING:
    from flowtui.engine.queue.queue import Transfer


class BulkTracker:
    """All bulk jobs of an engine.

    Attributes:
        list: the jobs themselves, and which of them changed.
        intake: takes batches in. `actions`: what people may do with the jobs.
    """

    def __init__(self, parts: EngineParts, *, unpack: bool, keep_notes: bool) -> None:
        """`unpack`: whether archives are unpacked where a batch does not say it.

        `keep_notes`: for an engine that remembers nothing (see `notes`).
        """
        self.list = BulkJobs(
            parts.intake,
            parts.admission,
            parts.workers,
            parts.clocks,
            parts.on_mistake,
            Notes() if keep_notes else None,
        )
        self._parts = parts
        self._stages = Stages(self.list, parts)
        self.intake = BulkIntake(self.list, parts.intake, self._stages.starter.start, unpack=unpack)
        self.actions = BulkActions(self.list, self._stages, parts.queue, parts.scheduler)
        self._to_resume: list[BulkJobRecord] = []
        parts.queue.on_ended(self._transfer_ended)
        parts.queue.on_placed(self._placed)
        parts.folders.on_read(self.intake.claims)
        parts.disks.asked.append(self._stages.asked_disks)

    @property
    def jobs(self) -> dict[int, BulkJobRecord]:
        """The jobs by id."""
        return self.list.jobs

    def restore(self, jobs: Sequence[BulkJobRecord]) -> None:
        """Take over what an earlier engine stored, after its transfers; the first tick goes on."""
        self.list.restore(jobs)
        self._to_resume += [
            job for job in jobs if job.state not in BULK_ENDED or self._stages.singles.are_left(job)
        ]
        intake = self._parts.intake
        intake.last_batch = max([intake.last_batch, *(job.batch_id for job in jobs)])
        for transfer in self._parts.queue.transfers.values():
            job = self.jobs.get(transfer.bulk_id or -1)
            transfer.temporary = job is not None and job.unpack
        for job in jobs:
            if job.state is BulkState.DONE and job.unpack and not job.archive:
                self._stages.unpacker.take_off(job)  # an earlier flowtui left it in the list

    def copy_of(self, id_: int) -> BulkJobRecord:
        """A job as it is now, for another thread. Raises RequestRefused."""
        job = self.jobs.get(id_)
        if job is None:
            raise RequestRefused("NOT_FOUND", f"there is no bulk job {id_}")
        return job.copy()

    def files_here(self, root: str, batch_id: int) -> dict[str, Recorded]:
        """Path → what is known of it, of those files of a batch's jobs that are here."""
        return {
            result.path: Recorded(key, result.size, result.md5)
            for job in self.jobs.values()
            if (job.batch_id, job.root) == (batch_id, root)
            for key, result in job.results.items()
            if result.path and result.verified_by
        }

    def transfers_of(self, ids: Iterable[int], *, singles: bool) -> list[int]:
        """The transfers of the archives of those jobs that have not ended.

        `singles`: and those of the files that come one by one, where nothing else comes.
        """
        going_on = [job for job in self.list.pick(ids) if job.state not in BULK_ENDED]
        found = [job.transfer_id for job in going_on if job.transfer_id is not None]
        for job in going_on if singles else ():
            if job.state is BulkState.ONE_BY_ONE:
                found += self._stages.singles.under_way(job)
        return found

    # What happens in the engine

    def signed_in(self, server: str) -> None:
        """Ask about this server's jobs again, now."""
        self._stages.poller.signed_in(server)

    def _transfer_ended(self, transfer: Transfer) -> None:
        """A transfer has ended, well or not, or was cancelled."""
        if transfer.bulk_id is None:
            self._stages.singles.ended(transfer)
            return
        job = self.jobs.get(transfer.bulk_id)
        if job is not None and job.state is BulkState.FETCHING and job.transfer_id == transfer.id:
            ended = self._stages.fetcher.ended
            self.list.apart(job.id, lambda: ended(job, transfer), self._stages.drop)

    def transfer_retried(self, transfer: Transfer) -> None:
        """Somebody tries the transfer of an ended job's archive, or of a file of its, again."""
        if transfer.bulk_id is None:
            self._stages.singles.retried(transfer)
            return
        job = self.jobs.get(transfer.bulk_id or -1)
        if (
            job is not None
            and job.state in (BulkState.FAILED, BulkState.CANCELLED)
            and job.transfer_id == transfer.id
        ):
            self.list.change(job, BulkState.FETCHING, "")

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way by itself."""
        return not self._to_resume and self._stages.is_idle

    @property
    def is_unpacking(self) -> bool:
        """Whether files come out of an archive now."""
        return bool(self._stages.unpacker.runs)

    def tick(self) -> float | None:
        """Do what is due; seconds until the next thing, or None."""
        resume, self._to_resume = self._to_resume, []
        for job in resume:
            self.list.apart(job.id, lambda job=job: self._stages.resume(job), self._stages.drop)  # type: ignore[misc]
        return self._stages.tick(self._parts.clocks.due())

    def stop(self) -> None:
        """Have all workers let go; the next engine goes on."""
        self._stages.stop()

    def close(self) -> None:
        """Let go of the notes."""
        if self.list.notes is not None:
            self.list.notes.close()

    def _placed(self, transfer: Transfer) -> None:
        """The transfer of an archive has its path."""
        job = self.jobs.get(transfer.bulk_id or -1)
        if job is not None and job.transfer_id == transfer.id:
            job.part = transfer.path
            self.list.touch(job)
