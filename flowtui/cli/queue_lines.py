"""The background queue as lines for people, and as JSON for programs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from flowtui.cli.output import Output, one_line, seconds_text, size_text

if TYPE_CHECKING:
    from flowtui.protocol.messages import Status, Summary, TransferRow

NOT_RUNNING = "The engine is not running; nothing is being downloaded."


def show_json(now: Status, out: Output) -> None:
    """The queue as it is, for programs."""
    from flowtui.cli.json_fields import bulk_fields, transfer_fields

    out.event("status", running=True, **now.summary.to_json())
    for job in now.bulk_jobs:
        out.event("bulk", **bulk_fields(job))
    for row in now.transfers:
        out.event("transfer", **transfer_fields(row))


def lines_of(now: Status) -> Iterator[str]:
    """The queue as it is, for people."""
    from flowtui.cli.progress import bulk_line
    from flowtui.protocol.states import OVER
    from flowtui.text.columns import table

    yield summary_line(now.summary)
    if now.summary.trouble:
        yield f"Problem: {one_line(now.summary.trouble)}"
    for job in now.bulk_jobs:
        yield f"b{job.id}  {bulk_line(job, time.time())}"
    left = sum(n for state, n in now.summary.counts.items() if state not in OVER)
    rows = now.transfers
    if rows:
        headers = ("ID", "STATE", "DONE", "SIZE", "RATE", "FILE")
        yield from table(headers, [_cells(row) for row in rows], right=(0, 2, 3, 4))
    if left > len(rows):
        yield f"and {left - len(rows):,} more (--json lists all)"


def _cells(row: TransferRow) -> tuple[str, ...]:
    why = f": {one_line(row.reason)}" if row.reason else ""
    rate = f"{size_text(int(row.rate))}/s" if row.rate else ""
    return (
        str(row.id),
        row.state,
        size_text(row.done),
        size_text(row.size),
        rate,
        one_line(row.path) + why,
    )


def summary_line(summary: Summary) -> str:
    """The sums of the queue."""
    if not summary.file_counts:
        return "The queue is empty."
    states = ", ".join(
        f"{number:,} {state}" for state, number in summary.file_counts.items() if number
    )
    text = f"{states}; {size_text(summary.done)} of {size_text(summary.total)}"
    if summary.rate:
        text += f", {size_text(int(summary.rate))}/s"
        if summary.eta is not None:
            text += f", {seconds_text(summary.eta)} left"
    if summary.limit_rate:
        text += f"; limit {size_text(summary.limit_rate)}/s"
    if summary.needs_sign_in:
        text += f"; not signed in to {', '.join(summary.needs_sign_in)}: run `flowtui login`"
    return one_line(text)
