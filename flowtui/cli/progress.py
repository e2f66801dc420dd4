"""Progress for people, on stderr: bars redrawn in place on a terminal, sparse lines elsewhere."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, TextIO

from flowtui.cli.output import counted, one_line, seconds_text, size_text
from flowtui.cli.verbose import is_verbose
from flowtui.protocol.messages import BulkRow, TransferRow
from flowtui.protocol.states import (
    AS_RECORDED,
    BROKEN_ON_FLOW,
    BULK_ENDED,
    RUNNING,
    BulkState,
    TransferState,
)
from flowtui.text.columns import fit, pad, width

if TYPE_CHECKING:
    from flowtui.cli.batch_progress import BatchProgress
    from flowtui.cli.follow import ProgressView

REDRAW_EVERY = 0.2
"""Seconds between two drawings of the bars."""

LINE_EVERY = 10.0
"""Seconds between two lines on what is no terminal."""

MOST_FILES = 8
"""Active files that get a bar of their own."""


def view_for(stream: TextIO) -> ProgressView:
    """What shows the progress on `stream`: bars if it is a terminal that can redraw."""
    if stream.isatty() and os.environ.get("TERM", "dumb") != "dumb" and not is_verbose():
        return Bars(stream)
    return Lines(stream)


def outcome_line(row: TransferRow) -> str:
    """What became of a transfer, as one line; empty while it goes on."""
    if row.state in (TransferState.QUEUED, *RUNNING):
        return ""
    name = one_line(row.path)
    if row.code == BROKEN_ON_FLOW:
        return f"broken   {name}  {size_text(row.size or row.done)}: {one_line(row.reason)}"
    if row.state == TransferState.DONE and row.linked:
        return f"linked   {name}  {size_text(row.size or row.done)}, as {one_line(row.linked)}"
    if row.state == TransferState.DONE:
        text = f"done     {name}  {size_text(row.size or row.done)}"
        if row.resumed_at:
            text += f", resumed at {size_text(row.resumed_at)}"
        return text + (f", verified by {row.verified_by}" if row.verified_by else "")
    if row.state == TransferState.SKIPPED:
        if row.verified_by == AS_RECORDED:
            return f"skipped  {name}  already present, {AS_RECORDED}"
        return f"skipped  {name}  already present" + (
            f", verified by {row.verified_by}" if row.verified_by else ""
        )
    if row.state == TransferState.FAILED:
        return f"failed   {name}: {one_line(row.reason) or row.code}"
    if row.state == TransferState.WAITING:
        return f"waiting  {name}: {one_line(row.reason) or row.code}"
    if row.state == TransferState.CANCELLED:
        return f"cancelled  {name}"
    return ""


def bulk_line(job: BulkRow, now: float | None = None) -> str:
    """How far a bulk job is, as one line; with its age and its time left where `now` is given."""
    text = f"archive  {one_line(job.name)}: {job.state.replace('_', ' ')}"
    moving = (
        BulkState.PROCESSING,
        BulkState.FETCHING,
        BulkState.UNPACKING,
        BulkState.ONE_BY_ONE,
    )
    if job.progress is not None and job.state in moving:
        text += f" {job.progress:.0f} %"
    parts = []
    if now is not None:
        parts += _bulk_numbers(job, now)
    if job.reason:
        parts.append(one_line(job.reason))
    return text + (f" ({'; '.join(parts)})" if parts else "")


def _bulk_numbers(job: BulkRow, now: float) -> list[str]:
    parts = [f"{counted(job.files, 'file')}, {size_text(job.bytes)}"]
    if job.state == BulkState.FETCHING and job.rate:
        left = f", {seconds_text(job.eta)} left" if job.eta is not None else ""
        parts.append(f"{size_text(int(job.rate))}/s{left}")
    if job.unpacked or job.state == BulkState.UNPACKING:
        parts.append(f"{job.unpacked:,} unpacked")
    if job.skipped:
        parts.append(f"{job.skipped:,} already present")
    if job.one_by_one:
        here = "" if job.one_by_one_here == job.one_by_one else f"{job.one_by_one_here:,} of "
        parts.append(f"{here}{job.one_by_one:,} one by one")
    if job.ended is not None:
        parts.append(f"ended {seconds_text(max(0.0, now - job.ended))} ago")
    elif job.created:
        parts.append(f"started {seconds_text(max(0.0, now - job.created))} ago")
    if job.expires is not None and job.state in (BulkState.COMPLETED, BulkState.FETCHING):
        parts.append(f"expires in {seconds_text(max(0.0, job.expires - now))}")
    return parts


def overall_text(state: BatchProgress, total_files: int, cells: int | None = None) -> str:
    """The whole batch as text: bytes, rate, time left, files; less of it where `cells` are few."""
    summary = state.summary
    counts = state.file_counts()
    ended = counts[TransferState.DONE] + counts[TransferState.SKIPPED]
    total = ("at least " if summary.unknown_sizes else "") + size_text(summary.total)
    parts = [f"{size_text(summary.done)} of {total}"]
    optional = []
    if summary.rate:
        parts.append(f"{size_text(int(summary.rate))}/s")
        optional.append(parts[-1])
        if summary.eta is not None:
            parts.append(f"{seconds_text(summary.eta)} left")
            optional.insert(0, parts[-1])
    parts.append(f"{ended:,} of {counted(max(total_files, counts.total()), 'file')}")
    if failed := state.count(TransferState.FAILED):
        parts.append(f"{failed:,} failed")
    if waiting := state.count(TransferState.WAITING):
        parts.append(f"{waiting:,} waiting")
    while cells is not None and optional and len(", ".join(parts)) > cells:
        parts.remove(optional.pop())
    return ", ".join(parts)


def bar(done: int, total: int | None, cells: int, *, plain: bool) -> str:
    """A bar of `cells`, or blanks where nobody knows the total."""
    full, empty = ("#", "-") if plain else ("█", "░")
    if not total:
        return empty * cells
    filled = min(cells, max(0, done * cells // total))
    return full * filled + empty * (cells - filled)


def render(
    state: BatchProgress, total_files: int, columns: int, lines: int, *, plain: bool
) -> list[str]:
    """The bars as lines that fit into `columns` and are at most `lines` many."""
    room = columns - 1  # the last cell stays free: some terminals wrap when it is written
    more = "..." if plain else "…"
    summary = state.summary
    share = _percent(summary.done, summary.total)
    text = overall_text(state, total_files, room - width(share) - 1)
    drawn = [_with_bar(text, share, summary.done, summary.total, room,
                       plain=plain)]  # fmt: skip
    running = sorted(state.running.values(), key=lambda row: row.id)
    shown = running[: max(0, min(MOST_FILES, lines - 3))]
    for row in shown:
        name = f"  {one_line(row.path)}"
        tail = f" {size_text(int(row.rate))}/s" if row.rate else ""
        if row.state == TransferState.VERIFYING:
            tail = " verifying"
        numbers = f"{_percent(row.done, row.size)}{pad(tail, 12)}"
        cells = min(20, max(0, room - 60))
        meter = f" {bar(row.done, row.size, cells, plain=plain)}" if cells >= 5 else ""
        left = room - width(meter) - width(numbers) - 1
        drawn.append(pad(fit(name, left, more=more), left) + meter + " " + numbers.rstrip())
    if len(running) > len(shown):
        drawn.append(f"  and {len(running) - len(shown)} more")
    for job in state.bulk_jobs.values():
        working = (BulkState.PENDING, BulkState.PROCESSING, BulkState.UNPACKING)
        if job.state in working and len(drawn) < lines - 1:
            drawn.append("  " + bulk_line(job))
    return [fit(line, room, more=more) for line in drawn]


def _with_bar(text: str, share: str, done: int, total: int, room: int, *, plain: bool) -> str:
    cells = min(30, room - width(text) - width(share) - 2)
    if cells < 5:
        return f"{share} {text}"
    return f"{bar(done, total, cells, plain=plain)} {share} {text}"


def _percent(done: int, total: int | None) -> str:
    """Whole percents, right-aligned; 100 % only when all is there."""
    if not total:
        return "    "
    return f"{min(100, done * 100 // total):3d}%"


class Bars:
    """Bars on a terminal, redrawn where they stand; what failed stays above them."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._plain = "utf" not in (stream.encoding or "").lower()
        self._height = 0
        self._drawn_at = -REDRAW_EVERY
        self._above: list[str] = []

    def transfer(self, row: TransferRow) -> None:
        """Keep a line for what went wrong or waits; the rest is in the bars."""
        if (
            row.state in (TransferState.FAILED, TransferState.CANCELLED)
            or (row.state == TransferState.WAITING and row.code in ("NO_SPACE", "UNAUTHENTICATED"))
            or row.code == BROKEN_ON_FLOW
        ):
            self._above.append(outcome_line(row))

    def bulk(self, row: BulkRow) -> None:
        """Keep a line for an archive that came to an end or will not come."""
        if row.state in BULK_ENDED:
            self._above.append(bulk_line(row))

    def note(self, text: str) -> None:
        """Keep the line, above the bars."""
        self._above.append(text)

    def update(self, progress: BatchProgress) -> None:
        """Draw, unless that was just done."""
        now = time.monotonic()
        if now - self._drawn_at >= REDRAW_EVERY:
            self._drawn_at = now
            self._draw(progress)

    def close(self) -> None:
        """Take the bars away, so that what comes next stands on a clean line."""
        self._write(self._erase() + "".join(f"{line}\n" for line in self._above))
        self._height = 0
        self._above.clear()

    def _draw(self, progress: BatchProgress) -> None:
        columns, rows = _terminal_size(self._stream)
        lines = render(progress, progress.files, columns, rows, plain=self._plain)
        # A terminal made narrower may have wrapped the old lines; then a few stay in the scroll.
        text = self._erase() + "".join(f"{line}\n" for line in (*self._above, *lines))
        self._above.clear()
        self._height = len(lines)
        self._write(text)

    def _erase(self) -> str:
        return f"\x1b[{self._height}A\r\x1b[J" if self._height else ""

    def _write(self, text: str) -> None:
        if self._plain:
            text = text.encode("ascii", "backslashreplace").decode()
        self._stream.write(text)
        self._stream.flush()


class Lines:
    """A line for each file that has come to an end, and one for the whole now and then."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._printed_at = time.monotonic()

    def transfer(self, row: TransferRow) -> None:
        """Print what became of it."""
        line = outcome_line(row)
        if line:
            self._print(line)

    def bulk(self, row: BulkRow) -> None:
        """Print how far the archive is."""
        self._print(bulk_line(row))

    def note(self, text: str) -> None:
        """Print it."""
        self._print(text)

    def update(self, progress: BatchProgress) -> None:
        """Print how far the batch is, every LINE_EVERY seconds."""
        now = time.monotonic()
        if now - self._printed_at >= LINE_EVERY:
            self._printed_at = now
            self._print(overall_text(progress, progress.files))

    def close(self) -> None:
        """There is nothing to take away."""

    def _print(self, text: str) -> None:
        encoding = self._stream.encoding or "ascii"
        safe = text.encode(encoding, "backslashreplace").decode(encoding)
        self._stream.write(safe + "\n")
        self._stream.flush()


class Silent:
    """Shows nothing but what went wrong."""

    def transfer(self, row: TransferRow) -> None:
        """Print it where it failed."""
        if row.state == TransferState.FAILED or row.code == BROKEN_ON_FLOW:
            Lines(sys.stderr).transfer(row)

    def bulk(self, row: BulkRow) -> None:
        """What is wrong with it is said at the end."""

    def note(self, text: str) -> None:
        """An error, which is what is left to say."""
        Lines(sys.stderr).note(text)

    def update(self, progress: BatchProgress) -> None:
        """Nobody looks."""

    def close(self) -> None:
        """There is nothing to take away."""


def _terminal_size(stream: TextIO) -> tuple[int, int]:
    """Columns and rows of the terminal behind `stream`; 80 by 24 where it does not say."""
    try:
        size = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        return 80, 24
    return size.columns or 80, size.lines or 24


def stderr_view() -> ProgressView:
    """The view for this process."""
    return view_for(sys.stderr)
