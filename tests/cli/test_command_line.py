"""The group: help, usage, errors as one line, crash reports, what is imported when."""

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from flowtui import __version__
from flowtui.cli.exit_codes import CommandError, Exit, Interrupted, as_command_error, is_passing
from flowtui.cli.get import with_overrides
from flowtui.cli.main import COMMANDS, cli
from flowtui.config import ConfigError, Settings
from flowtui.daemon.errors import EngineError, EngineGone, EngineNotRunning
from flowtui.flow.errors import (
    BadReference,
    FlowError,
    NotFound,
    NotSignedIn,
    RateLimited,
    Refused,
    ServiceUnavailable,
)
from support.waiting import GUARD


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FLOWTUI_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def run(*args: str) -> Result:
    return CliRunner().invoke(cli, args)


def raising(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Make `flowtui ls` raise `error`."""

    def fail(*args: object, **more: object) -> None:
        raise error

    monkeypatch.setattr("flowtui.cli.session.open_session", fail)


def test_version_and_help() -> None:
    assert run("--version").output == f"flowtui {__version__}\n"
    shown = run("--help")
    assert shown.exit_code == 0
    for name, (_, text) in COMMANDS.items():
        assert f"{name} " in shown.output
        assert text[:40] in shown.output


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_the_table_of_commands_says_what_they_are(name: str) -> None:
    where, text = COMMANDS[name]
    module, attribute = where.split(":")
    command = getattr(import_module(f"flowtui.cli.{module}"), attribute)
    assert isinstance(command, click.Command)
    assert command.name == name
    assert command.short_help == text
    assert run(name, "--help").exit_code == 0


@pytest.mark.parametrize(
    "args",
    [
        ["nonsense"],
        ["get"],
        ["get", "data/1", "--jobs", "0"],
        ["get", "data/1", "--limit-rate", "fast"],
        ["get", "data/1", "--server", "ftp://x"],
        ["ls", "--server", "https://alice:pw@example.org"],
        ["pause"],
        ["pause", "1", "--all"],
        ["cancel", "x1"],
        ["pause", "b1"],
    ],
)
def test_wrong_usage_is_one_line_and_status_2(args: list[str]) -> None:
    result = run(*args)
    assert result.exit_code == Exit.USAGE
    assert result.stderr.startswith("flowtui: ")
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


def test_wrong_usage_is_an_object_too_where_json_is_asked_for() -> None:
    result = run("get", "--json")
    said = json.loads(result.stdout)
    assert (said["event"], said["code"], said["status"]) == ("error", "USAGE", 2)


def test_the_app_needs_a_terminal() -> None:
    result = run()
    assert result.exit_code == Exit.USAGE
    assert "terminal" in result.stderr


def test_a_dumb_terminal_is_told_of_the_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowtui.cli.main.on_terminal", lambda: True)
    monkeypatch.setenv("TERM", "dumb")
    result = run()
    assert result.exit_code == Exit.USAGE
    assert "TERM=dumb" in result.stderr and "flowtui get" in result.stderr


@pytest.mark.parametrize(
    ("code", "passing"),
    [
        ("CONNECTION", True), ("UNREACHABLE", True), ("NO_ANSWER", True), ("RATE_LIMITED", True),
        ("HTTP_503", True), ("HTTP_500", True), ("HTTP_429", True), ("HTTP_408", True),
        ("HTTP_501", False), ("HTTP_505", False), ("HTTP_410", False), ("HTTP_", False),
        ("HTTP_x", False), ("503", False), ("", False), ("MD5", False), ("DISK", False),
        ("NOT_FOUND", False), ("UNTRUSTED", False), ("NO_SPACE", False),
    ],
)  # fmt: skip
def test_which_trouble_passes(code: str, passing: bool) -> None:
    assert is_passing(code) is passing


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotSignedIn("no"), Exit.NOT_ALLOWED),
        (Refused("no"), Exit.NOT_ALLOWED),
        (NotFound("no"), Exit.NOTHING_FOUND),
        (BadReference("no"), Exit.USAGE),
        (ServiceUnavailable("no"), Exit.TRY_LATER),
        (RateLimited("no"), Exit.TRY_LATER),
        (ServiceUnavailable("no", code="UNTRUSTED"), Exit.SOME_FAILED),
        (EngineGone("no"), Exit.TRY_LATER),
        (EngineNotRunning("no"), Exit.SOME_FAILED),
        (FlowError("no"), Exit.SOME_FAILED),
        (ConfigError("no"), Exit.USAGE),
        (OSError(28, "No space left on device", "/x"), Exit.NO_ROOM),
        (PermissionError(13, "Permission denied", "/x"), Exit.SOME_FAILED),
        (CommandError("no", exit=Exit.NOTHING_FOUND), Exit.NOTHING_FOUND),
        (KeyboardInterrupt(), Exit.INTERRUPTED),
        (Interrupted(), Exit.INTERRUPTED),
    ],
)
def test_errors_lead_to_their_status(
    error: BaseException, status: Exit, monkeypatch: pytest.MonkeyPatch
) -> None:
    raising(monkeypatch, error)
    result = run("ls", "--json")
    assert result.exit_code == status
    assert result.stderr.startswith("flowtui: ")
    assert result.stderr.count("\n") == 1
    assert json.loads(result.stdout)["status"] == status


def test_words_of_the_server_do_not_move_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    raising(monkeypatch, NotFound("no such\x1b[2J\nthing\u202e"))
    result = run("ls")
    assert "\x1b" not in result.stderr
    assert "\u202e" not in result.stderr
    assert result.stderr.count("\n") == 1


def test_what_nobody_expected_is_one_line_and_a_report(
    monkeypatch: pytest.MonkeyPatch, own_home: Path
) -> None:
    raising(monkeypatch, RuntimeError("Bearer abc.def.ghi is odd"))
    result = run("ls")
    assert result.exit_code == Exit.SOME_FAILED
    assert "Traceback" not in result.output
    assert "abc.def" not in result.output
    (report,) = own_home.rglob("crash-*.txt")
    assert str(report) in result.stderr
    assert "abc.def" not in report.read_text()
    assert "RuntimeError" in report.read_text()


def test_the_engine_s_troubles_have_words() -> None:
    from flowtui.flow.session.credentials import SaveError

    for error in (EngineNotRunning("x"), EngineError("x"), SaveError("x")):
        known = as_command_error(error)
        assert known is not None
        assert known.exit is Exit.SOME_FAILED


def test_output_closed_by_its_reader_is_no_crash(own_home: Path) -> None:
    command = [sys.executable, "-m", "flowtui", "--help"]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    said = process.stderr.read().decode()
    process.wait(GUARD)
    process.stderr.close()
    assert "Traceback" not in said
    assert not list(own_home.rglob("crash-*"))


_NO_TEXTUAL = """
import importlib, pkgutil, sys
import flowtui.cli, flowtui.engine, flowtui.flow
for package in (flowtui.flow, flowtui.engine, flowtui.cli):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        importlib.import_module(module.name)
import flowtui.__main__
print(sorted(name for name in sys.modules if name.split(".")[0] == "textual"))
"""


def test_nothing_but_the_app_imports_textual() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _NO_TEXTUAL], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


_START = """
import sys
from click.testing import CliRunner
from flowtui.cli.main import cli
CliRunner().invoke(cli, sys.argv[1:])
heavy = ("textual", "httpx", "keyring", "humanize", "sqlite3", "flowtui.flow.client")
print([name for name in heavy if name in sys.modules])
"""


@pytest.mark.parametrize("args", [["--version"], ["--help"], ["get", "--help"], ["get"]])
def test_help_and_version_import_nothing_heavy(args: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _START, *args], capture_output=True, text=True, check=True,
        timeout=60,
    )  # fmt: skip
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("setting", [False, True])
def test_accept_any_type_is_the_settings_unless_the_command_line_says_so(setting: bool) -> None:
    settings = Settings(accept_any_type=setting)
    assert with_overrides(settings, {}).accept_any_type is setting
    assert with_overrides(settings, {"accept_any_type": 1}).accept_any_type is True
