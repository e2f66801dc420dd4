"""How far and how fast the transfers are that run, as clients are told."""

from __future__ import annotations

from flowtui.engine.queue.queue import Queue
from flowtui.engine.workers.run import Run
from flowtui.protocol.states import RUNNING, TransferState

RATE_SECONDS = 3.0
"""Over which the rates that people see are smoothed."""


def sample(queue: Queue, runs: dict[int, Run], now: float) -> float:
    """Take over into the queue how far the workers are; bytes a second of all together."""
    overall = 0.0
    for id_, run in runs.items():
        transfer = queue.transfers.get(id_)
        if transfer is None or not run.started:
            continue
        if transfer.state is TransferState.QUEUED and not run.is_leaving:
            queue.change(transfer, TransferState.ACTIVE, reason="", code="", retryable=False)
        if transfer.state not in RUNNING:
            continue
        progress = run.progress
        seconds = now - run.looked
        if seconds > 0:
            latest = (progress.fetched - run.fetched) / seconds
            weight = min(1.0, seconds / RATE_SECONDS)
            run.rate = latest if run.rate == 0 else run.rate + weight * (latest - run.rate)
            run.fetched, run.looked = progress.fetched, now
        overall += run.rate
        state = TransferState.VERIFYING if progress.phase == "verifying" else TransferState.ACTIVE
        reason = progress.reason
        if not reason and progress.resumed_at and progress.size:
            reason = f"resumed at {100 * progress.resumed_at // progress.size} %"
        news: dict[str, object] = {}
        if (reason, progress.size, progress.resumed_at) != (
            transfer.reason,
            transfer.size,
            transfer.resumed_at,
        ):
            news = {
                "reason": reason,
                "size": progress.size,
                "resumed_at": progress.resumed_at,
            }
        queue.change(
            transfer,
            state if state is not transfer.state else None,
            done=progress.done,
            rate=run.rate if run.rate > 1 else 0.0,
            connections=progress.connections,
            **news,
        )
    return overall if overall > 1 else 0.0
