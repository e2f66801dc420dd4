"""A record of a run: made of what Flow says of it now, and put at its path like any other file."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from flowtui.protocol.states import TransferState
from flowtui.transfer.disk.commit import fingerprint
from flowtui.transfer.disk.downloads_log import is_untouched
from flowtui.transfer.disk.part_file import NoteBudget, PartFile, make_folder
from flowtui.transfer.errors import AuthRequired, PermanentError, TargetExists, TransientError
from flowtui.transfer.identity import Identity
from flowtui.transfer.task import Outcome, Task

if TYPE_CHECKING:
    from flowtui.flow.client import FlowClient


def write_record(
    task: Task,
    client: FlowClient,
    notes: NoteBudget,
    replacing: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Outcome:
    """Bring the record that `task.url` names to its path; `replacing` is entered for a change.

    One that we wrote before is replaced where Flow says something else now, as it does while a run
    goes on; what somebody made of it is set aside. Raises TransferError, OSError.
    """
    content = _content(task, client)
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    here = _here(task)
    if here is not None and _is_content(task.target, content):
        return Outcome(TransferState.SKIPPED, "already here; verified by content",
                       size=len(content), md5=digest, verified_by="content",
                       mtime_ns=here.st_mtime_ns, is_news=task.recorded is None)  # fmt: skip
    is_ours = task.recorded is not None and task.recorded.key == task.key
    is_ours = is_ours and not task.target.is_symlink()
    if here is not None and not is_ours:
        raise TargetExists(f"a different file stands at {task.target.name}")
    make_folder(task.target.parent)
    part = PartFile(task.target, Identity(key=task.key), notes, journaled=False)
    replaced = ""
    try:
        part.write(0, content)
        part.settle(len(content))
        with replacing() if here is not None else nullcontext():
            if here is not None and task.recorded and is_untouched(here, task.recorded):
                task.target.unlink()
                here = None
            replaces = None if here is None else fingerprint(here)
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


def _here(task: Task) -> os.stat_result | None:
    """What stands at the target, or None. Raises PermanentError for a folder, TargetExists."""
    target = task.target
    try:
        found = target.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    if stat.S_ISDIR(found.st_mode):
        raise PermanentError(f"a folder stands at {target}", code="IN_THE_WAY", retryable=True)
    if not target.is_file():
        raise TargetExists(f"a different file stands at {target.name}")
    return target.stat()


def _is_content(path: Path, content: bytes) -> bool:
    """Whether a file holds just this; of a larger one no more is read."""
    with path.open("rb") as stream:
        return stream.read(len(content) + 1) == content
