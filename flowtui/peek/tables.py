"""Tables of text: TSV, CSV, BED, GTF and their like."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence

from flowtui.peek.kinds import Kind, bare_name
from flowtui.peek.plain import text_lines
from flowtui.peek.view import MOST_COLUMNS, MOST_ROWS, View, lines, more_columns, table

_NUMBER = re.compile(r"\s*[+-]?(\d[\d,]*\.?\d*|\.\d+)([eE][+-]?\d+)?%?\s*", re.ASCII)

_WITHOUT_HEADS = (".bed", ".bedgraph", ".narrowpeak", ".broadpeak", ".gtf", ".gff", ".gff3",
                  ".fai", ".psl")  # fmt: skip

_FEATURES = ("seqname", "source", "feature", "start", "end", "score", "strand", "frame",
             "attributes")  # fmt: skip
_PLACES = ("chrom", "start", "end", "name", "score", "strand")
_KNOWN = {".bed": _PLACES, ".narrowpeak": (*_PLACES, "signal", "p", "q", "peak"),
          ".broadpeak": (*_PLACES, "signal", "p", "q"), ".bedgraph": ("chrom", "start", "end",
          "value"), ".gtf": _FEATURES, ".gff": _FEATURES, ".gff3": _FEATURES,
          ".fai": ("name", "length", "offset", "bases a line", "bytes a line")}  # fmt: skip


def look(filename: str, data: bytes, *, is_whole: bool) -> View:
    """A table; comments before it stand apart."""
    found = text_lines(data, is_whole=is_whole)
    name = bare_name(filename)
    start = 0
    while start < len(found) and found[start].startswith(("#", "track ", "browser ")):
        start += 1
    comments, body = found[:start], found[start:]
    mark = _delimiter(name, body)
    if comments and body and _columns(comments[-1], mark) == _columns(body[0], mark) > 1:
        body = [comments.pop().lstrip("#"), *body]  # `#CHROM<tab>POS`: the heads
    rows = _split(body[: MOST_ROWS + 1], mark)
    if not rows:
        return View(Kind.TABLE, (), (lines("", found),))
    ending = name[name.rfind(".") :] if "." in name else ""
    heads, rows = _heads(rows, ending)
    facts = [("columns", f"{len(heads):,}"), ("rows", _count(len(body) - 1, is_whole=is_whole))]
    sections = (table("", heads, rows),)
    shown = (lines("Comments", comments), *sections) if comments else sections
    return View(Kind.TABLE, tuple(facts), shown, more_columns(heads))


def _count(rows: int, *, is_whole: bool) -> str:
    rows = max(0, rows)
    return f"{rows:,}" if is_whole else f"{rows:,} or more"


def _delimiter(name: str, body: Sequence[str]) -> str:
    if name.endswith(".csv"):
        first = body[0] if body else ""
        return max(",;\t", key=lambda mark: (first.count(mark), mark == ","))
    return "\t"


def _columns(line: str, mark: str) -> int:
    return line.count(mark) + 1


def _split(body: Sequence[str], mark: str) -> list[list[str]]:
    if mark != "\t":
        try:
            return [row for row in csv.reader(body, delimiter=mark) if row]
        except csv.Error:  # a field beyond its limit, a zero byte: then it is split plainly
            pass
    return [line.split(mark, MOST_COLUMNS * 10) for line in body if line]


def _heads(rows: list[list[str]], ending: str) -> tuple[list[str], list[list[str]]]:
    """The heads of the columns, and the rows below them."""
    first = rows[0]
    widest = max(len(row) for row in rows)
    if ending in _WITHOUT_HEADS or any(_NUMBER.fullmatch(cell[:40]) for cell in first):
        known = _KNOWN.get(ending, ())[:widest]
        return [*known, *(str(at + 1) for at in range(len(known), widest))], rows
    return [*first, *(str(at + 1) for at in range(len(first), widest))], rows[1:]
