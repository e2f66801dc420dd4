"""Putting an open file's bytes on the disk, on systems that lack some of the calls for it."""

from __future__ import annotations

import os


def flush_data(descriptor: int) -> None:
    """Put the bytes on the disk, and of the rest what is needed to read them. Raises OSError."""
    # macOS has no fdatasync.
    getattr(os, "fdatasync", os.fsync)(descriptor)


def begin_flush(descriptor: int) -> None:
    """Have the system begin to write the bytes, without waiting; nothing where it takes no advice.

    Raises OSError.
    """
    # macOS and OpenBSD have no posix_fadvise.
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
