"""A record of a run: made of what Flow says of it now, and put at its path like any other file."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowtui.protocol.states import TransferState
from flowtui.system.files import UnfitFile, open_regular
from flowtui.system.shared_folder import open_folder
from flowtui.transfer.disk.calls import DiskCalls
from flowtui.transfer.disk.commit import fingerprint
from flowtui.transfer.disk.downloads_log import is_untouched
from flowtui.transfer.disk.part_file import NoteBudget, PartFile
from flowtui.transfer.errors import AuthRequired, PermanentError, TargetExists, TransientError
from flowtui.transfer.identity import Identity
from flowtui.transfer.task import Outcome, Task

if TYPE_CHECKING:
    from flowtui.flow.client import FlowClient


def write_record(
    task: Task,
    client: FlowClient,
    notes: NoteBudget,
    calls: DiskCalls,
    replacing: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Outcome:
    """Bring the record that `task.url` names to its path; `replacing` is entered for a change.

    One that we wrote before is replaced where Flow says something else now, as it does while a run
    goes on; what somebody made of it is set aside. `calls` is told of what waits
    for the disk. Raises TransferError, OSError.
    """
    content = _content(task, client)
    with calls.waiting():
        return _put(task, content, notes, replacing)


def _put(
    task: Task,
    content: bytes,
    notes: NoteBudget,
    replacing: Callable[[], AbstractContextManager[None]],
) -> Outcome:
    """Bring the content to the path of the record. Raises TransferError, OSError."""
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    here = _here(task, content)
    if here is not None and here.is_content:
        return Outcome(TransferState.SKIPPED, "already here; verified by content",
                       size=len(content), md5=digest, verified_by="content",
                       mtime_ns=here.found.st_mtime_ns, is_news=task.recorded is None)  # fmt: skip
    is_ours = task.recorded is not None and task.recorded.key == task.key
    is_ours = is_ours and here is not None and not here.is_link
    if here is not None and not is_ours:
        raise TargetExists(f"a different file stands at {task.target.name}")
    part = PartFile(task.target, Identity(key=task.key), notes, journaled=False, root=task.root)
    replaced = ""
    try:
        part.write(0, content)
        part.settle(len(content))
        with replacing() if here is not None else nullcontext():
            if here is not None and task.recorded and is_untouched(here.found, task.recorded):
                part.folder.unlink(task.target.name)
                here = None
            replaces = None if here is None else fingerprint(here.found)
            replaced = part.rename(task.target, len(content), replaces)
        mtime_ns = os.fstat(part.descriptor).st_mtime_ns
        part.finish()
    finally:
        if part.descriptor >= 0:
            part.remove()
        part.close()
    return Outcome(TransferState.DONE, "made of Flow's record of the run",
                   size=len(content), md5=digest, verified_by="content", mtime_ns=mtime_ns,
                   replaced=replaced)  # fmt: skip


def _content(task: Task, client: FlowClient) -> bytes:
    from flowtui.flow.errors import FlowError, NotSignedIn

    execution_id, _, name = task.url.partition(":")[2].rpartition("/")
    try:
        text = client.run_records(execution_id).get(name)
    except NotSignedIn as error:
        raise AuthRequired(error.message) from error
    except FlowError as error:
        if error.retryable:
            raise TransientError(error.message, code=error.code) from error
        raise PermanentError(error.message, code=error.code) from error
    if text is None:
        raise PermanentError("Flow no longer has this record of the run", code="NOT_FOUND")
    return text.encode("utf-8", "replace")


@dataclass(frozen=True)
class _Here:
    """What stands at the target: a file, or a link of ours to one.

    Attributes:
        is_content: whether it holds just what is to be written.
    """

    found: os.stat_result
    is_link: bool
    is_content: bool


def _here(task: Task, content: bytes) -> _Here | None:
    """What stands at the target. Raises PermanentError for a folder, TargetExists, OSError."""
    target = task.target
    try:
        folder = open_folder(target.parent, task.root)
    except (FileNotFoundError, NotADirectoryError):
        return None
    with folder:
        found = folder.stat(target.name)
        if found is None:
            return None
        if stat.S_ISDIR(found.st_mode):
            raise PermanentError(f"a folder stands at {target}", code="IN_THE_WAY", retryable=True)
        is_link = stat.S_ISLNK(found.st_mode)
        try:
            if is_link and folder.owns(found):
                descriptor = open_regular(target.name, folder=folder.descriptor)
            else:
                descriptor = folder.open_data(target.name)
        except (UnfitFile, FileNotFoundError):
            raise TargetExists(f"a different file stands at {target.name}") from None
        with open(descriptor, "rb") as stream:
            # Of a larger one no more is read.
            is_content = stream.read(len(content) + 1) == content
            return _Here(os.fstat(descriptor), is_link, is_content)
