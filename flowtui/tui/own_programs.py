"""Runs the user's own programs on what is under the cursor; see `own_actions`."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from textual.app import SystemCommand

from flowtui.protocol.states import GOOD
from flowtui.text.printable import printable
from flowtui.tui.own_actions import BadAction, OwnAction, actions_of, filled

if TYPE_CHECKING:
    from textual.app import App

    from flowtui.protocol.messages import TransferRow
    from flowtui.tui.background import Background
    from flowtui.tui.browser.nodes import Node


class OwnPrograms:
    """The programs of the settings.

    Attributes:
        actions: those that can be used. `wrong`: what is wrong with others, in words.
    """

    def __init__(
        self,
        app: App[Any],
        background: Background,
        given: Mapping[str, Mapping[str, str]],
        values: Callable[[], Mapping[str, str]],
    ) -> None:
        """`values`: what the placeholders stand for now."""
        self._app = app
        self._background = background
        self._values = values
        self.actions, self.wrong = actions_of(given)

    def bind(self) -> None:
        """Give them their keys."""
        for action in self.actions:
            if action.key:
                self._app.bind(action.key, f"own_program({action.id!r})", description=action.title,
                               show=False)  # fmt: skip

    def lines(self) -> list[SystemCommand]:
        """The same for the palette."""
        return [
            SystemCommand(
                printable(action.title)[:80],
                f"{action.key} · {printable(action.words[0])}" if action.key
                else printable(action.words[0]),
                lambda action=action: self.run(action.id),
            )
            for action in self.actions
        ]  # fmt: skip

    def run(self, id_: str) -> None:
        """Start one; why not is told."""
        action = next(action for action in self.actions if action.id == id_)
        try:
            words = filled(action, self._values())
        except BadAction as error:
            self._tell(str(error))
            return
        if action.terminal:
            with self._app.suspend():
                self._wait(action, words, in_terminal=True)
            self._app.refresh(layout=True)
        else:
            self._background.run(lambda: self._wait(action, words), f"own program {action.id}")

    def _wait(self, action: OwnAction, words: list[str], *, in_terminal: bool = False) -> None:
        """Run it to its end. The terminal is its own, or it has none."""
        nowhere = None if in_terminal else subprocess.DEVNULL
        try:
            done = subprocess.run(
                [os.fsencode(word) for word in words],
                stdin=nowhere,
                stdout=nowhere,
                stderr=nowhere,
                start_new_session=not in_terminal,
                check=False,
            )
        except (OSError, ValueError) as error:  # a lone surrogate has no bytes
            reason = error.strerror if isinstance(error, OSError) else "a name has no bytes here"
            self._later(f"cannot run {words[0]}: {reason}")
            return
        if done.returncode:
            self._later(f"{action.title}: {words[0]} ended with status {done.returncode}")

    def _later(self, words: str) -> None:
        self._background.call_later(self._tell, words)

    def _tell(self, words: str) -> None:
        self._app.notify(printable(words), severity="warning", markup=False)


def values_at(
    row: TransferRow | None, node: Node | None, rows: Iterable[TransferRow], server: str
) -> dict[str, str]:
    """What the placeholders stand for: the download `row`, or else the node of the tree.

    `rows`: all downloads, among which the node's file may be. `server`: that of the tree.
    """
    if row is not None:
        return _of_transfer(row)
    if node is None or not node.can_mark:
        return {"server": server}
    here = next((row for row in rows if row.key == node.key and row.state in GOOD), None)
    values = _of_transfer(here) if here is not None else {}
    return {**values, "name": _last(node.name), "ref": node.key, "server": server}


def _of_transfer(row: TransferRow) -> dict[str, str]:
    path = os.path.join(row.root, row.path)
    return {"path": path, "folder": os.path.dirname(path), "ref": row.key, "server": row.server,
            "name": _last(row.filename)}  # fmt: skip


def _last(name: str) -> str:
    """A name without what could lead elsewhere."""
    last = name.rpartition("/")[2].replace("\0", "")
    return "" if last in (".", "..") else last
