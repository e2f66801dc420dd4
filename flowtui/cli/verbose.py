"""`-v`, which every command has."""

from __future__ import annotations

import sys

import click


def is_verbose() -> bool:
    """Whether lines are written, between which nothing can be drawn in place."""
    lines = sys.modules.get("flowtui.cli.verbose_lines")  # not loaded for who wants none
    if lines is None:
        return False
    import logging

    handlers = logging.getLogger("flowtui").handlers
    return any(isinstance(handler, lines.VerboseLines) for handler in handlers)


def _be_verbose(ctx: click.Context, param: click.Parameter, value: bool) -> bool:
    if value:
        from flowtui.cli.verbose_lines import begin

        begin()
    return value


def with_verbose(command: click.Command) -> click.Command:
    """The command, and those below it, with `-v`, once."""
    if not any(parameter.name == "verbose" for parameter in command.params):
        command.params.append(
            click.Option(
                ["-v", "--verbose"],
                is_flag=True,
                expose_value=False,
                callback=_be_verbose,
                help="Say on stderr what is asked of servers, and what was chosen.",
            )
        )
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            with_verbose(inner)
    return command
