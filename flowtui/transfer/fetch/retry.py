"""How often, and after how long, a download asks again."""

from __future__ import annotations

import random
import time

from flowtui.transfer.errors import PermanentError, Stopped, TransientError
from flowtui.transfer.fetch.connection import Connection
from flowtui.transfer.fetch.shared import Shared

TRIES = 3
"""How often a request is repeated without a byte of progress in between (the guide's number)."""

LONG_WAIT = 10.0
"""Seconds; a longer wait gives the worker to another file meanwhile."""

LONGEST_WAIT = 3600.0
"""Seconds; what a server asks beyond this is not believed."""


class Patience:
    """Counts the failures of a download and waits between its tries."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._failed_at = 0

    def begin(self) -> None:
        """A new round begins: what is fetched in it counts from nothing."""
        self._failed_at = 0

    def is_crowded(self, error: TransientError) -> bool:
        """Whether fewer connections help: the server has too many, or asks for a long wait."""
        return error.crowded or (error.retry_after or 0.0) > LONG_WAIT

    def wait(self, error: TransientError, connection: Connection) -> None:
        """Wait before the next try.

        Raises:
            PermanentError: there were enough tries.
            TransientError: the wait is so long that another file should have the worker meanwhile.
            Stopped: someone asked to.
        """
        connection.answered = False
        delay = self._count(error, time.monotonic())
        self._shared.progress.reason = error.waiting(delay)
        if self._shared.stop.event.wait(delay):
            raise Stopped
        self._shared.progress.reason = ""

    def _count(self, error: TransientError, now: float) -> float:
        """The seconds to wait after a failure; raises where waiting here is of no use.

        What befalls several connections while one of them waits already is one failure; so is
        what comes while others still fetch.
        """
        carry_over = self._shared.carry_over
        with self._shared.changed:
            fruitless = self._shared.segments.fetched <= self._failed_at
            self._failed_at = self._shared.segments.fetched
            failures, patient = carry_over.failed(now, fruitless)
            patient = patient and (error.outage or error.asked is not None)
            if failures >= TRIES and not patient:
                raise PermanentError(
                    f"{error.message} (tried {failures} times)", code=error.code, retryable=True
                ) from error
            asked = error.retry_after
            delay = backoff(max(1, failures)) if asked is None else asked
            if failures > TRIES:
                delay = max(delay, backoff(failures))
            delay = min(delay, LONGEST_WAIT)
            if delay > LONG_WAIT or failures >= TRIES:
                raise error.postponed(delay)
            carry_over.counted_until = now + 0.7 * delay
        return delay


def backoff(failures: int) -> float:
    """Seconds to wait after so many failures: 1, 2, 4, … with jitter, half a minute at most."""
    return float(min(30.0, 2.0 ** (failures - 1)) * random.uniform(0.75, 1.25))
