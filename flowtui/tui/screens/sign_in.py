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
from flowtui.tui.background import Background
from flowtui.tui.screens.field import Field
from flowtui.tui.services import Services

if TYPE_CHECKING:
    from flowtui.flow.client import FlowClient
    from flowtui.flow.credentials import Credential


@dataclass(frozen=True)
class SignedIn:
    """Who signed in where."""

    server: str
    username: str
    credential: Credential


class Choice(RadioButton):
    """A radio button whose dot is there only when it is chosen: colour alone does not tell."""

    def __init__(self, label: str, *, value: bool = False, id: str) -> None:
        super().__init__(label, value=value, id=id)
        self.BUTTON_INNER = "●" if value else " "

    def watch_value(self) -> None:
        """Set the dot."""
        self.BUTTON_INNER = "●" if self.value else " "
        super().watch_value()


class SignInScreen(ModalScreen[SignedIn | None]):
    """Asks for credentials, tries them, keeps the token; gives who signed in, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Without signing in"),
        Binding("down", "app.focus_next", show=False),
        Binding("up", "app.focus_previous", show=False),
    ]

    def __init__(self, services: Services, background: Background, reason: str = "") -> None:
        """`reason`: why it is asked for, in words."""
        super().__init__()
        self._services = services
        self._background = background
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
            yield Field(settings.base_url, id="server", entered=self._entered)
            yield Static("user name", classes="label")
            yield Field(user, id="username", entered=self._entered)
            yield Static("password", classes="label")
            yield Field(password=True, id="password", entered=self._entered)
            yield Static("or paste a token or API key", classes="label")
            yield Field(password=True, id="token", entered=self._entered)
            yield Static("keep the token", classes="label")
            with RadioSet(id="keep", compact=True):
                yield Choice("in the keyring", id="keep-keyring", value=True)
                yield Choice("in a file that only I can read", id="keep-file")
                yield Choice("in memory: sign in again next time", id="keep-memory")
            yield Static(id="sign-in-trouble", markup=False)
            with Horizontal(id="dialog-buttons"):
                yield Button("Sign in", id="go", variant="primary", compact=True)
                yield Button("Without signing in", id="skip", compact=True)

    def on_mount(self) -> None:
        """Look whether a keyring works; start where something is missing."""
        first = "password" if self.query_one("#username", Input).value else "username"
        self.query_one(f"#{first}", Input).focus()
        self._background.run(self._look_for_keyring, "look for a keyring")

    def _look_for_keyring(self) -> None:
        works = self._services.store().keyring_works()
        self._background.tell(self._keyring_known, works)

    def _keyring_known(self, works: bool) -> None:
        if works or not self.is_mounted:
            return
        button = self.query_one("#keep-keyring", RadioButton)
        button.label = "in the keyring (there is none that works here)"
        button.disabled = True
        if button.value:
            self.query_one("#keep-file", RadioButton).value = True

    def _entered(self, field: str) -> None:
        """Enter in a field: on to the next empty one, then sign in."""
        empty = [name for name in ("server", "username", "password") if not self._value(name)]
        if empty and not self._value("token"):
            self.set_focus(self.query_one(f"#{empty[0]}", Input))
        elif field in ("server", "username") and not self._value("token"):
            self.set_focus(self.query_one("#password", Input))
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
        self._background.run(
            lambda: self._sign_in(server, username, password, token, where), "sign in"
        )

    def _sign_in(self, server: str, username: str, password: str, token: str, keep: str) -> None:
        """Try it, in a thread."""
        from flowtui.flow.credentials import KeepError
        from flowtui.flow.errors import FlowError, NotSignedIn

        try:
            client = self._services.client_of(server)
            user = client.sign_in_with_token(token) if token else client.sign_in(username, password)
            name = user.username or username
            kept = self._keep(client, keep)
            self._services.take(client, name)
        except (FlowError, KeepError, ConfigError, OSError) as error:
            wrong = isinstance(error, NotSignedIn)
            self._background.tell(self._failed, str(getattr(error, "message", error)), wrong)
        else:
            self._background.tell(self._done, SignedIn(client.server, name, kept))

    def _keep(self, client: FlowClient, where: str) -> Credential:
        """Keep the token of this sign-in where it was wanted. Raises KeepError."""
        from flowtui.flow.credentials import Source

        credential = client.credential
        assert credential is not None
        source = Source(where)
        if source is Source.KEYRING and not credential.username:
            source = Source.FILE  # the keyring's key is a user name
        kept = self._services.store().keep(client.server, credential, source)
        client.use(kept)
        return kept

    def _done(self, signed_in: SignedIn) -> None:
        if self.is_current:
            self.dismiss(signed_in)

    def _failed(self, message: str, wrong: bool) -> None:
        """Say why; what was typed in vain is taken away, since nobody sees it to mend it."""
        self._busy = False
        if not self.is_mounted:
            return
        self._say(message)
        field = self.query_one("#token" if self._value("token") else "#password", Input)
        if wrong:
            field.value = ""
        self.set_focus(field)

    def _say(self, message: str) -> None:
        self.query_one("#sign-in-trouble", Static).update(Text(printable(message)))
