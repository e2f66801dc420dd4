"""Asking for a folder: what was typed as a path, and a small dialog for the target folder."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from flowtui.tui.keys import with_ids


class FolderError(ValueError):
    """What was typed is no folder's path; the message says why."""


def folder_of(text: str) -> Path:
    """The absolute path of what was typed, `~` included; nothing on the disk is read.

    Raises FolderError.
    """
    if not text.strip():
        raise FolderError("Enter a folder.")
    if "\0" in text:
        raise FolderError("A folder name cannot contain a NUL character.")
    try:
        return Path(text.strip()).expanduser().absolute()
    except (RuntimeError, OSError) as error:
        raise FolderError(f"No home folder for {text.strip().split('/')[0]}.") from error


class TargetDialog(ModalScreen[Path | None]):
    """Asks where downloads go from now on; gives the folder, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Cancel")]
    BINDINGS = with_ids("folder", BINDINGS)

    def __init__(self, target: Path) -> None:
        super().__init__()
        self._target = target

    def compose(self) -> ComposeResult:
        """The folder."""
        with Vertical(id="dialog"):
            yield Static("Target folder", id="dialog-title")
            yield Input(str(self._target), id="dialog-target", compact=True)
            yield Static("", id="dialog-space", classes="warning", markup=False)
            yield Static("enter: save, also for later sessions   esc: cancel", classes="label")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take the folder."""
        event.stop()
        try:
            self.dismiss(folder_of(event.value))
        except FolderError as error:
            self.query_one("#dialog-space", Static).update(Text(str(error)))
