"""The loose fields of Flow's answers, read into one form whichever dialect they come in.

First single values, then what is spread over several fields. Nonsense is read as nothing: one odd
field must not cost a whole record. But what has no id, or a file no name, is no record.
"""

from __future__ import annotations

import base64
import math
import re
from datetime import UTC, datetime
from typing import Any

from flowtui.text.printable import without_controls

TOO_DEEP = "nested too deeply"
"""What stands for a record that is so."""

LONGEST_ID = 200
"""Characters of an id; those of the live service have 18."""

LONGEST_NAME = 4096
"""Characters of a name; what has a longer one is not on any disk."""

LONGEST_LINK = 16_384
"""Characters of a link; signed ones have a thousand or two."""


def parse_id(value: object) -> str:
    """An id as an opaque string. Raises ValueError for what cannot be one.

    It is a part of addresses, references and paths, so none has a slash, or leads to another.
    """
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("an id is a string or a whole number")
    id_ = str(value)
    if not id_.strip() or len(id_) > LONGEST_ID or id_ in (".", ".."):
        raise ValueError("an id has some characters, and is no step")
    if "/" in id_ or "\\" in id_ or without_controls(id_) != id_:
        raise ValueError("an id has no slashes and no control characters")
    return id_


_LONE = re.compile("[\ud800-\udfff]")
"""Halves of characters, which JSON can hold and nothing else: no file, no terminal, no request."""


_EXACT = 1 << 53
"""Whole numbers below this are exact as floats."""


def parse_id_or_none(value: object) -> str | None:
    """As `parse_id`, for the id of something else that a record names: None for nonsense."""
    try:
        return parse_id(value)
    except ValueError:
        return None


def parse_name(value: object) -> str:
    """The name of a file, as it is. Raises ValueError for what cannot be one."""
    if not isinstance(value, str) or len(value) > LONGEST_NAME:
        raise ValueError("a name is text, and no book")
    return value


def parse_title(value: object) -> str:
    """What a thing is called, empty for none or nonsense. Raises ValueError for one too long."""
    title = parse_text(value)
    if len(title) > LONGEST_NAME:
        raise ValueError("a name is no book")
    return title


def parse_link(value: object) -> str | None:
    """A link as the server gave it, whole or relative; None for none or nonsense."""
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_LINK:
        return None
    return value if without_controls(value) == value else None


def is_writable(text: str) -> bool:
    """Whether a text has no halves of characters, so that something can take it."""
    return text.isascii() or not _LONE.search(text)


def parse_time(value: object) -> datetime | None:
    """A time in UTC from Unix seconds or ISO 8601; None for none, nonsense or another age.

    Seconds come as int, float and text (docs/flow-api.md, 9.10): text is seconds where it has 9 to
    11 digits, so that `20240101` stays a date. Numbers too large for seconds are milliseconds.
    """
    moment = _moment(value)
    return moment if moment is not None and moment.year in _YEARS else None


_YEARS = range(1900, 9000)
"""What can be told in any time zone, and on any machine."""


def _moment(value: object) -> datetime | None:
    if value is None or isinstance(value, bool):
        return None
    try:
        if isinstance(value, str):
            value = value.strip()
            if not _UNIX.fullmatch(value):
                if value.isdecimal() and len(value) != len("20240101"):
                    return None
                parsed = datetime.fromisoformat(value)
                return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
            value = float(value)
        if isinstance(value, int | float):
            return datetime.fromtimestamp(
                value / 1000 if abs(value) >= _MILLISECONDS else value, UTC
            )
    except (ValueError, OverflowError, OSError):
        return None
    return None


_UNIX = re.compile(r"[0-9]{9,14}(\.[0-9]{1,9})?")
_MILLISECONDS = 10**11
"""As seconds the year 5138, as milliseconds 1973."""


def parse_size(value: object) -> int | None:
    """A number of bytes, or None where the service gives none (or nonsense)."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and (digits := _WHOLE.fullmatch(value.strip())):
        value = int(digits[1])
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and 0 <= value < 1 << 63 else None


_WHOLE = re.compile(r"([0-9]{1,19})(?:\.0*)?")


def parse_flag(value: object) -> bool | None:
    """Yes or no, from a boolean, 1 and 0, or their words; None for none or nonsense."""
    if isinstance(value, str):
        return _FLAGS.get(value.strip().lower())
    if isinstance(value, int | float) and value in (0, 1):
        return bool(value)
    return None


_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def parse_percent(value: object) -> float | None:
    """Percent from 0 to 100, from a number or its text (`45`, `45%`); None for none or nonsense."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        percent = float(value.strip().removesuffix("%") if isinstance(value, str) else value)
    except (ValueError, OverflowError):
        return None
    return min(100.0, max(0.0, percent)) if math.isfinite(percent) else None


def parse_md5(value: object) -> str | None:
    """An md5 as 32 lower-case hex digits; None where it is missing or malformed.

    Read are hex digits of either case, `md5:…` and `md5=…`, base64 as in a Content-MD5 header (RFC
    1864), an ETag's quotes, and lines of md5sum (`<hex>  <name>`) and of BSD (`MD5 (<name>) =
    <hex>`).
    """
    if not isinstance(value, str) or len(value) > LONGEST_CHECKSUM:
        return None
    text = value.strip().strip("\"'").strip()
    if match := _MD5.fullmatch(text):
        return next(digits for digits in match.groups() if digits).lower()
    coded = re.sub(r"(?i)^md5[:=-]\s*", "", text)
    if _BASE64.fullmatch(coded):
        return base64.b64decode(coded).hex()
    return None


LONGEST_CHECKSUM = 4096
"""Characters of a checksum with all that may stand around it, a name of the largest length too."""

_HEX = "([0-9a-fA-F]{32})"
_MD5 = re.compile(
    rf"(?:(?i:md5)\s*[:=-]\s*)?{_HEX}|\\?{_HEX} [ *].*|(?i:md5) ?\(.*\) ?= ?{_HEX}", re.DOTALL
)
_BASE64 = re.compile(r"[A-Za-z0-9+/]{22}==")


def parse_label(value: object) -> str | None:
    """A label that comes as text or as `{"name": …}`; None where it is empty, or far too long."""
    if isinstance(value, dict):
        value = value.get("name") or value.get("identifier") or value.get("username")
    text = parse_text(value)
    return text if 0 < len(text) <= LONGEST_NAME else None


def parse_text(value: object) -> str:
    """Text, or a number (a version 3.1) as text; empty for anything else."""
    if isinstance(value, str):
        return value if value.isascii() else _LONE.sub("\ufffd", value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    return str(value) if abs(value) < _BOUND else ""


_BOUND = 1e100
"""No number that says something is larger; what is none (NaN) is not smaller either."""


def in_words(value: object) -> str:
    """Any value as text."""
    return parse_text(str(value))


def parse_count(value: object) -> int | None:
    """How many there are, or None where the service does not say."""
    return parse_size(value)


def spread_named(fields: dict[str, Any], key: str) -> None:
    """Spread `key: {id, name}` (or a bare id) into `key_id` and `key_name`, where not given."""
    value = fields.get(key)
    if isinstance(value, dict):
        if isinstance(value.get("id"), str | int):
            fields.setdefault(f"{key}_id", value["id"])
        fields.setdefault(f"{key}_name", value.get("name"))
    elif isinstance(value, str | int) and not isinstance(value, bool):
        fields.setdefault(f"{key}_id", value)


def fill_owner(fields: dict[str, Any]) -> None:
    """Fill `owner_name` from the detail's `owner` or `group_owner`."""
    if not fields.get("owner_name"):
        owner = fields.get("owner") or fields.get("group_owner")
        if isinstance(owner, dict):
            fields["owner_name"] = owner.get("name") or owner.get("username") or owner.get("slug")


def is_private(fields: dict[str, Any]) -> bool | None:
    """Whether it is; the documented dialect says `is_public` where the live one says `private`."""
    private = parse_flag(fields.get("private"))
    if private is None and (public := parse_flag(fields.get("is_public"))) is not None:
        return not public
    return private


def metadata_of(value: object) -> dict[str, str]:
    """Metadata as `attribute name → text` from either dialect's form."""
    if not isinstance(value, dict):
        return {}
    found: dict[str, str] = {}
    for key, item in value.items():
        name, text = key, item
        if isinstance(item, dict):
            name = item.get("attribute_name") or key
            text = item.get("value")
        if isinstance(text, list):
            text = ", ".join(map(in_words, text))
        if text not in (None, ""):
            found[in_words(name)] = in_words(text)
    return found


_JOB_STATUS = {
    "pending": "pending",
    "queued": "pending",
    "created": "pending",
    "processing": "processing",
    "running": "processing",
    "started": "processing",
    "completed": "completed",
    "complete": "completed",
    "finished": "completed",
    "ready": "completed",
    "ok": "completed",
    "expired": "expired",
    "failed": "failed",
    "error": "failed",
    "cancelled": "failed",
    "canceled": "failed",
}


def job_status(fields: dict[str, Any]) -> str:
    """The job's status in our five words; an unknown word counts as failed, never as done."""
    status = fields.get("status")
    if isinstance(status, str) and status:
        return _JOB_STATUS.get(status.lower(), "failed")
    if fields.get("error"):
        return "failed"
    if fields.get("finished"):
        return "completed"
    return "processing" if fields.get("started") else "pending"
