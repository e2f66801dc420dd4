"""The machine as a program finds it: Python and its packages, the terminal, logging out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from flowtui import __version__
from flowtui.cli.checks.check import Check, fail, ok, warn

LEAST_PYTHON = (3, 11)

_REINSTALL = "install flowtui again, in an environment of its own (`pipx install .`)"


@dataclass(frozen=True)
class Terminal:
    """What is drawn on.

    Attributes:
        is_there: whether somebody reads and types there.
        encoding: of what is written. `columns`, `lines`: its size.
    """

    is_there: bool
    encoding: str
    columns: int
    lines: int


def python(
    version: tuple[int, ...], requirements: Sequence[str], version_of: Callable[[str], str | None]
) -> Check:
    """Python, and the packages that flowtui needs (`requirements`, as the package lists them).

    `version_of` a package is None where it is not installed.
    """
    said = ".".join(map(str, version[:3]))
    if version[:2] < LEAST_PYTHON:
        return fail("python", f"Python {said}; flowtui needs 3.11", "use Python 3.11 or newer")
    found = {name: (least, version_of(name)) for name, least in _needed(requirements)}
    missing = [name for name, (_, has) in found.items() if has is None]
    if missing:
        return fail("python", f"not installed: {', '.join(missing)}", _REINSTALL)
    old = [
        f"{name} {has} (needs {least})"
        for name, (least, has) in found.items()
        if has is not None and _numbers(has) < _numbers(least)
    ]
    if old:
        return fail("python", f"too old: {', '.join(old)}", _REINSTALL)
    versions = ", ".join(f"{name} {has}" for name, (_, has) in found.items())
    return ok("python", f"flowtui {__version__}, Python {said}" + (versions and f", {versions}"))


def _needed(requirements: Sequence[str]) -> list[tuple[str, str]]:
    """Name and least version of what is needed everywhere; not of extras, or some machines'."""
    matches = (re.fullmatch(r"([\w.-]+)\s*>=\s*([\d.]+)", entry) for entry in requirements)
    return [(match[1], match[2]) for match in matches if match]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])


def terminal(found: Terminal, environment: Mapping[str, str]) -> Check:
    """Whether the app can be drawn."""
    encoding = found.encoding.lower().replace("-", "").replace("_", "")
    if encoding != "utf8":
        return warn(
            "terminal",
            f"the encoding is {found.encoding or 'not known'}, which lacks letters of some names",
            "set a UTF-8 locale such as LC_ALL=C.UTF-8",
        )
    if not found.is_there:
        return ok("terminal", "none here; the commands need none, the app does")
    term = environment.get("TERM", "")
    if term in ("", "dumb", "unknown"):
        return warn(
            "terminal",
            f"TERM is {term or 'not set'}, so the app cannot be drawn well",
            "set TERM to what your terminal is, such as xterm-256color",
        )
    size = f"{found.columns}x{found.lines}"
    if found.columns < 80 or found.lines < 24:
        return warn("terminal", f"{term}, {size}", "make the window 80x24 or larger for the app")
    return ok("terminal", f"{term}, {size}, UTF-8")


def logout(what: str, remedy: str) -> Check:
    """What a logout does to the downloads; `what` is empty where it does nothing."""
    if not what:
        return ok("logout", "downloads in the background go on after a logout")
    return warn("logout", what, remedy)
