"""`flowtui engine run|stop|status`: the background engine by hand."""

from __future__ import annotations

from contextlib import closing

import click

from flowtui.cli.exit_codes import Exit
from flowtui.cli.options import json_option
from flowtui.cli.output import Output, counted


@click.group(short_help="The background engine: run, stop, status.")
def engine() -> None:
    """The background engine, which downloads while no terminal is open.

    It is started when it is needed, and ends by itself after five minutes in which there was
    nothing to do and nobody looked.
    """


@engine.command(short_help="Be the engine, in the foreground.")
def run() -> int:
    """Be the engine, until it is told to end or has had nothing to do for five minutes."""
    from flowtui.daemon.process import run_background_engine

    return run_background_engine() or Exit.OK


@engine.command(short_help="End the engine cleanly; it goes on when it runs again.")
@click.option("--pause", is_flag=True, help="Pause all transfers first.")
def stop(pause: bool) -> int:
    """End the engine cleanly; its transfers go on where they stopped when it runs again."""
    from flowtui.daemon.client import EngineClient
    from flowtui.daemon.errors import EngineNotRunning

    out = Output()
    try:
        with closing(EngineClient.connect(start=False)) as running:
            pid = running.pid
            running.stop(pause=pause)
    except EngineNotRunning:
        out.line("The engine is not running.")
        return Exit.OK
    out.line(f"The engine (pid {pid}) has been asked to end; what is here of its files is kept.")
    return Exit.OK


@engine.command()
@json_option
def status(as_json: bool) -> int:
    """Say whether the engine runs, and where it keeps its things."""
    from flowtui.config import folders
    from flowtui.daemon.client import EngineClient
    from flowtui.daemon.errors import EngineNotRunning

    out = Output(as_json=as_json)
    where = folders()
    log = str(where.engine_log)
    try:
        with closing(EngineClient.connect(where, start=False)) as running:
            version, pid, now = running.version, running.pid, running.status()
            place = str(running.path)
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
        socket=place,
        log=log,
    )
    if not as_json:
        out.line(f"The engine runs: version {version}, pid {pid}, {counted(transfers, 'transfer')}")
        out.line(f"socket  {place}")
        out.line(f"log     {log}")
    return Exit.OK
