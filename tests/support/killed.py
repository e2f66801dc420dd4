"""A process that is killed at each step in turn: at every change of the disk that it makes.

Each try runs in a process of its own, forked by one that has a single thread. What comes before a
kill is on the disk as any other process sees it (for what a crash of the machine leaves see
`crash_disk`).
"""

from __future__ import annotations

import functools
import multiprocessing
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import pytest

Step = Callable[[Path], None]

CHANGES = ("os.rename", "os.link", "os.symlink", "os.remove", "os.mkdir", "os.rmdir", "os.truncate")
"""Audit events of changes. Source: Python's audit events table; `os.replace` is `os.rename`."""

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
CALLS = ("write", "pwrite", "fsync", "fdatasync", "ftruncate")
"""Functions of `os` that raise no audit event."""

MOST = 200
LATER = 2 * 3600.0
"""Seconds between a kill and the next start, by the times of what was left."""


def states_after_kills(step: Step, make: Callable[[Path], None], folder: Path) -> Iterator[Path]:
    """Folders as `make` fills them, in each of which `step` was killed at another change.

    The last change is the last one that `step` makes at all; there is one at least.
    """
    for number in range(1, MOST):
        place = folder / f"killed-{number}"
        place.mkdir(parents=True)
        make(place)
        status = _forked(_until_change, step, place, number)
        if status == 0:
            assert number > 1, "nothing was changed"
            shutil.rmtree(place)
            return
        assert status == -signal.SIGKILL, f"the step failed at change {number}"
        yield place
    raise AssertionError(f"more than {MOST} changes")


def in_another_process(step: Step, folder: Path) -> None:
    """Run `step` as a process that is left alone."""
    assert _forked(_run, step, folder) == 0


def make_old(folder: Path) -> None:
    """Have all in a folder be as old as it is at the next start, hours later."""
    then = time.time() - LATER
    for path in [folder, *folder.rglob("*")]:
        os.utime(path, (then, then), follow_symlinks=False)


def names_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def _forked(run: Callable[..., None], *arguments: Any) -> int | None:
    process = _context().Process(target=run, args=arguments)
    process.start()
    process.join()
    return process.exitcode


@functools.cache
def _context() -> ForkServerContext:
    """What forks, with all imported that is run in it."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["support.killed_steps"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))  # it does not get our sys.path
        forkserver.ensure_running()
    return context


def _run(step: Step, folder: Path) -> None:
    step(folder)


def _until_change(step: Step, folder: Path, number: int) -> None:
    left = number

    def change() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def audited(event: str, arguments: tuple[Any, ...]) -> None:
        opened = event == "open" and (arguments[2] or 0) & WRITING
        if event in CHANGES or opened:
            change()

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*arguments: Any, **named: Any) -> Any:
            change()
            return call(*arguments, **named)

        return counting

    for name in CALLS:
        setattr(os, name, counted(getattr(os, name)))
    sys.addaudithook(audited)
    step(folder)
    left = 0  # what the interpreter changes as it ends is not the step's
