"""Which clock is for what.

The time of day is for dates alone: people and daemons set it back by an hour or a day, and
machines that were suspended find it far ahead. What is waited for goes by a clock that nobody can
set and that goes on while the machine is suspended; how long somebody was patient, by one that
stands still then, as nobody could look.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

Clock = Callable[[], float]
"""Seconds."""


def since_boot() -> float:
    """Seconds that go on while the machine is suspended, whatever time of day it is said to be."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()  # macOS has no other


@dataclass(frozen=True, slots=True)
class Clocks:
    """The clocks of an engine.

    Attributes:
        day: seconds since 1970, for dates. `due`: for when something is to be done. `awake`: for
            how long something has been so.
    """

    day: Clock = time.time
    due: Clock = since_boot
    awake: Clock = time.monotonic


def age(then: float, now: float, most: float) -> float:
    """How long ago a stored time of day was, as far as that can be believed: from 0 to `most`."""
    return min(max(0.0, now - then), most)
