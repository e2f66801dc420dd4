"""The background queue from the command line: add, status, pause, resume, retry, cancel, forget."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flowtui.cli.exit_codes import CommandError, Exit
from flowtui.cli.filter_options import filter_options
from flowtui.cli.options import (
    bulk_option,
    json_option,
    output_option,
    quiet_option,
    records_option,
    refs_argument,
    server_option,
)
from flowtui.cli.output import Output, one_line, seconds_text, size_text

if TYPE_CHECKING:
    from flowtui.cli.filters import Filters
    from flowtui.daemon.client import EngineClient
    from flowtui.protocol.messages import Status, Summary, TransferRow

SHOWN = 200
"""Transfers that `status` lists; `--json` lists all."""


@click.command(short_help="Add files to the background queue.")
@refs_argument
@output_option
@server_option
@filter_options
@records_option
@bulk_option
@json_option
@quiet_option
def add(
    refs: tuple[str, ...],
    lists: tuple[str, ...],
    to: str | None,
    server: str | None,
    filters: Filters,
    records: bool,
    bulk: str,
    unpack: bool | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Add the files of each REF to the background queue and exit.

    The downloads continue when this terminal is closed.
    """
    from flowtui.cli.finding import Finding
    from flowtui.cli.get import queue_found
    from flowtui.cli.plan import make_plan
    from flowtui.cli.selection import RequestedFiles, find, parse_refs
    from flowtui.cli.session import open_session

    out = Output(as_json=as_json, quiet=quiet)
    found = RequestedFiles()
    with closing(open_session(server, out)) as session:
        wanted = parse_refs(session.client, refs, lists, found)
        plan = make_plan(session, found, to, bulk, unpack)
        finding = Finding(
            lambda relay: find(session.client, wanted, filters, relay, found, records=records), out
        )
        return queue_found(session, finding, found, plan, {}, out)


@click.command(short_help="Show the background queue.")
@json_option
def status(as_json: bool) -> int:
    """Show the queue of the background engine.

    pause, resume, retry, cancel and forget take the IDs in the first column. IDs that begin with b
    are bulk jobs, archives that Flow prepares; they cannot be paused or resumed.
    """
    from flowtui.daemon.connect import connect_engine
    from flowtui.daemon.errors import EngineNotRunning

    out = Output(as_json=as_json, is_listing=True)
    try:
        with closing(connect_engine(start=False)) as engine:
            now = engine.status(rows=True, most=None if as_json else SHOWN)
    except EngineNotRunning:
        out.event("status", running=False)
        if not as_json:
            out.line("The engine is not running; nothing is being downloaded.")
            out.line("Run `flowtui resume --all` to start it and resume its queue.")
        return Exit.OK
    _show_json(now, out) if as_json else _show(now, out)
    return Exit.OK


def _show_json(now: Status, out: Output) -> None:
    from flowtui.cli.json_fields import bulk_fields, transfer_fields

    out.event("status", running=True, **now.summary.to_json())
    for job in now.bulk_jobs:
        out.event("bulk", **bulk_fields(job))
    for row in now.transfers:
        out.event("transfer", **transfer_fields(row))


def _show(now: Status, out: Output) -> None:
    from flowtui.cli.progress import bulk_line
    from flowtui.protocol.states import OVER
    from flowtui.text.columns import table

    out.line(_summary_line(now.summary))
    if now.summary.trouble:
        out.line(f"Problem: {one_line(now.summary.trouble)}")
    for job in now.bulk_jobs:
        out.line(f"b{job.id}  {bulk_line(job, time.time())}")
    left = sum(n for state, n in now.summary.counts.items() if state not in OVER)
    rows = now.transfers
    if rows:
        headers = ("ID", "STATE", "DONE", "SIZE", "RATE", "FILE")
        for line in table(headers, [_cells(row) for row in rows], right=(0, 2, 3, 4)):
            out.line(line)
    if left > len(rows):
        out.line(f"and {left - len(rows):,} more (--json lists all)")


def _cells(row: TransferRow) -> tuple[str, ...]:
    why = f": {one_line(row.reason)}" if row.reason else ""
    rate = f"{size_text(int(row.rate))}/s" if row.rate else ""
    return (
        str(row.id),
        row.state,
        size_text(row.done),
        size_text(row.size),
        rate,
        one_line(row.path) + why,
    )


def _summary_line(summary: Summary) -> str:
    if not summary.file_counts:
        return "The queue is empty."
    states = ", ".join(
        f"{number:,} {state}" for state, number in summary.file_counts.items() if number
    )
    text = f"{states}; {size_text(summary.done)} of {size_text(summary.total)}"
    if summary.rate:
        text += f", {size_text(int(summary.rate))}/s"
        if summary.eta is not None:
            text += f", {seconds_text(summary.eta)} left"
    if summary.needs_sign_in:
        text += f"; not signed in to {', '.join(summary.needs_sign_in)}: run `flowtui login`"
    return one_line(text)


@click.command(short_help="Pause transfers.")
@click.argument("ids", metavar="[ID...]", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All transfers.")
def pause(ids: tuple[str, ...], everything: bool) -> int:
    """Pause transfers; partial downloads are kept."""
    return _act("paused", ids, everything, lambda engine, some: engine.pause(some), start=False)


@click.command(short_help="Resume paused transfers.")
@click.argument("ids", metavar="[ID...]", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All transfers.")
def resume(ids: tuple[str, ...], everything: bool) -> int:
    """Resume paused transfers, and let waiting ones try again at once.

    This starts the engine if it is not running, and resumes whatever it was doing.
    """
    return _act("resumed", ids, everything, lambda engine, some: engine.resume(some), start=True)


@click.command(short_help="Retry failed transfers.")
@click.argument("ids", metavar="[ID...]", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All that failed, expired or are waiting.")
@click.option(
    "--create-again",
    "how",
    flag_value="again",
    help="Have Flow prepare the archives of bulk jobs again.",
)
@click.option(
    "--one-by-one",
    "how",
    flag_value="one_by_one",
    help="Download the files of bulk jobs one by one, without an archive.",
)
def retry(ids: tuple[str, ...], everything: bool, how: str | None) -> int:
    """Retry failed transfers from where they stopped; cancelled ones must be named by ID.

    A bulk job resumes where it stopped: an archive that is already here is not downloaded again.
    """
    return _act(
        "queued again",
        ids,
        everything,
        lambda engine, some: engine.retry(some),
        start=True,
        bulk=how or "retry",
    )


@click.command(short_help="Remove finished transfers from the list.")
@click.argument("ids", metavar="[ID...]", nargs=-1)
@click.option(
    "--all", "everything", is_flag=True, help="All that finished, failed or were cancelled."
)
def forget(ids: tuple[str, ...], everything: bool) -> int:
    """Remove finished transfers and bulk jobs from the list; files stay where they are."""
    return _act(
        "removed from the list",
        ids,
        everything,
        lambda engine, some: engine.forget(some),
        start=True,
        bulk="forget",
    )


@click.command(short_help="Cancel transfers and remove their partial files.")
@click.argument("ids", metavar="[ID...]", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All that are unfinished or failed.")
def cancel(ids: tuple[str, ...], everything: bool) -> int:
    """Cancel transfers and bulk jobs, and remove their partial files; finished files stay."""
    return _act(
        "cancelled",
        ids,
        everything,
        lambda engine, some: engine.cancel(some),
        start=True,
        bulk="cancel",
    )


_Action = Callable[["EngineClient", "list[int] | None"], int]


def _act(
    done: str,
    ids: tuple[str, ...],
    everything: bool,
    action: _Action,
    *,
    start: bool,
    bulk: str | None = None,
) -> int:
    """Do `action` for these ids (or all), and `bulk` for the bulk jobs among them."""
    if bool(ids) == everything:
        raise click.UsageError("name the IDs that `flowtui status` shows, or use --all")
    transfers, jobs = parsed_ids(ids, with_jobs=bulk is not None)
    from flowtui.daemon.connect import connect_engine

    with closing(connect_engine(start=start)) as engine:
        now = engine.status(rows=True)
        if everything and bulk is not None:
            jobs = [job.id for job in now.bulk_jobs if _applies(job.state, bulk)]
        _check_known(transfers, jobs, now)
        number = action(engine, None if everything else transfers) if everything or transfers else 0
        if jobs and bulk is not None:
            number += engine.bulk(jobs, bulk)
    out = Output()
    out.line(f"{number:,} {done}")
    for job in now.bulk_jobs if bulk == "forget" else ():
        if job.id in jobs and job.archive:
            archive = one_line(str(Path(job.root) / job.archive))
            out.say(f"archive kept at {archive}; delete it if you do not need it")
    return Exit.OK


def _applies(state: str, action: str) -> bool:
    """Whether a bulk job in that state is meant by `action --all`."""
    from flowtui.protocol.states import BULK_ENDED, BulkState

    if action == "forget":
        return state in BULK_ENDED
    if action != "cancel":
        return state in (BulkState.FAILED, BulkState.EXPIRED)
    return state not in BULK_ENDED


def parsed_ids(ids: tuple[str, ...], *, with_jobs: bool) -> tuple[list[int], list[int]]:
    """Ids as of transfers and, written `b7`, of bulk jobs."""
    transfers: list[int] = []
    jobs: list[int] = []
    for text in ids:
        number = text.removeprefix("b")
        if not number.isdecimal() or (number != text and not with_jobs):
            raise click.UsageError(f"{text!r} is not an ID that `flowtui status` shows")
        (jobs if number != text else transfers).append(int(number))
    return transfers, jobs


def _check_known(transfers: list[int], jobs: list[int], now: Status) -> None:
    unknown = [str(id) for id in set(transfers) - {row.id for row in now.transfers}]
    unknown += [f"b{id}" for id in set(jobs) - {job.id for job in now.bulk_jobs}]
    if unknown:
        raise CommandError(
            f"not in the queue: {', '.join(sorted(unknown))}; see `flowtui status`",
            exit=Exit.NOTHING_FOUND,
            code="NOT_FOUND",
        )
