"""The tables of states hold together."""

from __future__ import annotations

import pytest

from flowtui.protocol import states
from flowtui.protocol.states import (
    BULK_ENDED,
    BULK_STEPS,
    ENDED,
    PENDING_WORK,
    RUNNING,
    TRANSFER_STEPS,
    UNFINISHED,
    BulkState,
    TransferState,
    WrongStep,
    check_bulk,
    check_transfer,
)

T, B = TransferState, BulkState


def reachable(steps, start):
    found, todo = {start}, [start]
    while todo:
        for after in steps[todo.pop()] - found:
            found.add(after)
            todo.append(after)
    return found


def test_every_state_is_in_the_table_and_can_be_reached():
    assert set(TRANSFER_STEPS) == set(T)
    assert set(BULK_STEPS) == set(B)
    assert reachable(TRANSFER_STEPS, T.QUEUED) == set(T)
    assert reachable(BULK_STEPS, B.PENDING) == set(B)


def test_no_state_follows_itself():
    assert not any(one in after for one, after in TRANSFER_STEPS.items())
    assert not any(one in after for one, after in BULK_STEPS.items())


def test_the_groups_fit_together():
    assert set(T) == UNFINISHED | ENDED
    assert not UNFINISHED & ENDED
    assert RUNNING < PENDING_WORK < UNFINISHED
    assert {T.PAUSED} == UNFINISHED - PENDING_WORK


@pytest.mark.parametrize("one", sorted(RUNNING))
def test_a_worker_may_come_to_any_outcome_from_what_was_last_heard_of_it(one):
    """Verifying too: that the file came up meanwhile is found at the last step."""
    outcomes = {T.DONE, T.SKIPPED, T.FAILED, T.WAITING, T.QUEUED}
    assert outcomes <= TRANSFER_STEPS[one]


@pytest.mark.parametrize("one", sorted(UNFINISHED))
def test_what_is_unfinished_can_be_cancelled_paused_and_can_come_to_its_end(one):
    assert T.CANCELLED in TRANSFER_STEPS[one]
    assert one is T.PAUSED or T.PAUSED in TRANSFER_STEPS[one]
    assert T.DONE in reachable(TRANSFER_STEPS, one)


@pytest.mark.parametrize("one", sorted(ENDED | {T.PAUSED, T.WAITING} | RUNNING))
def test_all_can_be_queued_again(one):
    assert T.QUEUED in TRANSFER_STEPS[one]


def test_a_good_end_is_left_by_a_new_wish_only():
    assert TRANSFER_STEPS[T.DONE] == TRANSFER_STEPS[T.SKIPPED] == {T.QUEUED}
    assert BULK_STEPS[B.DONE] == {B.PENDING}


def test_nothing_is_done_without_having_run_or_been_looked_at():
    before = {one for one in T if T.DONE in TRANSFER_STEPS[one]}
    # Paused and cancelled: the last byte was there before the pause reached the worker.
    assert before == {*RUNNING, T.PAUSED, T.CANCELLED}


@pytest.mark.parametrize("one", sorted(set(B) - BULK_ENDED))
def test_a_bulk_job_under_way_can_fail_expire_and_be_cancelled(one):
    # What is unpacked, or comes by itself, expires no more.
    expires = set() if one in (B.UNPACKING, B.ONE_BY_ONE) else {B.EXPIRED}
    assert {B.FAILED, B.CANCELLED} | expires <= BULK_STEPS[one]
    assert B.DONE in reachable(BULK_STEPS, one)


def test_a_wrong_step_is_refused_in_words():
    check_transfer(T.QUEUED, T.ACTIVE)
    check_bulk(B.PENDING, B.PROCESSING)
    with pytest.raises(WrongStep, match="from done to active"):
        check_transfer(T.DONE, T.ACTIVE)
    with pytest.raises(WrongStep, match="from done to fetching"):
        check_bulk(B.DONE, B.FETCHING)
    for before, after in TRANSFER_STEPS.items():
        for one in set(T) - after:
            with pytest.raises(WrongStep):
                states.check_transfer(before, one)
