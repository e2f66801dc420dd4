"""`flowtui get`: find the files, fetch them in this process, leave when they are here."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from flowtui.cli.exit_codes import CommandError, Exit, Interrupted, as_command_error
from flowtui.cli.options import (
    bulk_option,
    filter_options,
    json_option,
    rate_option,
    server_option,
    to_option,
)
from flowtui.cli.output import Output, counted, one_line, seconds_text, size_text
from flowtui.cli.selection import Filters, RequestedFiles, require_files, select
from flowtui.cli.signals import StopSignals

if TYPE_CHECKING:
    from flowtui.cli.follow import Follow
    from flowtui.cli.session import Session
    from flowtui.config import Settings
    from flowtui.flow.client import FlowClient
    from flowtui.protocol.messages import Batch

AGAIN = "run the same command again to go on where this stopped"


@click.command(short_help="Download, in the foreground, until all is here.")
@click.argument("refs", metavar="REF...", nargs=-1, required=True)
@to_option
@server_option
@filter_options
@bulk_option
@click.option(
    "--jobs",
    type=click.IntRange(1, 64),
    metavar="N",
    help="Files at a time; default: jobs of the settings, else 4.",
)
@click.option(
    "--connections",
    type=click.IntRange(0, 16),
    metavar="N",
    help="Connections per file at most; 0: as many as pay, up to 16.",
)
@rate_option
@click.option("--dry-run", is_flag=True, help="Only list what would be fetched, and where to.")
@json_option
@click.option(
    "--detach",
    is_flag=True,
    help="Hand the files to the background engine and leave. --jobs, --connections and --limit-rate"
    " then hold for all that it does, until it ends; what is to last belongs into settings.toml.",
)
def get(
    refs: tuple[str, ...],
    to: str | None,
    server: str | None,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    bulk: str,
    unpack: bool | None,
    jobs: int | None,
    connections: int | None,
    limit_rate: int | None,
    dry_run: bool,
    as_json: bool,
    detach: bool,
) -> int:
    """Download REF... and leave when every file is here and verified.

    A second run fetches only what is missing. Stopped by ctrl-c, SIGTERM or the end of a job's
    time, it keeps what it has, and the same command goes on from there.

    \b
    Exit status: 0 all there and verified, 1 some files failed, 2 usage, 3 not signed in or
    refused, 4 nothing found, 5 no room on disk, 130 interrupted.
    """
    out = Output(as_json=as_json)
    started = time.monotonic()
    wishes = {"jobs": jobs, "connections": connections, "limit_rate": limit_rate}
    changes = {name: value for name, value in wishes.items() if value is not None}
    found = RequestedFiles()
    try:
        with StopSignals() as stop:
            from flowtui.cli.session import open_session

            with closing(open_session(server, out)) as session:
                if session.client.credential is None:
                    out.say("flowtui: not signed in; only public files can be had")
                select(session.client, refs, Filters(include, exclude), out, found)
                require_files(found)
                batch = make_batch(session, found, to, bulk, unpack)
                if dry_run:
                    return _dry_run(batch, found, out, started)
                if detach:
                    from flowtui.cli.detach import hand_over

                    return hand_over(session, batch, changes, out)
                # From here on a signal is looked at between two events; the engine is not torn.
                stop.raising = False
                settings = with_changes(session.settings, changes)
                return _fetch(session.client, settings, batch, found, stop, out)
    except Interrupted:
        known = CommandError(f"interrupted; {AGAIN}", exit=Exit.INTERRUPTED, code="INTERRUPTED")
    except BrokenPipeError:
        raise
    except Exception as error:
        trouble = as_command_error(error)
        if trouble is None:
            raise
        known = trouble
    out.error(known)
    _summary_event(out, None, found, known.exit, time.monotonic() - started)
    return known.exit


def with_changes(settings: Settings, changes: dict[str, int]) -> Settings:
    """The settings with what this command line says of jobs, connections and limit_rate."""
    return replace(
        settings,
        jobs=changes.get("jobs", settings.jobs),
        connections=changes.get("connections", settings.connections),
        limit_rate=changes.get("limit_rate", settings.limit_rate),
    )


def make_batch(
    session: Session, found: RequestedFiles, to: str | None, bulk: str, unpack: bool | None = None
) -> Batch:
    """The files as one batch. `bulk` is auto, always or never; `unpack` None is the settings'."""
    from flowtui.protocol.messages import Batch

    # Only what has a data id can be in an archive of Flow's.
    able = sum(1 for file in found.files if file.data_id is not None)
    wanted = bulk == "always" or (bulk == "auto" and able > session.settings.bulk_above)
    if bulk == "always" and not able:
        raise CommandError(
            "none of these files can be in an archive of Flow's; leave out --bulk always",
            code="NOT_OFFERED",
        )
    return Batch(
        server=session.client.server,
        root=str(session.settings.target(to)),
        name=found.name,
        files=tuple(found.files),
        bulk=wanted,
        # Where only a few are missing, an archive would take longer than it saves.
        one_by_one_up_to=session.settings.bulk_above if bulk == "auto" else 0,
        unpack=session.settings.unpack_archives if unpack is None else unpack,
    )


def _fetch(
    client: FlowClient,
    settings: Settings,
    batch: Batch,
    found: RequestedFiles,
    stop: StopSignals,
    out: Output,
) -> int:
    from flowtui.cli.follow import Follower
    from flowtui.cli.progress import stderr_view
    from flowtui.connect import connector
    from flowtui.engine.engine import Engine
    from flowtui.transfer.http.clients import service_maker

    # With the connections by which the files were found.
    engine = Engine(settings, make_service=service_maker(connector(settings), client))
    engine.start()
    try:
        follower = Follower(engine, out, stderr_view(len(batch.files)), lambda: stop.fired)
        state = follower.run(batch)
        if state.interrupted:
            out.say("stopping; what is here is kept (once more: at once)")
    finally:
        engine.stop()
    status = state.exit()
    if status is Exit.OK and found.errors:
        status = Exit.SOME_FAILED
    _say_end(state, batch, status, out)
    _summary_event(out, state, found, status, state.seconds)
    return status


def _say_end(state: Follow, batch: Batch, status: Exit, out: Output) -> None:
    counts = state.files()
    here = sum(counts[name] for name in _HERE)
    words = f"{here:,} of {counted(max(len(batch.files), counts.total()), 'file')} here"
    if skipped := counts[_SKIPPED]:
        words += f" ({skipped:,} were already)"
    words += f", {size_text(state.fetched())} fetched in {seconds_text(state.seconds)}"
    out.say(f"{words}, in {one_line(batch.root)}")
    if state.summary.trouble:
        out.say(f"flowtui: {one_line(state.summary.trouble)}")
    if status is Exit.INTERRUPTED:
        out.error(CommandError(f"interrupted; {AGAIN}", exit=status, code="INTERRUPTED"))
    elif state.stuck == "NO_SPACE":
        told = one_line(state.why_waiting("NO_SPACE")) or "the disk is full"
        words = f"no room on disk: {told}; make room or choose another --to, then {AGAIN}"
        out.error(CommandError(words, exit=status, code="NO_SPACE"))
    elif state.stuck == "UNAUTHENTICATED":
        words = f"not signed in at {batch.server}: `flowtui login`, then {AGAIN}"
        out.error(CommandError(words, exit=status, code="UNAUTHENTICATED"))
    elif why := state.why_no_archive():
        words = f"{one_line(why)}; `--bulk never` fetches the files one by one"
        out.error(CommandError(words, exit=status, code="FAILED"))
    elif failed := sum(counts[name] for name in _LOST):
        words = f"{counted(failed, 'file')} failed; the same command tries only what is missing"
        out.error(CommandError(words, exit=status, code="FAILED"))


def _summary_event(
    out: Output, state: Follow | None, found: RequestedFiles, status: Exit, seconds: float
) -> None:
    """The last line of `--json`, whatever happened."""
    counts = {} if state is None else {key: n for key, n in state.files().items() if n}
    ended = sum(counts.get(name, 0) for name in ("done", "skipped", "failed", "cancelled"))
    out.event(
        "summary",
        status=int(status),
        files=len(found.files),
        done=counts.get("done", 0),
        skipped=counts.get("skipped", 0),
        failed=counts.get("failed", 0),
        cancelled=counts.get("cancelled", 0),
        unfinished=sum(counts.values()) - ended,
        left_out=found.left_out,
        excluded=found.excluded,
        missing_refs=len(found.errors),
        bytes=0 if state is None else state.bytes_here(),
        fetched=0 if state is None else state.fetched(),
        seconds=round(seconds, 3),
    )


def _dry_run(batch: Batch, found: RequestedFiles, out: Output, started: float) -> int:
    """Say what would be fetched and where to; nothing is written."""
    from pathlib import Path

    from flowtui.text.columns import table
    from flowtui.transfer.disk.paths import TargetPaths

    places = TargetPaths(Path(batch.root))
    # The engine gives out names in the order of the keys, too.
    paths = {
        file.key: places.assign(file.key, file.folder, file.filename)
        for file in sorted(batch.files, key=lambda file: file.key)
    }
    rows = []
    for file in batch.files:
        path = paths[file.key]
        out.event(
            "file",
            key=file.key,
            filename=file.filename,
            path=str(Path(batch.root) / path),
            size=file.size,
            md5=file.md5,
        )
        rows.append((file.key, size_text(file.size), path))
    if not out.as_json:
        for line in table(("WHAT", "SIZE", "PATH"), [tuple(map(one_line, r)) for r in rows],
                          right=(1,)):  # fmt: skip
            out.line(line)
    free = free_bytes(Path(batch.root))
    how = "as one archive of Flow's" if batch.bulk else "one by one"
    if batch.bulk and batch.unpack:
        how += ", unpacked here"
    out.say(
        f"{counted(len(batch.files), 'file')}, {size_text(found.known_bytes)}, {how},"
        f" to {one_line(batch.root)} ({size_text(free)} free there); nothing was fetched"
    )
    _summary_event(out, None, found, Exit.OK, time.monotonic() - started)
    return Exit.SOME_FAILED if found.errors else Exit.OK


def free_bytes(folder: object) -> int | None:
    """Bytes free where `folder` is or will be."""
    import shutil
    from pathlib import Path

    place = Path(str(folder))
    while not place.exists() and place != place.parent:
        place = place.parent
    return shutil.disk_usage(place).free


_HERE = ("done", "skipped")
_SKIPPED = "skipped"
_LOST = ("failed", "cancelled")
