"""What a look into a file found: plain data, bounded, all of it untrusted text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

MOST_ROWS = 500
"""Rows of a table, and lines of a text."""

MOST_COLUMNS = 100

LONGEST_CELL = 200
"""Characters of a cell; a line may have LONGEST_LINE."""

LONGEST_LINE = 2000


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under heads; all rows are as long as `heads`."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Lines:
    """Text, line by line."""

    title: str
    lines: tuple[str, ...]


Section = Table | Lines


@dataclass(frozen=True, slots=True)
class View:
    """What is in a file.

    Attributes:
        kind: what it is, in words (`FASTQ reads`).
        facts: name and value. `notes`: what is wrong with it, or was left out, a sentence each.
        sections: what there is to see, in order.
    """

    kind: str
    facts: tuple[tuple[str, str], ...] = ()
    sections: tuple[Section, ...] = ()
    notes: tuple[str, ...] = field(default=())


def table(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """A table within the bounds; rows are cut or filled up to the heads."""
    named = tuple(head[:LONGEST_CELL] for head in heads[:MOST_COLUMNS])
    kept: list[tuple[str, ...]] = []
    for row in rows:
        if len(kept) == MOST_ROWS:
            break
        cells = [cell[:LONGEST_CELL] for cell in row[: len(named)]]
        kept.append((*cells, *[""] * (len(named) - len(cells))))
    return Table(title, named, tuple(kept))


def lines(title: str, found: Iterable[str]) -> Lines:
    """Lines within the bounds."""
    kept: list[str] = []
    for line in found:
        if len(kept) == MOST_ROWS:
            break
        kept.append(line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]}…")
    return Lines(title, tuple(kept))


def more_columns(heads: Sequence[str]) -> tuple[str, ...]:
    """The note on columns that were left out."""
    left = len(heads) - MOST_COLUMNS
    return (f"{left:,} more columns are not shown.",) if left > 0 else ()
