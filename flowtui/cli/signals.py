"""Signals while a download runs: a clean stop first, an immediate one second."""

from __future__ import annotations

import os
import signal
from types import FrameType, TracebackType
from typing import Any

from flowtui.cli.exit_codes import Exit, Interrupted

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
"""SIGUSR1 is what many job scripts have their scheduler send before the end of their time."""

AGAIN = 0.5
"""Seconds after which Interrupted is raised once more, until it has taken effect: what
is raised while Python runs a destructor is lost."""


class StopSignals:
    """While entered, the first signal sets `fired`, or raises Interrupted; the second exits.

    A signal that was ignored when we began stays so: that is how `nohup` works.

    Attributes:
        fired: a signal was received.
        raising: raise Interrupted from wherever the program is. While the engine works this is
            off, and who waits for the engine looks at `fired`.
    """

    def __init__(self, *, raising: bool = True) -> None:
        self.fired = False
        self.raising = raising
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> StopSignals:
        for number in _SIGNALS:
            before = signal.getsignal(number)
            if before is not signal.SIG_IGN:
                self._before[number] = before
                signal.signal(number, self._handle)
        self._before[signal.SIGALRM] = signal.signal(signal.SIGALRM, self._raise)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, before in self._before.items():
            signal.signal(number, before)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.fired:
            # What is safely on disk is in the journals already; nothing more is needed.
            os._exit(Exit.INTERRUPTED)
        self.fired = True
        self._raise()

    def _raise(self, *_: object) -> None:
        if self.raising:
            signal.setitimer(signal.ITIMER_REAL, AGAIN)
            raise Interrupted
