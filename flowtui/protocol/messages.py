"""Every request, event and record that the engine and its clients exchange.

One JSON object a line (see `wire`) over a Unix socket, both ways.

    client → engine   {"id": 7, "do": "pause", "ids": [1, 2]}
    engine → client   {"id": 7, "ok": true, "result": {…}}
                      {"id": 7, "ok": false, "error": {"code": "…", "message": "…"}}
    engine → client   {"event": "changes", …}            after `subscribe`

The first request is `hello`. After `subscribe` come the events: the whole queue in pieces of at
most SNAPSHOT_PIECE rows (`reset` true on the first, `last` true on the final one), as fast as they
are read, then, at most ten times a second, only the rows that changed. An event that begins the
snapshot, or that more pieces follow, is called `transfers`, all others `changes`; their fields are
those of `Changes`.

Requests (`do`), their fields → the result:

    hello      version, protocol → version, protocol, pid, host
    add        batch (a `Batch`) → batch_id, ids, added, known, bulk_id
    pause      ids | null for all → count
    resume     ids | null for all → count
    cancel     ids | null for all → count
    retry      ids | null for all → count
    forget     ids | null for all ended → count          ended rows leave the list
    bulk       bulk_ids, action: cancel|retry|again|one_by_one|forget → count
    bulk_files bulk_id, after: number | null → files (`BulkFileRow`s), last: bool
               all, or from the `after`th on as many as make a piece; `last` where no more follow
    subscribe  → (events follow)
    status     rows: bool, most: number | null, after: id | null → summary, and where rows is true
               bulk_jobs and transfers: all, or the first `most` of those still to be done, running
               ones first, or the first of those with ids above `after` (jobs: after 0), as many as
               fit a line and STATUS_PIECE at most; none where there are no more
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

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Self, TypeVar

from flowtui.flow.remote_file import NOWHERE, Origin, RemoteFile
from flowtui.protocol.schema import AbsolutePath, Count, Id, read
from flowtui.protocol.wire import MAX_LINE

Row = TypeVar("Row", "TransferRow", "BulkRow")

SNAPSHOT_PIECE = 1000
"""Rows in one `transfers` event."""


STATUS_PIECE = 5000
"""Rows in one answer to `status` where it is asked for in pieces, at most."""


@dataclass(frozen=True, slots=True)
class Message:
    """What the records here share: they go to JSON and come back, unknown fields passed over."""

    def to_json(self) -> dict[str, Any]:
        """The record as plain JSON values."""
        names: tuple[str, ...] = self.__slots__
        return {name: _plain(getattr(self, name)) for name in names}

    @classmethod
    def from_json(cls, fields: object) -> Self:
        """The record of these values, see `schema`. Raises WrongKind."""
        return read(cls, fields)


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


@dataclass(frozen=True, slots=True)
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
    root: AbsolutePath
    name: str
    files: tuple[RemoteFile, ...]
    bulk: bool = False
    one_by_one_up_to: Count = 0
    unpack: bool | None = None
    continues: Id | None = None
    reread: bool = False


@dataclass(frozen=True, slots=True)
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

    id: Id
    batch_id: Id
    key: str
    filename: str
    root: str
    path: str
    state: str
    reason: str = ""
    code: str = ""
    retryable: bool = False
    size: Count | None = None
    done: Count = 0
    rate: float = 0.0
    eta: float | None = None
    resumed_at: Count = 0
    md5: str | None = None
    verified_by: str = ""
    sample: str | None = None
    server: str = ""
    bulk_id: Id | None = None
    connections: Count = 0
    seconds: float = 0.0
    belongs_to: str = ""
    origin: Origin = NOWHERE
    occupied: Count = 0
    replaced: str = ""
    linked: str = ""
    renamed_from: str = ""

    @property
    def longest(self) -> int:
        """Bytes that it takes on a line, at most; a character takes twelve where it is an emoji."""
        return _longest(_texts_of_transfer(self), self.origin.length)


def _texts(kind: type[Message]) -> tuple[str, ...]:
    """The fields of a message that are texts."""
    return tuple(name for name, of in kind.__annotations__.items() if of.startswith("str"))


def _longest(texts: Iterable[str | None], more: int = 0) -> int:
    return 1000 + 12 * (sum(map(len, filter(None, texts))) + more)


_texts_of_transfer = attrgetter(*_texts(TransferRow))


def that_fit(rows: Iterable[Row], most: int = MAX_LINE // 2) -> Iterator[Row]:
    """The first rows, as many as surely fit a line together; one at least."""
    length = 0
    for number, row in enumerate(rows):
        length += row.longest
        if number and length > most:
            return
        yield row


@dataclass(frozen=True, slots=True)
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
        one_by_one_here: how many of these are here.
        occupied: how many have another name, since a foreign file stands at theirs.
        archive: path of the archive relative to `root`, where one is on the disk; else empty.
    """

    id: Id
    batch_id: Id
    name: str
    root: str
    state: str
    reason: str = ""
    code: str = ""
    files: Count = 0
    bytes: Count = 0
    progress: float | None = None
    created: float = 0.0
    expires: float | None = None
    ended: float | None = None
    job_id: str = ""
    transfer_id: Id | None = None
    server: str = ""
    size: Count | None = None
    done: Count = 0
    rate: float = 0.0
    eta: float | None = None
    unpack: bool = True
    unpacked: Count = 0
    unpacked_bytes: Count = 0
    skipped: Count = 0
    one_by_one: Count = 0
    one_by_one_here: Count = 0
    occupied: Count = 0
    archive: str = ""

    @property
    def longest(self) -> int:
        """See `TransferRow.longest`."""
        return _longest(_texts_of_bulk(self))


_texts_of_bulk = attrgetter(*_texts(BulkRow))


@dataclass(frozen=True, slots=True)
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
    size: Count | None = None
    md5: str | None = None
    verified_by: str = ""
    reason: str = ""
    occupied: Count = 0
    sample: str | None = None
    belongs_to: str = ""
    origin: Origin = NOWHERE


@dataclass(frozen=True, slots=True)
class Summary(Message):
    """The queue in one line.

    Attributes:
        counts: state → number of transfers, only states that occur.
        file_counts: the same of files: of an archive that is unpacked those in it, and not the
            archive. What is still in it is `queued`.
        done, total: bytes of all files that are neither failed nor cancelled, as known. Of what is
            still in an archive as much is done as of the archive is here.
        unknown_sizes: how many of those have no known size (so `total` is a lower bound).
        rate: bytes a second of all together. `eta`: seconds left, or None.
        free: bytes free on the file system of `root`, the latest batch's target; None if unknown.
        needs_sign_in: servers for which transfers wait for a sign-in.
        limit_rate: bytes a second at most, 0 for no limit. `jobs`: files at a time.
        connections: at most for one file, 0 for as many as pay.
        trouble: what is wrong with the engine itself (its disk, its database), or empty.
    """

    counts: dict[str, Count] = field(default_factory=dict)
    file_counts: dict[str, Count] = field(default_factory=dict)
    done: Count = 0
    total: Count = 0
    unknown_sizes: Count = 0
    rate: float = 0.0
    eta: float | None = None
    root: str = ""
    free: Count | None = None
    needs_sign_in: tuple[str, ...] = ()
    limit_rate: Count = 0
    jobs: Count = 4
    connections: Count = 0
    trouble: str = ""


@dataclass(frozen=True, slots=True)
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
    removed: tuple[Id, ...] = ()
    removed_bulk: tuple[Id, ...] = ()
    reset: bool = False
    last: bool = True


WRONG_PIECE = 500
"""Files in one answer to `verified`."""


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Recheck(Message):
    """How far the reading of files that were downloaded is.

    Attributes:
        state: `reading`, `ended`, or `failed` with `reason` in words.
        reason: also that the disk does not answer, while it is read.
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


class RequestRefused(Exception):
    """The engine's answer to a request that it will not do.

    Attributes:
        code: a short name. `message`: what happened and what to do, for people.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Added(Message):
    """What became of a batch.

    Attributes:
        ids: the transfers that stand for its files, known ones included.
        added: how many are new in the queue. `known`: how many were unfinished there already.
        bulk_id: the (first) bulk job, where the batch asked for one.
        apart: how many of the files no archive can hold (Flow gives them no id); they are among
            `ids`.
    """

    batch_id: Id
    ids: tuple[Id, ...]
    added: Count
    known: Count
    bulk_id: Id | None = None
    apart: Count = 0


@dataclass(frozen=True, slots=True)
class Space(Message):
    """Room on a file system, in bytes: what is free, and what the queue has promised of it."""

    free: Count
    promised: Count


@dataclass(frozen=True, slots=True)
class Status(Message):
    """The queue at one moment."""

    summary: Summary
    transfers: tuple[TransferRow, ...] = ()
    bulk_jobs: tuple[BulkRow, ...] = ()
