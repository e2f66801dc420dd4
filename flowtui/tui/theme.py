"""The colours, and which of them suit the terminal.

All are of the 256 that terminals have had for long, so that SSH changes nothing.
"""

from __future__ import annotations

from collections.abc import Container, Mapping

from textual.theme import Theme

DARK = Theme(
    name="flow",
    dark=True,
    primary="#5fafd7",
    secondary="#5f87af",
    accent="#87d7d7",
    warning="#d7af5f",
    error="#ff8787",
    success="#87d787",
    foreground="#dadada",
    background="#121212",
    surface="#1c1c1c",
    panel="#262626",
    boost="#303030",
    variables={
        "block-cursor-background": "#005f87",
        "block-cursor-foreground": "#ffffff",
        "block-cursor-text-style": "bold",
        "footer-key-foreground": "#5fafd7",
        "input-selection-background": "#005f87",
    },
)

LIGHT = Theme(
    name="flow-light",
    dark=False,
    primary="#005f87",
    secondary="#5f87af",
    accent="#008787",
    warning="#875f00",
    error="#af0000",
    success="#005f00",
    foreground="#262626",
    background="#ffffff",
    surface="#eeeeee",
    panel="#e4e4e4",
    boost="#dadada",
    variables={
        "block-cursor-background": "#005f87",
        "block-cursor-foreground": "#ffffff",
        "block-cursor-text-style": "bold",
        "footer-key-foreground": "#005f87",
        "input-selection-background": "#afd7ff",
    },
)

THEMES = (DARK, LIGHT)

FEW_COLORS = {True: "ansi-light", False: "ansi-dark"}
"""Is light → Textual's theme of the terminal's own sixteen colours: these keep their meaning, where
the nearest of sixteen would be any."""

LIGHT_BACKGROUNDS = {"7", "15"}
"""White and bright white in COLORFGBG."""


def theme_for(
    wanted: str, available: Container[str], environment: Mapping[str, str], *, few_colors: bool
) -> str:
    """The name of the theme: the one that is wanted, else one that suits the terminal.

    `COLORFGBG` (rxvt, Konsole, others: `15;0`) tells the colour of a terminal's background.
    `few_colors`: the terminal has sixteen at most.
    """
    if wanted in available:
        return wanted
    is_light = environment.get("COLORFGBG", "").rpartition(";")[2] in LIGHT_BACKGROUNDS
    if few_colors:
        return FEW_COLORS[is_light]
    return (LIGHT if is_light else DARK).name
