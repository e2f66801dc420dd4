"""One transfer from queued to its end: look, fetch, verify, give the final name.

`steps` is what workers do with a task, by `advance`. That never raises: what happened is its
outcome.
"""

from __future__ import annotations

import contextlib
import os
import stat
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from flowtui.flow.remote_file import RECORD
from flowtui.protocol.states import AS_RECORDED, BROKEN_ON_FLOW, CHANGED, TransferState
from flowtui.system.files import UnfitFile
from flowtui.text import quantities
from flowtui.timings import Timings
from flowtui.transfer.cancel import StopSignal
from flowtui.transfer.disk.calls import DiskCalls
from flowtui.transfer.disk.commit import Fingerprint, fingerprint, words_of_replaced
from flowtui.transfer.disk.downloads_log import is_untouched
from flowtui.transfer.disk.folder_record import FolderRecords
from flowtui.transfer.disk.part_file import (
    NoteBudget,
    PartFile,
    journal_path,
    part_path,
    remove_leftovers,
)
from flowtui.transfer.disk.paths import last_taken
from flowtui.transfer.disk.space import Room, measure
from flowtui.transfer.errors import (
    AuthRequired,
    BeyondSize,
    Busy,
    DiskFull,
    PermanentError,
    ShareLost,
    Stopped,
    TargetExists,
    TooManyOpen,
    TransferError,
    TransientError,
    disk_trouble,
    internal_error,
)
from flowtui.transfer.fetch.download import Download
from flowtui.transfer.fetch.progress import CarryOver, Progress
from flowtui.transfer.http.rate_limit import RateLimit
from flowtui.transfer.http.source import RemoteSource
from flowtui.transfer.identity import Identity
from flowtui.transfer.local_copy import from_elsewhere
from flowtui.transfer.run_record import write_record
from flowtui.transfer.task import Outcome, Task
from flowtui.transfer.verify import verdict
from flowtui.transfer.verify.blocks import keep_good_blocks
from flowtui.transfer.verify.containers import ContainerCheck
from flowtui.transfer.verify.existing import Existing, existing, is_believed
from flowtui.transfer.verify.md5 import BLOCK, md5_of_open

if TYPE_CHECKING:
    from flowtui.flow.client import FlowClient


_NO_ANSWER = ("CONNECTION", "CUT", "STALLED", "TIMEOUT")


@dataclass(frozen=True)
class Tools:
    """What workers share: connections, the service's client, the rate limit, the note budget."""

    http: httpx.Client
    client: FlowClient
    limit: RateLimit
    notes: NoteBudget
    timings: Timings
    records: FolderRecords = field(default_factory=FolderRecords)


Steps = Generator[None, None, Outcome]
"""A transfer on its way, see `steps`."""


def advance(under_way: Steps) -> Outcome | None:
    """Go one step; the outcome, if that was the last. Never raises."""
    try:
        next(under_way)
    except StopIteration as end:
        outcome: Outcome = end.value
        return outcome
    except Exception as error:  # noqa: BLE001
        return _failed(internal_error(error))  # the engine and the other files go on
    return None


def to_the_end(under_way: Steps) -> Outcome:
    """Go all the steps that are left."""
    while (outcome := advance(under_way)) is None:
        pass
    return outcome


def steps(
    task: Task,
    tools: Tools,
    progress: Progress,
    memory: CarryOver,
    stop: StopSignal,
    opened: Callable[[PartFile], Callable[[], None]] = lambda part: lambda: None,
) -> Steps:
    """Bring one file to its path, to be gone on with in any thread; the outcome at the end.

    `opened` hears of the part file, and calls back at its end.

    Yields once when the file is verified and has only to be put on the disk, and once more when it
    has its name and only the folder has: steps that many files are better taken through together.
    """
    began, calls = time.monotonic(), progress.calls
    check = calls.checking(stop.check)
    try:
        if task.url.startswith(RECORD):
            made = write_record(
                task, tools.client, tools.notes, calls, lambda: _unlisted(task, tools.records)
            )
            return replace(made, seconds=time.monotonic() - began)
        with calls.waiting():
            try:
                there = _look(task, check)
            except (TargetExists, PermanentError):
                _strike_if_untrue(task, tools.records)
                raise
            if isinstance(there, Outcome):
                if there.code == CHANGED:
                    _strike_if_untrue(task, tools.records)
                _sweep(task)
                there = _beside_foreign(task, there)
                return _with_former_name(task, there, tools.records)
            if task.elsewhere:
                brought = from_elsewhere(
                    task,
                    tools.notes,
                    check,
                    lambda path: _unlisted(task, tools.records, path),
                    there,
                )
                if brought is not None:
                    return replace(brought, seconds=time.monotonic() - began)
            if there is None and task.recorded is not None:
                _strike(task, tools.records)  # somebody has taken the file away
        outcome = yield from _with_part(task, tools, progress, memory, stop, opened, there)
        return replace(outcome, seconds=time.monotonic() - began)
    except Stopped:
        return Outcome(TransferState.PAUSED)
    except TransientError as trouble:
        return replace(_postponed(trouble, tools), crowded=_is_crowded(trouble, progress))
    except Busy as trouble:
        return _waiting(trouble, trouble.message, tools.timings.busy_file.first)
    except AuthRequired as trouble:
        return _waiting(trouble, trouble.message, None, "sign-in")
    except DiskFull as trouble:
        return _without_room(task, trouble, progress, memory, tools.timings.full_disk.first)
    except TargetExists as trouble:
        return _waiting(trouble, trouble.message, 0.0, "place")
    except TransferError as trouble:
        return replace(_failed(trouble), crowded=_is_crowded(trouble, progress))
    except OSError as error:
        disk = disk_trouble(error, task.target)
        if isinstance(disk, DiskFull):
            return _without_room(task, disk, progress, memory, tools.timings.full_disk.first)
        if isinstance(disk, TransientError):
            return _postponed(disk, tools)
        return _failed(disk)


def _with_part(
    task: Task,
    tools: Tools,
    progress: Progress,
    memory: CarryOver,
    stop: StopSignal,
    opened: Callable[[PartFile], Callable[[], None]],
    replaces: Fingerprint | None,
) -> Steps:
    """Open the part file, fill it, and give it the final name. Raises what stops that."""
    identity, calls = Identity(key=task.key, md5=task.md5), progress.calls
    check = calls.checking(stop.check)
    with calls.waiting():
        part = _open_part(task, identity, tools.notes, calls)
    closed = opened(part)
    try:
        with calls.waiting():
            # The process that held it until now may have brought the file to its end.
            if (outcome := _changed_meanwhile(task, check, replaces)) is not None:
                part.remove()
                return outcome
            if replaces is not None:
                _keep_good(task, tools, part, check)
            if memory.fingerprint != part.fingerprint():
                memory.unread()
            if memory.starved:
                _require_room(task, part, progress)
        return (yield from _fetch_and_verify(task, tools, part, progress, memory, stop, replaces))
    except FileExistsError:
        with calls.waiting():
            there = _look(task, check)
        if not isinstance(there, Outcome):
            raise
        part.remove()
        return there
    finally:
        closed()
        if part.descriptor >= 0:
            if not part.done.total:
                part.remove()  # nothing came: nothing to go on from
            else:
                memory.fingerprint = part.fingerprint()
        part.close()


def _open_part(task: Task, identity: Identity, notes: NoteBudget, calls: DiskCalls) -> PartFile:
    """The part file. Raises Busy, TargetExists where an archive gets another name, OSError."""
    try:
        return PartFile(
            task.target,
            identity,
            notes,
            journaled=not task.is_small,
            root=task.root,
            calls=calls,
        )
    except (UnfitFile, PermanentError) as error:
        if not task.archive:
            raise
        # Another user's, say, of an archive of the same files: nobody cares what it is called.
        raise TargetExists(f"{part_path(task.target).name} is of no use: {error}") from error


def _beside_foreign(task: Task, outcome: Outcome) -> Outcome:
    """The outcome of a file that is here, with what keeps its own name from it still."""
    if not task.foreign_before or task.root is None:
        return outcome
    return replace(outcome, occupied=last_taken(task.root, task.foreign_before))


def _with_former_name(task: Task, outcome: Outcome, records: FolderRecords) -> Outcome:
    """The outcome of a file that is here, with the name it had until a kill kept us from saying."""
    for other in task.elsewhere:
        if other.moves and not os.path.lexists(other.path):
            _strike(task, records, other.name)
            return replace(outcome, renamed_from=other.name, is_news=True)
    return outcome


def _strike(task: Task, records: FolderRecords, path: str = "") -> None:
    """Take the line of the file, or of another `path`, out of MD5SUMS, since it is gone."""
    if task.root is not None:
        path = path or str(task.target.relative_to(task.root))
        with contextlib.suppress(OSError):  # who writes the file's line meets the same
            records.of(task.root).strike([path])


def _strike_if_untrue(task: Task, records: FolderRecords) -> None:
    """Take the line of what stays at the target out of MD5SUMS, where it is not as recorded."""
    if task.recorded is None:
        return
    with contextlib.suppress(OSError):  # it is out of reach: nothing can be said of it
        found = task.target.stat()
        if stat.S_ISREG(found.st_mode) and is_untouched(found, task.recorded):
            return  # it was changed on Flow
    _strike(task, records)


@contextlib.contextmanager
def _unlisted(task: Task, records: FolderRecords, path: str = "") -> Iterator[None]:
    """While entered the file, or the one at another `path`, has no line in MD5SUMS."""
    with contextlib.ExitStack() as stack:
        if task.root is not None:
            path = path or str(task.target.relative_to(task.root))
            with contextlib.suppress(OSError):  # who writes the file's line meets the same
                stack.enter_context(records.of(task.root).replacing(path))
        yield


def _keep_good(task: Task, tools: Tools, part: PartFile, check: Callable[[], None]) -> None:
    """Take over the good blocks of the file that is to be replaced, if it is to be the same again.

    The part file has its md5 from then on, which proves that in the end. Raises OSError, Stopped.
    """
    record = task.recorded
    if task.root is None or record is None or record.md5 is None or record.size is None:
        return
    is_same = task.md5 in (None, record.md5) and task.size in (None, record.size)
    if not is_same or part.done.total or not part.is_journaled:
        return
    there = part.folder.stat(task.target.name)
    if there is None or not (
        task.md5 is not None or is_believed(record, is_own=part.folder.owns(there))
    ):
        return
    sums = tools.records.of(task.root).blocks(record.md5, record.size, BLOCK)
    if not sums:
        return
    part.identify(replace(part.identity, size=record.size, md5=record.md5))
    keep_good_blocks(part, task.target.name, sums, record.size, check)


def _changed_meanwhile(
    task: Task, check: Callable[[], None], replaces: Fingerprint | None
) -> Outcome | None:
    """The outcome, where the file came to its end since it was looked for; else None."""
    try:
        seen = fingerprint(task.target.lstat())
    except (FileNotFoundError, NotADirectoryError):
        return None
    if seen == replaces:
        return None  # it was read once; what is to be replaced stands there still
    there = _look(task, check)
    return there if isinstance(there, Outcome) else None


def _look(task: Task, check: Callable[[], None]) -> Outcome | Fingerprint | None:
    """The outcome of a file that stands at its target already, or None where nothing does.

    For a file of our own that is not as it should be: what it looks like, to be replaced.
    Raises TargetExists for another file, PermanentError for a folder, or as `on_change` says.
    """
    found = existing(
        task.target,
        key=task.key,
        size=task.size,
        md5=task.md5,
        recorded=task.recorded,
        check=check,
        root=task.root,
    )
    if found is None:
        return None
    if found.is_folder:
        raise PermanentError(f"a folder stands at {task.target}", code="IN_THE_WAY", retryable=True)
    if found.verified_by:
        return _skipped(found)
    if not found.is_ours:
        raise TargetExists(f"a different file stands at {task.target.name}")
    if task.on_change == "fail":
        raise PermanentError(
            f"{task.target.name} was changed here or on Flow; use --on-change replace, or move it",
            code=CHANGED,
        )
    if task.on_change == "keep":
        return Outcome(
            TransferState.SKIPPED,
            reason="kept as it is, though it was changed here or on Flow",
            code=CHANGED,
            size=found.seen[2] if found.seen else None,
            is_news=False,
        )
    return found.seen


def _fetch_and_verify(
    task: Task,
    tools: Tools,
    part: PartFile,
    progress: Progress,
    memory: CarryOver,
    stop: StopSignal,
    replaces: Fingerprint | None,
) -> Steps:
    source = RemoteSource(
        tools.http,
        tools.client,
        key=task.key,
        url=memory.link or task.url,
        filename=task.filename,
        data_id=task.data_id,
        stop=stop,
        size=task.size,
        accept_any_type=task.accept_any_type,
        # What is unpacked is checked then, member by member.
        proves_itself=verdict.container_to_try(task) is not None or task.root is None,
        room=lambda: _room(task, progress),
        deadlines=tools.timings.answers,
    )
    download = Download(
        source,
        part,
        expected_size=task.size,
        connections=task.connections,
        limit=tools.limit,
        stop=stop,
        progress=progress,
        carry_over=memory,
        timings=tools.timings,
    )
    _try_container(task, memory)
    broken = ""
    while True:
        # What came broken once is fetched to its end: it may be what Flow has.
        download.stops_at_damage = memory.damage is None or task.size is None
        progress.report(phase="active")
        try:
            md5 = download.run()
        except BeyondSize:
            download.start_over()  # nothing of it is the file
            raise
        if task.md5 is None and part.identity.md5 not in (None, md5):
            # Blocks of an earlier file were kept, and Flow has another by now.
            progress.report(reason="the kept parts do not match; downloading the whole file")
            part.reset(Identity(key=task.key))
            download.start_over()
            continue
        size = download.segments.size or 0
        came = replace(task, filename=f"{task.filename}.zip") if source.link.is_folder else task
        _try_container(came, memory)
        progress.report(phase="verifying", reason=verdict.checking(came))
        try:
            if source.link.is_folder:
                _require_zip(part)
            verified_by = verdict.verified_by(came, part, size, md5, stop, memory.check)
            break
        except PermanentError as trouble:
            before, is_damaged = memory.damage, trouble.code == "DAMAGED"
            twice = is_damaged and download.segments.is_complete
            if twice and verdict.is_broken_on_flow(task, part, size, before, stop):
                broken, verified_by = trouble.message, "size, broken the same way twice"
                break
            if memory.wrong or trouble.code not in ("MD5", "DAMAGED"):
                download.start_over()  # nothing of it is worth keeping
                raise
            memory.wrong = True
            if is_damaged:
                memory.damage = verdict.damage_of(part, size, memory.check, stop)
            progress.report(reason=f"{trouble.message}; downloading it again")
            download.start_over()
    final = _final_name(task, part, is_folder=source.link.is_folder)
    yield
    try:
        intact = part.settle(size) or _is_intact(part, md5, progress, stop)
        if not intact:
            download.start_over()
            raise PermanentError(
                f"another program changed {part.path.name} during the download",
                code="TAMPERED",
                retryable=True,
            )
        renaming = None
        if replaces is not None and final == task.target:
            with progress.calls.waiting(), _unlisted(task, tools.records):
                pass  # where it cannot be linked aside, it loses its name before
            renaming = _unlisted(task, tools.records)
        replaced = part.rename(final, size, replaces if final == task.target else None, renaming)
    except FileExistsError:
        if final == task.target:
            raise
        raise TargetExists(f"a different file stands at {final.name}") from None
    mtime_ns = part.fingerprint()[3]
    yield
    part.finish()
    reason = f"verified by {verified_by}"
    if replaced:
        reason = f"{words_of_replaced(replaced)}; {reason}"
    if task.md5 is None:
        reason += "; the server gave no md5"
    if progress.resumed_at and size:
        reason = f"resumed at {100 * progress.resumed_at // size} %; {reason}"
    if broken:
        reason = (
            f"warning: {broken}; it is the same in two downloads and has Flow's size, so it is "
            "broken on Flow; tell its owner"
        )
    return Outcome(
        TransferState.DONE,
        reason=reason,
        code=BROKEN_ON_FLOW if broken and not task.accept_broken else "",
        size=size,
        md5=md5,
        verified_by=verified_by,
        mtime_ns=mtime_ns,
        replaced=replaced,
        blocks=memory.hasher.blocks,
        final=final if final != task.target else None,
    )


def _is_intact(part: PartFile, md5: str, progress: Progress, stop: StopSignal) -> bool:
    """Whether what stands on the disk is what was hashed. Raises OSError, Stopped."""
    with progress.calls.waiting():
        return md5_of_open(part.descriptor, progress.calls.checking(stop.check)) == md5


def _try_container(task: Task, memory: CarryOver) -> None:
    """Have the file tried as the container that its name promises, where that speaks for it."""
    kind = verdict.container_to_try(task)
    if memory.check is None and kind is not None:
        memory.check = ContainerCheck(kind)


def _require_zip(part: PartFile) -> None:
    """Raise PermanentError where a folder came as something else than a ZIP."""
    if part.read(0, 2) != b"PK":
        raise PermanentError(
            "Flow has no such file, and what it has in its place is not the ZIP of a folder",
            code="NOT_FOUND",
        )


def _final_name(task: Task, part: PartFile, *, is_folder: bool) -> Path:
    """The target, for an archive or a folder with the ending that its content asks for."""
    if is_folder and not task.target.name.lower().endswith(".zip"):
        return task.target.with_name(f"{task.target.name}.zip")
    if not task.archive:
        return task.target
    magic = part.read(0, 4)
    name = task.target.name.removesuffix(".zip").removesuffix(".tar.gz")
    if magic[:2] == b"\x1f\x8b":
        return task.target.with_name(f"{name}.tar.gz")
    return task.target.with_name(f"{name}.zip") if magic[:2] == b"PK" else task.target


def _sweep(task: Task) -> None:
    """Take away what a crash behind the last step left beside a file that is here."""
    if journal_path(task.target).exists():
        with contextlib.suppress(OSError):  # it does no harm where it is
            remove_leftovers(task.target, task.root)


def _room(task: Task, progress: Progress) -> Room | None:
    """The room of the disk that a file goes to, None where it cannot be measured."""
    try:
        with progress.calls.waiting():
            return measure(task.target.parent)
    except OSError:
        return None  # what writes meets the same, and says it


def _require_room(task: Task, part: PartFile, progress: Progress) -> None:
    """Raise DiskFull, before a byte is asked for, while what is still to come does not fit."""
    size = part.identity.size or task.size
    left = 0 if size is None else size - part.done.total
    progress.size, progress.done = size, part.done.total
    if measure(task.target.parent).free < left:
        raise DiskFull(f"the disk is full at {task.target.parent}")


def _without_room(
    task: Task, trouble: DiskFull, progress: Progress, memory: CarryOver, wait: float
) -> Outcome:
    """Wait for room, and say how much is missing where that is known."""
    memory.starved = True
    folder = task.target.parent
    size = progress.size if progress.size is not None else task.size
    try:
        with progress.calls.waiting():
            free = measure(folder).free
    except OSError:
        # The numbers are a courtesy; that there is no room is said anyway.
        return _waiting(trouble, trouble.message, wait, "space")
    left = 0 if size is None else size - progress.done
    reason = trouble.message
    if left > free:
        reason = (
            f"needs {quantities.size(left - free)} more in {folder} "
            f"({quantities.size(free)} free, {quantities.size(left)} to come)"
        )
    elif left:
        reason = f"{trouble.message} ({quantities.size(left)} to come)"
    return _waiting(trouble, reason, wait, "space")


def _skipped(found: Existing) -> Outcome:
    how = found.verified_by
    told = f", {AS_RECORDED}" if how == AS_RECORDED else f"; verified by {how}"
    return Outcome(
        TransferState.SKIPPED,
        reason=f"already here{told}",
        size=found.size,
        md5=found.md5,
        verified_by=how,
        mtime_ns=found.seen[3] if found.seen else None,
        is_news=found.is_news,
        blocks=found.blocks,
    )


def _waiting(trouble: TransferError, reason: str, wait: float | None, needs: str = "") -> Outcome:
    return Outcome(
        TransferState.WAITING,
        reason=reason,
        code=trouble.code,
        retryable=True,
        wait=wait,
        needs=needs,
    )


def _postponed(trouble: TransientError, tools: Tools) -> Outcome:
    """To be tried again later, by whichever worker is free then."""
    wait = trouble.retry_after or 0.0
    if isinstance(trouble, ShareLost):
        wait = tools.timings.lost_share.first
    if isinstance(trouble, TooManyOpen):
        wait = tools.timings.too_many_open.first
    return _waiting(trouble, trouble.waiting(wait), wait)


def _is_crowded(trouble: TransferError, progress: Progress) -> bool:
    """Whether it may have been refused for the sake of other files: there was no answer at all."""
    return trouble.crowded or (trouble.code in _NO_ANSWER and progress.answered_in is None)


def _failed(trouble: TransferError) -> Outcome:
    return Outcome(
        TransferState.FAILED,
        reason=trouble.message,
        code=trouble.code,
        retryable=trouble.retryable,
    )
