"""`flowtui ls`: what is on Flow, as a table or as JSON lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING, Any

import click

from flowtui.cli.exit_codes import CommandError, Exit
from flowtui.cli.json_fields import as_sent
from flowtui.cli.options import json_option, server_option
from flowtui.cli.output import Output, counted, one_line, size_text
from flowtui.cli.search_notices import SearchNotices

if TYPE_CHECKING:
    from flowtui.flow.client import FlowClient
    from flowtui.flow.criteria import FoundRecord
    from flowtui.flow.errors import FlowError
    from flowtui.flow.genomes import Fileset, Organism
    from flowtui.flow.models import Data, Execution, Project, R, Sample
    from flowtui.flow.pages import Pages
    from flowtui.flow.refs import Ref


@click.command(short_help="List projects, samples and files.")
@click.argument("ref", required=False, metavar="[REF]")
@click.option("--shared", "scope", flag_value="shared", help="Projects shared with you.")
@click.option("--public", "scope", flag_value="public", help="Public projects.")
@click.option("--samples", "scope", flag_value="samples", help="Your samples, in projects or not.")
@click.option("--executions", "scope", flag_value="executions", help="Your executions.")
@click.option("--data", "scope", flag_value="data", help="Your uploads: reads, lanes, sheets, …")
@click.option("--genomes", "scope", flag_value="genomes", help="Genomes of organisms.")
@server_option
@json_option
def ls(ref: str | None, scope: str | None, server: str | None, as_json: bool) -> int:
    """List your projects, all that is yours of another kind, or the contents of REF.

    A project lists its samples and executions, a sample its files, an execution its outputs.
    `flowtui get` takes what is in the first column. Exit status 1: something could not be listed.
    """
    from flowtui.cli.session import reading

    if ref is not None and scope is not None:
        raise click.UsageError(f"--{scope} takes no REF")
    out = Output(as_json=as_json, is_listing=True)
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

            _below(client, parse_ref(ref, client.server), tables, said)
    said.end()
    return Exit.OK if said.is_whole else Exit.SOME_FAILED


class TableWriter:
    """Writes rows to stdout: as JSON lines at once, or as aligned tables in the end."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self.is_json = out.as_json
        self._tables: list[tuple[tuple[str, ...], list[tuple[str, ...]]]] = []
        self._totals: list[str] = []  # of the lists that came to their end

    def add(
        self,
        headers: tuple[str, ...],
        rows: Iterable[tuple[dict[str, Any], tuple[str, ...]]],
        what: str,
    ) -> int:
        """Add rows, each for programs and for people, under these headers; how many."""
        body: list[tuple[str, ...]] = []
        # Noted first: what has come is written also where the rest does not.
        self._tables.append((headers, body))
        count = 0
        for fields, cells in rows:
            count += 1
            if self._out.as_json:
                self._out.record(fields)
            else:
                body.append(tuple(one_line(cell) for cell in cells))
        self._totals.append(counted(count, what))
        return count

    def add_found(self, records: Iterator[FoundRecord], what: str = "item") -> int:
        """Add records of one kind, as they are found; how many. `what`: of which there are none."""
        first = next(records, None)
        if first is None:
            return self.add((), (), what)
        headers, what, _ = row_of(first)
        return self.add(headers, (row_of(record)[2] for record in chain([first], records)), what)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Write the tables in the end, and where an error ends it what had come by then."""
        try:
            yield
        except BaseException:
            if any(rows for _, rows in self._tables):
                self._write()
            raise
        self._write()

    def _write(self) -> None:
        from flowtui.text.columns import table

        if self._out.as_json:
            return
        filled = [(headers, rows) for headers, rows in self._tables if rows]
        for number, (headers, rows) in enumerate(filled):
            if number:
                self._out.line("")
            right = [
                i for i, header in enumerate(headers) if header in ("SIZE", "SAMPLES", "EXECUTIONS")
            ]
            for line in table(headers, rows, right=right):
                self._out.line(line)
        if self._totals:
            self._out.say(", ".join(self._totals))


def _projects(
    client: FlowClient, scope: str | None, tables: TableWriter, said: SearchNotices
) -> None:
    from flowtui.flow.client import Scope

    wanted = {None: Scope.MINE, "shared": Scope.SHARED, "public": Scope.PUBLIC}[scope]
    projects = client.projects(wanted)
    tables.add(_PROJECTS, (_project(project) for project in projects), "project")
    said.unreadable("project", projects.unreadable)


def _mine(client: FlowClient, scope: str, tables: TableWriter, said: SearchNotices) -> None:
    """All samples, executions or files of the user's, also those of no project."""
    from flowtui.flow.criteria import Criteria, Kind
    from flowtui.flow.search import Search

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
    filesets = (
        (organism, fileset)
        for row in organisms
        for organism in [client.organism(row.id)]
        for fileset in organism.filesets
    )
    tables.add(_DATA, _genome_files(filesets, said), "file")


def _genome_files(
    filesets: Iterable[tuple[Organism, Fileset]], said: SearchNotices
) -> Iterator[_Row]:
    for organism, fileset in filesets:
        of_organism = as_sent(organism, without=("filesets", "latest_fileset"))
        of_genome = as_sent(fileset, without=("data",))
        for data in fileset.data:
            fields, cells = _data(data)
            fields |= {
                "organism": organism.name,
                "genome": fileset.name,
                "flow_organism": of_organism,
                "flow_genome": of_genome,
            }
            source = f"{organism.name or organism.id} {fileset.name}"
            yield fields, (*cells[:3], source, cells[4])
        said.unreadable("file", fileset.unreadable)


def row_of(record: FoundRecord) -> tuple[tuple[str, ...], str, _Row]:
    """The headers of a table of such records, what they are called, and this one's row."""
    from flowtui.flow.models import Execution, Project, Sample

    if isinstance(record, Project):
        return _PROJECTS, "project", _project(record)
    if isinstance(record, Sample):
        return _SAMPLES, "sample", _sample(record)
    if isinstance(record, Execution):
        return _EXECUTIONS, "execution", _execution(record)
    return _DATA, "file", _data(record)


def _below(client: FlowClient, ref: Ref, tables: TableWriter, said: SearchNotices) -> None:
    """What `ref` has. Raises FlowError where nothing of it can be listed."""
    from flowtui.flow.refs import RefKind

    if ref.kind is RefKind.PROJECT:
        samples = client.project_samples(ref.id, full_metadata=tables.is_json)
        executions = client.project_executions(ref.id)
        errors = {
            "samples": _add_list(tables, _SAMPLES, samples, _sample, "sample", said),
            "executions": _add_list(tables, _EXECUTIONS, executions, _execution, "execution", said),
        }
        _tell_missing(ref, errors, said)
    elif ref.kind is RefKind.SAMPLE:
        data = client.sample_data(ref.id)
        _tell_missing(ref, {"files": _add_list(tables, _DATA, data, _data, "file", said)}, said)
    elif ref.kind is RefKind.EXECUTION:
        execution = client.execution(ref.id)
        found: Sequence[Data] = execution.outputs or ()
        if ref.path:
            from flowtui.flow.outputs import outputs_below

            found = outputs_below(found, ref.path.rstrip("/"))
        tables.add(_DATA, (_data(output) for output in found), "file")
        said.unreadable("file", execution.unreadable)
    else:
        tables.add(_DATA, (_data(data) for data in [client.data(ref.id)]), "file")


def _add_list(
    tables: TableWriter,
    headers: tuple[str, ...],
    records: Pages[R],
    row: Callable[[R], _Row],
    what: str,
    said: SearchNotices,
) -> FlowError | None:
    """Add the rows of a list as far as they can be had; why no more could."""
    from flowtui.flow.errors import FAILING, SKIPPABLE

    try:
        tables.add(headers, (row(record) for record in records), what)
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


_NUMBERS = ("SIZE", "SAMPLES", "EXECUTIONS")
_PROJECTS = ("REF", "SAMPLES", "EXECUTIONS", "SIZE", "CREATED", "OWNER", "NAME")
_SAMPLES = ("REF", "TYPE", "CREATED", "OWNER", "NAME")
_EXECUTIONS = ("REF", "STATUS", "CREATED", "PIPELINE", "NAME")
_DATA = ("REF", "SIZE", "CREATED", "FROM", "NAME")
_Row = tuple[dict[str, Any], tuple[str, ...]]


def _project(project: Project) -> _Row:
    fields: dict[str, Any] = {
        "kind": "project",
        "id": project.id,
        "name": project.name,
        "created": _iso(project.created),
        "owner": project.owner_name,
        "private": project.private,
        "samples": project.sample_count,
        "executions": project.execution_count,
        "size": project.total_size,
        "description": project.description,
        "flow": as_sent(project),
    }
    return fields, (
        f"project/{project.id}",
        _number(project.sample_count),
        _number(project.execution_count),
        "" if project.total_size is None else size_text(project.total_size),
        _day(project.created),
        project.owner_name or "",
        project.name,
    )


def _sample(sample: Sample) -> _Row:
    fields: dict[str, Any] = {
        "kind": "sample",
        "id": sample.id,
        "name": sample.name,
        "created": _iso(sample.created),
        "owner": sample.owner_name,
        "type": sample.sample_type,
        "organism": sample.organism,
        "project": sample.project_name,
        "project_id": sample.project_id,
        "private": sample.private,
        "metadata": dict(sample.metadata),
        "flow": as_sent(sample),
    }
    cells = (
        f"sample/{sample.id}",
        sample.sample_type or "",
        _day(sample.created),
        sample.owner_name or "",
    )
    return fields, (*cells, sample.name)


def _execution(execution: Execution) -> _Row:
    fields: dict[str, Any] = {
        "kind": "execution",
        "id": execution.id,
        "name": execution.label,
        "created": _iso(execution.created),
        "status": execution.status,
        "pipeline": execution.pipeline_name,
        "pipeline_version": execution.pipeline_version,
        "started": _iso(execution.started),
        "finished": _iso(execution.finished),
        "owner": execution.owner_name,
        "project": execution.project_name,
        "sample": execution.sample_name,
        "organism": execution.organism,
        "flow": as_sent(execution),
    }
    pipeline = f"{execution.pipeline_name or ''} {execution.pipeline_version or ''}".strip()
    status = "running" if execution.is_running else execution.status
    return fields, (
        f"execution/{execution.id}",
        status,
        _day(execution.created),
        pipeline,
        execution.label,
    )


def _data(data: Data) -> _Row:
    ref = f"data/{data.id}" if data.id else ""
    if not ref and data.execution_id:
        ref = f"execution/{data.execution_id}/{data.filename}"
    origin = data.process_label or data.process_name or data.pipeline_name or ""
    fields: dict[str, Any] = {
        "kind": "data",
        "id": data.id,
        "ref": ref,
        "name": data.filename,
        "size": data.size,
        "md5": data.md5,
        "created": _iso(data.created),
        "from": origin,
        "type": data.filetype,
        "data_type": data.data_type,
        "owner": data.owner_name,
        "project": data.project_name,
        "sample": data.sample_name,
        "pipeline": data.pipeline_name,
        "process": data.process_label or data.process_name,
        "directory": data.is_directory,
        "removed": data.is_removed,
        "flow": as_sent(data),
    }
    name = data.filename + ("/" if data.is_directory else "")
    return fields, (ref, size_text(data.size), _day(data.created), origin, name)


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _day(when: datetime | None) -> str:
    return "" if when is None else when.strftime("%Y-%m-%d")


def _iso(when: datetime | None) -> str | None:
    return None if when is None else when.isoformat()
