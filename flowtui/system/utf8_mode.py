"""Names of files in UTF-8, whatever the locale.

Names on Flow hold any letter, and names on Linux are bytes, UTF-8 by custom. Under a locale of
another encoding (`LC_ALL=C` in a job script) Python could not even ask for a file `é.txt`.
"""

from __future__ import annotations

import os
import sys


def require_utf8_mode() -> None:
    """Begin this program anew in Python's UTF-8 mode, unless names are in UTF-8 already.

    What is printed stays in the encoding of the terminal. Where the program cannot be begun anew
    it goes on as it is.
    """
    if sys.flags.utf8_mode or sys.getfilesystemencoding().lower().replace("_", "-") == "utf-8":
        return
    environment = dict(os.environ)
    environment["PYTHONUTF8"] = "1"  # for the programs that are started from here
    environment.setdefault("PYTHONIOENCODING", f"{sys.stdout.encoding}:backslashreplace")
    command = [sys.executable, "-X", "utf8", *sys.orig_argv[1:]]
    try:
        os.execve(sys.executable, command, environment)  # noqa: S606
    except OSError:
        return
