"""Text in columns of a terminal: how wide it is, cut to a width, lined up in a table."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence


def width(text: str) -> int:
    """Cells that `text` takes on a terminal; wide characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(_cells(c) for c in text)


def _cells(c: str) -> int:
    if unicodedata.combining(c) or unicodedata.category(c) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(c) in ("W", "F") else 1


def fit(text: str, cells: int, *, more: str = "…") -> str:
    """`text` cut in the middle to at most `cells`, so that a name keeps its start and ending."""
    if width(text) <= cells:
        return text
    room = cells - width(more)
    if room < 1:
        return _start(text, cells)
    tail = room // 2
    return _start(text, room - tail) + more + _start(text[::-1], tail)[::-1]


def pad(text: str, cells: int, *, right: bool = False) -> str:
    """`text` filled with blanks to `cells`, at its left where `right` is true."""
    blanks = " " * max(0, cells - width(text))
    return blanks + text if right else text + blanks


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
    taken, used = [], 0
    for c in text:
        used += _cells(c)
        if used > cells:
            break
        taken.append(c)
    return "".join(taken)
