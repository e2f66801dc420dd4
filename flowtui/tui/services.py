"""What the app needs from the world outside the screen, so that a test can give it another."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flowtui.config import (
    DEFAULT_SERVER,
    OTHER_SERVER,
    ConfigError,
    Folders,
    Settings,
    save_settings,
)

if TYPE_CHECKING:
    from flowtui.flow.client import FlowClient
    from flowtui.flow.credentials import Credential, CredentialStore
    from flowtui.tui.downloads.link import EngineLink


class Services:
    """Makes the Flow client and the link to the engine, when they are first asked for.

    Attributes:
        settings: as given, then with what was found out or signed in to.
        found: words on another server than the default having been found; else empty.
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
        from flowtui.tui.downloads.link import EngineLink

        return EngineLink(app, self.folders)

    def store(self) -> CredentialStore:
        """Where tokens are kept."""
        from flowtui.flow.credentials import CredentialStore

        with self._lock:
            if self._store is None:
                self._store = CredentialStore(self.folders.config)
            return self._store

    def client(self) -> FlowClient:
        """The client of the server in force; takes a moment the first time: call it in a thread.

        Raises KeepError where a stored credential must not or cannot be read.
        """
        store = self.store()
        with self._lock:
            if self._client is None:
                self._discover()
                server = self.settings.base_url
                credential = store.find(server, self.settings.usernames.get(server))
                self._client = self._make(server, credential)
            return self._client

    def client_of(self, server: str) -> FlowClient:
        """A client of `server`: the one in force, or one to try that server with."""
        with self._lock:
            if self._client is not None and self._client.server == server:
                return self._client
        return self._make(server, None)

    def take(self, client: FlowClient, username: str) -> None:
        """Use this client from now on; its server and user are kept for the next start.

        Raises OSError, ConfigError where the settings cannot be written.
        """
        with self._lock:
            server = client.server
            usernames = {**self.settings.usernames, server: username}
            changes: dict[str, Any] = {"usernames": usernames}
            if server != self.settings.base_url:
                changes["server"] = server
            self._client = client
            self.settings = replace(self.settings, **changes)
        save_settings(changes, self.folders)

    def keep_target(self, folder: str) -> None:
        """Keep the target folder for the next start. Raises OSError, ConfigError."""
        with self._lock:
            self.settings = replace(self.settings, download_dir=folder)
        save_settings({"download_dir": folder}, self.folders)

    def secrets(self) -> list[str]:
        """The tokens in use, for a crash report to leave out."""
        credential = self._client.credential if self._client is not None else None
        found = (credential.token, credential.refresh_token) if credential else ()
        return [one for one in found if one]

    def _make(self, server: str, credential: Credential | None) -> FlowClient:
        from flowtui.flow.client import FlowClient

        return FlowClient(
            server,
            credential,
            store=self.store(),
            ca_file=self.settings.ca_file,
            connect_timeout=self.settings.connect_timeout,
            read_timeout=self.settings.read_timeout,
        )

    def _discover(self) -> None:
        """Where the user named no server and the default one is not Flow, look at the other."""
        if self.settings.server or self.settings.found_server:
            return
        from flowtui.flow.discover import find_server

        found = find_server(DEFAULT_SERVER, OTHER_SERVER)
        if found == OTHER_SERVER:
            self.settings = replace(self.settings, found_server=found)
            self.found = f"{DEFAULT_SERVER} does not answer as Flow does; using {found}"
            try:
                save_settings({"found_server": found}, self.folders)
            except (OSError, ConfigError) as error:
                self.found += f" (not remembered: {error})"
