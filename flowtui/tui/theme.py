"""The colours: all of the 256 that terminals have had for long, so that SSH changes nothing."""

from __future__ import annotations

from textual.theme import Theme

THEME = Theme(
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
