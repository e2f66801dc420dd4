"""What follows from an outcome, case by case: no thread, no clock, no disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flowtui.engine.queue.outcomes import Effect, FollowUp, follow_up
from flowtui.engine.queue.queue import Transfer
from flowtui.protocol.states import TransferState, check_transfer
from flowtui.transfer.fetch.progress import Progress
from flowtui.transfer.task import Outcome

T = TransferState

DONE = Outcome(T.DONE, size=100, verified_by="md5", md5="a" * 32)
FAILED = Outcome(T.FAILED, "not found", "NOT_FOUND", retryable=True)
SKIPPED = Outcome(T.SKIPPED, size=100, md5="a" * 32, is_news=False)
STOPPED = Outcome(T.PAUSED)
RETRY_LATER = Outcome(T.WAITING, "asked to wait", "RATE", retryable=True, wait=38.0)
SIGNED_OUT = Outcome(T.WAITING, "sign in again", "UNAUTHENTICATED", needs="sign-in")
OCCUPIED = Outcome(T.WAITING, needs="place")

END = (Effect.DROP_CARRY_OVER, Effect.LOG, Effect.ANNOUNCE)
QUIET_END = (Effect.DROP_CARRY_OVER, Effect.ANNOUNCE)
ANOTHER_PATH = (Effect.NEW_PATH, Effect.DROP_CARRY_OVER)


def transfer(state: TransferState, **more: Any) -> Transfer:
    return Transfer(
        id=1, batch_id=1, key="data/1", filename="f", folder=("data",), url="/u", root="/to",
        path="data/f", server="s", expected=100, state=state, **more,
    )  # fmt: skip


def after(
    state: TransferState,
    outcome: Outcome,
    *,
    leaving: bool = False,
    signed_in: bool = False,
    **more: Any,
) -> FollowUp:
    progress = Progress()
    progress.done, progress.resumed_at = 60, 20
    return follow_up(
        transfer(state, **more), outcome, progress, is_leaving=leaving, signed_in_since=signed_in
    )


@pytest.mark.parametrize(
    ("before", "outcome", "leaving", "signed_in", "states", "effects"),
    [
        # What is whole is done, whatever people asked for meanwhile.
        (T.ACTIVE, DONE, False, False, (T.DONE,), END),
        (T.VERIFYING, DONE, False, False, (T.DONE,), END),
        (T.PAUSED, DONE, True, False, (T.DONE,), END),
        (T.CANCELLED, DONE, True, False, (T.DONE,), END),
        (T.QUEUED, DONE, True, False, (T.ACTIVE, T.DONE), END),
        (T.ACTIVE, SKIPPED, False, False, (T.SKIPPED,), QUIET_END),
        (T.PAUSED, SKIPPED, True, False, (T.SKIPPED,), QUIET_END),
        (T.ACTIVE, FAILED, False, False, (T.FAILED,), END),
        # A small file's run may be over before anybody looked how far it was.
        (T.QUEUED, DONE, False, False, (T.ACTIVE, T.DONE), END),
        (T.QUEUED, FAILED, False, False, (T.ACTIVE, T.FAILED), END),
        # What people asked for holds against all but a whole file.
        (T.PAUSED, STOPPED, True, False, (), ()),
        (T.PAUSED, FAILED, True, False, (), ()),
        (T.PAUSED, RETRY_LATER, True, False, (), ()),
        (T.PAUSED, SIGNED_OUT, True, True, (), ()),
        (T.CANCELLED, STOPPED, True, False, (), (Effect.DROP_CARRY_OVER, Effect.SWEEP)),
        (T.CANCELLED, FAILED, True, False, (), (Effect.DROP_CARRY_OVER, Effect.SWEEP)),
        # Paused and resumed while its worker let go.
        (T.QUEUED, STOPPED, True, False, (), (Effect.ENQUEUE,)),
        (T.QUEUED, FAILED, True, False, (), (Effect.ENQUEUE,)),
        # The engine ends: the next one goes on.
        (T.ACTIVE, STOPPED, True, False, (), ()),
        (T.QUEUED, STOPPED, False, False, (T.ACTIVE,), ()),
        # What it waits for.
        (T.ACTIVE, RETRY_LATER, False, False, (T.WAITING,), (Effect.AWAIT_TIME,)),
        (T.QUEUED, RETRY_LATER, False, False, (T.ACTIVE, T.WAITING), (Effect.AWAIT_TIME,)),
        (T.ACTIVE, RETRY_LATER, False, True, (T.WAITING,), (Effect.AWAIT_TIME,)),
        (T.ACTIVE, SIGNED_OUT, False, False, (T.WAITING,), (Effect.AWAIT_SIGN_IN,)),
        (T.ACTIVE, SIGNED_OUT, False, True, (T.QUEUED,), (Effect.ENQUEUE,)),
        (T.QUEUED, SIGNED_OUT, False, True, (T.ACTIVE, T.QUEUED), (Effect.ENQUEUE,)),
        (T.ACTIVE, OCCUPIED, False, False, (T.QUEUED,), ANOTHER_PATH),
        (T.VERIFYING, OCCUPIED, False, False, (T.QUEUED,), ANOTHER_PATH),
    ],
)
def test_which_states_and_effects_follow(
    before: TransferState,
    outcome: Outcome,
    leaving: bool,
    signed_in: bool,
    states: tuple[TransferState, ...],
    effects: tuple[Effect, ...],
):
    found = after(before, outcome, leaving=leaving, signed_in=signed_in)
    assert (found.states, found.effects) == (states, effects)
    for state in states:
        check_transfer(before, state)
        before = state


def test_how_far_it_was_is_kept_where_it_can_go_on():
    for state, outcome in [(T.PAUSED, STOPPED), (T.ACTIVE, STOPPED), (T.ACTIVE, RETRY_LATER)]:
        assert after(state, outcome).fields["done"] == 60
    assert after(T.ACTIVE, SIGNED_OUT, signed_in=True).fields["done"] == 60
    assert after(T.ACTIVE, FAILED).fields["done"] == 60
    assert after(T.CANCELLED, STOPPED).fields == {"done": 0}
    assert after(T.ACTIVE, OCCUPIED).fields["done"] == 0


def test_why_it_waits_is_said_and_forgotten_when_it_goes_on():
    fields = after(T.ACTIVE, RETRY_LATER).fields
    assert (fields["reason"], fields["code"], fields["retryable"]) == (
        "asked to wait",
        "RATE",
        True,
    )
    again = after(T.ACTIVE, SIGNED_OUT, signed_in=True, reason="old", code="OLD").fields
    assert (again["reason"], again["code"], again["retryable"]) == ("", "", False)


def test_the_end_of_a_good_file_has_its_size_and_md5():
    fields = after(T.ACTIVE, DONE, md5="b" * 32).fields
    assert (fields["done"], fields["size"], fields["md5"]) == (100, 100, "a" * 32)
    assert (fields["resumed_at"], fields["verified_by"]) == (20, "md5")
    failed = after(T.ACTIVE, FAILED, md5="b" * 32, size=70).fields
    assert (failed["size"], failed["md5"]) == (70, "b" * 32)


def test_another_name_at_the_end_is_claimed_before_anybody_is_told():
    outcome = Outcome(T.DONE, size=100, final=Path("/to/data/f~2"))
    found = after(T.ACTIVE, outcome)
    assert found.fields["path"] == "data/f~2"
    assert found.effects == (Effect.CLAIM_PATH, *END)


def test_each_further_foreign_file_is_counted():
    assert after(T.ACTIVE, OCCUPIED, occupied=2).fields["occupied"] == 3


def test_an_archive_that_does_not_stay_is_not_logged():
    assert after(T.ACTIVE, DONE, temporary=True).effects == QUIET_END
    assert after(T.ACTIVE, FAILED, temporary=True).effects == QUIET_END


def test_a_file_that_was_here_is_logged_where_no_md5_was_known():
    assert after(T.ACTIVE, Outcome(T.SKIPPED, size=100)).effects == END
