"""Programs of the user's own on what is under the cursor, from the settings' `actions`.

    [actions.igv]
    command = "igv {path}"
    key = "ctrl+g"

No shell reads the command: it is split into words first, and a name from Flow, whatever is in it,
is put into one word of it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from flowtui.text.printable import printable

PLACEHOLDERS = ("path", "folder", "name", "ref", "server")
"""`path` and `folder`: of the file here; `name`, `ref`: on Flow; `server`: its address."""

_PLACE = re.compile(r"\{(\w*)\}")

_FIELDS = {"command", "key", "title", "terminal"}


@dataclass(frozen=True, slots=True)
class OwnAction:
    """One program.

    Attributes:
        words: the command, split; `{path}` and the like in them are filled in when it is run.
        key: what starts it, or empty. `title`: how the palette calls it.
        terminal: it gets the terminal until it ends (`less`), else it runs beside the app.
    """

    id: str
    words: tuple[str, ...]
    key: str = ""
    title: str = ""
    terminal: bool = False


class BadAction(ValueError):
    """An action of the settings that cannot be used, in words."""


def action_of(id_: str, given: Mapping[str, str]) -> OwnAction:
    """An action as the settings have it. Raises BadAction."""
    unknown = sorted(given.keys() - _FIELDS)
    if unknown:
        raise BadAction(f"actions.{id_}: {unknown[0]} means nothing; known: command, key, title,"
                        " terminal")  # fmt: skip
    try:
        words = tuple(shlex.split(given.get("command", "")))
    except ValueError as error:
        raise BadAction(f"actions.{id_}: command: {error}") from None
    if not words:
        raise BadAction(f"actions.{id_}: needs a command")
    if _PLACE.search(words[0]):
        raise BadAction(f"actions.{id_}: the program itself must not come from Flow")
    for word in words:
        for name in _PLACE.findall(word):
            if name not in PLACEHOLDERS:
                raise BadAction(
                    f"actions.{id_}: {{{name}}} means nothing; known: "
                    + ", ".join(f"{{{known}}}" for known in PLACEHOLDERS)
                )
    if given.get("terminal", "false") not in ("true", "false"):
        raise BadAction(f'actions.{id_}: terminal must be "true" or "false"')
    return OwnAction(id_, words, given.get("key", ""), given.get("title", "") or f"Run {id_}",
                     given.get("terminal") == "true")  # fmt: skip


def actions_of(given: Mapping[str, Mapping[str, str]]) -> tuple[list[OwnAction], list[str]]:
    """All that can be used, and what is wrong with the others."""
    found: list[OwnAction] = []
    wrong: list[str] = []
    for id_, fields in given.items():
        try:
            found.append(action_of(id_, fields))
        except BadAction as error:
            wrong.append(str(error))
    return found, wrong


def filled(action: OwnAction, values: Mapping[str, str]) -> list[str]:
    """The words to run: each of the command's stays one word. Raises BadAction for what is missing.

    A value that begins with a dash and a word that begins with it could be read as an option: it
    becomes `./-…`, which is the same file and none.
    """
    words = []
    for word in action.words:
        for name in _PLACE.findall(word):
            if not values.get(name):
                raise BadAction(f"{action.title}: there is no {{{name}}} of what is selected here")
        made = _PLACE.sub(lambda found: values[found[1]], word)
        if word.startswith("{") and made.startswith("-"):
            made = f"./{made}"
        if "\0" in made:
            raise BadAction(f"{action.title}: {printable(made)} cannot be part of a command")
        words.append(made)
    return words
