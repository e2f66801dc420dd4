"""A TCP relay that behaves as a long path does: bytes arrive late, and only so many are under way.

Every byte is delivered `rtt / 2` seconds after it came in, in either direction; of each connection
at most `window` bytes to the client are under way or not yet acknowledged. So the rate of one
connection is at most window / rtt, as with a TCP window on a long path. Opening a connection costs
a round trip, too. What is not imitated: slow start, losses, a bottleneck shared by connections.

    python bench/relay.py --to 127.0.0.1:8080 --rtt 0.08 --window 800000

prints the port it listens on (loopback only) and runs until its stdin is closed.
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import sys
from dataclasses import dataclass

LARGEST_READ = 128 << 10
"""Bytes that are passed on in one piece, at most."""


@dataclass(frozen=True)
class Path:
    """A long path: `rtt` in seconds, `window` in bytes per connection."""

    rtt: float
    window: int

    @property
    def piece(self) -> int:
        """Bytes in one piece: small against the window, so that the flow is even."""
        return max(4096, min(LARGEST_READ, self.window // 8))


class Window:
    """How many bytes of one connection are under way."""

    def __init__(self, size: int) -> None:
        self._room = size
        self._freed = asyncio.Event()

    async def take(self, at_most: int) -> int:
        """Wait for room; how many bytes may be sent now."""
        while self._room <= 0:
            self._freed.clear()
            await self._freed.wait()
        count = min(at_most, self._room)
        self._room -= count
        return count

    def give(self, count: int) -> None:
        """These bytes were acknowledged, or never sent."""
        self._room += count
        self._freed.set()


async def pump(
    source: socket.socket, sink: socket.socket, path: Path, window: Window | None, first: float
) -> None:
    """Carry bytes from `source` to `sink`, none before `first`, until the end of the stream."""
    loop = asyncio.get_running_loop()
    under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def deliver() -> None:
        while True:
            due, piece = await under_way.get()
            wait = due - loop.time()
            if wait > 0:
                await asyncio.sleep(wait)
            if not piece:
                sink.shutdown(socket.SHUT_WR)
                return
            await loop.sock_sendall(sink, piece)
            if window is not None:
                loop.call_later(path.rtt / 2, window.give, len(piece))

    delivering = asyncio.create_task(deliver())
    try:
        while not delivering.done():
            room = await window.take(path.piece) if window is not None else path.piece
            piece = await loop.sock_recv(source, room)
            if window is not None:
                window.give(room - len(piece))
            under_way.put_nowait((max(first, loop.time()) + path.rtt / 2, piece))
            if not piece:
                break
        await delivering
    except (ConnectionError, OSError):
        return  # one end is gone; the other is closed by `carry`
    finally:
        delivering.cancel()


async def carry(client: socket.socket, to: tuple[str, int], path: Path) -> None:
    """One connection, both ways, until both ends are done with it or one is gone."""
    loop = asyncio.get_running_loop()
    server = socket.socket()
    server.setblocking(False)
    for one in (client, server):
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        first = loop.time() + path.rtt  # the handshake
        await loop.sock_connect(server, to)
        up = asyncio.create_task(pump(client, server, path, None, first))
        down = asyncio.create_task(pump(server, client, path, Window(path.window), first))
        await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
        if up.done() and not down.done():
            await asyncio.wait({down}, timeout=1.0)
        for one in (up, down):
            one.cancel()
        await asyncio.gather(up, down, return_exceptions=True)
    except OSError:
        return  # the server refuses: the client sees its connection closed
    finally:
        client.close()
        server.close()


async def serve(to: tuple[str, int], path: Path) -> None:
    """Listen on a free loopback port, say which, and carry until stdin ends."""
    loop = asyncio.get_running_loop()
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(256)
    listener.setblocking(False)
    print(listener.getsockname()[1], flush=True)
    ended = asyncio.Event()
    loop.add_reader(sys.stdin, ended.set)
    running: set[asyncio.Task[None]] = set()

    async def accept() -> None:
        while True:
            client, _ = await loop.sock_accept(listener)
            client.setblocking(False)
            task = asyncio.create_task(carry(client, to, path))
            running.add(task)
            task.add_done_callback(running.discard)

    accepting = asyncio.create_task(accept())
    await ended.wait()
    accepting.cancel()
    for one in running:
        one.cancel()
    await asyncio.gather(accepting, *running, return_exceptions=True)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--to", required=True, metavar="HOST:PORT")
    parser.add_argument("--rtt", type=float, required=True, help="seconds")
    parser.add_argument("--window", type=int, default=1 << 20, help="bytes per connection")
    given = parser.parse_args()
    host, _, port = given.to.rpartition(":")
    asyncio.run(serve((host, int(port)), Path(given.rtt, given.window)))


if __name__ == "__main__":
    main()
