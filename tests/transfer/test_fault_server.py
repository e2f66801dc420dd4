"""The server of the fault tests leaves nothing behind that shows up in another test."""

from __future__ import annotations

import gc
import socket
import threading

import pytest

from support.fault_server import FaultServer, File, stalled_head, wait_for
from support.waiting import until


@pytest.mark.parametrize("busy", ["idle", "asleep", "waiting", "sending"])
def test_a_server_ends_its_clients_with_itself(busy: str, caplog: pytest.LogCaptureFixture):
    go = threading.Event()
    always = {"asleep": stalled_head(60), "waiting": wait_for(go)}.get(busy)
    with FaultServer() as server:
        server.files["/f"] = File(b"x" * (10 if busy == "idle" else 20_000_000), always=always)
        client = socket.create_connection(("127.0.0.1", server.port), timeout=10)
        client.sendall(b"GET /f HTTP/1.1\r\nHost: x\r\n\r\n")
        until(lambda server=server: server.requests)  # type: ignore[misc]
        if always is None:
            assert client.recv(10)
    go.set()
    with client:
        try:
            while client.recv(1 << 16):
                continue
        except ConnectionResetError:
            pass  # an end, too
    del server
    gc.collect()
    assert [one.getMessage() for one in caplog.records if one.name == "asyncio"] == []
