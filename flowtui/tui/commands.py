"""What the command palette offers: a table of titles, what they do, and the app's actions."""

from __future__ import annotations

from typing import NamedTuple


class Command(NamedTuple):
    """One line of the palette; `action` is the name of an action of the app."""

    title: str
    help: str
    action: str


COMMANDS = (
    Command("Download", "What is marked or under the cursor", "download"),
    Command("Filter", "Show only what has this in its name", "filter"),
    Command("Refresh", "Load the tree again", "reload_all"),
    Command("Set target folder", "Where downloads go", "target"),
    Command("Limit the rate", "Of all downloads together", "limit_rate"),
    Command("Sign in", "Or in as somebody else", "sign_in"),
    Command("Sign out", "Remove the stored token", "sign_out"),
    Command("Bulk jobs", "Show or hide their panel", "toggle_bulk"),
    Command("Help", "All keys, and what the engine does", "help"),
)

LAST = Command("Quit", "The engine goes on with the downloads", "leave")
"""Comes behind Textual's own."""

KEPT = ("Theme", "Screenshot")
"""Textual's own commands that stay; its help panel and quit have ours in their place."""
