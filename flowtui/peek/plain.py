"""Text, and what is none: its lines, or its first bytes in hexadecimal."""

from __future__ import annotations

from flowtui.peek.kinds import Kind, other_kind
from flowtui.peek.view import View, lines

SHOWN_BYTES = 256


def decoded(data: bytes) -> str:
    """Bytes as text, whatever they are: UTF-8, UTF-16 with its mark, else Latin-1."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start >= len(data) - 3:  # a character was cut
            return data[: error.start].decode("utf-8")
        return data.decode("latin-1")


def text_lines(data: bytes, *, is_whole: bool) -> list[str]:
    """The lines; the last one only where it is known to be whole, or the only one."""
    found = decoded(data).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if len(found) > 1 and (not is_whole or not found[-1]):
        found.pop()
    return found


def text(data: bytes, *, is_whole: bool) -> View:
    """A text."""
    return View(Kind.TEXT, (), (lines("", text_lines(data, is_whole=is_whole)),))


def binary(data: bytes) -> View:
    """The first bytes of a file that nobody can read."""
    shown = data[:SHOWN_BYTES]
    rows = [shown[at : at + 16] for at in range(0, len(shown), 16)]
    written = [
        f"{at * 16:06x}  {row.hex(' ', 1):<47}  "
        + "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        for at, row in enumerate(rows)
    ]
    return View(other_kind(data), (), (lines("First bytes", written),))
