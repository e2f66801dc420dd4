"""The background engine as a process: one of a user and host, detached from every terminal."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from flowtui.config import ConfigError, Folders, folders, load_settings, private_folder
from flowtui.daemon.connect import connect_engine
from flowtui.daemon.errors import NO_ROOM_STATUS, EngineError
from flowtui.daemon.log import log_to
from flowtui.daemon.pidfile import PidFile
from flowtui.daemon.sockets import address_of
from flowtui.system import descriptors
from flowtui.system.files import is_taken, open_regular
from flowtui.system.locks import Held, lock
from flowtui.text.redaction import TOKEN_VARIABLES

if TYPE_CHECKING:
    from flowtui.daemon.server import Server

IDLE_SECONDS = 300.0
"""With no client and nothing to do for so long, the engine ends by itself."""

STOP_SECONDS = 2.0
"""Within which the engine ends when it is told to."""

LAST_SAVE = 120.0
"""Seconds that the queue may take to be saved at the end, as long as that gets on."""

CHECK_SECONDS = 1.0
"""Between two checks whether the engine can still be reached, and is still needed."""

NICE = 5
"""How far behind what people look at the engine stands when processors are short."""

MOST_OF_TOKENS = 1 << 20

_LOG = logging.getLogger("flowtui.engine")


def read_tokens(stream: BinaryIO) -> dict[str, str]:
    """The variables that the launcher hands over, which are not in this process's environment."""
    given = json.loads(stream.read(MOST_OF_TOKENS) or b"{}")
    return {name: str(given[name]) for name in TOKEN_VARIABLES if name in given}


def run_background_engine(
    where: Folders | None = None,
    idle_seconds: float = IDLE_SECONDS,
    tokens: Mapping[str, str] | None = None,
) -> int:
    """Be the engine until told to end or idle for long; the exit status.

    `tokens`: variables to go by beside the environment's. 0 also where another engine is running
    already: then there is nothing to do.
    """
    from flowtui.daemon.server import Server
    from flowtui.engine.engine import Engine
    from flowtui.engine.store.database import StoreError
    from flowtui.engine.store.other_names import (
        other_queues,
        take_first,
        take_rest,
        unsure_in_words,
    )

    where = where or folders()
    descriptors.raise_limit()
    private_folder(where.state)
    log_trouble = log_to(where.engine_log)
    pidfile = _lock(where)
    if pidfile is None:
        _LOG.info("another engine is running")
        return 0
    ended = threading.Event()
    pause_first = False
    engine: Engine | None = None

    def end(*_: object) -> None:
        if not ended.is_set():
            end_hard_after(
                2 * STOP_SECONDS, unless=lambda: engine is not None and engine.is_saving_last
            )
            ended.set()

    def stop(pause: bool) -> None:
        nonlocal pause_first
        pause_first = pause
        end()

    # Hashing must not hold up the screens of people, ours or those of others on a login node.
    os.nice(NICE)
    # A lost terminal or session is no reason to end.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
        signal.signal(number, end)
    left, taken = take_first(other_queues(where.state), where.state)
    try:
        engine = Engine(
            load_settings(where),
            database=where.database,
            folders=where,
            environment={**os.environ, **(tokens or {})},
        )
    except StoreError as error:
        _LOG.error("cannot open the queue: %s", error)
        pidfile.release()
        return NO_ROOM_STATUS if error.is_full else 1
    try:
        server = _listen(lambda path: Server(engine, path, stop), where)
    except (OSError, ConfigError):
        pidfile.release()
        raise
    is_noted = _write_address(pidfile, server.path)
    log_trouble.tell_to(lambda words: engine.note_trouble("engine.log", words))
    engine.tell_once("socket", _taken(where, server.path))
    engine.tell_once("other names", unsure_in_words(left))
    engine.start()
    taken += take_rest(left, where.state, engine.add)
    if taken:
        engine.note_trouble("renamed", "; ".join(taken))
    _LOG.info("engine %d is ready", os.getpid())
    last_used = time.monotonic()
    while not ended.wait(CHECK_SECONDS):
        if not server.socket_exists():
            is_noted = _reopen(server, where, pidfile)
        elif not is_noted:
            is_noted = _write_address(pidfile, server.path)
        if log_trouble.words:
            _LOG.info("some lines of this log are missing: it could not be written")
        if not engine.is_alive:
            _LOG.error("the engine's thread died: stopping; the next engine resumes the queue")
            break
        if server.has_clients or not engine.is_idle():
            last_used = time.monotonic()
        elif time.monotonic() - last_used > idle_seconds:
            _LOG.info("idle and without clients: stopping")
            break
    end()
    _write_address(pidfile, None)
    server.close()
    engine.stop(0.75 * STOP_SECONDS, pause=pause_first)
    pidfile.release()
    _LOG.info("engine %d has ended", os.getpid())
    return 0


def end_hard_after(seconds: float, unless: Callable[[], bool] = lambda: False) -> None:
    """End this process in so many seconds, whatever hangs then: a disk that does not answer, say.

    As long as `unless` is true it is given more time, `LAST_SAVE` seconds at most.
    """

    def end() -> None:
        time.sleep(seconds)
        deadline = time.monotonic() + LAST_SAVE
        while unless() and time.monotonic() < deadline:
            time.sleep(CHECK_SECONDS / 10)
        os._exit(0)

    threading.Thread(target=end, name="end", daemon=True).start()


def _taken(where: Folders, path: Path) -> str:
    """That somebody has taken the folder of the socket, in words; else nothing."""
    if path.parent != where.fallback_socket.parent or not is_taken(where.runtime):
        return ""
    words = f"{where.runtime} is not a folder of yours; the engine listens in {path.parent} instead"
    _LOG.warning("%s", words)
    return words


def _socket_paths(where: Folders) -> list[Path]:
    """Where the engine can listen, the best first.

    The folder it began with may be gone by now, or be somebody else's, and an engine of another
    state folder may listen in the same one.
    """
    paths = [where.socket] if where.runtime.parent.is_dir() else []
    paths = [path for path in (*paths, folders().socket) if not is_taken(path.parent)]
    free = [path for path in paths if not _is_in_use(path)]
    free += [path.with_name(f"engine-{os.getpid()}.sock") for path in paths]
    return list(dict.fromkeys([*free, where.fallback_socket]))


def _listen(make: Callable[[Path], Server], where: Folders) -> Server:
    """Listen at the first place where that can be. Raises OSError, ConfigError of the first one."""
    first: OSError | ConfigError | None = None
    for path in _socket_paths(where):
        try:
            return make(path)
        except (OSError, ConfigError) as error:
            _LOG.warning("cannot create the socket at %s: %s", path, error)
            first = first or error
    assert first is not None
    raise first


def _is_in_use(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        other.settimeout(1.0)
        try:
            with address_of(path) as address:
                other.connect(address)
        except (TimeoutError, BlockingIOError):  # it has too many clients to take one more
            return True
        except OSError:
            return False
    return True


def _reopen(server: Server, where: Folders, pidfile: PidFile) -> bool:
    """Listen again, where the socket has vanished: without it nobody reaches this engine.

    Whether clients find it now.
    """
    for path in _socket_paths(where):
        try:
            server.move(path)
        except (OSError, ConfigError) as error:
            _LOG.warning(
                "the socket was removed and cannot be created again at %s: %s", path, error
            )
            continue
        _LOG.warning("the socket was removed; now listening at %s", path)
        return _write_address(pidfile, path)
    return False


def _write_address(pidfile: PidFile, path: Path | None) -> bool:
    """Say where the engine listens; whether that could be written."""
    try:
        pidfile.write(path)
    except OSError as error:
        # On a full disk, say. Who has the same folders finds the engine all the same.
        _LOG.warning("cannot write where the engine listens: %s", error)
        return False
    return True


def _lock(where: Folders) -> PidFile | None:
    """Be the one engine. None where another one is.

    The lock goes with the process: a crash leaves no stale lock behind.
    """
    descriptor = open_regular(where.engine_lock, os.O_RDWR | os.O_CREAT)
    deadline = time.monotonic() + 3 * STOP_SECONDS
    while True:
        try:
            unlock = lock(descriptor, where.engine_lock)
            break
        except Held:
            # It may be one that is just ending, replaced by us.
            if _same_version_answers(where) or time.monotonic() > deadline:
                os.close(descriptor)
                return None
            time.sleep(0.05)
        except BaseException:
            os.close(descriptor)
            raise
    pidfile = PidFile(descriptor, unlock)
    _write_address(pidfile, None)
    return pidfile


def _same_version_answers(where: Folders) -> bool:
    """Whether an engine of this version answers; another version's is about to end."""
    try:
        with connect_engine(where, start=False) as client:
            return client.is_same_version
    except EngineError:
        return False
