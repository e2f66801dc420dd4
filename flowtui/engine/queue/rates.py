"""How far and how fast the transfers are that run, as clients are told."""

from __future__ import annotations

from flowtui.engine.queue.queue import Queue, Transfer
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
        _measure(run, now)
        if take_over(queue, transfer, run, run.progress.phase, run.progress.reason):
            overall += run.rate
    return overall if overall > 1 else 0.0


def take_over(queue: Queue, transfer: Transfer, run: Run, phase: str, reason: str) -> bool:
    """Take over how far one worker is, in this phase and for this reason; whether it is running."""
    if transfer.state is TransferState.QUEUED and run.started and not run.is_leaving:
        queue.change(transfer, TransferState.ACTIVE, reason="", code="", retryable=False)
    if transfer.state not in RUNNING:
        return False
    progress, reason = run.progress, run.held_up or reason
    state = TransferState.VERIFYING if phase == "verifying" else TransferState.ACTIVE
    if not reason and progress.resumed_at and progress.size:
        reason = f"resumed at {100 * progress.resumed_at // progress.size} %"
    latest = {"reason": reason, "size": progress.size, "resumed_at": progress.resumed_at}
    known = (transfer.reason, transfer.size, transfer.resumed_at)
    queue.change(
        transfer,
        state if state is not transfer.state else None,
        done=progress.done,
        rate=run.rate if run.rate > 1 else 0.0,
        connections=progress.connections,
        **(latest if tuple(latest.values()) != known else {}),
    )
    return True


def _measure(run: Run, now: float) -> None:
    seconds = now - run.measured_at
    if seconds > 0:
        latest = (run.progress.fetched - run.fetched) / seconds
        weight = min(1.0, seconds / RATE_SECONDS)
        run.rate = latest if run.rate == 0 else run.rate + weight * (latest - run.rate)
        run.fetched, run.measured_at = run.progress.fetched, now
