"""Keys by name: each binding has an id, which the settings may give other keys.

    [keys]
    preset = "emacs"
    "tree.mark" = "space,m"

A name is the pane and the action, `tree.mark`; what is the app's own in every pane is `app.…`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from textual.binding import Binding, BindingType

PRESET = "preset"

PRESETS: dict[str, dict[str, str]] = {
    "vi": {
        "list.page-up": "pageup,ctrl+u,ctrl+b",
        "list.page-down": "pagedown,ctrl+d",
        "list.up": "up,k,ctrl+k",
        "list.down": "down,j,ctrl+j",
        "app.focus_next": "tab,ctrl+w",
        "peek.next": "n,right_square_bracket",
        "peek.previous": "N,left_square_bracket",
    },
    "emacs": {
        "app.command_palette": "alt+x",
        "app.find": "alt+s",
        "app.filter": "ctrl+s,slash",
        "app.leave": "q,ctrl+q",
        "list.up": "up,ctrl+p",
        "list.down": "down,ctrl+n",
        "list.page-up": "pageup,alt+v",
        "list.page-down": "pagedown,ctrl+v",
        "list.first": "home,alt+less_than_sign",
        "list.last": "end,alt+greater_than_sign",
        "tree.open": "right,ctrl+f",
        "tree.close": "left,ctrl+b",
        "tree.clear_marks": "escape,ctrl+g",
        "peek.right": "right,ctrl+f",
        "peek.left": "left,ctrl+b",
    },
}
"""Keys of those who have others in their fingers; the arrows stay. (j, k, g and G are default.)"""


def with_ids(pane: str, bindings: Sequence[BindingType]) -> list[BindingType]:
    """The bindings of a pane, each with an id; what has one keeps it."""
    found: list[BindingType] = []
    for binding in bindings:
        assert isinstance(binding, Binding)
        found.append(binding if binding.id else replace(binding, id=_id(pane, binding)))
    return found


def _id(pane: str, binding: Binding) -> str:
    action, brace, _ = binding.action.partition("(")
    owner, _, name = action.rpartition(".")
    if brace and binding.description:
        name = binding.description.lower().replace("/", " or ").replace(" ", "-")
    return f"{owner or pane}.{name}"


def keymap_of(given: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Id → keys as Textual takes them, from the settings' `keys`; and what is wrong, in words."""
    if not given:
        return {}, []
    names = known_ids()
    wrong: list[str] = []
    preset = given.get(PRESET, "")
    if preset and preset not in PRESETS:
        wrong.append(f"no preset is called {preset!r}; there are {', '.join(PRESETS)}")
    keymap = dict(PRESETS.get(preset, {}))
    for name, keys in given.items():
        if name == PRESET:
            continue
        cleaned = ",".join(key.strip() for key in keys.split(",") if key.strip())
        if name not in names:
            wrong.append(f"no key is called {name!r}")
        elif not cleaned:
            wrong.append(f"{name} needs a key")
        else:
            keymap[name] = cleaned
    return keymap, wrong + taken_twice(keymap, defaults())


def taken_twice(keymap: Mapping[str, str], defaults: Mapping[str, str]) -> list[str]:
    """The keys that the map gives to two things of one pane, in words."""
    owners: dict[tuple[str, str], list[str]] = {}
    for name, keys in {**defaults, **keymap}.items():
        for key in keys.split(","):
            owners.setdefault((name.partition(".")[0], key), []).append(name)
    return [
        f"{key} is the key of {' and of '.join(names)}"
        for (_, key), names in owners.items()
        if len(names) > 1 and any(name in keymap for name in names)
    ]


SHOWN = {
    "slash": "/", "question_mark": "?", "escape": "esc", "right": "→", "left": "←", "up": "↑",
    "down": "↓", "pageup": "page up", "pagedown": "page down", "less_than_sign": "<",
    "greater_than_sign": ">", "left_square_bracket": "[", "right_square_bracket": "]",
    "colon": ":", "exclamation_mark": "!", "plus": "+",
}  # fmt: skip


def in_words(keys: str) -> str:
    """Keys as they stand in help and palette: `ctrl+f`, `/ or ctrl+s`."""
    parts = []
    for key in keys.split(","):
        *held, last = key.split("+")
        parts.append("+".join([*held, SHOWN.get(last, last)]))
    return " or ".join(parts)


def defaults() -> dict[str, str]:
    """Id → keys of all bindings of what was loaded so far."""
    from textual.dom import DOMNode

    found: dict[str, list[str]] = {}
    below: list[type] = [DOMNode]
    while below:
        cls = below.pop()
        below += cls.__subclasses__()
        if cls.__module__.startswith("flowtui."):
            for binding in vars(cls).get("BINDINGS", ()):
                if isinstance(binding, Binding) and binding.id:
                    keys = found.setdefault(binding.id, [])
                    keys += [key for key in binding.key.split(",") if key not in keys]
    return {name: ",".join(keys) for name, keys in found.items()}


def known_ids() -> set[str]:
    """The ids of all bindings; loads every screen, which is only for who has keys of their own."""
    import pkgutil
    from importlib import import_module

    import flowtui.tui as package

    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        import_module(module.name)
    return set(defaults())
