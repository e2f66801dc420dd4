"""Signing in: server, user and password, or a token; and where the token is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, RadioButton, RadioSet, Static

from flowtui.config import ConfigError, check_server
from flowtui.text.printable import printable
from flowtui.tui.background import Background
from flowtui.tui.context import AppContext
from flowtui.tui.keys import with_ids
from flowtui.tui.widgets.field import Field

if TYPE_CHECKING:
    from flowtui.flow.client import FlowClient
    from flowtui.flow.session.credentials import Credential


LABELS = {
    "server": "Server",
    "username": "User name",
    "password": "Password",
    "token": "Or paste a token or API key",
}

KEEPS = {
    "keyring": "in the keyring",
    "file": "in a file only you can read",
    "memory": "in memory only: sign in again next time",
}


@dataclass(frozen=True)
class SignedIn:
    """Who signed in where."""

    server: str
    username: str
    credential: Credential


class Choice(RadioButton):
    """A radio button whose dot is there only when it is chosen: colour alone would not do."""

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
        Binding("escape", "dismiss(None)", "Skip sign-in"),
        Binding("down", "app.focus_next", show=False),
        Binding("up", "app.focus_previous", show=False),
    ]
    BINDINGS = with_ids("sign-in", BINDINGS)

    def __init__(self, context: AppContext, background: Background, reason: str = "") -> None:
        """`reason`: why it is asked for, in words."""
        super().__init__()
        self._app_context = context
        self._background = background
        self._reason = reason
        self._busy = False
        settings = context.settings
        user = settings.usernames.get(settings.base_url, "")
        # Made here: a thread's result may arrive before they are mounted, and after.
        self._fields = {
            "server": Field(settings.base_url, id="server", entered=self._entered),
            "username": Field(user, id="username", entered=self._entered),
            "password": Field(password=True, id="password", entered=self._entered),
            "token": Field(password=True, id="token", entered=self._entered),
        }
        self._keeps = {
            name: Choice(words, id=f"keep-{name}", value=name == "keyring")
            for name, words in KEEPS.items()
        }
        self._keep_set = RadioSet(*self._keeps.values(), id="keep", compact=True)
        self._message = Static(id="sign-in-message", markup=False)

    def compose(self) -> ComposeResult:
        """The form."""
        with VerticalScroll(id="dialog", can_focus=False):
            yield Static("Sign in to Flow", id="dialog-title")
            yield Static(Text(self._reason), id="sign-in-reason")
            for name, words in LABELS.items():
                yield Static(words, classes="label")
                yield self._fields[name]
            yield Static("Save the token", classes="label")
            yield self._keep_set
            yield self._message
            with Horizontal(id="dialog-buttons"):
                yield Button("Sign in", id="go", variant="primary", compact=True)
                yield Button("Skip sign-in", id="skip", compact=True)

    def on_mount(self) -> None:
        """Find out whether a keyring works; start where something is missing."""
        self.set_focus(self._fields["password" if self._value("username") else "username"])
        self._background.run(self._probe_keyring, "probe the keyring")

    def _probe_keyring(self) -> None:
        works = self._app_context.store().keyring_works()
        self._background.call_later(self._keyring_known, works)

    def _keyring_known(self, works: bool) -> None:
        if works:
            return
        button = self._keeps["keyring"]
        button.label = "in the keyring (no keyring works here)"
        button.disabled = True
        if button.value:
            self._keeps["file"].value = True

    def _entered(self, field: str) -> None:
        """Enter in a field: on to the next empty one, then sign in."""
        empty = [name for name in ("server", "username", "password") if not self._value(name)]
        if empty and not self._value("token"):
            self.set_focus(self._fields[empty[0]])
        elif field in ("server", "username") and not self._value("token"):
            self.set_focus(self._fields["password"])
        else:
            self._submit()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Sign in, or not."""
        event.stop()
        if event.button.id == "skip":
            self.dismiss(None)
        else:
            self._submit()

    def _value(self, name: str) -> str:
        return self._fields[name].value.strip()

    def _submit(self) -> None:
        if self._busy:
            return
        try:
            server = check_server(self._value("server"))
        except ConfigError as error:
            self._show(str(error))
            return
        token, username = self._value("token"), self._value("username")
        password = self._fields["password"].value
        if not token and not (username and password):
            self._show("Enter your user name and password, or paste a token.")
            return
        self._busy = True
        self._show("Signing in …")
        keep = self._keep_set.pressed_button
        where = (keep.id or "").removeprefix("keep-") if keep else "memory"
        self._background.run(
            lambda: self._sign_in(server, username, password, token, where), "sign in"
        )

    def _sign_in(self, server: str, username: str, password: str, token: str, keep: str) -> None:
        """Try it, in a thread."""
        from flowtui.flow.errors import FlowError, NotSignedIn
        from flowtui.flow.session.credentials import SaveError

        try:
            client = self._app_context.client_of(server)
            account = client.account
            user = (
                account.sign_in_with_token(token) if token else account.sign_in(username, password)
            )
            name = user.username or username
            kept = self._keep(client, keep)
            self._app_context.take(client, name)
        except (FlowError, SaveError, ConfigError, OSError) as error:
            wrong = isinstance(error, NotSignedIn)
            self._background.call_later(self._failed, str(getattr(error, "message", error)), wrong)
        else:
            self._background.call_later(self._done, SignedIn(client.server, name, kept))

    def _keep(self, client: FlowClient, where: str) -> Credential:
        """Keep the token of this sign-in where it was wanted. Raises SaveError."""
        from flowtui.flow.session.credentials import CredentialSource

        credential = client.account.credential
        assert credential is not None
        source = CredentialSource(where)
        if source is CredentialSource.KEYRING and not credential.username:
            source = CredentialSource.FILE  # the keyring's key is a user name
        kept = self._app_context.store().keep(client.server, credential, source)
        client.account.use(kept)
        return kept

    def _done(self, signed_in: SignedIn) -> None:
        if self.is_current:
            self.dismiss(signed_in)

    def _failed(self, message: str, wrong: bool) -> None:
        """Say why; what was typed in vain is taken away, since nobody sees it to mend it."""
        self._busy = False
        if not self.is_current:
            return
        self._show(message)
        field = self._fields["token" if self._value("token") else "password"]
        if wrong:
            field.value = ""
        self.set_focus(field)

    def _show(self, message: str) -> None:
        self._message.update(Text(printable(message[:1].upper() + message[1:])))
