"""A bench for the engine's faults: a server that misbehaves, an engine, and what came of it.

lab.serve(data, handlers=[cut_after(1000)])
lab.fetch()
lab.expect("done", requests=2, twice=0)
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from flowtui.config import Settings
from flowtui.engine.engine import Engine
from flowtui.protocol.messages import TransferRow
from flowtui.timings import Timings
from flowtui.transfer.disk import journal
from support.fault_server import FaultServer, File, Request
from support.record import Record
from support.services import QUICK, FakeClient, batch, engine, remote, rows
from support.waiting import GUARD

TOKEN = "tok-9f8e7d6c5b4a3210"
BUFFERS = 6_000_000
"""Bytes that a server may have sent into the system's buffers when a connection is dropped."""


@cache
def content(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def patient(**how: Any) -> Timings:
    """The quick timings with another patience, fields of `Policy`."""
    return replace(QUICK, transfer=replace(QUICK.transfer, **how))


class Lab:
    """One file, `/downloads/1/<name>`, its server, and engines one after the other."""

    def __init__(self, server: FaultServer, root: Path) -> None:
        self.server = server
        self.root = root
        self.client = FakeClient(server.url, TOKEN)
        self.strangers: list[FaultServer] = []
        self.name = "a.bin"
        self.file = File(b"")
        self.more: dict[str, Any] = {}
        self.read_timeout = GUARD
        self.timings = QUICK
        self.connections = 1
        self.settings: dict[str, Any] = {}
        self.ca_file: str | None = None
        self.engine: Engine | None = None
        self.row: TransferRow | None = None
        self.record = Record()
        self.is_connected = False  # whether engines have a connection open before they begin

    @property
    def path(self) -> str:
        return f"/downloads/1/{self.name}"

    @property
    def target(self) -> Path:
        return self.root / "data" / self.name

    @property
    def flushed(self) -> int:
        """How many bytes of the part file its journal names."""
        record = journal.load(self.target.with_name(f"{self.name}.part.journal"))
        return 0 if record is None else record.flushed.total

    @property
    def requests(self) -> list[Request]:
        return self.server.of(self.path)

    def serve(self, data: bytes, *, name: str = "a.bin", **how: Any) -> File:
        """Put the file on the server; `how` are fields of `File`."""
        self.name = name
        self.file = self.server.files[self.path] = File(data, **how)
        return self.file

    def from_start(self, index: int) -> bool:
        """Whether that request asked for the first byte."""
        return self.requests[index].range is None or self.requests[index].range[0] == 0

    def start(self, **more: Any) -> Engine:
        """An engine with the file queued; `more` are fields of its `RemoteFile`."""
        self.stop()
        self.server.files["/first"] = File(b"first")
        settings = Settings(connections=self.connections, **self.settings)
        made = self.engine = engine(
            self.client,
            settings,
            read_timeout=self.read_timeout,
            ca_file=self.ca_file,
            timings=self.timings,
            record=self.record,
            first="/first" if self.is_connected else None,
        )
        made.add(batch(self.server, self.root, remote(self.server, "1", self.name, **more)))
        return made

    def fetch(self, timeout: float = GUARD, **more: Any) -> TransferRow:
        """Fetch the file to its end, whatever that is."""
        made = self.start(**more)
        assert made.wait_idle(timeout), rows(made)
        return self.stop()

    def now(self) -> TransferRow:
        assert self.engine is not None
        return rows(self.engine)[0]

    def until(self, true: Callable[[TransferRow], bool]) -> TransferRow:
        """The first row of the transfer from now on that is so, or the one now."""
        since = len(self.record.transfers)
        now = self.now()
        return now if true(now) else self.record.until(true, since)

    def stop(self) -> TransferRow:
        """Stop the engine; how the transfer stood."""
        if self.engine is not None:
            found = rows(self.engine)
            self.row = found[0] if found else None
            self.engine.stop()
            self.engine = None
        return self.row  # type: ignore[return-value]

    @property
    def reasons(self) -> list[str]:
        """The reasons that the transfer had, each once, in order."""
        return self.record.reasons()

    def expect(
        self,
        state: str,
        *,
        says: str = "",
        code: str | None = None,
        requests: int | None = None,
        twice: int | None = None,
        verified_by: str | None = None,
        heard: str = "",
        part: bool = False,
        data: bytes | None = None,
    ) -> None:
        """How it must have ended.

        `twice`: bytes sent again at most. `part`: whether an unfinished file may stay.
        """
        row = self.stop()
        assert row.state == state, row
        assert says in row.reason, row.reason
        if code is not None:
            assert row.code == code, row
        if verified_by is not None:
            assert row.verified_by == verified_by, row
        if heard:
            assert any(heard in one for one in self.reasons), self.reasons
        if requests is not None:
            made = [(one.range, one.sent) for one in self.requests]
            assert len(made) == requests, made
        wanted = self.file.content if data is None else data
        if twice is not None:
            assert sum(one.sent for one in self.requests) - len(wanted) <= twice
        if state in ("done", "skipped"):
            got = (Path(row.root) / row.path).read_bytes()
            assert hashlib.md5(got).hexdigest() == hashlib.md5(wanted).hexdigest()
            assert row.done == row.size == len(wanted)
        elif state != "failed" or not part:
            assert not self.target.is_file(), "an unverified file has the final name"
        if not part:
            folder = self.target.parent
            left = [one.name for one in folder.glob("*.part*")] if folder.is_dir() else []
            assert left == []
        self.expect_no_token_astray()

    def expect_no_token_astray(self) -> None:
        """The token went to the service alone, and into nothing that is kept or shown."""
        for one in self.server.requests:
            assert TOKEN not in one.path
            assert one.token in (None, TOKEN, *(self.server.good_tokens or ()))
        for stranger in self.strangers:
            for one in stranger.requests:
                assert TOKEN not in one.path
                assert not any(TOKEN in value for value in one.headers.values()), one
                assert "authorization" not in one.headers
                assert "cookie" not in one.headers
        for kept in self.root.rglob("*"):
            if kept.is_file() and kept.stat().st_size < 1 << 20:
                assert TOKEN.encode() not in kept.read_bytes(), kept
        assert not any(TOKEN in row.reason for row in self.record.transfers)
