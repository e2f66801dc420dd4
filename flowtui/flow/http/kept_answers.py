"""A short way to ask for a small file, over a connection that is open already.

httpx, httpcore and h11 take 0.8 to 1.1 ms of processor for a request and its answer, whatever its
size: for thousands of small files that is most of the time. Over a kept connection (see
`kept_connections`) a request is one write, and of the answer nothing is understood but the plainest
form: HTTP/1.1, one Content-Length, no coding of any kind. Any other answer is read by h11.

The plainest of all is a file of the length that it should have, which comes at once and whole: of
that nothing is made but its bytes (`kept_file`).
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Iterator, Mapping

import httpx

from flowtui.flow.http.direct_body import Bodies, DirectBody
from flowtui.flow.http.kept_connections import DirectConnection, KeptConnections, Origin
from flowtui.flow.http.large_bodies import WAITED, begun_answer

LONGEST_HEAD = 64 << 10
"""Bytes; an answer whose head is longer is no plain one."""

WHOLE = 256 << 10
"""Bytes of the largest file that is read at once: all 64 connections may have one in hand."""

SOON = 1.0
"""Seconds in which the body of such a file comes; a slower one is written as it comes."""

_URL = re.compile(
    r"(https?)://([A-Za-z0-9.-]+)(?::([0-9]{1,5}))?(/[A-Za-z0-9/_.~%?&=+,;:@!$()*-]*)"
)
_DEFAULT_PORTS = {"http": 80, "https": 443}
_STATUS = re.compile(rb"HTTP/1\.1 ([2-5][0-9]{2})(?: ([\t -~\x80-\xff]*))?")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t -~\x80-\xff]*?)[ \t]*")
_HEADER_TEXT = re.compile(r"[!-~][ -~]*")
_END = b"\r\n\r\n"
_FILE_HEAD = re.compile(
    rb"HTTP/1\.1 200(?: [\t -~\x80-\xff]*)?"
    rb"(?:\r\n[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~\x80-\xff]*)*"
)
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,18})[ \t]*(?:\r\n|$)")
_CODED_OR_LAST = re.compile(rb"\n(?:transfer-encoding|content-encoding|connection[^\r]*close)")
_UNASKED = (204, 205, 206, 304, 416)
"""Statuses whose answer has no body, or belongs to a request that was not made here."""

_bodies = Bodies()


def kept_answer(
    kept: KeptConnections, url: str, headers: Mapping[str, str], timeout: float | None
) -> httpx.Response | None:
    """The answer to a GET, its body still to be read; None where httpx has to ask.

    `headers` are sent as they are, with a Host; `timeout`: seconds without a byte. Raises
    httpx.TransportError, as does reading the body.
    """
    found = kept_file(kept, url, headers, timeout, None)
    assert not isinstance(found, bytes)
    return found


def kept_file(
    kept: KeptConnections,
    url: str,
    headers: Mapping[str, str],
    timeout: float | None,
    size: int | None,
    watch: Callable[[socket.socket], Callable[[], None]] = lambda _: lambda: None,
) -> bytes | httpx.Response | None:
    """The bytes of a file, where a plain answer of 200 brings `size` of them, whole, soon.

    Else the answer, as `kept_answer` gives it, with all that came so far. `watch` is called with
    the socket before something is asked over it, may raise, and what it returns is called after.
    Raises httpx.TransportError.
    """
    target = _target(url)
    if target is None or not all(_HEADER_TEXT.fullmatch(text) for text in headers.values()):
        return None
    origin, asked = target
    asked += "".join(f"{name}: {text}\r\n" for name, text in headers.items()) + "\r\n"
    while (connection := kept.take(origin)) is not None:
        try:
            unwatch = watch(connection.socket)
        except BaseException:
            connection.close()
            raise
        try:
            came = _exchange(connection, asked.encode("ascii"), timeout)
            if size is not None and _is_plain_file(came, size):
                begin = came.index(_END) + len(_END)
                body = _come_soon(connection, came[begin:], size)
                if len(body) == size:
                    kept.put(connection)
                    return body
                came = came[:begin] + body
        except TimeoutError as error:
            connection.close()
            raise httpx.ReadTimeout(str(error)) from error
        finally:
            unwatch()
        if not came:
            connection.close()
            continue  # the server had dropped it
        if (answer := _plain_answer(came, connection, kept, timeout)) is None:
            request = httpx.Request(
                "GET", url, headers=headers, extensions={"timeout": {"read": timeout}}
            )
            answer = begun_answer(connection, request, came, kept, _bodies)
            answer.request = request
        elif answer.status_code != 200:
            answer.request = httpx.Request("GET", url, headers=headers)  # an error names it
        return answer
    return None


def _is_plain_file(came: bytes, size: int) -> bool:
    """Whether so begins a plain answer of 200 with so many bytes, behind which others may follow.

    Stricter than HTTP, and looked at by few steps, since each small file comes by here.
    """
    end = came.find(_END)
    if end < 0 or len(came) > end + len(_END) + size or not _FILE_HEAD.fullmatch(came, 0, end):
        return False
    small = came[:end].lower()
    if _CODED_OR_LAST.search(small) or small.count(b"\ncontent-length") != 1:
        return False
    return (found := _LENGTH.search(small)) is not None and int(found[1]) == size


def _come_soon(connection: DirectConnection, first: bytes, size: int) -> bytes:
    """The first bytes of a body and those that follow soon, at most `size`."""
    content = memoryview(bytearray(size))
    got = len(first)
    content[:got] = first
    until = time.monotonic() + SOON
    while got < size and (left := until - time.monotonic()) > 0:
        try:
            count = connection.fill(content[got:], left)
        except (OSError, ValueError):  # who reads on meets the same, or the rest
            break
        if not count:
            break
        got += count
    return bytes(content[:got])


def _target(url: str) -> tuple[Origin, str] | None:
    """The server of a URL and the first lines of a request to it; None where it is not plain."""
    found = _URL.fullmatch(url)
    if found is None:
        return None
    scheme, host, port_said, path = found.groups()
    port = int(port_said) if port_said else None
    if port == _DEFAULT_PORTS[scheme]:
        port = None
    host = host.lower()
    named = host if port is None else f"{host}:{port}"
    return (scheme, host, port), f"GET {path} HTTP/1.1\r\nHost: {named}\r\n"


def _exchange(connection: DirectConnection, asked: bytes, timeout: float | None) -> bytes:
    """Send a request; what came until its head was whole, or nothing more came.

    Raises TimeoutError.
    """
    came = b""
    try:
        connection.send(asked, timeout)
        while _END not in came and len(came) <= LONGEST_HEAD:
            more = connection.receive(LONGEST_HEAD, timeout)
            if not more:
                break
            came += more
    except TimeoutError:
        raise
    except (OSError, ValueError):  # ValueError: it was closed meanwhile
        pass  # what came is all that comes, and who reads it on meets the same
    return came


def _plain_answer(
    came: bytes, connection: DirectConnection, kept: KeptConnections, timeout: float | None
) -> httpx.Response | None:
    """The answer that begins so, where it is a plain one."""
    head, end, first = came.partition(_END)
    status_line, *lines = head.split(b"\r\n")
    if not end:
        return None
    status = _STATUS.fullmatch(status_line)
    fields = [(field[1], field[2]) for line in lines if (field := _FIELD.fullmatch(line))]
    if status is None or len(fields) != len(lines) or int(status[1]) in _UNASKED:
        return None
    named: dict[bytes, bytes] = {}
    for name, text in fields:
        lower = name.lower()
        if lower == b"content-length" and lower in named:
            return None
        named[lower] = text
    length = named.get(b"content-length", b"")
    if not length.isdigit() or len(length) > 18:
        return None
    if b"transfer-encoding" in named or b"content-encoding" in named:
        return None
    lives_on = b"close" not in named.get(b"connection", b"").lower()
    begun = connection.waited
    body = DirectBody(
        connection,
        _once(first),
        int(length),
        None,
        keep=kept.put if lives_on else None,
        bodies=_bodies,
        timeout=timeout,
    )
    return httpx.Response(
        int(status[1]),
        headers=fields,
        stream=body,
        extensions={
            "http_version": b"HTTP/1.1",
            "reason_phrase": status[2] or b"",
            "network_stream": connection.stream,
            WAITED: lambda: connection.waited - begun,
        },
    )


def _once(first: bytes) -> Iterator[bytes]:
    yield first
