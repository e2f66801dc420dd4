"""A zip tried by its own checksums."""

from __future__ import annotations

import errno
import struct
import zlib
from pathlib import Path
from typing import NamedTuple

from flowtui.transfer.cancel import Check
from flowtui.transfer.errors import Damaged

READ = 1 << 20
"""Bytes unpacked at a time."""


_LOCAL = b"PK\x03\x04"


_DIRECTORY = (b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06")


_LOCAL_SIZE, _ZIP64, _ALL_ONES = 30, 1, 0xFFFFFFFF


_ENCRYPTED, _STREAMED, _UTF8, _MASKED = 0x1, 0x8, 0x800, 0x2000


class _Seen(NamedTuple):
    """What a zip archive says of a member, and what was found."""

    name: str
    flags: int
    method: int
    crc: int = 0
    packed: int = 0
    size: int = 0


class _Zip:
    """The members of a zip archive (APPNOTE.TXT, 4.3) in the order in which they come.

    It never calls an archive damaged by itself: where anything is unusual or wrong it stops, and
    the whole is judged from its directory.

    Attributes:
        has_ended: the directory has begun, or it has stopped.
    """

    def __init__(self) -> None:
        self.has_ended = False
        self._seen: dict[int, _Seen] = {}
        self._sure = True
        self._at = 0
        self._head = b""
        self._offset = 0
        self._inflate: zlib._Decompress | None = None
        self._in_member = self._streamed = self._wide = False
        self._said = self._found = _Seen("", 0, 0)

    def feed(self, chunk: bytes, check: Check) -> None:
        while chunk and not self.has_ended:
            check()
            before = len(chunk)
            chunk = self._content(chunk) if self._in_member else self._header(chunk)
            self._at += before - len(chunk)

    def judge(self, path: Path, check: Check) -> bool:
        if self._sure and self.has_ended and self._is_directory(path):
            return True
        return _check_zip(path, check)

    def _is_directory(self, path: Path) -> bool:
        """Whether the directory names what was seen, and nothing else."""
        import zipfile

        try:
            with zipfile.ZipFile(path) as archive:
                listed = {
                    one.header_offset: _Seen(
                        one.orig_filename,
                        one.flag_bits,
                        one.compress_type,
                        one.CRC,
                        one.compress_size,
                        one.file_size,
                    )
                    for one in archive.infolist()
                }
                return len(listed) == len(archive.infolist()) and listed == self._seen
        except (NotImplementedError, OSError):
            return False
        except _broken():
            return False  # what is wrong is found and said by the look at the whole

    def _stop(self) -> bytes:
        self._sure, self.has_ended = False, True
        return b""

    def _header(self, chunk: bytes) -> bytes:
        """Gather a member's header, or the numbers behind its bytes; what is left of the chunk."""
        if not self._head and not self._streamed:
            self._offset = self._at
        wanted = self._header_size()
        self._head, chunk = self._head + chunk[: (n := wanted - len(self._head))], chunk[n:]
        if len(self._head) < wanted or self._header_size() > wanted:
            return chunk
        head, self._head = self._head, b""
        if self._streamed:
            self._numbers(head)
        elif head[:4] == _LOCAL:
            self._begin(head)
        else:
            self._sure = self._sure and head[:4] in _DIRECTORY
            self.has_ended = True
        return chunk

    def _header_size(self) -> int:
        """How long the header is, as far as it is known by now."""
        if self._streamed:
            signed = self._head[:4] == b"PK\x07\x08"
            return 4 if len(self._head) < 4 else 4 * signed + (20 if self._wide else 12)
        if len(self._head) < 4 or self._head[:4] != _LOCAL:
            return 4
        if len(self._head) < _LOCAL_SIZE:
            return _LOCAL_SIZE
        name, extra = struct.unpack("<HH", self._head[26:_LOCAL_SIZE])
        return _LOCAL_SIZE + int(name) + int(extra)

    def _begin(self, head: bytes) -> None:
        flags, method = struct.unpack("<HH", head[6:10])
        crc, packed, size, name_size = struct.unpack("<IIIH", head[14:28])
        name = head[_LOCAL_SIZE : _LOCAL_SIZE + name_size]
        self._streamed = bool(flags & _STREAMED)
        wide = _zip64(head[_LOCAL_SIZE + name_size :])
        self._wide = wide is not None
        if wide and not self._streamed and _ALL_ONES in (packed, size):
            if len(wide) != 2:
                self._stop()
                return
            size, packed = wide
        if (
            flags & (_ENCRYPTED | _MASKED)
            or method not in (0, 8)
            or (self._streamed and not method)
        ):
            self._stop()
            return
        try:
            text = name.decode("utf-8" if flags & _UTF8 else "cp437")
        except UnicodeDecodeError:
            self._stop()
            return
        self._found = _Seen(text, flags, method)
        self._said = self._found._replace(crc=crc, packed=packed, size=size)
        self._inflate = zlib.decompressobj(-15) if method else None
        self._in_member = True
        if not self._streamed and not packed:
            self._end(method == 0)

    def _content(self, chunk: bytes) -> bytes:
        packed = self._found.packed
        most = len(chunk) if self._streamed else self._said.packed - packed
        piece, rest = chunk[:most], chunk[most:]
        if self._inflate is None:
            out, left = piece, b""
        else:
            try:
                out = self._inflate.decompress(piece, READ)
            except zlib.error:
                return self._stop()
            left = self._inflate.unused_data or self._inflate.unconsumed_tail
        packed += len(piece) - len(left)
        self._take(out, packed)
        at_end = self._inflate is None or self._inflate.eof
        if self._streamed:
            self._in_member = not at_end
        elif packed == self._said.packed and not left:
            # What is unpacked already may still be in the inflater's hands.
            if self._inflate is not None and not at_end and len(out) == READ:
                return self._drain(rest)
            self._end(at_end)
        elif at_end and self._inflate is not None:
            return self._stop()
        return left + rest

    def _drain(self, rest: bytes) -> bytes:
        """Take what the inflater has still to give, where it has taken all bytes of its member."""
        assert self._inflate is not None
        while not self._inflate.eof and (out := self._inflate.decompress(b"", READ)):
            self._take(out, self._found.packed)
        self._end(self._inflate.eof)
        return rest

    def _take(self, out: bytes, packed: int) -> None:
        found = self._found
        crc, size = zlib.crc32(out, found.crc), found.size + len(out)
        self._found = found._replace(crc=crc, packed=packed, size=size)

    def _numbers(self, head: bytes) -> None:
        """The numbers behind the bytes of a member whose header came too early to know them."""
        crc, packed, size = struct.unpack(
            "<IQQ" if self._wide else "<III", head[-20:] if self._wide else head[-12:]
        )
        self._said = self._said._replace(crc=crc, packed=packed, size=size)
        self._streamed = False
        self._end(True)

    def _end(self, whole: bool) -> None:
        self._in_member = False
        self._inflate = None
        if not whole or self._said != self._found:
            self._stop()
            return
        self._seen[self._offset] = self._found


def _zip64(extra: bytes) -> tuple[int, ...] | None:
    """The 64-bit numbers of a local header's extra field: size and packed size; None if none."""
    while len(extra) >= 4:
        kind, length = struct.unpack("<HH", extra[:4])
        if kind == _ZIP64:
            field = extra[4 : 4 + length]
            return struct.unpack(f"<{len(field) // 8}Q", field[: len(field) // 8 * 8])
        extra = extra[4 + length :]
    return None


def _check_zip(path: Path, check: Check) -> bool:
    """Every member of an archive; False where one cannot be looked into (encrypted, too new)."""
    import zipfile

    whole = True
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                try:
                    stream = archive.open(member)
                except (NotImplementedError, RuntimeError):
                    whole = False
                    continue
                with stream:
                    while stream.read(READ):
                        check()
    except NotImplementedError:
        return False
    except _broken() as error:
        raise Damaged(f"broken zip archive: {error}") from error
    except OSError as error:
        if error.errno not in (None, errno.EINVAL):
            raise  # the disk's
        # bzip2 data that is none, or a place before the first byte.
        raise Damaged(f"broken zip archive: {error}") from error
    return whole


def _broken() -> tuple[type[Exception], ...]:
    """What Python's zipfile raises where an archive is damaged."""
    import lzma
    import zipfile

    known = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error)
    return (*known, EOFError, ValueError)
