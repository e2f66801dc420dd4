"""A record of Flow as a row: its fields for `--json`, stable and documented, and its cells."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from flowtui.cli.json_fields import as_sent
from flowtui.cli.output import size_text

if TYPE_CHECKING:
    from flowtui.flow.models import Data, Execution, Project, Sample
    from flowtui.flow.search.criteria import FoundRecord

PROJECTS = ("REF", "SAMPLES", "EXECUTIONS", "SIZE", "CREATED", "OWNER", "NAME")
SAMPLES = ("REF", "TYPE", "CREATED", "OWNER", "NAME")
EXECUTIONS = ("REF", "STATUS", "CREATED", "PIPELINE", "NAME")
DATA = ("REF", "SIZE", "CREATED", "FROM", "NAME")
"""The headers of the cells."""

NUMBERS = ("SIZE", "SAMPLES", "EXECUTIONS")
"""Those of cells that are numbers."""

RecordRow = tuple[dict[str, Any], tuple[str, ...]]


def row_of(record: FoundRecord) -> tuple[tuple[str, ...], str, RecordRow]:
    """The headers of a table of such records, what they are called, and this one's row."""
    from flowtui.flow.models import Execution, Project, Sample

    if isinstance(record, Project):
        return PROJECTS, "project", project_row(record)
    if isinstance(record, Sample):
        return SAMPLES, "sample", sample_row(record)
    if isinstance(record, Execution):
        return EXECUTIONS, "execution", execution_row(record)
    return DATA, "file", data_row(record)


def project_row(project: Project) -> RecordRow:
    """A project."""
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


def sample_row(sample: Sample) -> RecordRow:
    """A sample."""
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


def execution_row(execution: Execution) -> RecordRow:
    """An execution."""
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


def data_row(data: Data) -> RecordRow:
    """A file."""
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
