"""`flowtui get`: find the files, download them in this process, exit when they are complete."""

from __future__ import annotations

import logging
import time
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from flowtui.cli.exit_codes import CommandError, Exit, Interrupted, as_command_error
from flowtui.cli.filter_options import filter_options
from flowtui.cli.finding import Finding
from flowtui.cli.get_report import (
    AGAIN,
    end_error,
    internal_error,
    missing_error,
    print_end,
    summary_event,
    tell_other_places,
)
from flowtui.cli.options import (
    bulk_option,
    json_option,
    output_option,
    quiet_option,
    rate_option,
    records_option,
    refs_argument,
    samples_table_option,
    server_option,
)
from flowtui.cli.output import Output
from flowtui.cli.plan import Plan, make_plan
from flowtui.cli.samples_table import keep_samples_table
from flowtui.cli.selection import (
    RequestedFiles,
    find,
    parse_refs,
    require_files,
)
from flowtui.cli.signals import StopSignals
from flowtui.config import ON_CHANGE
from flowtui.protocol.messages import RequestRefused

if TYPE_CHECKING:
    from flowtui.cli.filters import Filters
    from flowtui.cli.session import Session
    from flowtui.config import Settings
    from flowtui.flow.client import FlowClient


@click.command(short_help="Download files in the foreground.")
@refs_argument
@output_option
@server_option
@filter_options
@records_option
@samples_table_option
@bulk_option
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(1, 64),
    metavar="N",
    help="Files to download at a time; default: jobs in the settings, else 4.",
)
@click.option(
    "--connections",
    type=click.IntRange(0, 16),
    metavar="N",
    help="Maximum connections per file; 0 chooses automatically, up to 16.",
)
@rate_option
@click.option(
    "--on-change",
    type=click.Choice(ON_CHANGE),
    help="What to do with a downloaded file that was changed here or on Flow; default: on_change in"
    " the settings, else replace: what is no part of the new file is kept as NAME.old-DATE.",
)
@click.option(
    "--accept-any-type",
    is_flag=True,
    help="Accept what the server sends, even if it is labelled as a web page or JSON.",
)
@click.option(
    "-n", "--dry-run", is_flag=True, help="List what would be downloaded and where, and exit."
)
@json_option
@quiet_option
@click.option(
    "--detach",
    is_flag=True,
    help="Hand the files to the background engine and exit. --jobs, --connections, --limit-rate"
    " and --accept-any-type then apply to the whole engine until it stops; settings.toml makes them"
    " permanent.",
)
def get(
    refs: tuple[str, ...],
    lists: tuple[str, ...],
    to: str | None,
    server: str | None,
    filters: Filters,
    records: bool,
    samples_table: bool,
    bulk: str,
    unpack: bool | None,
    jobs: int | None,
    connections: int | None,
    limit_rate: int | None,
    on_change: str | None,
    accept_any_type: bool,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
    detach: bool,
) -> int:
    """Download the files of each REF and exit when all of them are complete and verified.

    A second run downloads only what is missing. After Ctrl-C, SIGTERM, SIGUSR1 or the end of a
    job's time, the same command resumes where it stopped.

    \b
    Examples:
      flowtui get project/12 --to /data/flow
      flowtui get execution/456 --include '*.html' --dry-run
      flowtui get sample/34 data/789 --jobs 8 --limit-rate 20M
      flowtui get --from files.tsv --to /data/flow

    \b
    Exit status: 0 all files complete and verified, 1 some files failed, 2 usage, 3 not signed in
    or not allowed, 4 nothing found, 5 not enough disk space, 75 trouble that passes:
    the same command may work later, 130 interrupted.
    """
    out = Output(as_json=as_json, is_listing=dry_run, quiet=quiet)
    started = time.monotonic()
    options = {
        "jobs": jobs,
        "connections": connections,
        "limit_rate": limit_rate,
        "accept_any_type": 1 if accept_any_type else None,
    }
    changes = {name: value for name, value in options.items() if value is not None}
    found = RequestedFiles()
    try:
        with StopSignals() as stop:
            from flowtui.cli.session import open_session

            with closing(open_session(server, out)) as session:
                if session.client.account.credential is None:
                    out.say("flowtui: not signed in; only public files are available")
                wanted = parse_refs(session.client, refs, lists, found)
                plan = make_plan(session, found, to, bulk, unpack)
                if not dry_run:
                    finding = Finding(
                        lambda relay: find(
                            session.client, wanted, filters, relay, found, records=records
                        ),
                        out,
                    )
                    if detach and on_change is not None:
                        raise click.UsageError(
                            "--on-change does not go with --detach; set on_change in settings.toml"
                        )
                    if detach:
                        return queue_found(
                            session, finding, found, plan, changes, out, table=samples_table
                        )
                    settings = with_overrides(session.settings, changes)
                    if on_change is not None:
                        settings = replace(settings, on_change=on_change)
                    return _fetch(
                        session.client, settings, plan, finding, found, stop, out,
                        table=samples_table,
                    )  # fmt: skip
                for _ in find(session.client, wanted, filters, out, found, records=records):
                    pass
                require_files(found)
                from flowtui.cli import dry_run as dry

                batch = plan.whole(found.files)
                planned = dry.look(batch, links=session.settings.link != "never")
                dry.show(planned, batch, out)
                error = dry.error_of(planned, found, on_change or session.settings.on_change)
                if error is not None:
                    out.error(error)
                status = Exit.OK if error is None else error.exit
                summary_event(out, None, found, status, time.monotonic() - started)
                return status
    except Interrupted:
        known = CommandError(f"interrupted; {AGAIN}", exit=Exit.INTERRUPTED, code="INTERRUPTED")
    except Exception as error:
        expected = as_command_error(error)
        if expected is None:
            raise
        known = expected
    out.error(known)
    summary_event(out, None, found, known.exit, time.monotonic() - started)
    return known.exit


def with_overrides(settings: Settings, changes: dict[str, int]) -> Settings:
    """The settings with what this command line has of them over them."""
    return replace(
        settings,
        jobs=changes.get("jobs", settings.jobs),
        connections=changes.get("connections", settings.connections),
        limit_rate=changes.get("limit_rate", settings.limit_rate),
        accept_any_type=bool(changes.get("accept_any_type", settings.accept_any_type)),
    )


def _fetch(
    client: FlowClient,
    settings: Settings,
    plan: Plan,
    finding: Finding,
    found: RequestedFiles,
    stop: StopSignals,
    out: Output,
    *,
    table: bool,
) -> int:
    """Download what is found, from the first file on."""
    # The imports go on while the first answers come.
    from flowtui.cli.finding import feeder_of
    from flowtui.cli.follow import Follower
    from flowtui.cli.progress import Silent, stderr_view
    from flowtui.connect import connector
    from flowtui.engine.engine import Engine
    from flowtui.system.descriptors import raise_limit
    from flowtui.transfer.http.clients import service_maker

    # What the engine logs with a traceback is told below in words; logging would print it.
    logging.getLogger("flowtui").addHandler(logging.NullHandler())
    feeder = feeder_of(finding, found, plan)
    # From here on a signal is noticed between two events, to stop the engine cleanly.
    stop.raising = False
    raise_limit()
    # With the connections by which the files were found.
    engine = Engine(settings, make_service=service_maker(connector(settings), client))
    engine.start()
    untold: CommandError | None = None
    try:
        follower = Follower(
            engine, out, Silent() if out.quiet else stderr_view(), lambda: stop.fired
        )
        state = follower.run(feeder)
        if state.interrupted:
            out.say("stopping; partial downloads are kept (interrupt again to stop at once)")
        else:  # while the connections are there
            untold = keep_samples_table(client, plan.root, found.files, out, asked=table, stop=stop)
    except RequestRefused:
        if engine.mistake is None:
            raise
        raise internal_error(engine.mistake) from None
    finally:
        engine.stop()
    status = state.exit_status()
    if status is Exit.OK and engine.mistake is not None:
        status = Exit.SOME_FAILED  # all files may be here, but something else went wrong
    trouble = None if state.interrupted else _search_error(finding)
    if trouble is not None:
        status = trouble.exit
    elif not found.is_whole and status in (Exit.OK, Exit.TRY_LATER):
        status = found.exit_status
    print_end(state, plan, out)
    tell_other_places(state, found, out)
    if untold is not None and status is Exit.OK:
        status = untold.exit
    mistake = engine.mistake
    if (error := trouble or end_error(state, plan, found, status, mistake)) is not None:
        out.error(error)
    summary_event(out, state, found, status, state.seconds)
    return status


def queue_found(
    session: Session,
    finding: Finding,
    found: RequestedFiles,
    plan: Plan,
    changes: dict[str, int],
    out: Output,
    *,
    table: bool = False,
) -> int:
    """Have the background engine download what is found, from the first file on."""
    from flowtui.cli.detach import hand_over
    from flowtui.cli.finding import feeder_of

    hand_over(session, feeder_of(finding, found, plan, wait=0.1), changes, out)
    if (trouble := _search_error(finding)) is not None:
        out.error(trouble)
        return trouble.exit
    if (missing := missing_error(found)) is not None:
        out.error(missing)
    untold = keep_samples_table(session.client, plan.root, found.files, out, asked=table)
    if missing is None:
        missing = untold
    return Exit.OK if missing is None else missing.exit


def _search_error(finding: Finding) -> CommandError | None:
    """What ended the search before all was found. Raises what nobody expected."""
    if finding.error is None:
        return None
    known = as_command_error(finding.error)
    if known is None:
        raise finding.error
    return CommandError(
        f"not all files were found: {known.message}; {AGAIN}", exit=known.exit, code=known.code
    )
