"""Unpacked files on their last step: flushed to the disk, then given their final names, in groups.

A flush waits for the disk; many files flushed one right after the other wait for it about once.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flowtui.system.folder_fsync import Change
from flowtui.system.fsync import begin_flush
from flowtui.transfer.disk.commit import give_name, put_names_on_disk
from flowtui.transfer.task import FileResult

GROUP_FILES = 128
GROUP_BYTES = 64 << 20
"""A group is flushed when it has so many files or bytes."""

WAITING = 2 * GROUP_FILES
"""Files that may wait for their flush, each with an open descriptor."""

LONGEST = 0.5
"""Seconds that a group waits for its next file."""


@dataclass(frozen=True)
class Ready:
    """A verified file under its name for the time being, open and locked."""

    key: str
    descriptor: int
    unlock: Callable[[], None]
    part: Path
    final: Path
    result: FileResult


class Finisher:
    """A thread that finishes what it is given.

    Attributes:
        occupied: keys of files in whose place a different file came up meanwhile.
        trouble: what ended it before its time.
    """

    def __init__(self, came: Callable[[dict[str, FileResult]], None]) -> None:
        self.occupied: list[str] = []
        self.trouble: BaseException | None = None
        self._came = came
        self._ready: queue.Queue[Ready | None] = queue.Queue(WAITING)
        self._thread = threading.Thread(target=self._serve, name="finisher", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def put(self, one: Ready) -> None:
        """Have a file finished, waiting where there are too many already."""
        self._ready.put(one)

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
                one = self._ready.get(timeout=LONGEST if group else None)
            except queue.Empty:
                one = None
            else:
                ended = one is None
            if one is not None:
                group.append(one)
                size += one.result.size or 0
                if len(group) < GROUP_FILES and size < GROUP_BYTES:
                    continue
            if group:
                self._finish(group)
                group, size = [], 0

    def _finish(self, group: list[Ready]) -> None:
        """Flush and rename a group; after trouble, only let go of it."""
        try:
            if self.trouble is None:
                self._flush_and_rename(group)
        except BaseException as error:  # noqa: BLE001
            # Whoever fills us looks at it and raises it in its own thread.
            self.trouble = error
        finally:
            for one in group:
                one.unlock()
                os.close(one.descriptor)

    def _flush_and_rename(self, group: list[Ready]) -> None:
        for one in group:
            # Begins the writing of all before the first is waited for.
            begin_flush(one.descriptor)
        came: dict[str, FileResult] = {}
        named: list[Change] = []
        for one in group:
            os.fsync(one.descriptor)
            try:
                named.append(give_name(one.part, one.final))
            except FileExistsError:
                one.part.unlink(missing_ok=True)
                self.occupied.append(one.key)
            else:
                came[one.key] = one.result
        put_names_on_disk(named)
        self._came(came)
