"""A short way to ask for a small file, over a connection that is open already.

httpx, httpcore and h11 take 0.8 to 1.1 ms of processor for a request and its answer, whatever its
size: for thousands of small files that is most of the time. Over a kept connection (see
`kept_connections`) a request is one write, and of the answer nothing is understood but the plainest
form: HTTP/1.1, one Content-Length, no coding of any kind. Any other answer ends the connection, is
told by None, and the whole of httpx asks once more; from then on it alone asks that server.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import httpcore
import httpx

from flowtui.flow.direct_body import Bodies, DirectBody
from flowtui.flow.kept_connections import DirectConnection, KeptConnections, Origin
from flowtui.flow.large_bodies import WAITED

LONGEST_HEAD = 64 << 10
"""Bytes; an answer whose head is longer is not a plain one."""

_URL = re.compile(
    r"(https?)://([A-Za-z0-9.-]+)(?::([0-9]{1,5}))?(/[A-Za-z0-9/_.~%?&=+,;:@!$()*-]*)"
)
_DEFAULT_PORTS = {"http": 80, "https": 443}
_STATUS = re.compile(rb"HTTP/1\.1 ([2-5][0-9]{2})(?: ([\t -~\x80-\xff]*))?")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t -~\x80-\xff]*?)[ \t]*")
_HEADER_TEXT = re.compile(r"[!-~][ -~]*")
_UNASKED = (204, 205, 206, 304, 416)
"""Statuses whose answer has no body, or belongs to a request that was not made here."""

_bodies = Bodies()


def kept_answer(
    kept: KeptConnections, url: str, headers: Mapping[str, str], timeout: float | None
) -> httpx.Response | None:
    """The answer to a GET, its body still to be read; None where httpx has to ask.

    `headers` are sent as they are, with a Host; `timeout`: seconds without a byte. Reading the body
    raises httpx.TransportError.
    """
    if (target := _target(url)) is None:
        return None
    origin, asked = target
    if kept.is_forgone(origin) or not all(
        _HEADER_TEXT.fullmatch(text) for text in headers.values()
    ):
        return None
    asked += "".join(f"{name}: {text}\r\n" for name, text in headers.items()) + "\r\n"
    while (connection := kept.take(origin)) is not None:
        try:
            connection.stream.write(asked.encode("ascii"), timeout)
            head, first = _read_head(connection, timeout)
        except (httpcore.NetworkError, httpcore.TimeoutException):
            connection.close()
            return None
        if not head and not first:
            connection.close()
            continue  # the server had dropped it
        answer = _parsed(head, first, connection, kept, timeout) if head else None
        if answer is not None and answer.status_code != 200:
            answer.request = httpx.Request("GET", url, headers=headers)  # an error names it
        if answer is None:
            connection.close()
            kept.forgo(origin)
        return answer
    return None


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


def _read_head(connection: DirectConnection, timeout: float | None) -> tuple[bytes, bytes]:
    """The head of an answer without its empty line, and what came behind that.

    The head is empty where it did not come whole. Raises httpcore.NetworkError, TimeoutException.
    """
    came = b""
    while True:
        more = connection.stream.read(LONGEST_HEAD, timeout)
        came += more
        head, end, rest = came.partition(b"\r\n\r\n")
        if end:
            return head, rest
        if not more or len(came) > LONGEST_HEAD:
            return b"", came


def _parsed(
    head: bytes,
    first: bytes,
    connection: DirectConnection,
    kept: KeptConnections,
    timeout: float | None,
) -> httpx.Response | None:
    """The answer with this head, where it is a plain one."""
    status_line, *lines = head.split(b"\r\n")
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
