"""What the app needs from the world outside the screen, so that a test can give it another."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flowtui import connect
from flowtui.config import Folders, Settings, save_settings
from flowtui.tui import away
from flowtui.tui.away import Seen

if TYPE_CHECKING:
    from flowtui.flow.client import FlowClient
    from flowtui.flow.session.credential_store import CredentialStore
    from flowtui.tui.engine_link import EngineLink


class AppContext:
    """Makes the Flow client and the link to the engine, when they are first asked for.

    Attributes:
        settings: as given, then with what was found out or signed in to.
        found: words on another server than the default having been found, and on a token file that
            others can read; else empty.
    """

    def __init__(self, settings: Settings, folders: Folders) -> None:
        self.settings = settings
        self.folders = folders
        self.found = ""
        self._lock = threading.RLock()
        self._client: FlowClient | None = None
        self._store: CredentialStore | None = None

    def link(self, app: Any) -> EngineLink:
        """The link to the engine, which posts its messages to `app`."""
        from flowtui.tui.engine_link import EngineLink, draw_every

        every = draw_every(self.settings.refresh_rate, os.environ)
        return EngineLink(app, self.folders, draw_every=every)

    def store(self) -> CredentialStore:
        """Where tokens are kept."""
        with self._lock:
            if self._store is None:
                self._store = connect.open_store(self.folders)
            return self._store

    def client(self) -> FlowClient:
        """The client of the server in force; takes a moment the first time: call it in a thread.

        Raises SaveError where a stored credential must not or cannot be read, FlowError for
        certificates or a proxy that cannot be used.
        """
        store = self.store()
        with self._lock:
            if self._client is None:
                self._choose_server()
                self._client = connect.open_client(self.settings, store)
                credential = self._client.account.credential
                notice = credential.notice if credential else ""
                self.found = "; ".join(words for words in (self.found, notice) if words)
            return self._client

    def client_of(self, server: str) -> FlowClient:
        """A client of `server`: the one in force, or one to try that server with."""
        with self._lock:
            if self._client is not None and self._client.server == server:
                return self._client
        return connect.open_client(self.settings, self.store(), server, signed_in=False)

    def take(self, client: FlowClient, username: str) -> None:
        """Use this client from now on; its server and user are kept for the next start.

        Raises OSError, ConfigError where the settings cannot be written.
        """
        with self._lock:
            changes = connect.after_sign_in(self.settings, client.server, username, stay=True)
            self._client = client
            self.settings = replace(self.settings, **changes)
        if changes:
            save_settings(changes, self.folders)

    def sign_out(self) -> list[str]:
        """Forget the stored token and whose it was; what was removed and what remains.

        Raises OSError, ConfigError where the settings cannot be written.
        """
        store = self.store()
        with self._lock:
            self.settings, said = connect.sign_out(self.settings, self.folders, store)
        return said

    def keep_target(self, folder: str) -> None:
        """Keep the target folder for the next start. Raises OSError, ConfigError."""
        with self._lock:
            self.settings = replace(self.settings, download_dir=folder)
        save_settings({"download_dir": folder}, self.folders)

    def keep_theme(self, name: str) -> None:
        """Keep the theme for the next start. Raises OSError, ConfigError."""
        with self._lock:
            if name == self.settings.theme:
                return
            self.settings = replace(self.settings, theme=name)
        save_settings({"theme": name}, self.folders)

    def keep_limit_rate(self, rate: int) -> None:
        """Keep a limit for later engines: bytes a second, 0 for none.

        Raises OSError, ConfigError.
        """
        with self._lock:
            self.settings = replace(self.settings, limit_rate=rate)
        save_settings({"limit_rate": rate}, self.folders)

    def seen_before(self) -> Seen | None:
        """What the last app has seen of the queue; None where nobody knows."""
        return away.load(self.folders)

    def keep_seen(self, seen: Seen) -> None:
        """Keep what this one has seen. Raises OSError, ConfigError."""
        away.save(self.folders, seen)

    def secrets(self) -> list[str]:
        """The tokens in use, for a crash report to leave out."""
        credential = self._client.account.credential if self._client is not None else None
        found = (credential.token, credential.refresh_token) if credential else ()
        return [token for token in found if token]

    def _choose_server(self) -> None:
        from flowtui.flow.errors import ServiceUnavailable

        try:
            choice = connect.choose_server(self.settings, self.folders)
        except ServiceUnavailable:
            return  # whoever asks the default server for something is told why
        self.settings, self.found = choice.settings, choice.notice
