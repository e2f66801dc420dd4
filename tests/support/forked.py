"""`flowtui` as a process that starts at once: one that has imported it forks one for each command.

Half a second of imports a command is most of what the tests of the command line take. A forked
command is a process as any other: its own environment, standard streams, threads, signals and exit
status; `tests/test_surroundings.py` and others run commands that start from nothing.

Run as a script it is what forks; `run` is the other end, for tests.
"""

from __future__ import annotations

import functools
import gc
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

HERE = Path(__file__).resolve()
LONGEST_ORDER = 1 << 17


def run(
    args: tuple[str, ...], environment: dict[str, str], timeout: float = 120.0
) -> subprocess.CompletedProcess[str]:
    """What `flowtui` does with such arguments, as `subprocess.run` tells it."""
    pipes = [os.pipe() for _ in range(3)]  # stdout, stderr, and what the forker says
    order = {"args": args, "environment": environment, "folder": os.getcwd()}
    socket.send_fds(_forker(), [json.dumps(order).encode()], [writer for _, writer in pipes])
    for _, writer in pipes:
        os.close(writer)
    out, errors, told = _read_all([reader for reader, _ in pipes], timeout)
    _, status = told.split()
    return subprocess.CompletedProcess(args, int(status), _text(out), _text(errors))


def command(args: tuple[str, ...]) -> list[str]:
    """To start one from nothing that waits as little as those that are forked."""
    return [sys.executable, str(HERE), "run", *args]


@functools.cache
def _forker() -> socket.socket:
    """The way to this process's forker, which ends with it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        subprocess.Popen(
            [sys.executable, str(HERE), "serve", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"},
            start_new_session=True,  # a ctrl-c at the tests is not for it
        )
    return ours


def _read_all(readers: list[int], timeout: float) -> list[bytes]:
    """What comes from each, to its end. Kills the command after so many seconds."""
    deadline = time.monotonic() + timeout
    found = {reader: b"" for reader in readers}
    with selectors.DefaultSelector() as waiting:
        for reader in readers:
            waiting.register(reader, selectors.EVENT_READ)
        while waiting.get_map():
            ready = waiting.select(max(0.0, deadline - time.monotonic()))
            if not ready:
                os.kill(int(found[readers[-1]].split()[0]), signal.SIGKILL)
                raise TimeoutError(f"a command did not end within {timeout:.0f} s: {found}")
            for key, _ in ready:
                piece = os.read(key.fd, 1 << 16)
                found[key.fd] += piece
                if not piece:
                    waiting.unregister(key.fd)
                    os.close(key.fd)
    return list(found.values())


def _text(said: bytes) -> str:
    return said.decode().replace("\r\n", "\n").replace("\r", "\n")


def _serve(orders: socket.socket) -> None:
    """Fork a command for each order, and tell of each its id and its status.

    Returns in the processes that are to be commands only.
    """
    wake, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    running: dict[int, int] = {}
    with selectors.DefaultSelector() as waiting:
        waiting.register(wake, selectors.EVENT_READ)
        waiting.register(orders, selectors.EVENT_READ)
        while True:
            ready = {key.fd for key, _ in waiting.select()}
            if wake in ready:
                os.read(wake, 1 << 12)
                _tell_ended(running)
            if orders.fileno() not in ready:
                continue
            order, streams, *_ = socket.recv_fds(orders, LONGEST_ORDER, 3)
            if not order:  # the tests have ended, however they did
                for pid in running:
                    os.kill(pid, signal.SIGKILL)
                sys.exit()
            out, errors, tell = streams
            pid = os.fork()
            if pid == 0:
                break
            os.write(tell, b"%d " % pid)
            running[pid] = tell
            os.close(out)
            os.close(errors)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number, stream in ((1, out), (2, errors)):
        os.dup2(stream, number)
    for number in (wake, waker, out, errors, tell, *running.values()):
        os.close(number)
    orders.close()
    _become(**json.loads(order))


def _tell_ended(running: dict[int, int]) -> None:
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        tell = running.pop(pid)
        os.write(tell, b"%d" % os.waitstatus_to_exitcode(status))
        os.close(tell)


def _become(args: list[str], environment: dict[str, str], folder: str) -> None:
    """Make this process what the shell would have made for the command."""
    import tempfile

    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None
    time.tzset()
    sys.argv = ["flowtui", *args]


def _import_all() -> None:
    """All that a command imports, except what reads the environment as it is imported."""
    sys.modules["httpx._main"] = None  # type: ignore[assignment]  # as `flowtui.__main__` does
    from importlib import import_module

    from flowtui.cli.main import COMMANDS
    from flowtui.flow.http import certificates

    for place, _ in COMMANDS.values():
        import_module(f"flowtui.cli.{place.partition(':')[0]}")
    for name in ("cli.batch_progress", "cli.detach", "cli.follow", "cli.progress", "cli.session",
                 "connect", "daemon.client", "engine.engine", "flow.client",
                 "transfer.http.clients"):  # fmt: skip
        import_module(f"flowtui.{name}")
    certificates.tls_context(None)  # is kept, and takes a while


def _wait_less() -> None:
    """Ask about archives, and try again, at once: these waits show nothing but themselves."""
    from flowtui import retry
    from flowtui.engine.engine import Engine

    timings = Engine.__init__.__kwdefaults__["timings"]
    for name, seconds in (("poll", 0.1), ("poll_turn", 0.05)):
        object.__setattr__(timings, name, seconds)
    for policy in (retry.API, retry.WALK, retry.TRANSFER, retry.BULK_JOB):
        for name, seconds in (("first", 0.02), ("extra", 0.0)):
            object.__setattr__(policy, name, seconds)


def _main(how: str, *args: str) -> NoReturn:
    """`serve` orders from a descriptor, or `run` one command."""
    sys.argv = ["flowtui", *args]
    if how == "serve":
        _import_all()
        _wait_less()
        gc.freeze()
        _serve(socket.socket(fileno=int(args[0])))
    else:
        _wait_less()
    from flowtui.__main__ import main

    main()
    sys.exit()


if __name__ == "__main__":
    _main(*sys.argv[1:])
