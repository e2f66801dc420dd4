"""What the queue and its bulk jobs add up to, file by file. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from flowtui.engine.bulk.job import BulkJobRecord
from flowtui.protocol.messages import Summary
from flowtui.protocol.schema import MOST
from flowtui.protocol.states import BULK_ENDED, BulkState, TransferState
from flowtui.transfer.task import DONE, ONE_BY_ONE, SKIPPED

if TYPE_CHECKING:
    from flowtui.engine.queue.queue import Transfer

_UNCOUNTED = (TransferState.FAILED, TransferState.CANCELLED)


def with_files(
    summary: Summary, jobs: Iterable[BulkJobRecord], transfers: Mapping[int, Transfer]
) -> Summary:
    """The sums of the transfers, with the files of archives that are unpacked in their place."""
    files, done, total = Counter(summary.counts), summary.done, summary.total
    unknown = summary.unknown_sizes
    for job in jobs:
        archive = transfers.get(job.transfer_id or -1)
        if not job.unpack:
            if archive is None:
                files[_state_of_rest(job)] += 1  # the archive itself, which is still to come
            continue
        if archive is not None:
            files[archive.state.value] -= 1
            if archive.state not in _UNCOUNTED:
                done -= archive.done
                total -= archive.bytes_known
                unknown -= archive.size is None and archive.expected is None
        rest = len(job.data_ids) - len(job.results)
        files[TransferState.DONE.value] += job.count(DONE)
        files[TransferState.SKIPPED.value] += job.count(SKIPPED)
        files[_state_of_rest(job)] += rest
        here = job.bytes_of(DONE) + job.bytes_of(SKIPPED)
        done, total = done + here, total + here
        if job.state not in BULK_ENDED:
            to_come = max(0, job.bytes - job.bytes_of(ONE_BY_ONE) - here)
            total += to_come
            done += int(to_come * _share(job, archive))
    return replace(
        summary,
        file_counts={state: n for state, n in files.items() if n > 0},
        done=max(0, min(done, MOST)),
        total=max(0, min(total, MOST)),
        unknown_sizes=max(0, unknown),
        eta=(total - done) / summary.rate if summary.rate > 0 else None,
    )


def _state_of_rest(job: BulkJobRecord) -> str:
    """The state of the files of which nothing is here."""
    if job.state not in BULK_ENDED:
        return TransferState.QUEUED.value
    is_cancelled = job.state is BulkState.CANCELLED
    return (TransferState.CANCELLED if is_cancelled else TransferState.FAILED).value


def _share(job: BulkJobRecord, archive: Transfer | None) -> float:
    """How much of what is still in the archive is here, 0 to 1."""
    if job.state is BulkState.UNPACKING:
        return 1.0
    if archive is None or not archive.bytes_known or archive.state in _UNCOUNTED:
        return 0.0
    return min(1.0, archive.done / archive.bytes_known)
