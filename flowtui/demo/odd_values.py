"""Answers with values that no record can have: ids that are steps, halves of characters, numbers
beyond a float. What was there before stays, and the same can be read of it.
"""

from __future__ import annotations

import json
from typing import Any

_NAMES = ("projects", "samples", "executions", "data", "outputs", "downstream_data", "filesets")
"""The lists that get rows more."""

ODD_IDS: tuple[object, ...] = (
    ".", "..", "../../etc", "a/b", "a\\b", "a\x1b[2J", "\u202e1", "\ud800", "", " ", "7" * 201,
    None, True, [], {}, -1.5, "@huge@", "@digits@", "@deep@",
)  # fmt: skip

_WRITTEN = {
    '"@huge@"': "1e999",
    '"@digits@"': "7" * 5000,
    '"@deep@"': "[" * 200 + "]" * 200,
}
"""What Python's writer of JSON does not write."""

_ODD_FIELDS: dict[str, object] = {
    "description": "a half \ud800",
    "sample_count": -1,
    "total_size": "@digits@",
    "execution_count": 10**400,
    "finished": 253402300799,
    "started": "0001-01-01T00:00:00+14:00",
}


def made_odd(body: bytes) -> bytes:
    """The JSON of an answer with odd rows in its lists, and odd fields in its records."""
    odd = _odd(json.loads(body))
    text = json.dumps(_with_odd_rows(odd))
    for mark, written in _WRITTEN.items():
        text = text.replace(mark, written)
    return text.encode()


def _odd(value: Any) -> Any:
    if isinstance(value, list):
        return [_odd(item) for item in value]
    if not isinstance(value, dict):
        return value
    odd = {key: _odd(item) for key, item in value.items()}
    for key in odd.keys() & _ODD_FIELDS.keys():
        odd[key] = _ODD_FIELDS[key]
    for key in odd.keys() & set(_NAMES):
        odd[key] = _with_odd_rows(odd[key])
    if odd.get("count"):
        odd["count"] = 10**15
    return odd


def _with_odd_rows(rows: Any) -> Any:
    if not isinstance(rows, list) or not rows or not isinstance(rows[0], dict):
        return rows
    name = "filename" if "filename" in rows[0] else "name"
    odd: list[dict[str, object]] = [{"id": "9001", name: "n" * 5000}]
    odd += ({"id": id_, name: id_} for id_ in ODD_IDS)  # what has no id may be named by its path
    return [*rows, *({**rows[0], **fields} for fields in odd)]
