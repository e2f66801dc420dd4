"""`flowtui status`: the background queue as it is, or as it goes on."""

from __future__ import annotations

from contextlib import closing

import click

from flowtui.cli.exit_codes import Exit
from flowtui.cli.options import json_option
from flowtui.cli.output import Output
from flowtui.cli.queue_lines import NOT_RUNNING, lines_of, show_json

SHOWN = 200
"""Transfers that are listed; `--json` lists all."""


@click.command(short_help="Show the background queue.")
@click.option("--watch", is_flag=True, help="Go on showing it until Ctrl-C.")
@click.option(
    "--plain",
    is_flag=True,
    help="With --watch: a line for each change, for a screen reader or a log; also where stdout is"
    " no terminal.",
)
@json_option
def status(watch: bool, plain: bool, as_json: bool) -> int:
    """Show the queue of the background engine.

    pause, resume, retry, cancel and forget take the IDs in the first column. IDs that begin with b
    are bulk jobs, archives that Flow prepares; they cannot be paused or resumed.

    \b
    Examples:
      flowtui status
      flowtui status --watch
      flowtui status --watch --plain >> downloads.txt
    """
    if plain and not watch:
        raise click.UsageError("--plain goes with --watch")
    out = Output(as_json=as_json, is_listing=True)
    if watch:
        from flowtui.cli.watch import watch as watch_queue

        watch_queue(out, plain=plain)
        return Exit.OK
    from flowtui.daemon.connect import connect_engine
    from flowtui.daemon.errors import EngineNotRunning

    try:
        with closing(connect_engine(start=False)) as engine:
            now = engine.status(rows=True, most=None if as_json else SHOWN)
    except EngineNotRunning:
        out.event("status", running=False)
        if not as_json:
            out.line(NOT_RUNNING)
            out.line("Run `flowtui resume --all` to start it and resume its queue.")
        return Exit.OK
    if as_json:
        show_json(now, out)
    else:
        for line in lines_of(now):
            out.line(line)
    return Exit.OK
