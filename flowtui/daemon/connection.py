"""A connection to an engine's socket: requests, and their answers.

Light to import: neither httpx nor SQLite.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from pathlib import Path
from typing import Any, BinaryIO

from flowtui.daemon.errors import EngineError, EngineGone, EngineNotRunning, EngineSilent
from flowtui.daemon.peer import is_same_user
from flowtui.daemon.sockets import address_of
from flowtui.protocol.messages import RequestRefused
from flowtui.protocol.wire import MAX_LINE, ProtocolError, decode, encode


class Connection:
    """Sends one request after the other; from any thread."""

    def __init__(self, path: Path, timeout: float) -> None:
        """Raises EngineNotRunning where nobody listens at `path`, EngineError."""
        self._lock = threading.Lock()
        self._last_id = 0
        self._socket, self._lines = open_socket(path, timeout)

    def set_timeout(self, seconds: float) -> None:
        """How long an answer may take from now on."""
        self._socket.settimeout(seconds)

    def request(self, do: str, **fields: Any) -> dict[str, Any]:
        """The result of a request. Raises RequestRefused, EngineGone."""
        with self._lock:
            self._last_id += 1
            try:
                self._socket.sendall(encode({"id": self._last_id, "do": do, **fields}))
                line = self._lines.readline(MAX_LINE)
            except TimeoutError as error:
                raise EngineSilent("timed out waiting for the background engine") from error
            except (OSError, ValueError) as error:
                raise EngineGone(
                    f"lost the connection to the background engine: {error}"
                ) from error
        if not line:
            raise EngineGone("the background engine has stopped")
        try:
            answer = decode(line)
        except ProtocolError as error:
            raise EngineGone(f"cannot read the background engine's answer: {error}") from error
        if answer.get("ok"):
            result = answer.get("result")
            return result if isinstance(result, dict) else {}
        refusal = answer.get("error") or {}
        raise RequestRefused(
            str(refusal.get("code", "ERROR")), str(refusal.get("message", "refused"))
        )

    def close(self) -> None:
        """Hang up; who waits for an answer gets none."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._lines.close()
        self._socket.close()


def open_socket(path: Path, timeout: float | None) -> tuple[socket.socket, BinaryIO]:
    """A connection to who listens at `path`, if that is this user, and the lines that come by it.

    Raises EngineNotRunning where nobody does, EngineError.
    """
    stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        stream.settimeout(timeout)
        with address_of(path) as address:
            _connect(stream, address, timeout)
    except BlockingIOError as error:
        stream.close()
        raise EngineSilent("timed out waiting for the background engine") from error
    except (FileNotFoundError, ConnectionRefusedError) as error:
        stream.close()
        raise EngineNotRunning("no background engine is running") from error
    except OSError as error:
        stream.close()
        raise EngineError(f"cannot reach the background engine at {path}: {error}") from error
    if not is_same_user(stream):  # it would be handed tokens
        stream.close()
        raise EngineError(f"another user is listening at {path}; remove it or set XDG_RUNTIME_DIR")
    return stream, stream.makefile("rb")


def _connect(stream: socket.socket, address: str, timeout: float | None) -> None:
    """Connect, after those who came before. Raises BlockingIOError where they are too many."""
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        try:
            stream.connect(address)
            return
        except BlockingIOError:
            # A full queue of clients does not hold up a socket that has a timeout: it refuses it.
            if deadline is not None and time.monotonic() >= deadline:
                raise
            time.sleep(CONNECT_AGAIN)


CONNECT_AGAIN = 0.01
"""Seconds between two tries to connect where too many do so."""
