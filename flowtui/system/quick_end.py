"""The end of a process without letting go of each of its objects first.

Python frees them one by one, and looks for cycles twice, which takes a short command 0.05 to 0.1 s
of its 0.4. The system takes it all back at once.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
from typing import NoReturn


def end_quickly(status: int) -> NoReturn:
    """End this process as Python does, but for the freeing.

    Threads that are to be waited for are, whatever is registered to be done at the end (`atexit`)
    is done, whoever registered it and when, and what was written is written.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # closed: nothing is left to write
            stream.flush()
    os._exit(status)
