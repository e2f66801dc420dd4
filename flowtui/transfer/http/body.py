"""The bytes of a response's body, in large pieces where there are many, and none too few.

httpx reads 64 KiB at a time and copies them three times on their way through h11, which is a third
of the time that a fast local link gives a file. A long body of known length needs no parser: once
its first bytes have come through httpx, the rest is read from the response's network stream (the
extension that httpx documents for this). The connection cannot be used again after that, which
costs a round trip for a body of many MiB.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpcore
import httpx

from flowtui.transfer.cancel import StopSignal
from flowtui.transfer.errors import TransientError
from flowtui.transfer.http.response import network_trouble
from flowtui.transfer.identity import Identity

DIRECT_ABOVE = 257 << 20
"""Bytes; a body at least as long is read from the socket. It is longer than any piece of a file
that several connections fetch: those are not as fast, and many large pieces in hand at once would
be lost in a kill."""

PIECE = 256 << 10
"""Bytes of one read, at most."""


@dataclass
class Body:
    """An answer that holds bytes of the file.

    Attributes:
        start: offset of its first byte in the file; before the one that was asked for where the
            server sends the file from the start only.
        end: one past its last byte, or None where nobody can say.
        total: the file's size as the server says now, or None.
        identity: what the answer says of the file (ETag, Last-Modified, size).
        chunks: the bytes; raises TransientError when they end too early.
        ranged: whether it is a 206 of a server that sends any part.
        open_ended: whether the file may go on behind `end` (RFC 9110, 14.4: `bytes 0-99/*`).
    """

    start: int
    end: int | None
    total: int | None
    identity: Identity
    chunks: Iterator[bytes]
    ranged: bool
    close: Callable[[], None]
    open_ended: bool = False


def checked_pieces(
    response: httpx.Response,
    start: int,
    end: int | None,
    *,
    decode: bool,
    stop: StopSignal,
    timeout: httpx.Timeout,
) -> Iterator[bytes]:
    """The bytes of the file from `start`, where the body begins; of a 206 none beyond `end`.

    `decode`: they are packed for the way. Raises TransientError where they end before `end`, are
    damaged, or do not come within `timeout`; Stopped.
    """
    wanted = None if end is None else end - start
    most = wanted if response.status_code == 206 else None
    got = 0
    try:
        for chunk in response.iter_bytes() if decode else pieces(response, wanted):
            if most is not None and got + len(chunk) > most:
                chunk = chunk[: most - got]  # noqa: PLW2901
            got += len(chunk)
            if chunk:
                yield chunk
            elif most is not None:
                break  # more than was asked for: the rest is nobody's
    except (httpx.TransportError, httpx.StreamError, httpx.DecodingError) as error:
        stop.check()
        raise network_trouble(error, timeout) from error
    stop.check()
    if wanted is not None and got < wanted:
        raise TransientError(f"the connection ended {wanted - got:,} bytes early", code="CUT")


def pieces(response: httpx.Response, length: int | None) -> Iterator[bytes]:
    """The body as it comes; `length` in bytes, None where it is not known.

    Raises httpx.TransportError, httpx.StreamError.
    """
    stream = response.extensions.get("network_stream")
    if (
        length is None
        or length < DIRECT_ABOVE
        or not isinstance(stream, httpcore.NetworkStream)
        or response.http_version != "HTTP/1.1"
        or "transfer-encoding" in response.headers
    ):
        yield from response.iter_raw()
        return
    body = response.iter_raw()
    # The first piece is all that was read along with the headers: nothing of it stays behind.
    first = next(body, b"")
    yield first
    left = length - len(first)
    timeout = response.request.extensions.get("timeout", {}).get("read")
    while left > 0:
        try:
            piece = stream.read(min(PIECE, left), timeout)
        except httpcore.TimeoutException as error:
            raise httpx.ReadTimeout(str(error), request=response.request) from error
        except httpcore.NetworkError as error:
            raise httpx.ReadError(str(error), request=response.request) from error
        if not piece:
            raise httpx.RemoteProtocolError("closed in mid-body", request=response.request)
        left -= len(piece)
        yield piece
