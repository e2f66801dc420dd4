"""Asking for the rate that all downloads together may have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from flowtui.config import ConfigError, parse_rate
from flowtui.text import quantities
from flowtui.tui.keys import with_ids
from flowtui.tui.widgets.tick_box import TickBox

KEEP = "Keep it in the settings, for later starts of the engine"


@dataclass(frozen=True)
class RateWanted:
    """A limit in bytes a second, 0 for none, and whether later engines are to have it."""

    rate: int
    is_kept: bool


class RateDialog(ModalScreen[RateWanted | None]):
    """Asks for a limit; gives None where it stays as it is."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Cancel")]
    BINDINGS = with_ids("rate", BINDINGS)

    def __init__(self, limit: int) -> None:
        """`limit`: bytes a second now, 0 for none."""
        super().__init__()
        self._limit = limit

    def compose(self) -> ComposeResult:
        """The limit."""
        now = quantities.rate(self._limit) if self._limit else "none"
        with Vertical(id="dialog"):
            yield Static("Limit download rate", id="dialog-title")
            yield Static(f"For all downloads together. Current limit: {now}.", markup=False)
            yield Input(
                placeholder="20M or 500k a second, 0 for no limit", id="dialog-rate", compact=True
            )
            yield TickBox(KEEP, id="dialog-keep", compact=True)
            yield Static("", id="dialog-error", classes="warning", markup=False)
            yield Static("enter: apply   tab: keep it   esc: cancel", classes="label")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take the rate."""
        event.stop()
        try:
            rate = parse_rate(event.value)
            self.dismiss(RateWanted(rate, self.query_one("#dialog-keep", TickBox).value))
        except ConfigError as error:
            self.query_one("#dialog-error", Static).update(Text(str(error)))
