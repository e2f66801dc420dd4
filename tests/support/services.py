"""A service for engine tests: a bare client of a `FaultServer`, without Flow behind it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import httpx

from flowtui import retry
from flowtui.config import Settings
from flowtui.engine.engine import Engine
from flowtui.flow.http.http_client import make_client
from flowtui.flow.http.large_bodies import KEEP
from flowtui.flow.remote_file import RemoteFile
from flowtui.protocol.messages import Batch, TransferRow
from flowtui.timings import Timings
from flowtui.transfer.http.clients import ServerClients
from support.fault_server import FaultServer
from support.record import Record
from support.waiting import GUARD

QUICK = Timings(
    transfer=replace(retry.TRANSFER, first=0.01, longest=0.01),
    lost_share=retry.every(0.1),
    full_disk=retry.every(0.1),
    too_many_open=retry.every(0.02),
    busy_file=retry.every(0.1),
    space_every=0.05,
    room_retry=0.1,
)
"""No wait of seconds, where a test has nothing to see in it."""


class FakeClient:
    """What the engine asks of a FlowClient."""

    def __init__(self, server: str, token: str | None = None) -> None:
        self.server = server
        self.token = token
        self.refreshed: Callable[[], str | None] = lambda: None
        self.refreshes = 0
        self.fresh_urls: dict[str, str] = {}
        self.fresh_link: Callable[[], str] | None = None
        self.links_given = 0
        self._lock = threading.Lock()

    @property
    def session(self) -> FakeClient:
        return self

    @property
    def account(self) -> FakeClient:
        return self

    def absolute(self, url: str) -> str:
        return url if "://" in url else f"{self.server}/{url.lstrip('/')}"

    def is_own(self, url: str) -> bool:
        ours, theirs = httpx.URL(self.server), httpx.URL(url)
        return (ours.scheme, ours.host, ours.port) == (theirs.scheme, theirs.host, theirs.port)

    def headers_for(self, url: str) -> dict[str, str]:
        if self.token and self.is_own(url):
            return {"Authorization": f"Bearer {self.token}"}
        return {}

    def refresh(self, used: str | None) -> bool:
        with self._lock:
            if self.token != used:
                return self.token is not None
            self.refreshes += 1
            self.token = self.refreshed()
            return self.token is not None

    def confirm(self, used: str | None) -> bool:
        return False  # what the server says of a token is true

    def data(self, id_: str) -> Any:
        self.links_given += 1
        url = self.fresh_link() if self.fresh_link else self.fresh_urls.get(id_)
        return SimpleNamespace(download_url=url)

    def use(self, credential: Any) -> None:
        self.token = credential.token if credential else None

    def close(self) -> None:
        return None


def make_service(
    client: FakeClient | None = None,
    read_timeout: float = GUARD,
    ca_file: str | None = None,
    first: str | None = None,
) -> Callable[[str], ServerClients]:
    """`first`: a path that is asked for at once: a connection is open then for `kept_answers`."""

    def make(server: str) -> ServerClients:
        http = make_client(ca_file=ca_file, connect_timeout=2.0, read_timeout=read_timeout)
        if first is not None:
            with suppress(httpx.HTTPError):  # where the server is down, none is open
                http.get(f"{server}{first}", extensions={KEEP: True})
        mine = client if client is not None and client.server == server else FakeClient(server)
        return ServerClients(cast(Any, mine), http)

    return make


def engine(
    client: FakeClient | None = None, settings: Settings | None = None, **more: Any
) -> Engine:
    read_timeout = more.pop("read_timeout", GUARD)
    first = more.pop("first", None)
    service = make_service(client, read_timeout, more.pop("ca_file", None), first)
    record: Record | None = more.pop("record", None)
    more.setdefault("timings", QUICK)
    made = Engine(settings or Settings(), make_service=service, **more)
    if record is not None:
        record.attach(made)
    made.start()
    return made


def remote(server: FaultServer, id_: str, name: str, **more: Any) -> RemoteFile:
    """The file that `server` has at /downloads/<id>/<name>."""
    path = f"/downloads/{id_}/{name}"
    file = server.files.get(path)
    fields: dict[str, Any] = {
        "key": f"data/{id_}",
        "filename": name,
        "url": path,
        "folder": ("data",),
        "size": len(file.content) if file else None,
        "md5": file.md5 if file else None,
        "data_id": id_,
    }
    return RemoteFile(**{**fields, **more})


def batch(server: FaultServer, root: Any, *files: RemoteFile, **more: Any) -> Batch:
    return Batch(server.url, str(root), "test", tuple(files), **more)


def rows(made: Engine) -> list[TransferRow]:
    return list(made.status(rows=True).transfers)
