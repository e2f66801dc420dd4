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
