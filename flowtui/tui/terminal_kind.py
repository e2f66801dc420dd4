"""What kind of terminal it is: by its terminfo, and by the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

FEWEST_COLORS = 8
"""A terminal of fewer colours has none, for us."""

MANY_COLORS = 256


@dataclass(frozen=True)
class Terminfo:
    """What is known of a terminal; where there is no entry, what most can do."""

    colors: int = MANY_COLORS
    erases_in_color: bool = False


def terminfo() -> Terminfo:
    """The entry of `TERM`.

    `erases_in_color`: characters are erased in the background colour that is set.
    """
    try:
        import curses

        curses.setupterm()
        erases = curses.tigetflag("bce") == 1 and curses.tigetstr("ech") is not None
        return Terminfo(curses.tigetnum("colors"), erases)
    except (ImportError, curses.error, ValueError, OSError):  # no terminfo, no such terminal
        return Terminfo()


def has_no_color(environment: Mapping[str, str], colors: int) -> bool:
    """Whether nothing may be told by a colour alone.

    `NO_COLOR` set to anything but nothing asks for that. Source: no-color.org.
    """
    return bool(environment.get("NO_COLOR")) or colors < FEWEST_COLORS


def has_few_colors(environment: Mapping[str, str], colors: int) -> bool:
    """Whether there are only the terminal's own colours; `COLORTERM` promises all there are."""
    return colors < MANY_COLORS and environment.get("COLORTERM") not in ("truecolor", "24bit")


def is_utf8(environment: Mapping[str, str]) -> bool:
    """Whether the locale's encoding, which is the terminal's, is UTF-8. Source: locale(7)."""
    names = (environment.get(name) for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    locale = next(filter(None, names), "")
    return locale.lower().replace("-", "").partition(".")[2].startswith("utf8")
