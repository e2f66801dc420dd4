"""A bulk job: an archive that Flow prepares, from the request until it is here.

The rules of following one are here, free of threads and time; `bulk.BulkTracker` applies them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from flowtui.engine.protocol import BulkRow
from flowtui.engine.states import BulkState
from flowtui.flow.remote_file import RemoteFile

POLL_SECONDS = 5.0
"""Between two looks at a young job (the guide's number)."""

POLL_SLOWEST = 60.0

SLOWER_AFTER = 60.0
"""Seconds of age from which on the looks get rarer."""

LIFETIME = 24 * 3600.0
"""Seconds that an archive is kept once it is completed (the guide)."""


@dataclass(slots=True)
class BulkJobRecord:
    """A bulk job; the fields are those of `protocol.BulkRow`.

    Attributes:
        files: what is asked for, as JSON (`pack_files`), for a fall-back to one by one.
        data_ids: their ids. `job_id`: the service's id, empty until it is created.
        url: where the archive is, once the service has said so.
    """

    id: int
    batch_id: int
    name: str
    root: str
    server: str
    data_ids: tuple[str, ...]
    bytes: int
    created: float
    files: str = "[]"
    state: BulkState = BulkState.PENDING
    reason: str = ""
    code: str = ""
    progress: float | None = None
    expires: float | None = None
    job_id: str = ""
    url: str = ""
    transfer_id: int | None = None

    def row(self) -> BulkRow:
        """As clients see it."""
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
            progress=self.progress,
            created=self.created,
            expires=self.expires,
            job_id=self.job_id,
            transfer_id=self.transfer_id,
            server=self.server,
        )


def pack_files(files: Iterable[RemoteFile]) -> str:
    """Files as the JSON text that is stored."""
    return json.dumps([asdict(one) for one in files])


def unpack_files(text: str) -> tuple[RemoteFile, ...]:
    """The files of `pack_files`' text."""
    return tuple(RemoteFile(**{**one, "folder": tuple(one["folder"])}) for one in json.loads(text))


def poll_delay(age: float) -> float:
    """Seconds until the next look at a job that is `age` seconds old."""
    if age < SLOWER_AFTER:
        return POLL_SECONDS
    return min(POLL_SLOWEST, POLL_SECONDS * age / SLOWER_AFTER)
