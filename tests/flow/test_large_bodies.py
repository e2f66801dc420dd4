"""Large bodies come whole from the socket, over connections that live on where they can."""

from __future__ import annotations

import random
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from flowtui.flow.http.deadline import Deadline, within
from flowtui.flow.http.direct_body import IN_HAND, PIECE, SMALLEST_PIECE, Bodies
from flowtui.flow.http.http_client import make_client
from flowtui.flow.http.large_bodies import LARGE, WAITED
from flowtui.transfer.cancel import StopSignal
from support.fault_server import (
    Exchange,
    FaultServer,
    File,
    Handler,
    answer,
    chunked,
    cut_after,
    stall,
    wait_for,
    without_length,
)
from support.waiting import GUARD

CONTENT = random.Random(1).randbytes(LARGE + 123_457)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(params=["http", "https"])
def server(request: Any, authority: trustme.CA) -> Iterator[FaultServer]:
    context = None
    if request.param == "https":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
    with FaultServer(tls=context) as made:
        made.files |= {"/big": File(CONTENT), "/small": File(b"small")}
        yield made


@pytest.fixture
def http(
    server: FaultServer, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[httpx.Client]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with make_client(ca_file=str(tmp_path / "ca.pem"), read_timeout=GUARD) as made:
        yield made


def get(http: httpx.Client, server: FaultServer, path: str, **headers: str) -> bytes:
    return http.get(f"{server.url}{path}", headers=headers).content


def connections(server: FaultServer) -> list[int]:
    """Which connection each request came by."""
    return [request.connection for request in server.requests]


def test_one_connection_serves_for_large_and_small_bodies(
    server: FaultServer, http: httpx.Client
) -> None:
    for _ in range(3):
        assert get(http, server, "/big") == CONTENT
        assert get(http, server, "/small") == b"small"
        half = get(http, server, "/big", Range=f"bytes=0-{LARGE - 1}")
        assert half == CONTENT[:LARGE]
        assert http.get(f"{server.url}/none").status_code == 404
    assert connections(server) == [1] * 12


def test_answers_of_every_kind_come_over_a_kept_connection(
    server: FaultServer, http: httpx.Client
) -> None:
    server.files |= {
        "/chunks": File(CONTENT, always=chunked()),
        "/endless": File(CONTENT, always=without_length()),
        "/wrong": File(b"", always=answer(500, b'{"error": "no"}')),
    }
    assert get(http, server, "/big") == CONTENT
    assert get(http, server, "/chunks") == CONTENT
    refused = http.get(f"{server.url}/wrong")
    assert (refused.status_code, refused.json()) == (500, {"error": "no"})
    assert get(http, server, "/endless") == CONTENT  # its end is the end of the connection
    assert get(http, server, "/big") == CONTENT
    assert connections(server) == [1, 1, 1, 1, 2]


def test_what_is_said_on_connections_is_obeyed(server: FaultServer, http: httpx.Client) -> None:
    server.files["/last"] = File(CONTENT, always=answer(200, CONTENT, Connection="close"))
    for _ in range(2):
        assert get(http, server, "/last") == CONTENT
    assert connections(server) == [1, 2]


def then_hang_up(handler: Handler, gone: threading.Event) -> Handler:
    """Answer, and close the connection at once, as a server does that keeps none for long."""

    async def handle(exchange: Exchange) -> None:
        await handler(exchange)
        exchange.finish()
        gone.set()

    return handle


def test_a_kept_connection_that_the_server_dropped_costs_nothing(
    server: FaultServer, http: httpx.Client
) -> None:
    gone = threading.Event()
    server.files["/big"].handlers = [then_hang_up(answer(200, CONTENT), gone)]
    assert get(http, server, "/big") == CONTENT
    assert gone.wait(GUARD)
    assert get(http, server, "/big") == CONTENT
    assert connections(server) == [1, 2]


def test_one_that_is_dropped_as_it_is_asked_is_no_failure(
    server: FaultServer, http: httpx.Client
) -> None:
    async def drop(exchange: Exchange) -> None:
        exchange.abort()

    assert get(http, server, "/big") == CONTENT
    server.files["/big"].handlers = [drop]
    assert get(http, server, "/big") == CONTENT
    assert connections(server) == [1, 1, 2]


def test_a_body_that_ends_early_is_an_error(server: FaultServer, http: httpx.Client) -> None:
    server.files["/big"].handlers = [cut_after(LARGE - 1)]
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        get(http, server, "/big")
    assert get(http, server, "/big") == CONTENT
    assert connections(server) == [1, 2]


def test_a_body_that_stands_still_is_an_error(server: FaultServer, http: httpx.Client) -> None:
    server.files["/big"].handlers = [stall(LARGE - 1, GUARD)]
    with pytest.raises(httpx.ReadTimeout):
        http.get(f"{server.url}/big", timeout=httpx.Timeout(GUARD, read=0.05))


def test_more_than_was_promised_is_nobody_s(server: FaultServer, http: httpx.Client) -> None:
    sent = threading.Event()

    async def too_much(exchange: Exchange) -> None:
        await exchange.head(200, {"Content-Length": len(CONTENT)})
        await exchange.body(CONTENT + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        sent.set()

    server.files["/big"].handlers = [too_much]
    assert get(http, server, "/big") == CONTENT
    assert sent.wait(GUARD)
    assert get(http, server, "/small") == b"small"


def test_a_body_that_is_let_go_of_takes_its_connection_along(
    server: FaultServer, http: httpx.Client
) -> None:
    with http.stream("GET", f"{server.url}/big") as response:
        next(response.iter_raw())
    assert get(http, server, "/big") == CONTENT
    assert connections(server) == [1, 2]


def test_many_at_once_have_connections_of_their_own(
    server: FaultServer, http: httpx.Client
) -> None:
    responses = [http.send(http.build_request("GET", f"{server.url}/big"), stream=True)
                 for _ in range(4)]  # fmt: skip
    assert {response.read() for response in responses} == {CONTENT}
    assert server.connections == 4
    assert get(http, server, "/big") == CONTENT
    assert server.connections == 4


def test_it_is_told_how_long_was_waited(server: FaultServer, http: httpx.Client) -> None:
    let_go = threading.Event()

    async def pause(exchange: Exchange) -> None:
        await exchange.head(200, {"Content-Length": len(CONTENT)})
        await exchange.body(CONTENT[: LARGE + 1])
        await wait_for(let_go, answer_rest)(exchange)

    async def answer_rest(exchange: Exchange) -> None:
        await exchange.body(CONTENT[LARGE + 1 :])

    server.files["/big"].handlers = [pause]
    got = 0
    with http.stream("GET", f"{server.url}/big") as response:
        waited: Callable[[], float] = response.extensions[WAITED]
        for piece in response.iter_raw():
            got += len(piece)
            if got == LARGE + 1:  # a piece that is not full was waited for
                assert waited() > 0
                let_go.set()
        assert got == len(CONTENT)
    assert WAITED not in http.get(f"{server.url}/small").extensions


def test_a_read_that_is_ended_gives_no_bytes_of_tls(
    server: FaultServer, http: httpx.Client
) -> None:
    """Python's SSLSocket drops its TLS when it is shut down, and reads what is packed."""
    over = threading.Event()

    async def send(exchange: Exchange) -> None:
        await exchange.head(200, {"Content-Length": 2 * len(CONTENT)})
        await exchange.body(CONTENT[:LARGE])
        exchange.writer.write(CONTENT[LARGE:])
        await wait_for(over, cut_after(0))(exchange)

    server.files["/big"].handlers = [send]
    stop = StopSignal()
    got = b""
    with (
        pytest.raises((httpx.TransportError, httpx.StreamError)),
        http.stream("GET", f"{server.url}/big") as response,
    ):
        unwatch = stop.watch(response)
        for piece in response.iter_raw():
            got += piece
            if len(got) >= LARGE // 2 and not stop.event.is_set():
                stop.set()
    unwatch()
    over.set()
    assert CONTENT.startswith(got)


def test_many_bodies_have_little_in_hand() -> None:
    bodies = Bodies()
    bodies.add(1)
    assert bodies.piece == PIECE
    bodies.add(63)
    assert bodies.piece == SMALLEST_PIECE and 64 * bodies.piece <= IN_HAND


def test_a_body_that_drips_ends_with_its_deadline(server: FaultServer, http: httpx.Client) -> None:
    """However often a byte comes; the clock goes on by one with each look."""
    server.files["/big"].handlers = [answer(200, CONTENT)]
    ticks = iter(range(10**9))
    deadline = Deadline(8, lambda: next(ticks))
    with (
        pytest.raises(httpx.TimeoutException),
        within(deadline),
        http.stream("GET", f"{server.url}/big") as response,
    ):
        for _ in response.iter_raw():
            pass


def test_an_answer_without_a_body_is_not_waited_for(
    server: FaultServer, http: httpx.Client
) -> None:
    """An answer to HEAD tells the length of what is not sent (RFC 9110, 9.3.2)."""
    server.files["/head"] = File(b"", always=answer(200, b"", Content_Length=len(CONTENT)))
    assert http.head(f"{server.url}/head").content == b""
    assert get(http, server, "/small") == b"small"


@pytest.mark.parametrize("first", [[], ["/big"]])
def test_a_request_that_cannot_be_sent_is_the_same_error_over_a_kept_connection(
    server: FaultServer, http: httpx.Client, first: list[str]
) -> None:
    for path in first:
        assert get(http, server, path) == CONTENT
    with pytest.raises(httpx.LocalProtocolError):
        get(http, server, "/small", X="a\nb")
    assert get(http, server, "/small") == b"small"
