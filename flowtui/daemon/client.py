"""A client of the background engine, for the app and the commands.

Light to import: neither httpx nor SQLite.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Self

from flowtui import __version__
from flowtui.config import Folders, folders
from flowtui.daemon.errors import (
    NO_ROOM_STATUS,
    EngineError,
    EngineGone,
    EngineNotRunning,
    EngineSilent,
    EngineWithoutRoom,
)
from flowtui.daemon.peer import is_same_user
from flowtui.daemon.pidfile import read_address
from flowtui.daemon.sockets import address_of
from flowtui.protocol.messages import (
    Added,
    Batch,
    BulkFileRow,
    Changes,
    RequestRefused,
    Space,
    Status,
)
from flowtui.protocol.wire import MAX_LINE, PROTOCOL, ProtocolError, decode, encode
from flowtui.system.files import is_taken
from flowtui.system.locks import is_held

REPLY_TIMEOUT = 60.0
"""Seconds after which an engine that does not answer counts as gone."""

HELLO_TIMEOUT = 5.0
"""Seconds after which an engine that does not even say hello counts as suspended."""

START_AGAIN = 3.0
"""Seconds after which an engine that was started and does not answer is started once more: the
one that it was to replace may have held the lock."""

UNREACHABLE_AFTER = 3.0
"""Seconds after which an engine that runs but is not where it says counts as out of reach, for a
client that starts none; within them it replaces a socket that was removed."""


class EngineClient:
    """A connection to the engine. Its methods are the requests of `protocol`.

    They may be called from any thread, and raise RequestRefused or EngineGone.

    Attributes:
        version, pid: the engine's. `path`: where it listens.
    """

    def __init__(self, path: Path, timeout: float = REPLY_TIMEOUT) -> None:
        """Raises EngineNotRunning where nobody listens at `path`."""
        self.path = path
        self._lock = threading.Lock()
        self._last_id = 0
        self._streams: set[socket.socket] = set()
        self._socket, self._lines = _open(path, min(timeout, HELLO_TIMEOUT))
        try:
            hello = self._request("hello", version=__version__, protocol=PROTOCOL)
        except RequestRefused as error:
            self.close()
            raise EngineGone(
                f"the background engine refused the connection: {error.message}"
            ) from error
        except BaseException:
            self.close()
            raise
        self.version = str(hello.get("version"))
        self.protocol = hello.get("protocol")
        self.pid = int(hello.get("pid", 0))
        self._socket.settimeout(timeout)

    @property
    def is_same_version(self) -> bool:
        """Whether the engine is of this very version."""
        return (self.version, self.protocol) == (__version__, PROTOCOL)

    @classmethod
    def connect(
        cls, where: Folders | None = None, *, start: bool = True, timeout: float = 10.0
    ) -> Self:
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
                client = cls._reach(where)
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

    @classmethod
    def _reach(cls, where: Folders) -> Self:
        """The engine where it says it listens. Raises EngineError."""
        address = read_address(where.engine_lock)
        if address.socket is None or not _is_held(where):
            # Of an engine that could not note it, or of none.
            return cls(where.fallback_socket if is_taken(where.runtime) else where.socket)
        client = cls(address.socket)
        if client.pid != address.pid:
            client.close()  # not the one that keeps our queue
            raise EngineNotRunning("no background engine is running")
        return client

    def add(self, batch: Batch) -> Added:
        """Queue a batch."""
        return Added.from_json(self._request("add", batch=batch.to_json()))

    def pause(self, ids: Sequence[int] | None) -> int:
        """Pause these transfers, or all; how many."""
        return self._count("pause", ids)

    def resume(self, ids: Sequence[int] | None) -> int:
        """Let these transfers go on, or all; how many."""
        return self._count("resume", ids)

    def cancel(self, ids: Sequence[int] | None) -> int:
        """Cancel these transfers, or all; how many."""
        return self._count("cancel", ids)

    def retry(self, ids: Sequence[int] | None) -> int:
        """Try these failed transfers again, or all; how many."""
        return self._count("retry", ids)

    def forget(self, ids: Sequence[int] | None) -> int:
        """Take these ended transfers out of the list, or all; how many."""
        return self._count("forget", ids)

    def bulk(self, ids: Sequence[int], action: str) -> int:
        """`cancel`, `retry`, create `again`, fetch `one_by_one` or `forget` bulk jobs; how many."""
        return int(self._request("bulk", bulk_ids=list(ids), action=action)["count"])

    def bulk_files(self, id_: int) -> tuple[BulkFileRow, ...]:
        """The files of a bulk job, and what became of each."""
        answer = self._request("bulk_files", bulk_id=id_)
        return tuple(BulkFileRow.from_json(file) for file in answer["files"])

    def status(self, rows: bool = False, most: int | None = None) -> Status:
        """The queue now, with its rows (the first `most` still to be done) or only its sums."""
        return Status.from_json(self._request("status", rows=rows, most=most))

    def space(self, path: str) -> Space:
        """Room on the file system of a folder."""
        return Space.from_json(self._request("space", path=path))

    def sign_in(
        self, server: str, username: str | None, token: str, refresh_token: str | None
    ) -> int:
        """Hand a credential over; the number of transfers that go on with it."""
        answer = self._request(
            "sign_in", server=server, username=username, token=token, refresh_token=refresh_token
        )
        return int(answer["count"])

    def settings(self, **changes: int) -> dict[str, int]:
        """Change `jobs` and others (see `messages`) until it ends; what is in force then."""
        return dict(self._request("settings", **changes))

    def stop(self, pause: bool = False) -> None:
        """Have the engine end; with `pause`, all transfers are paused first."""
        self._request("stop", pause=pause)

    def events(self) -> Iterator[Changes]:
        """What is there, then what changes, until the engine ends or we hang up.

        Raises EngineGone.
        """
        stream, lines = _open(self.path, None)
        self._streams.add(stream)
        try:
            stream.sendall(encode({"id": 0, "do": "subscribe"}))
            while line := lines.readline(MAX_LINE):
                message = decode(line)
                if "event" in message:
                    yield Changes.from_json(message)
            raise EngineGone("the background engine has stopped")
        except (OSError, ProtocolError) as error:
            raise EngineGone(f"lost the connection to the background engine: {error}") from error
        finally:
            self._streams.discard(stream)
            lines.close()
            stream.close()

    def close(self) -> None:
        """Hang up, `events` too; the engine goes on."""
        for stream in (self._socket, *self._streams):
            with contextlib.suppress(OSError):
                stream.shutdown(socket.SHUT_RDWR)
        self._lines.close()
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _count(self, do: str, ids: Sequence[int] | None) -> int:
        return int(self._request(do, ids=None if ids is None else list(ids))["count"])

    def _request(self, do: str, **fields: Any) -> dict[str, Any]:
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


def _open(path: Path, timeout: float | None) -> tuple[socket.socket, BinaryIO]:
    stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        stream.settimeout(timeout)
        with address_of(path) as address:
            stream.connect(address)
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
