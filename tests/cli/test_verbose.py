"""`-v` says what is asked and chosen, on stderr, without tokens; every command has it."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from flowtui.cli.main import COMMANDS, cli
from flowtui.cli.progress import Lines, view_for
from flowtui.cli.verbose_lines import LOGGERS, VerboseLines, begin
from flowtui.demo.serve import DemoServer
from flowtui.text.redaction import know


@pytest.fixture(autouse=True)
def quiet_again() -> Iterator[None]:
    kept = {name: logging.getLogger(name).level for name in LOGGERS}
    yield
    for name, level in kept.items():
        logger = logging.getLogger(name)
        logger.setLevel(level)
        for handler in [item for item in logger.handlers if isinstance(item, VerboseLines)]:
            logger.removeHandler(handler)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_it_once(name: str) -> None:
    for _ in range(2):
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        assert sum(parameter.name == "verbose" for parameter in command.params) == 1


def test_requests_and_choices_are_told_and_stdout_is_as_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWTUI_HOME", str(tmp_path))
    monkeypatch.setenv("FLOW_TOKEN_FILE", str(tmp_path / "none"))
    with DemoServer() as server:
        monkeypatch.setenv("FLOW_API_URL", server.base_url)
        quiet = CliRunner().invoke(cli, ["ls", "--public", "--json"])
        told = CliRunner().invoke(cli, ["ls", "--public", "--json", "-v"])
    assert told.exit_code == quiet.exit_code == 0
    assert told.stdout == quiet.stdout and quiet.stderr == ""
    lines = told.stderr.splitlines()
    assert all(re.match(r"\d\d:\d\d:\d\d ", line) for line in lines)
    said = [line[9:] for line in lines]
    assert said[:2] == [f"server {server.base_url} (FLOW_API_URL)", "no token"]
    assert any(re.fullmatch(rf"GET {server.base_url}/.*: 200 OK", line) for line in said)


def test_no_token_and_no_escape_is_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    know("a-token-of-this-process")
    handler = VerboseLines()
    url = "https://x/f?X-Amz-Signature=abcdef0123&name=a\x1b[2J&t=a-token-of-this-process"
    record = ("httpx", logging.INFO, "", 0, "%s %s %s %d %s", ("GET", url, "HTTP/1.1", 200, "OK"))
    handler.emit(logging.LogRecord(*record, None))
    said = capsys.readouterr().err
    assert "abcdef0123" not in said and "a-token-of" not in said and "\x1b" not in said
    assert said.endswith(": 200 OK\n")


class Terminal:
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def test_nothing_is_drawn_between_the_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    assert not isinstance(view_for(Terminal()), Lines)  # type: ignore[arg-type]
    begin()
    begin()
    handlers = logging.getLogger("flowtui").handlers
    assert sum(isinstance(handler, VerboseLines) for handler in handlers) == 1
    assert isinstance(view_for(Terminal()), Lines)  # type: ignore[arg-type]
