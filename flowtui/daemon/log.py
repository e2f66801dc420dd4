"""`engine.log`: what the background engine has to say, without secrets, whoever says it."""

from __future__ import annotations

import logging
import logging.handlers
import threading
from pathlib import Path

from flowtui.text.redaction import without_secrets

LOG_BYTES = 1 << 20

_LOG = logging.getLogger("flowtui.engine")


class _WithoutSecrets(logging.Formatter):
    """Takes them out of the whole text of a record, its traceback too."""

    def format(self, record: logging.LogRecord) -> str:
        return without_secrets(super().format(record))


def log_to(path: Path) -> None:
    """Have all of ours, and what nobody caught in a thread, written to `path`.

    Python itself would write the latter to stderr, with the words of the error as they are.
    """
    handler = logging.handlers.RotatingFileHandler(path, maxBytes=LOG_BYTES, backupCount=1)
    handler.setFormatter(_WithoutSecrets("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger("flowtui")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    threading.excepthook = _log_uncaught


def _log_uncaught(given: threading.ExceptHookArgs) -> None:
    name = given.thread.name if given.thread is not None else "?"
    error = given.exc_value
    if error is not None and not isinstance(error, SystemExit):
        _LOG.error("the thread %s failed", name, exc_info=(type(error), error, given.exc_traceback))
