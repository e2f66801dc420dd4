"""The app: composes the panes, binds the keys, and routes messages between panes and engine."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Footer
from textual.worker import WorkerFailed

from flowtui.text import quantities
from flowtui.text.printable import printable
from flowtui.tui.account import (
    Account,
    AccountChanged,
    AccountFound,
    AccountMissing,
    AccountRenewed,
    ServerUnreachable,
    SignInDeclined,
)
from flowtui.tui.add_downloads import AddDownloads
from flowtui.tui.announcing import announcing
from flowtui.tui.background import Background
from flowtui.tui.browser.details import DetailsPane
from flowtui.tui.browser.marking import MarkedLines
from flowtui.tui.browser.selection import Selection
from flowtui.tui.browser.side import TreeSide
from flowtui.tui.browser.standing import files_of
from flowtui.tui.browser.tree import TreePane
from flowtui.tui.context import AppContext
from flowtui.tui.downloads.bulk_panel import BulkPanel
from flowtui.tui.downloads.manager import DownloadManager
from flowtui.tui.downloads.requests import (
    BulkAction,
    BulkActionRequested,
    BulkFilesRequested,
    TransferActionRequested,
    VerifyRequested,
)
from flowtui.tui.engine_link import EngineCallFailed, EngineLost, EngineUp, QueueChanged
from flowtui.tui.engine_status import EngineStatus
from flowtui.tui.keys import keymap_of, with_ids
from flowtui.tui.limiting import Limiting
from flowtui.tui.own_programs import OwnPrograms, values_at
from flowtui.tui.painting import PaintedApp
from flowtui.tui.peeking import Peeking
from flowtui.tui.quitting import Quitting
from flowtui.tui.recorded_files import Found, RecordedFiles
from flowtui.tui.returning import KEEP_EVERY, Returning
from flowtui.tui.screens.panes import PanesScreen
from flowtui.tui.screens.peek import PeekScreen
from flowtui.tui.theming import Theming
from flowtui.tui.typed_ahead import KeyPassed, TypedAhead
from flowtui.tui.verifying import Verifying, recorded_of
from flowtui.tui.widgets.header import HeaderLine

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from textual.app import SystemCommand
    from textual.screen import Screen

    from flowtui.config import Folders, Settings

LOOK_EVERY = 1.0
"""Seconds between two looks whether other files are on the screen, see `RecordedFiles`."""

TOLD_FOR = 15
"""Seconds that it is shown what went on while nobody looked."""

NOT_SIGNED_IN = "not signed in (s: sign in)"


class FlowApp(PaintedApp):
    """Browse Flow, mark, download.

    Messages go up to it from the panes, the account and the link to the engine; it calls down to
    the panes.

    Attributes:
        context: the world outside the screen. `link`: the engine. `header`: the line on top.
        crash: the exception that ended it, or None.
    """

    TITLE = "flowtui"
    CSS_PATH: ClassVar[list[str]] = ["app.tcss", "downloads/downloads.tcss"]  # type: ignore[assignment]
    ENABLE_COMMAND_PALETTE = True
    HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (72, "-narrow"), (100, "-wide")]

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "download", "Download", show=False),
        Binding("slash", "filter", "Filter", show=False),
        Binding("ctrl+f", "find", "Find", show=False),
        Binding("colon", "go", "Go to", show=False),
        Binding("s", "sign_in", "Sign in", show=False),
        Binding("b", "toggle_bulk", "Bulk jobs", show=False),
        Binding("ctrl+l", "redraw", "Redraw", show=False, priority=True),
        Binding("ctrl+p", "command_palette", "All commands", show=False, priority=True),
        Binding("question_mark", "help", "Help"),
        Binding("q", "leave", "Quit"),
        Binding("ctrl+q", "leave", "Quit", show=False, priority=True),
    ]
    BINDINGS = with_ids("app", BINDINGS)

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
        self.link = self.context.link(self)
        background = Background(self)
        # Kept: while a dialog is open, a query would search that instead.
        self.header = HeaderLine(id="header")
        self._tree = TreePane(self.context.client, background, id="tree")
        self._tree_side = TreeSide(self._tree, id="tree-side")
        self._details = DetailsPane(self.context.client, background, id="details")
        self._manager = DownloadManager(id="downloads", classes="-empty")
        self._bulk = BulkPanel(id="bulk")
        self._typed_ahead = TypedAhead(self, super().on_event)
        self._engine = EngineStatus(self, self.header)
        self._announcing = announcing(self, settings)
        self._theming = Theming(self, self.context, background)
        self._account = Account(self, self.context, background, self.link)
        self._adding = AddDownloads(self, self.context, background, self.link, settings.target(to))
        self._limiting = Limiting(self, self.context, background, self.link)
        self._recorded = RecordedFiles(background.run, background.call_later, self._show_recorded)
        tell = partial(self.notify, timeout=TOLD_FOR, markup=False)
        self._returning = Returning(self.context, background.run, background.call_later, tell)
        self._own = OwnPrograms(self, background, settings.actions, self._under_the_cursor)
        self._peeking = Peeking(self, self.context.client, background)
        self._verifying = Verifying(self, self.context, background, self.link)
        self._quitting = Quitting(
            self,
            self.link,
            background,
            engine_stays=engine_stays,
            still_counted=lambda: self._adding.still_counted,
        )

    def compose(self) -> ComposeResult:
        """Header, tree and details, downloads, bulk jobs, footer."""
        yield self.header
        with Horizontal(id="browse"):
            yield self._tree_side
            yield self._details
        yield self._manager
        yield self._bulk
        yield Footer(compact=True, show_command_palette=False)

    def get_default_screen(self) -> Screen[object]:
        """The screen of the panes."""
        return PanesScreen(id="_default")

    def on_mount(self) -> None:
        """Paint first; then find out who is signed in, and connect to the engine."""
        self.suit_terminal()
        self._theming.begin()
        self.header.server = self.context.settings.base_url
        self._tree.focus()
        self._quitting.watch()
        self._announcing.begin()
        self._returning.begin()
        self.set_interval(KEEP_EVERY, self._returning.keep)
        self.set_interval(LOOK_EVERY, self._look_here)
        self._own.bind()
        self.call_after_refresh(self._begin)

    async def on_event(self, event: events.Event) -> None:
        """Take keys one after the other; all else at once."""
        if isinstance(event, events.Key | events.Paste) and not event.is_forwarded:
            self._typed_ahead.take(event)
        else:
            await super().on_event(event)

    def on_key_passed(self, message: KeyPassed) -> None:
        """The key before has done all that it does."""
        message.stop()
        message.arrived.set()

    def on_unmount(self) -> None:
        """Leave the terminal as it was."""
        self._announcing.end()
        self._returning.end()

    def _begin(self) -> None:
        self._use_keys()
        self.link.start()
        self._account.check()
        self._quitting.check_logout()

    def _handle_exception(self, error: Exception) -> None:
        """Keep a crash for the report, instead of painting a traceback."""
        cause = error.__cause__ if isinstance(error, WorkerFailed) else None
        self.crash = self.crash or cause or error
        self._return_code = 1
        if self._exception is None:  # Textual's pilot waits for these in a test
            self._exception = error
            self._exception_event.set()
        self._close_messages_no_wait()

    # Who is signed in

    def on_account_found(self, message: AccountFound) -> None:
        """Show what is theirs."""
        self._show_account(message.username)
        self._tree.open_scope("mine")

    def on_account_renewed(self, message: AccountRenewed) -> None:
        """Try again what failed without a session."""
        self._show_account(message.username)
        self._tree.retry_failed()

    def on_account_changed(self, message: AccountChanged) -> None:
        """Forget what was loaded for somebody else."""
        self._show_account(message.username or NOT_SIGNED_IN)
        self._tree.reset()

    def on_account_missing(self, _: AccountMissing) -> None:
        """Say so; nothing is loaded before the question is answered."""
        self._show_account(NOT_SIGNED_IN)

    def on_sign_in_declined(self, _: SignInDeclined) -> None:
        """Show what everybody may see."""
        self._tree.open_scope("public")

    def on_server_unreachable(self, _: ServerUnreachable) -> None:
        """Say so; the tree shows why, and can be asked to try again."""
        self._show_account("not connected")
        self._tree.open_scope("mine")

    def _show_account(self, words: str) -> None:
        self.header.account = words
        self.header.server = self.context.settings.base_url
        if self.context.found:
            self.notify(self.context.found, markup=False)
            self.context.found = ""

    def action_sign_in(self) -> None:
        """Sign in, or in as somebody else."""
        self._account.ask(again=True)

    def action_sign_out(self) -> None:
        """Forget the stored token."""
        self._account.sign_out()

    # Browsing

    def on_tree_pane_highlighted(self, message: TreePane.Highlighted) -> None:
        """Show details of what is under the cursor."""
        self._details.show(message.node)

    def on_marked_lines_marks_changed(self, message: MarkedLines.MarksChanged) -> None:
        """Show what is marked."""
        marks = message.marks
        size, whole = marks.known_size()
        words = f"{len(marks):,} marked" if len(marks) else ""
        if words and size:
            words += f", {'' if whole else 'at least '}{quantities.size(size)}"
        self.header.marked = f"range: {words}" if message.is_range else words

    def on_tree_pane_load_failed(self, message: TreePane.LoadFailed) -> None:
        """Ask to sign in where that is what is missing."""
        from flowtui.flow.errors import NotSignedIn

        if isinstance(message.error, NotSignedIn):
            self._account.session_ended()

    def on_tree_pane_recovered(self) -> None:
        """The server answers again; who is signed in may not be known yet."""
        self._account.check_again()

    def on_tree_pane_peek_requested(self, message: TreePane.PeekRequested) -> None:
        """Show what is inside a file."""
        self._peeking.show(message.node)

    def on_peek_screen_move_on(self, message: PeekScreen.MoveOn) -> None:
        """Show what is inside the next file, or the one before."""
        node = self._tree.step_to_file(message.by)
        if node is not None:
            self._peeking.show(node)

    def action_filter(self) -> None:
        """Show the filter line."""
        self._tree_side.open_filter()

    def action_find(self) -> None:
        """Show the line for a search on the server."""
        self._tree_side.open_find()

    def action_go(self) -> None:
        """Show the line for a reference or link to go to."""
        self._tree_side.open_go()

    def action_reload_all(self) -> None:
        """Load the whole tree anew."""
        self._tree.reset()

    # Downloading

    def action_download(self) -> None:
        """Ask how and where to, then queue what is marked or under the cursor."""
        nodes = tuple(self._tree.marks.chosen())
        if not nodes:
            node = self._tree.node
            if node is None or not node.can_mark:
                self.notify(
                    "Nothing to download here. Move to a project, sample or file, "
                    "or press space to mark several."
                )
                return
            nodes = (node,)
        selection = Selection(nodes, self._tree.marks.taken_out)
        self._adding.ask(selection, queued=self._tree.clear_marks)

    def action_target(self) -> None:
        """Ask for another target folder."""
        self._adding.ask_target()

    def action_limit_rate(self) -> None:
        """Ask for the rate of all downloads together."""
        self._limiting.ask()

    def action_toggle_bulk(self) -> None:
        """Show or hide the bulk jobs."""
        self._bulk.toggle()

    # The engine

    def on_engine_up(self, _: EngineUp) -> None:
        """The engine answers."""
        self._engine.up()

    def on_engine_lost(self, message: EngineLost) -> None:
        """The engine does not answer; the link tries again by itself."""
        self._engine.lost(message.reason)

    def on_engine_call_failed(self, message: EngineCallFailed) -> None:
        """The engine would not do something."""
        self._engine.refused(message.what, message.message)

    def on_queue_changed(self, message: QueueChanged) -> None:
        """Show what changed in the queue."""
        model, delta = message.take()
        self._manager.show(model, delta)
        self._bulk.show(model, delta)
        self._tree.show_standing(model.files, self.context.settings.base_url)
        self._engine.show_trouble(model.summary.trouble)
        self._announcing.show(model, delta)
        self._returning.show(model)
        if self.context.settings.base_url in model.summary.needs_sign_in:
            self._account.ask("Your session has expired. Sign in to continue the downloads.")

    def _look_here(self) -> None:
        """Have looked what is recorded, and here, of the files on the screen."""
        tree, files = self._tree, self.link.model.files
        in_sight = tree.rows[tree.top : tree.top + tree.size.height]
        keys = files_of(row.node for row in in_sight)
        server = self.context.settings.base_url
        standings = [files.of_file(server, key) for key in keys]
        self._recorded.look(self._adding.target, keys, standings)

    def _show_recorded(self, found: Found) -> None:
        files = self.link.model.files
        files.recorded, files.recorded_things = found.here, found.things
        self._tree.show_standing(files, self.context.settings.base_url)

    def on_transfer_action_requested(self, message: TransferActionRequested) -> None:
        """Pause, resume, cancel, retry or forget transfers."""
        action, ids = message.action, message.ids
        self.link.call(action.words, lambda engine: action.call(engine, ids))

    def on_bulk_action_requested(self, message: BulkActionRequested) -> None:
        """Cancel, retry, create again, fetch one by one or forget a bulk job."""
        action, job = message.action, message.job
        self.link.call(action.words, lambda engine: engine.bulk((job.id,), action))
        if action is BulkAction.FORGET and job.archive:
            kept = printable(f"Archive kept at {job.root}/{job.archive}")
            self.notify(f"{kept}; delete it if you do not need it", markup=False)

    def on_bulk_files_requested(self, message: BulkFilesRequested) -> None:
        """Show the files of a bulk job."""
        from flowtui.tui.listing_job import list_files

        list_files(self, self.link, message.job)

    def action_verify(self) -> None:
        """Verify what was downloaded of the item under the cursor of the tree."""
        node = self._tree.node
        about = recorded_of(node) if node is not None else None
        if node is None or about is None:
            self.notify("Nothing to verify here. Move to a project, sample, run or file.")
            return
        what = f"what was downloaded of {node.name[:200]}"
        self._verifying.ask(what, str(self._adding.target), about=about)

    def on_verify_requested(self, message: VerifyRequested) -> None:
        """Have downloaded files read again."""
        self._verifying.ask(
            message.what, message.root, batch_id=message.batch_id, server=message.server
        )

    # The app itself

    def action_help(self) -> None:
        """Show the keys, those of the pane that has the focus first."""
        from flowtui.tui.screens.help import HelpScreen

        panes = {"tree": "Tree", "downloads": "Downloads", "bulk": "Bulk jobs"}
        above = self.focused.ancestors_with_self if self.focused else ()
        pane = next((panes[node.id] for node in above if node.id in panes), "")
        self.push_screen(HelpScreen(pane, self._keymap))

    async def action_quit(self) -> None:
        """See `action_leave`."""
        self.action_leave()

    def action_leave(self) -> None:
        """Quit; where work is under way, ask."""
        self._quitting.ask()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """What the palette offers, ours first."""
        from flowtui.tui import palette

        yield from palette.lines(self, screen, self._keymap, super().get_system_commands(screen))
        yield from self._own.lines()

    # At home

    def _use_keys(self) -> None:
        """Take the keys of the settings; what is wrong there is told, and the rest holds."""
        keymap, wrong = keymap_of(self.context.settings.keys)
        if keymap:
            self.set_keymap(keymap)
        if wrong := self._own.wrong + wrong:
            words = "\n".join(f"settings.toml: {printable(line)}" for line in wrong[:5])
            self.notify(words, severity="warning", markup=False)

    def action_own_program(self, id_: str) -> None:
        """Run a program of the user's own on what is under the cursor."""
        self._own.run(id_)

    def _under_the_cursor(self) -> Mapping[str, str]:
        server, rows = self.context.settings.base_url, self.link.model.transfers.values()
        return values_at(self._manager.under_cursor, self._tree.node, rows, server)
