"""What the command palette offers: a table of titles, what they do, and the app's actions."""

from __future__ import annotations

from typing import NamedTuple


class Command(NamedTuple):
    """One line of the palette; `action` is the name of an action of the app."""

    title: str
    help: str
    action: str


COMMANDS = (
    Command("Download", "Download what is marked, or the item under the cursor", "download"),
    Command("Filter", "Show only items whose name contains a text", "filter"),
    Command("Find", "Search for samples, executions, files and projects on Flow", "find"),
    Command("Go to", "Go to a reference such as sample/34, or a link to Flow", "go"),
    Command("Reload", "Load the whole tree again", "reload_all"),
    Command("Set target folder", "Choose where downloads are saved", "target"),
    Command("Verify", "Read again what was downloaded of the item under the cursor", "verify"),
    Command("Limit download rate", "Set a limit for all downloads together", "limit_rate"),
    Command("Sign in", "Sign in, or switch to another account", "sign_in"),
    Command("Sign out", "Remove the saved token from this computer", "sign_out"),
    Command("Bulk jobs", "Show or hide the bulk job panel", "toggle_bulk"),
    Command("Help", "Show all keys and how downloads work", "help"),
)

LAST = Command("Quit", "Quit flowtui; downloads continue in the background", "leave")
"""Comes behind Textual's own."""

KEPT = ("Theme", "Screenshot")
"""Textual's own commands that stay; its help panel and quit have ours in their place."""
