"""How a bulk job looks on one line."""

from __future__ import annotations

import time

from rich.cells import cell_len

from flowtui import quantities
from flowtui.engine.protocol import BulkRow, TransferRow
from flowtui.engine.states import BULK_ENDED, BulkState
from flowtui.flow.clean import printable
from flowtui.tui.browser.labels import LONGEST, fit
from flowtui.tui.downloads.drawing import bar, begin
from flowtui.tui.downloads.lines import Piece

_B = BulkState

SIGNS: dict[str, tuple[str, str]] = {
    _B.PENDING: ("·", "dim"),
    _B.PROCESSING: ("⟳", "active"),
    _B.COMPLETED: ("▼", "active"),
    _B.FETCHING: ("▼", "active"),
    _B.UNPACKING: ("◫", "active"),
    _B.DONE: ("✓", "good"),
    _B.FAILED: ("✗", "error"),
    _B.EXPIRED: ("✗", "warning"),
    _B.CANCELLED: ("-", "dim"),
}
"""State → its sign, and its style."""


def pieces(job: BulkRow, transfer: TransferRow | None, width: int) -> list[Piece]:
    """A bulk job's line, `width` cells; `transfer` is the one of its archive."""
    sign, style = SIGNS.get(job.state, ("?", "dim"))
    over = job.state in BULK_ENDED
    meter = 11 if width >= 100 else 0
    name = max(10, min(40, width // 3 if width >= 100 else width // 4 - 6))
    share = share_of(job, transfer)
    line = [
        (f" {sign} ", style),
        (fit(printable(job.name[:LONGEST]), name), "dim" if over else "row"),
        (f"{job.files:,} files".rjust(12) + "  ", "dim"),
        (fit(job.state, 11), style),
    ]
    if meter:
        line.append((bar(int(share or 0), 100 if share is not None else None, meter - 1), style))
        line.append((" ", "row"))
    line.append(((f"{int(share)}%" if share is not None and not over else "").rjust(5), "row"))
    left = width - sum(cell_len(text) for text, _ in line) - 2
    line.append(
        ("  " + begin(note_of(job, transfer), left), "error" if style == "error" else "dim")
    )
    return line


def share_of(job: BulkRow, transfer: TransferRow | None) -> float | None:
    """Percent of the preparing, or of the fetching once that is what goes on."""
    if transfer is not None and job.state == _B.FETCHING:
        return 100 * transfer.done / transfer.size if transfer.size else None
    return job.progress


def note_of(job: BulkRow, transfer: TransferRow | None, now: float | None = None) -> str:
    """What else is to say of a job: why, how fast, how long it will be kept, how old it is."""
    now = time.time() if now is None else now
    parts = []
    if job.reason:
        parts.append(printable(job.reason[:LONGEST]))
    if transfer is not None and job.state == _B.FETCHING and transfer.rate:
        parts.append(quantities.rate(transfer.rate))
    if job.expires is not None and job.state in (_B.COMPLETED, _B.FETCHING):
        left = job.expires - now
        parts.append(f"expires in {quantities.duration(left)}" if left > 0 else "about to expire")
    elif job.created and job.state in (_B.PENDING, _B.PROCESSING):
        parts.append(f"asked for {quantities.duration(max(0.0, now - job.created))} ago")
    return ", ".join(parts)
