"""From the settings to a signed-in client of Flow: which server, credential and certificates.

App, commands and engine all come this way, so that they cannot disagree. Nothing here draws: what
a person should know is handed back as words.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from flowtui import config
from flowtui.config import ConfigError, Folders, Settings

if TYPE_CHECKING:
    from flowtui.flow.client import FlowClient
    from flowtui.flow.session.credential_store import CredentialStore


@dataclass(frozen=True)
class ServerChoice:
    """Which server is to be used.

    Attributes:
        settings: those that were given, with the server that was found.
        notice: that another server than the default one is used, for a person; else empty.
    """

    settings: Settings
    notice: str = ""


def read_settings(server: str | None = None) -> tuple[Settings, Folders]:
    """The settings, with `server` of the command line over them, and the folders.

    Raises ConfigError.
    """
    where = config.folders()
    settings = config.load_settings(where)
    if server:
        settings = replace(settings, server=config.check_server(server))
    return settings, where


def choose_server(settings: Settings, where: Folders) -> ServerChoice:
    """The server of the settings; where they name none, the first of Flow's own that answers.

    A server that was found is kept for the next time, if it can be.
    Raises ServiceUnavailable where none answers as Flow, and BadCertificateFile, BadProxy.
    """
    if settings.server or settings.found_server:
        return ServerChoice(settings)
    from flowtui.flow.discover import PROBE_SECONDS, find_server
    from flowtui.flow.errors import ServiceUnavailable
    from flowtui.flow.http.http_client import make_client

    default, other = config.DEFAULT_SERVER, config.OTHER_SERVER
    with make_client(
        ca_file=settings.ca_file, connect_timeout=PROBE_SECONDS, read_timeout=PROBE_SECONDS
    ) as http:
        found = find_server(default, other, http=http)
    if found is None:
        raise ServiceUnavailable(
            f"neither {default} nor {other} answers like Flow; check the network,"
            " or name your Flow server with --server",
            code="NO_SERVER",
        )
    if found == default:
        return ServerChoice(settings)
    notice = f"{default} does not answer like Flow; using {found}"
    try:
        config.save_settings({"found_server": found}, where)
    except (OSError, ConfigError) as error:
        # Nothing is lost but the next search.
        notice += f" this time (found_server could not be saved: {error})"
    else:
        notice += f" from now on (found_server in {where.settings_file})"
    return ServerChoice(replace(settings, found_server=found), notice)


def open_client(
    settings: Settings,
    store: CredentialStore,
    server: str | None = None,
    *,
    signed_in: bool = True,
) -> FlowClient:
    """A client of `server`, or of the settings' one, with its user's credential if there is one.

    With `signed_in` false no credential is looked for: a sign-in is about to bring a new one.
    Raises SaveError for a credential that is there but must not or cannot be read, and
    BadCertificateFile, BadProxy.
    """
    from flowtui.flow.client import FlowClient

    base = server or settings.base_url
    return FlowClient(
        base,
        store.find(base, settings.usernames.get(base)) if signed_in else None,
        store=store,
        ca_file=settings.ca_file,
        connect_timeout=settings.connect_timeout,
        read_timeout=settings.read_timeout,
        allow_http=settings.allow_http,
    )


def connector(
    settings: Settings,
    where: Folders | None = None,
    environment: Mapping[str, str] | None = None,
) -> Callable[[str], FlowClient]:
    """Opens a client of any server, as `open_client` does, for who talks to several."""
    store = open_store(where or config.folders(), environment)
    return lambda server: open_client(settings, store, server)


def open_store(where: Folders, environment: Mapping[str, str] | None = None) -> CredentialStore:
    """Where this user's tokens are kept, or given in `environment` (else this process's own)."""
    from flowtui.flow.session.credential_store import CredentialStore

    store = CredentialStore(where.config, os.environ if environment is None else environment)
    store.tidy()
    return store


def after_sign_in(
    settings: Settings, server: str, username: str, *, stay: bool = False
) -> dict[str, Any]:
    """What a sign-in changes in the settings: who it was, by whose name the token is found again.

    With `stay` the server is used from now on, too. Empty where nothing changes.
    """
    changes: dict[str, Any] = {}
    if username and settings.usernames.get(server) != username:
        changes["usernames"] = {**settings.usernames, server: username}
    if stay and server != settings.base_url:
        changes["server"] = server
    return changes


def sign_out(
    settings: Settings, where: Folders, store: CredentialStore
) -> tuple[Settings, list[str]]:
    """Forget the token and the user's name at the server of the settings.

    The settings without them; and what was removed and what remains, in words.
    Raises OSError, ConfigError where the settings cannot be written: the token is gone then.
    """
    server = settings.base_url
    said = store.forget(server, settings.usernames.get(server))
    if server not in settings.usernames:
        return settings, said
    names = {key: name for key, name in settings.usernames.items() if key != server}
    config.save_settings({"usernames": names or None}, where)
    return replace(settings, usernames=names), said
