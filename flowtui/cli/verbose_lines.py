"""What is asked of servers, and what was chosen, a line each on stderr, without tokens."""

from __future__ import annotations

import logging
import sys
import time

from flowtui.cli.output import one_line

LOGGERS = ("flowtui", "httpx")


class VerboseLines(logging.Handler):
    """Writes records as lines; httpx's tell each request with its answer's status."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        try:
            sys.stderr.write(f"{time.strftime('%H:%M:%S')} {one_line(_words(record))}\n")
            sys.stderr.flush()
        except (OSError, ValueError):  # stderr is gone: what is done counts
            return


def _words(record: logging.LogRecord) -> str:
    arguments = record.args
    if record.name == "httpx" and isinstance(arguments, tuple) and len(arguments) == 5:
        method, url, _, status, reason = arguments
        return f"{method} {url}: {status} {reason}"
    return record.getMessage()


def begin() -> None:
    """Write what is logged from now on; once."""
    handler = VerboseLines()
    for name in LOGGERS:
        logger = logging.getLogger(name)
        if not any(isinstance(other, VerboseLines) for other in logger.handlers):
            logger.setLevel(logging.INFO)
            logger.addHandler(handler)
