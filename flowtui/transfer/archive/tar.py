"""The members of a tar, from its headers: read by ourselves, in linear time and bounded memory.

Python's tarfile is not asked, because what it makes of a hostile header depends on its version:
patched ones know sizes below zero (CVE-2025-8194) and records without an end (CVE-2024-6232), the
oldest that flowtui runs on does not. What is read here is ustar (POSIX.1-1988), pax (POSIX.1-2001,
"pax Interchange Format") and GNU's long names ("Basic Tar Format" of its manual).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from flowtui.transfer.archive.rules import Hostile, quoted

BLOCK = 512
PIECE = 1 << 18
"""Bytes read at a time."""

LONGEST_HEADER = 1 << 20
"""Bytes of an extended header, or of a long name, which is read whole."""

MOST_HEADERS = 16
"""Extended headers in front of one member; programs write three at most."""

_FILES = b"07\0"
_FOLDER, _PAX, _PAX_SOLARIS, _PAX_GLOBAL = b"5", b"x", b"X", b"g"
_LONG_NAME, _LONG_LINK = b"L", b"K"
_SPARSE = b"S"
_LINKS, _DEVICES = b"12", b"346"
_EXTENDED = _PAX + _PAX_SOLARIS + _PAX_GLOBAL + _LONG_NAME + _LONG_LINK

Read = Callable[[int], bytes]
"""Gives as many bytes as it is asked for; fewer at the end only."""


class BrokenTar(ValueError):
    """The bytes are no tar, or not a whole one."""


@dataclass(frozen=True, slots=True)
class TarEntry:
    """A file or a folder.

    Attributes:
        size: bytes that follow, of a file; what the header says, of a folder.
    """

    name: str
    size: int
    is_folder: bool


@dataclass(frozen=True, slots=True)
class _Extension:
    """What extended headers say of the member that they stand in front of."""

    name: bytes | None = None
    size: int | None = None


class TarStream:
    """A tar that is read from its front to its end, once."""

    def __init__(self, read: Read, check: Callable[[], None]) -> None:
        """`check` is called now and then and may raise."""
        self._read = read
        self._check = check
        self._left = self._padding = 0
        self._all = _Extension()  # of all members from here on

    def next(self) -> TarEntry | None:
        """The next member, passing over what was not read of the one before; None at the end.

        Raises Hostile, BrokenTar, and what `read` and `check` raise.
        """
        self._skip()
        own = _Extension()
        for _ in range(MOST_HEADERS + 1):
            self._check()
            header = self._read(BLOCK)
            if not header.strip(b"\0"):
                if header and len(header) < BLOCK:
                    raise BrokenTar("it ends in the middle of a header")
                return None
            _compare_checksum(header)
            kind, size = header[156:157], _number(header[124:136])
            if kind not in _EXTENDED:
                return self._member(header, kind, size, own)
            content = self._extended(size)
            if kind == _PAX_GLOBAL:
                self._all = _extended_by(self._all, content)
            elif kind == _LONG_NAME:
                own = replace(own, name=content.split(b"\0", 1)[0])
            elif kind != _LONG_LINK:
                own = _extended_by(own, content)
        raise Hostile("it has too many headers in front of one member")

    def read(self, most: int) -> bytes:
        """Bytes of the member, nothing at its end. Raises BrokenTar, and what `read` raises."""
        wanted = min(most, self._left)
        piece = self._read(wanted) if wanted else b""
        if len(piece) < wanted:
            raise BrokenTar("it ends too early")
        self._left -= wanted
        return piece

    def _member(self, header: bytes, kind: bytes, size: int, own: _Extension) -> TarEntry:
        name = own.name if own.name is not None else self._all.name
        text = (_name_in(header) if name is None else name).decode("utf-8", "surrogateescape")
        if own.size is not None or self._all.size is not None:
            size = own.size if own.size is not None else self._all.size or 0
        is_folder = kind == _FOLDER or (kind == b"\0" and text.endswith("/"))
        if not is_folder:
            _require_file(kind, text)
            self._left, self._padding = size, -size % BLOCK
        return TarEntry(text, size, is_folder)

    def _extended(self, size: int) -> bytes:
        if size > LONGEST_HEADER:
            raise Hostile("it has a header that is too long")
        content = self._read(size + -size % BLOCK)
        if len(content) < size:
            raise BrokenTar("it ends in the middle of a header")
        return content[:size]

    def _skip(self) -> None:
        while self.read(PIECE):
            self._check()
        if len(self._read(self._padding)) < self._padding:
            raise BrokenTar("it ends too early")
        self._padding = 0


def _compare_checksum(header: bytes) -> None:
    """Raise BrokenTar for what is no header: its sum is that of its bytes, the field as blanks."""
    if len(header) < BLOCK:
        raise BrokenTar("it ends in the middle of a header")
    told = _number(header[148:156])
    summed = header[:148] + b" " * 8 + header[156:]
    unsigned = sum(summed)
    # Old programs added signed bytes.
    if told not in (unsigned, unsigned - 256 * sum(byte > 127 for byte in summed)):
        raise BrokenTar("a header has another checksum")


def _number(field: bytes) -> int:
    """The number of a field: octal digits, or GNU's form for large ones, which none is below zero.

    Raises Hostile, BrokenTar.
    """
    if field[0] == 0o377:
        raise Hostile("it has a size below zero")
    if field[0] == 0o200:
        return int.from_bytes(field[1:], "big")
    digits = field.split(b"\0", 1)[0].strip()
    if digits.startswith(b"-"):
        raise Hostile("it has a size below zero")
    try:
        return int(digits or b"0", 8)
    except ValueError:
        raise BrokenTar("a header has a damaged number") from None


def _name_in(header: bytes) -> bytes:
    name = header[:100].split(b"\0", 1)[0]
    prefix = header[345:500].split(b"\0", 1)[0]
    # GNU's own headers have times where ustar has the front of the name.
    return prefix + b"/" + name if header[257:263] == b"ustar\0" and prefix else name


def _require_file(kind: bytes, name: str) -> None:
    """Raise Hostile for whatever is no file."""
    if kind == _SPARSE:
        raise Hostile("it has a file with holes")
    if kind in _LINKS:
        raise Hostile(f"{quoted(name)} is a link")
    if kind in _DEVICES:
        raise Hostile(f"{quoted(name)} is a device")
    if kind not in _FILES:
        raise Hostile(f"{quoted(name)} is neither a file nor a folder")


def _extended_by(known: _Extension, content: bytes) -> _Extension:
    """What a pax header says, which consists of lines `LENGTH KEY=VALUE` of that length.

    Raises Hostile, BrokenTar.
    """
    at = 0
    while at < len(content) and content[at]:
        blank = content.find(b" ", at, at + 8)
        digits = content[at:blank] if blank > at else b""
        end = at + int(digits) if digits.isdigit() else 0
        if not blank + 1 < end <= len(content) or content[end - 1 : end] != b"\n":
            raise BrokenTar("an extended header is damaged")
        key, equals, value = content[blank + 1 : end - 1].partition(b"=")
        if not equals:
            raise BrokenTar("an extended header is damaged")
        if key.startswith(b"GNU.sparse."):
            raise Hostile("it has a file with holes")
        if key == b"path":
            known = replace(known, name=value)
        elif key == b"size":
            known = replace(known, size=_decimal(value))
        at = end
    return known


def _decimal(value: bytes) -> int:
    if value.startswith(b"-"):
        raise Hostile("it has a size below zero")
    if not value.isdigit() or len(value) > 19:
        raise BrokenTar("an extended header has a damaged size")
    return int(value)
