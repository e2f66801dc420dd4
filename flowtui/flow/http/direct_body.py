"""A body of known length, read from the socket of its connection into one buffer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import httpx

from flowtui.flow.http.kept_connections import DirectConnection

PIECE, SMALLEST_PIECE = 256 << 10, 64 << 10
"""Bytes of one piece, at most, and at most where very many bodies come at once."""

IN_HAND = 4 << 20
"""Bytes that all bodies together may have read and not given yet: a kill costs them."""


def known_length(response: httpx.Response) -> int | None:
    """The length of a body that needs no parser, or None."""
    said = response.headers.get_list("content-length")
    if response.status_code not in (200, 206) or "transfer-encoding" in response.headers:
        return None
    (length,) = said if len(said) == 1 else ("",)
    return int(length) if length.isascii() and length.isdecimal() and len(length) < 19 else None


def lives_on(response: httpx.Response) -> bool:
    """Whether the server keeps the connection open behind this answer."""
    return "close" not in response.headers.get("connection", "").lower()


class Bodies:
    """How many large bodies come now, so that all together have little in hand."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0

    def add(self, number: int) -> None:
        """So many more."""
        with self._lock:
            self._count += number

    @property
    def piece(self) -> int:
        """Bytes that each may read at once."""
        return max(SMALLEST_PIECE, min(PIECE, IN_HAND // max(1, self._count)))


class DirectBody(httpx.SyncByteStream):
    """A body of known length. At its end the connection is kept, before it is closed."""

    def __init__(
        self,
        connection: DirectConnection,
        first: Iterator[bytes],
        length: int,
        request: httpx.Request | None,
        *,
        keep: Callable[[DirectConnection], None] | None,
        bodies: Bodies,
        timeout: float | None = None,
    ) -> None:
        """`first` gives all bytes that were read along with the head, or the first that come.

        `timeout`: seconds that no byte may come; that of the request, where there is one.
        """
        self._connection = connection
        self._first = first
        self._left = length
        self._request = request
        self._keep = keep
        self._bodies = bodies
        self._timeout = timeout
        if request is not None:
            self._timeout = request.extensions.get("timeout", {}).get("read")
        self._is_over = False

    def __iter__(self) -> Iterator[bytes]:
        first = next(self._first, b"")
        if len(first) > self._left:
            first, self._keep = first[: self._left], None  # who knows what it says next
        self._left -= len(first)
        if first:
            yield first
        if self._left:
            yield from self._rest()
        if self._keep is not None and not self._is_over:
            self._is_over = True
            self._keep(self._connection)

    def _rest(self) -> Iterator[bytes]:
        self._bodies.add(1)
        try:
            view = memoryview(bytearray(min(PIECE, self._left)))
            while self._left:
                count = self._read(view[: min(self._left, self._bodies.piece)])
                self._left -= count
                yield bytes(view[:count])
        finally:
            self._bodies.add(-1)

    def _read(self, view: memoryview) -> int:
        try:
            count = self._connection.fill(view, self._timeout)
        except TimeoutError as error:
            raise httpx.ReadTimeout(str(error), request=self._request) from error
        except (OSError, ValueError) as error:  # ValueError: it was closed meanwhile
            raise httpx.ReadError(str(error), request=self._request) from error
        if not count:
            raise httpx.RemoteProtocolError(
                f"peer closed connection without sending complete message body "
                f"({self._left} bytes missing)",
                request=self._request,
            )
        return count

    def close(self) -> None:
        """End the connection, unless it is kept."""
        if not self._is_over:
            self._is_over = True
            self._connection.close()
