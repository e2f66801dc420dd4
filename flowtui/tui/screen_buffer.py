"""What is on the terminal, cell by cell, so that only what differs is written to it.

Textual paints a widget whole when anything in it changes, and all of the screen for a dialog,
several times. Over SSH each of these bytes is paid for; here most of them are found to be on the
screen already. A blank looks the same in every colour of text, so that counts for nothing in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from rich.cells import cell_len, get_character_cell_size
from rich.segment import Segment

RESET = "\x1b[m"

NEAR = 3
"""Cells that are written again rather than jumped over: a jump has four bytes."""

LONG_BLANK = 9
"""Blanks from which on erasing them and jumping over is shorter than writing them."""


class Pen(NamedTuple):
    """How cells are drawn, as parts of an SGR sequence.

    Attributes:
        attributes: bold and the like. `foreground`: None where it does not matter, empty for the
            terminal's own colour. `background`: likewise empty.
    """

    attributes: frozenset[str] = frozenset()
    foreground: str | None = ""
    background: str = ""


PLAIN = Pen()

ON_BLANKS = frozenset({"4", "7", "9", "21", "53"})
"""Attributes that are seen on a blank: underlined, reversed, struck out, overlined."""


class Cell(NamedTuple):
    """What stands in one cell: text, or none where a wide character before it has the room."""

    text: str
    pen: Pen


Span = tuple[int, int, Iterable[Segment]]
"""Column, line, and what is to be drawn from there on."""


class ScreenBuffer:
    """Knows what is on a terminal, and what is to be written for it to show something else."""

    def __init__(self, codes: Callable[[Segment], str], *, erases: bool = False) -> None:
        """`codes`: the SGR parameters of a segment's style.

        `erases`: whether the terminal erases in the background colour that is set.
        """
        self._codes = codes
        self._erases = erases
        self._size = (0, 0)
        self._lines: list[list[Cell | None]] = []

    def forget(self) -> None:
        """Whatever is on the terminal is not what was written to it: all is to be drawn."""
        self._size = (0, 0)

    def update(self, spans: Iterable[Span], size: tuple[int, int]) -> str:
        """What to write for these spans to be seen; nothing where they are. `size`: of the screen.

        Spans are in the order of lines, then columns, and overlap nowhere.
        """
        width, height = size
        if size != self._size:
            self._size = size
            self._lines = [[None] * width for _ in range(height)]
        writer = _Writer(self._erases)
        for x, y, segments in spans:
            if 0 <= y < height and 0 <= x < width:
                self._update_line(writer, x, y, [*self._cells(segments)][: width - x])
        return writer.written()

    def _update_line(self, writer: _Writer, x: int, y: int, cells: list[Cell]) -> None:
        line = self._lines[y]
        before = line[x : x + len(cells)]
        if before == cells:
            return
        line[x : x + len(cells)] = cells
        after = 0
        for at, (old, new) in enumerate(zip(before, cells, strict=True)):
            # Half a wide character is written with its other half.
            if at >= after and old != new and new.text:
                after = at + writer.write(x + at, y, cells, at, before)

    def _cells(self, segments: Iterable[Segment]) -> Iterator[Cell]:
        for segment in segments:
            if segment.control or not segment.text:
                continue
            codes = self._codes(segment)
            text, pen = segment.text, pen_of(codes)
            if text.isascii():
                blank = Cell(" ", blank_pen(codes))
                for character in text:
                    yield blank if character == " " else Cell(character, pen)
            else:
                yield from _unusual(text, pen, blank_pen(codes))


@lru_cache(maxsize=4096)
def _unusual(text: str, pen: Pen, blank: Pen) -> tuple[Cell, ...]:
    """The cells of text in which a character may have two cells, or none of its own."""
    cells: list[Cell] = []
    for character in text:
        width = get_character_cell_size(character)
        if width == 0 and cells:
            at = max(at for at, cell in enumerate(cells) if cell.text)
            cells[at] = cells[at]._replace(text=cells[at].text + character)
        elif width:
            cells.append(Cell(character, blank if character == " " else pen))
            cells += [Cell("", pen)] * (width - 1)
    room = cell_len(text)
    if len(cells) != room:
        # Characters that are drawn as one, as emoji are: one piece, written whole or not at all.
        return (Cell(text, pen), *[Cell("", pen)] * (room - 1)) if room else ()
    return tuple(cells)


@lru_cache(maxsize=4096)
def pen_of(codes: str) -> Pen:
    """The pen of the parameters of an SGR sequence."""
    attributes, foreground, background = set(), "", ""
    parts = iter(codes.split(";") if codes else ())
    for part in parts:
        number = int(part or 0)
        if number in (38, 48):
            kind = next(parts, "")
            numbers = [next(parts, "0") for _ in range(3 if kind == "2" else 1)]
            colour = ";".join((part, kind, *numbers))
            foreground, background = (colour, background) if number == 38 else (foreground, colour)
        elif 30 <= number <= 39 or 90 <= number <= 97:
            foreground = "" if number == 39 else part
        elif 40 <= number <= 49 or 100 <= number <= 107:
            background = "" if number == 49 else part
        else:
            attributes.add(part)
    return Pen(frozenset(attributes), foreground, background)


@lru_cache(maxsize=4096)
def blank_pen(codes: str) -> Pen:
    """The same for a blank, of which only the background is seen where no line goes through it."""
    pen = pen_of(codes)
    return pen if pen.attributes & ON_BLANKS else Pen(foreground=None, background=pen.background)


@lru_cache(maxsize=4096)
def change_of(pen: Pen, wanted: Pen) -> tuple[str, Pen]:
    """The SGR sequence from one pen to another that draws the same as `wanted`, and that pen."""
    new = wanted
    if wanted.foreground is None:
        kept = pen.attributes if not pen.attributes & ON_BLANKS else wanted.attributes
        new = Pen(kept, pen.foreground, wanted.background)
    if new == pen:
        return "", pen
    whole = ["0", *sorted(new.attributes, key=int)]
    whole += [colour for colour in (new.foreground, new.background) if colour]
    step = [*sorted(new.attributes - pen.attributes, key=int)]
    if new.foreground != pen.foreground:
        step.append(new.foreground or "39")
    if new.background != pen.background:
        step.append(new.background or "49")
    codes = min(";".join(whole), ";".join(step), key=len)
    if pen.attributes - new.attributes:
        codes = ";".join(whole)
    return f"\x1b[{codes}m", new


class _Writer:
    """Collects what is written, and knows where the terminal's cursor and pen are by then."""

    def __init__(self, erases: bool) -> None:
        self._parts: list[str] = []
        self._erases = erases
        self._pen = PLAIN
        self._line = -1
        self._column = -1  # unknown

    def written(self) -> str:
        """All of it; the pen is a plain one afterwards."""
        if self._pen != PLAIN:
            self._parts.append(RESET)
        return "".join(self._parts)

    def write(self, x: int, y: int, cells: list[Cell], at: int, before: list[Cell | None]) -> int:
        """Write the cell `at`, or a run of blanks that begins there; how many cells that were."""
        cell = cells[at]
        self._go_to(x, y, cells, at)
        self._take(cell.pen)
        blanks = self._blanks(cells, at, before)
        if blanks:
            self._parts.append(f"\x1b[{blanks}X")  # which leaves the cursor where it is
            return blanks
        self._parts.append(cell.text)
        narrow = len(cell.text) == 1 and (at + 1 == len(cells) or cells[at + 1].text)
        # Terminals do not agree on how far other characters reach.
        self._column = x + 1 if narrow else -1
        return 1

    def _take(self, wanted: Pen) -> None:
        codes, self._pen = change_of(self._pen, wanted)
        if codes:
            self._parts.append(codes)

    def _blanks(self, cells: list[Cell], at: int, before: list[Cell | None]) -> int:
        """How many blanks to erase here, up to the last that differs; 0 where that is no gain."""
        cell = cells[at]
        if not self._erases or cell.text != " " or cell.pen.attributes:
            return 0
        end = at
        last = at
        while end < len(cells) and cells[end] == cell:
            if before[end] != cell:
                last = end
            end += 1
        return last + 1 - at if last + 1 - at >= LONG_BLANK else 0

    def _go_to(self, x: int, y: int, cells: list[Cell], at: int) -> None:
        gap = x - self._column
        if y != self._line or self._column < 0 or gap < 0:
            self._parts.append(f"\x1b[{y + 1};{x + 1}H")
        elif 0 < gap <= NEAR and gap <= at and self._same_pen(cells[at - gap : at]):
            self._parts += [cell.text for cell in cells[at - gap : at]]
        elif gap:
            self._parts.append("\x1b[C" if gap == 1 else f"\x1b[{gap}C")
        self._line, self._column = y, x

    def _same_pen(self, cells: list[Cell]) -> bool:
        return all(
            len(cell.text) == 1 and cell.text.isascii() and not change_of(self._pen, cell.pen)[0]
            for cell in cells
        )
