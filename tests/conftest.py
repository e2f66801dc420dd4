"""What all tests need of the process that they run in."""

from __future__ import annotations

import gc
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.fault_server import FaultServer
from support.lab import Lab

# A shell ignores SIGINT for what it runs in the background, and nohup SIGHUP. Programs inherit
# that, flowtui goes by it, and tests of what a signal does would meet nothing.
for _number, _usual in (
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGHUP, signal.SIG_DFL),
):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _usual)


def pytest_collection_finish() -> None:
    """Spare the garbage collector all that was imported and collected.

    To look through that again and again takes a tenth of the suite's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


@pytest.fixture
def lab(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Lab]:
    with FaultServer() as server:
        made = Lab(server, tmp_path / "to")
        made.is_connected = getattr(request, "param", "new") == "kept"
        yield made
        made.stop()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a module's tests with a new connection and with one that is kept, where it says so."""
    wanted = getattr(metafunc.module, "WITH_KEPT_CONNECTIONS", False)
    own = any("lab" in mark.args[0] for mark in metafunc.definition.iter_markers("parametrize"))
    if wanted and not own and "lab" in metafunc.fixturenames:
        metafunc.parametrize("lab", ["new", "kept"], indirect=True)
