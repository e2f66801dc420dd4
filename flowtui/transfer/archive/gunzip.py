"""A gzip file as a stream of what is in it: in bounded memory and time, and to be stopped anywhere.

Python's own reads a header's name byte by byte, and a million empty members before it answers.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

PACKED = 128 << 10
"""Bytes read at a time; few, because what follows a member's end is copied."""


def gunzipped(stream: BinaryIO, check: Callable[[], None]) -> io.BufferedReader:
    """What is in all members of a gzip file (RFC 1952), whose checksums are compared.

    Zeros between and behind members are allowed, as gzip does for tapes. `check` is called for each
    piece that is read and each member, and may raise. Reading raises zlib.error for damage,
    EOFError where the file is cut.
    """
    return io.BufferedReader(_Gunzip(stream, check), PACKED)


class _Gunzip(io.RawIOBase):
    def __init__(self, stream: BinaryIO, check: Callable[[], None]) -> None:
        super().__init__()
        self._stream = stream
        self._check = check
        self._left = b""
        self._member: zlib._Decompress | None = None
        self._is_first = True

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        wanted = memoryview(buffer).cast("B")
        piece = self._next(len(wanted)) if wanted else b""
        wanted[: len(piece)] = piece
        return len(piece)

    def _next(self, most: int) -> bytes:
        """The next bytes, or none at the end of the last member."""
        while True:
            self._check()
            if self._member is not None:
                piece = self._member.decompress(self._left, most)
                if self._member.eof:
                    self._left, self._member = self._member.unused_data, None
                else:
                    self._left = self._member.unconsumed_tail
                if piece:
                    return piece
            if self._member is None and not self._is_first:
                self._left = self._left.lstrip(b"\0")
            if not self._left:
                self._left = self._stream.read(PACKED)
                if not self._left:
                    if self._member is not None:
                        raise EOFError("the gzip data ends in the middle")
                    return b""
            elif self._member is None:
                self._member, self._is_first = zlib.decompressobj(31), False
