"""The lines of the command palette: the app's own, what works in the pane one is in, each key."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from textual.app import App, SystemCommand

from flowtui.tui.commands import COMMANDS, KEPT, LAST, Command
from flowtui.tui.keys import defaults, in_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from textual.screen import Screen

UNLISTED = ("list.", "peek.", "confirm.")
"""Moving about is no command."""


def lines(
    app: App[Any],
    screen: Screen[Any],
    keymap: Mapping[str, str],
    textuals: Iterable[SystemCommand],
) -> Iterator[SystemCommand]:
    """All lines, the app's own first, `textuals` of Textual's that are kept, then the way out."""
    keys = {**defaults(), **keymap}
    for command in COMMANDS:
        yield _own(app, command, keys)
    yield from _of_the_pane(app, screen, {command.action for command in (*COMMANDS, LAST)})
    yield from (command for command in textuals if command.title in KEPT)
    yield _own(app, LAST, keys)


def _own(app: App[Any], command: Command, keys: Mapping[str, str]) -> SystemCommand:
    key = keys.get(f"app.{command.action}", "")
    words = f"{in_words(key)} · {command.help}" if key else command.help
    return SystemCommand(command.title, words, getattr(app, f"action_{command.action}"))


def _of_the_pane(app: App[Any], screen: Screen[Any], told: set[str]) -> Iterator[SystemCommand]:
    """What the keys of the focused pane do, as far as they do something now."""
    found: dict[str, tuple[Any, Any, list[str]]] = {}
    for key, active in screen.active_bindings.items():
        binding = active.binding
        id_ = binding.id or ""
        action = binding.action.removeprefix("app.")
        if not active.enabled or not binding.description or action in told or not id_:
            continue
        if id_.startswith((*UNLISTED, "app.")):
            continue
        found.setdefault(id_, (active.node, binding, []))[2].append(key)
    for node, binding, keys in found.values():
        yield SystemCommand(
            binding.description,
            f"{in_words(','.join(keys))} · in this pane",
            partial(app.run_action, binding.action, node),
        )
