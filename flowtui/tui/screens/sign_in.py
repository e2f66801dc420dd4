"""Signing in: server, user and password, or a token; and where the token is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Input, RadioButton, RadioSet, Static

from flowtui.config import ConfigError, check_server
from flowtui.flow.clean import printable
from flowtui.tui.services import Services

if TYPE_CHECKING:
    from flowtui.flow.credentials import Credential, Source


@dataclass(frozen=True)
class SignedIn:
    """Who signed in where."""

    server: str
    username: str
    credential: Credential


class SignInScreen(ModalScreen[SignedIn | None]):
    """Asks for credentials, tries them, keeps the token; gives who signed in, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Without signing in"),
        Binding("down", "app.focus_next", show=False),
        Binding("up", "app.focus_previous", show=False),
    ]

    def __init__(self, services: Services, reason: str = "") -> None:
        """`reason`: why it is asked for, in words."""
        super().__init__()
        self._services = services
        self._reason = reason
        self._busy = False

    def compose(self) -> ComposeResult:
        """The form."""
        settings = self._services.settings
        user = settings.usernames.get(settings.base_url, "")
        with VerticalScroll(id="dialog", can_focus=False):
            yield Static("Sign in to Flow", id="dialog-title")
            yield Static(Text(self._reason), id="sign-in-reason")
            yield Static("server", classes="label")
            yield Input(settings.base_url, id="server", compact=True)
            yield Static("user name", classes="label")
            yield Input(user, id="username", compact=True)
            yield Static("password", classes="label")
            yield Input(password=True, id="password", compact=True)
            yield Static("or paste a token or API key", classes="label")
            yield Input(password=True, id="token", compact=True)
            yield Static("keep the token", classes="label")
            with RadioSet(id="keep", compact=True):
                yield RadioButton("in the keyring", id="keep-keyring", value=True)
                yield RadioButton("in a file that only I can read", id="keep-file")
                yield RadioButton("in memory: sign in again next time", id="keep-memory")
            yield Static(id="sign-in-trouble", markup=False)
            with Horizontal(id="dialog-buttons"):
                yield Button("Sign in", id="go", variant="primary", compact=True)
                yield Button("Without signing in", id="skip", compact=True)

    def on_mount(self) -> None:
        """Look whether a keyring works; start where something is missing."""
        first = "password" if self.query_one("#username", Input).value else "username"
        self.query_one(f"#{first}", Input).focus()
        self.run_worker(self._look_for_keyring, thread=True, exit_on_error=False)

    def _look_for_keyring(self) -> None:
        works = self._services.store().keyring_works()
        self.app.call_from_thread(self._keyring_known, works)

    def _keyring_known(self, works: bool) -> None:
        if works or not self.is_mounted:
            return
        button = self.query_one("#keep-keyring", RadioButton)
        button.label = "in the keyring (none works on this machine)"
        button.disabled = True
        if button.value:
            self.query_one("#keep-file", RadioButton).value = True

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter: on to the next empty field, then sign in."""
        event.stop()
        if event.input.id in ("server", "username") and not self._value("token"):
            self.app.action_focus_next()
        else:
            self._go()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Sign in, or not."""
        event.stop()
        if event.button.id == "skip":
            self.dismiss(None)
        else:
            self._go()

    def _value(self, name: str) -> str:
        return self.query_one(f"#{name}", Input).value.strip()

    def _go(self) -> None:
        if self._busy:
            return
        try:
            server = check_server(self._value("server"))
        except ConfigError as error:
            self._say(str(error))
            return
        token, username = self._value("token"), self._value("username")
        password = self.query_one("#password", Input).value
        if not token and not (username and password):
            self._say("type your user name and password, or paste a token")
            return
        self._busy = True
        self._say("signing in …")
        keep = self.query_one("#keep", RadioSet).pressed_button
        where = (keep.id or "").removeprefix("keep-") if keep else "memory"
        self.run_worker(
            lambda: self._sign_in(server, username, password, token, where),
            thread=True,
            exit_on_error=False,
            group="sign-in",
        )

    def _sign_in(self, server: str, username: str, password: str, token: str, keep: str) -> None:
        """Try it, in a thread."""
        from flowtui.flow.credentials import KeepError, Source
        from flowtui.flow.errors import FlowError

        try:
            client = self._services.choose_server(server)
            user = client.sign_in_with_token(token) if token else client.sign_in(username, password)
            credential = client.credential
            assert credential is not None
            where = Source(keep)
            if where is Source.KEYRING and not credential.username:
                where = Source.FILE
            kept = self._keep(server, credential, where)
            client.use(kept)
            name = user.username or username
            self._services.remember_user(server, name)
        except (FlowError, KeepError, ConfigError, OSError) as error:
            self.app.call_from_thread(self._failed, str(getattr(error, "message", error)))
            return
        except Exception as error:  # noqa: BLE001
            # Said on the form, which stays as it is.
            self.app.call_from_thread(
                self._failed, f"internal error: {type(error).__name__}: {error}"
            )
            return
        self.app.call_from_thread(self.dismiss, SignedIn(server, name, kept))

    def _keep(self, server: str, credential: Credential, where: Source) -> Credential:
        return self._services.store().keep(server, credential, where)

    def _failed(self, message: str) -> None:
        self._busy = False
        self._say(message)
        self.query_one("#password", Input).focus()

    def _say(self, message: str) -> None:
        self.query_one("#sign-in-trouble", Static).update(Text(printable(message)))
