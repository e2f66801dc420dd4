"""When a failed request is tried again: one rule for the API, for transfers and for bulk jobs.

`decide` is pure: it is told what went wrong, what went wrong before, and by which policy to go.
Who asks does the waiting. What differs from place to place is data, a `Policy`; all of them are at
the end of this module.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum

TRIES = 3
"""How often a request is sent before it is given up (the guide's number)."""

LONGEST_ASKED = 3600.0
"""Seconds; what a server asks to wait beyond this is not believed."""

LONGEST_SAID = 366 * 86_400.0
"""Seconds; whatever a server asks for beyond this is as long as this."""

SHARED = 0.7
"""The part of a wait during which further failures belong to the one that is waited for."""

_MOST_DOUBLINGS = 60  # far beyond every `longest`; more would be too large for a float

Uniform = Callable[[float, float], float]
"""A random number between two others, as `random.uniform`."""


class ErrorKind(Enum):
    """What a failure says about the next try."""

    PASSING = "passing"
    """This request failed, the next one may not: a cut connection, a timeout, 408, 429, 5xx."""

    OUTAGE = "outage"
    """The server is away as a whole: no connection, 502, 503, 504."""

    LASTING = "lasting"
    """No repetition helps: 403, 404, a certificate that is not trusted."""


@dataclass(frozen=True)
class Failure:
    """What went wrong, as far as a further try goes by it.

    Attributes:
        asked: seconds that the server asks to wait (Retry-After), or None.
        wait: seconds to wait after a failure of this sort, in place of the back-off and of what
            the server asks; or None.
    """

    kind: ErrorKind = ErrorKind.PASSING
    asked: float | None = None
    wait: float | None = None


@dataclass(frozen=True)
class History:
    """The failures in a row so far. Times are seconds of one clock, such as `time.monotonic`.

    Attributes:
        failures: how many there were since the last progress.
        since: when the first of them was.
        covered_until: until then further failures belong to the last one: many connections meet
            one trouble at once.
    """

    failures: int = 0
    since: float = 0.0
    covered_until: float = -math.inf

    def failed(self, now: float, *, fruitless: bool = True) -> History:
        """After one more failure. One that brought something (not `fruitless`) begins anew."""
        before = self if fruitless and self.failures else History(since=now)
        if fruitless and now >= before.covered_until:
            return replace(before, failures=before.failures + 1)
        return before

    def waiting(self, now: float, seconds: float) -> History:
        """While it is waited so many seconds: what fails meanwhile is not counted again."""
        return replace(self, covered_until=now + SHARED * seconds)


@dataclass(frozen=True)
class Policy:
    """How patient somebody is.

    The back-off after the n-th failure is `first · 2^(n-1)` seconds, `longest` at most, multiplied
    by a random number within `spread`, and up to `extra` more.

    Attributes:
        tries: how often in all without progress; None for as often as it takes.
        outage: seconds for which a server that is away, or asks to wait, is waited for beyond the
            tries.
        believed: seconds; a server that asks for more is waited for so long.
        refused: seconds; a server that asks for more is given up at once.
        asked_alone: up to so many failures, what the server asks is waited without a look at the
            back-off; from then on the longer of both.
        hold: seconds; a worker that is to wait longer is better given to another task.
    """

    tries: int | None = TRIES
    first: float = 1.0
    longest: float = 30.0
    spread: tuple[float, float] = (1.0, 1.0)
    extra: float = 0.0
    outage: float = 0.0
    believed: float = LONGEST_ASKED
    refused: float = math.inf
    asked_alone: int = TRIES
    hold: float = math.inf

    def backoff(self, failures: int, uniform: Uniform = random.uniform) -> float:
        """Seconds to wait after so many failures in a row, where nobody says how long."""
        doublings = min(max(failures - 1, 0), _MOST_DOUBLINGS)
        seconds = min(self.longest, self.first * 2.0**doublings)
        return seconds * uniform(*self.spread) + uniform(0.0, self.extra)


@dataclass(frozen=True)
class Sleep:
    """Wait here so many seconds, then try again."""

    seconds: float


@dataclass(frozen=True)
class YieldWorker:
    """Try again in so many seconds; the worker is better given to another task until then."""

    seconds: float


@dataclass(frozen=True)
class GiveUp:
    """Do not try again by itself."""


Decision = Sleep | YieldWorker | GiveUp


def decide(
    failure: Failure,
    history: History,
    now: float,
    policy: Policy,
    uniform: Uniform = random.uniform,
) -> Decision:
    """What follows from a failure that is the last one of `history`, at the time `now`."""
    count, asked = history.failures, failure.asked
    if failure.kind is ErrorKind.LASTING or (asked is not None and asked > policy.refused):
        return GiveUp()
    used_up = policy.tries is not None and count >= policy.tries
    waits_on = failure.kind is ErrorKind.OUTAGE or asked is not None
    if used_up and not (waits_on and now - history.since < policy.outage):
        return GiveUp()
    said = failure.wait if failure.wait is not None else asked
    seconds = policy.backoff(count, uniform) if said is None else said
    if said is not None and count > policy.asked_alone:
        seconds = max(seconds, policy.backoff(count, uniform))
    seconds = min(seconds, policy.believed)
    return YieldWorker(seconds) if used_up or seconds > policy.hold else Sleep(seconds)


def retry_after(text: str, date: str = "", clock: Callable[[], float] = time.time) -> float | None:
    """Seconds that a Retry-After asks for, from a number or a date (RFC 9110, 10.2.3).

    A date is read by `date`, the answer's own, since this machine's clock may be wrong; without it
    by `clock`, in seconds since the epoch. None where there is none, or one that makes no sense.
    """
    text = text.strip()
    if text.isascii() and text.isdecimal():
        return min(float(text), LONGEST_SAID) if len(text) < 300 else LONGEST_SAID
    if not text:
        return None
    moment = _moment(text)
    if moment is None:
        return None
    now = _moment(date)
    return min(max(0.0, moment - (clock() if now is None else now)), LONGEST_SAID)


def _moment(date: str) -> float | None:
    """The seconds since the epoch of a date as HTTP has it; None where it is none."""
    from datetime import UTC
    from email.utils import parsedate_to_datetime

    try:
        when = parsedate_to_datetime(date)
        return when.replace(tzinfo=when.tzinfo or UTC).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


# Who is how patient

API = Policy(first=0.5, longest=8.0, extra=0.5, refused=20.0)
"""A question that somebody waits for in front of a screen: a longer wait is told, not waited."""

WALK = replace(API, refused=math.inf)
"""One of many questions that nobody waits for at a screen: it waits as long as it is asked to."""

ONCE = Policy(tries=1, refused=0.0)
"""A question that can do without an answer."""

TRANSFER = Policy(spread=(0.75, 1.25), outage=900.0, hold=10.0)
"""One file's bytes. Progress begins the count anew; a server that is away is waited for."""

BULK_JOB = Policy(tries=None, first=5.0, longest=60.0, asked_alone=0, hold=0.0)
"""Asking Flow for an archive and how far it is: for as long as it takes."""


def every(seconds: float) -> Policy:
    """Look again and again at the same interval, for as long as it takes, with no worker held."""
    return Policy(tries=None, first=seconds, longest=seconds, asked_alone=0, hold=0.0)


LOST_SHARE = every(15.0)
"""A network file system that went away."""

FULL_DISK = every(10.0)
"""Room on the disk."""

TOO_MANY_OPEN = every(1.0)
"""A file or connection more that this process, or the machine, may open."""

BUSY_FILE = every(5.0)
"""A part file that another process holds."""

SIGNED_OUT = every(60.0)
"""A bulk job whose session has ended; a sign-in ends the wait at once."""
