"""How a walk asks a server: side by side, waiting as long as it is asked to, and telling so."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from typing import Any

from flowtui.flow.errors import TOO_MANY_REQUESTS, FlowError, RateLimited, ServiceUnavailable
from flowtui.flow.session.session import ApiSession
from flowtui.flow.walk.pace import Pace
from flowtui.retry import API, LONGEST_ASKED, WALK, Policy

TOLD_FROM = 5.0
"""Seconds; a shorter wait is not worth a word."""

Told = Callable[[str, float], None]
"""Told why a walk waits, in words, and how many seconds. Called from any thread."""

_BUSY = (TOO_MANY_REQUESTS, 503)


class PatientReader:
    """Asks a server by its session, with many threads, at the pace that it likes."""

    def __init__(
        self,
        session: ApiSession,
        told: Told,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        stop: threading.Event | None = None,
    ) -> None:
        """Once `stop` is set nothing more is asked or waited for: CancelledError is raised."""
        self._session = session
        self._told = told
        self._stop = stop
        self._plain_sleep = sleep
        self._clock = clock
        self._pace = Pace(clock=clock)
        self._telling = threading.Lock()
        self._told_until = 0.0

    def get(self, path: str, params: dict[str, Any] | None = None, *, policy: Policy = API) -> Any:
        """The JSON of a GET. Raises FlowError where it does not come with patience either.

        That there were too many requests is waited for, an hour in all, however often it is said.
        """
        patience = WALK if policy is API else policy
        waited = 0.0
        while True:
            if (seconds := self._pace.held_for()) > 0:
                self._sleep(seconds)
            try:
                with self._pace.turn():
                    self._check()
                    body = self._session.get(
                        path, params, policy=patience, on_wait=self._on_wait, sleep=self._sleep
                    )
            except ServiceUnavailable as error:
                if error.status != TOO_MANY_REQUESTS or policy is not API or waited > LONGEST_ASKED:
                    self._note(error, 0.0)
                    raise
                asked = error.retry_after if isinstance(error, RateLimited) else None
                seconds = min(max(1.0, asked or 0.0), LONGEST_ASKED)
                waited += seconds
                self._on_wait(error, seconds)
                self._sleep(seconds)
            else:
                self._pace.answered()
                return body

    def wait(self, why: str, seconds: float) -> None:
        """Wait, and tell why."""
        self._tell(why, seconds)
        self._sleep(seconds)

    def _check(self) -> None:
        if self._stop is not None and self._stop.is_set():
            raise CancelledError("no more is wanted")

    def _sleep(self, seconds: float) -> None:
        if self._stop is None:
            self._plain_sleep(seconds)
        else:
            self._stop.wait(seconds)
            self._check()

    def _on_wait(self, error: FlowError, seconds: float) -> None:
        asked = isinstance(error, RateLimited) and error.retry_after is not None
        self._note(error, seconds if asked else 0.0)
        if seconds >= TOLD_FROM:
            self._tell(error.message, seconds)

    def _note(self, error: FlowError, seconds: float) -> None:
        if error.status in _BUSY:
            self._pace.too_fast(seconds)

    def _tell(self, why: str, seconds: float) -> None:
        """Tell of a wait once, however many threads it holds up."""
        with self._telling:
            now = self._clock()
            if now < self._told_until:
                return
            self._told_until = now + seconds
        self._told(why, seconds)
