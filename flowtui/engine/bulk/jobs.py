"""The bulk jobs of an engine, and what their parts need of the engine. One thread uses it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from flowtui.engine.bulk.job import BulkJobRecord, content_of, pack
from flowtui.engine.bulk.notes import Notes
from flowtui.protocol.states import BULK_ENDED, BulkState, check_bulk
from flowtui.timings import Timings
from flowtui.transfer.task import ONE_BY_ONE, ExpectedFile, FileResult

if TYPE_CHECKING:
    from flowtui.engine.queue.queue import Transfer
    from flowtui.engine.workers.pool import Workers
    from flowtui.flow.remote_file import RemoteFile
    from flowtui.transfer.disk import downloads_log
    from flowtui.transfer.disk.paths import TargetPaths
    from flowtui.transfer.http.clients import Clients


@dataclass(frozen=True)
class Desk:
    """What the engine does for its bulk jobs. All but `post` is for the engine's thread.

    Attributes:
        post: have the engine's thread call something.
        fetch: queue a job's archive as a transfer and give its id.
        singles: queue some of a job's files as transfers of their own.
        drop: take a transfer out of the list, with what it is on the disk left as it is.
        retry: have a failed transfer tried again.
        transfer: the transfer of an id. `find`: the one of a root and a key.
        places: whose the paths below a root are. Raises OSError.
        note: have an entry written into a root's downloads.log.
        needs_sign_in: hear of a server whose session has ended.
    """

    workers: Workers
    services: Clients
    post: Callable[[Callable[[], None]], None]
    fetch: Callable[[BulkJobRecord, RemoteFile], int]
    singles: Callable[[BulkJobRecord, Sequence[RemoteFile]], None]
    drop: Callable[[int], None]
    retry: Callable[[int], None]
    transfer: Callable[[int], Transfer | None]
    find: Callable[[str, str], Transfer | None]
    places: Callable[[str], TargetPaths]
    note: Callable[[str, downloads_log.LogEntry], None]
    needs_sign_in: Callable[[str], None]
    timings: Timings
    clock: Callable[[], float] = time.time


@dataclass
class BulkJobs:
    """The jobs by id, in the order in which they were asked for.

    Attributes:
        changed: ids that clients must hear of. `unsaved`: ids whose stored form is out of date.
        removed: ids that are gone since they were last told. `last_id`: the highest ever given.
        notes: for an engine that remembers nothing, else None (see `bulk_note`).
        observers: called with every job that was added or changed, at once.
    """

    desk: Desk
    notes: Notes | None = None
    jobs: dict[int, BulkJobRecord] = field(default_factory=dict)
    changed: set[int] = field(default_factory=set)
    unsaved: set[int] = field(default_factory=set)
    removed: set[int] = field(default_factory=set)
    last_id: int = 0
    observers: list[Callable[[BulkJobRecord], None]] = field(default_factory=list)

    def add(
        self,
        like: BulkJobRecord | None,
        files: Sequence[ExpectedFile],
        **more: object,
    ) -> BulkJobRecord:
        """A new job for some files; of the same batch as another where one is given."""
        given: dict[str, object] = {}
        if like is not None:
            names = ("batch_id", "name", "root", "server", "unpack", "up_to", "base", "created")
            given = {name: getattr(like, name) for name in names}
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
        job.data_ids = tuple(one.file.data_id or "" for one in files)
        job.bytes = sum(one.file.size or 0 for one in files)
        self.set_content(job, files)
        keys = {one.file.key for one in files}
        job.results = {key: one for key, one in job.results.items() if key in keys}
        self.touch(job)

    def set_paths(self, job: BulkJobRecord, files: Sequence[ExpectedFile]) -> None:
        """Keep other paths for the job's files."""
        job.files = pack(files)
        self.touch(job)

    def set_content(self, job: BulkJobRecord, files: Sequence[ExpectedFile]) -> None:
        """Note which of its files the job's archive is to hold."""
        job.content = content_of(job.server, (one.file.data_id or "" for one in files))

    def change(
        self, job: BulkJobRecord, state: BulkState | None, reason: str, code: str = ""
    ) -> None:
        """Change a job, its state too if one is given. Raises states.WrongStep."""
        if state is not None and state is not job.state:
            check_bulk(job.state, state)
            job.state = state
            job.ended = self.desk.clock() if state in BULK_ENDED else None
            if state in (BulkState.DONE, BulkState.CANCELLED) and not job.archive:
                self._drop_note(job)
        job.reason, job.code = reason, code
        self.touch(job)

    def _drop_note(self, job: BulkJobRecord) -> None:
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

        self.desk.workers.do(drop)

    def touch(self, job: BulkJobRecord, *, save: bool = True) -> None:
        """Have clients hear of a job, and the store unless only its progress has changed."""
        self.changed.add(job.id)
        if save:
            self.unsaved.add(job.id)
        for observe in self.observers:
            observe(job)

    def remove(self, job: BulkJobRecord) -> None:
        """Take a job out of the list."""
        del self.jobs[job.id]
        self.changed.discard(job.id)
        self.unsaved.discard(job.id)
        self.removed.add(job.id)

    def pick(self, ids: Iterable[int]) -> list[BulkJobRecord]:
        """The jobs of these ids, each once, unknown ones passed over."""
        return [self.jobs[one] for one in dict.fromkeys(ids) if one in self.jobs]

    def look_anew(self, job: BulkJobRecord) -> None:
        """Take the job's single files for missing ones, until they are seen on the disk."""
        job.results = {k: one for k, one in job.results.items() if one.state != ONE_BY_ONE}

    def one_by_one(self, job: BulkJobRecord, files: Sequence[ExpectedFile], why: str) -> None:
        """Have some of a job's files fetched by transfers of their own."""
        for one in files:
            job.put(one.file.key, FileResult(ONE_BY_ONE, one.path, reason=why))
        self.desk.singles(job, [one.file for one in files])
        self.touch(job)
