"""What a terminal can be told beside what is on it: its title, a progress, a notification.

Sources: xterm's ctlseqs (OSC 0, window title stack), iTerm2's and kitty's documentation (OSC 9),
ConEmu's and Windows Terminal's (OSC 9;4), tmux's manual (passthrough).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from flowtui.text.printable import printable

MOST_LETTERS = 200
"""Letters of a title or notification; terminals cut them anyway."""

_TITLED = re.compile(r"(xterm|screen|tmux|rxvt|alacritty|foot|wezterm|konsole|gnome|vte|st-|putty)")
"""Kinds of terminals with a title; a console or a teletype may print what it does not know."""

_PROGRESS = re.compile(r"(xterm-ghostty|ghostty)")
_PROGRESS_PROGRAMS = ("ghostty", "WezTerm", "mintty")

KEEP_TITLE = "\x1b[22;2t"
"""Puts the title that is there on the terminal's own pile."""

TITLE_BACK = "\x1b[23;2t"

NO_PROGRESS = "\x1b]9;4;0;\a"


def has_title(environment: Mapping[str, str]) -> bool:
    """Whether the terminal is of a kind that has a title."""
    return _TITLED.match(environment.get("TERM", "")) is not None


def shows_progress(environment: Mapping[str, str]) -> bool:
    """Whether the terminal is known to take OSC 9;4 as a progress; others notify of it."""
    if environment.get("TMUX") or environment.get("STY"):
        return False
    return (
        _PROGRESS.match(environment.get("TERM", "")) is not None
        or environment.get("TERM_PROGRAM") in _PROGRESS_PROGRAMS
        or bool(environment.get("WT_SESSION"))
        or environment.get("ConEmuANSI") == "ON"
    )


def title(words: str) -> str:
    """Sets the title."""
    return f"\x1b]2;{_plain(words)}\a"


def notification(words: str, environment: Mapping[str, str]) -> str:
    """Has the terminal notify, as OSC 9; through tmux where we are inside one.

    Words that begin with a digit and a semicolon would be another command: they lose them.
    """
    plain = _plain(words).lstrip("0123456789;")
    if environment.get("TMUX"):
        return f"\x1bPtmux;\x1b\x1b]9;{plain}\a\x1b\\"
    return f"\x1b]9;{plain}\a"


def progress(percent: int, *, is_wrong: bool) -> str:
    """Sets the progress, 0 to 100, in the colour of an error where something is wrong."""
    return f"\x1b]9;4;{2 if is_wrong else 1};{percent}\a"


def _plain(words: str) -> str:
    """Words without anything that could end the sequence or begin another."""
    return printable(words[:MOST_LETTERS])
