"""Each command as a process in odd surroundings: it works, or says what to set; no traceback ever.

Words that cannot be written (a closed, full or broken stdout or stderr, a terminal that is gone)
end no download and change none. Results that could not be written are told by the exit status.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from click.testing import CliRunner

from flowtui.cli.exit_codes import Exit
from flowtui.cli.main import cli, watch_threads
from flowtui.demo.serve import DemoServer
from flowtui.engine.queue.scheduler import Scheduler
from flowtui.transfer.verify import recheck
from support.shell import Shell
from support.terminal import Terminal
from support.waiting import GUARD, until

PROJECT = "Odd names"
"""Ten small files, with é among their letters."""

FILES = 10

COMMANDS: dict[str, tuple[list[str], Exit, bool]] = {
    "help": (["--help"], Exit.OK, True),
    "app": ([], Exit.USAGE, False),
    "ls": (["ls", "--json"], Exit.OK, True),
    "get": (["get", "REF", "--to", "down"], Exit.OK, False),
    "get --json": (["get", "--json", "REF", "--to", "down"], Exit.OK, True),
    "status": (["status"], Exit.OK, True),
    "verify": (["verify", "."], Exit.NOTHING_FOUND, False),
    "login": (["login", "--token-stdin"], Exit.USAGE, False),
}
"""Name → arguments, exit status, and whether what it is run for goes to stdout."""


SLOW = ("ls", "get", "get --json")


@dataclass(frozen=True)
class Surrounding:
    """Where a command runs.

    Attributes:
        redirect: of the shell. `loses_results`: stdout takes nothing.
        slow: those of the slow commands that have something to show there.
        unset, set: of the environment.
    """

    redirect: str = "</dev/null"
    slow: tuple[str, ...] = ("get",)
    loses_results: bool = False
    unset: tuple[str, ...] = ()
    set: dict[str, str] = field(default_factory=dict)


SURROUNDINGS = {
    "no stdin": Surrounding("<&-", ()),
    "no stdout": Surrounding("</dev/null >&-", ("ls", "get --json"), loses_results=True),
    "no stderr": Surrounding("</dev/null 2>&-"),
    "no streams": Surrounding("<&- >&- 2>&-", ("get", "get --json"), loses_results=True),
    "full stdout": Surrounding("</dev/null >/dev/full", ("get --json",), loses_results=True),
    "full stderr": Surrounding("</dev/null 2>/dev/full"),
    "home that is no folder": Surrounding(unset=("FLOWTUI_HOME",), set={"HOME": "/dev/null"}),
    "no folder for temporary files": Surrounding(set={"TMPDIR": "/nonexistent"}),
    "ASCII": Surrounding(
        set={"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        unset=("LANG",),
    ),
    "no width": Surrounding(set={"COLUMNS": "0", "TERM": "dumb"}),
}


@pytest.fixture(scope="module")
def server() -> Iterator[DemoServer]:
    with DemoServer("both", token_seconds=3600) as running:
        yield running


@pytest.fixture(scope="module")
def ref(server: DemoServer) -> str:
    projects = server.service.catalogue.projects.values()
    return next(f"project/{project.id}" for project in projects if project.name == PROJECT)


@pytest.fixture
def shell(server: DemoServer, tmp_path: Path) -> Shell:
    return Shell(tmp_path, server.base_url)


def files_below(folder: Path) -> list[Path]:
    found = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in found if path.name not in ("downloads.log", "MD5SUMS")]


def checked(root: Path) -> bool:
    """Whether all that is recorded there is as it was recorded."""
    folder = recheck.RecordedFolder(root)
    folder.read()
    return all(one.state == recheck.OK for one in recheck.check_all(folder.wanted()))


def expect_no_traceback(shell: Shell, said: str) -> None:
    assert "Traceback" not in said
    assert "Exception ignored" not in said
    assert not list(shell.to.parent.rglob("crash-*"))


@pytest.mark.parametrize(
    ("where", "name"),
    [
        (where, name)
        for where, surrounding in SURROUNDINGS.items()
        for name in COMMANDS
        if name not in SLOW or name in surrounding.slow
    ],
)
def test_each_command_in_each_surrounding(
    where: str, name: str, shell: Shell, ref: str, tmp_path: Path
) -> None:
    surrounding = SURROUNDINGS[where]
    args, status, prints_results = COMMANDS[name]
    if surrounding.loses_results and prints_results:
        status = Exit.SOME_FAILED
    environment = {**shell.environment, **surrounding.set}
    for variable in surrounding.unset:
        environment.pop(variable, None)
    command = shell.command(*(ref if arg == "REF" else arg for arg in args))
    done = subprocess.run(
        ["sh", "-c", f'"$@" {surrounding.redirect}', "sh", *command],
        env=environment, cwd=tmp_path, capture_output=True, timeout=60,
    )  # fmt: skip
    said = done.stderr.decode() + done.stdout.decode()
    assert done.returncode == status, said
    expect_no_traceback(shell, said)
    if "get" in name:
        # Nothing was written into a file that got the number of a closed stream.
        assert len(files_below(shell.to)) == FILES
        assert checked(shell.to)


@pytest.mark.parametrize(
    ("args", "status"),
    [
        (["ls"], -signal.SIGPIPE),
        (["--help"], -signal.SIGPIPE),
        (["get", "--json", "REF", "--to", "down"], Exit.SOME_FAILED),
    ],
)
def test_a_reader_that_goes_ends_a_listing_quietly_and_no_download(
    args: list[str], status: int, shell: Shell, ref: str, tmp_path: Path
) -> None:
    command = shell.command(*(ref if arg == "REF" else arg for arg in args))
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        command, env=shell.environment, cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=writer,
        stderr=subprocess.PIPE, timeout=60, text=True,
    )  # fmt: skip
    os.close(writer)
    assert done.returncode == status, done.stderr
    expect_no_traceback(shell, done.stderr)
    if status == Exit.SOME_FAILED:
        assert "cannot write the output" in done.stderr
        assert len(files_below(shell.to)) == FILES
    else:
        assert done.stderr == ""


def test_a_terminal_that_goes_in_mid_run_ends_no_download(
    server: DemoServer, shell: Shell, ref: str
) -> None:
    """As under nohup: no signal comes, but each word meets EIO."""
    get = shell.command("get", ref, "--to", str(shell.to), "--limit-rate", "200k")
    terminal = Terminal(["sh", "-c", 'trap "" HUP; exec "$@"', "sh", *get], shell.environment)
    try:
        terminal.until("of 10 files")
        terminal.hang_up()
        assert terminal.process.wait(60) == 0
    finally:
        terminal.close()
    assert len(files_below(shell.to)) == FILES
    expect_no_traceback(shell, "")


def test_what_the_app_draws_on_fails_no_thread_of_it_either() -> None:
    """Textual writes to the originals, in a thread of its own."""
    code = (
        "import sys; from flowtui.system.standard_streams import make_dependable;"
        "make_dependable();"
        "[(s.write('x'), s.flush()) for s in (sys.__stdout__, sys.__stderr__)]"
    )
    run = ["sh", "-c", 'exec "$@" >/dev/full 2>&1', "sh", sys.executable, "-c", code]
    assert subprocess.run(run, timeout=60).returncode == 0


def test_the_app_says_that_it_needs_a_stderr_to_draw_on(shell: Shell) -> None:
    app = shell.command()
    terminal = Terminal(["sh", "-c", '"$@" 2>/dev/null; echo status $?', "sh", *app],
                        shell.environment)  # fmt: skip
    try:
        terminal.until(f"status {int(Exit.USAGE)}")
    finally:
        terminal.close()


@pytest.mark.parametrize("redirect", ["", ">&-", ">/dev/full", ">&- 2>&- <&-"])
def test_the_demo_server_serves_whoever_reads_its_words(redirect: str, tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "flowtui.demo.serve", "--port", str(port)]
    log = (tmp_path / "said").open("wb")
    process = subprocess.Popen(
        ["sh", "-c", f'exec "$@" {redirect}', "sh", *command], stdout=log, stderr=log
    )
    try:
        until(lambda: answers(port))
    finally:
        process.terminate()
        assert process.wait(GUARD) == 0
        log.close()
    assert "Traceback" not in (tmp_path / "said").read_text()


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    import httpx

    try:
        return httpx.get(f"http://127.0.0.1:{port}/api/me", timeout=5).status_code == 401
    except httpx.TransportError:
        return False


NOBODY = 54321
"""A user id without an entry in the system's list of users."""


@pytest.mark.skipif(
    os.getuid() != 0 or shutil.which("setpriv") is None,
    reason="only root can become a user that the system does not know",
)
@pytest.mark.parametrize(("home", "status"), [(None, Exit.USAGE), ("", Exit.OK)])
def test_a_user_without_home_and_name_is_told_what_to_set(
    home: str | None, status: Exit, shell: Shell, ref: str, tmp_path: Path
) -> None:
    tmp_path.chmod(0o777)
    # The right to read all: this Python may be in a folder of root's.
    right = "+dac_read_search"
    become = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
              f"--inh-caps={right}", f"--ambient-caps={right}"]  # fmt: skip
    environment = {
        name: text
        for name, text in shell.environment.items()
        if name not in ("HOME", "FLOWTUI_HOME")
    }
    if home is not None:
        environment["FLOWTUI_HOME"] = str(tmp_path / "state")
    done = subprocess.run(
        [*become, *shell.command("get", ref, "--to", str(tmp_path / "down"))],
        env=environment, capture_output=True, text=True, timeout=60, cwd="/",
    )  # fmt: skip
    assert done.returncode == status, done.stderr
    expect_no_traceback(shell, done.stderr)
    if home is None:
        assert "set HOME, or set FLOWTUI_HOME" in done.stderr
    else:
        assert len(files_below(tmp_path / "down")) == FILES


def test_get_ends_with_words_when_the_engine_s_thread_is_gone(
    shell: Shell, ref: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(*args: object) -> None:
        raise SystemExit

    monkeypatch.setattr(Scheduler, "tick", end)
    for name, text in shell.environment.items():
        monkeypatch.setenv(name, text)
    done = CliRunner().invoke(cli, ["get", ref, "--to", str(shell.to)])
    assert done.exit_code == Exit.SOME_FAILED
    assert "internal error: SystemExit" in done.stderr
    assert "see the report in" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_exception_that_ends_a_thread_is_told_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FLOWTUI_HOME", str(tmp_path))
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    watch_threads()
    thread = threading.Thread(target=lambda: {}["missing"])
    thread.start()
    thread.join()
    said = capsys.readouterr().err
    assert said.startswith("flowtui: unexpected error: KeyError: 'missing'; see the report in ")
    assert said.count("\n") == 1
