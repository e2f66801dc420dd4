"""Running the server: its rate, its record of requests, its own process."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from typing import Any

import httpx
import pytest

from flowtui.demo.projects import build
from flowtui.demo.serve import DemoDidNotStart, DemoServer, spawn
from support.waiting import GUARD

URL = "/downloads/789/cortex_ctrl_1_L001_R1.fastq.gz"


def test_requests_are_recorded(server: DemoServer, client: httpx.Client) -> None:
    before = len(server.requests)
    client.get(URL, headers={"Range": "bytes=0-9"})
    httpx.get(server.base_url + "/me", params={"a": "b"})
    one, two = server.requests[before:]
    assert (one.method, one.path, one.range) == ("GET", f"/api{URL}", "bytes=0-9")
    assert (one.has_authorization, one.status) == (True, 206)
    assert (two.path, two.query, two.range) == ("/api/me", "a=b", None)
    assert (two.has_authorization, two.status) == (False, 401)


def test_a_rate_slows_one_download_and_nothing_else(
    server: DemoServer, client: httpx.Client
) -> None:
    server.service.rate = 1_000_000
    try:
        with client.stream("GET", URL) as answer:
            pieces = answer.iter_raw()
            assert len(next(pieces)) <= 256 * 1024
            # The download is in progress, and the server answers others all the same.
            assert httpx.get(f"{server.base_url}/projects/public").status_code == 200
    finally:
        server.service.rate = 0


def test_a_slowed_download_is_whole(server: DemoServer, client: httpx.Client) -> None:
    server.service.rate = 40_000_000
    try:
        slow = client.get(URL)
    finally:
        server.service.rate = 0
    assert slow.content == client.get(URL).content


@pytest.mark.parametrize("rate", [None, 0])
def test_no_rate_is_no_limit(
    rate: float | None, sign_in: Callable[[DemoServer], httpx.Client]
) -> None:
    with DemoServer(rate=rate) as server, closing(sign_in(server)) as client:
        assert len(client.get(URL).content) == build().files["789"].size


def test_answers_do_not_wait_for_acknowledgements(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kept connection has Nagle's delay off on the server's side."""
    import asyncio.selector_events as events

    seen = []
    plain = events._SelectorSocketTransport.write

    def noting(self: Any, data: Any) -> None:
        seen.append(self._sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        plain(self, data)

    monkeypatch.setattr(events._SelectorSocketTransport, "write", noting)
    client.get("/me")
    assert seen and all(seen)


def test_a_spawned_server_ends_when_it_is_closed() -> None:
    with spawn(dialect="guide") as spawned:
        answer = httpx.post(
            f"{spawned.base_url}/login", json={"username": "demo", "password": "demo"}
        )
        assert "access_token" in answer.json()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{spawned.base_url}/me")


def test_a_spawned_server_ends_with_its_parent() -> None:
    code = (
        "import os, signal\n"
        "from flowtui.demo.serve import spawn\n"
        "print(spawn().base_url, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=False)
    url = done.stdout.decode().strip()
    assert url.startswith("http://")
    for _ in range(200):
        try:
            httpx.get(f"{url}/me")
        except (httpx.ConnectError, httpx.ReadError, httpx.RemoteProtocolError):
            return
    raise AssertionError("the server outlived its parent")


@pytest.mark.parametrize("one", [signal.SIGINT, signal.SIGTERM])
def test_in_the_foreground_a_signal_ends_it(one: signal.Signals) -> None:
    command = [sys.executable, "-m", "flowtui.demo.serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout and process.stderr
        url = process.stdout.readline().decode().strip()
        assert httpx.get(f"{url}/me").status_code == 401
        os.kill(process.pid, one)
        assert process.wait(timeout=GUARD) == 0
        assert process.stderr.read() == b""


def test_a_port_that_is_taken_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(DemoDidNotStart, match=str(port)):
            spawn(port=port)
        with pytest.raises(DemoDidNotStart, match=str(port)), DemoServer(port=port):
            pass
