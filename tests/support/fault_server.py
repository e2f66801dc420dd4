"""An HTTP server that can break the protocol: raw asyncio, in a thread, told what to do per file.

A `Plan` says what a path answers. Requests are recorded, so that a test can count them, sum the
bytes that went out, and see where the token went.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import socket
import ssl
import threading
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from support.waiting import GUARD

RANGE = re.compile(r"bytes=(\d+)-(\d*)$")


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    sent: int = 0
    connection: int = 0  # from 1, in the order in which they were opened

    @property
    def range(self) -> tuple[int, int | None] | None:
        found = RANGE.match(self.headers.get("range", ""))
        if not found:
            return None
        return int(found[1]), int(found[2]) + 1 if found[2] else None

    @property
    def token(self) -> str | None:
        return self.headers.get("authorization", "").removeprefix("Bearer ") or None


Handler = Callable[["Exchange"], Awaitable[None]]


@dataclass
class File:
    """A good file, with what may be wrong about its serving.

    Attributes:
        rate: bytes a second of each connection, 0 for all at once.
        held: what comes of the file before `rate` is 0, however slow the test is meanwhile; as the
            end of a slice: -1 for all but the last byte.
    """

    content: bytes
    etag: str | None = '"v1"'
    modified: str | None = None
    ranges: bool = True
    honours_if_range: bool = True
    handlers: list[Handler] = field(default_factory=list)  # used up one a request, then normal
    always: Handler | None = None
    content_type: str = "application/octet-stream"
    rate: float = 0.0
    held: int | None = None
    needs_token: bool = False

    @property
    def md5(self) -> str:
        return hashlib.md5(self.content, usedforsecurity=False).hexdigest()


class Exchange:
    """One request under way."""

    def __init__(
        self, server: FaultServer, request: Request, file: File, writer: asyncio.StreamWriter
    ) -> None:
        self.server = server
        self.request = request
        self.file = file
        self.writer = writer
        self.close_after = False

    async def head(self, status: int, headers: dict[str, Any], reason: str = "X") -> None:
        lines = [f"HTTP/1.1 {status} {reason}", *(f"{k}: {v}" for k, v in headers.items())]
        self.writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        await self.writer.drain()

    async def body(self, content: bytes | memoryview, step: int = 65536) -> None:
        view = memoryview(content)
        while view:
            piece = view[:step]
            self.request.sent += len(piece)  # first: once it is written, it may be read and asked
            self.writer.write(bytes(piece))
            await self.writer.drain()
            view = view[len(piece) :]
            if self.file.rate and view:
                await asyncio.sleep(len(piece) / self.file.rate)

    def slice(self) -> tuple[int, int]:
        size = len(self.file.content)
        wanted = self.request.range
        if wanted is None or not self.file.ranges:
            return 0, size
        return wanted[0], min(size, wanted[1] if wanted[1] is not None else size)

    def good_head(self) -> tuple[int, dict[str, Any]]:
        size = len(self.file.content)
        headers: dict[str, Any] = {"Content-Type": self.file.content_type}
        if self.file.etag:
            headers["ETag"] = self.file.etag
        if self.file.modified:
            headers["Last-Modified"] = self.file.modified
        start, end = self.slice()
        wanted = self.request.range
        if_range = self.request.headers.get("if-range")
        stale = (
            if_range is not None
            and self.file.honours_if_range
            and if_range not in (self.file.etag, self.file.modified)
        )
        if wanted is None or not self.file.ranges or stale:
            headers["Content-Length"] = size
            return 200, headers
        if start >= size:
            headers["Content-Range"] = f"bytes */{size}"
            headers["Content-Length"] = 0
            return 416, headers
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
        headers["Content-Length"] = end - start
        return 206, headers

    async def serve(self) -> None:
        status, headers = self.good_head()
        await self.head(status, headers)
        if status not in (200, 206):
            return
        size = len(self.file.content)
        start, end = self.slice() if status == 206 else (0, size)
        free = min(end, max(start, len(range(size)[: self.file.held])))
        await self.body(memoryview(self.file.content)[start:free])
        if free < end:
            while self.file.rate:
                await asyncio.sleep(0.01)
            await self.body(memoryview(self.file.content)[free:end])

    def abort(self) -> None:
        """Reset the connection."""
        self.close_after = True
        self.writer.transport.abort()

    def finish(self) -> None:
        """Close the connection in good order, whatever was promised."""
        self.close_after = True


class FaultServer:
    """`with FaultServer() as server: server.files["/downloads/1/x"] = File(b"…")`."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.files: dict[str, File] = {}
        self.requests: list[Request] = []
        self.good_tokens: set[str] | None = None
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._listener: socket.socket | None = None
        self._hang_ups = 0
        self._welcomed: dict[asyncio.Task[None], socket.socket] = {}
        self.port = 0
        self.connections = 0
        self.down = False

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def of(self, path: str) -> list[Request]:
        return [one for one in self.requests if one.path == path]

    def sent(self, path: str) -> int:
        return sum(one.sent for one in self.of(path))

    def __enter__(self) -> FaultServer:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(GUARD)
        return self

    def __exit__(self, *_: object) -> None:
        async def end() -> None:
            await self._hang_up()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(GUARD)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(GUARD)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)

        self._loop.run_until_complete(self._listen())
        self._ready.set()
        self._loop.run_forever()
        # A connection that was accepted as the server ended has a task of its own by now.
        while left := asyncio.all_tasks(self._loop):
            for task in left:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        self._loop.close()

    async def _hang_up(self) -> None:
        """Listen no more and reset all connections."""
        self._hang_ups += 1
        if self._listener is not None:
            self._loop.remove_reader(self._listener)
            self._listener.close()  # who is in its line is reset
            self._listener = None
        for writer in list(self._writers):
            writer.transport.abort()
        for task, taken in self._welcomed.items():
            task.cancel()
            taken.close()

    async def _listen(self) -> None:
        listener = socket.create_server(("127.0.0.1", self.port), backlog=128)
        listener.setblocking(False)
        self.port = listener.getsockname()[1]
        self._listener = listener
        self._loop.add_reader(listener, self._accept, listener)

    def _accept(self, listener: socket.socket) -> None:
        """Take connections in, each known from its first moment on.

        Those that asyncio's own server, or its `sock_accept`, takes while that is ended are neither
        served nor closed: who asked waits for ever.
        """
        with contextlib.suppress(BlockingIOError):
            while True:
                taken, _ = listener.accept()
                taken.setblocking(False)
                task = self._loop.create_task(self._welcome(taken))
                self._welcomed[task] = taken

    async def _welcome(self, taken: socket.socket) -> None:
        task = asyncio.current_task()
        assert task is not None
        del self._welcomed[task]  # from here on asyncio closes it
        reader = asyncio.StreamReader()
        before = self._hang_ups
        protocol = asyncio.StreamReaderProtocol(
            reader, lambda reader, writer: self._client(reader, writer, before)
        )
        with contextlib.suppress(OSError):  # its handshake failed, or it was hung up
            await self._loop.connect_accepted_socket(lambda: protocol, taken, ssl=self._tls)

    def go_away(self) -> None:
        """Reset all connections and listen no more: the port refuses."""
        asyncio.run_coroutine_threadsafe(self._hang_up(), self._loop).result(GUARD)

    def come_back(self) -> None:
        """Listen at the same port again."""
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(GUARD)

    async def _client(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, hang_ups: int
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        self.connections += 1
        number = self.connections
        try:
            if self.down or hang_ups < self._hang_ups:
                writer.transport.abort()
                return
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                lines = head.decode("latin-1").split("\r\n")
                method, path, _ = lines[0].split(" ", 2)
                headers = {}
                for line in lines[1:]:
                    if ":" in line:
                        name, _, value = line.partition(":")
                        headers[name.strip().lower()] = value.strip()
                request = Request(method, path, headers, connection=number)
                self.requests.append(request)
                if not await self._answer(request, writer):
                    return
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            return  # cancelled: the server ends
        finally:
            self._tasks.discard(task)
            self._writers.discard(writer)
            writer.close()

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        file = self.files.get(request.path, self.files.get(request.path.partition("?")[0]))
        exchange = Exchange(self, request, file or File(b""), writer)
        if file is None:
            await exchange.head(404, {"Content-Length": 0})
            return True
        if file.needs_token and request.token not in (self.good_tokens or set()):
            body = (
                b'{"error": "Invalid or expired token", "code": "UNAUTHENTICATED", "status": 401}'
            )
            await exchange.head(
                401, {"Content-Type": "application/json", "Content-Length": len(body)}
            )
            writer.write(body)
            return True
        handler = file.handlers.pop(0) if file.handlers else file.always
        if handler is not None:
            await handler(exchange)
        else:
            await exchange.serve()
        if exchange.close_after:
            if not writer.transport.is_closing():
                await writer.drain()
            return False
        return True


# What can be wrong with one answer


def cut_after(count: int, *, reset: bool = False) -> Handler:
    """Send so many bytes of the body, then close (FIN), or reset (RST)."""

    async def handle(exchange: Exchange) -> None:
        status, headers = exchange.good_head()
        await exchange.head(status, headers)
        start, end = exchange.slice() if status == 206 else (0, len(exchange.file.content))
        await exchange.body(memoryview(exchange.file.content)[start : min(end, start + count)])
        if reset:
            exchange.abort()
        else:
            exchange.finish()

    return handle


def answer(status: int, body: bytes = b"", **headers: Any) -> Handler:
    """A fixed answer; header names with _ for -."""

    async def handle(exchange: Exchange) -> None:
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        fields.setdefault("Content-Length", len(body))
        await exchange.head(status, fields)
        await exchange.body(body)

    return handle


def stall(after: int, seconds: float) -> Handler:
    """Send so many bytes, then nothing for a while."""

    async def handle(exchange: Exchange) -> None:
        status, headers = exchange.good_head()
        await exchange.head(status, headers)
        start, end = exchange.slice() if status == 206 else (0, len(exchange.file.content))
        await exchange.body(memoryview(exchange.file.content)[start : min(end, start + after)])
        await asyncio.sleep(seconds)
        exchange.finish()

    return handle


def stalled_head(seconds: float) -> Handler:
    """Take the request and answer nothing for a while."""

    async def handle(exchange: Exchange) -> None:
        await asyncio.sleep(seconds)
        exchange.finish()

    return handle


def part(first: int, last: int, total: int | str, body: bytes, **headers: Any) -> Handler:
    """A 206 that says it holds bytes `first` to `last` (inclusive), with any body."""
    said = f"bytes {first}-{last}/{total}"
    return answer(206, body, Content_Range=said, ETag='"v1"', **headers)


def without_length(count: int | None = None) -> Handler:
    """200 with neither length nor chunks: the end of the connection is the end of the file."""

    async def handle(exchange: Exchange) -> None:
        headers = {"Connection": "close", "Content-Type": exchange.file.content_type}
        if exchange.file.etag:
            headers["ETag"] = exchange.file.etag
        await exchange.head(200, headers)
        await exchange.body(memoryview(exchange.file.content)[:count])
        exchange.finish()

    return handle


def chunked(*, cut_after: int | None = None) -> Handler:
    """200 in chunks, without length; cut before the last chunk if asked for."""

    async def handle(exchange: Exchange) -> None:
        headers: dict[str, Any] = {"Transfer-Encoding": "chunked", "ETag": exchange.file.etag}
        await exchange.head(200, headers)
        view = memoryview(exchange.file.content)[:cut_after]
        for at in range(0, len(view), 65536):
            piece = bytes(view[at : at + 65536])
            exchange.request.sent += len(piece)
            exchange.writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            await exchange.writer.drain()
        if cut_after is None:
            exchange.writer.write(b"0\r\n\r\n")
        else:
            exchange.finish()

    return handle


def endless(
    piece: bytes,
    *,
    begin: bytes = b"",
    status: int = 200,
    length: int | None = None,
    **headers: Any,
) -> Handler:
    """Send `begin`, then `piece` again and again until nobody reads it any more.

    In chunks, or as the beginning of `length` bytes where that is given.
    """

    async def handle(exchange: Exchange) -> None:
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        if length is None:
            fields["Transfer-Encoding"] = "chunked"
        else:
            fields["Content-Length"] = length
        await exchange.head(status, fields)
        following = begin or piece
        while True:
            framed = following
            if length is None:
                framed = b"%x\r\n%b\r\n" % (len(following), following)
            exchange.request.sent += len(following)
            exchange.writer.write(framed)
            await exchange.writer.drain()
            following = piece

    return handle


def unfinished(begin: bytes) -> Handler:
    """Send the beginning of an answer, head included, and nothing more while the server lives."""

    async def handle(exchange: Exchange) -> None:
        exchange.writer.write(begin)
        await exchange.writer.drain()
        await asyncio.Event().wait()

    return handle


def gzip_bomb(size: int, *, begin: bytes = b"") -> bytes:
    """`begin` and so many spaces, packed to a thousandth; without the end of a good gzip."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    head = packer.compress(begin) + packer.flush(zlib.Z_FULL_FLUSH)
    blank = packer.compress(b" " * (1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return head + blank * (size >> 20)  # behind a full flush a block stands for itself


def wait_for(event: threading.Event, then: Handler | None = None) -> Handler:
    """Answer only once the test has set `event`."""

    async def handle(exchange: Exchange) -> None:
        await asyncio.get_running_loop().run_in_executor(None, event.wait, GUARD)
        await (then(exchange) if then else exchange.serve())

    return handle


def refuse_connection() -> Handler:
    """Reset before any answer."""

    async def handle(exchange: Exchange) -> None:
        exchange.abort()

    return handle


def slowly(seconds: float, at_once: list[int]) -> Handler:
    """Answer after a while; `at_once` is (now, most) of requests under way."""

    async def handle(exchange: Exchange) -> None:
        at_once[0] += 1
        at_once[1] = max(at_once)
        await asyncio.sleep(seconds)
        at_once[0] -= 1
        await exchange.serve()

    return handle
