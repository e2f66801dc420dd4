"""A view as lines of a terminal, printable whatever the file holds."""

from __future__ import annotations

from flowtui.peek.view import Section, Table, View
from flowtui.text.columns import fit, pad, width
from flowtui.text.printable import printable

WIDEST = 40
"""Cells of a column; what is longer is cut in its middle."""

Line = tuple[str, str]
"""Text, and what it is: `title`, `head`, `note`, `fact` or nothing."""


def drawn(view: View) -> list[Line]:
    """All lines of a view, as wide as they are."""
    found: list[Line] = [(f"{printable(name)}: {printable(value)}", "fact")
                         for name, value in view.facts]  # fmt: skip
    found += [(printable(note), "note") for note in view.notes]
    for section in view.sections:
        if found:
            found.append(("", ""))
        if section.title:
            found.append((printable(section.title), "title"))
        found += _section(section)
    return found


def _section(section: Section) -> list[Line]:
    if not isinstance(section, Table):
        return [(printable(line.expandtabs(8)), "") for line in section.lines]
    rows = [[_cell(cell) for cell in row] for row in (section.heads, *section.rows)]
    widths = [max(width(row[at]) for row in rows) for at in range(len(section.heads))]
    right = [all(_is_number(row[at]) for row in rows[1:]) for at in range(len(section.heads))]
    written = ["  ".join(pad(cell, widths[at], right=right[at]) for at, cell in enumerate(row))
               for row in rows]  # fmt: skip
    return [(line.rstrip(), "" if number else "head") for number, line in enumerate(written)]


def _cell(text: str) -> str:
    return fit(printable(text), WIDEST)


def _is_number(text: str) -> bool:
    return not text or text.strip("+-%.,eE0123456789 ") in ("", "KiB", "MiB", "GiB", "bytes", "M")
