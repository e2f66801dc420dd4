"""Running the demo's Flow: in a thread, in the foreground, or in a process of its own."""

from __future__ import annotations

import argparse
import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterable
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Self, get_args

from flowtui.demo.serializers import Dialect

if TYPE_CHECKING:
    import uvicorn

    from flowtui.demo.app import App, RecordedRequest
    from flowtui.demo.bulk import BulkJobs
    from flowtui.demo.catalogue import Catalogue
    from flowtui.demo.service import Service

START_SECONDS = 15.0

DEMO_RATE = 8_000_000.0
"""Bytes per second of one download of `run` and `spawn`, unless told: so that bars move."""


class DemoDidNotStart(Exception):
    """The server could not be started; the text says why."""


def _listen(port: int) -> tuple[socket.socket, str]:
    """A socket that takes connections already, and the base URL. Raises DemoDidNotStart."""
    # The protocol is named because asyncio turns Nagle's delay off only where it is: without that
    # each answer on a kept connection would wait 40 ms for the client's acknowledgement.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen(512)
    except OSError as error:
        listener.close()
        raise DemoDidNotStart(f"port {port} of 127.0.0.1: {error.strerror}") from error
    return listener, f"http://127.0.0.1:{listener.getsockname()[1]}/api"


def _server(app: App) -> uvicorn.Server:
    import uvicorn

    class Server(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self) -> Generator[None, None, None]:
            """Leave signals alone: uvicorn would raise them again after its end."""
            yield

    return Server(
        uvicorn.Config(
            app,
            http="h11",
            ws="none",
            lifespan="off",
            log_level="critical",
            access_log=False,
            log_config=None,  # its own needs a stdout
            timeout_graceful_shutdown=1,
        )
    )


def _end(server: uvicorn.Server) -> None:
    """Let the server stop without waiting for downloads in progress."""
    server.should_exit = True
    server.force_exit = True


class DemoServer:
    """A server in a thread of this process, for tests; a context manager.

    Attributes:
        base_url: `http://127.0.0.1:<port>/api`; user `demo`, password `demo`.
        requests: what was asked so far, in the order of the answers.
        service: the server's state; `service.rate` may be set, and
            `service.accounts.expire_all()` ends all access tokens.
        bulk: its bulk jobs; `bulk.scenarios` may be set.
    """

    base_url: str
    service: Service
    bulk: BulkJobs

    def __init__(
        self,
        dialect: Dialect = "both",
        rate: float | None = None,
        token_seconds: float = 300,
        job_seconds: float = 1.0,
        expires_seconds: float = 86_400,
        port: int = 0,
        scenarios: Iterable[str] = (),
        latency: float = 0.0,
        catalogue: Catalogue | None = None,
    ) -> None:
        """See `create_app`."""
        from flowtui.demo.app import create_app
        from flowtui.demo.scenarios import scenarios_of

        self.requests: list[RecordedRequest] = []
        self._app = create_app(
            dialect,
            rate=rate,
            token_seconds=token_seconds,
            job_seconds=job_seconds,
            expires_seconds=expires_seconds,
            scenarios=scenarios_of(scenarios),
            latency=latency,
            catalogue=catalogue,
            record=self.requests.append,
        )
        self.service = self._app.service
        self.bulk = self._app.bulk
        self._port = port

    def __enter__(self) -> Self:
        """Start it; it answers from now on. Raises DemoDidNotStart."""
        self._listener, self.base_url = _listen(self._port)
        self._server = _server(self._app)
        self._thread = threading.Thread(
            target=self._server.run, args=([self._listener],), name="demo server", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop it; open connections are cut."""
        _end(self._server)
        self._thread.join()
        self._listener.close()


def run(
    port: int = 0,
    *,
    ready: Callable[[str], None],
    dialect: Dialect = "both",
    rate: float | None = DEMO_RATE,
    token_seconds: float = 300,
    job_seconds: float = 5.0,
    expires_seconds: float = 86_400,
    scenarios: Iterable[str] = (),
    latency: float = 0.0,
    with_parent: bool = False,
) -> None:
    """Serve in the foreground until SIGINT or SIGTERM.

    `ready` is called with the base URL once connections are taken. With `with_parent` the server
    also ends when standard input does. `rate` 0 or None is as fast as it goes. `scenarios` are
    names of `scenarios.Scenario`; `latency` is how many seconds each answer but a file's takes.
    Raises DemoDidNotStart.
    """
    from flowtui.demo.app import create_app
    from flowtui.demo.scenarios import scenarios_of

    listener, base_url = _listen(port)
    app = create_app(
        dialect,
        rate=rate,
        token_seconds=token_seconds,
        job_seconds=job_seconds,
        expires_seconds=expires_seconds,
        scenarios=scenarios_of(scenarios),
        latency=latency,
    )
    server = _server(app)

    def stop(number: int, frame: FrameType | None) -> None:
        _end(server)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    if with_parent:
        os.nice(5)  # made-up bytes must not hold up the app, which is on the same machine here
        threading.Thread(target=_follow_parent, args=(server,), daemon=True).start()
    try:
        ready(base_url)
        server.run([listener])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        listener.close()


def _follow_parent(server: uvicorn.Server) -> None:
    # The other end of the pipe is closed when the parent ends, however it ends. `sys.stdin` is not
    # used: its lock, held by this thread, would stand in the way of the interpreter's end.
    with contextlib.suppress(OSError):  # no standard input: nobody to serve for
        while os.read(0, 1024):
            pass
    _end(server)


class ServerProcess:
    """A server in a process of its own. Attribute `base_url`; a context manager."""

    def __init__(self, process: subprocess.Popen[bytes], base_url: str) -> None:
        self._process = process
        self.base_url = base_url

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def close(self) -> None:
        """End it, and wait until it has ended."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()
        try:
            self._process.wait(timeout=3)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """See `close`."""
        self.close()


def spawn(
    *,
    port: int = 0,
    dialect: Dialect = "both",
    rate: float | None = DEMO_RATE,
    token_seconds: float = 300,
    job_seconds: float = 5.0,
    expires_seconds: float = 86_400,
    scenarios: Iterable[str] = (),
    latency: float = 0.0,
) -> ServerProcess:
    """Start a server in a process of its own, and wait until it takes connections.

    It ends with `close()`, and with this process however that ends. Raises DemoDidNotStart.
    """
    options = {
        "--port": port,
        "--dialect": dialect,
        "--rate": rate or 0,
        "--token-seconds": token_seconds,
        "--job-seconds": job_seconds,
        "--expires-seconds": expires_seconds,
        "--latency": latency,
    }
    command = [sys.executable, "-m", "flowtui.demo.serve", "--with-parent"]
    command += [str(part) for option in options.items() for part in option]
    command += [part for scenario in scenarios for part in ("--scenario", scenario)]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C in the terminal is for the program, not for its server
    )
    line = _first_line(process)
    spawned = ServerProcess(process, line)
    if not line.startswith("http://"):
        spawned.close()
        raise DemoDidNotStart(line or "the demo server ended at once")
    return spawned


def _first_line(process: subprocess.Popen[bytes]) -> str:
    """The child's first line of output; empty if it ends, or takes too long, without one."""
    if process.stdout is None:
        return ""
    got, deadline = b"", time.monotonic() + START_SECONDS
    while not got.endswith(b"\n"):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([process.stdout], [], [], left)[0]:
            process.kill()
            return ""
        piece = process.stdout.read1(1024)  # type: ignore[attr-defined]
        if not piece:
            break
        got += piece
    return got.decode("utf-8", "replace").strip()


def _main() -> int:
    from flowtui.demo.scenarios import Scenario

    parser = argparse.ArgumentParser(prog="python -m flowtui.demo.serve", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--dialect", choices=get_args(Dialect), default="both")
    parser.add_argument("--rate", type=float, default=DEMO_RATE, help="0 for no limit")
    parser.add_argument("--token-seconds", type=float, default=300)
    parser.add_argument("--job-seconds", type=float, default=5.0)
    parser.add_argument("--expires-seconds", type=float, default=86_400)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds of each answer")
    parser.add_argument(
        "--scenario", "--bulk", action="append", default=[], choices=[*Scenario], metavar="NAME"
    )
    parser.add_argument("--with-parent", action="store_true", help="end when standard input does")
    options = parser.parse_args()

    def say(line: str) -> None:
        # stdout may be closed, or nobody may read it: it serves all the same.
        if sys.stdout is not None:
            with contextlib.suppress(OSError):
                os.write(sys.stdout.fileno(), f"{line}\n".encode())

    try:
        run(
            options.port,
            ready=say,
            dialect=options.dialect,
            rate=options.rate,
            token_seconds=options.token_seconds,
            job_seconds=options.job_seconds,
            expires_seconds=options.expires_seconds,
            scenarios=options.scenario,
            latency=options.latency,
            with_parent=options.with_parent,
        )
    except DemoDidNotStart as error:
        say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_main())
