"""Text that can be read on what it stands on: whatever theme, whatever state.

The last step before a line is painted. Themes are made for other programs than this one, and
Textual paints some of their text with hardly any contrast; so the contrast is seen to here, once,
for all of it: a colour is moved towards black or white as far as is needed.
"""

from __future__ import annotations

import re
from functools import lru_cache

from rich.color import Color
from rich.color_triplet import ColorTriplet
from rich.segment import Segment
from rich.style import Style
from textual.color import Color as WidgetColor
from textual.filter import LineFilter

LEAST = 4.5
"""The contrast that text has at least: WCAG 2.1, 1.4.3, level AA."""

STEPS = 32
"""In so many steps a colour goes to black or white."""

_DRAWN_ONLY = re.compile("[\\s\u2500-\u259f]*")
"""Lines, blocks and blanks: they are not read, and are meant to be faint."""


def contrast(one: ColorTriplet, other: ColorTriplet) -> float:
    """The ratio of two colours' luminances, 1 to 21. Source: WCAG 2.1, contrast ratio."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: ColorTriplet) -> float:
    red, green, blue = (_linear(part / 255) for part in color)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)


@lru_cache(4096)
def readable(color: ColorTriplet, background: ColorTriplet, least: float = LEAST) -> ColorTriplet:
    """The colour nearest to `color` that can be read on `background`."""
    if contrast(color, background) >= least:
        return color
    white, black = ColorTriplet(255, 255, 255), ColorTriplet(0, 0, 0)
    end = max(white, black, key=lambda most: contrast(most, background))
    for step in range(1, STEPS):
        mixed = ColorTriplet(
            *(here + (there - here) * step // STEPS for here, there in zip(color, end, strict=True))
        )
        if contrast(mixed, background) >= least:
            return mixed
    return end


@lru_cache(4096)
def _readable_style(style: Style, behind: ColorTriplet) -> Style:
    color, background = style.color, style.bgcolor
    if color is None or color.triplet is None:
        return style
    if background is not None and not background.is_default:
        if background.triplet is None:
            return style
        behind = background.triplet
    made = readable(color.triplet, behind)
    return style if made == color.triplet else style + Style(color=Color.from_triplet(made))


class ReadableText(LineFilter):
    """Gives text the contrast that it needs; colours that the terminal chooses are left alone."""

    def apply(self, segments: list[Segment], background: WidgetColor) -> list[Segment]:
        """See `LineFilter`."""
        behind = background.rich_color.triplet or ColorTriplet(0, 0, 0)
        return [
            segment
            if segment.style is None or _DRAWN_ONLY.fullmatch(segment.text)
            else Segment(segment.text, _readable_style(segment.style, behind), segment.control)
            for segment in segments
        ]
