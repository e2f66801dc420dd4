"""ZIP and tar.gz archives as sources: only headers are made, so any range costs nothing.

Members are stored, not compressed: they are compressed already, and sizes are known beforehand.
"""

from __future__ import annotations

import hashlib
import struct
import tarfile
import time
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace

from flowtui.demo.byte_source import ByteSource, Content, Flipped, Joined, Window, crc32
from flowtui.demo.catalogue import File
from flowtui.demo.scenarios import NO_SCENARIOS, Scenario, Scenarios

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
        ending = ".zip" if file.is_folder else ""
        if file.sample:
            name = f"{_safe(file.sample.name)}/{_safe(file.filename)}{ending}"
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


@dataclass(frozen=True)
class Entry:
    """A file in an archive. `crc32` is what the archive says, and need not be true."""

    name: str
    source: ByteSource
    crc32: int
    created: int


def entries_of(files: Sequence[File], scenarios: Scenarios = NO_SCENARIOS) -> list[Entry]:
    """The members of an archive of these files, as the chosen scenarios have them."""
    names = member_names(files)
    if scenarios.has(Scenario.FLAT):
        names = [f"{file.id}_{_safe(file.filename)}" for file in files]
    entries = [
        Entry(name, file.content, file.content.crc32, file.created)
        for file, name in zip(files, names, strict=True)
    ]
    if scenarios.has(Scenario.DAMAGED) and entries:
        first = entries[0]
        entries[0] = replace(first, source=Flipped(first.source, first.source.size // 2))
    if scenarios.has(Scenario.MISSING):
        del entries[1:2]
    if scenarios.has(Scenario.HOSTILE):
        evil = Content(b"this should never be written\n")
        entries.append(Entry("../../evil.txt", evil, evil.crc32, files[0].created))
    return entries


def etag_of(entries: Sequence[Entry]) -> str:
    """A strong entity tag: the same for the same members, in whichever job they are."""
    text = "\n".join(f"{entry.name} {entry.source.size} {entry.crc32}" for entry in entries)
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:24]}"'


def zip_of(entries: Sequence[Entry]) -> ByteSource:
    """A ZIP. Raises TooLarge."""
    if sum(entry.source.size + 1000 for entry in entries) > ZIP_LIMIT or len(entries) > 65_000:
        raise TooLarge("The files do not fit one archive of 4 GB")
    parts: list[ByteSource | bytes] = []
    directory: list[bytes] = []
    offset = 0
    for entry in entries:
        info = zipfile.ZipInfo(entry.name, time.gmtime(entry.created)[:6])
        info.CRC = entry.crc32
        info.file_size = info.compress_size = entry.source.size
        header = info.FileHeader(zip64=False)
        parts += [header, entry.source]
        directory.append(_directory_entry(header, offset))
        offset += len(header) + entry.source.size
    listing = b"".join(directory)
    count = len(entries)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, len(listing), offset, 0)
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


def tar_gz_of(entries: Sequence[Entry]) -> ByteSource:
    """A tar.gz. One pass over its bytes (CRC-32)."""
    parts: list[ByteSource | bytes] = []
    for entry in entries:
        info = tarfile.TarInfo(entry.name)
        info.size, info.mtime, info.mode = entry.source.size, entry.created, 0o644
        parts += [info.tobuf(tarfile.PAX_FORMAT), entry.source, b"\0" * (-info.size % 512)]
    parts.append(b"\0" * 1024)
    return _gzip(Joined(parts))


def _gzip(source: ByteSource) -> ByteSource:
    parts: list[ByteSource | bytes] = [b"\x1f\x8b\x08\0\0\0\0\0\0\xff"]
    for start in range(0, source.size, _STORED_BLOCK):
        length = min(_STORED_BLOCK, source.size - start)
        last = start + length == source.size
        parts.append(struct.pack("<BHH", last, length, length ^ 0xFFFF))
        parts.append(Window(source, start, length))
    parts.append(struct.pack("<II", crc32(source), source.size & 0xFFFFFFFF))
    return Joined(parts)
