"""Whose account the app uses: looked up at the start, asked for where none works, signed out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.app import App
from textual.message import Message

from flowtui.config import ConfigError
from flowtui.text.printable import printable
from flowtui.tui.background import Background
from flowtui.tui.context import AppContext
from flowtui.tui.engine_link import EngineLink

if TYPE_CHECKING:
    from flowtui.tui.screens.sign_in import SignedIn


class _OfAccount(Message):
    """Something about the account of `username`, which is empty where nobody is signed in."""

    def __init__(self, username: str = "") -> None:
        super().__init__()
        self.username = username


class AccountFound(_OfAccount):
    """The stored credential works; nothing was loaded with another one before."""


class AccountRenewed(_OfAccount):
    """The same user has signed in again: what failed may work now."""


class AccountChanged(_OfAccount):
    """Another user is signed in, or nobody any more: what was loaded is not theirs."""


class AccountMissing(_OfAccount):
    """No stored credential works; a sign-in is asked for."""


class SignInDeclined(_OfAccount):
    """A sign-in was asked for and declined, and nobody is signed in."""


class ServerUnreachable(_OfAccount):
    """The server does not answer, or not as Flow does; or a token must not be read.

    Why is not part of it: whoever loads something from the server gets the same error.
    """


class Account:
    """Knows who is signed in, asks for a sign-in once, and signs out.

    Posts the messages above to the app. To be used on the screen's thread; what may take long runs
    in threads.
    """

    def __init__(
        self, app: App[Any], context: AppContext, background: Background, link: EngineLink
    ) -> None:
        self._app = app
        self._context = context
        self._background = background
        self._link = link
        self._current: tuple[str, str] | None = None
        """Server and user name."""
        self._asking = self._declined = False

    # Looking up

    def check(self) -> None:
        """Find out whether the stored credential works."""
        self._background.run(self._check, "who is signed in")

    def check_again(self) -> None:
        """`check`, where nobody is known and nobody is asked."""
        if self._current is None and not self._asking and not self._declined:
            self.check()

    def _check(self) -> None:
        from flowtui.flow.errors import FlowError, NotSignedIn
        from flowtui.flow.session.credentials import SaveError

        try:
            client = self._context.client()
            if client.account.credential is None:
                self._background.call_later(self._missing, "")
                return
            user = client.account.me()
        except NotSignedIn:
            self._background.call_later(self._missing, "Your saved session has expired.")
        except (FlowError, SaveError):
            self._background.call_later(self._app.post_message, ServerUnreachable())
        else:
            self._background.call_later(self._found, user.username or user.name)

    def _found(self, username: str) -> None:
        self._set(username)
        self._app.post_message(AccountFound(username))

    def _missing(self, reason: str) -> None:
        self._app.post_message(AccountMissing())
        self.ask(reason)

    def _set(self, username: str) -> None:
        self._current = (self._context.settings.base_url, username)
        self._declined = False

    # Signing in

    def ask(self, reason: str = "", *, again: bool = False) -> None:
        """Ask to sign in, unless that is going on, or was declined (and nobody wants it `again`).

        `reason`: why, in words.
        """
        if self._asking or (self._declined and not again):
            return
        self._asking = True
        from flowtui.tui.screens.sign_in import SignInScreen

        dialog = SignInScreen(self._context, self._background, reason)
        self._app.push_screen(dialog, self._answered)

    def session_ended(self) -> None:
        """The server takes the session of who is signed in no more: ask."""
        if self._current is not None:
            self.ask("Your session has expired. Sign in to continue.")

    def _answered(self, result: SignedIn | None) -> None:
        self._asking = False
        if result is None:
            self._declined = True
            if self._current is None:
                self._app.post_message(SignInDeclined())
            return
        before = self._current
        self._set(result.username)
        changed = AccountRenewed if before == self._current else AccountChanged
        self._app.post_message(changed(result.username))
        credential = result.credential
        self._link.call(
            "pass the sign-in to the engine",
            lambda engine: engine.sign_in(
                result.server, result.username, credential.token, credential.refresh_token
            ),
        )

    # Signing out

    def sign_out(self) -> None:
        """Forget the stored token."""
        self._background.run(self._sign_out, "sign out")

    def _sign_out(self) -> None:
        from flowtui.flow.session.credentials import SaveError

        try:
            client = self._context.client()
        except SaveError as error:
            done = [str(error)]
        else:
            try:
                done = self._context.sign_out()
            except (OSError, ConfigError) as error:
                done = [f"the user name stays in the settings: {error}"]
            client.account.use(None)
        self._background.call_later(self._signed_out, done)

    def _signed_out(self, done: list[str]) -> None:
        """Say what was removed and what remains."""
        self._current = None
        words = "; ".join(done) or "No token was saved."
        self._app.notify(printable(words), title="Signed out", markup=False)
        self._app.post_message(AccountChanged())
        self.ask(again=True)
