"""What the command palette offers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from textual.app import SystemCommand

if TYPE_CHECKING:
    from flowtui.tui.app import FlowApp

KEPT = ("Theme", "Screenshot")
"""Textual's own commands that stay; its help panel and quit have ours in their place."""


def commands_of(app: FlowApp, textuals: Iterable[SystemCommand]) -> Iterator[SystemCommand]:
    """Ours first, then some of Textual's own."""
    yield SystemCommand("Download", "What is marked or under the cursor", app.action_download)
    yield SystemCommand("Filter", "Show only what has this in its name", app.action_filter)
    yield SystemCommand("Refresh", "Load the tree anew", app.action_reload_all)
    yield SystemCommand("Set target folder", "Where downloads go", app.action_target)
    yield SystemCommand("Limit the rate", "Of all downloads together", app.action_limit_rate)
    yield SystemCommand("Sign in", "Or in as somebody else", app.action_sign_in)
    yield SystemCommand("Sign out", "Forget the stored token", app.action_sign_out)
    yield SystemCommand("Bulk jobs", "Show or hide their panel", app.action_toggle_bulk)
    yield SystemCommand("Help", "All keys, and what the engine does", app.action_help)
    yield from (one for one in textuals if one.title in KEPT)
    yield SystemCommand("Quit", "The engine goes on with the downloads", app.action_leave)
