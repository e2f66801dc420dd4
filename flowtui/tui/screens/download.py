"""The download dialog: how many files, how much, where to, and how."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.screen import ModalScreen
from textual.timer import Timer
from textual.widgets import Button, Checkbox, Input, Static

from flowtui.protocol.messages import Batch
from flowtui.text.printable import printable
from flowtui.tui.already_here import Already, AlreadyHere
from flowtui.tui.background import Background
from flowtui.tui.browser.count import Count
from flowtui.tui.keys import with_ids
from flowtui.tui.screens.download_offer import AsFound, Offer, Way
from flowtui.tui.screens.folder import FolderError, folder_of
from flowtui.tui.screens.space_line import MeasureSpace, SpaceLine
from flowtui.tui.widgets.tick_box import TickBox

UPDATE_EVERY = 0.15
"""Seconds between two updates on how far the counting is."""

LOOK_PATIENCE = 1.0
"""Seconds after the count for which it is waited what is here, before something is proposed."""

RECORDS = "With the records of runs (parameters, command, logs, versions)"

START_HINT = "enter: start now, files come as they are found   esc: cancel"

WAYS = {Way.ONE_BY_ONE: "One by one", Way.BULK: "As a bulk job"}


class DownloadDialog(ModalScreen[Batch | AsFound | None]):
    """Has the files of a selection counted, and asks for the target and the way; gives a `Batch`.

    None where it is left. Enter takes what is proposed, see `Offer`; while files are counted it
    starts what is found, and gives `AsFound`: the counting goes on then.
    """

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(None)", "Cancel"),
        Binding("enter", "accept", "Accept", show=False),
        Binding("left", "app.focus_previous", show=False),
        Binding("right", "app.focus_next", show=False),
    ]
    BINDINGS = with_ids("download", BINDINGS)

    def __init__(
        self,
        name: str,
        make_count: Callable[[bool], Count],
        background: Background,
        *,
        target: Path,
        bulk_above: int,
        measure_space: MeasureSpace,
        already: AlreadyHere,
    ) -> None:
        """`name` is the selection's; `make_count` counts it, with the records of runs or without.

        `bulk_above`: see `Offer`. `measure_space`: see `SpaceLine`. `already` looks what is here.
        """
        super().__init__()
        self._already = already
        self._counted_at: float | None = None
        self._is_proposed = False
        self._make_count = make_count
        self._offer = Offer(printable(name[:200]), make_count(False), bulk_above)
        self._background = background
        self._target = target
        self._timer: Timer | None = None
        self._goes_on = False
        # Made here: what was counted and measured may be known before they are mounted, and after.
        self._what_line = Static(id="dialog-what", markup=False)
        self._left_out_lines = Static(id="dialog-left-out", markup=False)
        self._folder_input = Input(str(target), id="dialog-target", compact=True)
        self._space_line = SpaceLine(measure_space, id="dialog-space")
        self._records_box = TickBox(RECORDS, id="dialog-records", compact=True)
        self._hint = Static(id="dialog-hint", classes="label", markup=False)
        self._ways = {
            way: Button(words, id=way, compact=True, disabled=True) for way, words in WAYS.items()
        }
        self._cancel = Button("Cancel", id="cancel", compact=True)

    def compose(self) -> ComposeResult:
        """Words, the folder, and the ways to go on."""
        with VerticalScroll(id="dialog", can_focus=False):
            yield Static("Download", id="dialog-title")
            yield self._what_line
            yield self._left_out_lines
            yield Static("Save to", classes="label")
            yield self._folder_input
            yield self._space_line
            yield self._records_box
            with Horizontal(id="dialog-buttons"):
                yield from self._ways.values()
                yield self._cancel
            yield self._hint

    @property
    def proposed(self) -> Way | None:
        """The button that enter stands for; None while there is nothing to download."""
        return self._offer.proposed

    # What is counted

    def on_mount(self) -> None:
        """Begin to count."""
        self._update()
        self._space_line.look_at(self._folder_text, self._offer.room)
        self._begin()

    def on_checkbox_changed(self, event: Checkbox.Changed) -> None:
        """With the records of runs, or without: that is another count."""
        event.stop()
        self._offer.count.stop()
        self._offer = replace(self._offer, count=self._make_count(event.value), already=Already())
        self._counted_at, self._is_proposed = None, False
        for button in self._ways.values():
            button.disabled = True
        self._update()
        self._begin()

    def on_unmount(self) -> None:
        """Count no further, unless what is found is wanted."""
        if not self._goes_on:
            self._offer.count.stop()

    def _begin(self) -> None:
        """Have the files counted, in a thread."""
        self._background.run(self._offer.count.run, "count files")
        self._keep_updating()

    def _keep_updating(self) -> None:
        if self._timer is None:
            self._timer = self.set_interval(UPDATE_EVERY, self._update)

    # What is shown

    def _update(self) -> None:
        """Show how far it is; when all is counted, propose what to do with it."""
        self._look_here()
        offer, ended = self._offer, self._offer.count.ended
        self._what_line.update(Text(offer.what, overflow="fold"))
        self._left_out_lines.update(Text(offer.left_out, style="dim"))
        self._left_out_lines.display = bool(offer.left_out)
        self._space_line.show(self._folder_text, offer.room)
        if offer.can_start:
            self._hint.update(START_HINT)
        for way in offer.ways:
            self._ways[way].disabled = False
        if ended and not self._is_proposed and self._knows_enough():
            self._is_proposed = True
            self._propose()
        if offer.is_looked_through and self._is_proposed and self._timer is not None:
            self._timer.stop()
            self._timer = None

    def _look_here(self) -> None:
        """Have looked what is here already, as far as files are known."""
        with contextlib.suppress(FolderError):  # which the line of the room says
            self._already.look(folder_of(self._folder_text), self._offer.count.files)
        self._offer = replace(self._offer, already=self._already.now)

    def _knows_enough(self) -> bool:
        """Whether it is known what is here, or was waited for long enough."""
        now = time.monotonic()
        if self._counted_at is None:
            self._counted_at = now
        waited = now - self._counted_at >= LOOK_PATIENCE
        return self._offer.is_looked_through or bool(self._offer.count.error) or waited

    def _propose(self) -> None:
        proposed = self._offer.proposed
        if proposed is None:
            self._hint.update("esc: back")
            self._cancel.focus()
            return
        button = self._ways[proposed]
        button.variant = "primary"
        if self.focused is None:
            button.focus()
        hint = f"enter: {str(button.label).lower()}   tab: more   esc: cancel"
        why = self._offer.why_proposed
        self._hint.update(f"{why}\n{hint}" if why else hint)

    @property
    def _folder_text(self) -> str:
        return self._folder_input.value or str(self._target)

    def on_input_blurred(self, event: Input.Blurred) -> None:
        """Another folder may be on another disk, and have other files."""
        event.stop()
        self._space_line.look_at(self._folder_text, self._offer.room)
        self._keep_updating()

    # What is sent

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter in the folder's line: on to the proposed way, where the room can be seen."""
        event.stop()
        if self.proposed is not None:
            self._ways[self.proposed].focus()
        else:
            self.set_focus(None)

    def action_accept(self) -> None:
        """Take what is proposed, or start what is found while it is counted."""
        if self.proposed is not None:
            self._accept(self.proposed)
        elif self._offer.can_start and (folder := self._folder()) is not None:
            self._goes_on = True
            self.dismiss(self._offer.as_found(folder))

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Take it, or leave it."""
        event.stop()
        if event.button is self._cancel:
            self.dismiss(None)
        elif self.proposed is not None:
            self._accept(Way(event.button.id or ""))

    def _accept(self, way: Way) -> None:
        if (folder := self._folder()) is not None:
            self.dismiss(self._offer.batch(folder, way))

    def _folder(self) -> Path | None:
        """Where to; None, and its line has the focus, where that is no folder."""
        try:
            return folder_of(self._folder_text)
        except FolderError:
            self._folder_input.focus()
            return None
