"""Unpacking the archives of bulk jobs, until every file is here and verified."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from flowtui.engine.bulk.job import SAVE_EVERY, BulkJobRecord
from flowtui.engine.bulk.jobs import BulkJobs, Work, to_come
from flowtui.engine.bulk.singles import Loss, Singles, code_of, done_words, words_of
from flowtui.engine.bulk.start import entry_of
from flowtui.engine.queue.queue import Queue
from flowtui.protocol.states import BulkState
from flowtui.system import descriptors
from flowtui.system.shared_folder import remove as remove_file
from flowtui.transfer.archive.extract import Unpack, Unpacked, run
from flowtui.transfer.errors import disk_trouble, internal_error
from flowtui.transfer.task import ExpectedFile, FileResult

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from flowtui.engine.mailbox import Mailbox
    from flowtui.engine.queue.folders import TargetFolders
    from flowtui.engine.workers.pool import Workers
    from flowtui.timings import Timings
    from flowtui.transfer.disk.paths import TargetPaths
    from flowtui.transfer.task import Recorded

MOST_ROUNDS = 20
"""How often other names are tried where foreign files are in the way."""


class Unpacker:
    """Runs the workers that unpack, and ends the jobs whose files are all here.

    Attributes:
        runs: job's id → what its worker does.
    """

    def __init__(
        self,
        jobs: BulkJobs,
        queue: Queue,
        folders: TargetFolders,
        workers: Workers,
        mailbox: Mailbox,
        timings: Timings,
        *,
        singles: Singles,
        lost: Callable[[BulkJobRecord, str, str], None],
    ) -> None:
        """`lost` takes over a job whose archive is gone or of no use."""
        self.runs: dict[int, Work] = {}
        self._jobs = jobs
        self._queue = queue
        self._singles = singles
        self._folders = folders
        self._workers = workers
        self._mailbox = mailbox
        self._timings = timings
        self._lost = lost
        self._removing: set[int] = set()
        self._damaged: set[int] = set()
        self._due: dict[int, float] = {}
        self._saved: dict[int, float] = {}
        self._rounds: dict[int, int] = {}

    def is_idle(self, silent: Container[str]) -> bool:
        """Whether nothing is unpacked, and nothing waits to be; single files are transfers.

        What was let go of and waits for the disk of one of these folders does not count.
        """
        busy = [
            work
            for work in self.runs.values()
            if not work.stop.event.is_set() or work.folder not in silent
        ]
        return not (busy or self._due or self._removing)

    def tick(self, now: float) -> float | None:
        """Try again where there was no room; seconds until the next time."""
        for id_, when in list(self._due.items()):
            if when <= now:
                del self._due[id_]
                again = lambda id_=id_: self.unpack(self._jobs.jobs[id_])  # noqa: E731
                self._jobs.apart(id_, again, self.drop)
        return max(0.0, min(self._due.values()) - now) if self._due else None

    def unpack(self, job: BulkJobRecord, occupied: Container[str] = (), number: int = 0) -> None:
        """Unpack a job's archive, or go on with that.

        The files of these keys, in whose place something else stands, get other names: those of
        the round with this `number`.
        """
        self._jobs.change(job, BulkState.UNPACKING, "")
        if job.id in self.runs:
            return
        self._singles.leave(job.id)
        self._jobs.recheck_singles(job)
        files, root, id_ = job.expected_files(), Path(job.root), job.id
        asked = self._folders.ask(job.root, lambda paths: _plan(paths, files, occupied, number))
        archive, done = root / job.archive, frozenset(job.results)
        mine = self.runs[id_] = Work(job.root)
        self._saved[id_] = time.monotonic()

        def stop_run(id_: int) -> None:
            mine.stop.set()

        def let_go(id_: int) -> None:
            self.runs.pop(id_, None)

        def work() -> None:
            try:
                with mine.calls.waiting():
                    placed, recorded = asked.result()
            except OSError as error:
                trouble = disk_trouble(error, archive)
                outcome = Unpacked(trouble.code, trouble.message)
            except Exception as error:  # noqa: BLE001
                mistake = internal_error(error)  # ends this job with words
                outcome = Unpacked(mistake.code, mistake.message)
            else:
                if placed != files:
                    self._mailbox.post(
                        self._jobs.about(id_, lambda: self._on_placed(id_, placed), stop_run)
                    )
                by_key = {expected.file.key: expected for expected in placed}

                def on_results(results: dict[str, FileResult]) -> None:
                    by_file = {by_key[key]: result for key, result in results.items()}
                    self._mailbox.post(
                        self._jobs.about(id_, lambda: self._on_results(id_, by_file), stop_run)
                    )

                task = Unpack(archive, root, placed, done, recorded, calls=mine.calls)
                outcome = run(task, mine.stop, on_results)
            self._mailbox.post(
                self._jobs.about(id_, lambda: self._ended(id_, mine, outcome), let_go)
            )

        self._workers.do(work)

    def _on_placed(self, id_: int, files: tuple[ExpectedFile, ...]) -> None:
        job = self._jobs.jobs.get(id_)
        if job is not None:
            self._jobs.set_paths(job, files)

    def drop(self, id_: int) -> None:
        """Nobody unpacks a job any more with which something has gone wrong."""
        self._due.pop(id_, None)
        if (mine := self.runs.pop(id_, None)) is not None:
            mine.stop.set()

    def stop(self, job: BulkJobRecord) -> None:
        """Let go of a job; what is unpacked stays."""
        self._due.pop(job.id, None)
        self._removing.discard(job.id)
        mine = self.runs.get(job.id)
        if mine is not None:
            mine.stop.set()

    def sweep(self, job: BulkJobRecord) -> None:
        """Take away what a kill in the midst of it left of the files of a job that was cancelled.

        Where a worker is still at them it is done when that has let go.
        """
        if job.id in self.runs or job.state is not BulkState.CANCELLED or not job.unpack:
            return
        root = Path(job.root)
        targets = [root / expected.path for expected in job.missing() if expected.path]

        def sweep() -> None:
            from flowtui.transfer.disk.part_file import remove_leftovers

            for target in targets:
                if job.state is not BulkState.CANCELLED:
                    return  # it is tried again
                with contextlib.suppress(OSError):  # beside its target a later try meets it
                    remove_leftovers(target, root)

        self._workers.lanes.post("sweep", job.root, sweep)

    def _on_results(self, id_: int, results: dict[ExpectedFile, FileResult]) -> None:
        """Some files are here now."""
        job = self._jobs.jobs.get(id_)
        if job is None:
            return
        for expected, result in results.items():
            job.put(expected.file.key, replace(result, occupied=expected.occupied))
            self._folders.log(job.root, entry_of(expected, result))
        now = time.monotonic()
        save = now - self._saved.get(id_, 0.0) >= SAVE_EVERY
        if save:
            self._saved[id_] = now
        self._jobs.touch(job, save=save)

    def _ended(self, id_: int, mine: Work, outcome: Unpacked) -> None:
        if self.runs.get(id_) is mine:
            del self.runs[id_]
        job = self._jobs.jobs.get(id_)
        if job is None:
            return
        self._jobs.touch(job)
        if job.state is not BulkState.UNPACKING:
            self.sweep(job)
            return
        if mine.stop.event.is_set() or outcome.code == "STOPPED":
            if not self._singles.is_waiting(id_):
                self._due[id_] = 0.0  # cancelled and tried again before the worker had let go
            return
        if outcome.code == "NO_SPACE":
            self._due[id_] = self._jobs.clocks.due() + self._timings.full_disk.first
            self._jobs.change(job, None, outcome.reason, outcome.code)
        elif outcome.code == descriptors.CODE:
            self._due[id_] = self._jobs.clocks.due() + self._timings.too_many_open.first
            self._jobs.change(job, None, outcome.reason, outcome.code)
        elif outcome.code in ("GONE", "BROKEN"):
            self._remove_archive(job, lambda: self._lost(job, outcome.reason, outcome.code))
        elif outcome.code:
            words = f"{outcome.reason}; retry, or download the files one by one"
            self._jobs.change(job, BulkState.FAILED, words, outcome.code)
        elif outcome.occupied and self._rounds.get(id_, 0) < MOST_ROUNDS:
            self._elsewhere(job, set(outcome.occupied))
        else:
            self._settle(job, outcome)

    def _elsewhere(self, job: BulkJobRecord, occupied: set[str]) -> None:
        """Choose other names for files in whose place something else stands; unpack again."""
        number = self._rounds[job.id] = self._rounds.get(job.id, 0) + 1
        self.unpack(job, occupied, number)

    def _settle(self, job: BulkJobRecord, outcome: Unpacked) -> None:
        """The archive has given what it has; what it has not is fetched one by one."""
        if outcome.damaged:
            self._damaged.add(job.id)
        absent = dict(outcome.absent)
        absent |= dict.fromkeys(outcome.occupied, "a different file is in its place")
        rest = [expected for expected in job.missing() if expected.file.key in absent]
        if rest:
            reasons = set(absent.values())
            why = reasons.pop() if len(reasons) == 1 else "missing from the archive, or damaged"
            words = (
                f"{len(rest):,} of {len(job.data_ids):,} files are downloaded one by one ({why})"
            )
            self._jobs.change(job, None, words)
            self._jobs.one_by_one(job, rest, "")
            for expected in rest:
                key = expected.file.key
                job.put(key, to_come(expected, absent[key]))
        self._singles.wait(job, lambda lost: self._all_ended(job, lost))

    def _all_ended(self, job: BulkJobRecord, lost: list[Loss]) -> None:
        """All has come out of the archive, and all single files have ended."""
        keep = bool(lost) and job.id in self._damaged
        self._damaged.discard(job.id)
        self._rounds.pop(job.id, None)
        if keep:
            words = f"{words_of(job, lost)}; archive kept at {job.archive}"
            self._jobs.change(job, BulkState.FAILED, words, code_of(lost))
            return

        def end() -> None:
            if lost:
                self._jobs.change(job, BulkState.FAILED, words_of(job, lost), code_of(lost))
            else:
                self._jobs.change(job, BulkState.DONE, done_words(job))

        self._remove_archive(job, end)

    def take_off(self, job: BulkJobRecord) -> None:
        """Take the transfer of an archive that is gone off the list: nothing is at its path."""
        transfer = self._queue.transfers.get(job.transfer_id or -1)
        job.transfer_id = None
        if transfer is not None:
            self._queue.remove(transfer)

    def _remove_archive(self, job: BulkJobRecord, then: Callable[[], None]) -> None:
        """Remove an archive that has done its work, or is of none; then do `then`."""
        archive = job.archive
        root = Path(job.root)
        self._removing.add(job.id)

        def removed() -> None:
            self._removing.discard(job.id)
            if job.state is BulkState.UNPACKING and job.archive == archive:
                key = f"bulk/{job.content}"
                self._folders.tell(job.root, lambda paths: paths.release(archive, key))
                job.archive = ""
                self.take_off(job)
                then()

        def remove() -> None:
            with contextlib.suppress(OSError):  # it only takes room; the files are here
                if archive:
                    remove_file(root / archive, root)
            self._mailbox.post(self._jobs.about(job.id, removed, self._removing.discard))

        # Until it is gone the job is not over: a killed engine's successor removes it.
        self._workers.lanes.post("sweep", job.root, remove)


def _plan(
    paths: TargetPaths, files: tuple[ExpectedFile, ...], occupied: Container[str], number: int
) -> tuple[tuple[ExpectedFile, ...], dict[str, Recorded]]:
    """The files, those that need it under another path, and what is recorded of these paths.

    In the thread of their folder.
    """
    placed = []
    for expected in files:
        path, passed, file = expected.path, expected.occupied, expected.file
        if file.key in occupied:
            passed += 1
            paths.release(path, file.key)
        if file.key in occupied or not path:
            path = paths.assign_file(file, after=number)
        placed.append(ExpectedFile(file, path, passed))
    recorded = {p.path: r for p in placed if (r := paths.recorded.get(p.path)) is not None}
    return tuple(placed), recorded
