"""`flowtui ls`: what is on Flow, as a table or as JSON lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import click

from flowtui.cli.exit_codes import CommandError, Exit
from flowtui.cli.filter_options import filter_options
from flowtui.cli.filters import Filtering, Filters, tell_without_effect
from flowtui.cli.json_fields import as_sent
from flowtui.cli.options import complete_refs, json_option, server_option
from flowtui.cli.output import Output
from flowtui.cli.record_rows import (
    DATA,
    EXECUTIONS,
    PROJECTS,
    SAMPLES,
    RecordRow,
    data_row,
    execution_row,
    project_row,
    sample_row,
)
from flowtui.cli.search_notices import SearchNotices
from flowtui.cli.tables import TableWriter

if TYPE_CHECKING:
    from flowtui.flow.client import FlowClient
    from flowtui.flow.errors import FlowError
    from flowtui.flow.genomes import Fileset, Organism
    from flowtui.flow.models import Data, R
    from flowtui.flow.pages import Pages
    from flowtui.flow.refs import Ref


@click.command(short_help="List projects, samples and files.")
@click.argument("ref", required=False, metavar="[REF]", shell_complete=complete_refs)
@click.option("--shared", "scope", flag_value="shared", help="Projects shared with you.")
@click.option("--public", "scope", flag_value="public", help="Public projects.")
@click.option("--samples", "scope", flag_value="samples", help="Your samples, in projects or not.")
@click.option("--executions", "scope", flag_value="executions", help="Your executions.")
@click.option("--data", "scope", flag_value="data", help="Your uploads: reads, lanes, sheets, …")
@click.option("--genomes", "scope", flag_value="genomes", help="Genomes of organisms.")
@server_option
@filter_options
@json_option
def ls(
    ref: str | None, scope: str | None, server: str | None, filters: Filters, as_json: bool
) -> int:
    """List your projects, all that is yours of another kind, or the contents of REF.

    A project lists its samples and executions, a sample its files, an execution its outputs.
    `flowtui get` takes what is in the first column; the filters choose among the files of a sample
    or an execution. Exit status 1: something could not be listed.

    \b
    Examples:
      flowtui ls
      flowtui ls project/12
      flowtui ls --samples --json
    """
    from flowtui.cli.session import reading

    if ref is not None and scope is not None:
        raise click.UsageError(f"--{scope} takes no REF")
    if filters != Filters() and (ref is None or filters.latest_execution):
        raise click.UsageError(
            "ls takes filters with sample/ID, execution/ID and data/ID, and no --latest-execution"
        )
    out = Output(as_json=as_json, is_listing=True)
    filtering = Filtering(filters)
    tables, said = TableWriter(out), SearchNotices(out)
    with reading(server, out) as client, tables.writing():
        if scope in ("samples", "executions", "data"):
            _mine(client, scope, tables, said)
        elif scope == "genomes":
            _genomes(client, tables, said)
        elif ref is None:
            _projects(client, scope, tables, said)
        else:
            from flowtui.flow.refs import parse_ref

            _below(client, parse_ref(ref, client.server), filtering, tables, said)
    tell_without_effect(filtering, out)
    said.end()
    return said.exit_beside


def _projects(
    client: FlowClient, scope: str | None, tables: TableWriter, said: SearchNotices
) -> None:
    from flowtui.flow.client import Scope

    wanted = {None: Scope.MINE, "shared": Scope.SHARED, "public": Scope.PUBLIC}[scope]
    projects = client.projects(wanted)
    tables.add(PROJECTS, (project_row(project) for project in projects), "project")
    said.unreadable("project", projects.unreadable)


def _mine(client: FlowClient, scope: str, tables: TableWriter, said: SearchNotices) -> None:
    """All samples, executions or files of the user's, also those of no project."""
    from flowtui.flow.search.criteria import Criteria, Kind
    from flowtui.flow.search.search import Search

    wanted = Criteria(mine=True, uploaded=scope == "data")
    what = scope.removesuffix("s") if scope != "data" else "file"
    tables.add_found(iter(Search(client, Kind(scope), wanted, said)), what)


def _genomes(client: FlowClient, tables: TableWriter, said: SearchNotices) -> None:
    """The files of all organisms' genomes."""
    from flowtui.flow.errors import NotFound, NotOffered

    try:
        organisms = client.organisms()
    except (NotFound, NotOffered) as error:
        raise CommandError(
            "this server lists no genomes", exit=Exit.NOTHING_FOUND, code="NOT_OFFERED"
        ) from error
    tables.add(DATA, _genome_files(_genomes_of(client, organisms, said), said), "file")
    said.unreadable("organism", organisms.unreadable)


def _genomes_of(
    client: FlowClient, organisms: Iterable[Organism], said: SearchNotices
) -> Iterator[tuple[Organism, Fileset]]:
    """The genomes of all organisms; of one that cannot be had it is told."""
    from flowtui.flow.errors import FAILING, SKIPPABLE

    for row in organisms:
        try:
            organism = client.organism(row.id)
        except (*SKIPPABLE, *FAILING) as error:
            said.left_out(row.name or row.id, error)
            continue
        for fileset in organism.filesets:
            yield organism, fileset
        said.unreadable("genome", organism.unreadable, organism.name)


def _genome_files(
    filesets: Iterable[tuple[Organism, Fileset]], said: SearchNotices
) -> Iterator[RecordRow]:
    for organism, fileset in filesets:
        of_organism = as_sent(organism, without=("filesets", "latest_fileset"))
        of_genome = as_sent(fileset, without=("data",))
        for data in fileset.data:
            fields, cells = data_row(data)
            fields |= {
                "organism": organism.name,
                "genome": fileset.name,
                "flow_organism": of_organism,
                "flow_genome": of_genome,
            }
            source = f"{organism.name or organism.id} {fileset.name}"
            yield fields, (*cells[:3], source, cells[4])
        said.unreadable("file", fileset.unreadable)


def _below(
    client: FlowClient, ref: Ref, filtering: Filtering, tables: TableWriter, said: SearchNotices
) -> None:
    """What `ref` has. Raises FlowError where nothing of it can be listed."""
    from flowtui.flow.refs import RefKind
    from flowtui.flow.walk.queries import output_row
    from flowtui.flow.walk.rows import Row
    from flowtui.flow.walk.runs import origin_of
    from flowtui.flow.walk.walk import remote_file

    filters = filtering.filters

    def wanted(row: Row) -> bool:
        if filters == Filters():
            return True
        try:
            file = remote_file(*row[:-2])
        except ValueError:
            return True  # it has no address, which whoever gets it is told
        return not filtering.passes_over(row.data) and filtering.wants(file)

    def of_sample(data: Data) -> bool:
        return wanted(Row(data, ("samples", data.sample_name or ref.id), origin=origin_of(data)))

    if ref.kind is RefKind.PROJECT:
        if filters != Filters():
            raise click.UsageError(
                "a project lists samples and executions; name one of them to filter its files"
            )
        samples = client.project_samples(ref.id, full_metadata=tables.is_json)
        executions = client.project_executions(ref.id)
        errors = {
            "samples": _add_list(tables, SAMPLES, samples, sample_row, "sample", said),
            "executions": _add_list(
                tables, EXECUTIONS, executions, execution_row, "execution", said
            ),
        }
        _tell_missing(ref, errors, said)
    elif ref.kind is RefKind.SAMPLE:
        data = client.sample_data(ref.id)
        _tell_missing(
            ref, {"files": _add_list(tables, DATA, data, data_row, "file", said, of_sample)}, said
        )
    elif ref.kind is RefKind.EXECUTION:
        execution = client.execution(ref.id)
        found: Sequence[Data] = execution.outputs or ()
        if ref.path:
            from flowtui.flow.walk.outputs import outputs_below

            found = outputs_below(found, ref.path.rstrip("/"))
        tables.add(
            DATA,
            (
                data_row(output)
                for output in found
                if wanted(output_row(output, execution, ("executions", ref.id)))
            ),
            "file",
        )
        said.unreadable("file", execution.unreadable)
    else:
        tables.add(
            DATA, (data_row(data) for data in [client.data(ref.id)] if of_sample(data)), "file"
        )


def _add_list(
    tables: TableWriter,
    headers: tuple[str, ...],
    records: Pages[R],
    row: Callable[[R], RecordRow],
    what: str,
    said: SearchNotices,
    wanted: Callable[[R], bool] = lambda record: True,
) -> FlowError | None:
    """Add the rows of a list as far as they can be had; why no more could."""
    from flowtui.flow.errors import FAILING, SKIPPABLE

    try:
        tables.add(headers, (row(record) for record in records if wanted(record)), what)
    except (*SKIPPABLE, *FAILING) as error:
        return error
    finally:
        said.unreadable(what, records.unreadable)
    return None


def _tell_missing(ref: Ref, errors: dict[str, FlowError | None], said: SearchNotices) -> None:
    """Say which lists could not be had whole. Raises the first error where that is all of them."""
    found = {what: error for what, error in errors.items() if error is not None}
    for what, error in found.items():
        if len(found) == len(errors):
            raise error
        said.left_out(f"the {what} of {ref}", error)
