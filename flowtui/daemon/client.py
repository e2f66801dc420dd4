"""A client of the background engine: what may be asked of it. `connect` is the way to one.

Light to import: neither httpx nor SQLite.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self, TypeVar

from flowtui import __version__
from flowtui.daemon.connection import Connection, open_socket
from flowtui.daemon.errors import EngineGone
from flowtui.daemon.pieces import in_pieces, joined
from flowtui.protocol.messages import (
    Added,
    Batch,
    BulkFileRow,
    Changes,
    Message,
    Recheck,
    RequestRefused,
    Space,
    Status,
    TransferRow,
)
from flowtui.protocol.schema import WrongKind
from flowtui.protocol.wire import MAX_LINE, PROTOCOL, ProtocolError, decode, encode

Answer = TypeVar("Answer", bound=Message)

REPLY_TIMEOUT = 60.0
"""Seconds after which an engine that does not answer counts as gone."""

HELLO_TIMEOUT = 5.0
"""Seconds after which an engine that does not even say hello counts as suspended."""


class EngineClient:
    """A connection to the engine. Its methods are the requests of `protocol`.

    They may be called from any thread, and raise RequestRefused or EngineGone.

    Attributes:
        version, pid: the engine's. `path`: where it listens.
    """

    def __init__(self, path: Path, timeout: float = REPLY_TIMEOUT) -> None:
        """Raises EngineNotRunning where nobody listens at `path`."""
        self.path = path
        self._streams: set[socket.socket] = set()
        self._connection = Connection(path, min(timeout, HELLO_TIMEOUT))
        try:
            hello = self._connection.request("hello", version=__version__, protocol=PROTOCOL)
        except RequestRefused as error:
            self.close()
            raise EngineGone(
                f"the background engine refused the connection: {error.message}"
            ) from error
        except BaseException:
            self.close()
            raise
        self.version = str(hello.get("version"))
        self.protocol = hello.get("protocol")
        self.pid = int(hello.get("pid", 0))
        self._connection.set_timeout(timeout)

    @property
    def is_same_version(self) -> bool:
        """Whether the engine is of this very version."""
        return (self.version, self.protocol) == (__version__, PROTOCOL)

    def add(self, batch: Batch) -> Added:
        """Queue a batch, in pieces where it is too long for one line."""
        answers: list[Added] = []
        for piece in in_pieces(batch):
            first = answers[0].batch_id if answers else batch.continues
            fields = replace(piece, continues=first).to_json()
            answers.append(_record(Added, self._connection.request("add", batch=fields)))
        return joined(answers)

    def pause(self, ids: Sequence[int] | None) -> int:
        """Pause these transfers, or all; how many."""
        return self._count("pause", ids)

    def resume(self, ids: Sequence[int] | None) -> int:
        """Let these transfers go on, or all; how many."""
        return self._count("resume", ids)

    def cancel(self, ids: Sequence[int] | None) -> int:
        """Cancel these transfers, or all; how many."""
        return self._count("cancel", ids)

    def retry(self, ids: Sequence[int] | None) -> int:
        """Try these failed transfers again, or all; how many."""
        return self._count("retry", ids)

    def forget(self, ids: Sequence[int] | None) -> int:
        """Take these ended transfers out of the list, or all; how many."""
        return self._count("forget", ids)

    def bulk(self, ids: Sequence[int], action: str) -> int:
        """`cancel`, `retry`, create `again`, fetch `one_by_one` or `forget` bulk jobs; how many."""
        return int(self._connection.request("bulk", bulk_ids=list(ids), action=action)["count"])

    def bulk_files(self, id_: int) -> tuple[BulkFileRow, ...]:
        """The files of a bulk job, and what became of each."""
        files: list[BulkFileRow] = []
        while True:
            answer = self._connection.request("bulk_files", bulk_id=id_, after=len(files))
            piece = _record(_BulkFiles, answer)
            files += piece.files
            if piece.last or not piece.files:
                return tuple(files)

    def status(self, rows: bool = False, most: int | None = None) -> Status:
        """The queue now, with its rows (the first `most` still to be done) or only its sums."""
        if rows and most is None:
            return self._all_rows()
        return _record(Status, self._connection.request("status", rows=rows, most=most))

    def verify(
        self, root: str, batch_id: int | None, about: Mapping[str, str] | None = None
    ) -> int:
        """Have downloaded files read again; the id for `verified`."""
        answer = self._connection.request("verify", root=root, batch_id=batch_id, about=about)
        return int(answer["recheck_id"])

    def verified(self, recheck_id: int, after: int) -> Recheck:
        """How far that is, with what is wrong from the `after`th file on."""
        answer = self._connection.request("verified", recheck_id=recheck_id, after=after)
        return _record(Recheck, answer)

    def verify_end(self, recheck_id: int) -> None:
        """Have it read no more, and forgotten."""
        self._connection.request("verify_end", recheck_id=recheck_id)

    def _all_rows(self) -> Status:
        """The queue with all its rows, which may be too many for one line."""
        last, rows = 0, list[TransferRow]()
        first: Status | None = None
        while True:
            answer = self._connection.request("status", rows=True, after=last)
            piece = _record(Status, answer)
            first = first or piece
            more = [row for row in piece.transfers if row.id > last]
            if not more:
                return replace(first, transfers=tuple(rows))
            rows += more
            last = rows[-1].id

    def space(self, path: str) -> Space:
        """Room on the file system of a folder."""
        return _record(Space, self._connection.request("space", path=path))

    def sign_in(
        self, server: str, username: str | None, token: str, refresh_token: str | None
    ) -> int:
        """Hand a credential over; the number of transfers that go on with it."""
        answer = self._connection.request(
            "sign_in", server=server, username=username, token=token, refresh_token=refresh_token
        )
        return int(answer["count"])

    def settings(self, **changes: int) -> dict[str, int]:
        """Change `jobs` and others (see `messages`) until it ends; what is in force then."""
        return dict(self._connection.request("settings", **changes))

    def stop(self, pause: bool = False) -> None:
        """Have the engine end; with `pause`, all transfers are paused first."""
        self._connection.request("stop", pause=pause)

    def events(self) -> Iterator[Changes]:
        """What is there, then what changes, until the engine ends or we hang up.

        Raises EngineGone.
        """
        stream, lines = open_socket(self.path, None)
        self._streams.add(stream)
        try:
            stream.sendall(encode({"id": 0, "do": "subscribe"}))
            while line := lines.readline(MAX_LINE):
                message = decode(line)
                if "event" in message:
                    yield Changes.from_json(message)
            raise EngineGone("the background engine has stopped")
        except (OSError, ProtocolError, WrongKind) as error:
            raise EngineGone(f"lost the connection to the background engine: {error}") from error
        finally:
            self._streams.discard(stream)
            lines.close()
            stream.close()

    def close(self) -> None:
        """Hang up, `events` too; the engine goes on."""
        for stream in tuple(self._streams):
            with contextlib.suppress(OSError):
                stream.shutdown(socket.SHUT_RDWR)
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _count(self, do: str, ids: Sequence[int] | None) -> int:
        return int(self._connection.request(do, ids=None if ids is None else list(ids))["count"])


@dataclass(frozen=True, slots=True)
class _BulkFiles(Message):
    """The answer to `bulk_files`; of an engine that knows no pieces it is the last."""

    files: tuple[BulkFileRow, ...]
    last: bool = True


def _record(kind: type[Answer], answer: dict[str, Any]) -> Answer:
    """What the engine answered. Raises EngineGone where it is something else."""
    try:
        return kind.from_json(answer)
    except WrongKind as error:
        raise EngineGone(f"cannot read the background engine's answer: {error}") from error
