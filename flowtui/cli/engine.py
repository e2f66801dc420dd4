"""`flowtui engine run|stop|status`: control of the background engine."""

from __future__ import annotations

import sys
from contextlib import closing

import click

from flowtui.cli.exit_codes import Exit
from flowtui.cli.options import json_option
from flowtui.cli.output import Output, counted, one_line


@click.group(short_help="Control the background engine.")
def engine() -> None:
    """Control the background engine, which downloads while no terminal is open.

    It starts when it is needed, and stops after five minutes with nothing to do and no client.

    \b
    Examples:
      flowtui engine status
      flowtui engine stop --pause
    """


@engine.command(short_help="Run the engine in the foreground.")
@click.option("--tokens-stdin", is_flag=True, hidden=True)
def run(tokens_stdin: bool) -> int:
    """Run the engine in the foreground, until it is stopped or idle for five minutes.

    \b
    Examples:
      flowtui engine run
    """
    from flowtui.daemon.process import read_tokens, run_background_engine

    tokens = read_tokens(sys.stdin.buffer) if tokens_stdin else {}
    return run_background_engine(tokens=tokens) or Exit.OK


@engine.command(short_help="Stop the engine; transfers resume when it runs again.")
@click.option("--pause", is_flag=True, help="Pause all transfers first.")
def stop(pause: bool) -> int:
    """Stop the engine cleanly; its transfers resume where they stopped when it runs again.

    \b
    Examples:
      flowtui engine stop
      flowtui engine stop --pause
    """
    from flowtui.daemon.connect import connect_engine
    from flowtui.daemon.errors import EngineNotRunning

    out = Output()
    try:
        with closing(connect_engine(start=False)) as running:
            pid = running.pid
            trouble = running.status().summary.trouble
            running.stop(pause=pause)
    except EngineNotRunning:
        out.line("The engine is not running.")
        return Exit.OK
    out.line(f"Asked the engine (pid {pid}) to stop; partial downloads are kept.")
    if trouble:  # what was not saved ends with it
        out.say(f"flowtui: the engine had a problem: {one_line(trouble)}")
    return Exit.OK


@engine.command(short_help="Show whether the engine is running.")
@json_option
def status(as_json: bool) -> int:
    """Show whether the engine is running, and where its socket and log are.

    \b
    Examples:
      flowtui engine status --json
    """
    from flowtui.config import folders
    from flowtui.daemon.connect import connect_engine
    from flowtui.daemon.errors import EngineNotRunning

    out = Output(as_json=as_json, is_listing=True)
    where = folders()
    log = str(where.engine_log)
    try:
        with closing(connect_engine(where, start=False)) as running:
            version, pid, now = running.version, running.pid, running.status()
            socket = str(running.path)
    except EngineNotRunning:
        out.event("engine", running=False, socket=str(where.socket), log=log)
        if not as_json:
            out.line("The engine is not running.")
        return Exit.OK
    transfers = sum(now.summary.counts.values())
    out.event(
        "engine",
        running=True,
        version=version,
        pid=pid,
        transfers=transfers,
        socket=socket,
        log=log,
        trouble=now.summary.trouble,
    )
    if not as_json:
        out.line(
            f"The engine is running: version {version}, pid {pid}, {counted(transfers, 'transfer')}"
        )
        out.line(f"socket  {socket}")
        out.line(f"log     {log}")
        if now.summary.trouble:
            out.line(f"Problem: {one_line(now.summary.trouble)}")
    return Exit.OK
