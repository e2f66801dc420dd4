"""Unpacked files on their last step, in groups: each is committed as every part file is.

A flush waits for the disk; many files flushed one right after the other wait for it about once.
"""

from __future__ import annotations

import errno
import os
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from flowtui.system.fsync import begin_flush
from flowtui.transfer.disk.calls import DiskCalls
from flowtui.transfer.disk.part_file import PartFile
from flowtui.transfer.task import FileResult
from flowtui.transfer.verify.md5 import md5_of_open

GROUP_FILES = 128
GROUP_BYTES = 64 << 20
"""A group is flushed when it has so many files or bytes."""

MOST_OPEN = 3 * GROUP_FILES
"""Files that are in a group or wait for one, each with an open descriptor."""

LONGEST = 0.5
"""Seconds that a group waits for its next file."""


@dataclass(frozen=True)
class Ready:
    """A verified file under its name for the time being."""

    key: str
    part: PartFile
    final: Path
    result: FileResult


class Finisher:
    """A thread that finishes what it is given.

    Attributes:
        occupied: keys of files in whose place a different file came up meanwhile.
        trouble: what ended it before its time.
    """

    def __init__(
        self,
        came: Callable[[dict[str, FileResult]], None],
        most_open: int = MOST_OPEN,
        calls: DiskCalls | None = None,
    ) -> None:
        """`came` is told of each group. `most_open`: files that it may hold open, two at least.
        `calls` is told of what waits for the disk.
        """
        self._group = min(GROUP_FILES, (most_open + 1) // 2)
        self._calls = calls or DiskCalls()
        self.occupied: list[str] = []
        self.trouble: BaseException | None = None
        self._came = came
        self._ready: queue.Queue[Ready | None] = queue.Queue(
            max(1, min(most_open, MOST_OPEN) - self._group)
        )
        self._thread = threading.Thread(target=self._serve, name="finisher", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def put(self, ready: Ready) -> None:
        """Have a file finished, waiting where there are too many already."""
        self._ready.put(ready)

    def close(self) -> None:
        """Finish what is left, and end."""
        self._ready.put(None)
        self._thread.join()

    def _serve(self) -> None:
        group: list[Ready] = []
        size = 0
        ended = False
        while not ended:
            try:
                ready = self._ready.get(timeout=LONGEST if group else None)
            except queue.Empty:
                ready = None
            else:
                ended = ready is None
            if ready is not None:
                group.append(ready)
                size += ready.result.size or 0
                if len(group) < self._group and size < GROUP_BYTES:
                    continue
            if group:
                self._finish(group)
                group, size = [], 0

    def _finish(self, group: list[Ready]) -> None:
        """Flush and rename a group; after trouble, only let go of it."""
        try:
            if self.trouble is None:
                with self._calls.waiting():
                    self._flush_and_rename(group)
        except BaseException as error:  # noqa: BLE001
            # Whoever fills us looks at it and raises it in its own thread.
            self.trouble = self.trouble or error
        finally:
            for ready in group:
                self._let_go(ready)

    def _let_go(self, ready: Ready) -> None:
        """Unlock and close a file. Whatever comes of it, the thread must go on: others wait."""
        try:
            ready.part.close()
        except Exception as error:  # noqa: BLE001
            self.trouble = self.trouble or error

    def _flush_and_rename(self, group: list[Ready]) -> None:
        for ready in group:
            # Begins the writing of all before the first is waited for.
            begin_flush(ready.part.descriptor)
        named: list[Ready] = []
        for ready in group:
            size = ready.result.size or 0
            if (
                not ready.part.settle(size)
                and md5_of_open(ready.part.descriptor) != ready.result.md5
            ):
                words = "another program changed it while it was unpacked"
                raise OSError(errno.EIO, words, str(ready.part.path))
            try:
                ready.part.rename(ready.final, size)
            except FileExistsError:
                ready.part.remove()
                self.occupied.append(ready.key)
            else:
                named.append(ready)
        came = {
            ready.key: replace(ready.result, mtime_ns=os.fstat(ready.part.descriptor).st_mtime_ns)
            for ready in named
        }
        for ready in named:
            ready.part.finish()  # one flush of a folder serves all that got their names before it
        self._came(came)
