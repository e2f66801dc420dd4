"""What a command needs to talk to Flow: settings, folders, a credential, a client."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowtui import connect
from flowtui.cli.output import Output, one_line
from flowtui.config import Folders, Settings
from flowtui.text import quantities

if TYPE_CHECKING:
    from flowtui.flow.client import FlowClient
    from flowtui.flow.session.credential_store import CredentialStore
    from flowtui.flow.session.credentials import Credential

_LOG = logging.getLogger("flowtui.session")


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


@contextmanager
def reading(server: str | None, out: Output) -> Iterator[FlowClient]:
    """A client that waits as long as the server asks, says so, and reads lists ahead.

    Raises what `open_session` does.
    """
    from flowtui.flow.walk.lookahead import Lookahead

    def told(why: str, seconds: float) -> None:
        out.event("waiting", reason=why, seconds=round(seconds, 1))
        out.say(f"flowtui: {quantities.waiting(one_line(why), seconds)}")

    with closing(open_session(server, out)) as session, closing(Lookahead()) as lookahead:
        yield session.client.walking(told, lookahead.map)[0]


def open_session(
    server: str | None, out: Output, *, signed_in: bool = True, probe: bool = True
) -> Session:
    """Settings, credential and client for one command.

    With `signed_in` false no credential is looked for: a sign-in is about to bring a new one.
    With `probe` false the server is not asked anything.
    Raises ConfigError for settings or an address that cannot be used, SaveError for a token that
    is there but cannot be read, ServiceUnavailable where no server was named and none answers.
    """
    settings, where = connect.read_settings(server)
    if probe:
        choice = connect.choose_server(settings, where)
        settings = choice.settings
        if choice.notice:
            out.say(one_line(choice.notice))
    store = connect.open_store(where)
    client = connect.open_client(settings, store, signed_in=signed_in)
    credential = client.account.credential
    _log_choices(server, settings, where, credential)
    if credential is not None and credential.notice:
        out.say(f"flowtui: {one_line(credential.notice)}")
    return Session(settings, where, store, client)


def _log_choices(
    named: str | None, settings: Settings, where: Folders, credential: Credential | None
) -> None:
    """Say, to whom wants it, which server and which token are used, and why these."""
    _LOG.info("server %s (%s)", settings.base_url, _why(named, settings, where))
    if credential is None:
        _LOG.info("no token")
    else:
        detail = f": {credential.detail}" if credential.detail else ""
        _LOG.info("token from %s%s", credential.source, detail)


def _why(named: str | None, settings: Settings, where: Folders) -> str:
    if named:
        return "--server"
    if os.environ.get("FLOW_API_URL"):
        return "FLOW_API_URL"
    if settings.server:
        return f"server in {where.settings_file}"
    return "found_server in the settings" if settings.found_server else "the default"
