"""Words about a home folder whose disk does not answer, as NFS's while its server is away.

Whoever asks such a disk for anything waits, without a word and deaf to ctrl-c.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable

from flowtui.text import quantities

PATIENCE = 5.0
"""Seconds without an answer after which it is told."""


def watch_home(say: Callable[[str], None], patience: float = PATIENCE) -> threading.Thread:
    """Have the folders of settings and of state looked at once, and `say` which does not answer.

    Holds up nobody; the thread ends with the answers.
    """
    watching = threading.Thread(target=lambda: _watch(say, patience), name="home", daemon=True)
    watching.start()
    return watching


def _watch(say: Callable[[str], None], patience: float) -> None:
    looking_at: list[str] = []
    answered = threading.Event()

    def look() -> None:
        from flowtui.config import ConfigError, folders

        with contextlib.suppress(ConfigError):  # the command says it
            own = folders()
            for folder in (own.config, own.state):
                looking_at[:] = [str(folder)]
                with contextlib.suppress(OSError):  # that it is not there is an answer, too
                    os.stat(folder)
        answered.set()

    threading.Thread(target=look, name="look at home", daemon=True).start()
    while not answered.wait(patience):
        if looking_at:
            words = quantities.silence(looking_at[0], patience)
            say(f"flowtui: {words}; waiting for it (ctrl-\\ leaves at once)")
            return
