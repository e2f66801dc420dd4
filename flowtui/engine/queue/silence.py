"""Disks that do not answer: of which target folders, since when, and what is held until they do."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING

from flowtui.engine.queue.queue import HELD, Queue
from flowtui.protocol.states import TransferState
from flowtui.text import quantities
from flowtui.timings import Timings

if TYPE_CHECKING:
    from flowtui.engine.workers.run import Run

_LOG = logging.getLogger("flowtui.engine")

CODE = "NO_ANSWER"
"""The code of what waits for such a disk."""

TOLD = 100
"""Transfers of a folder, at most, that say why they are held; there may be many more."""

LOOK_AGAIN = 1.0
"""Seconds between two looks at a disk that does not answer."""


def silent(
    asked: Iterable[Mapping[str, float]], now: float, patience: float
) -> tuple[dict[str, str], float | None]:
    """Folder → that its disk does not answer, in words; and when to look again, if ever.

    `asked`: folders whose disks are asked something now, and since when.
    """
    since: dict[str, float] = {}
    for some in asked:
        for folder, at in some.items():
            since[folder] = min(at, since.get(folder, at))
    told = {
        folder: words(folder, now - at)
        for folder, at in sorted(since.items())
        if now - at >= patience
    }
    waits = [at + patience for folder, at in since.items() if folder not in told]
    return told, min([*waits, *([now + LOOK_AGAIN] if told else [])], default=None)


def words(folder: str, seconds: float) -> str:
    """That the disk of a folder does not answer, for people; said anew every few seconds."""
    rounded = seconds // 5 * 5 if seconds >= 5 else seconds
    return quantities.silence(folder, rounded)


class SilentDisks:
    """The target folders whose disks do not answer, and the transfers that are held until they do.

    The engine's thread alone uses it; time comes in as an argument.

    Attributes:
        asked: each says which folders' disks are asked something now, and since when.
        silent: target folder → that its disk does not answer, in words.
    """

    def __init__(
        self, queue: Queue, timings: Timings, tell: Callable[[str, str], None] = lambda *_: None
    ) -> None:
        """`tell` tells people what is wrong with something; by empty words that it is right."""
        self.asked: list[Callable[[], Mapping[str, float]]] = []
        self.silent: dict[str, str] = {}
        self._placing: dict[int, str] = {}
        self._queue = queue
        self._timings = timings
        self._tell = tell
        self._held: dict[str, list[int]] = {}
        self._looked_at = -math.inf
        self._look_at: float | None = None

    def next(self) -> float | None:
        """When to look again by oneself, or None."""
        return self._look_at

    def is_due(self, now: float) -> bool:
        """Whether to look now: not more often than the engine ticks."""
        if now - self._looked_at >= self._timings.tick:
            return True
        if self._look_at is not None:
            self._look_at = max(self._look_at, self._looked_at + self._timings.tick)
        return False

    def look(
        self, runs: Collection[Run], now: float, take_back: Callable[[str], Iterable[int]]
    ) -> list[int]:
        """Find out whose disks do not answer; the transfers that may go on as theirs do again.

        `take_back` takes from the workers what would only wait for the disk of a folder.
        """
        self._looked_at = now
        patience = self._timings.disk_patience
        waiting = [
            (run, since)
            for run in runs
            if run.started and (since := run.progress.calls.since) is not None
        ]
        by_run = ({run.folder: since} for run, since in waiting)
        before = self.silent
        self.silent, self._look_at = silent(
            [*by_run, *(asked() for asked in self.asked)], now, patience
        )
        held_up = {run for run, since in waiting if now - since >= patience}
        for run in runs:
            # What is only to be put on the disk may wait for another file's turn there.
            is_held_up = run in held_up or run.downloaded
            run.held_up = self.silent.get(run.folder, "") if is_held_up else ""
        for folder in self.silent.keys() - before.keys():
            _LOG.warning("%s", self.silent[folder])
            for transfer_id in take_back(folder):
                self.hold(folder, transfer_id)
        for folder, words in self.silent.items():
            if before.get(folder) != words:
                self._say(folder, words)
        released = []
        for folder in before.keys() - self.silent.keys():
            _LOG.info("the disk of %s answers again", folder)
            self._tell(f"disk of {folder}", "")
            released += self._held.pop(folder, [])
        return released

    def hold(self, folder: str, transfer_id: int) -> None:
        """Keep a transfer until the disk of its folder, which is silent, answers again."""
        held = self._held.setdefault(folder, [])
        held.append(transfer_id)
        if len(held) <= TOLD:
            self._say_held(transfer_id, self.silent[folder])

    def begin_placing(self, ids: Sequence[int], folder: str) -> None:
        """The paths of these are being looked for in a folder."""
        self._placing.update(dict.fromkeys(ids, folder))
        if folder in self.silent:
            for transfer_id in ids[:TOLD]:
                self._say_held(transfer_id, self.silent[folder])

    def end_placing(self, transfer_id: int) -> None:
        """The path of a transfer was found, or could not be."""
        self._placing.pop(transfer_id, None)

    def is_placing(self, transfer_id: int) -> bool:
        """Whether the path of a transfer is being looked for."""
        return transfer_id in self._placing

    def _say(self, folder: str, words: str) -> None:
        self._tell(f"disk of {folder}", words)
        placing = (id_ for id_, root in self._placing.items() if root == folder)
        for transfer_id in islice(chain(self._held.get(folder, ()), placing), TOLD):
            self._say_held(transfer_id, words)

    def _say_held(self, transfer_id: int, words: str) -> None:
        transfer = self._queue.transfers.get(transfer_id)
        if transfer is not None and transfer.state in HELD:
            self._queue.change(transfer, TransferState.WAITING, reason=words, code=CODE)
