"""ZIP and tar.gz archives as sources: only headers are made, so any range costs nothing.

Members are stored, not compressed: they are compressed already, and sizes are known beforehand.
"""

from __future__ import annotations

import struct
import tarfile
import time
import zipfile
from collections.abc import Sequence

from flowtui.demo.catalogue import File
from flowtui.demo.source import Joined, Source, Window, crc32

ZIP_LIMIT = (1 << 32) - (1 << 20)
"""Bytes that an archive without ZIP64 can hold, with room for its directory."""

_STORED_BLOCK = 65_535  # the most that a stored block of deflate can hold (RFC 1951, 3.2.4)


class TooLarge(Exception):
    """The files do not fit one archive."""


def member_names(files: Sequence[File]) -> list[str]:
    """A path in the archive for each file: `<sample>/<filename>`, safe and each once."""
    taken: set[str] = set()
    names = []
    for file in files:
        if file.sample:
            name = f"{_safe(file.sample.name)}/{_safe(file.filename)}"
        elif file.execution:
            parts = "/".join(_safe(part) for part in file.path.split("/"))
            name = f"executions/{file.execution.id}/{parts}"
        else:
            name = _safe(file.filename)
        if name in taken:
            folder, _, last = name.rpartition("/")
            name = f"{folder}/{file.id}_{last}"
        taken.add(name)
        names.append(name)
    return names


def _safe(part: str) -> str:
    kept = "".join(c if c.isprintable() and c not in "/\\" else "_" for c in part)
    return kept if kept.strip(".") else "_"


def zip_of(files: Sequence[File]) -> Source:
    """A ZIP of the files. One pass over their bytes (CRC-32). Raises TooLarge."""
    if sum(file.size + 1000 for file in files) > ZIP_LIMIT or len(files) > 65_000:
        raise TooLarge("The files do not fit one archive of 4 GB")
    parts: list[Source | bytes] = []
    directory: list[bytes] = []
    offset = 0
    for file, name in zip(files, member_names(files), strict=True):
        info = zipfile.ZipInfo(name, time.gmtime(file.created)[:6])
        info.CRC = file.content.crc32
        info.file_size = info.compress_size = file.size
        header = info.FileHeader(zip64=False)
        parts += [header, file.content]
        directory.append(_directory_entry(header, offset))
        offset += len(header) + file.size
    listing = b"".join(directory)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, len(files), len(files), len(listing), offset, 0)
    return Joined([*parts, listing, end])


def _directory_entry(header: bytes, offset: int) -> bytes:
    """The central directory's entry for a local header (APPNOTE 4.3.7 and 4.3.12)."""
    shared, name = header[4:30], header[30:]
    regular_file = 0o100644 << 16
    return (
        b"PK\1\2"
        + struct.pack("<BB", 20, 3)
        + shared
        + struct.pack("<3H2L", 0, 0, 0, regular_file, offset)
        + name
    )


def tar_gz_of(files: Sequence[File]) -> Source:
    """A tar.gz of the files. One pass over their bytes (CRC-32)."""
    parts: list[Source | bytes] = []
    for file, name in zip(files, member_names(files), strict=True):
        info = tarfile.TarInfo(name)
        info.size, info.mtime, info.mode = file.size, file.created, 0o644
        parts += [info.tobuf(tarfile.PAX_FORMAT), file.content, b"\0" * (-file.size % 512)]
    parts.append(b"\0" * 1024)
    return _gzip(Joined(parts))


def _gzip(source: Source) -> Source:
    parts: list[Source | bytes] = [b"\x1f\x8b\x08\0\0\0\0\0\0\xff"]
    for start in range(0, source.size, _STORED_BLOCK):
        length = min(_STORED_BLOCK, source.size - start)
        last = start + length == source.size
        parts.append(struct.pack("<BHH", last, length, length ^ 0xFFFF))
        parts.append(Window(source, start, length))
    parts.append(struct.pack("<II", crc32(source), source.size & 0xFFFFFFFF))
    return Joined(parts)
