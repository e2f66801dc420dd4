"""Which boot of which machine this is."""

from __future__ import annotations

import os
import socket
from functools import cache
from pathlib import Path


def is_same_boot(said: object, this: str) -> bool:
    """Whether two `this_boot` are of one boot; the host may have been renamed meanwhile."""
    if said == this:
        return True
    boot = this.rpartition(" ")[2]
    return isinstance(said, str) and len(boot) == 36 and said.rpartition(" ")[2] == boot


@cache
def this_boot() -> str:
    """The host and its boot; another value after every start of the machine."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        # No such file on this system: then nothing that was not flushed is ever believed.
        boot = f"unknown {os.getpid()}"
    return f"{socket.gethostname()} {boot}"
