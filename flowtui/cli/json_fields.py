"""The fields of transfers and bulk jobs as `--json` writes them: stable, documented names."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from flowtui.flow.remote_file import Origin
from flowtui.protocol.messages import BulkFileRow, BulkRow, TransferRow
from flowtui.protocol.states import CHANGED, REMOVED, TransferState
from flowtui.transfer.disk.names import is_numbering, numbered, safe_path

if TYPE_CHECKING:
    from flowtui.flow.models import Record

DEEPEST = 40
"""Levels of what a server sent that are passed on."""


def transfer_fields(row: TransferRow) -> dict[str, object]:
    """A transfer for programs; paths are absolute."""
    failed = row.state == TransferState.FAILED
    return {
        "id": row.id,
        "key": row.key,
        "filename": row.filename,
        "path": str(Path(row.root) / row.path),
        "state": str(row.state),
        "reason": row.reason,
        "code": row.code,
        "message": row.reason if failed else "",
        "retryable": row.retryable,
        "size": row.size,
        "done": row.done,
        "resumed_at": row.resumed_at,
        "md5": row.md5,
        "verified_by": row.verified_by,
        "seconds": round(row.seconds, 3),
        "outcome": _outcome(row),
        "replaced": _replaced(row),
        "linked": str(Path(row.root) / row.linked) if row.linked else None,
        "renamed_from": str(Path(row.root) / row.renamed_from) if row.renamed_from else None,
        "beside_foreign": row.occupied > 0,
        "foreign": foreign_path(row, row.root),
        **origin_fields(row.sample, row.belongs_to, row.origin),
    }


def _outcome(row: TransferRow) -> str | None:
    """How a transfer ended, in a word; None before."""
    if row.state == TransferState.DONE:
        return "linked" if row.linked else "replaced" if row.replaced else "downloaded"
    if row.state == TransferState.SKIPPED:
        return "kept" if is_kept(row) else "present"
    return str(row.state) if row.state in (TransferState.FAILED, TransferState.CANCELLED) else None


def is_kept(row: TransferRow) -> bool:
    """Whether a file that was changed here or on Flow was left as it is."""
    return row.state == TransferState.SKIPPED and row.code == CHANGED


def _replaced(row: TransferRow) -> str | None:
    """Where the earlier file is now, or `removed` where it was only a part of the new one."""
    if row.replaced in ("", REMOVED):
        return row.replaced or None
    return str((Path(row.root) / row.path).with_name(row.replaced))


def foreign_path(row: TransferRow | BulkFileRow, root: str) -> str | None:
    """Where the different file is because of which this one has a number; None where none is."""
    path = Path(root) / row.path
    plain = safe_path((), row.filename)[-1]
    if not row.occupied or not is_numbering(path.name, plain):
        return None
    return str(path.with_name(numbered(plain, row.occupied)))


def origin_fields(sample: str | None, belongs_to: str, origin: Origin) -> dict[str, str | None]:
    """Where on Flow a file comes from, for programs; null where that is not known."""
    return {
        "project": origin.project or None,
        "sample": sample,
        "sample_ref": belongs_to or None,
        "execution": f"execution/{origin.execution}" if origin.execution else None,
        "run": origin.run or None,
        "pipeline": origin.pipeline or None,
        "pipeline_version": origin.pipeline_version or None,
        "process": origin.process or None,
    }


def bulk_file_fields(file: BulkFileRow, job: BulkRow) -> dict[str, object]:
    """A file of a bulk job for programs; paths are absolute."""
    return {
        "key": file.key,
        "filename": file.filename,
        "path": str(Path(job.root) / file.path),
        "state": file.state,
        "reason": file.reason,
        "size": file.size,
        "md5": file.md5,
        "verified_by": file.verified_by,
        "beside_foreign": file.occupied > 0,
        "foreign": foreign_path(file, job.root),
        **origin_fields(file.sample, file.belongs_to, file.origin),
    }


def bulk_fields(job: BulkRow) -> dict[str, object]:
    """A bulk job for programs."""
    return {
        "id": job.id,
        "name": job.name,
        "state": str(job.state),
        "reason": job.reason,
        "code": job.code,
        "files": job.files,
        "bytes": job.bytes,
        "progress": None if job.progress is None else round(job.progress, 1),
        "created": job.created,
        "expires": job.expires,
        "ended": job.ended,
        "size": job.size,
        "done": job.done,
        "rate": round(job.rate),
        "eta": None if job.eta is None else round(job.eta),
        "unpack": job.unpack,
        "unpacked": job.unpacked,
        "unpacked_bytes": job.unpacked_bytes,
        "skipped": job.skipped,
        "one_by_one": job.one_by_one,
        "one_by_one_here": job.one_by_one_here,
        "beside_foreign": job.occupied,
        "archive": str(Path(job.root) / job.archive) if job.archive else "",
        "job_id": job.job_id,
        "transfer_id": job.transfer_id,
    }


def as_sent(record: Record, without: tuple[str, ...] = ()) -> dict[str, object]:
    """All fields of a record as Flow sent them, for programs.

    But server paths, which are nobody's business, and what of a link may be a signature.
    """
    given = record.given
    return {str(key): _passed_on(str(key), value) for key, value in given.items()
            if key not in (*without, "absolute_path")}  # fmt: skip


def _passed_on(name: str, value: object, depth: int = 0) -> object:
    if depth > DEEPEST:
        return None
    if isinstance(value, dict):
        return {
            str(key): _passed_on(str(key), inner, depth + 1)
            for key, inner in value.items()
            if key != "absolute_path"
        }
    if isinstance(value, list | tuple):
        return [_passed_on(name, inner, depth + 1) for inner in value]
    if name == "download_url" and isinstance(value, str):
        return _unsigned(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None  # JSON has no word for it
    return value


def _unsigned(link: str) -> str | None:
    try:
        return urlunsplit(urlsplit(link)._replace(query="", fragment=""))
    except ValueError:
        return None
