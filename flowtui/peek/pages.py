"""HTML as text and tables, in one pass whose time grows with the bytes and no faster.

`html.parser` takes time by the square of what a page may hold (unclosed tags), and a page is
somebody else's; what is needed here is little: words, headings, the rows of tables.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape

from flowtui.peek.kinds import Kind
from flowtui.peek.plain import decoded
from flowtui.peek.view import LONGEST_CELL, MOST_ROWS, Section, Table, View, lines, table

_SKIPPED = ("script", "style", "svg", "template", "noscript", "select", "textarea")
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_BREAKS = {
    *("p", "div", "br", "li", "ul", "ol", "tr", "table", "section", "article", "header", "footer"),
    *("pre", "hr", "dt", "dd", "nav", "main", "aside", "form", "blockquote", "figure"),
    *_HEADINGS,
}
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]{0,20})(?=[\s/>])")
_ID = re.compile(r"""\sid\s*=\s*["']?([\w-]{1,80})""")
_BLANKS = re.compile(r"\s+")

GENERAL_STATISTICS = "general_stats_table"
"""The id of the first table of MultiQC's reports."""

_MOST_TABLES = 30


@dataclass
class _Page:
    """What was read so far."""

    title: str = ""
    lines: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    tables: list[tuple[str, list[list[str]]]] = field(default_factory=list)
    heading: str = ""
    row: list[str] | None = None
    cell: list[str] | None = None

    def end_line(self) -> None:
        text = _joined(self.words)
        self.words.clear()
        if text:
            self.lines.append(text)

    def end_cell(self) -> None:
        if self.cell is not None and self.row is not None and len(self.row) < 200:
            self.row.append(_joined(self.cell)[:LONGEST_CELL])
        self.cell = None

    def end_row(self) -> None:
        self.end_cell()
        if self.row and self.tables and len(self.tables[-1][1]) <= MOST_ROWS:
            self.tables[-1][1].append(self.row)
        self.row = None


def look(data: bytes, *, is_whole: bool) -> View:
    """A page: the general statistics of a MultiQC report first, other tables, then its words."""
    page = _read(decoded(data))
    tables = [_table(title, rows) for title, rows in page.tables if rows]
    tables.sort(key=lambda found: found.title != _STATISTICS)
    words = lines("Text", page.lines)
    sections: tuple[Section, ...] = (*tables, words) if words.lines else tuple(tables)
    facts = (("title", page.title),) if page.title else ()
    notes = () if is_whole else ("Only the beginning of the page was read.",)
    return View(Kind.PAGE, facts, sections, notes)


def _read(text: str) -> _Page:
    page = _Page()
    in_title = False
    heading = False
    for is_tag, is_end, name, rest in _pieces(text):
        if not is_tag:
            if in_title:
                page.title = (page.title + rest)[:500]
            elif page.cell is not None:
                page.cell.append(rest)
            else:
                page.words.append(rest)
        elif name == "title":
            in_title = not is_end
        elif name == "table" and not is_end:
            page.end_line()
            if len(page.tables) < _MOST_TABLES:
                page.tables.append((_title(rest, page.heading), []))
        elif name == "table":
            page.end_row()
        elif name == "tr":
            page.end_row()
            page.row = None if is_end or not page.tables else []
        elif name in ("td", "th") and page.row is not None:
            page.end_cell()
            page.cell = None if is_end else []
        elif name in _BREAKS and page.cell is None:
            if heading and name in _HEADINGS and is_end:
                page.heading = _joined(page.words)[:LONGEST_CELL]
            page.end_line()
            heading = name in _HEADINGS and not is_end
        elif page.cell is not None:
            page.cell.append(" ")
    page.end_row()
    page.end_line()
    page.title = _joined([page.title])
    return page


def _pieces(text: str) -> Iterator[tuple[bool, bool, str, str]]:
    """Text and tags: is it a tag, does it end, its name, its text or its attributes.

    Each `find` goes on from where the one before it ended, or is asked once for what is not there.
    """
    at, size = 0, len(text)
    closing = _Finder(text, ">")
    while at < size:
        start = text.find("<", at)
        if start < 0:
            yield False, False, "", text[at:]
            return
        if start > at:
            yield False, False, "", text[at:start]
        if text.startswith("<!--", start):
            end = text.find("-->", start)
            at = size if end < 0 else end + 3
            continue
        found = _TAG.match(text, start)
        end = closing.after(start)
        if end < 0:
            return
        if found is None and text[start + 1 : start + 2] not in ("!", "?", "/"):
            yield False, False, "", "<"
            at = start + 1
            continue
        at = end + 1
        if found is None:
            continue
        name, is_end = found[2].lower(), bool(found[1])
        if name in _SKIPPED and not is_end and text[end - 1] != "/":
            at = _after(text, name, at)
            continue
        yield True, is_end, name, text[found.end() : min(end, found.end() + 2000)]


class _Finder:
    """Finds a character at or after ever later places, looking at each place once."""

    def __init__(self, text: str, mark: str) -> None:
        self._text, self._mark = text, mark
        self._found = -2

    def after(self, at: int) -> int:
        if self._found != -1 and self._found < at:
            self._found = self._text.find(self._mark, at)
        return self._found


def _after(text: str, name: str, at: int) -> int:
    """Behind the end of an element whose content is no text."""
    found = re.compile(rf"</{name}[\s>]", re.IGNORECASE).search(text, at)
    if found is None:
        return len(text)
    end = text.find(">", found.start())
    return len(text) if end < 0 else end + 1


_STATISTICS = "General statistics"


def _title(attributes: str, heading: str) -> str:
    found = _ID.search(attributes)
    return _STATISTICS if found and found[1] == GENERAL_STATISTICS else heading


def _table(title: str, rows: list[list[str]]) -> Table:
    widest = max(len(row) for row in rows)
    return table(title, [*rows[0], *[""] * (widest - len(rows[0]))], rows[1:])


def _joined(parts: list[str]) -> str:
    return _BLANKS.sub(" ", unescape("".join(parts))).strip()
