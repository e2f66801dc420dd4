"""What an archive must not hold. What a server sends is untrusted, its archives too.

An archive that breaks one rule is refused as a whole, before a byte of it is unpacked: it was made
by somebody who means ill, or by a server whose archives cannot be relied on. Refused are paths
that lead outside, links and devices, names that come twice, encryption and rare compressions, more
members than there can be, more bytes than were promised (or than any honest file shrinks to), and
members that share their bytes.
"""

from __future__ import annotations

import os
import stat
import struct
import unicodedata
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from flowtui.text import quantities
from flowtui.text.printable import printable
from flowtui.transfer.verify.zip_check import overlapping

RATIO = 100
"""Times its own size that an archive may unpack to where sizes were not promised. Reads and
alignments are compressed already; tables shrink to a tenth."""

SLACK_BYTES = 64 << 20
"""For what a server may add of its own: a list of the files, a note."""

SLACK_MEMBERS = 1000

DIRECTORY_ENTRY = 1024
"""Bytes of a zip's directory that one member may take on average, name and extras included."""

_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class Hostile(Exception):
    """The archive breaks a rule; the message says which, for people."""


@dataclass(frozen=True)
class Limits:
    """How much an archive may hold: so many members, so many bytes once unpacked."""

    members: int
    bytes: int

    @classmethod
    def of(
        cls,
        sizes: Iterable[int | None],
        archive_size: int,
        *,
        slack_bytes: int = SLACK_BYTES,
        slack_members: int = SLACK_MEMBERS,
    ) -> Limits:
        """For files of these sizes, None where nobody knows one.

        The slack is what a server may add of its own.
        """
        known = list(sizes)
        promised = sum(size or 0 for size in known)
        allowed = promised + promised // 10 + slack_bytes
        if None in known:
            allowed += RATIO * archive_size
        return cls(2 * len(known) + slack_members, allowed)


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive.

    Attributes:
        index: its place among the archive's files. `name`: its path as the archive has it.
        crc: its CRC-32 as the archive says. `md5`: of its bytes, where they were read already.
    """

    index: int
    name: str
    size: int
    crc: int | None = None
    md5: str | None = None


class Census:
    """Counts the members as they come. Raises Hostile as soon as a rule is broken."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._names: set[str] = set()
        self._bytes = 0
        self._members = 0

    def take(self, name: str, size: int, *, is_folder: bool = False) -> None:
        """One member more. Some programs write a folder once for each file in it."""
        check_name(name)
        self._members += 1
        if self._members > self._limits.members:
            raise Hostile(f"it has more than {self._limits.members:,} members")
        if is_folder and not size:
            return
        if not parts_of(name):
            raise Hostile("it has a file without a name")
        known = unicodedata.normalize("NFC", "/".join(parts_of(name)))
        if known in self._names:
            raise Hostile(f"it has {quoted(name)} twice")
        self._names.add(known)
        self._bytes += size
        if size < 0 or self._bytes > self._limits.bytes:
            raise Hostile(
                f"it unpacks to more than {quantities.size(self._limits.bytes)}, far beyond what"
                " was promised"
            )


def check_name(name: str) -> None:
    """Raise Hostile for a path that is absolute or leads outside."""
    if name.startswith(("/", "\\")) or (len(name) > 1 and name[1] == ":" and name[0].isalpha()):
        raise Hostile(f"it has the absolute path {quoted(name)}")
    if "\0" in name:
        raise Hostile(f"it has the name {quoted(name)} with a zero byte")
    if ".." in parts_of(name):
        raise Hostile(f"it has the path {quoted(name)}, which leads outside")


def parts_of(name: str) -> tuple[str, ...]:
    """The parts of a member's path; a backslash separates too, as some programs write it."""
    return tuple(part for part in name.replace("\\", "/").split("/") if part not in ("", "."))


def check_zip_entry(info: zipfile.ZipInfo) -> None:
    """Raise Hostile for a link, a device, an encrypted member, or a compression of no use here."""
    if "\0" in info.orig_filename:
        raise Hostile(f"it has the name {quoted(info.orig_filename)} with a zero byte")
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        what = "link" if kind == stat.S_IFLNK else "device"
        raise Hostile(f"{quoted(info.filename)} is a {what}")
    if info.flag_bits & 0x2041:
        raise Hostile(f"{quoted(info.filename)} is encrypted")
    if info.compress_type not in _METHODS:
        raise Hostile(f"{quoted(info.filename)} is compressed in a way that is not used here")


def check_zip_layout(infos: Sequence[zipfile.ZipInfo], directory: int, stream: BinaryIO) -> None:
    """Raise Hostile where members overlap, or reach into the directory. Raises OSError."""
    if (found := overlapping(infos, directory, stream)) is not None:
        raise Hostile(f"{quoted(found.filename)} shares its bytes with others")


def check_zip_directory(stream: BinaryIO, limits: Limits) -> None:
    """Raise Hostile where a zip's directory is too large to be read, before it is read.

    What is no zip is left for the reader to say. Raises OSError.
    """
    size = stream.seek(0, os.SEEK_END)
    start = max(0, size - 22 - 0xFFFF)
    stream.seek(start)
    tail = stream.read(size - start)
    at = tail.rfind(b"PK\5\6")
    if at < 0 or len(tail) - at < 22:
        return
    entries, length = struct.unpack("<HL", tail[at + 10 : at + 16])
    if at >= 20 and tail[at - 20 : at - 16] == b"PK\6\7":
        (where,) = struct.unpack("<Q", tail[at - 12 : at - 4])
        stream.seek(min(where, size))
        record = stream.read(56)
        if len(record) == 56 and record[:4] == b"PK\6\6":
            entries, length = struct.unpack("<QQ", record[32:48])
    if entries > limits.members or length > limits.members * DIRECTORY_ENTRY:
        raise Hostile(f"its directory lists {entries:,} members in {quantities.size(length)}")


def quoted(name: str) -> str:
    """A name of an archive as it is shown to people."""
    text = printable(name)
    return repr(text if len(text) <= 80 else text[:79] + "…")
