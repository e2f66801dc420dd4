"""Bulk jobs against the demo server: an engine that is signed in, and batches of its projects."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from flowtui import retry
from flowtui.config import Settings
from flowtui.demo.serve import DemoServer
from flowtui.engine.engine import Engine
from flowtui.flow.client import FlowClient
from flowtui.flow.refs import parse_ref
from flowtui.flow.remote_file import RemoteFile
from flowtui.flow.session.credentials import Credential
from flowtui.flow.walk.walk import walk
from flowtui.protocol.messages import Batch, BulkFileRow, BulkRow
from flowtui.system.clocks import Clocks, since_boot
from flowtui.timings import Timings
from flowtui.transfer.http.clients import ServerClients
from support.record import Record
from support.waiting import GUARD

PROJECT = "project/657562493168349228"
"""The demo's "Yeast heat shock": ten files of three samples and a run, 2.5 MB in all."""

QUICK = Timings(
    poll=0.02,
    poll_turn=0.02,
    bulk_job=replace(retry.BULK_JOB, first=0.2),
    full_disk=retry.every(0.1),
    space_every=0.05,
    room_retry=0.05,
)
"""Bulk jobs that are looked at often; no back-off of seconds."""


def passing(later: Callable[[], float]) -> Clocks:
    """Clocks by which so many seconds more have passed."""
    return Clocks(
        day=lambda: time.time() + later(),
        due=lambda: since_boot() + later(),
        awake=lambda: time.monotonic() + later(),
    )


def token(server: DemoServer) -> str:
    sent = {"username": "demo", "password": "demo"}
    answer = httpx.post(f"{server.base_url}/login", json=sent, verify=False).json()
    return str(answer.get("token") or answer["access_token"])


def start(server: DemoServer, database: Path | None = None, **more: Any) -> Engine:
    """A started engine, signed in at the server."""
    credential = Credential(token(server))

    def make(url: str) -> ServerClients:
        return ServerClients(FlowClient(url, credential), httpx.Client(timeout=GUARD, verify=False))

    # With one connection the requests for an archive can be counted.
    settings = more.pop("settings", Settings(connections=1))
    record: Record | None = more.pop("record", None)
    timings = more.pop("timings", QUICK)
    made = Engine(settings, database=database, make_service=make, timings=timings, **more)
    if record is not None:
        record.attach(made)
    made.start()
    return made


def files_of(server: DemoServer, ref: str) -> list[RemoteFile]:
    client = FlowClient(server.base_url, Credential(token(server)))
    try:
        return list(walk(client, parse_ref(ref, client.server)))
    finally:
        client.close()


def batch(server: DemoServer, root: Path, files: Iterable[RemoteFile], **more: Any) -> Batch:
    return Batch(server.base_url, str(root), "all", tuple(files), bulk=True, **more)


def job(made: Engine, id_: int = 1) -> BulkRow:
    return next(one for one in made.status(rows=True).bulk_jobs if one.id == id_)


def archive_requests(server: DemoServer) -> list[str]:
    """Requests for an archive's bytes (not for a job's state) that were answered well."""
    return [
        one.range or "all"
        for one in server.requests
        if one.status in (200, 206) and one.path.endswith((".zip", ".tar.gz"))
    ]


def single_requests(server: DemoServer) -> list[str]:
    """Paths of single files whose bytes were asked for."""
    return [
        one.path
        for one in server.requests
        if one.method == "GET"
        and one.path.startswith(("/api/downloads/", "/api/executions/"))
        and len(one.path.split("/")) > 4
        and not one.path.endswith((".zip", ".tar.gz"))
    ]


def check_all(made: Engine, server: DemoServer, root: Path, id_: int = 1) -> list[BulkFileRow]:
    """Every file of the job is here with the right bytes."""
    import hashlib

    rows = made.bulk_files(id_)
    for one in rows:
        content = (root / one.path).read_bytes()
        wanted = server.service.catalogue.files[one.key.removeprefix("data/")].content.md5
        assert hashlib.md5(content).hexdigest() == wanted, one
    return list(rows)


def leftovers(root: Path) -> list[str]:
    """What should not be there when all is done."""
    return sorted(
        one.name
        for one in root.rglob("*")
        if one.name.endswith((".part", ".journal", ".jsonl", ".zip", ".tar.gz"))
    )
