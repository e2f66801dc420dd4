"""Engine processes that are told to end, suspended, doubled, of another version, or left alone."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowtui.config import Folders, Settings, folders
from flowtui.daemon import client as client_module
from flowtui.daemon import connect, process, server
from flowtui.daemon.client import EngineClient
from flowtui.daemon.connect import connect_engine
from flowtui.daemon.errors import EngineError, EngineNotRunning
from flowtui.daemon.pidfile import PidFile, read_address
from flowtui.engine.engine import Engine
from flowtui.system.locks import is_held
from support.fault_server import FaultServer, File
from support.lab import content
from support.services import batch, engine, make_service, remote, rows
from support.waiting import GUARD, until

DATA = content(3_000_000)


def engine_status(where: Folders) -> EngineClient | None:
    """What the engine said of itself, or None where none runs; the connection is closed."""
    try:
        with connect_engine(where, start=False) as client:
            return client
    except EngineNotRunning:
        return None


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Folders]:
    """Folders of the test's own; whatever engine is left there in the end is killed."""
    for name in ("FLOW_ACCESS_TOKEN", "FLOW_API_TOKEN", "FLOW_API_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FLOW_TOKEN_FILE", str(tmp_path / "no-token"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    monkeypatch.setenv("FLOWTUI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    where = folders()
    yield where
    try:
        pid = read_address(where.engine_lock).pid
        if pid and pid != os.getpid() and b"flowtui" in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGKILL)
    except (OSError, ValueError):
        pass


@pytest.fixture
def slow() -> Iterator[FaultServer]:
    """A server that takes a second for its file of 3 MB."""
    with FaultServer() as made:
        made.files["/downloads/1/a.bin"] = File(DATA, rate=3e6)
        yield made


def run_engine() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "flowtui", "engine", "run"])


def begin(home: Folders, slow: FaultServer, to: Path) -> EngineClient:
    """A background engine with a good part of its file here."""
    talk = connect_engine(home)
    talk.add(batch(slow, to, remote(slow, "1", "a.bin")))
    until(lambda: talk.status(rows=True).transfers[0].done > 1_500_000)
    return talk


def gone(pid: int) -> bool:
    """Whether a process has ended (a child of init or of ours, waited for or not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def finish(home: Folders, slow: FaultServer, to: Path) -> None:
    """A new engine brings the file to its end, from where the last one was."""
    for file in slow.files.values():
        file.rate = 0
    with connect_engine(home) as talk:
        until(lambda: talk.status(rows=True).transfers[0].state == "done")
        talk.stop()
    assert (to / "data" / "a.bin").read_bytes() == DATA
    asked = slow.of("/downloads/1/a.bin")
    assert asked[-1].range is not None
    assert asked[-1].range[0] >= 500_000


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_told_engine_ends_and_all_is_resumable(home, slow, tmp_path, how):
    talk = begin(home, slow, tmp_path / "to")
    os.kill(talk.pid, how)
    until(lambda: gone(talk.pid))
    talk.close()
    assert engine_status(home) is None
    assert not home.socket.exists()
    finish(home, slow, tmp_path / "to")


def test_a_told_engine_ends_also_while_a_server_answers_nothing(home, tmp_path):
    from support.fault_server import stalled_head

    with FaultServer() as stalled:
        stalled.files["/downloads/1/a.bin"] = File(DATA, always=stalled_head(10 * GUARD))
        talk = connect_engine(home)
        talk.add(batch(stalled, tmp_path / "to", remote(stalled, "1", "a.bin")))
        until(lambda: len(stalled.requests) == 1)
        talk.stop()
        until(lambda: gone(talk.pid))
        talk.close()


def test_a_hang_up_changes_nothing(home, slow, tmp_path):
    talk = begin(home, slow, tmp_path / "to")
    os.kill(talk.pid, signal.SIGHUP)
    until(lambda: talk.status(rows=True).transfers[0].state == "done")
    assert len(slow.requests) == 1
    talk.stop()


def test_a_killed_engine_is_started_again_and_goes_on(home, slow, tmp_path):
    talk = begin(home, slow, tmp_path / "to")
    os.kill(talk.pid, signal.SIGKILL)
    until(lambda: gone(talk.pid))
    assert home.socket.exists()  # stale, as its lock is
    assert engine_status(home) is None
    finish(home, slow, tmp_path / "to")


def test_the_end_of_the_terminal_ends_no_download(home, slow, tmp_path):
    """Started from a terminal of its own, which is then closed on it."""
    import pty

    code = "from flowtui.daemon.connect import connect_engine; connect_engine().close(); input()"
    child, master = pty.fork()
    if child == 0:
        os.execv(sys.executable, [sys.executable, "-c", code])
    until(lambda: engine_status(home) is not None)
    talk = connect_engine(home, start=False)
    talk.add(batch(slow, tmp_path / "to", remote(slow, "1", "a.bin")))
    until(lambda: talk.status(rows=True).transfers[0].done > 300_000)
    os.close(master)
    os.waitpid(child, 0)
    until(lambda: talk.status(rows=True).transfers[0].state == "done")
    stat = Path(f"/proc/{talk.pid}/stat").read_text().rpartition(")")[2].split()
    assert stat[4] == "0"  # no terminal
    assert (tmp_path / "to/data/a.bin").read_bytes() == DATA
    talk.stop()


def test_a_suspended_engine_is_said_to_be_one_and_goes_on_when_woken(
    home, slow, tmp_path, monkeypatch
):
    talk = begin(home, slow, tmp_path / "to")
    monkeypatch.setattr(client_module, "HELLO_TIMEOUT", 0.3)
    os.kill(talk.pid, signal.SIGSTOP)
    try:
        with pytest.raises(EngineError, match=rf"\(pid {talk.pid}\) does not answer.*kill -CONT"):
            connect_engine(home)
    finally:
        os.kill(talk.pid, signal.SIGCONT)
    until(lambda: talk.status(rows=True).transfers[0].state == "done")
    assert (tmp_path / "to/data/a.bin").read_bytes() == DATA
    talk.stop()


def test_a_second_engine_leaves_the_place_to_the_first(home):
    with connect_engine(home) as talk:
        second = run_engine()
        assert second.wait(GUARD) == 0
        assert connect_engine(home, start=False).pid == talk.pid
        talk.stop()


def test_a_stale_socket_and_a_stale_lock_are_no_engine(home):
    home.socket.parent.mkdir(parents=True)
    home.state.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(home.socket))
    home.engine_lock.write_text("1\n")
    assert engine_status(home) is None
    with pytest.raises(EngineNotRunning):
        connect_engine(home, start=False)
    with connect_engine(home) as talk:
        assert talk.status().summary.counts == {}
        talk.stop()


def test_without_locks_a_dead_engine_is_no_obstacle(home, monkeypatch):
    """$HOME on a share without locks: the file beside the lock names who held it."""
    import errno

    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    monkeypatch.setattr(process, "STOP_SECONDS", 0.05)
    home.state.mkdir(parents=True)
    place = process._lock(home)
    assert place is not None
    assert process._lock(home) is None
    assert is_held(home.engine_lock)
    place.release()
    assert not is_held(home.engine_lock)
    beside = home.engine_lock.with_name("engine.lock.lock")
    assert not beside.exists()
    beside.write_text('{"boot": "x", "pid": 1}')
    assert process._lock(home) is None  # another host's, as far as anyone can tell
    from flowtui.system.boot import this_boot

    beside.write_text(f'{{"boot": "{this_boot()}", "pid": {2**22 + 3}, "started": "1"}}')
    again = process._lock(home)
    assert again is not None
    again.release()


class OtherEngine:
    """An engine of another version, in this process, as far as a client can tell."""

    def __init__(self, home: Folders, monkeypatch, ends_after: float = 0.0) -> None:
        home.state.mkdir(parents=True)
        monkeypatch.setattr(server, "__version__", "0.0.1")
        self.ended, self.stops = threading.Event(), threading.Event()
        self.engine = Engine(Settings(), make_service=make_service())
        self.engine.start()
        place = process._lock(home)
        assert place is not None

        def end() -> None:
            self.stops.wait(ends_after)
            self.server.close()
            self.engine.stop()
            place.release()
            self.ended.set()

        def stop(pause: bool) -> None:
            threading.Thread(target=end, daemon=True).start()

        self.server = server.Server(self.engine, home.socket, stop)


@pytest.mark.parametrize("ends_after", [0.0, 1.0])
def test_another_versions_engine_is_asked_to_end_and_replaced(home, monkeypatch, ends_after):
    other = OtherEngine(home, monkeypatch, ends_after)
    assert connect_engine(home, start=False).version == "0.0.1"
    with connect_engine(home) as talk:
        assert other.ended.wait(GUARD)
        assert talk.is_same_version
        assert talk.pid != os.getpid()
        talk.stop()


def test_an_engine_that_is_just_ending_is_waited_for_and_replaced(home, slow, tmp_path):
    talk = begin(home, slow, tmp_path / "to")
    talk.stop()
    with connect_engine(home) as again:
        assert again.pid != talk.pid
    talk.close()
    finish(home, slow, tmp_path / "to")


@pytest.fixture
def runtime(home: Folders, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A runtime folder that logind gives and takes; without it the socket goes below TMPDIR."""
    with tempfile.TemporaryDirectory(dir="/tmp", ignore_cleanup_errors=True) as short:
        for one in ("run", "tmp"):
            (Path(short) / one).mkdir()
        monkeypatch.setenv("XDG_RUNTIME_DIR", f"{short}/run")
        monkeypatch.setenv("TMPDIR", f"{short}/tmp")
        monkeypatch.setattr("tempfile.tempdir", None)
        yield Path(short) / "run"


@pytest.mark.parametrize("other", ["another", None])
def test_a_session_with_another_runtime_folder_finds_the_engine(runtime, monkeypatch, other):
    """cron, su, or a second login: the socket's folder differs, the engine is the same."""
    with connect_engine(folders()) as talk:
        assert talk.path.is_relative_to(runtime)
        until(lambda: read_address(folders().engine_lock).socket)  # it listens a moment before
        if other is None:
            monkeypatch.delenv("XDG_RUNTIME_DIR")
        else:
            runtime.with_name(other).mkdir()
            monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime.with_name(other)))
        elsewhere = folders()
        assert elsewhere.socket != talk.path
        found = engine_status(elsewhere)
        assert found is not None
        assert (found.pid, found.path) == (talk.pid, talk.path)
        talk.stop()


@pytest.mark.parametrize("comes_back", [True, False])
def test_an_engine_whose_socket_is_taken_away_makes_another(runtime, slow, tmp_path, comes_back):
    home = folders()
    talk = begin(home, slow, tmp_path / "to")
    assert read_address(home.engine_lock).socket == home.socket
    shutil.rmtree(runtime)
    if comes_back:
        runtime.mkdir()
    with connect_engine(folders()) as again:
        assert again.pid == talk.pid
        assert again.path.is_relative_to(runtime if comes_back else runtime.with_name("tmp"))
        assert talk.status().summary.counts  # who was there is still served
        again.stop()
    until(lambda: gone(talk.pid))
    assert read_address(home.engine_lock).socket is None
    assert not again.path.exists()
    talk.close()


def test_an_engine_out_of_reach_is_named_and_how_to_end_it(home, tmp_path, monkeypatch):
    """Its socket may be where only it can see it, such as a /tmp of its own."""
    home.state.mkdir(parents=True)
    place = process._lock(home)
    assert place is not None
    place.write(tmp_path / "nowhere" / "engine.sock")
    monkeypatch.setattr(connect, "UNREACHABLE_AFTER", 0.1)
    started: list[Folders] = []
    monkeypatch.setattr("flowtui.daemon.launcher.start_detached", started.append)
    for start in (False, True):
        with pytest.raises(EngineError, match=rf"nowhere/engine.sock.*`kill {os.getpid()}`") as e:
            connect_engine(home, start=start, timeout=0.3)
        assert not isinstance(e.value, EngineNotRunning)
    assert not started  # it would wait for the place, and work when the user has all stopped
    place.release()
    assert engine_status(home) is None  # its holder has ended: what it noted is no engine


def test_an_engine_that_took_a_dead_ones_socket_is_not_taken_for_it(home, monkeypatch):
    """Another state folder's engine listens where ours is said to."""
    other = OtherEngine(home, monkeypatch)
    descriptor = os.open(home.engine_lock, os.O_RDWR)
    os.pwrite(descriptor, f"{os.getppid()}\n{home.socket}\n".encode(), 0)
    os.close(descriptor)
    monkeypatch.setattr(connect, "UNREACHABLE_AFTER", 0.1)
    with pytest.raises(EngineError, match="cannot be reached"):
        connect_engine(home, start=False)
    other.server.close()
    other.engine.stop()


def test_an_engine_leaves_anothers_socket_alone(home, monkeypatch):
    """Two state folders, one runtime folder: the second engine listens beside the first."""
    with connect_engine(home) as first:
        twin = Folders(home.config, home.state.with_name("twin"), home.runtime)
        (path, *_) = process._socket_paths(twin)
        assert path.parent == home.runtime
        assert path != first.path
        first.stop()


@pytest.mark.parametrize(
    "text", [b"", b"x\n", b"12", b"12\n", b"12\n/a", b"12\nrelative\n", b"\xff\xfe\n/a\n"]
)
def test_what_is_cut_off_in_the_lock_file_counts_for_nothing(tmp_path, text):
    (tmp_path / "engine.lock").write_bytes(text)
    assert read_address(tmp_path / "engine.lock").socket is None


def test_a_note_is_read_whole_also_after_a_longer_one(tmp_path):
    file = tmp_path / "engine.lock"
    place = PidFile(os.open(file, os.O_RDWR | os.O_CREAT), lambda: None)
    for path in (Path("/tmp/a-long-name/of/a.sock"), Path("/é\udcff.sock"), None):
        place.write(path)
        assert (read_address(file).pid, read_address(file).socket) == (os.getpid(), path)
    place.release()


def test_two_gets_on_one_folder_share_the_work(tmp_path: Path):
    """Each file is fetched once, by whichever came first; both end well."""
    with FaultServer() as both:
        for n in range(24):
            both.files[f"/downloads/{n}/f{n}"] = File(content(150_000, n), rate=1.5e6)
        files = [remote(both, str(n), f"f{n}") for n in range(24)]
        engines = [engine(settings=Settings(connections=1)) for _ in range(2)]
        for made in engines:
            made.add(batch(both, tmp_path / "to", *files))
        for made in engines:
            assert made.wait_idle(GUARD)
        found = [row for made in engines for row in rows(made)]
        for made in engines:
            made.stop()
        assert {row.state for row in found} == {"done", "skipped"}, found
        assert sum(row.state == "done" for row in found) == 24
        assert len(both.requests) == 24
        here = sorted(one.name for one in (tmp_path / "to" / "data").iterdir())
        assert here == sorted(f"f{n}" for n in range(24))
        lines = (tmp_path / "to" / "downloads.log").read_text().splitlines()
        assert sum('"done"' in line for line in lines) == 24


@pytest.mark.parametrize("taken_by", ["file", "link", "folder of another user"])
@pytest.mark.parametrize("state_is_deep", [False, True])
def test_a_taken_folder_of_the_socket_does_not_stop_the_engine(
    runtime: Path, tmp_path: Path, monkeypatch, taken_by: str, state_is_deep: bool
):
    if state_is_deep:  # deeper than a socket's path may be
        monkeypatch.setenv("FLOWTUI_HOME", str(tmp_path / ("deep" * 30) / "home"))
    where = folders()
    trap = runtime.with_name("trap")
    trap.mkdir()
    if taken_by == "file":
        where.runtime.write_text("")
    elif taken_by == "link":
        where.runtime.symlink_to(trap)
    else:
        if os.geteuid() != 0:
            pytest.skip("only root can give a folder away")
        where.runtime.mkdir(mode=0o700)
        os.chown(where.runtime, 12345, 12345)
    with connect_engine(where) as talk:
        assert talk.path.parent == where.state / "run"
        said = talk.status().summary.trouble
        assert f"{where.runtime} is not a folder of yours" in said
        assert str(where.state / "run") in said
        assert (where.state / "run").stat().st_mode & 0o777 == 0o700
        talk.stop()
    until(lambda: gone(talk.pid))
    with connect_engine(where) as again:
        assert again.status().summary.trouble == ""  # it was told
        again.stop()
    until(lambda: gone(again.pid))
    assert [*trap.iterdir()] == []
