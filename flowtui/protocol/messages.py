"""Every request, event and record that the engine and its clients exchange.

One JSON object a line (see `wire`) over a Unix socket, both ways.

    client → engine   {"id": 7, "do": "pause", "ids": [1, 2]}
    engine → client   {"id": 7, "ok": true, "result": {…}}
                      {"id": 7, "ok": false, "error": {"code": "…", "message": "…"}}
    engine → client   {"event": "changes", …}            after `subscribe`

The first request is `hello`. After `subscribe` come the events: the whole queue in pieces of at
most SNAPSHOT_PIECE rows (`reset` true on the first, `last` true on the final one), then, at most
ten times a second, only the rows that changed. An event that begins the snapshot, or that more
pieces follow, is called `transfers`, all others `changes`; their fields are those of `Changes`.

Requests (`do`), their fields → the result:

    hello      version, protocol → version, protocol, pid, host
    add        batch (a `Batch`) → batch_id, ids, added, known, bulk_id
    pause      ids | null for all → count
    resume     ids | null for all → count
    cancel     ids | null for all → count
    retry      ids | null for all → count
    forget     ids | null for all ended → count          ended rows leave the list
    bulk       bulk_ids, action: cancel|retry|again|one_by_one|forget → count
    bulk_files bulk_id → files (`BulkFileRow`s)
    subscribe  → (events follow)
    status     rows: bool, most: number | null → summary, and where rows is true bulk_jobs and
               transfers: all, or the first `most` of those still to be done, running ones first
    verify     root, batch_id: number | null, about: object | null → recheck_id
               reads the files of that batch, or what downloads.log of root has (with `about` only
               of which it says this: key, belongs_to, execution, project), and compares them; ends
               when nobody asks for a minute
    verified   recheck_id, after: number → a `Recheck`, with what is wrong from the `after`th on
    verify_end recheck_id → count                        reads no more, and forgets it
    space      path → free, promised                     bytes; the file system of that folder
    sign_in    server, username, token, refresh_token → count of transfers that go on
    settings   jobs, connections, limit_rate, accept_any_type: 0|1 (each may be absent) → jobs,
               connections, limit_rate in force, till it ends
    stop       pause: bool → (the engine ends; with pause, all transfers are paused first)

Ids of transfers and bulk jobs are whole numbers given by the engine.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Self

from flowtui.flow.remote_file import NOWHERE, Origin, RemoteFile

SNAPSHOT_PIECE = 1000
"""Rows in one `transfers` event."""


@dataclass(frozen=True)
class Message:
    """What the records here share: they go to JSON and come back, unknown fields passed over."""

    def to_json(self) -> dict[str, Any]:
        """The record as plain JSON values."""
        return {name: _plain(value) for name, value in vars(self).items()}

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """The record of these values. Raises TypeError where a needed one is missing."""
        known = cls.__dataclass_fields__
        return cls(**{key: value for key, value in fields.items() if key in known})


def _plain(value: Any) -> Any:
    """A field as JSON has it; what `dataclasses.asdict` does, ten times as fast for our rows."""
    if isinstance(value, Message):
        return value.to_json()
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Origin):
        return origin_to_json(value)
    return file_to_json(value) if isinstance(value, RemoteFile) else value


_DEFAULTS = {name: field.default for name, field in RemoteFile.__dataclass_fields__.items()}


def file_to_json(file: RemoteFile) -> dict[str, Any]:
    """A file as plain JSON values, without what nobody knows of it."""
    fields: dict[str, Any] = {
        name: value
        for name in RemoteFile.__slots__
        if (value := getattr(file, name)) != _DEFAULTS[name] and name != "origin"
    }
    if origin := origin_to_json(file.origin):
        fields["origin"] = origin
    return fields


def origin_to_json(origin: Origin) -> dict[str, str]:
    """What is known of where a file comes from."""
    return {name: value for name in Origin.__slots__ if (value := getattr(origin, name))}


@dataclass(frozen=True)
class Batch(Message):
    """What one action queues: many files to one folder, one by one or as a bulk job.

    Attributes:
        server: base URL of the service, as `FlowClient.server`.
        root: absolute path of the target folder (`--to`).
        name: what a person calls it: `project RNA-seq of …`, `3 items`.
        bulk: ask Flow for one archive instead of fetching the files one by one.
        one_by_one_up_to: with `bulk`: where at most so many of the files are not here yet, they
            are fetched one by one all the same.
        unpack: unpack the archive and remove it; None for what the engine's settings say.
        continues: the id of a batch that this is a further piece of, or None.
        reread: read files that are here already, also where nobody has touched them, and replace
            what is not as it was recorded, whatever the settings say of that.
    """

    server: str
    root: str
    name: str
    files: tuple[RemoteFile, ...]
    bulk: bool = False
    one_by_one_up_to: int = 0
    unpack: bool | None = None
    continues: int | None = None
    reread: bool = False

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """See `Message.from_json`. Raises TypeError, ValueError for values of another kind too.

        So what is queued can be stored and fetched, whoever asked for it.
        """
        if not isinstance(fields["files"], list):
            raise TypeError("files must be a list")
        files = tuple(file_from_json(file) for file in fields["files"])
        batch = super().from_json({**fields, "files": files})
        for name in ("server", "root", "name"):
            if not isinstance(getattr(batch, name), str):
                raise TypeError(f"{name} must be text")
        if batch.continues is not None and type(batch.continues) is not int:
            raise TypeError("continues must be a number or null")
        return batch


def file_from_json(fields: dict[str, Any]) -> RemoteFile:
    """The file of `file_to_json`; fields of a newer version are passed over.

    Raises TypeError, ValueError for what is none.
    """
    if not isinstance(fields, dict):
        raise TypeError("a file must be an object")
    known = RemoteFile.__dataclass_fields__
    file = RemoteFile(**{name: value for name, value in fields.items() if name in known})
    for folders in (file.folder, file.within):
        if not isinstance(folders, list | tuple) or not all(
            isinstance(name, str) for name in folders
        ):
            raise TypeError("folder and within must be lists of names")
    texts = (file.key, file.filename, file.url, file.belongs_to, file.fileset)
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("key, filename, url, belongs_to and fileset must be text")
    if not all(
        text is None or isinstance(text, str) for text in (file.md5, file.data_id, file.sample)
    ):
        raise TypeError("md5, data_id and sample must be text or null")
    if file.size is not None and (type(file.size) is not int or not 0 <= file.size < 1 << 63):
        raise ValueError("size must be a number of bytes or null")
    origin = origin_from_json(fields.get("origin"))
    return dataclasses.replace(
        file, folder=tuple(file.folder), within=tuple(file.within), origin=origin
    )


def origin_from_json(fields: Any) -> Origin:
    """Where a file comes from; fields of a newer version are passed over. Raises TypeError."""
    if fields is None:
        return NOWHERE
    if not isinstance(fields, dict):
        raise TypeError("origin must be an object")
    known = {name: fields[name] for name in Origin.__slots__ if name in fields}
    if not all(isinstance(text, str) for text in known.values()):
        raise TypeError("what origin has must be text")
    return Origin(**known)


@dataclass(frozen=True)
class TransferRow(Message):
    """A transfer as clients see it.

    Attributes:
        path: where it goes, relative to `root`, safe to print and to use.
        state: one of `states.TransferState`.
        reason: why it is in that state, in words, or empty: `needs 12.4 GB more in /data`.
        code: a short name of the failure, or empty; `retryable` says whether a retry can help.
        done: bytes safely here. `size`: bytes in all, or None while nobody knows.
        rate: bytes a second now, 0 unless active. `eta`: seconds left, or None.
        resumed_at: bytes that were here when this run of it began.
        verified_by: `md5`, `size`, `size and gzip check`, … once done; else empty.
        bulk_id: the bulk job whose archive this is, or None.
        belongs_to, origin: see `RemoteFile`.
        occupied: how many foreign files stand where it should be, so that it has another name.
        replaced: what became of an earlier file of ours there, see `Outcome.replaced`.
        linked: the path below the root that its bytes were taken from, instead of being fetched.
        renamed_from: the path below the root that it had until now.
    """

    id: int
    batch_id: int
    key: str
    filename: str
    root: str
    path: str
    state: str
    reason: str = ""
    code: str = ""
    retryable: bool = False
    size: int | None = None
    done: int = 0
    rate: float = 0.0
    eta: float | None = None
    resumed_at: int = 0
    md5: str | None = None
    verified_by: str = ""
    sample: str | None = None
    server: str = ""
    bulk_id: int | None = None
    connections: int = 0
    seconds: float = 0.0
    belongs_to: str = ""
    origin: Origin = NOWHERE
    occupied: int = 0
    replaced: str = ""
    linked: str = ""
    renamed_from: str = ""

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """See `Message.from_json`."""
        return super().from_json({**fields, "origin": origin_from_json(fields.get("origin"))})


@dataclass(frozen=True)
class BulkRow(Message):
    """A bulk job as clients see it.

    Attributes:
        state: one of `states.BulkState`. `reason`: the error, or what it waits for.
        files: how many files it is about. `bytes`: the sum of their sizes as far as known.
        progress: percent of the present state, 0 to 100, or None: what the server tells while it
            prepares the archive, bytes while fetching, files while unpacking.
        created, expires, ended: Unix seconds; `expires` is None until the archive is ready, and
            `ended` until the job is over.
        job_id: the service's own id, or empty while not created.
        transfer_id: the transfer that fetches the archive, or None.
        size, done, rate, eta: of the archive's transfer; None and 0 where there is none.
        unpack: the archive is unpacked and removed; else it stays as it is.
        unpacked: how many of the files are here and verified by this job.
        unpacked_bytes: the sum of their sizes.
        skipped: how many were here before. `one_by_one`: how many are fetched by transfers of
            their own, because the archive does not hold them or there is none.
        occupied: how many have another name, since a foreign file stands at theirs.
        archive: path of the archive relative to `root`, where one is on the disk; else empty.
    """

    id: int
    batch_id: int
    name: str
    root: str
    state: str
    reason: str = ""
    code: str = ""
    files: int = 0
    bytes: int = 0
    progress: float | None = None
    created: float = 0.0
    expires: float | None = None
    ended: float | None = None
    job_id: str = ""
    transfer_id: int | None = None
    server: str = ""
    size: int | None = None
    done: int = 0
    rate: float = 0.0
    eta: float | None = None
    unpack: bool = True
    unpacked: int = 0
    unpacked_bytes: int = 0
    skipped: int = 0
    one_by_one: int = 0
    occupied: int = 0
    archive: str = ""


@dataclass(frozen=True)
class BulkFileRow(Message):
    """One of a bulk job's files.

    Attributes:
        path: where it goes or is, relative to the job's root.
        state: `pending`, `done` (unpacked and verified), `skipped` (was here before) or
            `one_by_one` (a transfer of its own). `reason`: why one by one, or empty.
        verified_by: as in `TransferRow`; `md5, crc`, `size and crc`, …
        occupied: as in `TransferRow`.
        sample, belongs_to, origin: see `RemoteFile`.
    """

    key: str
    filename: str
    path: str
    state: str
    size: int | None = None
    md5: str | None = None
    verified_by: str = ""
    reason: str = ""
    occupied: int = 0
    sample: str | None = None
    belongs_to: str = ""
    origin: Origin = NOWHERE

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """See `Message.from_json`."""
        return super().from_json({**fields, "origin": origin_from_json(fields.get("origin"))})


@dataclass(frozen=True)
class Summary(Message):
    """The queue in one line.

    Attributes:
        counts: state → number of transfers, only states that occur.
        done, total: bytes of all transfers that are neither failed nor cancelled, as known.
        unknown_sizes: how many of those have no known size (so `total` is a lower bound).
        rate: bytes a second of all together. `eta`: seconds left, or None.
        free: bytes free on the file system of `root`, the latest batch's target; None if unknown.
        needs_sign_in: servers for which transfers wait for a sign-in.
        limit_rate: bytes a second at most, 0 for no limit. `jobs`: files at a time.
        trouble: what is wrong with the engine itself (its disk, its database), or empty.
    """

    counts: dict[str, int] = field(default_factory=dict)
    done: int = 0
    total: int = 0
    unknown_sizes: int = 0
    rate: float = 0.0
    eta: float | None = None
    root: str = ""
    free: int | None = None
    needs_sign_in: tuple[str, ...] = ()
    limit_rate: int = 0
    jobs: int = 4
    trouble: str = ""

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """See `Message.from_json`."""
        return super().from_json(
            {**fields, "needs_sign_in": tuple(fields.get("needs_sign_in", ()))}
        )


@dataclass(frozen=True)
class Changes(Message):
    """An event: what is new since the last one.

    Attributes:
        reset: forget all rows first (the first piece of a snapshot).
        last: this snapshot is whole now (always true on ordinary changes).
        removed, removed_bulk: ids of rows that are gone.
    """

    summary: Summary
    transfers: tuple[TransferRow, ...] = ()
    bulk_jobs: tuple[BulkRow, ...] = ()
    removed: tuple[int, ...] = ()
    removed_bulk: tuple[int, ...] = ()
    reset: bool = False
    last: bool = True

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """See `Message.from_json`."""
        return super().from_json(
            {
                **fields,
                "summary": Summary.from_json(fields["summary"]),
                "transfers": tuple(TransferRow.from_json(row) for row in fields["transfers"]),
                "bulk_jobs": tuple(BulkRow.from_json(job) for job in fields["bulk_jobs"]),
                "removed": tuple(fields["removed"]),
                "removed_bulk": tuple(fields["removed_bulk"]),
            }
        )


WRONG_PIECE = 500
"""Files in one answer to `verified`."""


@dataclass(frozen=True)
class WrongFile(Message):
    """A file that is not as it was recorded.

    Attributes:
        key: which file of Flow it is. `path`: relative to the root.
        state: `changed`, `truncated`, `missing`, `unreadable`, or `unknown`: no md5 was recorded.
        why: more in words, or empty.
        mendable: it may be fetched again to its place.
    """

    key: str
    path: str
    state: str
    why: str = ""
    mendable: bool = True


@dataclass(frozen=True)
class Recheck(Message):
    """How far the reading of files that were downloaded is.

    Attributes:
        state: `reading`, `ended`, or `failed` with `reason` in words.
        files: how many there are, or None while nobody knows. `checked`: how many of them are read.
        size, read: bytes in all, as recorded, and read so far.
        wrong: how many are not as recorded so far. `found`: those of them that were asked for.
    """

    state: str
    reason: str = ""
    files: int | None = None
    checked: int = 0
    size: int = 0
    read: int = 0
    wrong: int = 0
    found: tuple[WrongFile, ...] = ()

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """See `Message.from_json`."""
        found = tuple(WrongFile.from_json(file) for file in fields.get("found", ()))
        return super().from_json({**fields, "found": found})


class RequestRefused(Exception):
    """The engine's answer to a request that it will not do.

    Attributes:
        code: a short name. `message`: what happened and what to do, for people.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Added(Message):
    """What became of a batch.

    Attributes:
        ids: the transfers that stand for its files, known ones included.
        added: how many are new in the queue. `known`: how many were unfinished there already.
        bulk_id: the (first) bulk job, where the batch asked for one.
        apart: how many of the files no archive can hold (Flow gives them no id); they are among
            `ids`.
    """

    batch_id: int
    ids: tuple[int, ...]
    added: int
    known: int
    bulk_id: int | None = None
    apart: int = 0

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """See `Message.from_json`."""
        return super().from_json({**fields, "ids": tuple(fields["ids"])})


@dataclass(frozen=True)
class Space(Message):
    """Room on a file system, in bytes: what is free, and what the queue has promised of it."""

    free: int
    promised: int


@dataclass(frozen=True)
class Status(Message):
    """The queue at one moment."""

    summary: Summary
    transfers: tuple[TransferRow, ...] = ()
    bulk_jobs: tuple[BulkRow, ...] = ()

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """See `Message.from_json`."""
        return cls(
            summary=Summary.from_json(fields["summary"]),
            transfers=tuple(TransferRow.from_json(row) for row in fields.get("transfers", ())),
            bulk_jobs=tuple(BulkRow.from_json(job) for job in fields.get("bulk_jobs", ())),
        )
