"""The bytes of a response's body, in large pieces where there are many.

httpx reads 64 KiB at a time and copies them three times on their way through h11, which is a third
of the time that a fast local link gives a file. A long body of known length needs no parser: once
its first bytes have come through httpx, the rest is read from the response's network stream (the
extension that httpx documents for this). The connection cannot be used again after that, which
costs a round trip for a body of many MiB.
"""

from __future__ import annotations

from collections.abc import Iterator

import httpcore
import httpx

DIRECT_ABOVE = 257 << 20
"""Bytes; a body at least as long is read from the socket. It is longer than any piece of a file
that several connections fetch: those are not as fast, and many large pieces in hand at once would
be lost in a kill."""

PIECE = 256 << 10
"""Bytes of one read, at most."""


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
