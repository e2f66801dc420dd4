"""Downloaded files that are read again for somebody who asks how far that is.

A worker reads; the engine's thread begins and ends it, and answers what is known so far.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from flowtui.engine.queue import silence
from flowtui.engine.workers.pool import Workers
from flowtui.protocol.messages import WRONG_PIECE, Recheck, RequestRefused, WrongFile
from flowtui.protocol.schema import MOST as MOST_COUNT
from flowtui.transfer.errors import Stopped, internal_error
from flowtui.transfer.task import Recorded
from flowtui.transfer.verify.recheck import OK, UNKNOWN, Checked, RecordedFolder, check_all

READING, ENDED, FAILED = "reading", "ended", "failed"

MOST = 4
"""Of them at a time; more would only have each take longer."""

PATIENCE = 60.0
"""Seconds without a question, after which whoever wanted it is taken to be gone."""


class Rechecks:
    """What is read, by its id. The engine's thread alone uses it."""

    def __init__(
        self, workers: Workers, patience: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`patience`: seconds without a byte after which a disk is told not to answer."""
        self._workers = workers
        self._patience = patience
        self._clock = clock
        self._last_id = 0
        self._runs: dict[int, _Run] = {}

    def start(
        self,
        root: Path,
        expected: Mapping[str, Recorded] | None,
        about: Mapping[str, str] | None = None,
    ) -> int:
        """Have the files of a folder read: these paths, or what its log has; the new id.

        `expected` has what is to be there as far as the log does not say. `about`: see
        `downloads_log.read`. Raises RequestRefused.
        """
        for id_, run in list(self._runs.items()):
            if run.report(0).state != READING and len(self._runs) >= MOST:
                del self._runs[id_]
        if len(self._runs) >= MOST:
            raise RequestRefused("BUSY", f"{MOST} folders are being verified; wait for one of them")
        self._last_id += 1
        run = _Run(RecordedFolder(root, about), expected, self._patience, self._clock)
        self._runs[self._last_id] = run
        self._workers.do(run.read)
        return self._last_id

    def report(self, id_: int, after: int) -> Recheck:
        """How far it is. Raises RequestRefused."""
        if (run := self._runs.get(id_)) is None:
            raise RequestRefused("UNKNOWN", "the engine has ended meanwhile; verify it again")
        return run.report(after)

    def end(self, id_: int) -> int:
        """Read no more of it, and forget it; for how many that is done."""
        if (run := self._runs.pop(id_, None)) is None:
            return 0
        run.stop()
        return 1

    def stop(self) -> None:
        """End all, since the engine does."""
        for id_ in list(self._runs):
            self.end(id_)


class _Run:
    """One reading: a worker does it, others ask how far it is."""

    def __init__(
        self,
        folder: RecordedFolder,
        expected: Mapping[str, Recorded] | None,
        patience: float,
        clock: Callable[[], float],
    ) -> None:
        self._folder = folder
        self._expected = expected
        self._patience = patience
        self._clock = clock
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._asked = self._moved = clock()
        self._state, self._reason = READING, ""
        self._files: int | None = None
        self._checked = self._size = self._read = 0
        self._wrong: list[WrongFile] = []

    def stop(self) -> None:
        """Have it end soon."""
        self._ended.set()

    def report(self, after: int) -> Recheck:
        """What is known so far."""
        with self._lock:
            now = self._asked = self._clock()
            reason = self._reason
            if self._state == READING and (stands := now - self._moved) >= self._patience:
                reason = silence.words(str(self._folder.root), stands)
            found = self._wrong[max(0, after) :][:WRONG_PIECE]
            size, read = min(MOST_COUNT, self._size), min(MOST_COUNT, self._read)
            return Recheck(self._state, reason, self._files, self._checked, size,
                           read, len(self._wrong), tuple(found))  # fmt: skip

    def read(self) -> None:
        """Read all; to be called in a worker."""
        try:
            self._read_all()
        except Stopped:
            self._end(FAILED, "stopped")
        except OSError as error:
            self._end(FAILED, f"cannot read {self._folder.root}: {error.strerror or error}")
        except Exception as error:
            self._end(FAILED, internal_error(error).message)
            raise  # told as the engine's trouble
        else:
            self._end(ENDED, "")

    def _read_all(self) -> None:
        folder = self._folder
        folder.read()
        if self._expected is not None:
            folder.files = {
                path: folder.files.get(path, recorded) for path, recorded in self._expected.items()
            }
        wanted = folder.wanted()
        with self._lock:
            self._files = len(wanted)
            self._size = sum(recorded.size or 0 for _, _, recorded in wanted)
        for (_, path, recorded), checked in zip(wanted, check_all(wanted, self._took), strict=True):
            self._took(0)  # of a missing file nothing is read
            wrong = None if checked.state == OK else _wrong(path, recorded, checked)
            with self._lock:
                self._checked += 1
                if wrong is not None:
                    self._wrong.append(wrong)

    def _took(self, count: int) -> None:
        """Take note of bytes that were read. Raises Stopped when they are not wanted any more."""
        with self._lock:
            self._read += count
            self._moved = self._clock()
            is_left = self._clock() - self._asked > PATIENCE
        if is_left or self._ended.is_set():
            raise Stopped

    def _end(self, state: str, reason: str) -> None:
        with self._lock:
            self._state, self._reason = state, reason


def _wrong(path: str, recorded: Recorded, checked: Checked) -> WrongFile:
    # What a link leads to is not ours to replace, and without an md5 nothing is known to be wrong.
    mendable = checked.state != UNKNOWN and not checked.path.is_symlink()
    return WrongFile(recorded.key, path, checked.state, checked.why, mendable)
