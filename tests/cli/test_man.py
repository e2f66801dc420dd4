"""The manual page has every command, option and exit status, and nothing that roff would take."""

from __future__ import annotations

import re

import click
from click.testing import CliRunner

from flowtui.cli.exit_codes import Exit
from flowtui.cli.main import COMMANDS, cli
from flowtui.cli.man import STATUSES, _escaped

REQUESTS = {".TH", ".SH", ".SS", ".TP", ".B", ".PP", ".nf", ".fi"}


def text() -> str:
    result = CliRunner().invoke(cli, ["man"])
    assert result.exit_code == 0 and result.stderr == ""
    return result.stdout


def plain(roff: str) -> str:
    return re.sub(r"\\f[BRI]", "", roff.replace(r"\-", "-").replace(r"\&", "").replace(r"\e", "\\"))


def test_all_commands_and_options_are_there() -> None:
    shown = plain(text())
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None and f'.SS "{name}"' in shown
        for parameter in command.params:
            if isinstance(parameter, click.Option) and not parameter.hidden:
                assert max(parameter.opts, key=len) in shown, (name, parameter)
    assert '.SS "engine stop"' in shown and "--tokens-stdin" not in shown


def test_all_exit_statuses_are_there() -> None:
    assert set(STATUSES) == set(Exit)


def test_only_the_requests_that_are_meant() -> None:
    for line in text().splitlines():
        if line.startswith((".", "'")):
            assert line.split(" ")[0] in REQUESTS, line
    lines = text().splitlines()
    assert lines.count(".nf") == lines.count(".fi") > 10


def test_what_roff_would_take_is_escaped() -> None:
    assert _escaped(".x") == r"\&.x"
    assert _escaped("'x") == r"\&'x"
    assert _escaped(r"a\b --c") == r"a\eb \-\-c"
