"""What Flow has, as plain records: projects, samples, data, executions, bulk jobs.

One record serves both dialects of the service. The documented one has integer ids, ISO times,
`md5`, `download_url`, files inlined in samples and samples in projects; the live one has string
ids (above 2^53), Unix times, neither md5 nor download_url, and lists of its own for what is below.
So: ids are opaque strings, times come in three forms, and all but id and name is optional.

Text is kept as the server sent it, but for halves of characters, which nothing can take. It is
untrusted: whoever draws it or makes a path of it cleans it there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self, TypeVar

from flowtui.flow.fields import (
    TOO_DEEP,
    fill_owner,
    in_words,
    is_private,
    job_status,
    metadata_of,
    parse_count,
    parse_flag,
    parse_id,
    parse_id_or_none,
    parse_label,
    parse_link,
    parse_md5,
    parse_name,
    parse_percent,
    parse_size,
    parse_text,
    parse_time,
    parse_title,
    spread_named,
)
from flowtui.flow.remote_file import RECORD

Fields = dict[str, Any]
"""An object of JSON, as it came."""

T = TypeVar("T")


class UnreadableRecord(ValueError):
    """What a server sent is no record of the kind; the message names the field, or says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What all records share: unknown fields are passed over, and a record never changes.

    Attributes:
        given: all that the server said of it, untouched: unknown fields, server paths and all. It
            makes no difference to whether two records are the same.
    """

    given: Fields = field(default_factory=dict, repr=False, compare=False)

    def tells(self, name: str) -> bool:
        """Whether the server said something of a field, be it that there is nothing."""
        return name in self.given or getattr(self, name) is not None

    @classmethod
    def read(cls, body: object) -> Self:
        """The record that an object of JSON is, in either dialect. Raises UnreadableRecord."""
        if not isinstance(body, dict):
            raise UnreadableRecord("not an object")
        return cls._read(dict(body), body)

    @classmethod
    def _read(cls, fields: Fields, given: Fields) -> Self:
        """The record of an object's fields, a copy of those `given`. Raises UnreadableRecord."""
        raise NotImplementedError


R = TypeVar("R", bound=Record)


def readable(model: type[R], rows: Iterable[Any]) -> tuple[tuple[R, ...], int]:
    """The records that can be read, and how many cannot: one must not cost the others."""
    found: list[R] = []
    unreadable = 0
    for row in rows:
        try:
            found.append(model.read(row))
        except UnreadableRecord:
            unreadable += 1
    return tuple(found), unreadable


def needed(parse: Callable[[object], T], fields: Fields, name: str) -> T:
    """A field that a record cannot do without. Raises UnreadableRecord."""
    try:
        return parse(fields.get(name))
    except ValueError:
        raise UnreadableRecord(name) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class User(Record):
    """Who is signed in (`GET /me`).

    Attributes:
        groups: the names of those that the user is in; all members own what a group owns.
    """

    id: str
    username: str = ""
    name: str = ""
    email: str = ""
    groups: frozenset[str] = frozenset()

    @property
    def names(self) -> frozenset[str]:
        """What an owner is called in lists where it is the user."""
        return (self.groups | {self.name, self.username}) - {""}

    @classmethod
    def _read(cls, fields: Fields, given: Fields) -> Self:
        groups: set[str] = set()
        for rows in (fields.get("memberships"), fields.get("groups")):
            for row in rows if isinstance(rows, list) else ():
                names = (row.get("name"), row.get("slug")) if isinstance(row, dict) else (row,)
                groups |= {parse_text(name) for name in names if isinstance(name, str)}
        parts = (parse_text(fields.get(key)) for key in ("first_name", "last_name"))
        return cls(
            given=given,
            id=needed(parse_id, fields, "id"),
            username=parse_text(fields.get("username")),
            name=parse_text(fields.get("name")) or " ".join(part for part in parts if part),
            email=parse_text(fields.get("email")),
            groups=frozenset(groups),
        )


MOST_OF_CHECKSUM = 80
"""Characters of an unreadable checksum that are kept, to be shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
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

    id: str | None = None
    filename: str
    size: int | None = None
    md5: str | None = None
    unreadable_md5: str = ""
    filetype: str = ""
    created: datetime | None = None
    download_url: str | None = None
    private: bool | None = None
    is_directory: bool = False
    is_removed: bool = False
    owner_name: str | None = None
    sample_id: str | None = None
    sample_name: str | None = None
    fileset_id: str | None = None
    project_id: str | None = None
    project_name: str | None = None
    execution_id: str | None = None
    pipeline_name: str | None = None
    process_name: str | None = None
    process_label: str | None = None
    data_type: str | None = None

    @classmethod
    def _read(cls, fields: Fields, given: Fields) -> Self:
        for key in ("sample", "project"):
            spread_named(fields, key)
        execution = fields.get("execution")
        if isinstance(execution, dict):
            fields.setdefault("execution_id", execution.get("id"))
            fields.setdefault("pipeline_name", execution.get("pipeline_name"))
            fields.setdefault("process_name", execution.get("process_name"))
        fields.setdefault("process_name", fields.get("process_execution_name"))
        checksum = fields.get("md5")
        md5 = parse_md5(checksum)
        fileset = fields.get("fileset")
        fields.setdefault("fileset_id", fileset.get("id") if isinstance(fileset, dict) else fileset)
        fill_owner(fields)
        link = parse_link(fields.get("download_url"))
        return cls(
            given=given,
            id=None if fields.get("id") is None else needed(parse_id, fields, "id"),
            filename=needed(parse_name, fields, "filename"),
            size=parse_size(fields.get("size")),
            md5=md5,
            unreadable_md5=in_words(checksum)[:MOST_OF_CHECKSUM] if checksum and not md5 else "",
            filetype=parse_text(fields.get("filetype")),
            created=parse_time(fields.get("created")),
            download_url=None if link is None or link.startswith(RECORD) else link,
            private=is_private(fields),
            is_directory=parse_flag(fields.get("is_directory")) or False,
            is_removed=_is_removed(fields),
            owner_name=parse_label(fields.get("owner_name")),
            sample_id=parse_id_or_none(fields.get("sample_id")),
            sample_name=parse_label(fields.get("sample_name")),
            fileset_id=parse_id_or_none(fields.get("fileset_id")),
            project_id=parse_id_or_none(fields.get("project_id")),
            project_name=parse_label(fields.get("project_name")),
            execution_id=parse_id_or_none(fields.get("execution_id")),
            pipeline_name=parse_label(fields.get("pipeline_name")),
            process_name=parse_label(fields.get("process_name")),
            process_label=parse_label(fields.get("process_label")),
            data_type=parse_label(fields.get("data_type")),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample(Record):
    """A sample and its metadata.

    Attributes:
        metadata: attribute name → value, as text.
        data: the files inlined in the answer (`data`, else those of `filesets`), or None where
            the answer had none; `FlowClient.sample_data` gives them in either dialect.
        unreadable: how many more were inlined that could not be read.
    """

    id: str
    name: str = ""
    created: datetime | None = None
    sample_type: str | None = None
    organism: str | None = None
    owner_name: str | None = None
    project_id: str | None = None
    project_name: str | None = None
    private: bool | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    data: tuple[Data, ...] | None = None
    unreadable: int = 0

    @property
    def has_whole_files(self) -> bool:
        """Whether its files are inlined as whole records; the live service inlines inputs only."""
        return bool(self.data) and all(
            row.size is not None and row.download_url for row in self.data or ()
        )

    @classmethod
    def _read(cls, fields: Fields, given: Fields) -> Self:
        spread_named(fields, "project")
        fill_owner(fields)
        rows = fields.get("data")
        if not isinstance(rows, list):
            sets = fields.get("filesets")
            rows = [
                {**item, "fileset": fileset.get("id")} if isinstance(item, dict) else item
                for fileset in (sets if isinstance(sets, list) else [])
                if isinstance(fileset, dict) and isinstance(fileset.get("data"), list)
                for item in fileset["data"]
            ] or None
        # A list may mix ids with records; only a record names a file.
        data, unreadable = (None, 0) if rows is None else readable(Data, rows)
        sets = fields.get("filesets")
        unreadable += sets.count(TOO_DEEP) if isinstance(sets, list) else 0
        return cls(
            given=given,
            id=needed(parse_id, fields, "id"),
            name=needed(parse_title, fields, "name"),
            created=parse_time(fields.get("created")),
            sample_type=parse_label(fields.get("sample_type")),
            organism=parse_label(fields.get("organism")),
            owner_name=parse_label(fields.get("owner_name")),
            project_id=parse_id_or_none(fields.get("project_id")),
            project_name=parse_label(fields.get("project_name")),
            private=is_private(fields),
            metadata=metadata_of(fields.get("metadata")),
            data=data,
            unreadable=unreadable,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Project(Record):
    """A project.

    Attributes:
        total_size: bytes of all its data, where the service says (the live one does not).
        samples: those inlined in the answer (documented dialect), else None.
        unreadable: how many more samples were inlined that could not be read.
    """

    id: str
    name: str = ""
    description: str = ""
    created: datetime | None = None
    private: bool | None = None
    owner_name: str | None = None
    sample_count: int | None = None
    execution_count: int | None = None
    total_size: int | None = None
    samples: tuple[Sample, ...] | None = None
    unreadable: int = 0

    @classmethod
    def _read(cls, fields: Fields, given: Fields) -> Self:
        fill_owner(fields)
        rows = fields.get("samples")
        samples, unreadable = readable(Sample, rows) if isinstance(rows, list) else (None, 0)
        return cls(
            given=given,
            id=needed(parse_id, fields, "id"),
            name=needed(parse_title, fields, "name"),
            description=parse_text(fields.get("description")),
            created=parse_time(fields.get("created")),
            private=is_private(fields),
            owner_name=parse_label(fields.get("owner_name")),
            sample_count=parse_count(fields.get("sample_count")),
            execution_count=parse_count(fields.get("execution_count")),
            total_size=parse_size(fields.get("total_size")),
            samples=samples,
            unreadable=unreadable,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
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

    id: str
    identifier: str = ""
    name: str = ""
    pipeline_name: str | None = None
    pipeline_version: str | None = None
    status: str = ""
    created: datetime | None = None
    started: datetime | None = None
    finished: datetime | None = None
    sample_id: str | None = None
    sample_name: str | None = None
    project_id: str | None = None
    project_name: str | None = None
    owner_name: str | None = None
    organism: str | None = None
    outputs: tuple[Data, ...] | None = None
    unreadable: int = 0

    @classmethod
    def _read(cls, fields: Fields, given: Fields) -> Self:
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
        outputs, unreadable = _outputs(fields)
        return cls(
            given=given,
            id=needed(parse_id, fields, "id"),
            identifier=needed(parse_title, fields, "identifier"),
            name=needed(parse_title, fields, "name"),
            pipeline_name=parse_label(fields.get("pipeline_name")),
            pipeline_version=parse_label(fields.get("pipeline_version")),
            status=parse_text(fields.get("status")),
            created=parse_time(fields.get("created")),
            started=parse_time(fields.get("started")),
            finished=parse_time(fields.get("finished")),
            sample_id=parse_id_or_none(fields.get("sample_id")),
            sample_name=parse_label(fields.get("sample_name")),
            project_id=parse_id_or_none(fields.get("project_id")),
            project_name=parse_label(fields.get("project_name")),
            owner_name=parse_label(fields.get("owner_name")),
            organism=parse_label(fields.get("organism")),
            outputs=outputs,
            unreadable=unreadable,
        )

    @property
    def label(self) -> str:
        """What a person calls it: its identifier, else its name, else its id."""
        return self.identifier or self.name or self.id

    @property
    def is_running(self) -> bool:
        """Whether more outputs may still come."""
        return self.status.upper() in {"", "-", "RUNNING", "PENDING", "QUEUED", "PROCESSING"}


def _outputs(fields: Fields) -> tuple[tuple[Data, ...] | None, int]:
    """The files of an execution's detail, each once, whichever dialect names them.

    With how many could not be read.
    """
    found: dict[str, Fields] = {}
    known = False
    nameless = 0
    processes = fields.get("process_executions")
    if isinstance(processes, list):
        known = True
        for process in processes:
            if not isinstance(process, dict):
                nameless += process == TOO_DEEP
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


def _is_removed(row: Fields) -> bool:
    return any(parse_flag(row.get(key)) for key in ("is_removed", "isRemoved"))


@dataclass(frozen=True, slots=True, kw_only=True)
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

    id: str
    name: str = ""
    status: str = "pending"
    progress: float | None = None
    download_url: str | None = None
    size: int | None = None
    error: str = ""
    created: datetime | None = None
    started: datetime | None = None
    finished: datetime | None = None
    expires: datetime | None = None
    retry_after: float | None = None

    @classmethod
    def _read(cls, fields: Fields, given: Fields) -> Self:
        fields["id"] = fields.get("id") or fields.get("uuid") or fields.get("job_id")
        return cls(
            given=given,
            id=needed(parse_id, fields, "id"),
            name=parse_text(fields.get("name")),
            status=job_status(fields),
            progress=parse_percent(fields.get("progress")),
            download_url=parse_link(fields.get("download_url")),
            size=parse_size(fields.get("size")),
            error=parse_text(fields.get("error")),
            created=parse_time(fields.get("created")),
            started=parse_time(fields.get("started")),
            finished=parse_time(fields.get("finished")),
            expires=parse_time(fields.get("expires") or fields.get("expires_at")),
        )
