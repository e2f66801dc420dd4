"""Bytes that were packed for the way (Content-Encoding), unpacked in pieces of a bounded size.

httpx unpacks whatever a read brought at once: 64 KiB may be 64 MiB then, and as many encodings as
a server names make that many times more.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import Protocol

import httpx

ACCEPTED = "gzip, deflate"
"""What our requests say that they can unpack; the rest of `Accept-Encoding`'s words are refused."""

PIECE = 64 << 10
"""Bytes of an unpacked piece, at most."""

MOST_PACKED = 1 << 20
"""Bytes that may come packed, beside PACKED_SHARE for each that they unpack to: a header's name or
empty members of gzip have no end."""

PACKED_SHARE = 8
"""A server that flushes after every byte packs no worse."""

_GZIP = ("gzip", "x-gzip")


class _Unpacker(Protocol):
    """What of `zlib.decompressobj` is used."""

    def decompress(self, data: bytes, max_length: int = 0, /) -> bytes: ...

    def flush(self) -> bytes: ...

    @property
    def unconsumed_tail(self) -> bytes: ...

    @property
    def unused_data(self) -> bytes: ...

    @property
    def eof(self) -> bool: ...


def decoded(pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """The bytes of `pieces` as they were before `encoding`; empty or `identity` leaves them.

    Raises httpx.DecodingError for an encoding that was not accepted, damaged bytes, and far more of
    them than what they unpack to; those that are cut off are not told from whole ones.
    """
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        yield from pieces
        return
    if encoding not in (*_GZIP, "deflate"):
        raise httpx.DecodingError(f"an encoding that was not requested: {encoding[:40]!r}")
    unpacker: _Unpacker | None = None
    packed = given = 0
    for piece in pieces:
        left = piece
        packed += len(piece)
        while left:
            if unpacker is None or unpacker.eof:
                unpacker = _unpacker(encoding, left)
            try:
                for found in _unpacked(unpacker, left):
                    given += len(found)
                    yield found
            except zlib.error as error:
                raise httpx.DecodingError(str(error)) from error
            left = unpacker.unused_data if encoding in _GZIP else b""  # gzip may have more members
        if packed > MOST_PACKED + PACKED_SHARE * given:
            raise httpx.DecodingError(f"{packed:,} packed bytes that unpack to {given:,}")


def _unpacker(encoding: str, begin: bytes) -> _Unpacker:
    if encoding in _GZIP:
        return zlib.decompressobj(wbits=31)
    # RFC 9110, 8.4.1.2: zlib's format; some servers send it without the head of that.
    is_zlib = begin[0] & 0x0F == 8 and (len(begin) < 2 or (begin[0] << 8 | begin[1]) % 31 == 0)
    return zlib.decompressobj(wbits=15 if is_zlib else -15)


def _unpacked(unpacker: _Unpacker, data: bytes) -> Iterator[bytes]:
    while True:
        piece = unpacker.decompress(data, PIECE)
        if piece:
            yield piece
        data = unpacker.unconsumed_tail
        if unpacker.eof or (not data and len(piece) < PIECE):
            return
