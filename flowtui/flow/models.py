"""What Flow has, as plain records: projects, samples, data, executions, bulk jobs.

One record serves both dialects of the service. The documented one has integer ids, ISO times,
`md5`, `download_url`, files inlined in samples and samples in projects; the live one has string
ids (above 2^53), Unix times, neither md5 nor download_url, and lists of its own for what is below.
So: ids are opaque strings, times come in three forms, and all but id and name is optional.

Text is kept as the server sent it. It is untrusted: whoever draws it or makes a path of it cleans
it there.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from flowtui.flow.fields import (
    Count,
    Flag,
    Id,
    IdOrNone,
    Label,
    Md5,
    Percent,
    Size,
    Text,
    Time,
    fill_owner,
    fill_private,
    job_status,
    metadata_of,
    parse_flag,
    parse_md5,
    spread_named,
)
from flowtui.flow.remote_file import RECORD


class Given:
    """A record as Flow sent it. It makes no difference to whether two records are the same."""

    __slots__ = ("fields",)

    def __init__(self, fields: dict[str, Any] | None = None) -> None:
        self.fields = fields or {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Given)

    def __hash__(self) -> int:
        return hash(Given)


class Record(BaseModel):
    """What all records share: unknown fields are passed over, and a record never changes.

    Attributes:
        given: all that the server said of it, untouched: unknown fields, server paths and all.
    """

    model_config = ConfigDict(extra="ignore", frozen=True, arbitrary_types_allowed=True)

    given: Given = Field(default_factory=Given, repr=False, exclude=True)

    @model_validator(mode="before")
    @classmethod
    def _from_wire(cls, body: Any) -> Any:
        if not isinstance(body, dict):
            return body
        return {**cls._normalised(dict(body)), "given": Given(body)}

    def tells(self, field: str) -> bool:
        """Whether the server said something of a field, be it that there is nothing."""
        return field in self.model_fields_set

    @classmethod
    def _normalised(cls, fields: dict[str, Any]) -> dict[str, Any]:
        """The server's fields (a copy) under this record's names, in either dialect."""
        return fields


R = TypeVar("R", bound=Record)


def readable(model: type[R], rows: Iterable[Any]) -> tuple[list[R], int]:
    """The inlined records that can be read, and how many cannot: one must not cost the others."""
    found: list[R] = []
    unreadable = 0
    for row in rows:
        try:
            found.append(model.model_validate(row))
        except ValidationError:
            unreadable += 1
    return found, unreadable


class User(Record):
    """Who is signed in (`GET /me`).

    Attributes:
        groups: the names of those that the user is in; all members own what a group owns.
    """

    id: Id
    username: Text = ""
    name: Text = ""
    email: Text = ""
    groups: frozenset[str] = frozenset()

    @property
    def names(self) -> frozenset[str]:
        """What an owner is called in lists where it is the user."""
        return (self.groups | {self.name, self.username}) - {""}

    @classmethod
    def _normalised(cls, fields: dict[str, Any]) -> dict[str, Any]:
        groups: set[str] = set()
        for rows in (fields.get("memberships"), fields.get("groups")):
            for row in rows if isinstance(rows, list) else ():
                names = (row.get("name"), row.get("slug")) if isinstance(row, dict) else (row,)
                groups |= {name for name in names if isinstance(name, str)}
        fields["groups"] = groups
        if not fields.get("name"):
            parts = [fields.get("first_name"), fields.get("last_name")]
            fields["name"] = " ".join(part for part in parts if isinstance(part, str) and part)
        return fields


MOST_OF_CHECKSUM = 80
"""Characters of an unreadable checksum that are kept, to be shown."""


class Data(Record):
    """A file on Flow: an uploaded input, or an output of an execution.

    `id` is None for an output that the documented dialect names only by its path below the
    execution; such a file is downloaded from `/executions/<execution_id>/<filename>`.

    Attributes:
        size: bytes, or None where the service does not say.
        md5: 32 lower-case hex digits, or None (the live service gives none).
        unreadable_md5: what the service gives for an md5 and cannot be read as one, or empty.
        is_directory: a folder, which is downloaded as a ZIP; lists do not say it.
        download_url: as the server gave it, absolute or relative to the base; or None.
        pipeline_name: the pipeline that made it; None for an uploaded input.
        process_name: the process of the execution that made it. `process_label`: that with its tag,
            `FASTQC (liver_1)`, of which an execution has one for each sample; a name is unique only
            within one.
        fileset_id: what an input was uploaded with: R1 and R2 of one are a pair. Lists lack it.
    """

    id: Id | None = None
    filename: str
    size: Size = None
    md5: Md5 = None
    unreadable_md5: Text = ""
    filetype: Text = ""
    created: Time = None
    download_url: str | None = None
    private: Flag = None
    is_directory: bool = False
    is_removed: bool = False
    owner_name: Label = None
    sample_id: IdOrNone = None
    sample_name: Label = None
    fileset_id: IdOrNone = None
    project_id: IdOrNone = None
    project_name: Label = None
    execution_id: IdOrNone = None
    pipeline_name: Label = None
    process_name: Label = None
    process_label: Label = None
    data_type: Label = None

    @classmethod
    def _normalised(cls, fields: dict[str, Any]) -> dict[str, Any]:
        for key in ("sample", "project"):
            spread_named(fields, key)
        execution = fields.get("execution")
        if isinstance(execution, dict):
            fields.setdefault("execution_id", execution.get("id"))
            fields.setdefault("pipeline_name", execution.get("pipeline_name"))
            fields.setdefault("process_name", execution.get("process_name"))
        fields.setdefault("process_name", fields.get("process_execution_name"))
        fields["is_removed"] = _is_removed(fields)
        fields["is_directory"] = parse_flag(fields.get("is_directory")) or False
        given = fields.get("md5")
        fields["unreadable_md5"] = (
            str(given)[:MOST_OF_CHECKSUM] if given and parse_md5(given) is None else ""
        )
        link = fields.get("download_url")
        if not isinstance(link, str) or not link or link.startswith(RECORD):
            fields["download_url"] = None
        fileset = fields.get("fileset")
        fields.setdefault("fileset_id", fileset.get("id") if isinstance(fileset, dict) else fileset)
        fill_owner(fields)
        fill_private(fields)
        return fields


class Sample(Record):
    """A sample and its metadata.

    Attributes:
        metadata: attribute name → value, as text.
        data: the files inlined in the answer (`data`, else those of `filesets`), or None where
            the answer had none; `FlowClient.sample_data` gives them in either dialect.
        unreadable: how many more were inlined that could not be read.
    """

    id: Id
    name: Text = ""
    created: Time = None
    sample_type: Label = None
    organism: Label = None
    owner_name: Label = None
    project_id: IdOrNone = None
    project_name: Label = None
    private: Flag = None
    metadata: dict[str, str] = Field(default_factory=dict)
    data: tuple[Data, ...] | None = None
    unreadable: int = 0

    @property
    def has_whole_files(self) -> bool:
        """Whether its files are inlined as whole records; the live service inlines inputs only."""
        return bool(self.data) and all(
            row.size is not None and row.download_url for row in self.data or ()
        )

    @classmethod
    def _normalised(cls, fields: dict[str, Any]) -> dict[str, Any]:
        spread_named(fields, "project")
        fill_owner(fields)
        fill_private(fields)
        fields["metadata"] = metadata_of(fields.get("metadata"))
        if not isinstance(fields.get("data"), list):
            sets = fields.get("filesets")
            files = [
                {**item, "fileset": fileset.get("id")} if isinstance(item, dict) else item
                for fileset in (sets if isinstance(sets, list) else [])
                if isinstance(fileset, dict) and isinstance(fileset.get("data"), list)
                for item in fileset["data"]
            ]
            fields["data"] = files or None
        fields["unreadable"] = 0
        if isinstance(fields["data"], list):
            # A list may mix ids with records; only a record names a file.
            fields["data"], fields["unreadable"] = readable(Data, fields["data"])
        return fields


class Project(Record):
    """A project.

    Attributes:
        total_size: bytes of all its data, where the service says (the live one does not).
        samples: those inlined in the answer (documented dialect), else None.
        unreadable: how many more samples were inlined that could not be read.
    """

    id: Id
    name: Text = ""
    description: Text = ""
    created: Time = None
    private: Flag = None
    owner_name: Label = None
    sample_count: Count = None
    execution_count: Count = None
    total_size: Size = None
    samples: tuple[Sample, ...] | None = None
    unreadable: int = 0

    @classmethod
    def _normalised(cls, fields: dict[str, Any]) -> dict[str, Any]:
        fill_owner(fields)
        fill_private(fields)
        fields["unreadable"] = 0
        if isinstance(fields.get("samples"), list):
            fields["samples"], fields["unreadable"] = readable(Sample, fields["samples"])
        else:
            fields["samples"] = None
        return fields


class Execution(Record):
    """A run of a pipeline.

    Attributes:
        status: the service's own word (`OK`, `ERROR`, `CANCELED`, `RUNNING`, `completed`, or
            nothing while it has not ended).
        organism: of the genome that it took; other inputs have one, too, which is not told here.
        outputs: its files where the answer had them (a detail), else None (a row of a list).
            Both `outputs` of the documented dialect and `process_executions[].downstream_data`
            of the live one end up here, removed files left out.
        unreadable: how many more files were in the answer that could not be read.
    """

    id: Id
    identifier: Text = ""
    name: Text = ""
    pipeline_name: Label = None
    pipeline_version: Label = None
    status: Text = ""
    created: Time = None
    started: Time = None
    finished: Time = None
    sample_id: IdOrNone = None
    sample_name: Label = None
    project_id: IdOrNone = None
    project_name: Label = None
    owner_name: Label = None
    organism: Label = None
    outputs: tuple[Data, ...] | None = None
    unreadable: int = 0

    @classmethod
    def _normalised(cls, fields: dict[str, Any]) -> dict[str, Any]:
        pipeline = fields.get("pipeline")
        if isinstance(pipeline, dict):
            version = pipeline.get("version")
            nested = pipeline.get("pipeline")
            fields.setdefault("pipeline_name", nested if nested else pipeline.get("name"))
            fields.setdefault("pipeline_version", version)
        elif isinstance(pipeline, str):
            fields.setdefault("pipeline_name", pipeline)
        for key in ("sample", "project"):
            spread_named(fields, key)
        genome = fields.get("fileset")
        if "organism" not in fields and isinstance(genome, dict) and genome.get("organism"):
            fields["organism"] = genome["organism"]
        fill_owner(fields)
        fields["outputs"], fields["unreadable"] = _outputs(fields)
        return fields

    @property
    def label(self) -> str:
        """What a person calls it: its identifier, else its name, else its id."""
        return self.identifier or self.name or self.id

    @property
    def is_running(self) -> bool:
        """Whether more outputs may still come."""
        return self.status.upper() in {"", "-", "RUNNING", "PENDING", "QUEUED", "PROCESSING"}


def _outputs(fields: dict[str, Any]) -> tuple[list[Data] | None, int]:
    """The files of an execution's detail, each once, whichever dialect names them.

    With how many could not be read.
    """
    found: dict[str, dict[str, Any]] = {}
    known = False
    nameless = 0
    processes = fields.get("process_executions")
    if isinstance(processes, list):
        known = True
        for process in processes:
            if not isinstance(process, dict):
                continue
            name = process.get("process_name") or process.get("name")
            label = process.get("name") or process.get("identifier") or name
            rows = process.get("downstream_data")
            for row in rows if isinstance(rows, list) else []:
                if isinstance(row, dict) and isinstance(row.get("filename"), str):
                    key = f"id {row['id']}" if row.get("id") else f"path {row['filename']}"
                    made_by = {"process_name": name, "process_label": label}
                    found[key] = {**row, **made_by, "execution_id": fields.get("id")}
                else:
                    nameless += 1
    listed = fields.get("outputs")
    if isinstance(listed, list):
        known = True
        for row in listed:
            if isinstance(row, dict) and isinstance(row.get("filename"), str):
                key = f"id {row['id']}" if row.get("id") else f"path {row['filename']}"
                # The documented list knows the path below the execution; it wins.
                found[key] = {**found.get(key, {}), **row, "execution_id": fields.get("id")}
            else:
                nameless += 1
    if not known:
        return None, 0
    kept = (row for row in found.values() if not _is_removed(row))
    outputs, unreadable = readable(Data, kept)
    return outputs, unreadable + nameless


def _is_removed(row: dict[str, Any]) -> bool:
    return any(parse_flag(row.get(key)) for key in ("is_removed", "isRemoved"))


class BulkJob(Record):
    """An archive that Flow prepares.

    Attributes:
        status: `pending`, `processing`, `completed`, `failed` or `expired`; derived from
            `finished` and `started` where the service gives no status.
        progress: percent, 0 to 100, or None.
        download_url: where the archive is, once completed; None means `/downloads/<id>`.
        expires: when the archive goes (24 hours after it is completed, by the guide).
        retry_after: seconds after which the service wants to be asked again, or None.
    """

    id: Id
    name: Text = ""
    status: str = "pending"
    progress: Percent = None
    download_url: str | None = None
    size: Size = None
    error: Text = ""
    created: Time = None
    started: Time = None
    finished: Time = None
    expires: Time = None
    retry_after: float | None = None

    @classmethod
    def _normalised(cls, fields: dict[str, Any]) -> dict[str, Any]:
        fields["retry_after"] = None
        fields["id"] = fields.get("id") or fields.get("uuid") or fields.get("job_id")
        fields["expires"] = fields.get("expires") or fields.get("expires_at")
        fields["status"] = job_status(fields)
        if not isinstance(fields.get("download_url"), str) or not fields["download_url"]:
            fields["download_url"] = None
        return fields
