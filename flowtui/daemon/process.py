"""The background engine as a process: one of a user and host, detached from every terminal."""

from __future__ import annotations

import logging
import logging.handlers
import os
import signal
import socket
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flowtui.config import ConfigError, Folders, folders, load_settings, private_folder
from flowtui.daemon.client import EngineClient
from flowtui.daemon.errors import EngineError, EngineNotRunning
from flowtui.daemon.pidfile import PidFile
from flowtui.system.locks import Held, lock

if TYPE_CHECKING:
    from flowtui.daemon.server import Server

IDLE_SECONDS = 300.0
"""With no client and nothing to do for so long, the engine ends by itself."""

STOP_SECONDS = 2.0
"""Within which the engine ends when it is told to."""

LOOK_SECONDS = 1.0
"""Between two looks at whether the engine is still to be reached, and needed."""

NICE = 5
"""How far behind what people look at the engine stands when processors are short."""

LOG_BYTES = 1 << 20

_LOG = logging.getLogger("flowtui.engine")


@dataclass(frozen=True)
class EngineStatus:
    """A running engine."""

    pid: int
    version: str
    socket: Path


def engine_status(where: Folders | None = None) -> EngineStatus | None:
    """The background engine that answers now, or None."""
    where = where or folders()
    try:
        with EngineClient.connect(where, start=False) as client:
            return EngineStatus(client.pid, client.version, client.path)
    except EngineNotRunning:
        return None


def run_background_engine(where: Folders | None = None, idle_seconds: float = IDLE_SECONDS) -> int:
    """Be the engine until told to end or idle for long; the exit status.

    0 also where another engine is running already: then there is nothing to do.
    """
    from flowtui.daemon.server import Server
    from flowtui.engine.engine import Engine
    from flowtui.engine.store.database import StoreError

    where = where or folders()
    private_folder(where.state)
    _log_to(where.engine_log)
    place = _lock(where)
    if place is None:
        _LOG.info("another engine is running")
        return 0
    ended = threading.Event()
    pause_first = False

    def stop(pause: bool) -> None:
        nonlocal pause_first
        pause_first = pause
        ended.set()

    # Hashing must not hold up the screens of people, ours or those of others on a login node.
    os.nice(NICE)
    # A lost terminal or session is no reason to end.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, lambda *_: ended.set())
    try:
        engine = Engine(load_settings(where), database=where.database, folders=where)
    except StoreError as error:
        _LOG.error("cannot open the queue: %s", error)
        place.let_go()
        return 1
    server = Server(engine, _doors(where)[0], stop)
    _note(place, server.path)
    engine.start()
    _LOG.info("engine %d is ready", os.getpid())
    last_used = time.monotonic()
    while not ended.wait(LOOK_SECONDS):
        if not server.is_there():
            _reopen(server, where, place)
        if server.has_clients or not engine.is_idle():
            last_used = time.monotonic()
        elif time.monotonic() - last_used > idle_seconds:
            _LOG.info("nothing to do and nobody there: the engine ends")
            break
    _note(place, None)
    server.close()
    engine.stop(0.75 * STOP_SECONDS, pause=pause_first)
    place.let_go()
    _LOG.info("engine %d has ended", os.getpid())
    return 0


def _doors(where: Folders) -> list[Path]:
    """Where the engine can listen, the best first.

    The folder it began with may be gone by now, and an engine of another state folder may listen
    in the same one.
    """
    found = [where.socket] if where.runtime.parent.is_dir() else []
    found.append(folders().socket)
    free = [one for one in found if not _is_taken(one)]
    free += [one.with_name(f"engine-{os.getpid()}.sock") for one in found]
    return list(dict.fromkeys(free))


def _is_taken(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        other.settimeout(1.0)
        try:
            other.connect(str(path))
        except TimeoutError:
            return True
        except OSError:
            return False
    return True


def _reopen(server: Server, where: Folders, place: PidFile) -> None:
    """Listen again, where the socket has vanished: without it nobody reaches this engine."""
    for path in _doors(where):
        try:
            server.move(path)
        except (OSError, ConfigError) as error:
            _LOG.warning("the socket is gone, and there can be none at %s: %s", path, error)
            continue
        _LOG.warning("the socket was gone; the engine listens at %s now", path)
        _note(place, path)
        return


def _note(place: PidFile, path: Path | None) -> None:
    try:
        place.note(path)
    except OSError as error:
        # On a full disk, say. Who has the same folders finds the engine all the same.
        _LOG.warning("cannot note where the engine listens: %s", error)


def _lock(where: Folders) -> PidFile | None:
    """Be the one engine. None where another one is.

    The lock goes with the process: a crash leaves no stale lock behind.
    """
    descriptor = os.open(where.engine_lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + 3 * STOP_SECONDS
    while True:
        try:
            unlock = lock(descriptor, where.engine_lock)
            break
        except Held:
            # It may be one that is just ending, replaced by us.
            if _answers_as_we_do(where) or time.monotonic() > deadline:
                os.close(descriptor)
                return None
            time.sleep(0.05)
        except BaseException:
            os.close(descriptor)
            raise
    place = PidFile(descriptor, unlock)
    _note(place, None)
    return place


def _answers_as_we_do(where: Folders) -> bool:
    """Whether an engine of this version answers; another version's is about to end."""
    try:
        with EngineClient.connect(where, start=False) as client:
            return client.is_ours
    except EngineError:
        return False


def _log_to(path: Path) -> None:
    handler = logging.handlers.RotatingFileHandler(path, maxBytes=LOG_BYTES, backupCount=1)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger("flowtui")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
