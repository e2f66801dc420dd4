"""How many files and connections this process may have open at once, and what gets how many.

Some systems allow very few (`ulimit -n`). Then less is done at once; what meets the end of them all
the same waits a moment, since others give theirs back.
"""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

ENOUGH = 4096
"""Descriptors with which nothing of ours is held back."""

RESERVED = 24
"""Descriptors for all that is not counted: the streams, the database, the log, clients, folders."""

LEAST = 12
"""What is shared out in any case; with less, many waits are the price."""

FILE = 2
"""Descriptors of a file that is fetched, beside its connections: part file and journal."""

TRIES, PAUSE = 50, 0.1
"""Tries so many seconds apart, where somebody waits on the spot."""

CODE = "TOO_MANY_OPEN"


@dataclass(frozen=True)
class Shares:
    """So many at most, of each kind.

    Attributes:
        fetching: descriptors of files that are fetched, with their connections.
        small: threads that fetch small files.
        to_flush: small files that are fetched and wait to be put on the disk.
        unpacked: files out of one archive that wait for that.
        kept: connections that wait for another request.
    """

    fetching: int
    small: int
    to_flush: int
    unpacked: int
    kept: int

    def files(self, wanted: int) -> int:
        """How many of so many files to fetch at a time."""
        return max(1, min(wanted, self.fetching // (FILE + 1)))

    def connections(self, files: int) -> int:
        """How many connections each of so many files may have."""
        return max(1, self.fetching // max(1, files) - FILE)


def shares(limit: int) -> Shares:
    """What to do at once with so many descriptors."""
    left = max(LEAST, limit - RESERVED)
    return Shares(
        fetching=left // 2,
        small=max(1, left // 12),
        to_flush=max(2, left // 8),
        unpacked=max(2, left // 8),
        kept=max(1, left // 8),
    )


def own_shares() -> Shares:
    """What this process may do at once."""
    return shares(limit())


def limit() -> int:
    """How many descriptors this process may have, as far as that matters."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return ENOUGH if soft == resource.RLIM_INFINITY else min(soft, ENOUGH)


def raise_limit() -> int:
    """Have as many descriptors as are allowed and of use; how many these are."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = ENOUGH if hard == resource.RLIM_INFINITY else min(hard, ENOUGH)
    if soft != resource.RLIM_INFINITY and soft < most:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        except (OSError, ValueError):
            return limit()  # some containers forbid it: then it is as it was
    return limit()


def patiently(open_it: Callable[[], T], sleep: Callable[[float], object] = time.sleep) -> T:
    """What `open_it` gives, tried a few times where there is no descriptor to be had.

    For a last step, which is not to be gone back from. Raises what `open_it` raises.
    """
    for _ in range(TRIES):
        try:
            return open_it()
        except Exception as error:
            if not shortage(error):
                raise
        sleep(PAUSE)
    return open_it()


def probe(count: int) -> None:
    """Raise OSError where so many files cannot be opened now."""
    with contextlib.ExitStack() as held:
        for _ in range(count):
            held.callback(os.close, os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))


def shortage(error: BaseException) -> str:
    """In words, that an error came of there being no descriptor left; else an empty text."""
    cause: BaseException | None = error
    while cause is not None:
        number = cause.errno if isinstance(cause, OSError) else None
        if number == errno.EMFILE:
            return "too many files are open in flowtui (see `ulimit -n`)"
        if number == errno.ENFILE:
            return "too many files are open on this machine"
        cause = cause.__cause__ or cause.__context__
    return ""
