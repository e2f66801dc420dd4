"""Every help has examples, and each of them is a command that there is."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

import click
import pytest

from flowtui.cli.main import COMMANDS, cli


def commands() -> Iterator[tuple[str, click.Command]]:
    """All commands, those of groups by both names."""
    for name in sorted(COMMANDS):
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        yield name, command
        if isinstance(command, click.Group):
            for below, inner in command.commands.items():
                if not inner.hidden:
                    yield f"{name} {below}", inner


def examples_of(command: click.Command) -> list[str]:
    lines = re.search(r"Examples:\n((?:      .*\n?)+)", f"{command.help}\n")
    return [line.strip() for line in lines[1].splitlines()] if lines else []


@pytest.mark.parametrize(("name", "command"), commands(), ids=lambda given: str(given)[:20])
def test_every_help_has_examples_that_can_be_run(name: str, command: click.Command) -> None:
    examples = examples_of(command)
    assert examples, f"flowtui {name} --help has no Examples"
    runs = 0
    for example in examples:
        # What the shell makes of it is the shell's.
        for part in re.split(r"&&|\|\||\||;|>>|>|<", example):
            words = shlex.split(part, comments=True)
            if words[:1] != ["flowtui"]:
                continue
            runs += words[1 : 1 + name.count(" ") + 1] == name.split()
            context = cli.make_context("flowtui", words[1:], resilient_parsing=True)
            found: click.Command = cli
            rest = words[1:]
            while isinstance(found, click.Group):
                _, inner, rest = found.resolve_command(context, rest)
                assert inner is not None
                found = inner
            found.make_parser(context).parse_args(list(rest))  # raises UsageError
    assert runs, f"no example of {name} runs it"
