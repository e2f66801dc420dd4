"""Locks between the processes of one user: on the credentials' file, and on renewing a session."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from flowtui.system.files import NotOurs, private_folder

RENEWAL_SECONDS = 30.0
"""How long another process may take to renew the session before it is not waited for."""

ASK_AGAIN = 0.02
"""Seconds between two looks whether a lock is free."""


def flock_within(descriptor: int, seconds: float) -> bool:
    """Take the kernel's lock of an open file or folder, if it can be had in so many seconds.

    It goes with the descriptor. False where another process keeps it, and where the file system
    knows no locks.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False  # its holder was stopped in the midst; nobody must hang for that
            time.sleep(ASK_AGAIN)
        except OSError:
            return False
        else:
            return True


@contextlib.contextmanager
def renewing(folder: Path) -> Iterator[bool]:
    """Hold off the other processes while a session is renewed; `folder` is the configuration's.

    They share its refresh token, which is good once. Gives whether they are held off: it is waited
    for them RENEWAL_SECONDS at most, and there are file systems without locks.
    """
    with contextlib.ExitStack() as held:
        descriptor = None
        with contextlib.suppress(OSError, NotOurs):
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
            descriptor = os.open(private_folder(folder) / "renewal.lock", flags, 0o600)
        if descriptor is None:
            yield False
            return
        held.callback(os.close, descriptor)
        yield flock_within(descriptor, RENEWAL_SECONDS)
