"""A small file is taken at once where its answer is the plainest; all else is read with care."""

from __future__ import annotations

import asyncio
import gzip
import random
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from flowtui.flow.http import kept_answers
from flowtui.flow.http.http_client import HttpClient, make_client
from flowtui.flow.http.kept_answers import WHOLE, kept_file
from flowtui.flow.http.large_bodies import KEEP
from flowtui.transfer.cancel import StopSignal
from flowtui.transfer.errors import Stopped
from support.fault_server import Exchange, FaultServer, File, Handler, cut_after
from support.waiting import GUARD

CONTENT = random.Random(13).randbytes(WHOLE)
ABC = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n"


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
        made.files |= {"/first": File(b"first"), "/whole": File(CONTENT)}
        yield made


@pytest.fixture
def http(
    server: FaultServer, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[HttpClient]:
    """A client with one connection that is open already."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with make_client(ca_file=str(tmp_path / "ca.pem"), read_timeout=GUARD) as made:
        made.get(f"{server.url}/first", extensions={KEEP: True})
        yield made


def ask(
    http: HttpClient, server: FaultServer, path: str, size: int, stop: StopSignal | None = None
) -> bytes | httpx.Response | None:
    watch = (stop or StopSignal()).watch_socket
    return kept_file(http.kept, f"{server.url}{path}", {"Accept": "*/*"}, GUARD, size, watch)


def raw(text: bytes) -> Handler:
    """Send these bytes as the answer, and close the connection."""

    async def handle(exchange: Exchange) -> None:
        exchange.writer.write(text)
        await exchange.writer.drain()
        exchange.finish()

    return handle


def is_open(http: HttpClient, server: FaultServer) -> bool:
    scheme = server.url.partition(":")[0]
    connection = http.kept.take((scheme, "127.0.0.1", server.port))
    if connection is not None:
        http.kept.put(connection)
    return connection is not None


@pytest.mark.parametrize("length", [0, 1, 1000, 100_000, WHOLE])
def test_files_come_whole_over_one_connection(
    server: FaultServer, http: HttpClient, length: int
) -> None:
    server.files["/x"] = File(CONTENT[:length])
    for _ in range(5):
        assert ask(http, server, "/x", length) == CONTENT[:length]
    assert server.connections == 1


PLAIN = {
    "with a field of any letters": ABC + b"X-Odd: \xe4\t!\r\n\r\nabc",
    "without a reason": b"HTTP/1.1 200\r\ncontent-length:3\r\n\r\nabc",
    "with blanks around its length": b"HTTP/1.1 200 OK\r\nCONTENT-LENGTH:  3 \t\r\n\r\nabc",
    "that is called a page": ABC + b"Content-Type: text/html\r\n\r\nabc",  # its md5 will tell
}


@pytest.mark.parametrize("how", PLAIN)
def test_a_plain_answer_is_taken_however_it_is_written(
    server: FaultServer, http: HttpClient, how: str
) -> None:
    server.files["/x"] = File(b"", always=raw(PLAIN[how]))
    assert ask(http, server, "/x", 3) == b"abc"


NOT_PLAIN = {
    "the same length twice": ABC + b"Content-Length: 3\r\n\r\nabc",
    "two lengths": ABC + b"Content-Length: 4\r\n\r\nabc",
    "two lengths in one field": b"HTTP/1.1 200 OK\r\nContent-Length: 3, 3\r\n\r\nabc",
    "a length with a sign": b"HTTP/1.1 200 OK\r\nContent-Length: +3\r\n\r\nabc",
    "no length": b"HTTP/1.1 200 OK\r\n\r\nabc",
    "a longer length": b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc",
    "a shorter length": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab",
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "a length and chunks": ABC + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "packed": ABC + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"abc")[:3],
    "a word before": b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + ABC + b"\r\nabc",
    "a word before, with a length": b"HTTP/1.1 100 Go on\r\nContent-Length: 3\r\n\r\nabc",
    "a part": b"HTTP/1.1 206 Partial\r\nContent-Length: 3\r\nContent-Range: bytes 0-2/9\r\n\r\nabc",
    "an error": b"HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nabc",
    "a redirect": b"HTTP/1.1 302 Found\r\nLocation: /y\r\nContent-Length: 3\r\n\r\nabc",
    "an older version": b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc",
    "a folded field": ABC + b"X: a\r\n b\r\n\r\nabc",
    "a field with a space": ABC + b"Transfer-Encoding : chunked\r\n\r\nabc",
    "NUL in a field": ABC + b"X: a\0b\r\n\r\nabc",
    "a lone line feed": ABC + b"X: a\nTransfer-Encoding: chunked\r\n\r\nabc",
    "the last of its connection": ABC + b"Connection: Close\r\n\r\nabc",
    "the last, among others": ABC + b"Connection: x, close\r\n\r\nabc",
    "another behind it": ABC + b"\r\nabc" + ABC + b"\r\nxyz",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX",
    "an endless head": ABC + b"X: y\r\n" * 40_000,
    "another protocol": b"SSH-2.0-OpenSSH_9\r\n\r\n",
}


@pytest.mark.parametrize("how", NOT_PLAIN)
def test_any_other_answer_is_read_with_care_and_asked_for_once(
    server: FaultServer, http: HttpClient, how: str
) -> None:
    server.files["/x"] = File(b"", always=raw(NOT_PLAIN[how]))
    try:
        found = ask(http, server, "/x", 3)
    except httpx.TransportError:
        found = None
    assert not isinstance(found, bytes)
    assert len(server.requests) == 2
    if found is not None:
        found.close()
    assert not is_open(http, server)


def test_what_comes_slowly_is_handed_over_with_what_has_come(
    server: FaultServer, http: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is written as it comes then."""
    monkeypatch.setattr(kept_answers, "SOON", 0.0)
    server.files["/x"] = File(CONTENT, rate=1e9, held=100)
    found = ask(http, server, "/x", len(CONTENT))
    assert isinstance(found, httpx.Response)
    pieces = found.iter_raw()
    begin = next(pieces)
    assert 0 < len(begin) < len(CONTENT)
    server.files["/x"].rate = 0.0
    assert begin + b"".join(pieces) == CONTENT
    assert len(server.requests) == 2


def test_what_is_cut_off_is_handed_over_and_an_error(server: FaultServer, http: HttpClient) -> None:
    server.files["/x"] = File(CONTENT, always=cut_after(5000))
    found = ask(http, server, "/x", len(CONTENT))
    assert isinstance(found, httpx.Response)
    got = b""
    with pytest.raises(httpx.TransportError):
        for piece in found.iter_raw():
            got += piece
    assert got == CONTENT[:5000]
    found.close()
    assert not is_open(http, server)


@pytest.mark.parametrize("sent", [0, 5000])
def test_a_stop_ends_what_waits_for_the_head_or_the_body(
    server: FaultServer, http: HttpClient, sent: int
) -> None:
    silent = threading.Event()

    async def halt(exchange: Exchange) -> None:
        if sent:
            await exchange.head(200, {"Content-Length": len(CONTENT)})
            await exchange.body(CONTENT[:sent])
        silent.set()
        await asyncio.Event().wait()  # says no more

    server.files["/x"] = File(CONTENT, always=halt)
    stop = StopSignal()
    found: list[object] = []
    asking = threading.Thread(
        target=lambda: found.append(ask(http, server, "/x", len(CONTENT), stop))
    )
    asking.start()
    assert silent.wait(GUARD)
    stop.set()
    asking.join(GUARD)
    (answer,) = found
    assert not isinstance(answer, bytes)
    if isinstance(answer, httpx.Response):
        answer.close()
    assert not is_open(http, server)


def test_nothing_is_asked_once_it_is_time_to_stop(server: FaultServer, http: HttpClient) -> None:
    stop = StopSignal()
    stop.set()
    with pytest.raises(Stopped):
        ask(http, server, "/whole", len(CONTENT), stop)
    assert len(server.requests) == 1
    assert not is_open(http, server)
