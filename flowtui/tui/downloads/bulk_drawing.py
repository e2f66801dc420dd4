"""How a bulk job, and each of its files, looks on one line."""

from __future__ import annotations

import time

from flowtui.protocol.messages import BulkFileRow, BulkRow
from flowtui.protocol.states import BULK_ENDED, BulkState
from flowtui.text import columns, quantities
from flowtui.text.columns import LONGEST, column
from flowtui.text.printable import printable
from flowtui.tui.downloads.drawing import bar, fit_path
from flowtui.tui.known_files import Standing
from flowtui.tui.widgets.line_list import Piece

SIGNS: dict[str, tuple[str, str]] = {
    BulkState.PENDING: ("·", "dim"),
    BulkState.PROCESSING: ("⟳", "active"),
    BulkState.COMPLETED: ("▼", "active"),
    BulkState.FETCHING: ("▼", "active"),
    BulkState.UNPACKING: ("▤", "active"),
    BulkState.ONE_BY_ONE: ("▶", "active"),
    BulkState.DONE: ("✓", "good"),
    BulkState.FAILED: ("✗", "error"),
    BulkState.EXPIRED: ("✗", "warning"),
    BulkState.CANCELLED: ("-", "dim"),
}
"""State → its sign, and its style."""

FILE_SIGNS: dict[str, tuple[str, str]] = {
    "pending": ("·", "dim"),
    "done": ("✓", "good"),
    "skipped": ("✓", "good"),
    "one_by_one": ("▶", "active"),
}
"""State of a job's file → its sign, and its style."""


def pieces(job: BulkRow, width: int) -> list[Piece]:
    """A bulk job's line, `width` cells."""
    sign, style = SIGNS.get(job.state, ("?", "dim"))
    ended = job.state in BULK_ENDED
    meter = 11 if width >= 100 else 0
    name = max(10, min(40, width // 3 if width >= 100 else width // 4 - 6))
    share = job.progress
    line = [
        (f" {sign} ", style),
        (column(printable(job.name[:LONGEST]), name), "dim" if ended else "row"),
        (f"{job.files:,} files".rjust(12) + "  ", "dim"),
        (column(job.state.replace("_", " "), 11), style),
    ]
    if meter:
        whole = 100 if share is not None and not ended else None
        line.append((bar(int(share or 0), whole, meter - 1), style))
        line.append((" ", "row"))
    line.append(((f"{int(share)}%" if share is not None and not ended else "").rjust(5), "row"))
    left = width - sum(columns.width(text) for text, _ in line) - 2
    note = column(fitting(parts_of(job), left), left)
    line.append((f"  {note}", style if ended and job.state != BulkState.DONE else "dim"))
    return line


def fitting(parts: list[str], width: int) -> str:
    """As many of the first parts as fit whole; the first one in any case."""
    shown = parts[:1]
    for part in parts[1:]:
        if columns.width(", ".join([*shown, part])) > width:
            break
        shown.append(part)
    return ", ".join(shown)


def note_of(job: BulkRow, now: float | None = None) -> str:
    """All of `parts_of`."""
    return ", ".join(parts_of(job, now))


def parts_of(job: BulkRow, now: float | None = None) -> list[str]:
    """What else is to say of a job: why, how fast, how much, how long it is kept, how old."""
    now = time.time() if now is None else now
    parts = []
    if job.reason:
        parts.append(printable(job.reason[:LONGEST]))
    if job.state == BulkState.FETCHING and job.rate:
        parts.append(quantities.rate(job.rate))
        if job.eta is not None:
            parts.append(f"{quantities.duration(job.eta)} left")
    if job.unpacked or job.state == BulkState.UNPACKING:
        parts.append(f"{job.unpacked:,} unpacked")
    if job.skipped:
        parts.append(f"{job.skipped:,} already here")
    if job.one_by_one:
        here = "" if job.one_by_one_here == job.one_by_one else f"{job.one_by_one_here:,} of "
        parts.append(f"{here}{job.one_by_one:,} one by one")
    if job.occupied:
        parts.append(f"{job.occupied:,} beside different files of their names")
    if job.expires is not None and job.state in (BulkState.COMPLETED, BulkState.FETCHING):
        left = job.expires - now
        parts.append(f"expires in {quantities.duration(left)}" if left > 0 else "about to expire")
    if job.ended is not None:
        parts.append(f"ended {_at(job.ended, now)}")
    elif job.created:
        parts.append(f"requested {_ago(job.created, now)}")
    return parts


def file_pieces(row: BulkFileRow, width: int, standing: Standing | None = None) -> list[Piece]:
    """The line of one of a job's files, `width` cells; `standing`: what the queue says of it."""
    sign, style = FILE_SIGNS.get(row.state, ("?", "dim"))
    if row.state == "one_by_one" and (row.verified_by or standing is Standing.HERE):
        sign, style = FILE_SIGNS["done"]
    elif row.state == "one_by_one" and standing is Standing.FAILED:
        sign, style = SIGNS[BulkState.FAILED]
    size = "?" if row.size is None else quantities.size(row.size)
    words = file_words(row, standing)
    words_width = min(max(24, width // 3), max(8, width - 30))
    path = max(8, width - words_width - 3 - 11 - 1)
    return [
        (column(f" {sign} ", 3), style),
        (fit_path(printable(row.path[-LONGEST:] or row.filename[-LONGEST:]), path), "row"),
        (size.rjust(11) + " ", "dim"),
        (column(words, width - path - 15, ending=0), style),
    ]


def file_words(row: BulkFileRow, standing: Standing | None = None) -> str:
    """What became of a file; `standing`: what the queue says of it."""
    if row.state == "done":
        beside = "; a different file stands at its name" if row.occupied else ""
        return f"unpacked, verified by {printable(row.verified_by)}{beside}"
    if row.state == "skipped":
        return "already here"
    if row.state == "one_by_one" and row.verified_by:
        return f"downloaded by itself, verified by {printable(row.verified_by)}"
    if row.state == "one_by_one" and standing is Standing.FAILED:
        return "failed; the downloads say why"
    if row.state == "one_by_one":
        return "one by one" + (f": {printable(row.reason)}" if row.reason else "")
    return "waiting"


def _at(moment: float, now: float) -> str:
    """The time of what does not change any more: an age would be drawn anew every second."""
    then, today = time.localtime(moment), time.localtime(now)
    return time.strftime("at %H:%M" if then[:3] == today[:3] else "on %Y-%m-%d", then)


def _ago(moment: float, now: float) -> str:
    return f"{quantities.duration(max(0.0, now - moment))} ago"
