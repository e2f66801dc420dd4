"""What a worker is given, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path

from flowtui.flow.remote_file import RemoteFile
from flowtui.protocol.states import TransferState


class Writers(Enum):
    """Who may have written a line of downloads.log."""

    US = "us"
    GROUP = "group"  # the log is ours, and open to a group
    OTHERS = "others"


@dataclass(frozen=True)
class Recorded:
    """What the log says of a path: whose it is, and the file as it was when it was verified.

    Attributes:
        mtime_ns: its time of change then, nanoseconds; None where the log does not say.
        logged: when that was written, Unix seconds; None where the log does not say.
        belongs_to: see `RemoteFile.belongs_to`. `by`: who may say so.
        project, execution: see `Origin`; empty where the log does not say. `sample`: its name.
    """

    key: str
    size: int | None
    md5: str | None
    belongs_to: str = ""
    mtime_ns: int | None = None
    logged: float | None = field(default=None, compare=False)
    by: Writers = field(default=Writers.US, compare=False)
    project: str = field(default="", compare=False)
    sample: str = field(default="", compare=False)
    execution: str = field(default="", compare=False)


@dataclass(frozen=True)
class Elsewhere:
    """Another place below the target folder that the same file was brought to.

    Attributes:
        name: relative to the target folder. `recorded`: what downloads.log says stands there.
        moves: that is the file's own name with a number, which it need not have any more.
    """

    path: Path
    name: str
    recorded: Recorded
    moves: bool


@dataclass(frozen=True)
class Task:
    """What a worker needs to know of one transfer.

    Attributes:
        target: the final path, absolute. `root`: the target folder that it is below, or None where
            nothing is recorded. `recorded`: what downloads.log says stands there.
        size, md5: as the service's records say, or None.
        archive: a bulk job's archive, whose ending follows its content.
        on_change: what happens to a file of ours that is not as it was recorded, or not as Flow
            has it now: `replace`, `keep` or `fail`.
        foreign_before: by number the names before its own, relative to `root`, where a foreign file
            may stand.
        elsewhere: where it may be already. `link`: how it is taken from there, see `local_copy`.
        connections: at most so many for this file, 0 for as many as pay.
        accept_broken: a file that is broken on Flow itself is no reason for a code of its own.
        accept_any_type: what comes is the file, also where it is called or looks like a web page.
    """

    id: int
    key: str
    filename: str
    url: str
    target: Path
    root: Path | None = None
    size: int | None = None
    md5: str | None = None
    data_id: str | None = None
    recorded: Recorded | None = None
    archive: bool = False
    connections: int = 1
    check_containers: bool = True
    on_change: str = "replace"
    foreign_before: Mapping[int, str] = field(default_factory=dict)
    elsewhere: tuple[Elsewhere, ...] = ()
    link: str = "auto"
    accept_any_type: bool = False
    accept_broken: bool = False

    @property
    def is_small(self) -> bool:
        """Whether one short request will bring it."""
        return self.size is not None and self.size <= INLINE_BELOW


@dataclass(frozen=True)
class Outcome:
    """How a run of a transfer ended.

    Attributes:
        state: the state that follows; `waiting` with `wait` seconds, or until `needs` is met.
        needs: `sign-in`, `space`, `place` (another name) or empty.
        mtime_ns: when the file was changed last, nanoseconds. `is_news`: whether that is to be
            logged; a file that is as it was recorded is no news.
        replaced: what became of an earlier file of ours at its place: the name that it has now, or
            `removed` where it was only a part of the new one; empty where there was none.
        linked, renamed_from: the path, below the target folder, that it was linked to, or had.
        occupied: of a file that was here, the number of the last name before its own at which a
            foreign file stands.
        blocks: see `LogEntry.blocks`.
        crowded: the server may have refused it only because it serves other files now.
        final: the name that it got, where that is not the planned one.
    """

    state: TransferState
    reason: str = ""
    code: str = ""
    retryable: bool = False
    wait: float | None = None
    needs: str = ""
    crowded: bool = False
    size: int | None = None
    md5: str | None = None
    verified_by: str = ""
    seconds: float = 0.0
    mtime_ns: int | None = None
    is_news: bool = True
    replaced: str = ""
    linked: str = ""
    renamed_from: str = ""
    occupied: int = 0
    blocks: bytes = b""
    final: Path | None = None


INLINE_BELOW = 1 << 20
"""Bytes; a smaller file is fetched without threads of its own."""


DONE, SKIPPED, ONE_BY_ONE = "done", "skipped", "one_by_one"
"""What may have become of a file (`BulkFileRow.state`)."""


@dataclass(frozen=True, slots=True)
class ExpectedFile:
    """A file that is asked for, and the path below the job's root that is kept for it.

    Attributes:
        occupied: how many names were found taken by foreign files.
    """

    file: RemoteFile
    path: str
    occupied: int = 0


@dataclass(frozen=True, slots=True)
class FileResult:
    """What became of one file: see `BulkFileRow`.

    Attributes:
        mtime_ns, blocks: for the log (see `LogEntry`) of a file that has just been looked at; they
            are not kept.
    """

    state: str
    path: str = ""
    size: int | None = None
    md5: str | None = None
    verified_by: str = ""
    reason: str = ""
    occupied: int = 0
    mtime_ns: int | None = None
    blocks: bytes = b""

    def kept(self) -> FileResult:
        """The result as it is kept, once it is logged."""
        return replace(self, mtime_ns=None, blocks=b"")
