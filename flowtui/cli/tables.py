"""Rows on stdout: as JSON lines at once, or as aligned tables in the end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING

from flowtui.cli.output import Output, counted, one_line
from flowtui.cli.record_rows import NUMBERS, RecordRow, row_of

if TYPE_CHECKING:
    from flowtui.flow.search.criteria import FoundRecord


class TableWriter:
    """Writes the rows of one command."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self.is_json = out.as_json
        self._tables: list[tuple[tuple[str, ...], list[tuple[str, ...]]]] = []
        self._totals: list[str] = []  # of the lists that came to their end

    def add(
        self,
        headers: tuple[str, ...],
        rows: Iterable[RecordRow],
        what: str,
    ) -> int:
        """Add rows, each for programs and for people, under these headers; how many."""
        body: list[tuple[str, ...]] = []
        # Noted first: what has come is written also where the rest does not.
        self._tables.append((headers, body))
        count = 0
        for fields, cells in rows:
            count += 1
            if self._out.as_json:
                self._out.record(fields)
            else:
                body.append(tuple(one_line(cell) for cell in cells))
        self._totals.append(counted(count, what))
        return count

    def add_found(self, records: Iterator[FoundRecord], what: str = "item") -> int:
        """Add records of one kind, as they are found; how many. `what`: of which there are none."""
        first = next(records, None)
        if first is None:
            return self.add((), (), what)
        headers, what, _ = row_of(first)
        return self.add(headers, (row_of(record)[2] for record in chain([first], records)), what)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Write the tables in the end, and where an error ends it what had come by then."""
        try:
            yield
        except BaseException:
            if any(rows for _, rows in self._tables):
                self._write()
            raise
        self._write()

    def _write(self) -> None:
        from flowtui.text.columns import table

        if self._out.as_json:
            return
        filled = [(headers, rows) for headers, rows in self._tables if rows]
        for number, (headers, rows) in enumerate(filled):
            if number:
                self._out.line("")
            right = [i for i, header in enumerate(headers) if header in NUMBERS]
            for line in table(headers, rows, right=right):
                self._out.line(line)
        if self._totals:
            self._out.say(", ".join(self._totals))
