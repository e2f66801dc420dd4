"""Waiting for what stays true once it is: never an assertion on how long it takes."""

from __future__ import annotations

import time
from collections.abc import Callable

GUARD = 60.0
"""Seconds after which a test that waits is broken, on a machine however busy."""


def until(true: Callable[[], object], what: str = "") -> None:
    """Wait until `true()` is; the test fails, saying `what`, where that never comes."""
    deadline = time.monotonic() + GUARD
    while not true():
        assert time.monotonic() < deadline, what or "it never came"
        time.sleep(0.005)
