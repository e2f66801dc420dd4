"""A line of a dialog: how much room there is on the disk of the folder that is typed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rich.text import Text
from textual.widgets import Static

from flowtui.protocol.messages import Space
from flowtui.text import quantities
from flowtui.tui.screens.folder import FolderError, folder_of

MeasureSpace = Callable[[str, Callable[[Space], None]], None]


class SpaceLine(Static):
    """The free space of one folder after the other, as far as it is known."""

    def __init__(self, measure: MeasureSpace, *, id: str | None = None) -> None:
        """`measure(folder, then)` asks the engine for room."""
        super().__init__(id=id, markup=False)
        self._measure = measure
        self._known: tuple[Path, Space] | None = None
        self._folder = ""
        self._room = 0

    def show(self, folder: str, room: int) -> None:
        """What is known of a folder, as it was typed, that is to take `room` bytes."""
        self._folder, self._room = folder, room
        text, warns = self._text()
        self.set_class(warns, "warning")
        self.update(Text(text))

    def look_at(self, folder: str, room: int) -> None:
        """As `show`, and have the room measured: another folder may be on another disk."""
        self.show(folder, room)
        try:
            path = folder_of(folder)
        except FolderError:
            return  # which is what the line says

        def known(space: Space) -> None:
            self._known = (path, space)
            self.show(self._folder, self._room)

        self._measure(str(path), known)

    def _text(self) -> tuple[str, bool]:
        try:
            folder = folder_of(self._folder)
        except FolderError as error:
            return str(error), True
        if self._known is None or self._known[0] != folder:
            return "checking free space …", False
        return space_text(self._known[1], self._room)


def space_text(space: Space, room: int) -> tuple[str, bool]:
    """How much is free on a disk that should have `room` bytes, and whether that is too little."""
    free = space.free - space.promised
    text = f"{quantities.size(max(0, free))} free"
    if space.promised:
        text += f" ({quantities.size(space.promised)} more reserved for queued files)"
    if room <= free:
        return text, False
    lacking = quantities.size(room - free)
    return f"{text}, {lacking} more needed. Downloads will wait for space.", True
