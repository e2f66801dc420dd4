"""A zip archive tried at its end, by the checksums in its directory (APPNOTE.TXT, 4.3)."""

from __future__ import annotations

import errno
import os
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from flowtui.system.files import open_regular
from flowtui.transfer.cancel import Check
from flowtui.transfer.errors import Damaged

if TYPE_CHECKING:
    from zipfile import ZipInfo

READ = 1 << 20
"""Bytes unpacked at a time."""

STARTS = (b"PK\x03\x04", b"PK\x05\x06")
"""How one begins: with a member, or with the end of an empty directory."""


def check_zip(path: Path, check: Check) -> bool:
    """Every member of an archive; False where one cannot be looked into (encrypted, too new).

    Raises Damaged, also where members overlap: they may unpack to more than anybody could read.
    OSError.
    """
    import zipfile

    whole = True
    try:
        with (
            open(open_regular(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as plain,
            zipfile.ZipFile(plain) as archive,
        ):
            if overlapping(archive.infolist(), archive.start_dir, plain) is not None:
                raise Damaged("broken zip archive: members share their bytes")
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


def overlapping(infos: Sequence[ZipInfo], directory: int, stream: BinaryIO) -> ZipInfo | None:
    """A member whose bytes are another's too, or the directory's, which begins at `directory`.

    Where a member's bytes begin, its own header says, by the lengths of the name and the extra
    field in front of them; these may be others than the directory's. Raises OSError.
    """
    end = 0
    before = None
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < end:
            return info
        stream.seek(info.header_offset)
        header = stream.read(_LOCAL_HEADER)
        if len(header) < _LOCAL_HEADER:
            return info
        name, extra = struct.unpack("<HH", header[26:])
        end = info.header_offset + _LOCAL_HEADER + name + extra + info.compress_size
        before = info
    return before if end > directory else None


_LOCAL_HEADER = 30
"""Bytes of a member's own header, without its name and extra field."""


def _broken() -> tuple[type[Exception], ...]:
    """What Python's zipfile raises where an archive is damaged."""
    import lzma
    import zipfile

    known = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error)
    return (*known, EOFError, ValueError)
