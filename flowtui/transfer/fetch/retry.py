"""How often, and after how long, a download asks again; by the rule of `flowtui.retry`."""

from __future__ import annotations

import time

from flowtui.retry import ErrorKind, Failure, GiveUp, YieldWorker, decide
from flowtui.transfer.errors import PermanentError, Stopped, TooManyOpen, TransientError
from flowtui.transfer.fetch.connection import Connection
from flowtui.transfer.fetch.shared import Shared


class Patience:
    """Counts the failures of a download and waits between its tries."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._policy = shared.timings.transfer
        self._failed_at = 0

    def begin(self) -> None:
        """A new round begins: what is fetched in it counts from nothing."""
        self._failed_at = 0

    def is_crowded(self, error: TransientError) -> bool:
        """Whether fewer connections help: there are too many, or a long wait is asked for."""
        too_many = error.crowded or isinstance(error, TooManyOpen)
        return too_many or (error.retry_after or 0.0) > self._policy.hold

    def wait(self, error: TransientError, connection: Connection) -> None:
        """Wait before the next try.

        Raises:
            PermanentError: there were enough tries.
            TransientError: the wait is so long that another file should have the worker meanwhile.
            Stopped: someone asked to.
        """
        connection.answered = False
        if isinstance(error, TooManyOpen):
            raise error  # what this file has open is of more use to others meanwhile
        delay = self._count(error, time.monotonic())
        self._shared.progress.report(reason=error.waiting(delay))
        if self._shared.stop.event.wait(delay):
            raise Stopped
        self._shared.progress.report(reason="")

    def _count(self, error: TransientError, now: float) -> float:
        """The seconds to wait after a failure; raises where waiting here is of no use.

        What befalls several connections while one of them waits already is one failure; so is
        what comes while others still fetch.
        """
        carry_over = self._shared.carry_over
        with self._shared.changed:
            fruitless = self._shared.segments.fetched <= self._failed_at
            self._failed_at = self._shared.segments.fetched
            history = carry_over.history = carry_over.history.failed(now, fruitless=fruitless)
            decision = decide(failure_of(error), history, now, self._policy)
            if isinstance(decision, GiveUp):
                raise PermanentError(
                    f"{error.message} (tried {history.failures} times)",
                    code=error.code,
                    retryable=True,
                    crowded=error.crowded,
                ) from error
            if isinstance(decision, YieldWorker):
                raise error.postponed(decision.seconds)
            carry_over.history = history.waiting(now, decision.seconds)
        return decision.seconds


def failure_of(error: TransientError) -> Failure:
    """What a passing error says about the next try."""
    kind = ErrorKind.OUTAGE if error.outage else ErrorKind.PASSING
    return Failure(kind, asked=error.asked, wait=None if error.asked else error.retry_after)
