"""The screen in ASCII, cell by cell, for a terminal whose encoding is not UTF-8."""

from __future__ import annotations

from functools import lru_cache

from rich.cells import get_character_cell_size
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_DRAWN = {
    "✓": "+", "◔": "o", "↓": "v", "↑": "^", "→": ">", "←": "<", "✗": "x", "▶": ">", "‖": "=",
    "…": "~", "·": ".", "•": "*", "●": "*", "○": "o", "◆": "*", "◇": "o", "▾": "-", "▸": "+",
    "▼": "v", "▲": "^", "–": "-", "—": "-", "‘": "'", "’": "'", "“": '"', "”": '"', "×": "x",
    "█": "#", "▓": "#", "▒": "+", "░": ".", "▉": "#", "▊": "#", "▋": "#", "▌": "#", "▍": ".",
    "▎": ".", "▏": "|", "▕": "|", "▁": "_", "▂": "_", "▃": "-", "▄": "-", "▅": "=", "▆": "=",
    "▇": "#", "▔": "-", "▀": "-", "▐": "|", "✔": "+", "\u00a0": " ",
}  # fmt: skip
_LINES = {
    **dict.fromkeys("─━╌╍┄┅┈┉╴╶╸╺═", "-"),
    **dict.fromkeys("│┃╎╏┆┇┊┋╵╷╹╻║", "|"),
}
_FIRST_LINE, _LAST_LINE = "\u2500", "\u259f"


@lru_cache(4096)
def _one(letter: str) -> str:
    if letter.isascii():
        return letter
    known = _DRAWN.get(letter) or _LINES.get(letter)
    if known is None and _FIRST_LINE <= letter <= _LAST_LINE:
        known = "+"  # corners and crossings
    return known or "?" * get_character_cell_size(letter)


def in_ascii(text: str) -> str:
    """The text in as many cells; what has no likeness is a question mark in each of its cells."""
    return text if text.isascii() else "".join(map(_one, text))


class AsciiText(LineFilter):
    """Leaves ASCII only."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """See `LineFilter`."""
        return [
            segment
            if segment.text.isascii()
            else Segment(in_ascii(segment.text), segment.style, segment.control)
            for segment in segments
        ]
