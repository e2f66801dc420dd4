"""`flowtui samplesheet`: what was downloaded of samples, as the table that a pipeline takes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flowtui.cli.exit_codes import CommandError, Exit
from flowtui.cli.options import complete_refs, json_option, server_option, to_option
from flowtui.cli.output import Output, counted, one_line
from flowtui.sheets.pipelines import PIPELINES, Pipeline
from flowtui.system.files import write_whole

if TYPE_CHECKING:
    from flowtui.cli.sample_inputs import Gathered
    from flowtui.flow.refs import Ref
    from flowtui.sheets.sheet import Sheet

MISSING_NAMED = 5
"""Files that are not here of which each has a line; programs are told of each."""


def _known(ctx: click.Context, param: click.Parameter, value: str) -> Pipeline | str:
    """One of our tables, else the name of a pipeline of Flow."""
    name = value.strip()
    short = name.casefold().removeprefix("goodwright/")
    if short not in PIPELINES:
        short = short.removeprefix("nf-core/")
    return PIPELINES.get(short, name)


@click.command(short_help="Write the sample sheet that a pipeline takes.")
@click.argument(
    "words", metavar="REF|DIR...", nargs=-1, required=True, shell_complete=complete_refs
)
@click.option(
    "--for",
    "named",
    required=True,
    callback=_known,
    metavar="PIPELINE",
    help=f"{', '.join(PIPELINES)}; or a pipeline of Flow by its NAME or NAME@VERSION there.",
)
@click.option("-o", "--output", metavar="FILE", help="Write it there; default: stdout.")
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
@click.option(
    "--allow-missing", is_flag=True, help="Name files that are not here yet, too, where they go."
)
@click.option(
    "--links",
    metavar="DIR",
    help="Make links without blanks there, and name them, where PIPELINE takes no blanks in paths.",
)
@click.option("--offline", is_flag=True, help="Do not ask Flow; of DIRs only.")
@to_option
@server_option
@json_option
def samplesheet(
    words: tuple[str, ...],
    named: Pipeline | str,
    output: str | None,
    force: bool,
    allow_missing: bool,
    links: str | None,
    offline: bool,
    to: str | None,
    server: str | None,
    as_json: bool,
) -> int:
    """Write the table of samples that a pipeline takes as its input (CSV).

    \b
    Examples:
      flowtui samplesheet project/12 --to /data/flow --for rnaseq -o samples.csv
      flowtui samplesheet /data/flow --for sarek

    A REF is a project, a sample or a file of one, whose files were downloaded to --to. A DIR is a
    folder with a downloads.log: all uploaded files in it; write ./NAME where it looks like a REF.
    Pairs and lanes are Flow's own filesets. What Flow does not know is told on stderr.

    \b
    Exit status: 0 written, 1 files are not here, or some rows lack, 2 usage, 3 not signed in or not
    allowed, 4 no samples found.
    """
    from flowtui.cli.sample_inputs import Gathered
    from flowtui.config import absolute
    from flowtui.sheets.csv_text import csv_text
    from flowtui.sheets.links import with_links
    from flowtui.sheets.sheet import make_sheet

    out = Output(as_json=as_json, is_listing=output in (None, "-"))
    target = None if output in (None, "-") else Path(output or "")
    if target is not None and not force and os.path.lexists(target):
        raise _exists(target)
    found = Gathered()
    if isinstance(named, str) and offline:
        raise click.UsageError(f"--offline knows {', '.join(PIPELINES)} only")
    pipeline = _of_flow(named, server, out) if isinstance(named, str) else named
    _gather(words, to, server, offline, found, out)
    made: dict[str, str] = {}
    if links is not None:
        folder = str(absolute(links))
        found.samples, made = with_links(found.samples, folder, pipeline.blanks)
    sheet = make_sheet(found.samples, pipeline)
    _tell(sheet, found, out)
    in_sheet = {made.get(file.path, file.path) for file in sheet.files}
    missing = [path for path in dict.fromkeys(found.missing) if path in in_sheet]
    _tell_missing(missing, out)
    if missing and not allow_missing:
        raise CommandError(
            f"{counted(len(missing), 'file')} not here; get them with `flowtui get`, or use "
            "--allow-missing; no sheet was written",
            code="MISSING",
        )
    if not sheet.rows:
        raise CommandError(
            f"no samples with reads that {pipeline.name} takes; no sheet was written",
            exit=Exit.NOTHING_FOUND, code="NOTHING_FOUND",
        )  # fmt: skip
    for file in sheet.files:
        if file.path in made:
            make_link(Path(file.path), made[file.path])
    text = csv_text(sheet.header, sheet.rows, quotes_all=pipeline.quotes_all)
    if target is not None:
        write_new(target, text, force=force)
    elif not as_json:
        out.line(text.removesuffix("\n"))
    for row in sheet.rows:
        out.event("row", **{"values": dict(zip(sheet.header, row, strict=True))})
    lost = len(found.lost) + sum(note.is_loss for note in sheet.notes)
    status = Exit.SOME_FAILED if lost else Exit.OK
    where = f", to {one_line(str(target))}" if target is not None else ""
    rows, samples = counted(len(sheet.rows), "row"), counted(len(found.samples), "sample")
    out.say(f"{rows} of {samples} for {pipeline.name}{where}")
    out.event("summary", status=int(status), pipeline=pipeline.name, rows=len(sheet.rows),
              samples=len(found.samples), missing=len(missing), lost=lost,
              path=str(target.absolute()) if target is not None else None)  # fmt: skip
    return status


def _of_flow(name: str, server: str | None, out: Output) -> Pipeline:
    """The table of a pipeline of Flow. Raises CommandError where it has none, FlowError."""
    from flowtui.cli.session import reading
    from flowtui.flow.errors import NotFound
    from flowtui.sheets.flow_schema import pipeline_of

    ours = f"known without Flow: {', '.join(PIPELINES)}"
    with reading(server, out) as client:
        try:
            found = client.pipeline(name)
            pipeline = pipeline_of(found.name, found.schema)
        except (NotFound, ValueError) as error:
            message = f"--for {one_line(name)}: {error}; {ours}"
            raise CommandError(message, exit=Exit.USAGE, code="USAGE") from None
    out.say(f"flowtui: columns by Flow's schema of {one_line(f'{found.name} {found.version}')}")
    return pipeline


def _gather(
    words: tuple[str, ...],
    to: str | None,
    server: str | None,
    offline: bool,
    found: Gathered,
    out: Output,
) -> None:
    """Find the samples of all words. Raises CommandError, FlowError, ConfigError, OSError."""
    from flowtui.cli.sample_inputs import LocalFolder, from_flow, from_folder, wanted_samples
    from flowtui.cli.session import open_session, reading
    from flowtui.config import absolute
    from flowtui.connect import read_settings
    from flowtui.flow.errors import FlowError

    folders = [word for word in words if offline or word.startswith(("/", ".", "~"))]
    if others := [word for word in words if word not in folders]:
        settings, _ = read_settings(server)
        with reading(server, out) as client:
            refs, more = _sorted(others, client.server)
            folders += more
            if refs:
                wanted = wanted_samples(client, refs)
                from_flow(client, wanted, LocalFolder(settings.target(to)), found)
    locals_ = [LocalFolder(absolute(folder)) for folder in dict.fromkeys(folders)]
    for local in locals_:
        if not local.inputs:
            raise CommandError(
                f"no downloads.log with uploaded files in {one_line(str(local.root))}",
                exit=Exit.NOTHING_FOUND, code="NOTHING_FOUND",
            )  # fmt: skip
    if not locals_:
        return
    session = None
    if not offline:
        try:
            session = open_session(server, out)
        except FlowError as error:
            found.told.append(error.message)
    if session is None:
        for local in locals_:
            from_folder(local, None, found)
        return
    with closing(session):
        for local in locals_:
            from_folder(local, session.client, found)


def _sorted(words: Sequence[str], server: str) -> tuple[list[Ref], list[str]]:
    """REFs and folders apart. Raises BadReference for what is neither."""
    from flowtui.flow.errors import BadReference
    from flowtui.flow.refs import parse_ref

    refs: list[Ref] = []
    folders: list[str] = []
    for word in words:
        try:
            refs.append(parse_ref(word, server))
        except BadReference:
            if not Path(word).is_dir():
                raise
            folders.append(word)
    return list(dict.fromkeys(refs)), folders


def _tell(sheet: Sheet, found: Gathered, out: Output) -> None:
    """Say what whoever uses the sheet has to know."""
    for text in (*found.told, *found.lost):
        out.event("note", about=None, message=text, is_loss=text in found.lost)
        out.say(f"flowtui: {one_line(text)}")
    for note in sheet.notes:
        out.event("note", about=note.about, message=note.text, is_loss=note.is_loss)
        out.say(f"flowtui: {one_line(note.about)}: {one_line(note.text)}")


def _tell_missing(missing: list[str], out: Output) -> None:
    for path in missing:
        out.event("missing", path=path)
    for path in missing[:MISSING_NAMED]:
        out.say(f"flowtui: not here: {one_line(path)}")
    if (more := len(missing) - MISSING_NAMED) > 0:
        out.say(f"flowtui: not here: {more:,} more")


def make_link(link: Path, file: str) -> None:
    """Make a symbolic link to `file`, unless it is there already. Raises CommandError, OSError."""
    link.parent.mkdir(parents=True, exist_ok=True)
    try:
        link.symlink_to(file)
    except FileExistsError:
        if not link.is_symlink() or os.readlink(link) != file:
            raise CommandError(
                f"{one_line(str(link))} exists and leads elsewhere; name another folder to --links",
                exit=Exit.USAGE, code="EXISTS",
            ) from None  # fmt: skip


def write_new(target: Path, text: str, *, force: bool) -> None:
    """Put `text` into a file that is there whole or not at all.

    Raises CommandError where one is there already, unless `force`; OSError.
    """
    try:
        write_whole(target, text, replace=force)
    except FileExistsError:
        raise _exists(target) from None


def _exists(target: Path) -> CommandError:
    return CommandError(
        f"{target} exists; use --force to replace it", exit=Exit.USAGE, code="EXISTS"
    )
