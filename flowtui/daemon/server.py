"""The Unix socket on which the engine answers its clients, in the words of `protocol`.

A thread for each client reads its requests; for one that subscribed, another writes events. A
slow reader holds up nobody: it gets the next event only when it has taken the last.
"""

from __future__ import annotations

import contextlib
import logging
import os
import reprlib
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flowtui import __version__
from flowtui.config import host_name, private_folder
from flowtui.daemon.peer import is_same_user
from flowtui.daemon.pieces import first_piece
from flowtui.daemon.sockets import address_of
from flowtui.engine.engine import Engine
from flowtui.protocol.messages import Changes, RequestRefused
from flowtui.protocol.requests import (
    REQUESTS,
    Add,
    BulkAction,
    BulkFiles,
    Chosen,
    Request,
    SettingsWanted,
    SignIn,
    SpaceAt,
    StatusWanted,
    Verified,
    Verify,
    VerifyEnd,
)
from flowtui.protocol.schema import WrongKind, read
from flowtui.protocol.wire import MAX_LINE, PROTOCOL, ProtocolError, decode, encode

BACKLOG = 1024
"""Clients that may wait to be taken; the system may allow fewer (`net.core.somaxconn`)."""

TRIES = 3
"""To make the socket, while engines that end take the empty folder away."""

ACCEPT_AGAIN = 0.5
"""Seconds until clients are taken again after one could not be."""

_LOG = logging.getLogger("flowtui.engine")


class Server:
    """Listens at a path, until closed."""

    def __init__(self, engine: Engine, path: Path, stop: Callable[[bool], None]) -> None:
        """`stop(pause)` is called when a client asks the engine to end.

        Raises OSError, ConfigError where the socket cannot be made.
        """
        self._engine = engine
        self._stop = stop
        self._lock = threading.Lock()
        self._clients: set[socket.socket] = set()
        self._closed = False
        self._ending = False
        self._listen(path)

    def _listen(self, path: Path) -> None:
        """Make the socket, and take clients. Raises OSError, ConfigError."""
        for left in reversed(range(TRIES)):
            try:
                listening = _bound(path)
                break
            except FileNotFoundError:  # an engine that just ended took its empty folder away
                if not left:
                    raise
        try:
            path.chmod(0o600)
            listening.listen(BACKLOG)
            status = path.lstat()
        except BaseException:
            listening.close()
            raise
        self._socket, self._path, self._inode = listening, path, (status.st_dev, status.st_ino)
        threading.Thread(target=self._accept, args=(listening,), name="socket", daemon=True).start()

    @property
    def path(self) -> Path:
        """Where it listens."""
        return self._path

    def socket_exists(self) -> bool:
        """Whether the socket is still where clients look for it."""
        try:
            status = self._path.lstat()
        except OSError:
            return False
        return (status.st_dev, status.st_ino) == self._inode

    def move(self, path: Path) -> None:
        """Listen at `path` from now on; the clients that are there stay.

        Raises OSError, ConfigError; then it is as before.
        """
        before = self._socket
        self._listen(path)
        _wake_and_close(before)

    @property
    def has_clients(self) -> bool:
        """Whether anyone is connected."""
        with self._lock:
            return bool(self._clients)

    def close(self) -> None:
        """Take no more clients and let go of those there are."""
        self._closed = True
        if self.socket_exists():  # another's is not ours to take away
            with contextlib.suppress(FileNotFoundError):
                self._path.unlink()
            with contextlib.suppress(OSError):  # another engine's socket is in it
                self._path.parent.rmdir()
        _wake_and_close(self._socket)
        with self._lock:
            clients = list(self._clients)
        for client in clients:
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)

    def _accept(self, listening: socket.socket) -> None:
        is_told = False
        while not self._closed:
            try:
                client, _ = listening.accept()
            except OSError:
                if self._closed or listening is not self._socket:
                    return
                # Too many open files, say: that passes, and who comes is still in the line.
                if not is_told:
                    _LOG.exception("cannot accept a client; trying again until it can be")
                is_told = True
                time.sleep(ACCEPT_AGAIN)
                continue
            is_told = False
            try:
                self._take(client)
            except Exception:  # noqa: BLE001
                # It went at once, or there is no thread to spare: others must stay welcome.
                _LOG.exception("cannot serve a client")
                with self._lock:
                    self._clients.discard(client)
                client.close()

    def _take(self, client: socket.socket) -> None:
        if not is_same_user(client):
            _LOG.warning("refused a client of another user")
            client.close()
            return
        with self._lock:
            self._clients.add(client)
        threading.Thread(target=self._serve, args=(client,), name="client", daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        stream = _ClientStream(client)
        unsubscribe: Callable[[], None] | None = None
        try:
            with client.makefile("rb") as lines:
                while line := lines.readline(MAX_LINE):
                    try:
                        request = decode(line)
                    except ProtocolError as error:
                        stream.send(_refusal(None, "BAD_REQUEST", str(error)))
                        return
                    if request.get("do") == "subscribe" and unsubscribe is None:
                        unsubscribe = self._subscribe(request, stream)
                        continue
                    reply = self._reply(request)
                    if request.get("do") != "stop" or not reply["ok"]:
                        stream.send(reply)
                        continue
                    self._ending = True  # who comes from now on is for the next engine
                    stream.send(reply)
                    self._stop(request.get("pause") is True)
                    return
        except OSError:
            return  # the client went away, which it may do at any time
        except Exception:  # noqa: BLE001
            _LOG.exception("a client failed")  # it sees the connection close, below
        finally:
            if unsubscribe is not None:
                with contextlib.suppress(RequestRefused):
                    unsubscribe()
            stream.close()
            with self._lock:
                self._clients.discard(client)
            client.close()

    def _subscribe(
        self, request: dict[str, Any], stream: _ClientStream
    ) -> Callable[[], None] | None:
        """Answer a `subscribe`, then have the events follow; how to end them, or None if refused.

        Raises OSError.
        """
        try:
            unsubscribe = self._engine.subscribe(stream.offer)
        except RequestRefused as error:
            stream.send(_refusal(_id_of(request), error.code, error.message))
            return None
        try:
            stream.send({"id": _id_of(request), "ok": True, "result": {}})
        except OSError:
            unsubscribe()
            raise
        stream.start_events(lambda: self._engine.tell_more(stream.offer))
        return unsubscribe

    def _reply(self, request: dict[str, Any]) -> dict[str, Any]:
        id_, do = _id_of(request), request.get("do")
        try:
            kind = REQUESTS.get(do) if isinstance(do, str) else None
            if kind is None:
                raise RequestRefused("BAD_REQUEST", f"unknown request: {reprlib.repr(do)}")
            return {"id": id_, "ok": True, "result": self._handle(str(do), read(kind, request))}
        except RequestRefused as error:
            return _refusal(id_, error.code, error.message)
        except WrongKind as error:
            return _refusal(id_, "BAD_REQUEST", str(error))
        except Exception as error:  # noqa: BLE001
            # The client is told, and the engine's log gets the traceback.
            _LOG.exception("a request failed")
            return _refusal(id_, "INTERNAL", f"internal error: {type(error).__name__}: {error}")

    def _handle(self, do: str, request: Request) -> Any:
        engine = self._engine
        match request:
            case Add(batch):
                return engine.add(batch).to_json()
            case Chosen(ids):
                return {"count": getattr(engine, do)(ids)}
            case BulkAction(ids, action):
                return {"count": engine.bulk(ids, action)}
            case BulkFiles(id_, after):
                rows = (file.to_json() for file in engine.bulk_files_from(id_, after or 0))
                files, is_last = (list(rows), True) if after is None else first_piece(rows)
                return {"files": files, "last": is_last}
            case StatusWanted(rows, most, after):
                return engine.status(rows, most, after).to_json()
            case Verify(root, batch_id, about):
                return {"recheck_id": engine.verify(root, batch_id, about)}
            case Verified(id_, after):
                return engine.verified(id_, after).to_json()
            case VerifyEnd(id_):
                return {"count": engine.verify_end(id_)}
            case SpaceAt(path):
                return engine.space(path).to_json()
            case SignIn(server, token, username, refresh_token):
                return {"count": engine.sign_in(server, username, token, refresh_token)}
            case SettingsWanted():
                return engine.settings(**request.to_json())
        if do == "hello":
            if self._ending:
                raise RequestRefused("ENDING", "this engine is shutting down")
            return {
                "version": __version__,
                "protocol": PROTOCOL,
                "pid": os.getpid(),
                "host": host_name(),
            }
        return {}


class _ClientStream:
    """What goes to one client: replies at once, events one at a time by a thread of its own."""

    def __init__(self, client: socket.socket) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._ready = threading.Condition()
        self._event: Changes | None = None
        self._closed = False

    def send(self, message: dict[str, Any]) -> None:
        """Send a message whole. Raises OSError."""
        with self._lock:
            self._client.sendall(encode(message))

    def offer(self, changes: Changes) -> bool:
        """Take an event to be sent, or False while the last one is not sent yet."""
        with self._ready:
            if self._closed:
                return True
            if self._event is not None:
                return False
            self._event = changes
            self._ready.notify()
            return True

    def start_events(self, more: Callable[[], object]) -> None:
        """Send the events that were taken and those to come.

        `more` is called when one is sent that others follow.
        """
        threading.Thread(target=self._write, args=(more,), name="events", daemon=True).start()

    def close(self) -> None:
        """Take no more events."""
        with self._ready:
            self._closed = True
            self._ready.notify()

    def _write(self, more: Callable[[], object]) -> None:
        while True:
            with self._ready:
                while self._event is None and not self._closed:
                    self._ready.wait()
                changes = self._event
                if self._closed or changes is None:
                    return
            name = "transfers" if changes.reset or not changes.last else "changes"
            try:
                self.send({"event": name, **changes.to_json()})
            except OSError:
                self.close()
                return
            except Exception:  # noqa: BLE001
                # He would wait for events that nobody sends: he must see that they end.
                _LOG.exception("cannot send an event")
                self.close()
                with contextlib.suppress(OSError):
                    self._client.shutdown(socket.SHUT_RDWR)
                return
            with self._ready:
                self._event = None
            if not changes.last:
                more()


def _bound(path: Path) -> socket.socket:
    """A socket at `path`, in a folder of ours. Raises OSError, ConfigError."""
    private_folder(path.parent)
    with contextlib.suppress(FileNotFoundError):
        path.unlink()  # a stale one: the engine's lock says that we are the only engine
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with address_of(path) as address:
            listening.bind(address)
    except BaseException:
        listening.close()
        raise
    return listening


def _wake_and_close(listening: socket.socket) -> None:
    with contextlib.suppress(OSError):
        listening.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
    listening.close()


def _refusal(id_: Any, code: str, message: str) -> dict[str, Any]:
    return {"id": id_, "ok": False, "error": {"code": code, "message": message}}


def _id_of(request: dict[str, Any]) -> int | str | None:
    """What a client tells the request by, if it is a number or a text."""
    id_ = request.get("id")
    return id_ if isinstance(id_, int | str) else None
