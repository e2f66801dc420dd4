"""Text in columns of a terminal: how wide it is, cut to a width, lined up in a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

LONGEST = 500
"""Characters of a name that are looked at: a server may send a name of a megabyte."""

LEAST_BOTH = 8
"""Cells from which on both ends of a text are kept; in fewer, neither would say anything."""


_PLAIN = frozenset(map(chr, range(32, 127))) | {"…"}
"""What is one cell wide without asking: `flowtui status` need not load the tables of widths."""


def width(text: str) -> int:
    """Cells that `text` takes on a terminal; wide characters take two, combining ones none."""
    if _PLAIN.issuperset(text):
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def fit(text: str, cells: int, *, ending: int | None = None, more: str = "…") -> str:
    """`text` in at most `cells`, cut in the middle so that a name keeps its start and ending.

    `ending`: cells of it to keep, 0 for the start alone; else half. `more` stands for what is gone.
    """
    if width(text) <= cells:
        return text
    room = cells - width(more)
    if room < 1:
        return _start(text, cells)
    if ending is None:
        ending = room // 2
    end = _ending(text, min(ending, room)) if cells >= LEAST_BOTH else ""
    return _start(text, room - width(end)) + more + end


def pad(text: str, cells: int, *, right: bool = False) -> str:
    """`text` filled with blanks to `cells`, at its left where `right` is true."""
    blanks = " " * max(0, cells - width(text))
    return blanks + text if right else text + blanks


def column(text: str, cells: int, *, ending: int | None = None) -> str:
    """`text` in exactly `cells`: filled up with blanks, or cut by `fit`, a third for the ending."""
    return pad(fit(text, cells, ending=cells // 3 if ending is None else ending), cells)


def table(
    heads: Sequence[str], rows: Iterable[Sequence[str]], *, right: Iterable[int] = ()
) -> list[str]:
    """Lines of a table with aligned columns; the columns numbered in `right` are flushed right."""
    body = [tuple(row) for row in rows]
    flushed = set(right)
    widths = [max([width(head), *(width(row[i]) for row in body)]) for i, head in enumerate(heads)]
    return [
        "  ".join(pad(cell, widths[i], right=i in flushed) for i, cell in enumerate(row)).rstrip()
        for row in (tuple(heads), *body)
    ]


def _start(text: str, cells: int) -> str:
    """As much of the beginning as fits into `cells`."""
    if cells <= 0:
        return ""
    if _PLAIN.issuperset(text):
        return text[:cells]
    from rich.cells import set_cell_size

    return set_cell_size(text, min(cells, width(text)))


def _ending(text: str, cells: int) -> str:
    """As much of the ending as fits into `cells`."""
    end = text[-cells:] if cells else ""
    while width(end) > cells:
        end = end[1:]
    return end
