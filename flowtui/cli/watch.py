"""`flowtui status --watch`: the queue as it goes on, drawn in place or a line for each change."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flowtui.cli.output import Output, one_line, size_text
from flowtui.cli.progress import bulk_line, outcome_line
from flowtui.cli.queue_lines import NOT_RUNNING, lines_of, summary_line
from flowtui.protocol.states import TransferState

if TYPE_CHECKING:
    from flowtui.daemon.client import EngineClient
    from flowtui.protocol.messages import Changes, Status, TransferRow

DRAW_EVERY = 1.0
"""Seconds between two drawings in place."""

SUMS_EVERY = 10.0
"""Seconds between two lines of sums, where they changed."""

AGAIN = 2.0
"""Seconds after which an engine is looked for again."""

LINES_AROUND = 8
"""Lines of a drawing that list no transfers, about; what does not fit is left out."""


def watch(out: Output, *, plain: bool) -> None:
    """Show the queue until Interrupted or OutputLost is raised."""
    drawn = not (plain or out.as_json) and _is_terminal()
    follow = _draw if drawn else _tell
    is_told = False
    from flowtui.daemon.connect import connect_engine
    from flowtui.daemon.errors import EngineGone, EngineNotRunning

    while True:
        try:
            with closing(connect_engine(start=False)) as engine:
                is_told = False
                follow(engine, out)
        except (EngineNotRunning, EngineGone):
            if not is_told:
                is_told = True
                out.event("status", running=False)
                if not out.as_json:
                    out.line(_stamped(NOT_RUNNING) if not drawn else NOT_RUNNING)
        time.sleep(AGAIN)


def _is_terminal() -> bool:
    """Whether stdout is a terminal that can be drawn on."""
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"


# In place


def _draw(engine: EngineClient, out: Output) -> None:
    """Draw the queue again and again. Raises EngineGone."""
    while True:
        columns, lines = shutil.get_terminal_size()
        now = engine.status(rows=True, most=max(1, lines - LINES_AROUND))
        out.frame(drawing(now, columns, lines))
        time.sleep(DRAW_EVERY)


def drawing(now: Status, columns: int, lines: int) -> list[str]:
    """The lines of `flowtui status` as far as there is room for them."""
    from flowtui.text.columns import fit

    shown = [fit(line, columns - 1) for line in lines_of(now)]
    return shown[: lines - 1]


# A line for each change


def _tell(engine: EngineClient, out: Output) -> None:
    """Say what changes. Raises EngineGone."""
    if out.as_json:
        _tell_programs(engine, out)
        return
    told = PlainLines()
    for changes in engine.events():
        for line in told.take(changes, time.monotonic()):
            out.line(_stamped(line))


def _stamped(line: str) -> str:
    """With the time; in a log of days with the day, too."""
    stamp = "%H:%M:%S" if sys.stdout.isatty() else "%Y-%m-%d %H:%M:%S"
    return f"{time.strftime(stamp)}  {line}"


@dataclass
class PlainLines:
    """What to say of the queue as it goes on: what becomes of each file, and the sums at times.

    Of what was there at first only what goes on is told.
    """

    _states: dict[int, str] = field(default_factory=dict)
    _jobs: dict[int, str] = field(default_factory=dict)
    _said: str = ""
    _said_at: float | None = None
    _is_whole: bool = False

    def take(self, changes: Changes, now: float) -> Iterator[str]:
        """The lines of what is new; `now` in seconds, by any clock."""
        if changes.reset:
            self._states.clear()
            self._jobs.clear()
            self._is_whole = False
        for row in changes.transfers:
            before = self._states.get(row.id)
            self._states[row.id] = row.state
            if before != row.state and (before is not None or self._is_whole):
                yield from self._of_transfer(row)
        for job in changes.bulk_jobs:
            before = self._jobs.get(job.id)
            self._jobs[job.id] = job.state
            if before != job.state and (before is not None or self._is_whole):
                yield bulk_line(job)
        for gone in changes.removed:
            self._states.pop(gone, None)
        self._is_whole = self._is_whole or changes.last
        if not self._is_whole:
            return
        sums = summary_line(changes.summary)
        due = self._said_at is None or now - self._said_at >= SUMS_EVERY
        is_over = not changes.summary.rate and not changes.summary.counts.get(TransferState.ACTIVE)
        if sums != self._said and (due or is_over):
            self._said, self._said_at = sums, now
            yield sums

    def _of_transfer(self, row: TransferRow) -> Iterator[str]:
        if row.state == TransferState.ACTIVE:
            yield f"started  {_name(row)}"
        elif row.state == TransferState.PAUSED:
            yield f"paused   {_name(row)}"
        elif line := outcome_line(row):
            yield line


def _name(row: TransferRow) -> str:
    return one_line(row.path) + (f"  {size_text(row.size)}" if row.size is not None else "")


def _tell_programs(engine: EngineClient, out: Output) -> None:
    """The same as JSON: the whole queue, then what changes."""
    from flowtui.cli.json_fields import bulk_fields, transfer_fields

    for changes in engine.events():
        if changes.last:
            out.event("status", running=True, **changes.summary.to_json())
        for job in changes.bulk_jobs:
            out.event("bulk", **bulk_fields(job))
        for row in changes.transfers:
            out.event("transfer", **transfer_fields(row))
        for id_ in changes.removed:
            out.event("removed", id=id_)
