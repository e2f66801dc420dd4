"""The start of a bulk job: what is here is not asked for, what was started is gone on with."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from flowtui.engine.bulk.job import BulkJobRecord
from flowtui.engine.bulk.jobs import BulkJobs, Work
from flowtui.engine.bulk.notes import Note
from flowtui.protocol.states import AS_RECORDED, BulkState
from flowtui.system import descriptors
from flowtui.system.shared_folder import remove
from flowtui.transfer.disk import downloads_log
from flowtui.transfer.disk.part_file import part_path
from flowtui.transfer.disk.paths import last_taken
from flowtui.transfer.errors import Stopped, disk_trouble, internal_error
from flowtui.transfer.task import DONE, ONE_BY_ONE, SKIPPED, ExpectedFile, FileResult
from flowtui.transfer.verify.existing import Found, find_existing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flowtui.engine.mailbox import Mailbox
    from flowtui.engine.queue.folders import TargetFolders
    from flowtui.engine.workers.pool import Workers
    from flowtui.timings import Timings
    from flowtui.transfer.disk.paths import TargetPaths
    from flowtui.transfer.task import Elsewhere, Recorded

_HERE = (DONE, SKIPPED)


@dataclass(frozen=True)
class _Plan:
    """Where files go, as their folder's thread says.

    Attributes:
        recorded, elsewhere: see `find_existing`. `is_news`: some had no path before.
        foreign_before: key → see `Task.foreign_before`.
    """

    files: tuple[ExpectedFile, ...] = ()
    recorded: dict[str, Recorded] = field(default_factory=dict)
    elsewhere: dict[str, tuple[Elsewhere, ...]] = field(default_factory=dict)
    foreign_before: dict[str, dict[int, str]] = field(default_factory=dict)
    is_news: bool = False


@dataclass(frozen=True)
class _Earlier:
    """An archive that an earlier run has left, and whether it is here whole."""

    note: Note
    is_here: bool


@dataclass(frozen=True)
class _Look:
    """What a look at the disk found.

    Attributes:
        is_begun: an archive of the job's name was begun.
    """

    plan: _Plan = field(default_factory=_Plan)
    found: Found = field(default_factory=Found)
    earlier: list[_Earlier] = field(default_factory=list)
    is_begun: bool = False


class JobStarter:
    """Checks what is on the disk before an archive is asked for.

    Attributes:
        busy: id of a job that is checked now → the work on it.
        due: id of a job that is to be checked again → when (`Clocks.due`).
    """

    def __init__(
        self,
        jobs: BulkJobs,
        folders: TargetFolders,
        workers: Workers,
        mailbox: Mailbox,
        timings: Timings,
        *,
        follow: Callable[[BulkJobRecord], None],
        unpack: Callable[[BulkJobRecord], None],
        one_by_one: Callable[[BulkJobRecord, str, str], None],
    ) -> None:
        """`follow` and `unpack` take a job over that is to be asked for, or is fetched already.

        `one_by_one`: one that no archive is needed for (see `Singles.bring`).
        """
        self.busy: dict[int, Work] = {}
        self.due: dict[int, float] = {}
        self._jobs = jobs
        self._folders = folders
        self._workers = workers
        self._mailbox = mailbox
        self._timings = timings
        self._follow = follow
        self._unpack = unpack
        self._one_by_one = one_by_one

    def tick(self, now: float) -> float | None:
        """Look again where there was no descriptor for it; seconds until the next time."""
        for id_, when in list(self.due.items()):
            if when <= now:
                del self.due[id_]
                self._jobs.apart(id_, lambda id_=id_: self._again(id_), self.drop)  # type: ignore[misc]
        return max(0.0, min(self.due.values()) - now) if self.due else None

    def _again(self, id_: int) -> None:
        job = self._jobs.jobs[id_]
        job.reason = ""
        self.start(job)

    def drop(self, id_: int) -> None:
        """Check no further what is here of a job."""
        self.due.pop(id_, None)
        if (mine := self.busy.pop(id_, None)) is not None:
            mine.stop.set()

    def start(self, job: BulkJobRecord) -> None:
        """Check what is here; the rest follows from that."""
        if job.id in self.busy:
            return
        if not job.unpack:
            self._follow(job)
            return
        self._jobs.change(
            job, BulkState.PENDING, job.reason or "checking which files are already here"
        )
        files = job.missing()
        asked = self._folders.ask(job.root, lambda paths: self._plan(paths, files))
        mine = self.busy[job.id] = Work(job.root)
        record = self._folders.records.of(Path(job.root))
        root, server, notes, id_ = Path(job.root), job.server, self._jobs.notes, job.id
        archive = root / job.archive_name

        def look() -> _Look:
            plan = asked.result()
            check = mine.calls.checking(mine.stop.check)
            found = find_existing(root, plan.files, plan.recorded, plan.elsewhere, check)
            for key, before in plan.foreign_before.items():
                if key in found.here:
                    taken = last_taken(root, before)
                    found.here[key] = replace(found.here[key], occupied=taken)
            gone = (path for path in plan.recorded if not os.path.lexists(root / path))
            with contextlib.suppress(OSError):  # who logs the files meets the same
                record.strike(gone)
            earlier = notes.find(root, server) if notes is not None else []
            return _Look(
                plan,
                found,
                [_Earlier(note, _archive_here(root, note)) for note in earlier],
                part_path(archive).exists() if earlier else False,
            )

        def work() -> None:
            looked, trouble, code = _Look(), "", "DISK"
            try:
                with mine.calls.waiting():
                    looked = look()
            except Stopped:
                trouble = "STOPPED"
            except OSError as error:
                failure = disk_trouble(error, root / "file")
                trouble, code = failure.message, failure.code
            except Exception as error:  # noqa: BLE001
                trouble = internal_error(error).message  # ends this job with words
            self._mailbox.post(
                self._jobs.about(
                    id_,
                    lambda: self._on_checked(id_, mine, looked, trouble, code),
                    self.drop,
                )
            )

        self._workers.do(work)

    def _plan(self, paths: TargetPaths, files: Sequence[ExpectedFile]) -> _Plan:
        """Where files go and may be already; in the thread of their folder."""
        unplaced = paths.assign_all(expected.file for expected in files if not expected.path)
        placed = tuple(
            expected if expected.path else replace(expected, path=unplaced[expected.file.key])
            for expected in files
        )
        recorded = {p.path: r for p in placed if (r := paths.recorded.get(p.path)) is not None}
        elsewhere = {
            expected.file.key: places
            for expected in placed
            if (places := self._folders.elsewhere_in(paths, expected.path, expected.file.key))
        }
        before = {
            file.key: names
            for path, file in ((expected.path, expected.file) for expected in placed)
            if (names := paths.foreign_before(path, file.folder, file.filename, file.fileset))
        }
        return _Plan(placed, recorded, elsewhere, before, is_news=bool(unplaced))

    def stop(self, job: BulkJobRecord) -> None:
        """Check no further."""
        self.drop(job.id)

    def _on_checked(
        self,
        id_: int,
        mine: Work,
        looked: _Look,
        trouble: str,
        code: str,
    ) -> None:
        if self.busy.get(id_) is not mine:
            return  # cancelled meanwhile, and perhaps started again
        del self.busy[id_]
        job = self._jobs.jobs.get(id_)
        if job is None or job.state is not BulkState.PENDING:
            return
        if code == descriptors.CODE:
            self.due[id_] = self._jobs.clocks.due() + self._timings.too_many_open.first
            self._jobs.change(job, None, trouble, code)
            return
        if trouble:
            self._jobs.change(job, BulkState.FAILED, trouble, code)
            return
        found, earlier = looked.found, looked.earlier
        if looked.plan.is_news:
            self._jobs.set_paths(job, looked.plan.files)
        for expected in job.missing():
            result = found.here.get(expected.file.key)
            if result is not None:
                job.put(expected.file.key, result)
                if result.verified_by != AS_RECORDED:
                    self._folders.log(job.root, entry_of(expected, result))
        self._jobs.touch(job)
        changed = [expected for expected in job.missing() if expected.file.key in found.changed]
        if changed:
            self._jobs.one_by_one(job, changed, "changed here or on Flow since it was downloaded")
        started = [expected for expected in job.missing() if expected.file.key in found.started]
        if started:
            self._jobs.one_by_one(job, started, "already partly downloaded")
        there = [expected for expected in job.missing() if expected.file.key in found.elsewhere]
        if there:
            self._jobs.one_by_one(job, there, "already here at another place")
        known = job.job_id
        for other in earlier:
            self._adopt(job, other, is_begun=looked.is_begun)
        if job.job_id == known and not self._is_small(job):
            self._follow(job)

    def _is_small(self, job: BulkJobRecord) -> bool:
        """Whether no archive is needed, because (nearly) all is here."""
        missing = job.missing()
        if len(missing) > job.up_to:
            return False
        singles = job.count(ONE_BY_ONE) + len(missing)
        if singles:
            why = f"only {singles:,} of {len(job.data_ids):,} files are missing"
            self._one_by_one(job, why, f"{why}; downloading them one by one")
        else:
            self._jobs.change(job, BulkState.DONE, "all files are already here")
        return True

    def _adopt(self, job: BulkJobRecord, earlier: _Earlier, *, is_begun: bool) -> None:
        """Go on with an archive of an earlier run for those of the job's files that it holds."""
        assert self._jobs.notes is not None
        note, root = earlier.note, Path(job.root)
        archive = _inside(note.archive)
        missing = job.missing()
        keys = set(note.keys)
        part = [expected for expected in missing if expected.file.key in keys]
        here = {key for key, result in job.results.items() if result.state in _HERE}
        if job.unpack and keys <= here:
            # The earlier run was killed when it had only to clear up.
            clear_up = lambda: self._clear_up(root, archive, note.content)  # noqa: E731
            self._workers.lanes.post("note", job.root, clear_up)
            return
        if not part or job.job_id or job.state is not BulkState.PENDING:
            notes, content = self._jobs.notes, note.content
            self._workers.lanes.post("note", job.root, lambda: notes.release(root, content))
            return
        ours = job
        if len(part) < len(missing):
            # The rest of the batch gets an archive of its own.
            ours = self._jobs.add(job, part)
            moved = {expected.file.key for expected in part}
            rest = [expected for expected in job.expected_files() if expected.file.key not in moved]
            self._jobs.set_files(job, rest)
        ours.job_id, ours.content = note.job_id, note.content
        ours.again = -1  # that it may be gone by now does not count
        ours.seen_ready = is_begun  # what was begun of it was there
        if archive is not None and earlier.is_here:
            ours.archive = str(archive)
            self._unpack(ours)
        else:
            self._follow(ours)

    def _clear_up(self, root: Path, archive: PurePosixPath | None, content: str) -> None:
        """Take away an archive that has done its work, and its note."""
        assert self._jobs.notes is not None
        with contextlib.suppress(OSError):  # they only take room
            if archive is not None:
                remove(root / archive, root)
            self._jobs.notes.remove(root, content)


def entry_of(
    expected: ExpectedFile, result: FileResult, seconds: float = 0.0
) -> downloads_log.LogEntry:
    """The line of downloads.log for a file of a job, which came to this."""
    return downloads_log.LogEntry(
        key=expected.file.key,
        file_id=expected.file.data_id or expected.file.key,
        filename=expected.file.filename,
        size=result.size,
        path=result.path,
        md5=result.md5,
        verified_by=result.verified_by,
        seconds=seconds,
        status=result.state,
        sample=expected.file.sample or "",
        belongs_to=expected.file.belongs_to,
        origin=expected.file.origin,
        mtime_ns=result.mtime_ns,
        blocks=result.blocks,
    )


def _archive_here(root: Path, note: Note) -> bool:
    """Whether the archive of a note stands where it says. Raises OSError."""
    archive = _inside(note.archive)
    return archive is not None and (root / archive).is_file()


def _inside(path: str) -> PurePosixPath | None:
    """A path of a note, if it leads nowhere else than below the root."""
    given = PurePosixPath(path)
    if not path or given.is_absolute() or ".." in given.parts:
        return None
    return given
