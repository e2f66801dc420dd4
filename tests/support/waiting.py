"""Waiting for what stays true once it is: never an assertion on how long it takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

GUARD = 60.0
"""Seconds after which a test that waits is broken, on a machine however busy."""


def until(true: Callable[[], T], what: str = "", *, every: float = 0.005) -> T:
    """Wait until `true()` is, and what it is; it is asked `every` so many seconds.

    The test fails, saying `what`, where that never comes.
    """
    deadline = time.monotonic() + GUARD
    while not (found := true()):
        assert time.monotonic() < deadline, what or "it never came"
        time.sleep(every)
    return found
