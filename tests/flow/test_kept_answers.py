"""Small files come by the short way over connections that are open, whatever a server answers."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from flowtui.flow.http.http_client import HttpClient, make_client
from flowtui.flow.http.kept_answers import kept_answer
from flowtui.flow.http.large_bodies import KEEP
from support.fault_server import Exchange, FaultServer, File, Handler, answer, cut_after
from support.waiting import GUARD

SMALL = b"0123456789" * 1000
HEADERS = {"Accept": "*/*", "Authorization": "Bearer tok"}


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as made:
        made.files["/small"] = File(SMALL)
        yield made


@pytest.fixture
def http(server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpClient]:
    for name in ("HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    with make_client(read_timeout=GUARD) as made:
        yield made


def connect(http: HttpClient, server: FaultServer) -> None:
    """Have one connection open and kept."""
    assert http.get(f"{server.url}/small", extensions={KEEP: True}).content == SMALL


def ask(http: HttpClient, server: FaultServer, path: str = "/small") -> httpx.Response | None:
    return kept_answer(http.kept, f"{server.url}{path}", HEADERS, GUARD)


def raw(text: bytes) -> Handler:
    """Send these bytes as the answer, and close the connection."""

    async def handle(exchange: Exchange) -> None:
        exchange.writer.write(text)
        await exchange.writer.drain()
        exchange.finish()

    return handle


def connections(server: FaultServer) -> list[int]:
    return [request.connection for request in server.requests]


def test_many_files_come_over_one_connection(server: FaultServer, http: HttpClient) -> None:
    connect(http, server)
    for _ in range(5):
        response = ask(http, server)
        assert response is not None
        assert response.status_code == 200
        assert response.headers["etag"] == '"v1"'
        assert b"".join(response.iter_raw()) == SMALL
    assert connections(server) == [1] * 6
    last = server.requests[-1]
    assert last.headers["host"] == server.url.removeprefix("http://")
    assert last.token == "tok"


def test_nothing_is_asked_where_no_connection_is_open(
    server: FaultServer, http: HttpClient
) -> None:
    assert ask(http, server) is None
    assert server.requests == []


@pytest.mark.parametrize(
    "path",
    ["", "/a b", "/ä", "/a#b", "/a\r\nX: y", '/"', "/[x]", "/%zz\n"],
)
def test_a_link_that_httpx_would_write_another_way_is_left_to_it(
    server: FaultServer, http: HttpClient, path: str
) -> None:
    connect(http, server)
    assert ask(http, server, path) is None
    for url in ("http://u:p@127.0.0.1/x", "http://[::1]/x", "ftp://127.0.0.1/x", "//127.0.0.1/x"):
        assert kept_answer(http.kept, url, HEADERS, GUARD) is None
    assert len(server.requests) == 1


@pytest.mark.parametrize("text", ["a\r\nX: y", "ä", "", "\x00", " x"])
def test_a_header_that_is_none_is_not_sent(
    server: FaultServer, http: HttpClient, text: str
) -> None:
    connect(http, server)
    assert kept_answer(http.kept, f"{server.url}/small", {"Accept": text}, GUARD) is None
    assert len(server.requests) == 1


ODD = {
    "in chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "to the end of the connection": b"HTTP/1.1 200 OK\r\n\r\nabc",
    "of an older version": b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc",
    "after a word before": b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
    "with a folded field": b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 3\r\n\r\nabc",
    "coded": b"HTTP/1.1 200 OK\r\nContent-Encoding: x\r\nContent-Length: 3\r\n\r\nabc",
    "of the same length twice": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n"
    b"Content-Length: 3\r\n\r\nabc",
}


@pytest.mark.parametrize("how", ODD)
def test_an_answer_that_is_not_plain_is_read_with_care_and_asked_for_once(
    server: FaultServer, http: HttpClient, how: str
) -> None:
    server.files["/odd"] = File(b"", always=raw(ODD[how]))
    connect(http, server)
    response = ask(http, server, "/odd")
    assert response is not None
    assert b"".join(response.iter_raw()) == b"abc"
    assert connections(server) == [1, 1]


BROKEN = {
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
    "a length and chunks": b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nabc",
    "a length below zero": b"HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\nabc",
    "a length of many digits": b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 30 + b"\r\n\r\nab",
    "no status": b"HTTP/1.1 abc\r\n\r\n",
    "another protocol": b"SSH-2.0-OpenSSH_9\r\n\r\n",
    "NUL in a field": b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 3\r\n\r\nabc",
    "a field with a space": b"HTTP/1.1 200 OK\r\nContent Length: 3\r\n\r\nabc",
    "an endless head": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 40_000,
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
}


@pytest.mark.parametrize("how", BROKEN)
def test_an_answer_that_breaks_the_protocol_is_an_error(
    server: FaultServer, http: HttpClient, how: str
) -> None:
    server.files["/broken"] = File(b"", always=raw(BROKEN[how]))
    connect(http, server)
    with pytest.raises(httpx.TransportError):
        list(ask(http, server, "/broken").iter_raw())  # type: ignore[union-attr]
    assert http.kept.take(("http", "127.0.0.1", server.port)) is None


def test_a_body_that_ends_early_is_an_error(server: FaultServer, http: HttpClient) -> None:
    server.files["/cut"] = File(SMALL, always=cut_after(5000))
    connect(http, server)
    response = ask(http, server, "/cut")
    assert response is not None
    with pytest.raises(httpx.TransportError):
        list(response.iter_raw())


def test_more_bytes_than_were_promised_are_dropped_with_their_connection(
    server: FaultServer, http: HttpClient
) -> None:
    async def too_much(exchange: Exchange) -> None:
        await exchange.head(200, {"Content-Length": 3})
        exchange.writer.write(b"abcHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        await exchange.writer.drain()

    server.files["/more"] = File(b"", always=too_much)
    connect(http, server)
    response = ask(http, server, "/more")
    assert response is not None
    assert b"".join(response.iter_raw()) == b"abc"
    response.close()
    again = ask(http, server)  # where it all came at once no connection is left, else it is dropped
    assert again is None or b"".join(again.iter_raw()) == SMALL


def test_a_connection_that_the_server_dropped_is_passed_over(
    server: FaultServer, http: HttpClient
) -> None:
    async def hang_up(exchange: Exchange) -> None:
        exchange.abort()

    connect(http, server)
    server.files["/gone"] = File(b"", always=hang_up)
    assert ask(http, server, "/gone") is None


def test_an_error_can_be_read_and_names_its_request(server: FaultServer, http: HttpClient) -> None:
    server.files["/no"] = File(b"", always=answer(404, b'{"error": "no"}'))
    connect(http, server)
    response = ask(http, server, "/no")
    assert response is not None
    response.read()
    assert (response.status_code, response.json()) == (404, {"error": "no"})
    assert response.request.url.path == "/no"
