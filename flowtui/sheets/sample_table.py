"""`samples.tsv`: a row per sample with all of its metadata, and whatever its reader added to it.

Values are Flow's, on one line each: tabs, line ends and other control characters become blanks, and
what has quotes is quoted as Python's csv, R and spreadsheets read it. Nothing is put in front of a
value that a spreadsheet may take for a formula or a number: that would change the data.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

BASE = ("ref", "name", "project", "sample_type", "organism", "owner", "created")
"""The columns that come first; then one for each attribute. `ref` says which sample a row is of."""

MOST_CELLS = 5_000_000
"""Of a table: where each sample has attributes of its own, that is more than Flow's answers had."""

LONGEST_VALUE = 100_000
"""Characters of a value, which Python's csv reads by default."""

_BREAKS = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+")
"""Control characters, line ends, and what turns the direction of the text around it."""


class UnfitTable(ValueError):
    """A table that is none of ours, or more than one can be; the words say why."""


@dataclass(frozen=True)
class SampleFacts:
    """What Flow says of a sample.

    Attributes:
        facts: column of `BASE` → value. `metadata`: attribute → value.
    """

    ref: str
    facts: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)


def is_ours(text: str) -> bool:
    """Whether a text begins as such a table does: it has the columns `ref` and `name`."""
    header = text.partition("\n")[0].rstrip("\r").lstrip("\ufeff").replace('"', "").split("\t")
    return {"ref", "name"} <= set(header)


def merged(text: str, samples: Sequence[SampleFacts]) -> str:
    """The table with these samples in it: their rows are brought up to date, or added at the end.

    Rows and columns of other names stay as they are, in their order, and so does a value where Flow
    has none. Raises UnfitTable.
    """
    header, rows = _read(text)
    places = {name: place for place, name in reversed(list(enumerate(header)))}
    if "ref" not in places or "name" not in places:
        raise UnfitTable("it has no columns ref and name, so it is another table")
    by_ref: dict[str, list[str]] = {}
    for row in reversed(rows):
        by_ref[_cell(row, places["ref"])] = row  # the first, where somebody doubled it
    for sample in samples:
        values = _values(sample)
        for name in values:
            if name not in places:
                places[name] = len(header)
                header.append(name)
        if len(header) * (len(rows) + 1) > MOST_CELLS:
            raise UnfitTable(f"it would have more than {MOST_CELLS:,} values")
        if sample.ref not in by_ref:
            by_ref[sample.ref] = []
            rows.append(by_ref[sample.ref])
        row = by_ref[sample.ref]
        for name, value in values.items():
            if value:
                row.extend([""] * (places[name] + 1 - len(row)))
                row[places[name]] = value
    return _written(header, rows)


def _read(text: str) -> tuple[list[str], list[list[str]]]:
    """The header and the rows. Raises UnfitTable."""
    if not text.strip():
        return list(BASE), []
    lines = io.StringIO(text.removeprefix("\ufeff"), newline="")
    try:
        header, *rows = csv.reader(lines, delimiter="\t", strict=True)
    except csv.Error as error:
        raise UnfitTable(f"it cannot be read as a table ({error})") from error
    cells = len(header) * len(rows)
    if cells > MOST_CELLS:
        raise UnfitTable(f"it has more than {MOST_CELLS:,} values")
    return header, [row for row in rows if row]


def _cell(row: Sequence[str], place: int) -> str:
    return row[place] if place < len(row) else ""


def _values(sample: SampleFacts) -> dict[str, str]:
    """Column → value: the columns of `BASE`, then the attributes."""
    found = {name: _plain(sample.facts.get(name, "")) for name in BASE} | {"ref": sample.ref}
    for name, value in sample.metadata.items():
        column = _plain(name)
        if column in BASE:
            column += " (metadata)"
        if column:
            found[column] = _plain(value)
    return found


def _plain(value: str) -> str:
    """A value that goes on one line, and into UTF-8."""
    text = _BREAKS.sub(" ", value[:LONGEST_VALUE]).strip()
    return text.encode("utf-8", "replace").decode()


def _written(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(header)
    width = len(header)
    writer.writerows([*row, *[""] * (width - len(row))] for row in rows)
    return text.getvalue()
