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
    ONE_BY_ONE = "one_by_one"  # its files come by transfers of their own
    DONE = "done"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


TRANSFER_STEPS: dict[TransferState, frozenset[TransferState]] = {
    TransferState.QUEUED: frozenset(
        {
            TransferState.ACTIVE,
            TransferState.PAUSED,
            TransferState.CANCELLED,
            TransferState.SKIPPED,
            TransferState.FAILED,
            TransferState.WAITING,
        }
    ),
    TransferState.ACTIVE: frozenset(
        {
            TransferState.VERIFYING,
            TransferState.DONE,
            TransferState.PAUSED,
            TransferState.WAITING,
            TransferState.FAILED,
            TransferState.SKIPPED,
            TransferState.CANCELLED,
            TransferState.QUEUED,
        }
    ),
    # Skipped: at the last step the file stood there already, brought by somebody else.
    TransferState.VERIFYING: frozenset(
        {
            TransferState.DONE,
            TransferState.ACTIVE,
            TransferState.PAUSED,
            TransferState.WAITING,
            TransferState.FAILED,
            TransferState.SKIPPED,
            TransferState.CANCELLED,
            TransferState.QUEUED,
        }
    ),
    TransferState.WAITING: frozenset(
        {
            TransferState.QUEUED,
            TransferState.ACTIVE,
            TransferState.PAUSED,
            TransferState.FAILED,
            TransferState.CANCELLED,
        }
    ),
    # Done: its last byte was there before the pause reached it.
    TransferState.PAUSED: frozenset(
        {TransferState.QUEUED, TransferState.CANCELLED, TransferState.DONE, TransferState.SKIPPED}
    ),
    TransferState.FAILED: frozenset({TransferState.QUEUED, TransferState.CANCELLED}),
    TransferState.CANCELLED: frozenset(
        {TransferState.QUEUED, TransferState.DONE, TransferState.SKIPPED}
    ),
    TransferState.DONE: frozenset(
        {TransferState.QUEUED}
    ),  # asked for again: looked at, then done or skipped
    TransferState.SKIPPED: frozenset({TransferState.QUEUED}),
}

BULK_STEPS: dict[BulkState, frozenset[BulkState]] = {
    # Done: all was here already. Unpacking: an earlier run has fetched the archive.
    # One by one: there will be no archive, or it is not worth while.
    BulkState.PENDING: frozenset(
        {
            BulkState.ONE_BY_ONE,
            BulkState.PROCESSING,
            BulkState.COMPLETED,
            BulkState.FETCHING,
            BulkState.UNPACKING,
            BulkState.DONE,
            BulkState.FAILED,
            BulkState.EXPIRED,
            BulkState.CANCELLED,
        }
    ),
    BulkState.PROCESSING: frozenset(
        {
            BulkState.ONE_BY_ONE,
            BulkState.PENDING,
            BulkState.COMPLETED,
            BulkState.FETCHING,
            BulkState.FAILED,
            BulkState.EXPIRED,
            BulkState.CANCELLED,
        }
    ),
    # Processing: Flow takes back that the archive is ready.
    BulkState.COMPLETED: frozenset(
        {
            BulkState.ONE_BY_ONE,
            BulkState.PENDING,
            BulkState.PROCESSING,
            BulkState.FETCHING,
            BulkState.EXPIRED,
            BulkState.FAILED,
            BulkState.CANCELLED,
        }
    ),
    # Pending: the archive has expired and is asked for again.
    BulkState.FETCHING: frozenset(
        {
            BulkState.ONE_BY_ONE,
            BulkState.PENDING,
            BulkState.COMPLETED,
            BulkState.UNPACKING,
            BulkState.DONE,
            BulkState.FAILED,
            BulkState.EXPIRED,
            BulkState.CANCELLED,
        }
    ),
    BulkState.UNPACKING: frozenset(
        {
            BulkState.PENDING,
            BulkState.ONE_BY_ONE,
            BulkState.DONE,
            BulkState.FAILED,
            BulkState.CANCELLED,
        }
    ),
    BulkState.ONE_BY_ONE: frozenset({BulkState.DONE, BulkState.FAILED, BulkState.CANCELLED}),
    BulkState.DONE: frozenset({BulkState.PENDING}),
    # Done, of these three: the last of its files has come by itself.
    BulkState.FAILED: frozenset(
        {
            BulkState.PENDING,
            BulkState.FETCHING,
            BulkState.UNPACKING,
            BulkState.ONE_BY_ONE,
            BulkState.DONE,
            BulkState.CANCELLED,
        }
    ),
    BulkState.EXPIRED: frozenset(
        {BulkState.PENDING, BulkState.ONE_BY_ONE, BulkState.DONE, BulkState.CANCELLED}
    ),
    BulkState.CANCELLED: frozenset(
        {
            BulkState.PENDING,
            BulkState.FETCHING,
            BulkState.UNPACKING,
            BulkState.ONE_BY_ONE,
            BulkState.DONE,
        }
    ),
}

RUNNING = frozenset({TransferState.ACTIVE, TransferState.VERIFYING})
"""A worker holds it."""

UNFINISHED = frozenset(
    {
        TransferState.QUEUED,
        TransferState.ACTIVE,
        TransferState.VERIFYING,
        TransferState.WAITING,
        TransferState.PAUSED,
    }
)
"""There are bytes still to come, unless someone cancels."""

PENDING_WORK = frozenset(
    {TransferState.QUEUED, TransferState.ACTIVE, TransferState.VERIFYING, TransferState.WAITING}
)
"""The engine has something to do for it by itself."""

CANCELLABLE = UNFINISHED | {TransferState.FAILED}
"""It can be cancelled; what it left on the disk goes then."""

GOOD = frozenset({TransferState.DONE, TransferState.SKIPPED})
"""The file is here and verified."""

OVER = GOOD | {TransferState.CANCELLED}
"""Nothing is left to be done for it, by anybody."""

ENDED = OVER | {TransferState.FAILED}
"""It does not go on by itself."""

BROKEN_ON_FLOW = "BROKEN_ON_FLOW"
"""The code of a file that is done, and is broken by its own checksums as Flow has it."""

BULK_ENDED = frozenset({BulkState.DONE, BulkState.FAILED, BulkState.EXPIRED, BulkState.CANCELLED})


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


AS_RECORDED = "as recorded"
"""`verified_by` of a file that nobody has touched since it was recorded, and that was not read."""

CHANGED = "CHANGED"
"""`code` of a file of ours that was changed here or on Flow, and was not replaced."""

REMOVED = "removed"
"""`TransferRow.replaced` where an earlier file was only a part of the new one."""
