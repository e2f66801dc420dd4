"""The bulk jobs of an engine, and the room on the disk that is kept for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from flowtui.engine.bulk.job import BulkJobRecord, content_of, pack
from flowtui.engine.bulk.notes import Notes
from flowtui.protocol.messages import Batch
from flowtui.protocol.schema import MOST
from flowtui.protocol.states import BULK_ENDED, BulkState, check_bulk
from flowtui.system.clocks import Clocks
from flowtui.transfer.cancel import StopSignal
from flowtui.transfer.disk.calls import DiskCalls
from flowtui.transfer.errors import internal_error
from flowtui.transfer.task import ONE_BY_ONE, ExpectedFile, FileResult

if TYPE_CHECKING:
    from flowtui.engine.queue.admission import Admission
    from flowtui.engine.queue.intake import Intake
    from flowtui.engine.workers.pool import Workers


@dataclass(eq=False)
class Work:
    """What a worker does for a job: how to stop it, and since when it waits for the disk.

    Attributes:
        folder: the job's target folder.
    """

    folder: str
    stop: StopSignal = field(default_factory=StopSignal)
    calls: DiskCalls = field(default_factory=DiskCalls)


@dataclass
class BulkJobs:
    """The jobs by id, in the order in which they were asked for. The engine's thread alone uses it.

    Attributes:
        changed: ids whose latest state is to be published. `unsaved`: the same, to be stored.
        removed: ids that are gone since the last event. `last_id`: the highest ever given.
        notes: for an engine that remembers nothing, else None (see `notes`).
        observers: called with every job that was added or changed, at once.
        on_mistake: told in words, and with the exception, of what nobody expected.
    """

    intake: Intake
    admission: Admission
    workers: Workers
    clocks: Clocks
    on_mistake: Callable[[str, Exception], object]
    notes: Notes | None = None
    jobs: dict[int, BulkJobRecord] = field(default_factory=dict)
    changed: set[int] = field(default_factory=set)
    unsaved: set[int] = field(default_factory=set)
    removed: set[int] = field(default_factory=set)
    last_id: int = 0
    observers: list[Callable[[BulkJobRecord], None]] = field(default_factory=list)

    def add(
        self,
        parent: BulkJobRecord | None,
        files: Sequence[ExpectedFile],
        **more: object,
    ) -> BulkJobRecord:
        """A new job for some files; of the same batch as its `parent`, where it has one."""
        given: dict[str, object] = {}
        if parent is not None:
            names = ("batch_id", "name", "root", "server", "unpack", "up_to", "base", "created")
            given = {name: getattr(parent, name) for name in names}
        # Clients and the store tell jobs apart by these ids: none is given twice.
        number = self.last_id = max([self.last_id, *self.jobs]) + 1
        job = BulkJobRecord(**{**given, **more}, id=number, data_ids=(), bytes=0)  # type: ignore[arg-type]
        job.base = job.base or job.name
        self.set_files(job, files)
        self.jobs[job.id] = job
        self.touch(job)
        return job

    def set_files(self, job: BulkJobRecord, files: Sequence[ExpectedFile]) -> None:
        """Make these the job's files."""
        job.files = pack(files)
        job.data_ids = tuple(expected.file.data_id or "" for expected in files)
        job.bytes = min(MOST, sum(expected.file.size or 0 for expected in files))
        self.set_content(job, files)
        keys = {expected.file.key for expected in files}
        job.keep({key: result for key, result in job.results.items() if key in keys})
        self.touch(job)

    def set_paths(self, job: BulkJobRecord, files: Sequence[ExpectedFile]) -> None:
        """Keep other paths for the job's files, of all or of some."""
        given = {expected.file.key: expected for expected in files}
        job.files = pack([given.get(old.file.key, old) for old in job.expected_files()])
        self.touch(job)

    def set_content(self, job: BulkJobRecord, files: Sequence[ExpectedFile]) -> None:
        """Note which of its files the job's archive is to hold."""
        job.content = content_of(job.server, (expected.file.data_id or "" for expected in files))

    def change(
        self, job: BulkJobRecord, state: BulkState | None, reason: str, code: str = ""
    ) -> None:
        """Change a job, its state too if one is given. Raises states.WrongStep."""
        if state is not None and state is not job.state:
            check_bulk(job.state, state)
            job.state = state
            job.ended = self.clocks.day() if state in BULK_ENDED else None
            if state in (BulkState.DONE, BulkState.CANCELLED) and not job.archive:
                self.drop_note(job)
        job.reason, job.code = reason, code
        self.touch(job)

    def about(
        self, id_: int, message: Callable[[], None], let_go: Callable[[int], object]
    ) -> Callable[[], None]:
        """A message about a job, that ends it with words where it raises: nobody else would.

        `let_go` is called with its id then: nobody works on it any more.
        """

        def act() -> None:
            try:
                message()
            except Exception as error:
                let_go(id_)
                job = self.jobs.get(id_)
                if job is not None and job.state not in BULK_ENDED:
                    trouble = internal_error(error)
                    self.change(job, BulkState.FAILED, trouble.message, trouble.code)
                raise

        return act

    def apart(self, id_: int, message: Callable[[], None], let_go: Callable[[int], object]) -> None:
        """Call `message` for one job of many, as `about` does; the others go on in any case.

        What it raises is told as the engine's trouble.
        """
        try:
            self.about(id_, message, let_go)()
        except Exception as error:  # noqa: BLE001
            self.on_mistake(f"bulk job {id_} failed", error)

    def drop_note(self, job: BulkJobRecord) -> None:
        """No later run is to go on with this job."""
        notes, root, content = self.notes, Path(job.root), job.content
        if notes is None:
            return

        def drop() -> None:
            try:
                notes.remove(root, content)
            except OSError:
                # A later run finds that the job is over.
                return

        self.workers.lanes.post("note", job.root, drop)

    def touch(self, job: BulkJobRecord, *, save: bool = True) -> None:
        """Have a job published, and stored unless only its progress has changed."""
        self.changed.add(job.id)
        if save:
            self.unsaved.add(job.id)
        self._reserve(job.batch_id)
        for observe in self.observers:
            observe(job)

    def remove(self, job: BulkJobRecord) -> None:
        """Take a job out of the list."""
        del self.jobs[job.id]
        self.changed.discard(job.id)
        self.unsaved.discard(job.id)
        self.removed.add(job.id)
        self._reserve(job.batch_id)

    def restore(self, jobs: Iterable[BulkJobRecord]) -> None:
        """Take over what an earlier engine stored."""
        for job in jobs:
            self.jobs[job.id] = job
            self._reserve(job.batch_id)

    def pick(self, ids: Iterable[int]) -> list[BulkJobRecord]:
        """The jobs of these ids, each once, unknown ones passed over."""
        return [self.jobs[id_] for id_ in dict.fromkeys(ids) if id_ in self.jobs]

    def recheck_singles(self, job: BulkJobRecord) -> None:
        """Count the files that came one by one as missing, until they are seen on the disk."""
        job.keep({k: result for k, result in job.results.items() if result.state != ONE_BY_ONE})

    def one_by_one(self, job: BulkJobRecord, files: Sequence[ExpectedFile], why: str) -> None:
        """Have some of a job's files fetched by transfers of their own."""
        for expected in files:
            job.put(expected.file.key, to_come(expected, why))
        if files:
            remote_files = tuple(expected.file for expected in files)
            batch = Batch(job.server, job.root, job.name, remote_files)
            self.intake.queue_files(job.batch_id, batch)
        self.touch(job)

    def _reserve(self, batch_id: int) -> None:
        """Have the disk keep room for what a batch's archives will be unpacked to."""
        sizes = (job.bytes_to_unpack for job in self.jobs.values() if job.batch_id == batch_id)
        self.admission.reserve(batch_id, sum(sizes))


def to_come(expected: ExpectedFile, why: str) -> FileResult:
    """A file that is to come by a transfer of its own."""
    return FileResult(ONE_BY_ONE, expected.path, size=expected.file.size, reason=why)
