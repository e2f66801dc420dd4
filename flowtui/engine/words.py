"""Numbers in words, for reasons and messages."""

from __future__ import annotations


def size_words(count: int) -> str:
    """Bytes as people say them, in decimal units: `12.4 GB`."""
    value = float(count)
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if abs(value) < 999.5 or unit == "TB":
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1000
    raise AssertionError


def time_words(seconds: float) -> str:
    """A wait as people say it: `38 s`, `12 min`, `3 h`, `9 days`."""
    for unit, length, below in (("s", 1, 120), ("min", 60, 7200), ("h", 3600, 172_800)):
        if seconds < below:
            return f"{max(1, round(seconds / length))} {unit}"
    return f"{round(seconds / 86_400):,} days"
