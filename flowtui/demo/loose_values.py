"""Answers whose values have other types than they should, as the live service has some of them."""

from __future__ import annotations

import json
from typing import Any


def loosened(value: Any) -> Any:
    """A value of JSON with numbers as text, yes and no as 1 and 0, null for an empty list."""
    if isinstance(value, dict):
        return {key: loosened(item) for key, item in value.items()}
    if isinstance(value, list):
        return [loosened(item) for item in value] or None
    if isinstance(value, bool):
        return int(value)
    return str(value) if isinstance(value, int | float) else value


def made_loose(body: bytes) -> bytes:
    """The JSON of an answer, loosened."""
    return json.dumps(loosened(json.loads(body))).encode()
