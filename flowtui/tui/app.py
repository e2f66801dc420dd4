"""The app: composes the panes, binds the keys, and routes messages between panes and engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import App, ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Footer

from flowtui.engine.protocol import Batch, Space
from flowtui.flow.clean import printable
from flowtui.tui.browser.details import DetailsPane
from flowtui.tui.browser.filter import FilterLine
from flowtui.tui.browser.tree import TreePane
from flowtui.tui.downloads import format as words
from flowtui.tui.downloads.bulk_panel import BulkActionRequested, BulkPanel
from flowtui.tui.downloads.link import EngineCallFailed, EngineLost, EngineUp, QueueChanged
from flowtui.tui.downloads.manager import (
    CancelRequested,
    DownloadManager,
    ForgetRequested,
    PauseRequested,
    ResumeRequested,
    RetryRequested,
)
from flowtui.tui.header import HeaderLine
from flowtui.tui.selection import Selection
from flowtui.tui.services import Services

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from textual.screen import Screen

    from flowtui.config import Folders, Settings
    from flowtui.tui.screens.quit import Leave
    from flowtui.tui.screens.sign_in import SignedIn

UNFINISHED = ("queued", "active", "verifying", "waiting")


class FlowApp(App[None]):
    """Browse Flow, mark, download.

    Attributes:
        crash: the exception that ended it, or None.
    """

    TITLE = "flowtui"
    CSS_PATH: ClassVar[list[str]] = ["app.tcss", "downloads/downloads.tcss"]  # type: ignore[assignment]
    ENABLE_COMMAND_PALETTE = True

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "download", "Download"),
        Binding("slash", "filter", "Filter"),
        Binding("tab", "app.focus_next", "Next pane", show=False),
        Binding("s", "sign_in", "Sign in", show=False),
        Binding("b", "toggle_bulk", "Bulk jobs", show=False),
        Binding("question_mark", "help", "Help"),
        Binding("q", "leave", "Quit"),
    ]

    def __init__(
        self,
        settings: Settings,
        folders: Folders,
        *,
        to: str | None = None,
        services: Services | None = None,
    ) -> None:
        super().__init__()
        self.crash: BaseException | None = None
        self.services = services or Services(settings, folders)
        self._to = to
        self._target: Path = settings.target(to)
        self._asking = False
        self.link = self.services.link(self)

    def compose(self) -> ComposeResult:
        """Header, tree and details, downloads, bulk jobs, footer."""
        yield HeaderLine(id="header")
        with Horizontal(id="browse"):
            with Vertical(id="tree-side"):
                yield FilterLine(id="filter")
                yield TreePane(self.services.client, id="tree")
            yield DetailsPane(id="details")
        yield DownloadManager(id="downloads")
        yield BulkPanel(id="bulk")
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        """Paint first; then look who is signed in, and for the engine."""
        self.query_one(HeaderLine).server = self.services.settings.base_url
        self.query_one(TreePane).focus()
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        self.link.start()
        self.run_worker(self._look_who, thread=True, exit_on_error=False, group="account")

    def _handle_exception(self, error: Exception) -> None:
        """Keep a crash for the report, instead of painting a traceback."""
        self.crash = self.crash or error
        self._return_code = 1
        self.panic("")

    # Who is signed in

    def _look_who(self) -> None:
        """See whether a stored credential works, in a thread."""
        from flowtui.flow.credentials import KeepError
        from flowtui.flow.errors import FlowError, NotSignedIn

        try:
            client = self.services.client()
            if client.credential is None:
                self.call_from_thread(self._signed_out, "")
                return
            user = client.me()
        except NotSignedIn:
            self.call_from_thread(self._signed_out, "The stored session has ended.")
        except (FlowError, KeepError) as error:
            self.call_from_thread(self._unreachable, str(getattr(error, "message", error)))
        else:
            self.call_from_thread(self._known, user.username or user.name)

    def _known(self, username: str) -> None:
        header = self.query_one(HeaderLine)
        header.account = printable(username)
        header.server = self.services.client().server
        if self.services.found:
            self.notify(self.services.found, markup=False)
        self.query_one(TreePane).open_first()

    def _signed_out(self, reason: str) -> None:
        self.query_one(HeaderLine).account = "not signed in"
        self._ask_to_sign_in(reason)

    def _unreachable(self, message: str) -> None:
        self.query_one(HeaderLine).account = "not connected"
        self.notify(message, severity="error", markup=False, timeout=10)
        self.query_one(TreePane).open_first()

    def _ask_to_sign_in(self, reason: str) -> None:
        if self._asking:
            return
        self._asking = True
        from flowtui.tui.screens.sign_in import SignInScreen

        self.push_screen(SignInScreen(self.services, reason), self._signed_in)

    def _signed_in(self, result: SignedIn | None) -> None:
        self._asking = False
        tree = self.query_one(TreePane)
        if result is None:
            tree.open_first()
            return
        self._known(result.username)
        tree.start_anew()
        credential = result.credential
        self.link.call(
            "hand the sign-in to the engine",
            lambda engine: engine.sign_in(
                result.server, result.username, credential.token, credential.refresh_token
            ),
        )

    def action_sign_in(self) -> None:
        """Sign in, or in as somebody else."""
        self._ask_to_sign_in("")

    def action_sign_out(self) -> None:
        """Forget the stored token."""

        def forget() -> None:
            from flowtui.flow.credentials import KeepError

            client = self.services.client()
            name = self.services.settings.usernames.get(client.server)
            try:
                said = self.services.store().forget(client.server, name)
            except KeepError as error:
                said = [str(error)]
            client.use(None)
            self.call_from_thread(self._forgotten, said)

        self.run_worker(forget, thread=True, exit_on_error=False, group="account")

    def _forgotten(self, said: list[str]) -> None:
        self.notify("; ".join(said) or "nothing was stored", title="Signed out", markup=False)
        self._signed_out("")

    # Browsing

    def on_tree_pane_highlighted(self, message: TreePane.Highlighted) -> None:
        """Show details of what is under the cursor."""
        self.query_one(DetailsPane).show(message.node)

    def on_tree_pane_marks_changed(self, message: TreePane.MarksChanged) -> None:
        """Tell what is marked."""
        marks = message.marks
        size, whole = marks.known_size()
        told = "" if not len(marks) else f"{len(marks)} marked"
        if told and size:
            told += f", {'' if whole else 'over '}{words.size(size)}"
        self.query_one(HeaderLine).marked = told

    def on_tree_pane_trouble(self, message: TreePane.Trouble) -> None:
        """Ask to sign in where that is what is missing."""
        from flowtui.flow.errors import NotSignedIn

        if isinstance(message.error, NotSignedIn):
            self._ask_to_sign_in("The session has ended. Sign in to go on.")

    def action_filter(self) -> None:
        """Show the filter line."""
        line = self.query_one(FilterLine)
        line.display = True
        line.focus()

    def on_filter_line_wanted(self, message: FilterLine.Wanted) -> None:
        """Filter as one types."""
        self.query_one(TreePane).filter(message.text)

    def on_filter_line_left(self, message: FilterLine.Left) -> None:
        """Back to the tree."""
        line, tree = self.query_one(FilterLine), self.query_one(TreePane)
        if not message.keep or not line.value:
            line.value = ""
            tree.filter("")
            line.display = False
        tree.focus()

    # Downloading

    def action_download(self) -> None:
        """Ask how and where to, then queue what is marked or under the cursor."""
        tree = self.query_one(TreePane)
        nodes = tuple(tree.marks.chosen())
        if not nodes:
            node = tree.node
            if node is None or not node.can_mark:
                self.notify("Nothing is marked. Go to a project, sample or file, and press space.")
                return
            nodes = (node,)
        from flowtui.tui.screens.download import DownloadDialog

        dialog = DownloadDialog(
            Selection(nodes, tree.marks.taken_out),
            self.services.client,
            target=self._target,
            bulk_above=self.services.settings.bulk_above,
            look_at_space=self._look_at_space,
        )
        self.push_screen(dialog, self._queue)

    def _look_at_space(self, folder: str, then: Callable[[Space], None]) -> None:
        self.link.call("look at the disk", lambda engine: engine.space(folder), then)

    def _queue(self, batch: Batch | None) -> None:
        if batch is None:
            return
        from pathlib import Path

        self._target = Path(batch.root)
        self.query_one(TreePane).clear_marks()
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

    def on_queue_changed(self, message: QueueChanged) -> None:
        """Show what changed in the queue."""
        model, delta = message.take()
        self.query_one(DownloadManager).show(model, delta)
        self.query_one(BulkPanel).show(model, delta)
        waiting = model.summary.needs_sign_in
        if self.services.settings.base_url in waiting and not self._asking:
            self._ask_to_sign_in("The session has ended. Sign in, and the downloads go on.")

    def on_engine_up(self, message: EngineUp) -> None:
        """The engine answers."""
        self.query_one(HeaderLine).engine = "engine: on"

    def on_engine_lost(self, message: EngineLost) -> None:
        """The engine does not answer; the link tries again by itself."""
        self.query_one(HeaderLine).engine = "engine: lost, trying again"
        self.notify(message.reason, severity="warning", markup=False)

    def on_engine_call_failed(self, message: EngineCallFailed) -> None:
        """The engine would not do something."""
        self.notify(
            printable(message.message),
            title=f"Could not {message.what}",
            severity="error",
            markup=False,
        )

    def on_pause_requested(self, message: PauseRequested) -> None:
        """Pause transfers."""
        self.link.call("pause", lambda engine: engine.pause(message.ids))

    def on_resume_requested(self, message: ResumeRequested) -> None:
        """Let transfers go on."""
        self.link.call("resume", lambda engine: engine.resume(message.ids))

    def on_cancel_requested(self, message: CancelRequested) -> None:
        """Cancel transfers."""
        self.link.call("cancel", lambda engine: engine.cancel(message.ids))

    def on_retry_requested(self, message: RetryRequested) -> None:
        """Try transfers again."""
        self.link.call("try again", lambda engine: engine.retry(message.ids))

    def on_forget_requested(self, message: ForgetRequested) -> None:
        """Clear ended transfers."""
        self.link.call("clear the list", lambda engine: engine.forget(message.ids))

    def on_bulk_action_requested(self, message: BulkActionRequested) -> None:
        """Cancel, retry or forget bulk jobs."""
        self.link.call(message.action, lambda engine: engine.bulk(message.ids, message.action))

    # The app itself

    def action_toggle_bulk(self) -> None:
        """Show or hide the bulk jobs."""
        self.query_one(BulkPanel).toggle()

    def action_help(self) -> None:
        """Show the keys."""
        from flowtui.tui.screens.help import HelpScreen

        self.push_screen(HelpScreen())

    async def action_quit(self) -> None:
        """See `action_leave`."""
        self.action_leave()

    def action_leave(self) -> None:
        """Leave; where work is under way, say that it goes on and offer to stop it."""
        counts = self.link.model.summary.counts
        unfinished = sum(counts.get(state, 0) for state in UNFINISHED)
        if not unfinished:
            self._leave_now()
            return
        from flowtui.tui.screens.quit import Leave, QuitDialog

        def leave(how: Leave | None) -> None:
            if how is Leave.KEEP_GOING:
                self._leave_now()
            elif how is Leave.PAUSE_ALL:
                self.link.stop_engine(pause=True)
                self._leave_now()

        self.push_screen(QuitDialog(unfinished), leave)

    def _leave_now(self) -> None:
        self.link.close()
        self.exit()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """What the palette offers, ours first."""
        yield SystemCommand("Download", "what is marked or under the cursor", self.action_download)
        yield SystemCommand("Filter the tree", "by a part of the name", self.action_filter)
        yield SystemCommand("Sign in", "or in as somebody else", self.action_sign_in)
        yield SystemCommand("Sign out", "forget the stored token", self.action_sign_out)
        yield SystemCommand("Load the tree anew", "", self.query_one(TreePane).start_anew)
        yield SystemCommand("Bulk jobs", "show or hide them", self.action_toggle_bulk)
        yield SystemCommand("Help", "all keys", self.action_help)
        yield from (
            one
            for one in super().get_system_commands(screen)
            if one.title in ("Theme", "Screenshot")
        )
        yield SystemCommand("Quit", "the engine goes on", self.action_leave)
