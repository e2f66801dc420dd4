"""What proves that the bytes of a transfer are the right ones, and what proves them wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowtui.flow.formats import (
    BAM_END,
    container_kind,
    ends_with_marker,
    looks_like_page,
    may_be_page,
)
from flowtui.transfer.cancel import StopSignal
from flowtui.transfer.disk.part_file import PartFile
from flowtui.transfer.errors import Damaged, PermanentError
from flowtui.transfer.verify.containers import ContainerCheck
from flowtui.transfer.verify.md5 import md5_of_open

if TYPE_CHECKING:
    from flowtui.transfer.task import Task


def container_to_try(task: Task) -> str | None:
    """The kind of container whose own checksums speak for the file, or None."""
    if task.md5 is not None or not task.check_containers:
        return None
    return container_kind(task.filename)


def checking(task: Task) -> str:
    """What is being looked at, in words."""
    if task.md5 is not None:
        return "comparing the md5"
    kind = container_to_try(task)
    return f"reading the {kind} data to its end" if kind else "comparing the size"


def verified_by(
    task: Task,
    part: PartFile,
    size: int,
    md5: str,
    stop: StopSignal,
    container: ContainerCheck | None,
) -> str:
    """What proves the bytes right; of the `container`, what has been tried already counts.

    Raises PermanentError where something proves them wrong.
    """
    is_page = not task.accept_any_type and _is_page(task.filename, part)
    if task.md5 is not None:
        if md5 == task.md5:
            return "md5"
        if is_page and size != task.size:
            raise _page()
        raise PermanentError(
            f"md5 mismatch: Flow says {task.md5}, the download has {md5}; tell the file's owner",
            code="MD5",
            retryable=True,
        )
    if container is not None and container.damage:
        raise _damaged(container.damage)  # it was not fetched to its end
    if task.size is not None and size != task.size:
        raise PermanentError(
            f"size mismatch: Flow says {task.size:,} bytes, the download has {size:,}",
            code="SIZE",
            retryable=True,
        )
    if size == 0 and task.size is None:
        raise PermanentError(
            "the download is empty, and Flow does not say that the file is",
            code="EMPTY",
            retryable=True,
        )
    if task.size is None and is_page:
        raise _page()
    known = "size" if task.size is not None else "length"
    if container is None:
        return known
    try:
        checked = container.verdict(part.path, stop.check)
    except Damaged as error:
        raise _damaged(str(error)) from error
    unmarked = part.read(max(0, size - len(BAM_END)), len(BAM_END)) != BAM_END
    if checked and unmarked and task.size is None and ends_with_marker(task.filename):
        raise _damaged("the BAM file is truncated: its end-of-file block is missing")
    return f"{known} and {checked}" if checked else known


@dataclass(frozen=True)
class Damage:
    """Bytes that are broken by their own checksums.

    Attributes:
        length: how many from the front show it. `md5`: theirs.
    """

    length: int
    md5: str


def damage_of(
    part: PartFile, size: int | None, container: ContainerCheck | None, stop: StopSignal
) -> Damage:
    """What a download that was found DAMAGED looks like; `size` is None where not all came."""
    length = container.damaged_at if container is not None else None
    length = length if length is not None else size or 0
    return Damage(length, md5_of_open(part.descriptor, stop.check, length))


def is_broken_on_flow(
    task: Task, part: PartFile, size: int, before: Damage | None, stop: StopSignal
) -> bool:
    """Whether a file that came damaged once more is what Flow has: of its size, the same twice."""
    if before is None:
        return False
    return (
        size == task.size and md5_of_open(part.descriptor, stop.check, before.length) == before.md5
    )


def _damaged(words: str) -> PermanentError:
    return PermanentError(words, code="DAMAGED", retryable=True)


def _is_page(filename: str, part: PartFile) -> bool:
    """Whether what came begins as a web page, which was not asked for."""
    return not may_be_page(filename) and looks_like_page(part.read(0, 64))


def _page() -> PermanentError:
    return PermanentError(
        "the server sent a web page instead of the file; the session may have ended; if it is the "
        "file, use --accept-any-type",
        code="NOT_A_FILE",
        retryable=True,
    )
