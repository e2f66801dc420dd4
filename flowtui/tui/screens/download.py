"""The download dialog: how many files, how much, where to, and how."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.screen import ModalScreen
from textual.timer import Timer
from textual.widgets import Button, Checkbox, Input, Static

from flowtui.protocol.messages import Batch, Space
from flowtui.text import quantities
from flowtui.text.printable import printable
from flowtui.tui.background import Background
from flowtui.tui.browser.count import Count
from flowtui.tui.screens.folder import FolderError, folder_of

MARGIN = 1.1
"""The guide's 10 % of room beyond the files' sizes."""

UPDATE_EVERY = 0.15
"""Seconds between two updates on how far the counting is."""

SHOWN_LEFT_OUT = 3
"""Left-out things that are named; the others are counted."""

RECORDS = "With the records of runs (parameters, command, logs, versions)"

WAYS = {"one-by-one": "One by one", "bulk": "As a bulk job", "cancel": "Cancel"}

MeasureSpace = Callable[[str, Callable[[Space], None]], None]


class DownloadDialog(ModalScreen[Batch | None]):
    """Counts the files of a selection and asks for the target; gives a `Batch`, or None.

    Enter takes what is proposed: a bulk job above `bulk_above` files, else one by one.
    """

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(None)", "Cancel"),
        Binding("enter", "accept", "Accept", show=False),
        Binding("left", "app.focus_previous", show=False),
        Binding("right", "app.focus_next", show=False),
    ]

    def __init__(
        self,
        name: str,
        make_count: Callable[[bool], Count],
        background: Background,
        *,
        target: Path,
        bulk_above: int,
        measure_space: MeasureSpace,
    ) -> None:
        """`name` is the selection's; `make_count` counts it, with the records of runs or without.

        `measure_space(folder, then)` asks the engine for room.
        """
        super().__init__()
        self._selection_name = printable(name[:200])
        self._make_count = make_count
        self._count = make_count(False)
        self._background = background
        self._target = target
        self._bulk_above = bulk_above
        self._measure_space = measure_space
        self._space: tuple[Path, Space] | None = None
        self._timer: Timer | None = None
        # Made here: what was counted and measured may be known before they are mounted, and after.
        self._what_line = Static(id="dialog-what", markup=False)
        self._left_out_lines = Static(id="dialog-left-out", markup=False)
        self._folder_input = Input(str(target), id="dialog-target", compact=True)
        self._space_line = Static(id="dialog-space", markup=False)
        self._records_box = Checkbox(RECORDS, id="dialog-records", compact=True)
        self._hint = Static(id="dialog-hint", classes="label", markup=False)
        self._ways = {
            name: Button(words, id=name, compact=True, disabled=name != "cancel")
            for name, words in WAYS.items()
        }

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
            yield self._hint

    def on_mount(self) -> None:
        """Begin to count."""
        self._update()
        self._request_space()
        self._begin()

    def _begin(self) -> None:
        """Have the files counted, in a thread."""
        self._background.run(self._count.run, "count files")
        if self._timer is None:
            self._timer = self.set_interval(UPDATE_EVERY, self._update)

    def on_checkbox_changed(self, event: Checkbox.Changed) -> None:
        """With the records of runs, or without: that is another count."""
        event.stop()
        self._count.stop()
        self._count = self._make_count(event.value)
        for name, button in self._ways.items():
            button.disabled = name != "cancel"
        self._update()
        self._begin()

    def on_unmount(self) -> None:
        """Count no further."""
        self._count.stop()

    @property
    def proposed(self) -> str:
        """The button that enter stands for; empty while there is nothing to download."""
        count = self._count
        if not count.ended or count.error or not count.files:
            return ""
        return "bulk" if len(count.files) > self._bulk_above and count.with_id else "one-by-one"

    def _update(self) -> None:
        """Show how far it is; when all is counted, propose what to do with it."""
        count, ended = self._count, self._count.ended
        self._what_line.update(Text(self._what(), overflow="fold"))
        self._left_out_lines.update(Text(_left_out(count), style="dim"))
        self._left_out_lines.display = bool(count.left_out)
        self._show_space()
        if ended and self._timer is not None:
            self._timer.stop()
            self._timer = None
            self._propose()

    def _what(self) -> str:
        count = self._count
        files = len(count.files)
        at_least = "at least " if count.unknown else ""
        size = f"{at_least}{quantities.size(count.bytes)}"
        what = f"{quantities.counted(files, 'file')}, {size}"
        if count.unknown:
            what += f" ({count.unknown:,} of unknown size)"
        if count.error:
            what = f"Could not list the files: {printable(count.error)}"
        elif not count.ended:
            what += f" so far, {printable(count.waiting) if count.waiting else 'counting'} …"
        elif not files:
            what = "no files to download"
        return f"{self._selection_name}\n{what}"

    def _propose(self) -> None:
        hint, ways = self._hint, self._ways
        if not self.proposed:
            hint.update("esc: back")
            ways["cancel"].focus()
            return
        count = self._count
        ways["one-by-one"].disabled = False
        ways["bulk"].disabled = count.with_id == 0
        button = ways[self.proposed]
        button.variant = "primary"
        if self.focused is None:
            button.focus()
        why = ""
        if self.proposed == "bulk":
            why = f"  More than {self._bulk_above:,} files: Flow can pack them into one archive."
        hint.update(f"enter: {str(button.label).lower()}   tab: more   esc: cancel{why}")

    def _show_space(self) -> None:
        line = self._space_line
        line.remove_class("warning")
        try:
            folder = self._folder()
        except FolderError as error:
            line.add_class("warning")
            line.update(Text(str(error)))
            return
        if self._space is None or self._space[0] != folder:
            line.update(Text("checking free space …"))
            return
        space = self._space[1]
        free = space.free - space.promised
        text = f"{quantities.size(max(0, free))} free"
        if space.promised:
            text += f" ({quantities.size(space.promised)} more reserved for queued files)"
        needed = int(self._count.bytes * MARGIN)
        if needed > free:
            text += (
                f", {quantities.size(needed - free)} more needed. Downloads will wait for space."
            )
            line.add_class("warning")
        line.update(Text(text))

    def _request_space(self) -> None:
        try:
            folder = self._folder()
        except FolderError:
            return  # `_show_space` says it

        def known(space: Space) -> None:
            self._space = (folder, space)
            self._show_space()

        self._measure_space(str(folder), known)

    def _folder(self) -> Path:
        return folder_of(self._folder_input.value or str(self._target))

    def on_input_blurred(self, event: Input.Blurred) -> None:
        """Another folder may be on another disk."""
        event.stop()
        self._show_space()
        self._request_space()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter in the folder's line: on to the proposed way, where the room can be seen."""
        event.stop()
        if self.proposed:
            self._ways[self.proposed].focus()
        else:
            self.set_focus(None)

    def action_accept(self) -> None:
        """Take what is proposed."""
        if self.proposed:
            self._accept(self.proposed)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Take it, or leave it."""
        event.stop()
        if event.button.id == "cancel":
            self.dismiss(None)
        elif self.proposed:
            self._accept(event.button.id or "")

    def _accept(self, how: str) -> None:
        try:
            folder = self._folder()
        except FolderError:
            self._folder_input.focus()
            return
        self.dismiss(
            Batch(
                server=self._count.server,
                root=str(folder),
                name=self._selection_name,
                files=tuple(self._count.files),
                bulk=how == "bulk",
                # What was only proposed may be done one by one where little is missing.
                one_by_one_up_to=self._bulk_above if how == self.proposed else 0,
            )
        )


def _left_out(count: Count) -> str:
    """What is left out and why, in a few lines."""
    left = count.left_out[:SHOWN_LEFT_OUT]
    lines = [
        f"left out: {printable(item.name[:200])}: {printable(item.why[:200])}" for item in left
    ]
    more = len(count.left_out) - len(left)
    if more > 0:
        lines.append(f"left out: {more:,} more")
    return "\n".join(lines)
