"""What is done with the background queue: add, pause, resume, retry, cancel, forget."""

from __future__ import annotations

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
    samples_table_option,
    server_option,
)
from flowtui.cli.output import Output, one_line

if TYPE_CHECKING:
    from flowtui.cli.filters import Filters
    from flowtui.daemon.client import EngineClient
    from flowtui.protocol.messages import Status


@click.command(short_help="Add files to the background queue.")
@refs_argument
@output_option
@server_option
@filter_options
@records_option
@samples_table_option
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
    samples_table: bool,
    bulk: str,
    unpack: bool | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Add the files of each REF to the background queue and exit.

    The downloads continue when this terminal is closed.

    \b
    Examples:
      flowtui add project/12 --to /data/flow
      flowtui add project/12 --include '*.bam' && flowtui wait
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
        return queue_found(session, finding, found, plan, {}, out, table=samples_table)


@click.command(short_help="Pause transfers.")
@click.argument("ids", metavar="[ID...]", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All transfers.")
def pause(ids: tuple[str, ...], everything: bool) -> int:
    """Pause transfers; partial downloads are kept.

    \b
    Examples:
      flowtui pause --all
      flowtui pause 17
    """
    return _act("paused", ids, everything, lambda engine, some: engine.pause(some), start=False)


@click.command(short_help="Resume paused transfers.")
@click.argument("ids", metavar="[ID...]", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All transfers.")
def resume(ids: tuple[str, ...], everything: bool) -> int:
    """Resume paused transfers, and let waiting ones try again at once.

    This starts the engine if it is not running, and resumes whatever it was doing.

    \b
    Examples:
      flowtui resume --all
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

    \b
    Examples:
      flowtui retry --all
      flowtui retry b1 --one-by-one
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
    """Remove finished transfers and bulk jobs from the list; files stay where they are.

    \b
    Examples:
      flowtui forget --all
      flowtui forget 17 b1
    """
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
    """Cancel transfers and bulk jobs, and remove their partial files; finished files stay.

    \b
    Examples:
      flowtui cancel 17 18
      flowtui cancel b1
    """
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
