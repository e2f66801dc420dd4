"""The list of a ZIP archive, from the directory at its end (APPNOTE 4.3)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from flowtui.peek.kinds import Kind
from flowtui.peek.view import MOST_ROWS, View, table
from flowtui.text import quantities

TAIL = (1 << 16) + 22 + 20
"""Bytes from the end among which the directory's end record is: a comment may follow it."""

_END, _END_64, _LOCATOR_64, _ENTRY = b"PK\5\6", b"PK\6\6", b"PK\6\7", b"PK\1\2"
_FULL_16, _FULL_32 = 0xFFFF, 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Directory:
    """Where an archive's directory is: bytes `[start, start + size)`, of `count` entries."""

    start: int
    size: int
    count: int


class NoDirectory(ValueError):
    """What the end of an archive lacks, as a sentence for people."""


def directory_of(tail: bytes, total: int) -> Directory:
    """Where the directory is, from the last bytes of an archive of `total`. Raises NoDirectory."""
    at = tail.rfind(_END)
    while at >= 0 and len(tail) - at < 22:
        at = tail.rfind(_END, 0, at)
    if at < 0:
        raise NoDirectory("The archive has no directory at its end: it is cut, or no ZIP.")
    count, size, start = struct.unpack_from("<HII", tail, at + 10)
    if count == _FULL_16 or _FULL_32 in (size, start):
        count, size, start = _of_64(tail, at, total) or (count, size, start)
    if start + size > total:
        raise NoDirectory("The archive is cut, or its directory is broken.")
    return Directory(start, size, count)


def _of_64(tail: bytes, end: int, total: int) -> tuple[int, int, int] | None:
    if end < 20 or tail[end - 20 : end - 16] != _LOCATOR_64:
        return None
    (where,) = struct.unpack_from("<Q", tail, end - 12)
    at = where - (total - len(tail))
    if at < 0 or len(tail) < at + 56 or tail[at : at + 4] != _END_64:
        raise NoDirectory("The archive's directory is broken.")
    count, size, start = struct.unpack_from("<QQQ", tail, at + 32)
    return count, size, start


def look(directory: bytes, place: Directory) -> View:
    """The entries in the bytes of a directory, which may be cut."""
    rows: list[tuple[str, ...]] = []
    total = at = seen = 0
    while at + 46 <= len(directory) and directory[at : at + 4] == _ENTRY:
        flags, _, time, date = struct.unpack_from("<HHHH", directory, at + 8)
        packed, size, name_size, extra_size, comment = struct.unpack_from(
            "<IIHHH", directory, at + 20
        )
        name = directory[at + 46 : at + 46 + name_size]
        extra = directory[at + 46 + name_size : at + 46 + name_size + extra_size]
        if at + 46 + name_size > len(directory):
            break
        size, packed = _sizes(size, packed, extra)
        seen, total = seen + 1, total + size
        if len(rows) < MOST_ROWS:
            shown = name.decode("utf-8" if flags & 0x800 else "cp437", "replace")
            is_folder = shown.endswith("/")
            sizes = ("", "") if is_folder else (quantities.size(size), quantities.size(packed))
            rows.append((*sizes, _moment(date, time), shown))
        at += 46 + name_size + extra_size + comment
    is_cut = seen < place.count
    facts = [("entries", f"{place.count:,}")]
    if not is_cut:
        facts.append(("unpacked", quantities.size(total)))
    notes = [f"The first {len(rows):,} entries are shown."] if len(rows) < place.count else []
    heads = ("size", "packed", "modified", "name")
    return View(Kind.ZIP, tuple(facts), (table("", heads, rows),), tuple(notes))


def _sizes(size: int, packed: int, extra: bytes) -> tuple[int, int]:
    """Sizes as they are where they do not fit into 32 bits (4.5.3)."""
    at = 0
    while at + 4 <= len(extra):
        id_, length = struct.unpack_from("<HH", extra, at)
        field = extra[at + 4 : at + 4 + length]
        if id_ == 1:
            values = iter(struct.unpack(f"<{len(field) // 8}Q", field[: len(field) // 8 * 8]))
            size = next(values, size) if size == _FULL_32 else size
            packed = next(values, packed) if packed == _FULL_32 else packed
        at += 4 + length
    return size, packed


def _moment(date: int, time: int) -> str:
    return (f"{1980 + (date >> 9)}-{date >> 5 & 15:02}-{date & 31:02}"
            f" {time >> 11:02}:{time >> 5 & 63:02}")  # fmt: skip
