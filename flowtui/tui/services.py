"""What the app needs from the world outside the screen, so that a test can give it another."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flowtui.config import DEFAULT_SERVER, OTHER_SERVER, Folders, Settings, save_settings

if TYPE_CHECKING:
    from flowtui.flow.client import FlowClient
    from flowtui.flow.credentials import CredentialStore
    from flowtui.tui.downloads.link import EngineLink


class Services:
    """Makes the Flow client and the link to the engine, when they are first asked for.

    Attributes:
        settings: as given, then with what was found out or signed in to.
    """

    def __init__(self, settings: Settings, folders: Folders) -> None:
        self.settings = settings
        self.folders = folders
        self.found = ""
        self._lock = threading.Lock()
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
                self._client = self._make(store)
            return self._client

    def choose_server(self, server: str) -> FlowClient:
        """Talk to another server from now on (and remember it), or on with the same."""
        store = self.store()
        with self._lock:
            if self._client is None or self._client.server != server:
                self.settings = replace(self.settings, server=server)
                self._client = self._make(store)
            return self._client

    def remember_user(self, server: str, username: str) -> None:
        """Keep the user's name for the next start. Raises OSError, ConfigError."""
        usernames = {**self.settings.usernames, server: username}
        self.settings = replace(self.settings, usernames=usernames)
        save_settings({"usernames": usernames}, self.folders)

    def _make(self, store: CredentialStore) -> FlowClient:
        from flowtui.flow.client import FlowClient

        server = self.settings.base_url
        return FlowClient(
            server,
            store.find(server, self.settings.usernames.get(server)),
            store=store,
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
            save_settings({"found_server": found}, self.folders)
            self.found = f"{DEFAULT_SERVER} does not answer as Flow does; using {found}"


Make = Callable[[Settings, Folders], Services]
