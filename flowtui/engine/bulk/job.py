"""A bulk job: an archive that Flow prepares, from the request until its files are here.

The record and its rules are here, free of threads and time; the other `bulk` modules apply them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING

from flowtui.engine.queue.links import without_signed_links
from flowtui.flow.remote_file import RemoteFile
from flowtui.protocol.messages import BulkFileRow, BulkRow, file_to_json
from flowtui.protocol.schema import AbsolutePath, Count, Id, RelativePath, WrongKind, read
from flowtui.protocol.states import BULK_ENDED, BulkState
from flowtui.system.files import parse_json
from flowtui.transfer.task import DONE, ONE_BY_ONE, SKIPPED, ExpectedFile, FileResult

if TYPE_CHECKING:
    from flowtui.engine.queue.queue import Transfer

POLL_SLOWEST = 60.0

SLOWER_AFTER = 60.0
"""Seconds of age from which on a job is asked about less often."""

LIFETIME = 24 * 3600.0
"""Seconds that an archive is kept once it is completed (the guide)."""

AGAIN_BY_ITSELF = 1
"""How often an archive that went too early is asked for again without asking the user."""

SAVE_EVERY = 5.0
"""Seconds between two times that a job is stored while its files come."""

AT_A_TIME = 4
"""Jobs of one server that are prepared or fetched at once; archives that nobody fetches in time
would only expire."""


@dataclass(slots=True)
class Tally:
    """What a job's results add up to.

    Attributes:
        states: state → how many. `bytes`: state → their sizes, as far as known.
        occupied: how many have another name (see `BulkRow`).
        come: how many of those that come one by one are here.
    """

    states: dict[str, Count] = field(default_factory=dict)
    bytes: dict[str, Count] = field(default_factory=dict)
    occupied: Count = 0
    come: Count = 0

    def add(self, result: FileResult, by: int) -> None:
        """Count a result in (1) or out (-1)."""
        for sums, number in ((self.states, 1), (self.bytes, result.size or 0)):
            sums[result.state] = sums.get(result.state, 0) + by * number
        self.occupied += by * (result.occupied > 0)
        self.come += by * (result.state == ONE_BY_ONE and bool(result.verified_by))


@dataclass(slots=True)
class BulkJobRecord:
    """A bulk job; the fields are those of `protocol.BulkRow`, or stored beside them.

    Attributes:
        files: what is asked for, as JSON (`pack`). `outcomes`: what became of them, as JSON
            (`pack_results`), as it was when it was last stored.
        data_ids: the ids of all of them. `job_id`: the service's id, empty until it is created.
        url: where the archive is, once the service has said so.
        up_to: see `Batch.one_by_one_up_to`.
        content: tells archives of different files apart; the same for the same files in every run.
        archive: the archive's path, once it is fetched; empty again when it is removed.
        part: the path that its transfer was given.
        again: how often it was asked for again by itself.
        base: the name of all the jobs that one batch was split into.
        results: key → what became of the file; those without one are still to come. Changed by
            `put` and `keep` alone. `tally`: what they add up to.
        unpacked_bytes: see `BulkRow`.
        seen_ready: the service has said that the archive is there; if it is not, it has expired.
    """

    id: Id
    batch_id: Id
    name: str
    root: AbsolutePath
    server: str
    data_ids: tuple[str, ...]
    bytes: Count
    created: float
    files: str = "[]"
    state: BulkState = BulkState.PENDING
    reason: str = ""
    code: str = ""
    progress: float | None = None
    expires: float | None = None
    job_id: str = ""
    url: str = ""
    transfer_id: Id | None = None
    unpack: bool = False
    up_to: Count = 0
    content: str = ""
    archive: RelativePath = ""
    part: RelativePath = ""
    again: int = 0
    base: str = ""
    ended: float | None = None
    outcomes: str = "{}"
    results: dict[str, FileResult] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally, compare=False)
    unpacked_bytes: Count = 0
    seen_ready: bool = False

    def copy(self) -> BulkJobRecord:
        """The record as it is now, for another thread."""
        return replace(self, results=dict(self.results))

    def expected_files(self) -> tuple[ExpectedFile, ...]:
        """All its files."""
        return unpack(self.files)

    def missing(self) -> tuple[ExpectedFile, ...]:
        """The files of which nothing has become yet."""
        return tuple(
            expected for expected in self.expected_files() if expected.file.key not in self.results
        )

    @property
    def archive_name(self) -> str:
        """What its archive is called, here and at the service: one component of a path.

        The job's name may be a ref, `sample/34`.
        """
        return f"{self.name}.zip".replace("/", "-")

    def put(self, key: str, result: FileResult) -> None:
        """Note what became of a file."""
        result = result.kept()
        before = self.results.get(key)
        for counted, by in ((before, -1), (result, 1)):
            if counted is not None:
                self.tally.add(counted, by)
                self.unpacked_bytes += by * (counted.size or 0) * (counted.state == DONE)
        self.results[key] = result

    def keep(self, results: dict[str, FileResult]) -> None:
        """Have these results and no others."""
        self.results, self.tally, self.unpacked_bytes = {}, Tally(), 0
        for key, result in results.items():
            self.put(key, result)

    def count(self, state: str) -> int:
        """How many of its files came to this."""
        return self.tally.states.get(state, 0)

    def bytes_of(self, state: str) -> int:
        """The sizes of those files, as far as known."""
        return self.tally.bytes.get(state, 0)

    @property
    def has_all_results(self) -> bool:
        """Whether it is known of every file what became of it."""
        return len(self.results) >= len(self.data_ids)

    @property
    def bytes_to_unpack(self) -> int:
        """Bytes that unpacking will still write, as far as known."""
        if not self.unpack or self.state in BULK_ENDED:
            return 0
        return max(0, self.bytes - self.unpacked_bytes)

    def row(self, transfer: Transfer | None = None) -> BulkRow:
        """As clients see it; `transfer` is the archive's."""
        progress = self.progress
        fetched = transfer.row() if transfer is not None else None
        if self.state is BulkState.FETCHING and fetched is not None and fetched.size:
            progress = 100.0 * fetched.done / fetched.size
        unpacked, skipped, come = self.count(DONE), self.count(SKIPPED), self.tally.come
        if self.state is BulkState.UNPACKING and self.data_ids:
            progress = 100.0 * len(self.results) / len(self.data_ids)
        elif self.state is BulkState.ONE_BY_ONE and self.data_ids:
            progress = 100.0 * (unpacked + skipped + come) / len(self.data_ids)
        return BulkRow(
            id=self.id,
            batch_id=self.batch_id,
            name=self.name,
            root=self.root,
            state=self.state.value,
            reason=self.reason,
            code=self.code,
            files=len(self.data_ids),
            bytes=self.bytes,
            progress=progress,
            created=self.created,
            expires=self.expires,
            ended=self.ended,
            job_id=self.job_id,
            transfer_id=self.transfer_id,
            server=self.server,
            size=fetched.size if fetched else None,
            done=fetched.done if fetched else 0,
            rate=fetched.rate if fetched else 0.0,
            eta=fetched.eta if fetched else None,
            unpack=self.unpack,
            unpacked=unpacked,
            unpacked_bytes=self.unpacked_bytes,
            skipped=skipped,
            one_by_one=self.count(ONE_BY_ONE),
            one_by_one_here=come,
            occupied=self.tally.occupied,
            archive=self.archive,
        )

    def file_rows(self, after: int = 0) -> Iterator[BulkFileRow]:
        """Its files as clients see them, from the `after`th on; each read when it is asked for."""
        pending = FileResult("pending")
        for expected in _unpacked(self.files, after):
            result = self.results.get(expected.file.key, pending)
            yield BulkFileRow(
                key=expected.file.key,
                filename=expected.file.filename,
                path=result.path or expected.path,
                state=result.state,
                size=result.size if result.size is not None else expected.file.size,
                md5=result.md5 or expected.file.md5,
                verified_by=result.verified_by,
                reason=result.reason,
                occupied=result.occupied,
                sample=expected.file.sample,
                belongs_to=expected.file.belongs_to,
                origin=expected.file.origin,
            )


def pack(files: Iterable[ExpectedFile]) -> str:
    """Files as the JSON text that is stored, without what signs their links."""
    expected_files = tuple(files)
    kept = without_signed_links(expected.file for expected in expected_files)
    return json.dumps(
        [
            {**file_to_json(file), "path": expected.path, "occupied": expected.occupied}
            for file, expected in zip(kept, expected_files, strict=True)
        ]
    )


def unpack(text: str) -> tuple[ExpectedFile, ...]:
    """The files of `pack`'s text; one of an older flowtui has no paths yet.

    Raises ValueError where it is none.
    """
    return tuple(_unpacked(text))


def _unpacked(text: str, after: int = 0) -> Iterator[ExpectedFile]:
    for fields in _listed(parse_json(text))[after:]:
        place = read(_Place, fields)
        yield ExpectedFile(read(RemoteFile, fields), place.path, place.occupied)


def _listed(value: object) -> list[object]:
    if not isinstance(value, list):
        raise WrongKind("files must be a list")
    return value


@dataclass(frozen=True, slots=True)
class _Place:
    """What `pack` keeps of an `ExpectedFile` beside the file's own fields."""

    path: RelativePath = ""
    occupied: Count = 0


def pack_results(results: dict[str, FileResult]) -> str:
    """Results as the JSON text that is stored."""
    return json.dumps(
        {
            key: {name: value for name, value in asdict(result).items() if name not in _NOT_STORED}
            for key, result in results.items()
        }
    )


_NOT_STORED = ("mtime_ns", "blocks")


def unpack_results(text: str) -> dict[str, FileResult]:
    """The results of `pack_results`' text. Raises ValueError where it is none."""
    return read(dict[str, FileResult], parse_json(text))


def content_of(server: str, data_ids: Iterable[str]) -> str:
    """A short name for an archive of these files, the same in every run."""
    text = "\n".join([server, *sorted(data_ids)])
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def halves(
    files: Sequence[ExpectedFile],
) -> tuple[tuple[ExpectedFile, ...], tuple[ExpectedFile, ...]]:
    """Two parts of some files, of about the same number and in the same order."""
    middle = (len(files) + 1) // 2
    return tuple(files[:middle]), tuple(files[middle:])


def poll_delay(age: float, young: float) -> float:
    """Seconds until a job of `age` seconds is asked about again; a young one after `young`."""
    if age < SLOWER_AFTER:
        return young
    return min(POLL_SLOWEST, young * age / SLOWER_AFTER)
