"""From a batch to bulk jobs, and to the files that no archive can bring."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from typing import TYPE_CHECKING

from flowtui.engine.bulk.job import BulkJobRecord
from flowtui.engine.bulk.jobs import BulkJobs
from flowtui.protocol.messages import Added, Batch
from flowtui.protocol.states import BULK_ENDED
from flowtui.transfer.task import ExpectedFile

if TYPE_CHECKING:
    from concurrent.futures import Future

    from flowtui.engine.queue.intake import Intake
    from flowtui.flow.remote_file import RemoteFile


class BulkIntake:
    """Takes batches in."""

    def __init__(
        self,
        jobs: BulkJobs,
        intake: Intake,
        start: Callable[[BulkJobRecord], None],
        *,
        unpack: bool,
    ) -> None:
        """`start` is the first stage of a new job. `unpack`: where a batch does not say it."""
        self._jobs = jobs
        self._intake = intake
        self._start = start
        self._unpack = unpack

    def add(self, batch: Batch, places: Future[dict[str, str]] | None = None) -> Added:
        """Have an archive made of a batch, and queue what none can bring.

        See `Intake.queue_files`. Raises OSError.
        """
        batch_id = self._intake.batch_id(batch)
        under_way = self._under_way(batch.root)
        known = [under_way[file.key] for file in batch.files if file.key in under_way]
        able, single = self._divide(batch, under_way, places)
        added = Added(batch_id, (), 0, 0)
        if single:
            one_by_one = Batch(batch.server, batch.root, batch.name, single)
            added = self._intake.queue_files(batch_id, one_by_one, places)
        job_id = known[0] if known else None
        if able:
            self._intake.last_root = batch.root
            unpack = self._unpack if batch.unpack is None else batch.unpack
            job_id = self.create(batch_id, batch, able, unpack=unpack).id
        return Added(
            batch_id,
            added.ids,
            added.added,
            added.known + len(known),
            job_id,
            apart=sum(1 for file in single if file.data_id is None),
        )

    def _divide(
        self, batch: Batch, but: Container[str], places: Future[dict[str, str]] | None
    ) -> tuple[list[ExpectedFile], tuple[RemoteFile, ...]]:
        """The files that an archive can bring, with their paths; and the others, without `but`.

        What has no data id cannot be in one, and what is under way already comes by itself. Paths
        that are not there yet are found before it is looked what is here.
        """
        paths = places.result() if places is not None and places.done() else {}
        able, single = [], []
        for file in batch.files:
            if file.data_id is None or self._intake.is_under_way(batch.root, file.key):
                single.append(file)
            elif file.key not in but:
                able.append(ExpectedFile(file, paths.get(file.key, "")))
        return able, tuple(single)

    def create(
        self, batch_id: int, batch: Batch, files: Sequence[ExpectedFile], *, unpack: bool
    ) -> BulkJobRecord:
        """A new job for some files of a batch."""
        job = self._jobs.add(
            None,
            files,
            batch_id=batch_id,
            name=batch.name,
            root=batch.root,
            server=batch.server,
            created=self._jobs.clocks.day(),
            unpack=unpack,
            up_to=batch.one_by_one_up_to,
        )
        self._start(job)
        return job

    def claims(self, root: str) -> Iterator[tuple[str, str, str]]:
        """The paths below `root` that are meant for files still to come."""
        for job in self._jobs.jobs.values():
            if job.root == root and job.state not in BULK_ENDED:
                for expected in job.expected_files():
                    if expected.path:
                        yield expected.path, expected.file.key, ""

    def _under_way(self, root: str) -> dict[str, int]:
        """The keys of files below `root` that an unfinished job will bring, and which job."""
        found: dict[str, int] = {}
        for job in self._jobs.jobs.values():
            if job.root == root and job.unpack and job.state not in BULK_ENDED:
                found |= dict.fromkeys((expected.file.key for expected in job.missing()), job.id)
        return found
