"""`flowtui ls`: what is on Flow, as a table or as JSON lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING, Any

import click

from flowtui.cli.exit_codes import CommandError, Exit
from flowtui.cli.options import json_option, server_option
from flowtui.cli.output import Output, counted, one_line, size_text

if TYPE_CHECKING:
    from flowtui.flow.client import FlowClient
    from flowtui.flow.errors import FlowError
    from flowtui.flow.models import Data, Execution, Project, R, Sample
    from flowtui.flow.pages import Pages
    from flowtui.flow.refs import Ref
    from flowtui.flow.search import FoundRecord


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
    out = Output(as_json=as_json)
    with reading(server, out) as client:
        tables = TableWriter(out)
        if scope in ("samples", "executions", "data"):
            _mine(client, scope, tables, WalkNotice(out))
        elif scope == "genomes":
            _genomes(client, tables)
        elif ref is None:
            _projects(client, scope, tables)
        else:
            from flowtui.flow.refs import parse_ref

            _below(client, parse_ref(ref, client.server), tables)
        tables.write()
    return Exit.OK if tables.is_whole else Exit.SOME_FAILED


class WalkNotice:
    """Says once that the server cannot search, why, and what is done instead."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._said = False

    def __call__(self, error: FlowError) -> None:
        """A search was answered with this."""
        from flowtui.flow.errors import Refused

        if not self._said:
            self._said = True
            refused = isinstance(error, Refused)
            why = f"the search was refused ({error.message})" if refused else (
                "this server has no search"
            )  # fmt: skip
            self._out.say(f"flowtui: {one_line(why)}; looking through your projects")


class TableWriter:
    """Writes rows to stdout: as JSON lines at once, or as aligned tables in the end.

    Attributes:
        is_json: whether programs read it.
        is_whole: nothing was missing so far.
    """

    def __init__(self, out: Output) -> None:
        self._out = out
        self.is_json = out.as_json
        self.is_whole = True
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

    def missing(self, ref: str, name: str, why: str) -> None:
        """Say that something of `ref` is not among the rows."""
        self.is_whole = False
        self._out.event("left_out", ref=ref, name=name, reason=why)
        self._out.say(f"flowtui: left out {one_line(name)}: {one_line(why)}")

    def add_found(self, records: Iterator[FoundRecord], what: str = "item") -> int:
        """Add records of one kind, as they are found; how many. `what`: of which there are none."""
        first = next(records, None)
        if first is None:
            return self.add((), (), what)
        headers, what, _ = row_of(first)
        return self.add(headers, (row_of(record)[2] for record in chain([first], records)), what)

    def write(self) -> None:
        """Write the tables."""
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
        self._out.say(", ".join(self._totals))


def _projects(client: FlowClient, scope: str | None, tables: TableWriter) -> None:
    from flowtui.flow.client import Scope

    wanted = {None: Scope.MINE, "shared": Scope.SHARED, "public": Scope.PUBLIC}[scope]
    tables.add(_PROJECTS, (_project(project) for project in client.projects(wanted)), "project")


def _mine(client: FlowClient, scope: str, tables: TableWriter, walks: WalkNotice) -> None:
    """All samples, executions or files of the user's, also those of no project."""
    from flowtui.flow.search import Criteria, Kind, search

    wanted = Criteria(mine=True, uploaded=scope == "data")
    what = scope.removesuffix("s") if scope != "data" else "file"
    tables.add_found(search(client, Kind(scope), wanted, walks), what)


def _genomes(client: FlowClient, tables: TableWriter) -> None:
    """The files of all organisms' genomes."""
    from flowtui.flow.errors import NotFound, NotOffered

    try:
        organisms = client.organisms()
    except (NotFound, NotOffered) as error:
        raise CommandError(
            "this server lists no genomes", exit=Exit.NOTHING_FOUND, code="NOT_OFFERED"
        ) from error
    rows = []
    for organism in organisms:
        for fileset in client.organism(organism.id).filesets:
            for data in fileset.data:
                fields, cells = _data(data)
                fields |= {"organism": organism.name, "genome": fileset.name}
                source = f"{organism.name or organism.id} {fileset.name}"
                rows.append((fields, (*cells[:3], source, cells[4])))
    tables.add(_DATA, rows, "file")


def row_of(record: Project | Sample | Execution | Data) -> tuple[tuple[str, ...], str, _Row]:
    """The headers of a table of such records, what they are called, and this one's row."""
    from flowtui.flow.models import Execution, Project, Sample

    if isinstance(record, Project):
        return _PROJECTS, "project", _project(record)
    if isinstance(record, Sample):
        return _SAMPLES, "sample", _sample(record)
    if isinstance(record, Execution):
        return _EXECUTIONS, "execution", _execution(record)
    return _DATA, "file", _data(record)


def _below(client: FlowClient, ref: Ref, tables: TableWriter) -> None:
    """What `ref` has. Raises FlowError where nothing of it can be listed."""
    from flowtui.flow.refs import RefKind

    if ref.kind is RefKind.PROJECT:
        samples = client.project_samples(ref.id, full_metadata=tables.is_json)
        executions = client.project_executions(ref.id)
        errors = [
            _add_list(tables, _SAMPLES, samples, _sample, "sample", ref),
            _add_list(tables, _EXECUTIONS, executions, _execution, "execution", ref),
        ]
        _tell_missing(tables, ref, errors, ("samples", "executions"))
    elif ref.kind is RefKind.SAMPLE:
        error = _add_list(tables, _DATA, client.sample_data(ref.id), _data, "file", ref)
        _tell_missing(tables, ref, [error], ("files",))
    elif ref.kind is RefKind.EXECUTION:
        _outputs(client, ref, tables)
    else:
        tables.add(_DATA, (_data(data) for data in [client.data(ref.id)]), "file")


def _outputs(client: FlowClient, ref: Ref, tables: TableWriter) -> None:
    """The outputs of an execution, or those at a path of it."""
    execution = client.execution(ref.id)
    found: Sequence[Data] = execution.outputs or ()
    if ref.path:
        from flowtui.flow.outputs import outputs_below

        found = outputs_below(found, ref.path.rstrip("/"))
    tables.add(_DATA, (_data(data) for data in found), "file")
    _tell_unreadable(tables, ref, execution.unreadable, "file")


def _add_list(
    tables: TableWriter,
    headers: tuple[str, ...],
    records: Pages[R],
    row: Callable[[R], _Row],
    what: str,
    ref: Ref,
) -> FlowError | None:
    """Add the rows of a list as far as they can be had; why no more could."""
    from flowtui.flow.errors import FAILING, SKIPPABLE

    try:
        tables.add(headers, (row(record) for record in records), what)
    except (*SKIPPABLE, *FAILING) as error:
        return error
    finally:
        _tell_unreadable(tables, ref, records.unreadable, what)
    return None


def _tell_missing(
    tables: TableWriter, ref: Ref, errors: list[FlowError | None], whats: tuple[str, ...]
) -> None:
    """Say which lists could not be had whole. Raises the first error where that is all of them."""
    found = [(what, error) for what, error in zip(whats, errors, strict=True) if error is not None]
    if len(found) == len(errors):
        raise found[0][1]
    for what, error in found:
        tables.missing(str(ref), f"the {what} of {ref}", error.message)


def _tell_unreadable(tables: TableWriter, ref: Ref, count: int, what: str) -> None:
    if count:
        tables.missing(str(ref), str(ref), f"cannot read {counted(count, f'{what} record')}")


_NUMBERS = ("SIZE", "SAMPLES", "EXECUTIONS")
_PROJECTS = ("REF", "SAMPLES", "EXECUTIONS", "SIZE", "CREATED", "OWNER", "NAME")
_SAMPLES = ("REF", "TYPE", "CREATED", "OWNER", "NAME")
_EXECUTIONS = ("REF", "STATUS", "CREATED", "PIPELINE", "NAME")
_DATA = ("REF", "SIZE", "CREATED", "FROM", "NAME")
_Row = tuple[dict[str, Any], tuple[str, ...]]


def _project(project: Project) -> _Row:
    fields = {
        "kind": "project",
        "id": project.id,
        "name": project.name,
        "created": _iso(project.created),
        "owner": project.owner_name,
        "private": project.private,
        "samples": project.sample_count,
        "executions": project.execution_count,
        "size": project.total_size,
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
    fields = {
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
    }
    cells = (
        f"sample/{sample.id}",
        sample.sample_type or "",
        _day(sample.created),
        sample.owner_name or "",
    )
    return fields, (*cells, sample.name)


def _execution(execution: Execution) -> _Row:
    fields = {
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
    fields = {
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
    }
    name = data.filename + ("/" if data.is_directory else "")
    return fields, (ref, size_text(data.size), _day(data.created), origin, name)


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _day(when: datetime | None) -> str:
    return "" if when is None else when.strftime("%Y-%m-%d")


def _iso(when: datetime | None) -> str | None:
    return None if when is None else when.isoformat()
