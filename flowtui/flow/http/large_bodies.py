"""Large bodies, read from the socket into one buffer, over connections that live on.

httpx reads 64 KiB at a time, of TLS one record of 16 KiB, and copies them three times on their way
through h11: at 1 GiB over TLS that is 4.8 s of processor, against 1.6 s here. A body of known
length needs no parser. Once its first bytes have come through httpx, the rest is read from the
socket of the response's network stream (the extension that httpx documents for this). httpcore
would close such a connection, since its parser has not seen the end. So it is kept here, and the
next requests to its server go over it; h11, httpcore's own parser, reads their heads here, and
`kept_answers` those of small files.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

import h11
import httpcore
import httpx

from flowtui.flow.http.direct_body import Bodies, DirectBody, known_length, lives_on
from flowtui.flow.http.kept_connections import DirectConnection, KeptConnections, Origin

LARGE = 2 << 20
"""Bytes; a body at least as long is read from the socket."""

LONGEST_HEAD = 64 << 10
"""Bytes read at once while an answer is parsed."""

WAITED = "waited"
"""The extension of a response whose body is read from the socket: a function that tells how many
seconds were spent waiting for the network so far."""

KEEP = "keep"
"""The extension of a request whose answer is read from the socket, however short: its connection is
then there for `kept_answers`."""


class LargeBodyTransport(httpx.BaseTransport):
    """Sends requests by another transport, and reads large bodies as the module says."""

    def __init__(self, inner: httpx.BaseTransport, kept: KeptConnections | None) -> None:
        """`kept`: None where requests go through a proxy: only `inner` knows how it asks."""
        self._inner = inner
        self._kept = kept
        self._bodies = Bodies()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """See `httpx.BaseTransport`."""
        origin: Origin = (request.url.scheme, request.url.host, request.url.port)
        kept = self._kept
        if kept is not None and request.method == "GET":
            while (connection := kept.take(origin)) is not None:
                if (answer := _ask(connection, request, kept, self._bodies)) is not None:
                    return answer
                connection.close()
        response = self._inner.handle_request(request)
        found = _socket_of(response, request.url.scheme)
        length = known_length(response)
        if found is None or length is None or request.method == "HEAD":
            return response
        if length < LARGE and (kept is None or KEEP not in request.extensions):
            return response
        assert isinstance(response.stream, httpx.SyncByteStream)
        stream, first = response.extensions["network_stream"], iter(response.stream)
        connection = DirectConnection(stream, found, origin, response.stream.close, first)
        body = DirectBody(
            connection,
            first,
            length,
            request,
            keep=kept.put if kept is not None and lives_on(response) else None,
            bodies=self._bodies,
        )
        return _answer(
            response.status_code, response.headers, body, response.extensions, connection
        )

    def close(self) -> None:
        """Close all connections."""
        if self._kept is not None:
            self._kept.close()
        self._inner.close()


def _answer(
    status: int,
    headers: httpx.Headers | list[tuple[bytes, bytes]],
    body: httpx.SyncByteStream,
    extensions: dict[str, object],
    connection: DirectConnection,
) -> httpx.Response:
    begun = connection.waited
    told = {**extensions, WAITED: lambda: connection.waited - begun}
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


def _ask(
    connection: DirectConnection, request: httpx.Request, kept: KeptConnections, bodies: Bodies
) -> httpx.Response | None:
    """The answer to a request over a kept connection; None where the server had dropped it.

    Raises httpx.TransportError.
    """
    parser = h11.Connection(h11.CLIENT)
    try:
        asked = _sent(parser, request)
    except h11.LocalProtocolError as error:
        connection.close()
        raise httpx.LocalProtocolError(str(error), request=request) from error
    timeouts = request.extensions.get("timeout", {})
    answer = _Answer(connection, parser, request, timeouts.get("read"), kept)
    try:
        connection.stream.write(asked, timeouts.get("write"))
        return answer.read(bodies)
    except (httpcore.NetworkError, httpcore.WriteTimeout, httpx.ReadError) as error:
        if not answer.has_begun:
            return None
        connection.close()
        raise httpx.ReadError(str(error), request=request) from error
    except httpx.TransportError:
        if not answer.has_begun and answer.is_at_end:
            return None
        connection.close()
        raise


def begun_answer(
    connection: DirectConnection,
    request: httpx.Request,
    came: bytes,
    kept: KeptConnections,
    bodies: Bodies,
) -> httpx.Response:
    """The answer to a request that was sent, of which these bytes have come.

    Raises httpx.TransportError.
    """
    parser = h11.Connection(h11.CLIENT)
    _sent(parser, request)
    parser.receive_data(came)
    timeout = request.extensions.get("timeout", {}).get("read")
    try:
        return _Answer(connection, parser, request, timeout, kept).read(bodies)
    except BaseException:
        connection.close()
        raise


def _sent(parser: h11.Connection, request: httpx.Request) -> bytes:
    """What is to be sent for a request. Raises h11.LocalProtocolError."""
    sent = h11.Request(
        method=request.method.encode(), target=request.url.raw_path, headers=request.headers.raw
    )
    return (parser.send(sent) or b"") + (parser.send(h11.EndOfMessage()) or b"")


class _Answer(httpx.SyncByteStream):
    """An answer over a kept connection, read by h11; its body too, unless that is large.

    Attributes:
        has_begun: something of it came. `is_at_end`: the connection has ended.
    """

    def __init__(
        self,
        connection: DirectConnection,
        parser: h11.Connection,
        request: httpx.Request,
        timeout: float | None,
        kept: KeptConnections,
    ) -> None:
        self.has_begun = self.is_at_end = False
        self._connection = connection
        self._parser = parser
        self._request = request
        self._timeout = timeout
        self._kept = kept
        self._is_over = False

    def read(self, bodies: Bodies) -> httpx.Response:
        """The answer, its body still to be read. Raises httpx.TransportError."""
        head = self.head()
        extensions: dict[str, object] = {
            "http_version": b"HTTP/" + head.http_version,
            "reason_phrase": head.reason,
            "network_stream": self._connection.stream,
        }
        headers = list(head.headers.raw_items())
        response = httpx.Response(head.status_code, headers=headers, extensions=extensions)
        length = known_length(response)
        if length is None or length < LARGE or head.http_version != b"1.1":
            return httpx.Response(
                head.status_code, headers=headers, stream=self, extensions=extensions
            )
        keep = self._kept.put if lives_on(response) else None
        first = iter([self._parser.trailing_data[0]])
        body = DirectBody(self._connection, first, length, self._request, keep=keep, bodies=bodies)
        return _answer(head.status_code, headers, body, extensions, self._connection)

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
            self._kept.put(self._connection)

    def _next(self) -> object:
        try:
            while (event := self._parser.next_event()) is h11.NEED_DATA:
                data = self._connection.stream.read(LONGEST_HEAD, self._timeout)
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
            self._connection.close()
