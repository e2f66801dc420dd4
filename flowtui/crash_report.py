"""What is kept of a crash: a traceback without values, without secrets, in the state folder.

Shared by the command line and the app. Tracebacks name lines of code, never the values of
variables; what an exception's own text may carry of a token is taken out.
"""

from __future__ import annotations

import contextlib
import errno
import os
import platform
import re
import sys
import traceback
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from flowtui.config import ConfigError, Folders, folders, private_folder
from flowtui.system.files import write_private
from flowtui.text.redaction import REMOVED, without_secrets

KEPT = 20
"""Reports that stay; older ones go when a new one is written."""

_TELLING_NAME = re.compile(r"(?i)token|passw|secret|signature|credential|cookie|sig|key|auth")
"""Names of variables of the environment that may hold a secret."""


def scrub(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` without what looks like a token, a password or a signed address.

    The values of environment variables with such names go too, and those of `secrets`.
    """
    known = {value for value in secrets if len(value) >= 4}
    for name, value in os.environ.items():
        if _TELLING_NAME.search(name) and len(value) >= 8 and not Path(value).is_absolute():
            known.add(value)
    for value in sorted(known, key=len, reverse=True):
        text = text.replace(value, REMOVED)
    text = without_secrets(text)
    return "".join(c if c in "\n\t" or c.isprintable() else "\ufffd" for c in text)


def describe(error: BaseException, secrets: Iterable[str] = ()) -> str:
    """The report's text: versions, what was run, and the traceback without values."""
    from flowtui import __version__

    lines = [
        f"flowtui {__version__}, Python {platform.python_version()}, {platform.platform()}",
        f"at {datetime.now(UTC).isoformat(timespec='seconds')}",
        f"run as: {' '.join(sys.argv)}",
        f"terminal: TERM={os.environ.get('TERM', '')} LANG={os.environ.get('LANG', '')}",
        "",
        *traceback.TracebackException.from_exception(error, capture_locals=False).format(),
    ]
    return scrub("\n".join(line.rstrip("\n") for line in lines) + "\n", secrets)


def write_report(error: BaseException, folders: Folders, secrets: Iterable[str] = ()) -> Path:
    """Write a report of `error` into `crashes/` of the state folder (mode 0600); return its path.

    Raises OSError where that folder cannot be written.
    """
    try:
        place = private_folder(folders.state / "crashes")
    except ConfigError as trouble:
        raise PermissionError(errno.EPERM, str(trouble)) from trouble
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    file = place / f"crash-{stamp}-{os.getpid()}.txt"
    write_private(file, describe(error, secrets), kind="crash-")
    for old in sorted(place.glob("crash-*.txt"))[:-KEPT]:
        with contextlib.suppress(OSError):  # a folder, say: the report is written all the same
            old.unlink()
    return file


def reported(error: BaseException) -> str:
    """Write a report of `error`; where it is, in words, or why there is none."""
    try:
        return f"see the report in {write_report(error, folders())}"
    except Exception as failure:  # noqa: BLE001 - what went wrong first is to be told all the same
        why = getattr(failure, "strerror", None) or failure
        return f"the crash report could not be written ({why})"
