"""The way to the engine of this user and host, which is started or replaced if need be.

Light to import: neither httpx nor SQLite.
"""

from __future__ import annotations

import contextlib
import subprocess
import time

from flowtui.config import Folders, folders
from flowtui.daemon.client import EngineClient
from flowtui.daemon.errors import (
    NO_ROOM_STATUS,
    EngineError,
    EngineGone,
    EngineNotRunning,
    EngineSilent,
    EngineWithoutRoom,
)
from flowtui.daemon.pidfile import read_address
from flowtui.protocol.messages import RequestRefused
from flowtui.system.files import is_taken
from flowtui.system.locks import is_held

START_AGAIN = 3.0
"""Seconds after which an engine that was started and does not answer is started once more: the
one that it was to replace may have held the lock."""

UNREACHABLE_AFTER = 3.0
"""Seconds after which an engine that runs but is not where it says counts as out of reach, for a
client that starts none; within them it replaces a socket that was removed."""


def connect_engine(
    where: Folders | None = None, *, start: bool = True, timeout: float = 10.0
) -> EngineClient:
    """The engine of this user and host, started (or replaced) if need be.

    An engine of another version is asked to finish cleanly; its transfers go on in the new
    one.

    Raises:
        EngineNotRunning: none runs and `start` is false.
        EngineError: it cannot be started or reached; the message says why.
    """
    from flowtui.daemon.launcher import start_detached

    where = where or folders()
    began = time.monotonic()
    deadline = began + timeout
    start_at = 0.0
    process: subprocess.Popen[bytes] | None = None
    while True:
        try:
            client = _reach(where)
        except EngineSilent as error:
            raise EngineError(
                f"the background engine{_pid_text(where)} does not answer; it may be "
                "suspended (`kill -CONT` with its pid resumes it), or its disk may hang"
            ) from error
        except (EngineNotRunning, EngineGone) as error:
            if _is_out_of_reach(where):
                # A second engine would wait for the lock, and take up the work when the first
                # is told to stop. The first makes a new socket where its own is gone.
                if time.monotonic() > (deadline if start else began + UNREACHABLE_AFTER):
                    raise EngineError(_no_answer(where)) from error
                time.sleep(0.03)
                continue
            if not start:
                raise EngineNotRunning("no background engine is running") from error
        else:
            if client.is_same_version or not start:
                return client
            with contextlib.suppress(EngineGone, RequestRefused):  # it may be ending already
                client.stop()
            client.close()
        if process is not None and process.poll() == NO_ROOM_STATUS:
            raise EngineWithoutRoom(
                f"the background engine did not start: no space left for its queue in"
                f" {where.state}; free some, or set FLOWTUI_HOME to a folder elsewhere"
            )
        if time.monotonic() > deadline:
            raise EngineError(_no_answer(where))
        if time.monotonic() >= start_at:
            process = start_detached(where)
            start_at = time.monotonic() + START_AGAIN
        time.sleep(0.03)


def _reach(where: Folders) -> EngineClient:
    """The engine where it says it listens. Raises EngineError."""
    address = read_address(where.engine_lock)
    if address.socket is None or not _is_held(where):
        # Of an engine that could not note it, or of none.
        return EngineClient(where.fallback_socket if is_taken(where.runtime) else where.socket)
    client = EngineClient(address.socket)
    if client.pid != address.pid:
        client.close()  # not the one that keeps our queue
        raise EngineNotRunning("no background engine is running")
    return client


def _pid_text(where: Folders) -> str:
    """` (pid 123)` of the engine that holds the lock, or nothing where that is not known."""
    pid = read_address(where.engine_lock).pid
    return "" if pid is None else f" (pid {pid})"


def _is_out_of_reach(where: Folders) -> bool:
    """Whether an engine runs and says where it listens: then only the way to it is missing."""
    return read_address(where.engine_lock).socket is not None and _is_held(where)


def _is_held(where: Folders) -> bool:
    try:
        return is_held(where.engine_lock)
    except OSError as error:
        raise EngineError(f"cannot read {where.engine_lock}: {error.strerror}") from error


def _no_answer(where: Folders) -> str:
    """Why there is no engine to talk to, and what to do."""
    if not _is_held(where):
        return f"the background engine did not start; see {where.engine_log}"
    address = read_address(where.engine_lock)
    at = f" at {address.socket}" if address.socket else ""
    stop = (
        ""
        if address.pid is None
        else f"; stop it with `kill {address.pid}` and try again, nothing is lost"
    )
    return (
        f"the background engine{_pid_text(where)} is running but cannot be reached{at}{stop} "
        f"(log: {where.engine_log})"
    )
