"""What a command needs to talk to Flow: settings, folders, a credential, a client."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from flowtui.cli.output import Output
from flowtui.config import (
    DEFAULT_SERVER,
    OTHER_SERVER,
    Folders,
    Settings,
    check_server,
    folders,
    load_settings,
    save_settings,
)

if TYPE_CHECKING:
    from flowtui.flow.client import FlowClient
    from flowtui.flow.credentials import CredentialStore


@dataclass(frozen=True)
class Session:
    """One command's way to one server.

    Attributes:
        settings: those of the file and the environment, with the command line's over them.
        client: signed in where a credential was found, else without.
    """

    settings: Settings
    folders: Folders
    store: CredentialStore
    client: FlowClient

    @property
    def username(self) -> str | None:
        """Who signed in last at this server, as far as the settings remember."""
        return self.settings.usernames.get(self.client.server)

    def close(self) -> None:
        """Close the connections."""
        self.client.close()


def read_settings(server: str | None) -> tuple[Settings, Folders]:
    """The settings with `--server` over them, and the folders. Raises ConfigError."""
    where = folders()
    settings = load_settings(where)
    if server:
        settings = replace(settings, server=check_server(server))
    return settings, where


def open_session(
    server: str | None, out: Output, *, signed_in: bool = True, probe: bool = True
) -> Session:
    """Settings, credential and client for one command.

    With `signed_in` false no credential is looked for: a sign-in is about to bring a new one.
    With `probe` false the server is not asked anything.
    Raises ConfigError for settings or an address that cannot be used, KeepError for a token that
    is there but cannot be read, ServiceUnavailable where no server was named and none answers.
    """
    from flowtui.flow.client import FlowClient
    from flowtui.flow.credentials import CredentialStore

    settings, where = read_settings(server)
    if probe and not settings.server and not settings.found_server:
        settings = _discovered(settings, where, out)
    store = CredentialStore(where.config)
    base = settings.base_url
    credential = store.find(base, settings.usernames.get(base)) if signed_in else None
    client = FlowClient(
        base,
        credential,
        store=store,
        ca_file=settings.ca_file,
        connect_timeout=settings.connect_timeout,
        read_timeout=settings.read_timeout,
    )
    return Session(settings, where, store, client)


def _discovered(settings: Settings, where: Folders, out: Output) -> Settings:
    """The settings with a server that answers, for users who named none.

    That Flow answers elsewhere than by default is remembered and said.
    """
    from flowtui.flow.discover import PROBE_SECONDS, find_server
    from flowtui.flow.errors import ServiceUnavailable
    from flowtui.flow.http import make_client

    http = make_client(
        ca_file=settings.ca_file, connect_timeout=PROBE_SECONDS, read_timeout=PROBE_SECONDS
    )
    with http:
        found = find_server(DEFAULT_SERVER, OTHER_SERVER, http=http)
    if found is None:
        raise ServiceUnavailable(
            f"neither {DEFAULT_SERVER} nor {OTHER_SERVER} answers as Flow does; check the network,"
            " or name your Flow with --server"
        )
    if found == DEFAULT_SERVER:
        return settings
    save_settings({"found_server": found}, where)
    out.say(
        f"{DEFAULT_SERVER} does not answer; using {found} from now on"
        f" (found_server in {where.settings_file})"
    )
    return replace(settings, found_server=found)
