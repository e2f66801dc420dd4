"""The states of a transfer and of a bulk job, and which may follow which.

These two tables are the only place that says so; `check` is called for every change of state.
"""

from __future__ import annotations

from enum import StrEnum


class TransferState(StrEnum):
    """Where one file stands on its way to its path."""

    QUEUED = "queued"
    ACTIVE = "active"
    VERIFYING = "verifying"
    DONE = "done"
    PAUSED = "paused"
    WAITING = "waiting"  # for sign-in, for space, for a Retry-After; the reason is said
    FAILED = "failed"
    SKIPPED = "skipped"  # already here and verified
    CANCELLED = "cancelled"


class BulkState(StrEnum):
    """Where one archive that Flow prepares stands."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FETCHING = "fetching"
    UNPACKING = "unpacking"
    DONE = "done"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


_T = TransferState
_B = BulkState

TRANSFER_STEPS: dict[TransferState, frozenset[TransferState]] = {
    _T.QUEUED: frozenset({_T.ACTIVE, _T.PAUSED, _T.CANCELLED, _T.SKIPPED, _T.FAILED, _T.WAITING}),
    _T.ACTIVE: frozenset(
        {_T.VERIFYING, _T.DONE, _T.PAUSED, _T.WAITING, _T.FAILED, _T.SKIPPED, _T.CANCELLED,
         _T.QUEUED}
    ),
    # Skipped: at the last step the file stood there already, brought by somebody else.
    _T.VERIFYING: frozenset(
        {_T.DONE, _T.ACTIVE, _T.PAUSED, _T.WAITING, _T.FAILED, _T.SKIPPED, _T.CANCELLED,
         _T.QUEUED}
    ),
    _T.WAITING: frozenset({_T.QUEUED, _T.ACTIVE, _T.PAUSED, _T.FAILED, _T.CANCELLED}),
    # Done: its last byte was there before the pause reached it.
    _T.PAUSED: frozenset({_T.QUEUED, _T.CANCELLED, _T.DONE, _T.SKIPPED}),
    _T.FAILED: frozenset({_T.QUEUED, _T.CANCELLED}),
    _T.CANCELLED: frozenset({_T.QUEUED, _T.DONE, _T.SKIPPED}),
    _T.DONE: frozenset({_T.QUEUED}),  # asked for again: looked at, then done or skipped
    _T.SKIPPED: frozenset({_T.QUEUED}),
}  # fmt: skip

BULK_STEPS: dict[BulkState, frozenset[BulkState]] = {
    # Done: all was here already. Unpacking: an earlier run has fetched the archive.
    _B.PENDING: frozenset(
        {_B.PROCESSING, _B.COMPLETED, _B.FETCHING, _B.UNPACKING, _B.DONE, _B.FAILED, _B.EXPIRED,
         _B.CANCELLED}
    ),
    _B.PROCESSING: frozenset(
        {_B.PENDING, _B.COMPLETED, _B.FETCHING, _B.FAILED, _B.EXPIRED, _B.CANCELLED}
    ),
    _B.COMPLETED: frozenset({_B.PENDING, _B.FETCHING, _B.EXPIRED, _B.FAILED, _B.CANCELLED}),
    # Pending: the archive has expired and is asked for again.
    _B.FETCHING: frozenset(
        {_B.PENDING, _B.COMPLETED, _B.UNPACKING, _B.DONE, _B.FAILED, _B.EXPIRED, _B.CANCELLED}
    ),
    _B.UNPACKING: frozenset({_B.PENDING, _B.DONE, _B.FAILED, _B.CANCELLED}),
    _B.DONE: frozenset({_B.PENDING}),
    _B.FAILED: frozenset({_B.PENDING, _B.FETCHING, _B.UNPACKING, _B.CANCELLED}),
    _B.EXPIRED: frozenset({_B.PENDING, _B.CANCELLED}),
    _B.CANCELLED: frozenset({_B.PENDING, _B.FETCHING, _B.UNPACKING}),
}  # fmt: skip

RUNNING = frozenset({_T.ACTIVE, _T.VERIFYING})
"""A worker holds it."""

UNFINISHED = frozenset({_T.QUEUED, _T.ACTIVE, _T.VERIFYING, _T.WAITING, _T.PAUSED})
"""There are bytes still to come, unless someone cancels."""

PENDING_WORK = frozenset({_T.QUEUED, _T.ACTIVE, _T.VERIFYING, _T.WAITING})
"""The engine has something to do for it by itself."""

ENDED = frozenset({_T.DONE, _T.SKIPPED, _T.FAILED, _T.CANCELLED})

BULK_ENDED = frozenset({_B.DONE, _B.FAILED, _B.EXPIRED, _B.CANCELLED})


class WrongStep(Exception):
    """A change of state that the table does not have: a mistake in the program."""


def check_transfer(before: TransferState, after: TransferState) -> None:
    """Raise WrongStep unless a transfer may go from `before` to `after`."""
    if after not in TRANSFER_STEPS[before]:
        raise WrongStep(f"a transfer does not go from {before} to {after}")


def check_bulk(before: BulkState, after: BulkState) -> None:
    """Raise WrongStep unless a bulk job may go from `before` to `after`."""
    if after not in BULK_STEPS[before]:
        raise WrongStep(f"a bulk job does not go from {before} to {after}")
