"""How the engine comes to a service: credentials, TLS, time limits, connections."""

from __future__ import annotations

from collections.abc import Callable

from flowtui.config import Folders, Settings, folders
from flowtui.engine.service import Service
from flowtui.flow.client import FlowClient
from flowtui.flow.credentials import CredentialStore


def service_maker(
    settings: Settings, where: Folders | None, opened: FlowClient | None = None
) -> Callable[[str], Service]:
    """Makes the service of a base URL, signed in with what the user has stored.

    `opened` is a client that is there already; its service keeps it, and closes it at its end.
    """
    store = CredentialStore((where or folders()).config)

    def make(server: str) -> Service:
        if opened is not None and opened.server == server:
            return Service(opened, opened.http)
        client = FlowClient(
            server,
            store.find(server, settings.usernames.get(server)),
            store=store,
            ca_file=settings.ca_file,
            connect_timeout=settings.connect_timeout,
            read_timeout=settings.read_timeout,
        )
        return Service(client, client.http)

    return make
