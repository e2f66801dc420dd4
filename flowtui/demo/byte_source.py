"""Byte sequences that are never held whole: any range of them can be produced.

Files are a repeated block between a head and a tail, archives are files joined with headers; both
are `ByteSource`s, and the download route needs no more of them than this.
"""

from __future__ import annotations

import hashlib
import zlib
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from threading import Lock
from typing import Protocol

CHUNK = 256 * 1024
"""Most bytes in one piece of a source."""


class ByteSource(Protocol):
    """A sequence of bytes of known length."""

    @property
    def size(self) -> int:
        """Its length in bytes."""
        ...

    def chunks(self, start: int, stop: int) -> Iterator[bytes | memoryview]:
        """The bytes from `start` up to (not including) `stop`, in pieces of at most `CHUNK`."""
        ...


class Content:
    """What is in one file: `head`, then `block` repeated, then `tail`.

    Files that share head and block (most do) share the work of their checksums.
    """

    def __init__(
        self, head: bytes = b"", block: bytes = b"", repeats: int = 0, tail: bytes = b""
    ) -> None:
        self._head = head
        self._block = block
        self._repeats = repeats if block else 0
        self._tail = tail
        self._body_end = len(head) + len(block) * self._repeats
        self.size = self._body_end + len(tail)

    def chunks(self, start: int, stop: int) -> Iterator[bytes | memoryview]:
        """See `ByteSource.chunks`; bytes past the end are not there."""
        stop = min(stop, self.size)
        wide = memoryview(_widened(self._block)) if self._repeats else memoryview(b"")
        while start < stop:
            if start < len(self._head):
                piece = memoryview(self._head)[start : min(stop, start + CHUNK)]
            elif start < self._body_end:
                offset = (start - len(self._head)) % len(self._block)
                length = min(CHUNK, stop - start, self._body_end - start)
                piece = wide[offset : offset + length]
            else:
                first = start - self._body_end
                piece = memoryview(self._tail)[first : first + min(CHUNK, stop - start)]
            yield piece
            start += len(piece)

    @cached_property
    def md5(self) -> str:
        """The md5 as hex. The first large file of a kind costs one pass over its bytes."""
        digest = _running(self._head, self._block).after(self._repeats)
        digest.update(self._tail)
        return digest.hexdigest()

    @cached_property
    def crc32(self) -> int:
        """The CRC-32 (as in ZIP); one pass over the bytes."""
        return crc32(self)


class Joined:
    """Sources and plain bytes one after the other."""

    def __init__(self, parts: Sequence[ByteSource | bytes]) -> None:
        self._parts = [part for part in parts if _length(part)]
        self._starts: list[int] = []
        self.size = 0
        for part in self._parts:
            self._starts.append(self.size)
            self.size += _length(part)

    def chunks(self, start: int, stop: int) -> Iterator[bytes | memoryview]:
        """See `ByteSource.chunks`; bytes past the end are not there."""
        stop = min(stop, self.size)
        index = bisect_right(self._starts, start) - 1
        while start < stop:
            part, begin = self._parts[index], self._starts[index]
            end = min(stop, begin + _length(part))
            if isinstance(part, bytes):
                for at in range(start - begin, end - begin, CHUNK):
                    yield memoryview(part)[at : min(at + CHUNK, end - begin)]
            else:
                yield from part.chunks(start - begin, end - begin)
            start = end
            index += 1


class Window:
    """The `size` bytes of another source from `start` on."""

    def __init__(self, source: ByteSource, start: int, size: int) -> None:
        self._source = source
        self._start = start
        self.size = min(size, source.size - start)

    def chunks(self, start: int, stop: int) -> Iterator[bytes | memoryview]:
        """See `ByteSource.chunks`; bytes past the end are not there."""
        stop = min(stop, self.size)
        return self._source.chunks(self._start + start, self._start + stop)


class Flipped:
    """Another source with one byte changed."""

    def __init__(self, source: ByteSource, at: int) -> None:
        self._source = source
        self._at = at
        self.size = source.size

    def chunks(self, start: int, stop: int) -> Iterator[bytes | memoryview]:
        """See `ByteSource.chunks`."""
        for piece in self._source.chunks(start, stop):
            if start <= self._at < start + len(piece):
                changed = bytearray(piece)
                changed[self._at - start] ^= 0xFF
                yield bytes(changed)
            else:
                yield piece
            start += len(piece)


def crc32(source: ByteSource) -> int:
    """The CRC-32 of a whole source."""
    value = 0
    for piece in source.chunks(0, source.size):
        value = zlib.crc32(piece, value)
    return value


def read(source: ByteSource, start: int = 0, stop: int | None = None) -> bytes:
    """A range of a source (all of it by default) as bytes."""
    return b"".join(source.chunks(start, source.size if stop is None else stop))


def _length(part: ByteSource | bytes) -> int:
    return len(part) if isinstance(part, bytes) else part.size


@lru_cache(maxsize=64)
def _widened(block: bytes) -> bytes:
    """The block repeated so often that a full chunk can start anywhere in its first copy."""
    return block * (1 + -(-CHUNK // len(block)))


class _RunningMd5:
    """md5 states along `head + block + block + …`, kept at intervals to go on from."""

    _EVERY = 64

    def __init__(self, head: bytes, block: bytes) -> None:
        self._block = block
        self._states = [hashlib.md5(head, usedforsecurity=False)]  # after 0, 64, 128 … blocks
        self._lock = Lock()

    def after(self, repeats: int) -> hashlib._Hash:
        wanted = repeats // self._EVERY
        with self._lock:
            while len(self._states) <= wanted:
                state = self._states[-1].copy()
                for _ in range(self._EVERY):
                    state.update(self._block)
                self._states.append(state)
            state = self._states[wanted].copy()
        for _ in range(repeats % self._EVERY):
            state.update(self._block)
        return state


@lru_cache(maxsize=256)
def _running(head: bytes, block: bytes) -> _RunningMd5:
    return _RunningMd5(head, block)
