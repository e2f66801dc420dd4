"""What an engine's transfers and bulk jobs went through, told at the source and in order.

A subscriber hears of what changed ten times a second, joined: a state that passes in between is not
there. A record has every one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from flowtui.engine.engine import Engine
from flowtui.protocol.messages import BulkRow, TransferRow
from support.waiting import GUARD

Row = TypeVar("Row", TransferRow, BulkRow)


@dataclass
class Record:
    """Every row of every transfer and bulk job, as they were changed.

    Attributes:
        transfers, jobs: the rows in order, by all engines that it was attached to.
    """

    transfers: list[TransferRow] = field(default_factory=list)
    jobs: list[BulkRow] = field(default_factory=list)
    _at_job: list[tuple[Callable[[BulkRow], bool], Callable[[], object]]] = field(
        default_factory=list
    )
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def attach(self, engine: Engine) -> None:
        """Record this engine, which has not been started."""
        engine.observe(self._transfer, self._job)

    def _transfer(self, row: TransferRow) -> None:
        with self._changed:
            self.transfers.append(row)
            self._changed.notify_all()

    def at_job(self, true: Callable[[BulkRow], bool], action: Callable[[], object]) -> None:
        """Do something, once, at the change by which a bulk job is so.

        In the engine's thread, so that nothing of the engine's can come before.
        """
        self._at_job.append((true, action))

    def _job(self, row: BulkRow) -> None:
        for entry in [entry for entry in self._at_job if entry[0](row)]:
            self._at_job.remove(entry)
            entry[1]()
        with self._changed:
            self.jobs.append(row)
            self._changed.notify_all()

    def until(self, true: Callable[[TransferRow], bool], since: int = 0) -> TransferRow:
        """The first row of a transfer, from the `since`th on, that is so; waits for it."""
        return self._until(self.transfers, true, since)

    def until_seen(self, true: Callable[[TransferRow], bool], times: int) -> None:
        """Wait until so many rows of transfers were so."""
        self._until_seen(self.transfers, true, times)

    def until_job_seen(self, true: Callable[[BulkRow], bool], times: int) -> None:
        """Wait until so many rows of bulk jobs were so."""
        self._until_seen(self.jobs, true, times)

    def _until_seen(self, rows: list[Row], true: Callable[[Row], bool], times: int) -> None:
        with self._changed:
            while sum(map(true, rows)) < times:
                assert self._changed.wait(GUARD), rows[-1:]

    def until_job(self, true: Callable[[BulkRow], bool], since: int = 0) -> BulkRow:
        """The first row of a bulk job, from the `since`th on, that is so; waits for it."""
        return self._until(self.jobs, true, since)

    def _until(self, rows: list[Row], true: Callable[[Row], bool], since: int) -> Row:
        seen = since
        with self._changed:
            while True:
                for row in rows[seen:]:
                    if true(row):
                        return row
                seen = len(rows)
                assert self._changed.wait(GUARD), rows[-1:]

    def reasons(self) -> list[str]:
        """The reasons of transfers, each once, in order."""
        return list(dict.fromkeys(row.reason for row in self.transfers if row.reason))

    def states(self, id_: int = 1) -> list[str]:
        """The states that a transfer went through, in order."""
        return _runs(row.state for row in self.transfers if row.id == id_)

    def job_states(self, id_: int = 1) -> list[str]:
        """The states that a bulk job went through, in order."""
        return _runs(row.state for row in self.jobs if row.id == id_)


def _runs(states: object) -> list[str]:
    found: list[str] = []
    for state in states:  # type: ignore[attr-defined]
        if not found or found[-1] != state:
            found.append(state)
    return found
