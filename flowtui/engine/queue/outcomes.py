"""What follows when a worker has let go of a transfer: which states, and what else is to be done.

`follow_up` is pure: the transfer as it is and the outcome go in, instructions come out, and the
scheduler carries them out in their order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from flowtui.engine.queue.queue import Transfer
from flowtui.protocol.states import GOOD, TransferState
from flowtui.transfer.fetch.progress import Progress
from flowtui.transfer.task import Outcome


class Effect(Enum):
    """What the scheduler does once a transfer is changed."""

    ENQUEUE = "have it run again when its turn comes"
    NEW_PATH = "have another path found for it, a foreign file stands at its own; then run it again"
    CLAIM_PATH = "note that its path, chosen at the end, is its own"
    AWAIT_SIGN_IN = "hold all of its server until somebody signs in"
    AWAIT_TIME = "run it again after the seconds that the outcome names"
    DROP_CARRY_OVER = "forget what its next run would have gone on with"
    SWEEP = "remove what it left on the disk"
    LOG = "write its line into downloads.log"
    ANNOUNCE = "tell those who wait for its end"


@dataclass(frozen=True)
class FollowUp:
    """What is to be done with a transfer.

    Attributes:
        states: the states to go through, in order; none where it stays in its own.
        fields: what else of it changes, together with the last of the states.
        effects: what to do then, in this order.
    """

    states: tuple[TransferState, ...] = ()
    fields: Mapping[str, object] = field(default_factory=dict)
    effects: tuple[Effect, ...] = ()


_STOPPED_BY_PEOPLE = (TransferState.PAUSED, TransferState.CANCELLED)


def follow_up(
    transfer: Transfer,
    outcome: Outcome,
    progress: Progress,
    *,
    is_leaving: bool,
    signed_in_since: bool,
) -> FollowUp:
    """What follows for a transfer whose run has ended with this outcome.

    `is_leaving`: its worker was told to stop. `signed_in_since`: somebody has signed in at its
    server after the run began.
    """
    before = transfer.state
    kept = {"done": progress.done}
    whole = outcome.state in GOOD
    if not whole:
        if before is TransferState.CANCELLED:
            return FollowUp(fields={"done": 0}, effects=(Effect.DROP_CARRY_OVER, Effect.SWEEP))
        if before is TransferState.PAUSED:
            return FollowUp(fields=kept)
        if before is TransferState.QUEUED and is_leaving:
            # It was paused and resumed while its worker let go of it.
            return FollowUp(effects=(Effect.ENQUEUE,))
    # A small file's run may have ended before anybody looked how far it was.
    first = (TransferState.ACTIVE,) if before is TransferState.QUEUED else ()
    if outcome.state is TransferState.PAUSED:
        # Stopped by the end of the engine: it stays as it is, and goes on in the next one.
        return FollowUp(first, kept)
    if outcome.needs == "sign-in" and signed_in_since:
        # It was refused with the token of before.
        fields = {**kept, "reason": "", "code": "", "retryable": False}
        return FollowUp((*first, TransferState.QUEUED), fields, (Effect.ENQUEUE,))
    if outcome.state is TransferState.WAITING:
        return _wait(transfer, outcome, first, progress.done)
    return _end(transfer, outcome, first, progress)


def _wait(
    transfer: Transfer, outcome: Outcome, first: tuple[TransferState, ...], done: int
) -> FollowUp:
    if outcome.needs == "place":
        fields: dict[str, object] = {"occupied": transfer.occupied + 1, "done": 0, "reason": ""}
        effects = (Effect.NEW_PATH, Effect.DROP_CARRY_OVER)
        return FollowUp((*first, TransferState.QUEUED), fields, effects)
    fields = {
        "reason": outcome.reason,
        "code": outcome.code,
        "retryable": outcome.retryable,
        "done": done,
    }
    until = Effect.AWAIT_SIGN_IN if outcome.needs == "sign-in" else Effect.AWAIT_TIME
    return FollowUp((*first, TransferState.WAITING), fields, (until,))


def _end(
    transfer: Transfer, outcome: Outcome, first: tuple[TransferState, ...], progress: Progress
) -> FollowUp:
    good = outcome.state is not TransferState.FAILED
    size = outcome.size if good else transfer.size
    fields: dict[str, object] = {
        "reason": outcome.reason,
        "code": outcome.code,
        "retryable": outcome.retryable,
        "done": (size or 0) if good else progress.done,
        "size": size,
        "resumed_at": progress.resumed_at,
        "verified_by": outcome.verified_by,
        "seconds": outcome.seconds,
        "md5": outcome.md5 or transfer.md5,
        "replaced": outcome.replaced,
        "linked": outcome.linked,
        "renamed_from": outcome.renamed_from,
    }
    effects = [Effect.DROP_CARRY_OVER]
    if outcome.occupied:
        fields["occupied"] = outcome.occupied
    if outcome.final is not None:
        fields["path"] = str(outcome.final.relative_to(transfer.root))
        effects.insert(0, Effect.CLAIM_PATH)
    # A file that is still as it was recorded is no news, and a temporary archive does not stay.
    if outcome.is_news and not transfer.temporary:
        effects.append(Effect.LOG)
    effects.append(Effect.ANNOUNCE)
    return FollowUp((*first, outcome.state), fields, tuple(effects))
