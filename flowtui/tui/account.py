"""Who is signed in: looked up at the start, and ended by signing out. Works in threads."""

from __future__ import annotations

from collections.abc import Callable

from textual.message import Message

from flowtui.config import ConfigError
from flowtui.tui.background import Background
from flowtui.tui.context import AppContext


class AccountKnown(Message):
    """The stored credential works; it is this user's."""

    def __init__(self, username: str) -> None:
        super().__init__()
        self.username = username


class SignInNeeded(Message):
    """There is no credential that works; `reason` says more, or is empty."""

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason


class ServerUnreachable(Message):
    """The server does not answer, or not as Flow does; or a token must not be read.

    Why is not told: whoever loads something from it is told the same.
    """


class SignedOut(Message):
    """The stored token is gone; `said` tells what was removed and what remains."""

    def __init__(self, said: list[str]) -> None:
        super().__init__()
        self.said = said


class Account:
    """Sends the messages above, by `post`, which is called on the screen's thread."""

    def __init__(
        self, context: AppContext, background: Background, post: Callable[[Message], object]
    ) -> None:
        self._context = context
        self._background = background
        self._post = post

    def look(self) -> None:
        """See whether a stored credential works."""
        self._background.run(lambda: self._tell(self._looked()), "who is signed in")

    def sign_out(self) -> None:
        """Forget the stored token."""
        self._background.run(lambda: self._tell(self._forgotten()), "sign out")

    def _tell(self, message: Message) -> None:
        self._background.tell(self._post, message)

    def _looked(self) -> Message:
        from flowtui.flow.credentials import KeepError
        from flowtui.flow.errors import FlowError, NotSignedIn

        try:
            client = self._context.client()
            if client.credential is None:
                return SignInNeeded("")
            user = client.me()
        except NotSignedIn:
            return SignInNeeded("The stored session has ended.")
        except (FlowError, KeepError):
            return ServerUnreachable()
        return AccountKnown(user.username or user.name)

    def _forgotten(self) -> Message:
        from flowtui.flow.credentials import KeepError

        try:
            client = self._context.client()
        except KeepError as error:
            return SignedOut([str(error)])
        try:
            said = self._context.sign_out()
        except (OSError, ConfigError) as error:
            said = [f"the user name stays in the settings: {error}"]
        client.use(None)
        return SignedOut(said)
