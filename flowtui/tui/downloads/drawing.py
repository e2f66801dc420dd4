"""How a transfer looks on one line, and which columns there is room for."""

from __future__ import annotations

from dataclasses import dataclass

from flowtui.protocol.messages import TransferRow
from flowtui.protocol.states import AS_RECORDED, ENDED, GOOD, RUNNING, TransferState
from flowtui.text import columns, quantities
from flowtui.text.columns import LONGEST, column
from flowtui.text.printable import printable
from flowtui.tui.widgets.line_list import Piece

SIGNS: dict[str, tuple[str, str]] = {
    TransferState.QUEUED: ("·", "dim"),
    TransferState.ACTIVE: ("▶", "active"),
    TransferState.VERIFYING: ("▶", "active"),
    TransferState.DONE: ("✓", "good"),
    TransferState.SKIPPED: ("✓", "good"),
    TransferState.PAUSED: ("‖", "warning"),
    TransferState.WAITING: ("…", "warning"),
    TransferState.FAILED: ("✗", "error"),
    TransferState.CANCELLED: ("-", "dim"),
}
"""State → its sign, which needs no colours, and its style."""

EIGHTHS = " ▏▎▍▌▋▊▉█"

LEAST_STATE = 12
"""Cells of the state's column at least; `cancelled` and a blank fit."""


LEAST_PATH = 20
"""Cells from which on a path beside a reason still says something."""


@dataclass(frozen=True)
class Columns:
    """The widths in cells; 0 for a column that there is no room for.

    Attributes:
        sign: state's sign with blanks around. `done`: bytes here and in all.
    """

    sign: int
    name: int
    bar: int
    percent: int
    done: int
    rate: int
    left: int
    state: int


def columns_for(width: int) -> Columns:
    """What fits into `width` cells: the name gets what the others leave, at least a third."""
    if width >= 100:
        state = LEAST_STATE + (width - 100) // 3
        fixed = Columns(3, 0, 11, 5, 21, 12, 11, state)
    elif width >= 70:
        # The bar and the bytes show how far it is; the name needs the room more.
        fixed = Columns(3, 0, 6, 0, 20, 11, 0, LEAST_STATE)
    else:
        fixed = Columns(3, 0, 0, 5, 0, 12 if width >= 50 else 0, 0, LEAST_STATE)
    taken = sum(vars(fixed).values())
    return Columns(**{**vars(fixed), "name": max(8, width - taken)})


def heading(width: int) -> str:
    """The names of the columns."""
    at = columns_for(width)
    line = " " * at.sign + column("file", at.name) + " " * (at.bar + at.percent)
    for title, cells in (("done / size", at.done), ("rate", at.rate), ("left", at.left)):
        line += title.rjust(cells) if cells else ""
    return column(f"{line} state", width)


def pieces(row: TransferRow, width: int) -> list[Piece]:
    """A transfer's line, `width` cells."""
    at = columns_for(width)
    sign, style = SIGNS.get(row.state, ("?", "dim"))
    ended = row.state in ENDED
    line = [
        (column(f" {sign} ", at.sign), style),
        (fit_path(printable(row.path[-LONGEST:]), at.name), "dim" if ended else "row"),
    ]
    if at.bar:
        line.append((" " + bar(row.done, row.size, at.bar - 1, hide=ended), style))
    if at.percent:
        line.append((percent(row).rjust(at.percent), "dim" if ended else "row"))
    if at.done:
        line.append((amount(row).rjust(at.done), "dim" if ended else "row"))
    if at.rate:
        line.append(((quantities.rate(row.rate) if row.rate else "").rjust(at.rate), "row"))
    if at.left:
        left = quantities.duration(row.eta) if row.eta is not None and row.rate else ""
        line.append((left.rjust(at.left), "row"))
    line.append((" " + column(state_words(row), at.state - 1, ending=0), style))
    return line


def state_words(row: TransferRow) -> str:
    """The state, and why; for a verified file, by what."""
    if row.state in GOOD and row.verified_by:
        what = "already here" if row.state == TransferState.SKIPPED else "done"
        return f"{what} ({printable(row.verified_by)})"
    if row.reason:
        return f"{row.state}: {printable(row.reason)}"
    return row.state


def full_words(row: TransferRow) -> str:
    """All there is to say of a transfer's state, for the line below the table."""
    if row.state in GOOD and row.verified_by:
        what = "already here" if row.state == TransferState.SKIPPED else "done"
        if row.linked:
            what = f"linked, as {printable(row.linked)}"
        how = "" if row.verified_by == AS_RECORDED else "verified by "
        beside = "  (a different file stands at its name)" if row.occupied else ""
        return f"{what}, {how}{printable(row.verified_by)}{beside}{_source(row)}"
    words = state_words(row)
    if row.state == TransferState.FAILED and row.retryable:
        words += "  (r: retry)"
    if row.state in RUNNING and row.connections > 1:
        words += f"  ({row.connections} connections)"
    return words


def full_line(row: TransferRow, width: int) -> tuple[str, str]:
    """All there is to say of a transfer, and its whole path, in `width` cells together.

    The words come first; what there is no room for is cut in the middle. The path is left out
    where fewer than `LEAST_PATH` cells are left of it.
    """
    words = f" {full_words(row)}"
    path = printable(f"{row.root}/{row.path}")
    left = width - columns.width(words) - 2
    if left < min(LEAST_PATH, columns.width(path)):
        return columns.fit(words, width), ""
    return words, "  " + fit_path(path, left).rstrip()


def _source(row: TransferRow) -> str:
    """What made an output, as far as that is known."""
    made_by = row.origin
    run = " ".join(filter(None, (made_by.pipeline, made_by.pipeline_version, made_by.run)))
    named = " › ".join(filter(None, (run, made_by.process)))
    return f"  from {printable(named)}" if named else ""


def fit_path(path: str, width: int) -> str:
    """A path in `width` cells; of a long one the file's name is kept before its folders."""
    name = columns.width(path.rpartition("/")[2])
    return column(path, width, ending=min(max(name, width // 2), width * 85 // 100))


def bar(done: int, size: int | None, cells: int, *, hide: bool = False) -> str:
    """A bar in eighths of a cell; blank where it would say nothing."""
    if hide or not size:
        return " " * cells
    eighths = max(0, min(8 * cells, 8 * cells * done // size))
    full, rest = divmod(eighths, 8)
    return ("█" * full + (EIGHTHS[rest] if rest else "")).ljust(cells)


def percent(row: TransferRow) -> str:
    """The share that is here; 100 % only when all of it is."""
    if not row.size or row.state in ENDED:
        return ""
    return f"{min(99 if row.done < row.size else 100, 100 * row.done // row.size)}%"


def amount(row: TransferRow) -> str:
    """Bytes here and in all; of what is here only the size."""
    if row.state in GOOD:
        return quantities.size(row.size or row.done)
    if row.size is None:
        return f"{quantities.size(row.done)} / ?"
    done, size = quantities.size(row.done), quantities.size(row.size)
    (number, unit), of = done.rsplit(" ", 1), size.rpartition(" ")[2]
    return f"{number} / {size}" if unit == of else f"{done} / {size}"
