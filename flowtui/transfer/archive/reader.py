"""Archives as files that can be read one by one: zip (with zip64) and tar.gz, told by content.

Memory stays small whatever is in them: bytes come in pieces, and what is kept is a name, a size
and a checksum a member. Every rule of `archive_rules` is applied before the first byte is given.
"""

from __future__ import annotations

import hashlib
import io
import struct
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

from flowtui.transfer.archive.gunzip import gunzipped
from flowtui.transfer.archive.rules import (
    Census,
    Hostile,
    Limits,
    Member,
    check_zip_directory,
    check_zip_entry,
    check_zip_layout,
)
from flowtui.transfer.archive.tar import PIECE, TarStream

_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    LookupError,
    NotImplementedError,
    RecursionError,
    ValueError,
)
"""What the libraries raise on bytes that are no archive, or not a whole one."""


class Broken(Exception):
    """The archive, or one member of it, cannot be read, or its checksum does not fit."""


Check = Callable[[], None]
"""Called now and then; raises to stop."""

Pieces = Iterator[bytes]
"""The bytes of a member; raises Broken where its checksum does not fit at the end."""


class Archive(Protocol):
    """An open archive.

    Attributes:
        members: its files.
        in_order: whether members can be read in their order only, each once.
    """

    members: list[Member]
    in_order: bool

    def read(self, indexes: set[int]) -> Iterator[tuple[Member, Pieces]]:
        """These members with their bytes, which must be read before the next is asked for."""

    def close(self) -> None:
        """Let go of it."""


def open_archive(path: Path, limits_for: Callable[[int], Limits], check: Check) -> Archive:
    """The archive at `path`, by its content. `limits_for` gets its size in bytes.

    Raises Hostile, Broken, OSError, and what `check` raises.
    """
    with path.open("rb") as stream:
        magic = stream.read(4)
        size = stream.seek(0, io.SEEK_END)
    limits = limits_for(size)
    if magic[:2] == b"\x1f\x8b":
        return TarGz(path, limits, check)
    if magic in (b"PK\3\4", b"PK\5\6"):
        return Zip(path, limits)
    raise Broken("it is neither a zip nor a tar.gz archive")


class Zip:
    """A zip archive; see `Archive`. `read` may be used by several threads at once."""

    in_order = False

    def __init__(self, path: Path, limits: Limits) -> None:
        self._stream = path.open("rb")
        try:
            check_zip_directory(self._stream, limits)
            self._zip = zipfile.ZipFile(self._stream)
            infos = self._zip.infolist()
            check_zip_layout(infos, self._zip.start_dir, self._stream)
            census = Census(limits)
            for info in infos:
                check_zip_entry(info)
                census.take(_name(info), info.file_size, is_folder=info.is_dir())
        except _BROKEN as error:
            self._stream.close()
            raise Broken(f"it is a broken zip archive: {error}") from error
        except BaseException:
            self._stream.close()
            raise
        self._infos = [info for info in infos if not info.is_dir()]
        self.members = [
            Member(index, _name(info), info.file_size, info.CRC)
            for index, info in enumerate(self._infos)
        ]

    def read(self, indexes: set[int]) -> Iterator[tuple[Member, Pieces]]:
        """See `Archive.read`; in the order in which they lie on the disk."""
        for index in sorted(indexes, key=lambda one: self._infos[one].header_offset):
            yield self.members[index], self._pieces(index)

    def _pieces(self, index: int) -> Pieces:
        info = self._infos[index]
        try:
            with self._zip.open(info) as stream:
                left = info.file_size
                while left:
                    piece = stream.read(min(PIECE, left))
                    if not piece:
                        raise Broken("it ends too early")
                    left -= len(piece)
                    yield piece
                stream.read(1)  # at the end the checksum is compared
        except _BROKEN as error:
            raise Broken(str(error)) from error

    def close(self) -> None:
        """See `Archive.close`."""
        self._zip.close()
        self._stream.close()


def _name(info: zipfile.ZipInfo) -> str:
    """A member's name; many programs write UTF-8 without saying so, which zipfile cannot know."""
    if info.flag_bits & 0x800:
        return info.filename
    try:
        return info.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return info.filename


class TarGz:
    """A gzipped tar; see `Archive`.

    Only its end tells whether it is whole (one checksum for all of it), so it is read twice: once
    to prove it and to learn what is in it, with the md5 of every member, then to unpack it.
    """

    in_order = True

    def __init__(self, path: Path, limits: Limits, check: Check) -> None:
        self._path = path
        self._limits = limits
        self._check = check
        self.members = []
        for member, pieces in self._walk(Census(limits)):
            md5 = hashlib.md5(usedforsecurity=False)
            for piece in pieces:
                check()
                md5.update(piece)
            self.members.append(Member(member.index, member.name, member.size, md5=md5.hexdigest()))

    def read(self, indexes: set[int]) -> Iterator[tuple[Member, Pieces]]:
        """See `Archive.read`."""
        for member, pieces in self._walk(Census(self._limits)):
            if member.index in indexes:
                yield self.members[member.index], pieces

    def close(self) -> None:
        """See `Archive.close`; nothing is held open."""

    def _walk(self, census: Census) -> Iterator[tuple[Member, Pieces]]:
        """All files with their bytes, to the very end of the stream."""
        try:
            with open(self._path, "rb") as packed:
                bounded = _Bounded(gunzipped(packed, self._check), self._limits)
                tar = TarStream(bounded.read, self._check)
                index = 0
                while (entry := tar.next()) is not None:
                    census.take(entry.name, entry.size, is_folder=entry.is_folder)
                    if not entry.is_folder:
                        yield Member(index, entry.name, entry.size), self._pieces(tar)
                        index += 1
                while bounded.read(PIECE):
                    self._check()  # the checksum stands behind the padding
        except _BROKEN as error:
            raise Broken(f"it is a broken tar.gz archive: {error}") from error

    def _pieces(self, tar: TarStream) -> Pieces:
        try:
            while piece := tar.read(PIECE):
                yield piece
        except _BROKEN as error:
            raise Broken(f"it is a broken tar.gz archive: {error}") from error


class _Bounded:
    """A stream that ends with Hostile where it becomes longer than an honest one can be."""

    def __init__(self, stream: Any, limits: Limits) -> None:
        self._stream = stream
        self._left = limits.bytes + limits.members * 4096

    def read(self, size: int) -> bytes:
        piece: bytes = self._stream.read(size)
        self._left -= len(piece)
        if self._left < 0:
            raise Hostile("it unpacks to far more than was promised")
        return piece


class Locked:
    """Several threads take turns at one iterator."""

    def __init__(self, items: Iterator[tuple[Member, Pieces]]) -> None:
        self._items = items
        self._lock = threading.Lock()

    def next(self) -> tuple[Member, Pieces] | None:
        """The next one, or None at the end."""
        with self._lock:
            return next(self._items, None)
