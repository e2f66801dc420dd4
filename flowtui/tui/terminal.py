"""Whether the terminal is still there.

When a terminal goes away, the leader of its session gets SIGHUP. Where that is a `make` or a
script that waits for the app, the app gets no signal; Textual then reads the end of its input again
and again, and cannot end itself either, because what it writes goes nowhere. So we watch.
"""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from collections.abc import Callable

GRACE = 5.0
"""Seconds that the app may take to end by itself once its terminal is gone."""

STATUS = 128 + signal.SIGHUP
"""The exit status then, as of a program that was ended by the hang-up."""


def watch_terminal(lost: Callable[[], None]) -> None:
    """Call `lost`, in a thread, when the terminal of the standard streams is gone.

    What reads and writes it gets the end of a file and no errors from then on; if the process is
    still there GRACE seconds later, it is ended.
    """
    streams = [number for number in (0, 1, 2) if os.isatty(number)]
    if streams:
        threading.Thread(target=_watch, args=(streams, lost), name="terminal", daemon=True).start()


def _watch(streams: list[int], lost: Callable[[], None]) -> None:
    waiting = select.poll()
    waiting.register(streams[0], 0)  # of what is not asked for, only the end is reported
    if not any(event & (select.POLLHUP | select.POLLERR) for _, event in waiting.poll()):
        return  # a system that reports nothing of terminals
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in streams:
        os.dup2(nowhere, number)
    os.close(nowhere)
    lost()
    time.sleep(GRACE)
    os._exit(STATUS)
