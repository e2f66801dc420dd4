"""What is on the terminal is the same, however little is written to it."""

from __future__ import annotations

import random

import pyte
import pytest
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from flowtui.tui.screen_buffer import PLAIN, ScreenBuffer, change_of, pen_of

WIDTH, HEIGHT = 40, 12

STYLES = [
    Style.parse(words)
    for words in (
        "", "red", "bold", "bold #5fafd7 on #121212", "on #303030", "reverse", "underline red",
        "dim color(245) on color(234)", "bold reverse white on blue", "strike",
        "default on default",
    )
]  # fmt: skip

PIECES = ["a", " ", "word", "          ", "12.3 MB", "▏▎▍█", "日本", "é", "한 글", "✓", "-" * 12]


def codes_of(segment: Segment) -> str:
    return segment.style._make_ansi_codes(ColorSystem.EIGHT_BIT) if segment.style else ""


def random_strip(dice: random.Random, width: int) -> Strip:
    segments: list[Segment] = []
    while sum(segment.cell_length for segment in segments) < width:
        segments.append(Segment(dice.choice(PIECES), dice.choice(STYLES)))
    return Strip(segments).adjust_cell_length(width, Style.null())


def random_update(dice: random.Random, width: int, height: int) -> list[tuple[int, int, Strip]]:
    if dice.random() < 0.1:
        return [(0, y, random_strip(dice, width)) for y in range(height)]
    spans = []
    for y in sorted(dice.sample(range(height), dice.randrange(1, height))):
        x = dice.randrange(width)
        spans.append((x, y, random_strip(dice, dice.randrange(1, width - x + 1))))
    return spans


def as_textual(spans: list[tuple[int, int, Strip]]) -> str:
    """The same, written whole, as Textual does."""
    written = ""
    for x, y, strip in spans:
        written += f"\x1b[{y + 1};{x + 1}H"
        for text, style, _ in strip:
            written += style.render(text, color_system=ColorSystem.EIGHT_BIT) if style else text
    return written


def seen(screen: pyte.Screen) -> list[list[tuple]]:
    """What a person sees in each cell: of a blank no colour of text."""
    lines = []
    for y in range(screen.lines):
        line = []
        for x in range(screen.columns):
            char = screen.buffer[y][x]
            lined = char.reverse or char.underscore or char.strikethrough
            if char.data == " " and not lined:
                char = char._replace(fg="", bold=False, italics=False)
            line.append((x, *char))
        lines.append(line)
    return lines


def terminal() -> tuple[pyte.Screen, pyte.Stream]:
    screen = pyte.Screen(WIDTH, HEIGHT)
    return screen, pyte.Stream(screen)


@pytest.mark.parametrize("erases", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_the_screen_is_the_same_with_and_without_it(seed: int, erases: bool):
    dice = random.Random(seed)
    (whole, all_of_it), (less, what_differs) = terminal(), terminal()
    buffer = ScreenBuffer(codes_of, erases=erases)
    sizes = [0, 0]
    # What becomes of half a wide character is each terminal's own affair, so none is cut.
    for _ in range(60):
        spans = [
            (x, y, strip)
            for x, y, strip in random_update(dice, WIDTH, HEIGHT)
            if not cuts_a_wide_one(whole, x, y, strip.cell_length)
        ]
        once, then = as_textual(spans), buffer.update(spans, (WIDTH, HEIGHT))
        all_of_it.feed(once)
        what_differs.feed(then)
        sizes[0] += len(once)
        sizes[1] += len(then)
        assert seen(less) == seen(whole)
        assert buffer.update(spans, (WIDTH, HEIGHT)) == ""
    assert sizes[1] < sizes[0]


def cuts_a_wide_one(screen: pyte.Screen, x: int, y: int, cells: int) -> bool:
    line = screen.buffer[y]
    after = x + cells
    return line[x].data == "" or (after < screen.columns and line[after].data == "")


def test_only_the_cells_that_differ_are_written():
    buffer = ScreenBuffer(codes_of)
    size = (20, 1)
    buffer.update([(0, 0, [Segment("12.3 MB of 99.0 MB")])], size)
    assert buffer.update([(0, 0, [Segment("12.4 MB of 99.0 MB")])], size) == "\x1b[1;4H4"
    # What lies between two of them is written again where a jump would be longer.
    assert buffer.update([(0, 0, [Segment("13.5 MB of 99.0 MB")])], size) == "\x1b[1;2H3.5"
    assert buffer.update([(0, 0, [Segment("23.5 MB of 99.0 kB")])], size) == "\x1b[1;1H2\x1b[15Ck"


def test_the_colour_of_a_blank_s_text_is_nothing_to_write():
    buffer = ScreenBuffer(codes_of)
    buffer.update([(0, 0, [Segment("   ", Style.parse("red on blue"))])], (3, 1))
    other = [(0, 0, [Segment("   ", Style.parse("bold green on blue"))])]
    assert buffer.update(other, (3, 1)) == ""
    seen_through = [(0, 0, [Segment("   ", Style.parse("underline green on blue"))])]
    assert buffer.update(seen_through, (3, 1)) != ""


def test_all_is_written_after_another_size_or_when_the_screen_is_not_known_any_more():
    buffer = ScreenBuffer(codes_of)
    spans = [(0, 0, [Segment("abc")])]
    whole = buffer.update(spans, (3, 1))
    assert buffer.update(spans, (3, 1)) == ""
    assert buffer.update(spans, (4, 1)) == whole
    buffer.forget()
    assert buffer.update(spans, (4, 1)) == whole


def test_what_is_beyond_the_screen_is_not_written():
    buffer = ScreenBuffer(codes_of)
    spans = [(1, 0, [Segment("abc")]), (0, 1, [Segment("below")]), (7, 0, [Segment("beside")])]
    assert buffer.update(spans, (3, 1)) == "\x1b[1;2Hab"


def test_emoji_of_several_characters_are_one_piece_and_the_cursor_is_placed_anew_after_them():
    family, size = "👨\u200d👩\u200d👧", (12, 1)
    buffer = ScreenBuffer(codes_of)
    buffer.update([(0, 0, [Segment(family), Segment(" x y")])], size)
    written = buffer.update([(0, 0, [Segment("👩\u200d🔬"), Segment(" z y")])], size)
    assert written == "\x1b[1;1H👩\u200d🔬\x1b[1;4Hz"


@pytest.mark.parametrize(
    ("before", "after", "written"),
    [
        ("31", "31", ""),
        ("31", "32", "\x1b[32m"),
        ("", "1;31", "\x1b[1;31m"),
        ("1;31;44", "1;31", "\x1b[49m"),
        ("1;31;44", "31;44", "\x1b[0;31;44m"),
        ("38;5;110;48;5;234", "38;5;110;48;2;1;2;3", "\x1b[48;2;1;2;3m"),
        ("31;44", "", "\x1b[0m"),
    ],
)
def test_only_what_changes_of_a_style_is_written(before: str, after: str, written: str):
    _, pen = change_of(PLAIN, pen_of(before))
    assert change_of(pen, pen_of(after)) == (written, pen_of(after))
