"""`flowtui ls`: what is on Flow, as a table or as JSON lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from flowtui.cli.exit_codes import Exit
from flowtui.cli.options import json_option, server_option
from flowtui.cli.output import Output, counted, one_line, size_text

if TYPE_CHECKING:
    from flowtui.flow.client import FlowClient
    from flowtui.flow.models import Data, Execution, Project, Sample
    from flowtui.flow.refs import Ref


@click.command(short_help="List what is on Flow.")
@click.argument("ref", required=False, metavar="[REF]")
@click.option("--shared", "scope", flag_value="shared", help="Projects shared with you.")
@click.option("--public", "scope", flag_value="public", help="Public projects.")
@server_option
@json_option
def ls(ref: str | None, scope: str | None, server: str | None, as_json: bool) -> int:
    """List your projects, or what is in REF.

    In a project: its samples and executions; in a sample: its data; in an execution: its outputs.
    The first column is what `flowtui get` takes.
    """
    from flowtui.cli.session import open_session

    if ref is not None and scope is not None:
        raise click.UsageError("--shared and --public list projects; leave REF out")
    out = Output(as_json=as_json)
    with closing(open_session(server, out)) as session:
        listing = Rows(out)
        if ref is None:
            _projects(session.client, scope, listing)
        else:
            from flowtui.flow.refs import parse_ref

            _below(session.client, parse_ref(ref, session.client.server), listing)
        listing.end()
    return Exit.OK


class Rows:
    """Rows as they come: at once as JSON, or gathered into aligned tables."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._tables: list[tuple[tuple[str, ...], list[tuple[str, ...]], str]] = []

    def table(
        self,
        heads: tuple[str, ...],
        rows: Iterable[tuple[dict[str, Any], tuple[str, ...]]],
        what: str,
    ) -> None:
        """Add rows, each for programs and for people, under these heads."""
        gathered: list[tuple[str, ...]] = []
        for fields, cells in rows:
            if self._out.as_json:
                self._out.record(fields)
            else:
                gathered.append(tuple(one_line(cell) for cell in cells))
        self._tables.append((heads, gathered, what))

    def end(self) -> None:
        """Write the tables."""
        from flowtui.text.columns import table

        if self._out.as_json:
            return
        filled = [one for one in self._tables if one[1]]
        for number, (heads, rows, _) in enumerate(filled):
            if number:
                self._out.line("")
            right = [i for i, head in enumerate(heads) if head in ("SIZE", "SAMPLES", "EXECUTIONS")]
            for line in table(heads, rows, right=right):
                self._out.line(line)
        kinds = ", ".join(counted(len(rows), what) for _, rows, what in self._tables)
        self._out.say(kinds)


def _projects(client: FlowClient, scope: str | None, listing: Rows) -> None:
    from flowtui.flow.client import Scope

    wanted = {None: Scope.MINE, "shared": Scope.SHARED, "public": Scope.PUBLIC}[scope]
    heads = ("REF", "SAMPLES", "EXECUTIONS", "SIZE", "CREATED", "OWNER", "NAME")
    listing.table(heads, (_project(one) for one in client.projects(wanted)), "project")


def _below(client: FlowClient, ref: Ref, listing: Rows) -> None:
    from flowtui.flow.refs import RefKind

    if ref.kind is RefKind.PROJECT:
        heads = ("REF", "TYPE", "CREATED", "OWNER", "NAME")
        listing.table(heads, (_sample(one) for one in client.project_samples(ref.id)), "sample")
        rows = (_execution(one) for one in client.project_executions(ref.id))
        listing.table(("REF", "STATUS", "CREATED", "PIPELINE", "NAME"), rows, "execution")
    elif ref.kind is RefKind.SAMPLE:
        listing.table(_DATA, (_data(one) for one in client.sample_data(ref.id)), "file")
    elif ref.kind is RefKind.EXECUTION:
        found: Iterator[Data] = iter(client.execution(ref.id).outputs or ())
        if ref.path:
            below = ref.path.rstrip("/")
            found = (
                one
                for one in found
                if one.filename == below or one.filename.startswith(below + "/")
            )
        listing.table(_DATA, (_data(one) for one in found), "file")
    else:
        listing.table(_DATA, (_data(one) for one in [client.data(ref.id)]), "file")


_DATA = ("REF", "SIZE", "CREATED", "FROM", "NAME")
_Row = tuple[dict[str, Any], tuple[str, ...]]


def _project(one: Project) -> _Row:
    fields = {
        "kind": "project",
        "id": one.id,
        "name": one.name,
        "created": _iso(one.created),
        "owner": one.owner_name,
        "private": one.private,
        "samples": one.sample_count,
        "executions": one.execution_count,
        "size": one.total_size,
    }
    return fields, (
        f"project/{one.id}",
        _number(one.sample_count),
        _number(one.execution_count),
        "" if one.total_size is None else size_text(one.total_size),
        _day(one.created),
        one.owner_name or "",
        one.name,
    )


def _sample(one: Sample) -> _Row:
    fields = {
        "kind": "sample",
        "id": one.id,
        "name": one.name,
        "created": _iso(one.created),
        "owner": one.owner_name,
        "type": one.sample_type,
        "organism": one.organism,
    }
    cells = (f"sample/{one.id}", one.sample_type or "", _day(one.created), one.owner_name or "")
    return fields, (*cells, one.name)


def _execution(one: Execution) -> _Row:
    fields = {
        "kind": "execution",
        "id": one.id,
        "name": one.label,
        "created": _iso(one.created),
        "status": one.status,
        "pipeline": one.pipeline_name,
        "pipeline_version": one.pipeline_version,
    }
    pipeline = f"{one.pipeline_name or ''} {one.pipeline_version or ''}".strip()
    status = "running" if one.is_running else one.status
    return fields, (f"execution/{one.id}", status, _day(one.created), pipeline, one.label)


def _data(one: Data) -> _Row:
    ref = f"data/{one.id}" if one.id else ""
    if not ref and one.execution_id:
        ref = f"execution/{one.execution_id}/{one.filename}"
    origin = one.process_name or one.pipeline_name or ""
    fields = {
        "kind": "data",
        "id": one.id,
        "ref": ref,
        "name": one.filename,
        "size": one.size,
        "md5": one.md5,
        "created": _iso(one.created),
        "from": origin,
        "directory": one.is_directory,
        "removed": one.is_removed,
    }
    name = one.filename + ("/" if one.is_directory else "")
    return fields, (ref, size_text(one.size), _day(one.created), origin, name)


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _day(when: datetime | None) -> str:
    return "" if when is None else when.strftime("%Y-%m-%d")


def _iso(when: datetime | None) -> str | None:
    return None if when is None else when.isoformat()
