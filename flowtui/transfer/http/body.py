"""The bytes of a response's body: none too few, and none too many."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx

from flowtui.flow.http.decoding import decoded
from flowtui.transfer.cancel import StopSignal
from flowtui.transfer.errors import TransientError
from flowtui.transfer.http.response import content_encoding, network_trouble
from flowtui.transfer.identity import Identity


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
        open_ended: whether the file may go on behind its last byte (RFC 9110, 14.4: `bytes 0-99/*`;
            RFC 9112, 6.3: no length but the end of the connection, which a cut is as well).
        waited: tells how many seconds were spent waiting for its bytes so far; None for a body
            that is too short to tell.
    """

    start: int
    end: int | None
    total: int | None
    identity: Identity
    chunks: Iterator[bytes]
    ranged: bool
    close: Callable[[], None]
    open_ended: bool = False
    waited: Callable[[], float] | None = None


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
        for chunk in unpacked(response) if decode else response.iter_raw():
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


def unpacked(response: httpx.Response) -> Iterator[bytes]:
    """The body without its Content-Encoding, in pieces of a bounded size.

    Raises httpx.TransportError, httpx.StreamError, httpx.DecodingError.
    """
    return decoded(response.iter_raw(), content_encoding(response))
