"""The app: composes the panes, binds the keys, and routes messages between panes and engine."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Footer
from textual.worker import WorkerFailed

from flowtui.protocol.messages import Batch, Space
from flowtui.text import quantities
from flowtui.text.printable import printable
from flowtui.tui.account import Account, AccountKnown, ServerUnreachable, SignedOut, SignInNeeded
from flowtui.tui.background import Background
from flowtui.tui.browser.details import DetailsPane
from flowtui.tui.browser.filter import FilterLine
from flowtui.tui.browser.selection import Selection
from flowtui.tui.browser.tree import TreePane
from flowtui.tui.commands import COMMANDS, KEPT, LAST, Command
from flowtui.tui.context import AppContext
from flowtui.tui.downloads.bulk_panel import BulkPanel
from flowtui.tui.downloads.manager import DownloadManager
from flowtui.tui.engine_app import EngineApp
from flowtui.tui.engine_link import QueueChanged
from flowtui.tui.screens.panes import PanesScreen
from flowtui.tui.terminal import STATUS, watch_terminal
from flowtui.tui.theme import THEME
from flowtui.tui.widgets.header import HeaderLine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from textual.app import SystemCommand
    from textual.screen import Screen

    from flowtui.config import Folders, Settings
    from flowtui.tui.screens.quit import Leave
    from flowtui.tui.screens.sign_in import SignedIn


class FlowApp(EngineApp):
    """Browse Flow, mark, download.

    Attributes:
        crash: the exception that ended it, or None.
    """

    TITLE = "flowtui"
    CSS_PATH: ClassVar[list[str]] = ["app.tcss", "downloads/downloads.tcss"]  # type: ignore[assignment]
    ENABLE_COMMAND_PALETTE = True
    HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (60, "-narrow"), (100, "-wide")]

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "download", "Download", show=False),
        Binding("slash", "filter", "Filter", show=False),
        Binding("s", "sign_in", "Sign in", show=False),
        Binding("b", "toggle_bulk", "Bulk jobs", show=False),
        Binding("question_mark", "help", "Help"),
        Binding("q", "leave", "Quit"),
        Binding("ctrl+q", "leave", "Quit", show=False, priority=True),
    ]

    def __init__(
        self,
        settings: Settings,
        folders: Folders,
        *,
        to: str | None = None,
        context: AppContext | None = None,
        engine_stays: bool = True,
    ) -> None:
        """`engine_stays`: whether the engine goes on when the app is left."""
        super().__init__()
        self.crash: BaseException | None = None
        self.context = context or AppContext(settings, folders)
        self._target: Path = settings.target(to)
        self._engine_stays = engine_stays
        self._logout = ""
        self._asking = self._declined = self._stopping = False
        self._who: tuple[str, str] | None = None
        self.link = self.context.link(self)
        self._background = Background(self)
        self._account = Account(self.context, self._background, self.post_message)

    def compose(self) -> ComposeResult:
        """Header, tree and details, downloads, bulk jobs, footer."""
        yield HeaderLine(id="header")
        with Horizontal(id="browse"):
            with Vertical(id="tree-side"):
                yield FilterLine(id="filter")
                yield TreePane(self.context.client, self._background, id="tree")
            yield DetailsPane(self.context.client, self._background, id="details")
        yield DownloadManager(id="downloads", classes="-empty")
        yield BulkPanel(id="bulk")
        yield Footer(compact=True, show_command_palette=False)

    def get_default_screen(self) -> Screen[object]:
        """The screen of the panes."""
        return PanesScreen(id="_default")

    def on_mount(self) -> None:
        """Paint first; then look who is signed in, and for the engine."""
        self.register_theme(THEME)
        self.theme = THEME.name
        self._panes()
        self.header.server = self.context.settings.base_url
        self._tree.focus()
        if threading.current_thread() is threading.main_thread():
            loop = asyncio.get_running_loop()
            for number in (signal.SIGTERM, signal.SIGHUP):
                loop.add_signal_handler(number, self._told_to_end, 128 + number)
            if not self.is_headless:
                watch_terminal(lambda: self._lost(loop))
        self.call_after_refresh(self._begin)

    def _panes(self) -> None:
        """Keep the panes at hand: while a dialog is open, a query would look into that."""
        self.header = self.query_one(HeaderLine)
        self._tree = self.query_one(TreePane)
        self._details = self.query_one(DetailsPane)
        self._filter = self.query_one(FilterLine)
        self._manager = self.query_one(DownloadManager)
        self._bulk = self.query_one(BulkPanel)

    def _begin(self) -> None:
        self.link.start()
        self._account.look()
        self._background.run(self._look_at_logout, "what a logout does")

    def _look_at_logout(self) -> None:
        from flowtui.daemon.logout import logout_warning

        self._logout = logout_warning()

    def _lost(self, loop: asyncio.AbstractEventLoop) -> None:
        """The terminal is gone (in the thread that saw it)."""
        with contextlib.suppress(RuntimeError):  # the app has ended meanwhile
            loop.call_soon_threadsafe(self._told_to_end, STATUS)

    def _told_to_end(self, status: int) -> None:
        # First: should somebody end the engine now, no new one is to be started for us.
        self.link.close()
        self.exit(return_code=status)

    def _handle_exception(self, error: Exception) -> None:
        """Keep a crash for the report, instead of painting a traceback."""
        cause = error.__cause__ if isinstance(error, WorkerFailed) else None
        self.crash = self.crash or cause or error
        self._return_code = 1
        if self._exception is None:  # a test under Textual's pilot is told by these
            self._exception = error
            self._exception_event.set()
        self._close_messages_no_wait()

    # Who is signed in

    def on_account_known(self, message: AccountKnown) -> None:
        """Somebody is signed in from the last time."""
        self._known(message.username)
        self._tree.open_scope("mine")

    def _known(self, username: str) -> None:
        server = self.context.settings.base_url
        self._who = (server, username)
        self._declined = False
        self.header.account = username
        self.header.server = server
        if self.context.found:
            self.notify(self.context.found, markup=False)
            self.context.found = ""

    def on_sign_in_needed(self, message: SignInNeeded) -> None:
        """Nobody is signed in."""
        self.header.server = self.context.settings.base_url
        self.header.account = "not signed in (s: sign in)"
        self._ask_to_sign_in(message.reason)

    def on_server_unreachable(self, message: ServerUnreachable) -> None:
        """Say so; the tree tells why, and can be asked to try again."""
        self.header.server = self.context.settings.base_url
        self.header.account = "not connected"
        self._tree.open_scope("mine")

    def on_tree_pane_recovered(self) -> None:
        """The server answers again; who is signed in may not be known yet."""
        if self._who is None and not self._asking and not self._declined:
            self._account.look()

    def _ask_to_sign_in(self, reason: str, *, again: bool = False) -> None:
        """Ask, unless that is going on, or was declined (and nobody wants it `again`)."""
        if self._asking or (self._declined and not again):
            return
        self._asking = True
        from flowtui.tui.screens.sign_in import SignInScreen

        self.push_screen(SignInScreen(self.context, self._background, reason), self._signed_in)

    def _signed_in(self, result: SignedIn | None) -> None:
        self._asking = False
        if result is None:
            self._declined = True
            if self._who is None:
                self._tree.open_scope("public")
            return
        before, self._declined = self._who, False
        self._known(result.username)
        if before == self._who:
            self._tree.try_failed_again()
        else:
            self._tree.start_anew()
        credential = result.credential
        self.link.call(
            "hand the sign-in to the engine",
            lambda engine: engine.sign_in(
                result.server, result.username, credential.token, credential.refresh_token
            ),
        )

    def action_sign_in(self) -> None:
        """Sign in, or in as somebody else."""
        self._ask_to_sign_in("", again=True)

    def action_sign_out(self) -> None:
        """Forget the stored token."""
        self._account.sign_out()

    def on_signed_out(self, message: SignedOut) -> None:
        """Say what was forgotten; what was loaded was for the one who is gone."""
        said = "; ".join(message.said) or "nothing was stored"
        self.notify(printable(said), title="Signed out", markup=False)
        self._who = None
        self._tree.start_anew()
        self.header.account = "not signed in (s: sign in)"
        self._ask_to_sign_in("", again=True)

    # Browsing

    def on_tree_pane_highlighted(self, message: TreePane.Highlighted) -> None:
        """Show details of what is under the cursor."""
        self._details.show(message.node)

    def on_tree_pane_marks_changed(self, message: TreePane.MarksChanged) -> None:
        """Tell what is marked."""
        marks = message.marks
        size, whole = marks.known_size()
        told = f"{len(marks):,} marked" if len(marks) else ""
        if told and size:
            told += f", {'' if whole else 'at least '}{quantities.size(size)}"
        self.header.marked = told

    def on_tree_pane_trouble(self, message: TreePane.Trouble) -> None:
        """Ask to sign in where that is what is missing."""
        from flowtui.flow.errors import NotSignedIn

        if isinstance(message.error, NotSignedIn) and self._who is not None:
            self._ask_to_sign_in("The session has ended. Sign in to go on.")

    def on_tree_pane_filter_dropped(self) -> None:
        """The filter line goes with the filter."""
        self._filter.end()

    def action_filter(self) -> None:
        """Show the filter line."""
        self._filter.begin()

    def on_filter_line_wanted(self, message: FilterLine.Wanted) -> None:
        """Filter as one types."""
        self._tree.filter(message.text)

    def on_filter_line_left(self, message: FilterLine.Left) -> None:
        """Back to the tree."""
        if not message.keep:
            self._filter.end()
            self._tree.filter("")
        self._tree.focus()

    # Downloading

    def action_download(self) -> None:
        """Ask how and where to, then queue what is marked or under the cursor."""
        nodes = tuple(self._tree.marks.chosen())
        if not nodes:
            node = self._tree.node
            if node is None or not node.can_mark:
                self.notify("Nothing is marked. Go to a project, sample or file, and press space.")
                return
            nodes = (node,)
        from flowtui.tui.browser.count import Count
        from flowtui.tui.screens.download import DownloadDialog

        selection = Selection(nodes, self._tree.marks.taken_out)
        dialog = DownloadDialog(
            selection.name,
            Count(self.context.client, selection),
            self._background,
            target=self._target,
            bulk_above=self.context.settings.bulk_above,
            look_at_space=self._look_at_space,
        )
        self.push_screen(dialog, self._queue)

    def _look_at_space(self, folder: str, then: Callable[[Space], None]) -> None:
        self.link.call("look at the disk", lambda engine: engine.space(folder), then)

    def _queue(self, batch: Batch | None) -> None:
        if batch is None:
            return
        self._target = Path(batch.root)
        self._tree.clear_marks()
        self.link.call(
            "queue the files",
            lambda engine: engine.add(batch),
            lambda added: self.notify(
                f"{added.added:,} queued"
                + (f", {added.known:,} were queued already" if added.known else "")
                if added.bulk_id is None
                else f"asked Flow for an archive of {len(batch.files):,} files",
                markup=False,
            ),
        )

    def action_target(self) -> None:
        """Ask for another target folder."""
        from flowtui.tui.screens.folder import TargetDialog

        self.push_screen(TargetDialog(self._target), self._aim)

    def _aim(self, folder: Path | None) -> None:
        if folder is None:
            return
        self._target = folder

        def keep() -> None:
            from flowtui.config import ConfigError

            try:
                self.context.keep_target(str(folder))
            except (OSError, ConfigError) as error:
                self._background.tell(self._not_kept, str(error))

        self._background.run(keep, "keep the target folder")

    def _not_kept(self, why: str) -> None:
        self.notify(
            printable(why), title="Not kept for the next start", severity="warning", markup=False
        )

    def on_queue_changed(self, message: QueueChanged) -> None:
        """Show what changed in the queue."""
        model, delta = message.take()
        self._manager.show(model, delta)
        self._manager.set_class(not model.transfers, "-empty")
        self._bulk.show(model, delta)
        self.tell_trouble(model.summary.trouble)
        if self.context.settings.base_url in model.summary.needs_sign_in:
            self._ask_to_sign_in("The session has ended. Sign in, and the downloads go on.")

    # The app itself

    def action_toggle_bulk(self) -> None:
        """Show or hide the bulk jobs."""
        self._bulk.toggle()

    def action_reload_all(self) -> None:
        """Load the whole tree anew."""
        self._tree.start_anew()

    def action_help(self) -> None:
        """Show the keys."""
        from flowtui.tui.screens.help import HelpScreen

        self.push_screen(HelpScreen())

    async def action_quit(self) -> None:
        """See `action_leave`."""
        self.action_leave()

    def action_leave(self) -> None:
        """Leave; where work is under way, say that it goes on and offer to stop it."""
        from flowtui.tui.screens.quit import Leave, QuitDialog, work_under_way

        files, archives = work_under_way(self.link.model)
        if not (files or archives) or self._stopping or isinstance(self.screen, QuitDialog):
            self._leave_now()
            return

        def leave(how: Leave | None) -> None:
            if how is Leave.KEEP_GOING:
                self._leave_now(
                    "The engine goes on with the downloads; flowtui shows them again."
                    if self._engine_stays
                    else ""
                )
            elif how is Leave.PAUSE_ALL:
                self._stopping = True
                self.notify("Pausing all, and stopping the engine …")
                self._background.run(self._stop_engine, "stop the engine")

        self.push_screen(QuitDialog(files, archives, self._engine_stays, self._logout), leave)

    def _stop_engine(self) -> None:
        self.link.stop_engine(pause=True)
        self._background.tell(
            self._leave_now, "All is paused and the engine stopped; flowtui goes on from there."
        )

    def _leave_now(self, words_for_the_end: str = "") -> None:
        # Hanging up may have to wait for a connection that is just being made.
        self._background.run(self.link.close, "hang up")
        self.exit(message=Text(words_for_the_end) if words_for_the_end else None)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """What the palette offers, ours first."""
        yield from map(self._system_command, COMMANDS)
        own = super().get_system_commands(screen)
        yield from (command for command in own if command.title in KEPT)
        yield self._system_command(LAST)

    def _system_command(self, command: Command) -> SystemCommand:
        from textual.app import SystemCommand

        return SystemCommand(command.title, command.help, getattr(self, f"action_{command.action}"))
