"""How a message is written on the socket: one JSON object a line, ASCII, at most MAX_LINE bytes."""

from __future__ import annotations

import json
from typing import Any

PROTOCOL = 3
"""Raised by one when a message changes its meaning; another version's engine is replaced."""

MAX_LINE = 64 << 20
"""Bytes of the longest line that is read; a queue of 100,000 files fits."""


class ProtocolError(Exception):
    """A line that is no message of this protocol."""


def encode(message: dict[str, Any]) -> bytes:
    """A message as one line."""
    return json.dumps(message, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> dict[str, Any]:
    """The message of a line. Raises ProtocolError."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"not a JSON line: {line[:80]!r}") from error
    if not isinstance(message, dict):
        raise ProtocolError("a message is a JSON object")
    return message
