"""Large bodies, read from the socket into one buffer, over connections that live on.

httpx reads 64 KiB at a time, of TLS one record of 16 KiB, and copies them three times on their way
through h11: at 1 GiB over TLS that is 4.8 s of processor, against 1.6 s here. A body of known
length needs no parser. Once its first bytes have come through httpx, the rest is read from the
socket of the response's network stream (the extension that httpx documents for this). httpcore
would close such a connection, since its parser has not seen the end. So it is kept here, and the
next requests to its server go over it; h11, httpcore's own parser, reads their heads.
"""

from __future__ import annotations

import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import h11
import httpcore
import httpx

from flowtui.flow.deadline import bounded

LARGE = 2 << 20
"""Bytes; a body at least as long is read from the socket."""

PIECE, SMALLEST_PIECE = 256 << 10, 64 << 10
"""Bytes of one piece, at most, and at most where very many bodies come at once."""

IN_HAND = 4 << 20
"""Bytes that all bodies together may have read and not given yet: a kill costs them."""

COLLECT = 0.05
"""Seconds within which a piece is given, also where it is not full."""

KEPT_FOR = 30.0
"""Seconds that a connection is kept for another request; as the pool of httpx does."""

MOST_KEPT = 32

LONGEST_HEAD = 64 << 10
"""Bytes read at once while an answer is parsed."""

WAITED = "waited"
"""The extension of a response whose body is read from the socket: a function that tells how many
seconds were spent waiting for the network so far."""

Origin = tuple[str, str, int | None]


@dataclass(eq=False)
class _Wire:
    """A connection that is read from here, and no longer by httpcore.

    Attributes:
        close: ends it. `body`: the iterator of its first answer; httpcore ends the connection when
            that is let go of before its end.
        idle_since: seconds of the monotonic clock, while nothing is asked.
        waited: seconds spent waiting for bytes, of all large bodies so far.
    """

    stream: httpcore.NetworkStream
    socket: socket.socket
    origin: Origin
    close: Callable[[], None]
    body: Iterator[bytes]
    idle_since: float = 0.0
    waited: float = 0.0

    @property
    def is_silent(self) -> bool:
        """Whether nothing came since the last answer, not even that the server hung up."""
        pending = isinstance(self.socket, ssl.SSLSocket) and self.socket.pending()
        return not pending and not _wait(self.socket, 0.0)

    def fill(self, view: memoryview, timeout: float | None) -> int:
        """Fill a buffer as far as bytes come soon; how many came, 0 at the end of the connection.

        Raises TimeoutError where none comes within `timeout` seconds, or the deadline of the
        request has passed, OSError.
        """
        timeout = bounded(timeout, TimeoutError)
        got = 0
        began = time.monotonic()
        self.socket.setblocking(False)
        while got < len(view):
            writes = False
            try:
                count = self.socket.recv_into(view[got:])
            except (BlockingIOError, ssl.SSLWantReadError):
                count = -1
            except ssl.SSLWantWriteError:
                count, writes = -1, True
            if count == 0:
                break
            if count > 0:
                got += count
                continue
            left = timeout if not got else COLLECT - (time.monotonic() - began)
            if got and left is not None and left <= 0:
                break
            asked = time.monotonic()
            is_there = _wait(self.socket, left, writes=writes)
            self.waited += time.monotonic() - asked
            if not is_there:
                if got:
                    break
                raise TimeoutError("timed out")
        return got


def _wait(of: socket.socket, seconds: float | None, *, writes: bool = False) -> bool:
    """Whether a socket can be read (or written) within so many seconds."""
    poll = select.poll()
    poll.register(of, select.POLLOUT if writes else select.POLLIN)
    return bool(poll.poll(None if seconds is None else max(0.0, seconds) * 1000))


@dataclass(eq=False)
class _Kept:
    """Connections that wait for another request. For many threads."""

    _most: int
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _idle: list[_Wire] = field(default_factory=list)
    _is_closed: bool = False

    def put(self, wire: _Wire) -> None:
        """Keep a connection."""
        wire.idle_since = time.monotonic()
        with self._lock:
            self._idle.append(wire)
            surplus = len(self._idle) if self._is_closed else len(self._idle) - self._most
            dropped = [self._idle.pop(0) for _ in range(max(0, surplus))]
        for old in dropped:
            old.close()

    def take(self, origin: Origin) -> _Wire | None:
        """A connection to this server that seems to live, the latest first; None where none is."""
        while True:
            with self._lock:
                wire = next((idle for idle in reversed(self._idle) if idle.origin == origin), None)
                if wire is None:
                    return None
                self._idle.remove(wire)
            if time.monotonic() - wire.idle_since < KEPT_FOR and wire.is_silent:
                return wire
            wire.close()

    def close(self) -> None:
        """End all of them."""
        with self._lock:
            idle, self._idle, self._is_closed = self._idle, [], True
        for wire in idle:
            wire.close()


class LargeBodyTransport(httpx.BaseTransport):
    """Sends requests by another transport, and reads large bodies as the module says."""

    def __init__(self, inner: httpx.BaseTransport, *, most_kept: int = MOST_KEPT) -> None:
        """`most_kept`: connections that wait for another request. None where requests go through a
        proxy: only `inner` knows how it asks.
        """
        self._inner = inner
        self._keeps = most_kept > 0
        self._kept = _Kept(most_kept)
        self._bodies = _Bodies()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """See `httpx.BaseTransport`."""
        origin: Origin = (request.url.scheme, request.url.host, request.url.port)
        if self._keeps and request.method == "GET":
            while (wire := self._kept.take(origin)) is not None:
                if (answer := _ask(wire, request, self._kept, self._bodies)) is not None:
                    return answer
                wire.close()
        response = self._inner.handle_request(request)
        found = _socket_of(response, request.url.scheme)
        length = _known_length(response)
        if found is None or length is None or length < LARGE or request.method == "HEAD":
            return response
        assert isinstance(response.stream, httpx.SyncByteStream)
        stream, first = response.extensions["network_stream"], iter(response.stream)
        wire = _Wire(stream, found, origin, response.stream.close, first)
        body = _LargeBody(
            wire,
            first,
            length,
            request,
            keep=self._kept.put if self._keeps and _lives_on(response) else None,
            bodies=self._bodies,
        )
        return _answer(response.status_code, response.headers, body, response.extensions, wire)

    def close(self) -> None:
        """Close all connections."""
        self._kept.close()
        self._inner.close()


def _answer(
    status: int,
    headers: httpx.Headers | list[tuple[bytes, bytes]],
    body: httpx.SyncByteStream,
    extensions: dict[str, object],
    wire: _Wire,
) -> httpx.Response:
    begun = wire.waited
    told = {**extensions, WAITED: lambda: wire.waited - begun}
    return httpx.Response(status, headers=headers, stream=body, extensions=told)


def _socket_of(response: httpx.Response, scheme: str) -> socket.socket | None:
    """The socket that holds the body's very bytes, or None where none does."""
    stream = response.extensions.get("network_stream")
    if not isinstance(stream, httpcore.NetworkStream) or response.http_version != "HTTP/1.1":
        return None
    found = stream.get_extra_info("socket")
    if not isinstance(found, socket.socket):
        return None
    return found if isinstance(found, ssl.SSLSocket) == (scheme == "https") else None


def _known_length(response: httpx.Response) -> int | None:
    """The length of a body that needs no parser, or None."""
    said = response.headers.get_list("content-length")
    if response.status_code not in (200, 206) or "transfer-encoding" in response.headers:
        return None
    (length,) = said if len(said) == 1 else ("",)
    return int(length) if length.isdecimal() and len(length) < 19 else None


def _lives_on(response: httpx.Response) -> bool:
    return "close" not in response.headers.get("connection", "").lower()


class _Bodies:
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


class _LargeBody(httpx.SyncByteStream):
    """A body of known length. At its end the connection is kept, before it is closed."""

    def __init__(
        self,
        wire: _Wire,
        first: Iterator[bytes],
        length: int,
        request: httpx.Request,
        *,
        keep: Callable[[_Wire], None] | None,
        bodies: _Bodies,
    ) -> None:
        """`first` gives all bytes that were read along with the head, or the first that come."""
        self._wire = wire
        self._first = first
        self._left = length
        self._request = request
        self._keep = keep
        self._bodies = bodies
        self._is_over = False

    def __iter__(self) -> Iterator[bytes]:
        first = next(self._first, b"")[: self._left]
        self._left -= len(first)
        if first:
            yield first
        timeout = self._request.extensions.get("timeout", {}).get("read")
        self._bodies.add(1)
        try:
            view = memoryview(bytearray(min(PIECE, self._left)))
            while self._left:
                count = self._read(view[: min(self._left, self._bodies.piece)], timeout)
                self._left -= count
                yield bytes(view[:count])
        finally:
            self._bodies.add(-1)
        if self._keep is not None and not self._is_over:
            self._is_over = True
            self._keep(self._wire)

    def _read(self, view: memoryview, timeout: float | None) -> int:
        try:
            count = self._wire.fill(view, timeout)
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
            self._wire.close()


def _ask(
    wire: _Wire, request: httpx.Request, kept: _Kept, bodies: _Bodies
) -> httpx.Response | None:
    """The answer to a request over a kept connection; None where the server had dropped it.

    Raises httpx.TransportError.
    """
    parser = h11.Connection(h11.CLIENT)
    timeouts = request.extensions.get("timeout", {})
    try:
        sent = h11.Request(
            method=request.method.encode(),
            target=request.url.raw_path,
            headers=request.headers.raw,
        )
        asked = (parser.send(sent) or b"") + (parser.send(h11.EndOfMessage()) or b"")
    except h11.LocalProtocolError as error:
        wire.close()
        raise httpx.LocalProtocolError(str(error), request=request) from error
    answer = _Answer(wire, parser, request, timeouts.get("read"), kept)
    try:
        wire.stream.write(asked, timeouts.get("write"))
        head = answer.head()
    except (httpcore.NetworkError, httpcore.WriteTimeout, httpx.ReadError) as error:
        if not answer.has_begun:
            return None
        wire.close()
        raise httpx.ReadError(str(error), request=request) from error
    except httpx.TransportError:
        if not answer.has_begun and answer.is_at_end:
            return None
        wire.close()
        raise
    extensions: dict[str, object] = {
        "http_version": b"HTTP/" + head.http_version,
        "reason_phrase": head.reason,
        "network_stream": wire.stream,
    }
    headers = list(head.headers.raw_items())
    response = httpx.Response(head.status_code, headers=headers, extensions=extensions)
    length = _known_length(response)
    if length is None or length < LARGE or head.http_version != b"1.1":
        return httpx.Response(
            head.status_code, headers=headers, stream=answer, extensions=extensions
        )
    keep = kept.put if _lives_on(response) else None
    first = iter([parser.trailing_data[0]])
    body = _LargeBody(wire, first, length, request, keep=keep, bodies=bodies)
    return _answer(head.status_code, headers, body, extensions, wire)


class _Answer(httpx.SyncByteStream):
    """An answer over a kept connection, read by h11; its body too, unless that is large.

    Attributes:
        has_begun: something of it came. `is_at_end`: the connection has ended.
    """

    def __init__(
        self,
        wire: _Wire,
        parser: h11.Connection,
        request: httpx.Request,
        timeout: float | None,
        kept: _Kept,
    ) -> None:
        self.has_begun = self.is_at_end = False
        self._wire = wire
        self._parser = parser
        self._request = request
        self._timeout = timeout
        self._kept = kept
        self._is_over = False

    def head(self) -> h11.Response:
        """The final answer's status and headers. Raises httpx.TransportError."""
        while not isinstance(event := self._next(), h11.Response):
            if not isinstance(event, h11.InformationalResponse):
                raise httpx.RemoteProtocolError("no answer", request=self._request)
        return event

    def __iter__(self) -> Iterator[bytes]:
        while isinstance(event := self._next(), h11.Data):
            yield bytes(event.data)
        if self._parser.their_state is h11.DONE and not self._parser.trailing_data[0]:
            self._is_over = True
            self._kept.put(self._wire)

    def _next(self) -> object:
        try:
            while (event := self._parser.next_event()) is h11.NEED_DATA:
                data = self._wire.stream.read(LONGEST_HEAD, self._timeout)
                self.has_begun = self.has_begun or bool(data)
                self.is_at_end = not data
                self._parser.receive_data(data)
        except h11.RemoteProtocolError as error:
            raise httpx.RemoteProtocolError(str(error), request=self._request) from error
        except httpcore.TimeoutException as error:
            raise httpx.ReadTimeout(str(error), request=self._request) from error
        except httpcore.NetworkError as error:
            raise httpx.ReadError(str(error), request=self._request) from error
        return event

    def close(self) -> None:
        """End the connection, unless it is kept."""
        if not self._is_over:
            self._is_over = True
            self._wire.close()
