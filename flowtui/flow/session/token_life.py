"""When a token is to be renewed, as far as it tells: a JWT names its end (RFC 7519)."""

from __future__ import annotations

import base64
import json
import math

AHEAD = 30.0
"""Seconds before its end at which a token is renewed; half its life for a short one."""

LONGEST = 16_384
"""Characters of a token that is looked into."""


def renew_in(token: str, now: float, *, is_fresh: bool) -> float:
    """Seconds until `token` is to be renewed; infinite where it does not tell, 0 where it is due.

    `now` is the time of day. Of a token that has just come (`is_fresh`) the length of its life is
    believed and not the time of its end, and none lives longer: this machine's clock may be wrong.
    """
    claims = _claims(token)
    end, begin = _number(claims.get("exp")), _number(claims.get("iat"))
    if end is None:
        return math.inf
    life = end - begin if begin is not None and end > begin else None
    left = end - now
    if life is not None:
        left = life if is_fresh else min(left, life)
    ahead = AHEAD if life is None else min(AHEAD, life / 2)
    return max(0.0, left - ahead)


def _claims(token: str) -> dict[str, object]:
    """What a JWT says; nothing where it is none."""
    parts = token.split(".")
    if len(parts) != 3 or len(token) > LONGEST:
        return {}
    try:
        body = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
