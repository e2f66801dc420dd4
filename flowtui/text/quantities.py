"""Bytes, rates and times as people read them: the same words in app, commands and reasons."""

from __future__ import annotations

from collections.abc import Sequence


def size(count: int | float) -> str:
    """Bytes in decimal units: `0 B`, `36.0 MB`, `2.7 GB`."""
    import humanize

    return humanize.naturalsize(count, format="%.1f").replace("Bytes", "B").replace("Byte", "B")


def rate(per_second: float) -> str:
    """Bytes a second: `11.3 MB/s`."""
    return f"{size(int(per_second))}/s"


def silence(folder: str, seconds: float) -> str:
    """That the disk of a folder does not answer: `the disk of /data has not answered for 40 s`."""
    return f"the disk of {folder} has not answered for {wait(seconds)}"


def waiting(why: str, seconds: float) -> str:
    """Why something waits, and how long: `the server is busy; waiting 2 minutes`."""
    return f"{why}; waiting {wait(seconds)}"


def wait(seconds: float) -> str:
    """A time to wait, roughly: `38 s`, `12 min`, `3 h`, `9 days`; never nothing at all.

    From 366 days on it is `more than a year`: nobody reads more of a `Retry-After`.
    """
    for unit, length, below in (("s", 1, 120), ("min", 60, 7200), ("h", 3600, 172_800)):
        if seconds < below:
            return f"{max(1, round(seconds / length))} {unit}"
    if seconds >= 366 * 86_400:
        return "more than a year"
    return f"{round(seconds / 86_400):,} days"


def counted(count: int, noun: str) -> str:
    """How many of something: `1 file`, `1,204 files`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def named(names: Sequence[str], most: int) -> str:
    """The first names, and how many more there are: `a, b and 3 more`."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def duration(seconds: float) -> str:
    """A time in its two largest units: `42 s`, `3 m 07 s`, `2 h 15 m`, `5 d 03 h`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} m {whole % 60:02d} s"
    if whole < 48 * 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} m"
    return f"{whole // 86400} d {whole % 86400 // 3600:02d} h"
