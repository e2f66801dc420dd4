"""`engine.log`: what the background engine has to say, without secrets, whoever says it."""

from __future__ import annotations

import atexit
import contextlib
import logging
import logging.handlers
import os
import queue
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path

from flowtui.system.files import open_regular
from flowtui.text.redaction import without_secrets

LOG_BYTES = 1 << 20

MOST_WAITING = 10_000
"""Records that wait to be written, at most."""

FINISH = 0.5
"""Seconds that the end of the process waits for its last words to be written."""

_LOG = logging.getLogger("flowtui.engine")


class _WithoutSecrets(logging.Formatter):
    """Takes them out of the whole text of a record, its traceback too."""

    def format(self, record: logging.LogRecord) -> str:
        return without_secrets(super().format(record))


@dataclass
class LogTrouble:
    """What is wrong with the engine's log, for the engine to tell as soon as there is one."""

    words: str = ""
    _tell: Callable[[str], None] | None = None

    def say(self, words: str) -> None:
        """It is so now; empty words where all is well."""
        if words != self.words:
            self.words = words
            if self._tell is not None:
                self._tell(words)

    def tell_to(self, tell: Callable[[str], None]) -> None:
        """Have `tell` told how it is, and whenever that changes."""
        self._tell = tell
        tell(self.words)


class EngineLog(logging.handlers.RotatingFileHandler):
    """The engine's log; what cannot be written into it is told, and lost."""

    def __init__(self, path: Path, trouble: LogTrouble) -> None:
        """Nothing is opened yet."""
        super().__init__(path, maxBytes=LOG_BYTES, backupCount=1, delay=True)
        self._trouble = trouble
        self._failed = False
        self.setFormatter(_WithoutSecrets("%(asctime)s %(levelname)s %(message)s"))

    def _open(self) -> TextIOWrapper:
        """Never wait for the reader of a pipe that stands there."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        return open(open_regular(self.baseFilename, flags), "a", encoding="utf-8")

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, or say that it could not be."""
        self._failed = False
        super().emit(record)
        if not self._failed:
            self._trouble.say("")

    def handleError(self, record: logging.LogRecord) -> None:
        """Say why the record that is being written was lost."""
        self._failed = True
        error = sys.exc_info()[1]
        why = (error.strerror if isinstance(error, OSError) else "") or error
        file = (error.filename if isinstance(error, OSError) else "") or self.baseFilename
        self._trouble.say(f"cannot write {file}: {why}")


class _FromThread(logging.Handler):
    """Has a thread of its own write what is logged: a disk that hangs must hold up nobody else.

    What comes beyond `MOST_WAITING` records is lost.
    """

    def __init__(self, log: EngineLog) -> None:
        super().__init__()
        self._log = log
        self._records: queue.Queue[logging.LogRecord | threading.Event] = queue.Queue(MOST_WAITING)
        threading.Thread(target=self._write, name="log", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(queue.Full):  # nobody is there to take them
            self._records.put_nowait(record)

    def finish(self, timeout: float) -> None:
        """Wait until all is written that was logged so far, `timeout` seconds at most."""
        written = threading.Event()
        with contextlib.suppress(queue.Full):
            self._records.put_nowait(written)
            written.wait(timeout)

    def _write(self) -> None:
        while True:
            taken = self._records.get()
            if isinstance(taken, threading.Event):
                taken.set()
            else:
                self._log.handle(taken)


def log_to(path: Path) -> LogTrouble:
    """Have all of ours, and what nobody caught in a thread, written to `path`.

    Gives what will be wrong with it. Python itself would write uncaught errors to stderr, with
    their words as they are.
    """
    trouble = LogTrouble()
    logger = logging.getLogger("flowtui")
    handler = _FromThread(EngineLog(path, trouble))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    threading.excepthook = _log_uncaught
    atexit.register(handler.finish, FINISH)
    return trouble


def _log_uncaught(given: threading.ExceptHookArgs) -> None:
    name = given.thread.name if given.thread is not None else "?"
    error = given.exc_value
    if error is not None and not isinstance(error, SystemExit):
        _LOG.error("the thread %s failed", name, exc_info=(type(error), error, given.exc_traceback))
