"""One transfer from queued to its end: look, fetch, verify, give the final name.

`run` is what a worker does with a task. It never raises: what happened is its outcome.
"""

from __future__ import annotations

import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from flowtui.engine import verify
from flowtui.engine.download import INLINE_BELOW, Download, Memory, Progress
from flowtui.engine.failures import (
    Busy,
    GiveUp,
    NoRoom,
    Occupied,
    SignInNeeded,
    Stopped,
    TransferTrouble,
    TryAgain,
    disk_trouble,
)
from flowtui.engine.journal import Identity
from flowtui.engine.limits import RateLimit
from flowtui.engine.log import Recorded
from flowtui.engine.part_file import PartFile
from flowtui.engine.source import Source, StopSignal
from flowtui.engine.states import TransferState

if TYPE_CHECKING:
    from flowtui.flow.client import FlowClient

BUSY_WAIT = 5.0
"""Seconds between two looks at a part file that another process holds."""

SPACE_WAIT = 10.0
"""Seconds between two tries on a full disk."""


@dataclass(frozen=True)
class Task:
    """What a worker needs to know of one transfer.

    Attributes:
        target: the final path, absolute. `recorded`: what downloads.log says stands there.
        size, md5: as the service's records say, or None.
        archive: a bulk job's archive, whose ending follows its content.
        connections: at most so many for this file, 0 for as many as pay.
    """

    id: int
    key: str
    filename: str
    url: str
    target: Path
    size: int | None = None
    md5: str | None = None
    data_id: str | None = None
    recorded: Recorded | None = None
    archive: bool = False
    connections: int = 1
    check_containers: bool = True

    @property
    def is_small(self) -> bool:
        """Whether one short request will bring it."""
        return self.size is not None and self.size <= INLINE_BELOW


@dataclass(frozen=True)
class Tools:
    """What workers share: the connection pool, the service's client, the rate limit."""

    http: httpx.Client
    client: FlowClient
    limit: RateLimit


@dataclass(frozen=True)
class Outcome:
    """How a run of a transfer ended.

    Attributes:
        state: the state that follows; `waiting` with `wait` seconds, or until `needs` is met.
        needs: `sign-in`, `space`, `place` (another name) or empty.
        final: the name that it got, where that is not the planned one.
    """

    state: TransferState
    reason: str = ""
    code: str = ""
    retryable: bool = False
    wait: float | None = None
    needs: str = ""
    size: int | None = None
    md5: str | None = None
    verified_by: str = ""
    seconds: float = 0.0
    final: Path | None = None


def run(
    task: Task,
    tools: Tools,
    progress: Progress,
    memory: Memory,
    stop: StopSignal,
    opened: Callable[[PartFile], Callable[[], None]] = lambda part: lambda: None,
    fetched: Callable[[], None] = lambda: None,
) -> Outcome:
    """Bring one file to its path. `opened` hears of the part file, and calls back at its end.

    `fetched` is called when the verified file has only to be put on the disk.
    """
    began = time.monotonic()
    try:
        there = _look(task, stop)
        if there is not None:
            return there
        task.target.parent.mkdir(parents=True, exist_ok=True)
        identity = Identity(key=task.key, md5=task.md5)
        part = PartFile(task.target, identity, journaled=not task.is_small)
        closed = opened(part)
        try:
            outcome = _fetch_and_verify(task, tools, part, progress, memory, stop, fetched)
        finally:
            closed()
            if not progress.done and part.descriptor >= 0:
                part.remove()  # nothing came: nothing to go on from
            part.close()
        return Outcome(**{**vars(outcome), "seconds": time.monotonic() - began})
    except Stopped:
        return Outcome(TransferState.PAUSED)
    except TryAgain as trouble:
        wait = trouble.retry_after or 0.0
        return _waiting(trouble, f"{trouble.message}; waits {_seconds(wait)}", wait)
    except Busy as trouble:
        return _waiting(trouble, trouble.message, BUSY_WAIT)
    except SignInNeeded as trouble:
        return _waiting(trouble, trouble.message, None, "sign-in")
    except NoRoom as trouble:
        return _waiting(trouble, trouble.message, SPACE_WAIT, "space")
    except Occupied as trouble:
        return _waiting(trouble, trouble.message, 0.0, "place")
    except TransferTrouble as trouble:
        return _failed(trouble)
    except OSError as error:
        disk = disk_trouble(error, task.target)
        if isinstance(disk, NoRoom):
            return _waiting(disk, disk.message, SPACE_WAIT, "space")
        return _failed(disk)
    except Exception as error:  # noqa: BLE001
        # A mistake of ours ends this file with words; the engine and the other files go on.
        return _failed(GiveUp(f"internal error: {type(error).__name__}: {error}", code="INTERNAL"))


def _look(task: Task, stop: StopSignal) -> Outcome | None:
    """What stands at the target already: the file itself (then it is skipped), or another.

    Raises Occupied for another file, GiveUp for a folder.
    """
    try:
        found = task.target.lstat()
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found.st_mode):
        raise GiveUp(f"a folder stands at {task.target}", code="IN_THE_WAY", retryable=True)
    record = task.recorded if task.recorded and task.recorded.key == task.key else None
    size = task.size if task.size is not None else (record.size if record else None)
    if size is None or found.st_size != size or not stat.S_ISREG(found.st_mode):
        raise Occupied(f"a different file stands at {task.target.name}")
    if task.md5 is None:
        how = "size" if record is None else "size, as recorded"
        return _skipped(size, record.md5 if record else None, how)
    if record is not None and record.md5 == task.md5:
        return _skipped(size, task.md5, "size and recorded md5")
    if verify.md5_of(task.target, stop.check) == task.md5:
        return _skipped(size, task.md5, "md5")
    raise Occupied(f"a different file stands at {task.target.name}")


def _fetch_and_verify(
    task: Task,
    tools: Tools,
    part: PartFile,
    progress: Progress,
    memory: Memory,
    stop: StopSignal,
    fetched: Callable[[], None],
) -> Outcome:
    source = Source(
        tools.http,
        tools.client,
        key=task.key,
        url=task.url,
        filename=task.filename,
        data_id=task.data_id,
        stop=stop,
    )
    download = Download(
        source,
        part,
        expected_size=task.size,
        connections=task.connections,
        limit=tools.limit,
        stop=stop,
        progress=progress,
        memory=memory,
    )
    second = False
    while True:
        progress.phase = "active"
        md5 = download.run()
        progress.phase = "verifying"
        size = download.segments.size or 0
        try:
            verified_by = _verified_by(task, part, size, md5, stop)
            break
        except GiveUp as trouble:
            if second or trouble.code not in ("MD5", "DAMAGED"):
                part.reset(Identity(key=task.key, md5=task.md5))
                raise
            second = True
            progress.reason = f"{trouble.message}; fetching it once more"
            download.start_over()
    final = _final_name(task, part)
    fetched()
    try:
        part.finish(final, size)
    except FileExistsError:
        raise Occupied(f"a different file stands at {final.name}") from None
    return Outcome(
        TransferState.DONE,
        size=size,
        md5=md5,
        verified_by=verified_by,
        final=final if final != task.target else None,
    )


def _verified_by(task: Task, part: PartFile, size: int, md5: str, stop: StopSignal) -> str:
    """What proves the bytes right. Raises GiveUp where something proves them wrong."""
    if task.md5 is not None:
        if md5 == task.md5:
            return "md5"
        raise GiveUp(
            f"the md5 is wrong: {md5} came, {task.md5} is right; tell the owner of the file",
            code="MD5",
            retryable=True,
        )
    if task.size is not None and size != task.size:
        raise GiveUp(
            f"the size is wrong: {size:,} bytes came, {task.size:,} are right by Flow's record",
            code="SIZE",
            retryable=True,
        )
    if size == 0 and task.size is None:
        raise GiveUp(
            "the file came empty, and Flow does not say that it is", code="EMPTY", retryable=True
        )
    known = "size" if task.size is not None else "length"
    kind = verify.container_kind(task.filename) if task.check_containers else None
    if kind is None:
        return known
    try:
        checked = verify.check_container(part.path, kind, stop.check)
    except verify.Damaged as error:
        raise GiveUp(str(error), code="DAMAGED", retryable=True) from error
    return f"{known} and {checked}" if checked else known


def _final_name(task: Task, part: PartFile) -> Path:
    """The target, for an archive with the ending that its content asks for."""
    if not task.archive:
        return task.target
    magic = part.read(0, 4)
    name = task.target.name.removesuffix(".zip").removesuffix(".tar.gz")
    if magic[:2] == b"\x1f\x8b":
        return task.target.with_name(f"{name}.tar.gz")
    return task.target.with_name(f"{name}.zip") if magic[:2] == b"PK" else task.target


def _skipped(size: int, md5: str | None, how: str) -> Outcome:
    return Outcome(
        TransferState.SKIPPED, reason="already here", size=size, md5=md5, verified_by=how
    )


def _waiting(trouble: TransferTrouble, reason: str, wait: float | None, needs: str = "") -> Outcome:
    return Outcome(
        TransferState.WAITING,
        reason=reason,
        code=trouble.code,
        retryable=True,
        wait=wait,
        needs=needs,
    )


def _failed(trouble: TransferTrouble) -> Outcome:
    return Outcome(
        TransferState.FAILED,
        reason=trouble.message,
        code=trouble.code,
        retryable=trouble.retryable,
    )


def _seconds(seconds: float) -> str:
    return f"{round(seconds)} s" if seconds < 120 else f"{round(seconds / 60)} min"
