"""What clients may change of a running engine, and within which bounds."""

from __future__ import annotations

from flowtui.protocol.messages import RequestRefused

BOUNDS = {
    "jobs": (1, 64),
    "connections": (0, 16),
    "limit_rate": (0, 1 << 50),
    "accept_any_type": (0, 1),
}
"""Name → lowest and highest value; `limit_rate` is bytes a second, `accept_any_type` 1 for yes."""


def checked(changes: dict[str, int | None]) -> dict[str, int]:
    """The changes that are wanted. Raises RequestRefused where one is out of bounds."""
    wanted: dict[str, int] = {}
    for name, (lowest, highest) in BOUNDS.items():
        value = changes.get(name)
        if value is None:
            continue
        if type(value) is not int or not lowest <= value <= highest:
            raise RequestRefused("BAD_REQUEST", f"{name} must be between {lowest} and {highest}")
        wanted[name] = value
    return wanted
