"""Leaving while there is work under way: the engine goes on, unless it is told not to."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from flowtui.protocol.states import BULK_ENDED, PENDING_WORK
from flowtui.text.quantities import counted, named
from flowtui.tui.keys import with_ids
from flowtui.tui.queue_model import QueueModel

GOES_ON = (
    "Downloads continue in the background, even after you log out. Run flowtui again to see them."
)

NOT_FOUND_YET = "what has not been found when you quit is not downloaded."

ENDS = "The demo server and its engine stop when you quit. With a real server, downloads continue."


class Leave(StrEnum):
    """How to leave."""

    KEEP_GOING = "keep-going"
    PAUSE_ALL = "pause-all"


def work_under_way(model: QueueModel) -> tuple[int, int]:
    """How many files and how many bulk jobs the engine has something to do for by itself."""
    counts = model.summary.counts
    jobs = sum(1 for job in model.bulk_jobs.values() if job.state not in BULK_ENDED)
    return sum(counts.get(state, 0) for state in PENDING_WORK), jobs


class QuitDialog(ModalScreen[Leave | None]):
    """Says what goes on without the app; gives how to leave, or None to stay."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(None)", "Stay"),
        Binding("left", "app.focus_previous", show=False),
        Binding("right", "app.focus_next", show=False),
    ]
    BINDINGS = with_ids("quit", BINDINGS)

    def __init__(
        self,
        files: int,
        archives: int,
        engine_stays: bool = True,
        logout: str = "",
        still_counted: Sequence[str] = (),
    ) -> None:
        """How many files are still to come, and how many archives Flow is still asked for.

        `engine_stays`: whether the engine goes on without the app. `logout`: what a logout does to
        it on this host, or empty where it does nothing. `still_counted`: names of selections whose
        files are still being found.
        """
        super().__init__()
        self._logout = logout
        self._engine_stays = engine_stays
        self._still_counted = still_counted
        self._files = files
        self._archives = archives

    def compose(self) -> ComposeResult:
        """The words and the choice."""
        counts = ((self._files, "file"), (self._archives, "archive"))
        coming = " and ".join(counted(count, noun) for count, noun in counts if count)
        words = f"{coming} still to download. {self._promise}" if coming else ""
        if self._still_counted:
            words += (
                f"\nStill looking for files of {named(self._still_counted, 3)}: {NOT_FOUND_YET}"
            )
        with Vertical(id="dialog"):
            yield Static("Quit flowtui", id="dialog-title")
            yield Static(words.strip(), markup=False)
            with Horizontal(id="dialog-buttons"):
                going = "Quit, keep downloading" if self._engine_stays else "Quit"
                yield Button(going, id=Leave.KEEP_GOING, variant="primary", compact=True)
                yield Button("Pause all, stop engine", id=Leave.PAUSE_ALL, compact=True)
                yield Button("Stay", id="stay", compact=True)

    @property
    def _promise(self) -> str:
        if not self._engine_stays:
            return ENDS
        if self._logout:
            return f"Downloads continue when you quit flowtui. But {self._logout}."
        return GOES_ON

    def on_mount(self) -> None:
        """Enter keeps going."""
        self.query_one(f"#{Leave.KEEP_GOING}", Button).focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Leave, or stay."""
        event.stop()
        chosen = event.button.id
        self.dismiss(None if chosen == "stay" else Leave(chosen or ""))
