"""A zip archive tried at its end, by the checksums in its directory (APPNOTE.TXT, 4.3)."""

from __future__ import annotations

import errno
import struct
import zlib
from pathlib import Path

from flowtui.transfer.cancel import Check
from flowtui.transfer.errors import Damaged

READ = 1 << 20
"""Bytes unpacked at a time."""

STARTS = (b"PK\x03\x04", b"PK\x05\x06")
"""How one begins: with a member, or with the end of an empty directory."""


def check_zip(path: Path, check: Check) -> bool:
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
