"""The download dialog: how many files, how much, where to, and how."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from flowtui.engine.protocol import Batch, Space
from flowtui.flow.clean import printable
from flowtui.tui.downloads import format as words
from flowtui.tui.selection import Selection, files_of

if TYPE_CHECKING:
    from flowtui.flow.client import FlowClient
    from flowtui.flow.remote_file import RemoteFile
    from flowtui.flow.walk import LeftOut

MARGIN = 1.1
"""The guide's 10 % of room beyond the files' sizes."""

LookAtSpace = Callable[[str, Callable[[Space], None]], None]


class DownloadDialog(ModalScreen[Batch | None]):
    """Counts the files of a selection and asks for the target; gives a `Batch`, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Cancel"),
        Binding("left", "app.focus_previous", show=False),
        Binding("right", "app.focus_next", show=False),
    ]

    def __init__(
        self,
        selection: Selection,
        client: Callable[[], FlowClient],
        *,
        target: Path,
        bulk_above: int,
        look_at_space: LookAtSpace,
    ) -> None:
        """`look_at_space(folder, then)` asks the engine for room and calls back."""
        super().__init__()
        self._selection = selection
        self._client = client
        self._target = target
        self._bulk_above = bulk_above
        self._look_at_space = look_at_space
        self._files: list[RemoteFile] = []
        self._left_out: list[LeftOut] = []
        self._ended = threading.Event()
        self._counted = False
        self._trouble = ""
        self._space: Space | None = None

    def compose(self) -> ComposeResult:
        """Words, the folder, and the ways to go on."""
        with Vertical(id="dialog"):
            yield Static("Download", id="dialog-title")
            yield Static(id="dialog-what", markup=False)
            yield Static(id="dialog-left-out", markup=False)
            yield Static("to folder", classes="label")
            yield Input(str(self._target), id="dialog-target", compact=True)
            yield Static(id="dialog-space", markup=False)
            with Horizontal(id="dialog-buttons"):
                yield Button("One by one", id="one-by-one", compact=True, disabled=True)
                yield Button("As a bulk job", id="bulk", compact=True, disabled=True)
                yield Button("Cancel", id="cancel", compact=True)

    def on_mount(self) -> None:
        """Begin to count."""
        self._say()
        self._ask_for_space()
        self.query_one("#cancel", Button).focus()
        self.run_worker(self._count, thread=True, exit_on_error=False, group="count")
        self.set_interval(0.15, self._say)

    def on_unmount(self) -> None:
        """Count no further."""
        self._ended.set()

    def _count(self) -> None:
        """Find all files, in a thread."""
        from flowtui.flow.errors import FlowError

        try:
            for file in files_of(self._client(), self._selection, self._left_out.append):
                if self._ended.is_set():
                    return
                self._files.append(file)
        except FlowError as error:
            self._trouble = error.message
        except Exception as error:  # noqa: BLE001
            # Said in the dialog; what was found until then is not offered as if it were all.
            self._trouble = f"internal error: {type(error).__name__}: {error}"
        self._counted = True
        if not self._ended.is_set():
            self.app.call_from_thread(self._counted_all)

    def _counted_all(self) -> None:
        if not self.is_mounted:
            return
        self._say()
        if self._trouble or not self._files:
            return
        for name in ("one-by-one", "bulk"):
            self.query_one(f"#{name}", Button).disabled = False
        with_id = sum(1 for one in self._files if one.data_id)
        self.query_one("#bulk", Button).disabled = with_id == 0
        proposed = "bulk" if len(self._files) > self._bulk_above and with_id else "one-by-one"
        button = self.query_one(f"#{proposed}", Button)
        button.variant = "primary"
        if not self.query_one("#dialog-target", Input).has_focus:
            button.focus()

    def _say(self) -> None:
        files = list(self._files)
        known = [one.size for one in files if one.size is not None]
        self._total = sum(known)
        at_least = "at least " if len(known) < len(files) else ""
        count = f"{len(files):,} file{'' if len(files) == 1 else 's'}"
        what = f"{count}, {at_least}{words.size(self._total)}"
        name = printable(self._selection.name)
        if self._trouble:
            text = Text(f"{name}\n{self._trouble}", style="bold")
        elif not self._counted:
            text = Text(f"{name}\n{what} so far, counting …")
        elif not files:
            text = Text(f"{name}\nnothing to download here")
        else:
            text = Text(f"{name}\n{what}")
        self.query_one("#dialog-what", Static).update(text)
        left = self._left_out
        said = ""
        if left:
            first = f"{printable(left[0].name)}: {printable(left[0].why)}"
            more = f" (and {len(left) - 1:,} more)" if len(left) > 1 else ""
            said = f"left out: {first}{more}"
        self.query_one("#dialog-left-out", Static).update(Text(said, style="dim"))
        self._say_space()

    def _say_space(self) -> None:
        line = self.query_one("#dialog-space", Static)
        if self._space is None:
            line.update(Text("looking at the disk …", style="dim"))
            return
        free = self._space.free - self._space.promised
        text = f"{words.size(max(0, free))} free there"
        if self._space.promised:
            text += f" ({words.size(self._space.promised)} of it promised to the queue: kept out)"
        line.remove_class("warning")
        if self._total * MARGIN > free:
            missing = words.size(int(self._total * MARGIN) - free)
            text = f"{text} — {missing} too little; it will wait for room"
            line.add_class("warning")
        line.update(Text(text))

    def _ask_for_space(self) -> None:
        def known(space: Space) -> None:
            self._space = space
            if self.is_mounted:
                self._say_space()

        self._look_at_space(str(self._folder()), known)

    def _folder(self) -> Path:
        given = self.query_one("#dialog-target", Input).value.strip()
        return Path(given or self._target).expanduser().absolute()

    def on_input_blurred(self, event: Input.Blurred) -> None:
        """Another folder may be on another disk."""
        event.stop()
        self._ask_for_space()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter in the folder's line: on to the proposed way."""
        event.stop()
        proposed = [one for one in self.query(Button) if one.variant == "primary"]
        if proposed:
            proposed[0].focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Take it, or leave it."""
        event.stop()
        if event.button.id == "cancel" or not self._counted:
            self.dismiss(None)
            return
        self.dismiss(
            Batch(
                server=self._client().server,
                root=str(self._folder()),
                name=printable(self._selection.name)[:200],
                files=tuple(self._files),
                bulk=event.button.id == "bulk",
            )
        )
