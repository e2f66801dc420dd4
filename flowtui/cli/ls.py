"""`flowtui ls`: what is on Flow, as a table or as JSON lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING, Any

import click

from flowtui.cli.exit_codes import Exit
from flowtui.cli.options import json_option, server_option
from flowtui.cli.output import Output, counted, one_line, size_text
from flowtui.text import quantities

if TYPE_CHECKING:
    from flowtui.flow.client import FlowClient
    from flowtui.flow.models import Data, Execution, Project, Sample
    from flowtui.flow.refs import Ref


@click.command(short_help="List projects, samples and files.")
@click.argument("ref", required=False, metavar="[REF]")
@click.option("--shared", "scope", flag_value="shared", help="Projects shared with you.")
@click.option("--public", "scope", flag_value="public", help="Public projects.")
@click.option("--samples", "scope", flag_value="samples", help="Your samples, in projects or not.")
@click.option("--executions", "scope", flag_value="executions", help="Your executions.")
@click.option("--data", "scope", flag_value="data", help="Your files: uploads, lanes, sheets, …")
@server_option
@json_option
def ls(ref: str | None, scope: str | None, server: str | None, as_json: bool) -> int:
    """List your projects, all that is yours of another kind, or the contents of REF.

    A project lists its samples and executions, a sample its files, an execution its outputs.
    `flowtui get` takes what is in the first column.
    """
    from flowtui.cli.session import open_session

    if ref is not None and scope is not None:
        raise click.UsageError(f"--{scope} takes no REF")
    out = Output(as_json=as_json)
    from flowtui.flow.lookahead import Lookahead

    def told(why: str, seconds: float) -> None:
        out.say(f"flowtui: {one_line(why)}; waiting {quantities.wait(seconds)}")

    with closing(open_session(server, out)) as session, closing(Lookahead()) as lookahead:
        client, _ = session.client.walking(told, lookahead.map)
        tables = TableWriter(out)
        if scope in ("samples", "executions", "data"):
            _mine(client, scope, tables)
        elif ref is None:
            _projects(client, scope, tables)
        else:
            from flowtui.flow.refs import parse_ref

            _below(client, parse_ref(ref, client.server), tables)
        tables.write()
    return Exit.OK


class TableWriter:
    """Writes rows to stdout: as JSON lines at once, or as aligned tables in the end."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._tables: list[tuple[tuple[str, ...], list[tuple[str, ...]], str]] = []

    def add(
        self,
        headers: tuple[str, ...],
        rows: Iterable[tuple[dict[str, Any], tuple[str, ...]]],
        what: str,
    ) -> int:
        """Add rows, each for programs and for people, under these headers; how many."""
        body: list[tuple[str, ...]] = []
        count = 0
        for fields, cells in rows:
            count += 1
            if self._out.as_json:
                self._out.record(fields)
            else:
                body.append(tuple(one_line(cell) for cell in cells))
        self._tables.append((headers, body, what))
        return count

    def write(self) -> None:
        """Write the tables."""
        from flowtui.text.columns import table

        if self._out.as_json:
            return
        filled = [(headers, rows) for headers, rows, _ in self._tables if rows]
        for number, (headers, rows) in enumerate(filled):
            if number:
                self._out.line("")
            right = [
                i for i, header in enumerate(headers) if header in ("SIZE", "SAMPLES", "EXECUTIONS")
            ]
            for line in table(headers, rows, right=right):
                self._out.line(line)
        totals = ", ".join(counted(len(rows), what) for _, rows, what in self._tables)
        self._out.say(totals)


def _projects(client: FlowClient, scope: str | None, tables: TableWriter) -> None:
    from flowtui.flow.client import Scope

    wanted = {None: Scope.MINE, "shared": Scope.SHARED, "public": Scope.PUBLIC}[scope]
    tables.add(_PROJECTS, (_project(project) for project in client.projects(wanted)), "project")


def _mine(client: FlowClient, scope: str, tables: TableWriter) -> None:
    """All samples, executions or files of the user's, also those of no project."""
    from flowtui.flow.search import Criteria, Kind, search

    records = search(client, Kind(scope), Criteria(mine=True), lambda: None)
    first = next(records, None)
    if first is None:
        tables.add((), (), scope.removesuffix("s") if scope != "data" else "file")
        return
    headers, what, _ = row_of(first)
    tables.add(headers, (row_of(record)[2] for record in chain([first], records)), what)


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
    from flowtui.flow.refs import RefKind

    if ref.kind is RefKind.PROJECT:
        tables.add(
            _SAMPLES, (_sample(sample) for sample in client.project_samples(ref.id)), "sample"
        )
        rows = (_execution(execution) for execution in client.project_executions(ref.id))
        tables.add(_EXECUTIONS, rows, "execution")
    elif ref.kind is RefKind.SAMPLE:
        tables.add(_DATA, (_data(data) for data in client.sample_data(ref.id)), "file")
    elif ref.kind is RefKind.EXECUTION:
        found: Sequence[Data] = client.execution(ref.id).outputs or ()
        if ref.path:
            from flowtui.flow.outputs import outputs_below

            found = outputs_below(found, ref.path.rstrip("/"))
        tables.add(_DATA, (_data(data) for data in found), "file")
    else:
        tables.add(_DATA, (_data(data) for data in [client.data(ref.id)]), "file")


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
