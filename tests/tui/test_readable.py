"""Text can be read in every theme and state, without colours, and in ASCII."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.color_triplet import ColorTriplet
from rich.segment import Segment
from textual.pilot import Pilot

from flowtui.config import load_settings
from flowtui.tui.app import FlowApp
from flowtui.tui.ascii_text import in_ascii
from flowtui.tui.readable import LEAST, contrast, readable
from flowtui.tui.screens.help import HelpScreen
from flowtui.tui.terminal_kind import has_few_colors, has_no_color, is_utf8
from flowtui.tui.theme import THEMES, theme_for
from support.fake_flow import screen
from support.pictures import JOBS, app_of, queued
from support.tui_app import context_of, make_app, opened, until

BLACK, WHITE = ColorTriplet(0, 0, 0), ColorTriplet(255, 255, 255)
COLORS = st.builds(ColorTriplet, *(st.integers(0, 255) for _ in range(3)))


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        (BLACK, WHITE, 21.0),
        (WHITE, WHITE, 1.0),
        (ColorTriplet(0x77, 0x77, 0x77), WHITE, 4.48),
        (ColorTriplet(255, 0, 0), WHITE, 4.0),
    ],
)
def test_the_contrast_is_that_of_wcag(one: ColorTriplet, other: ColorTriplet, ratio: float) -> None:
    assert round(contrast(one, other), 2) == round(contrast(other, one), 2) == ratio


@given(COLORS, COLORS)
def test_every_colour_can_be_read_and_one_that_could_stays(
    color: ColorTriplet, behind: ColorTriplet
) -> None:
    made = readable(color, behind)
    assert contrast(made, behind) >= LEAST
    assert made == color or contrast(color, behind) < LEAST


def painted(app: FlowApp) -> Iterator[Segment]:
    """What is on the screen, as it goes to the terminal."""
    for strip in app.screen._compositor.render_strips():
        yield from strip


def faint(app: FlowApp) -> list[tuple[str, float]]:
    """Words on the screen with too little contrast."""
    found = []
    for text, style, _ in painted(app):
        if style is None or not re.search(r"\w", text):
            continue
        colors = style.color, style.bgcolor
        if any(color is None or color.triplet is None for color in colors):
            continue  # the terminal's own
        ratio = contrast(colors[0].triplet, colors[1].triplet)  # type: ignore[union-attr,arg-type]
        if ratio < LEAST:
            found.append((text, ratio))
    return found


async def in_all_themes(pilot: Pilot[Any], where: str) -> None:
    app = pilot.app
    assert isinstance(app, FlowApp)
    for name in app.available_themes:
        app.theme = name
        await pilot.pause()
        await pilot.pause()
        assert not faint(app), (where, name)


async def test_all_words_can_be_read_in_all_themes(tmp_path: Path) -> None:
    app = app_of(tmp_path)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await queued(pilot, jobs=JOBS)
        await pilot.press("right", "down", "right", "down", "space", "down")
        app.notify("Words that pass", title="Title", severity="error")
        app.notify("Words that pass", severity="warning")
        await in_all_themes(pilot, "browser and queue")
        await pilot.press("tab", "down", "down")
        await in_all_themes(pilot, "queue")
        await pilot.press("d")
        await in_all_themes(pilot, "dialog")
        await pilot.press("escape", "question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        await in_all_themes(pilot, "help")
        await pilot.press("escape", "ctrl+p")
        await in_all_themes(pilot, "palette")


async def test_light_themes_have_dark_words(tmp_path: Path) -> None:
    app = app_of(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        app.theme = "flow-light"
        await pilot.pause()
        words = [style for text, style, _ in painted(app) if "CRISPR" in text and style]
        triplets = [style.color.triplet for style in words if style.color]
        assert all(triplet is not None and max(triplet) < 0x80 for triplet in triplets)


async def test_without_colours_there_is_none_and_the_cursor_is_turned_round() -> None:
    app = app_of()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        app.no_color = True
        app.refresh_css()
        app.screen.refresh()
        await pilot.press("down")
        await pilot.pause()
        styles = [style for _, style, _ in painted(app) if style]
        colors = {color for style in styles for color in (style.color, style.bgcolor)}
        assert all(color is None or color.is_default for color in colors)
        turned = "".join(text for text, style, _ in painted(app) if style and style.reverse)
        assert "CRISPR screen" in turned and "Shared" not in turned


@given(st.text(alphabet=st.characters(exclude_categories=("Cs", "Cc")), max_size=40))
def test_ascii_takes_as_many_cells(text: str) -> None:
    assert in_ascii(text).isascii() and cell_len(in_ascii(text)) == sum(map(cell_len, text))


@pytest.mark.parametrize(
    ("text", "ascii_"),
    [
        ("✓ done", "+ done"),
        ("▸ x … y", "+ x ~ y"),
        ("╭─╮│╰─╯", "+-+|+-+"),
        ("片段 é", "???? ?"),
        ("e\u0301", "e"),
    ],
)
def test_likenesses_in_ascii(text: str, ascii_: str) -> None:
    assert in_ascii(text) == ascii_


@pytest.mark.parametrize(
    ("environment", "utf8"),
    [
        ({}, False),
        ({"LANG": "C"}, False),
        ({"LANG": "C.UTF-8"}, True),
        ({"LANG": "en_GB.utf8"}, True),
        ({"LANG": "de_DE.ISO-8859-1"}, False),
        ({"LANG": "en_GB.UTF-8", "LC_ALL": "C"}, False),
        ({"LANG": "C", "LC_CTYPE": "en_GB.UTF-8"}, True),
        ({"LANG": "en_GB.UTF-8", "LC_ALL": ""}, True),
        ({"LANG": "en_GB.UTF-8@euro"}, True),
    ],
)
def test_the_encoding_is_that_of_the_locale(environment: dict[str, str], utf8: bool) -> None:
    assert is_utf8(environment) is utf8


@pytest.mark.parametrize(
    ("environment", "colors", "none", "few"),
    [
        ({}, 256, False, False),
        ({}, 8, False, True),
        ({"COLORTERM": "truecolor"}, 8, False, False),
        ({}, -1, True, True),
        ({"NO_COLOR": "1"}, 256, True, False),
        ({"NO_COLOR": ""}, 256, False, False),
    ],
)
def test_how_many_colours(environment: dict[str, str], colors: int, none: bool, few: bool) -> None:
    assert has_no_color(environment, colors) is none
    assert has_few_colors(environment, colors) is few


NAMES = {"flow", "flow-light", "nord", "ansi-dark", "ansi-light"}


@pytest.mark.parametrize(
    ("wanted", "environment", "few", "name"),
    [
        ("", {}, False, "flow"),
        ("", {"COLORFGBG": "0;15"}, False, "flow-light"),
        ("", {"COLORFGBG": "0;default;15"}, False, "flow-light"),
        ("", {"COLORFGBG": "15;0"}, False, "flow"),
        ("", {"COLORFGBG": "nonsense"}, False, "flow"),
        ("", {}, True, "ansi-dark"),
        ("", {"COLORFGBG": "0;7"}, True, "ansi-light"),
        ("nord", {"COLORFGBG": "0;15"}, True, "nord"),
        ("gone", {}, False, "flow"),
    ],
)
def test_which_theme(wanted: str, environment: dict[str, str], few: bool, name: str) -> None:
    assert theme_for(wanted, NAMES, environment, few_colors=few) == name


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_our_colours_are_of_the_256(theme: Any) -> None:
    steps = {"00", "5f", "87", "af", "d7", "ff"}
    greys = {f"{8 + 10 * step:02x}" for step in range(24)}
    fields = [value for value in vars(theme).values() if isinstance(value, str)]
    for color in [*fields, *theme.variables.values()]:
        if color.startswith("#"):
            parts = {color[1:3], color[3:5], color[5:7]}
            assert parts <= steps or (len(parts) == 1 and parts <= greys), color


async def test_a_theme_that_is_chosen_is_kept(tmp_path: Path) -> None:
    app = make_app(screen(2), tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        folders = context_of(app).folders
        assert app.theme == "flow" and not folders.settings_file.exists()
        app.theme = "nord"
        await until(pilot, lambda: load_settings(folders).theme == "nord")


async def test_a_theme_that_cannot_be_kept_is_told(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("a file where the folder should be")
    app = make_app(screen(2), tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        app.theme = "nord"
        await until(pilot, lambda: [toast.title for toast in app._notifications])
        assert [toast.title for toast in app._notifications] == ["Could not save the theme"]


async def test_the_theme_of_the_settings_is_used(tmp_path: Path) -> None:
    app = make_app(screen(2), tmp_path, theme="flow-light")
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        assert app.theme == "flow-light"
