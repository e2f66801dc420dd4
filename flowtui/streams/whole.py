"""A whole file as it comes, and what proves at its end that it is the right one."""

from __future__ import annotations

import hashlib
from collections.abc import Generator

from flowtui.flow.formats import (
    BAM_END,
    container_kind,
    ends_with_marker,
    looks_like_page,
    may_be_page,
)
from flowtui.flow.remote_file import RemoteFile
from flowtui.streams.pieces import Stream
from flowtui.transfer.errors import Damaged, PermanentError
from flowtui.transfer.verify.containers import ContainerCheck


class WholeFile:
    """The bytes of a file in order.

    Attributes:
        size: bytes that came. `verified_by`: what proved them right, empty before the end.
    """

    def __init__(self, stream: Stream, file: RemoteFile, *, accept_any_type: bool) -> None:
        self.size = 0
        self.verified_by = ""
        self._stream = stream
        self._file = file
        self._accept_any_type = accept_any_type
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._first = self._last = b""
        self._container: ContainerCheck | None = None
        if file.md5 is None and container_kind(file.filename) == "gzip":
            self._container = ContainerCheck("gzip")

    def pieces(self) -> Generator[bytes, None, None]:
        """The bytes; behind the last one it is told whether they were right.

        Raises PermanentError where they were not, TransferError, Stopped.
        """
        for piece in self._stream.pieces():
            self._take(piece)
            yield piece
        self.verified_by = self._verdict()

    def _take(self, piece: bytes) -> None:
        if self._file.md5 is not None:
            self._md5.update(piece)
        if self._container is not None:
            self._try(self._container, piece)
        if len(self._first) < 64:
            self._first = (self._first + piece)[:64]
        self._last = (self._last + piece)[-len(BAM_END) :]
        self.size += len(piece)

    def _try(self, container: ContainerCheck, piece: bytes) -> None:
        start = self.size

        def read(at: int, buffer: memoryview) -> int:
            part = piece[at - start : at - start + len(buffer)]
            buffer[: len(part)] = part
            return len(part)

        while container.position < start + len(piece):
            container.follow(read, start + len(piece))

    def _verdict(self) -> str:
        """What proves the bytes right. Raises PermanentError where something proves them wrong."""
        file = self._file
        is_page = not (self._accept_any_type or may_be_page(file.filename))
        is_page = is_page and looks_like_page(self._first)
        if file.md5 is not None:
            found = self._md5.hexdigest()
            if found == file.md5:
                return "md5"
            if not is_page or self.size == file.size:
                raise _wrong(f"md5 mismatch: Flow says {file.md5}, what came has {found}", "MD5")
        if is_page and self.size != file.size:
            raise _wrong("the server sent a web page instead of the file", "NOT_A_FILE")
        if file.size is not None and self.size != file.size:
            came = f"{self.size:,} came"
            raise _wrong(f"size mismatch: Flow says {file.size:,} bytes, {came}", "SIZE")
        if not self.size and file.size is None:
            raise _wrong("nothing came, and Flow does not say that the file is empty", "EMPTY")
        known = "size" if file.size is not None else "length"
        if self._container is None:
            return known
        try:
            is_checked = self._container.concluded()
        except Damaged as error:
            raise _wrong(str(error), "DAMAGED") from error
        unmarked = file.size is None and ends_with_marker(file.filename)
        if is_checked and unmarked and self._last != BAM_END:
            raise _wrong("the BAM file is truncated: its end-of-file block is missing", "DAMAGED")
        return f"{known} and gzip check" if is_checked else known


def _wrong(words: str, code: str) -> PermanentError:
    return PermanentError(f"{words}; do not use what came", code=code, retryable=True)
