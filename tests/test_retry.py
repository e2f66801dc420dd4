"""The one rule of when a failed request is tried again, by tables; nothing here waits."""

from __future__ import annotations

import math
from email.utils import formatdate
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowtui.retry import (
    API,
    BULK_JOB,
    BUSY_FILE,
    FULL_DISK,
    LONGEST_ASKED,
    LONGEST_SAID,
    LOST_SHARE,
    SIGNED_OUT,
    TRANSFER,
    TRIES,
    Decision,
    ErrorKind,
    Failure,
    GiveUp,
    History,
    Policy,
    Sleep,
    YieldWorker,
    decide,
    retry_after,
)

POLICIES = [API, BULK_JOB, BUSY_FILE, FULL_DISK, LOST_SHARE, SIGNED_OUT, TRANSFER]
NOW = 10_000.0

EPOCH = 2_000_000_000.0
"""A moment in seconds since the epoch: in 2033."""

PASSING, OUTAGE = Failure(), Failure(ErrorKind.OUTAGE)
LASTING = Failure(ErrorKind.LASTING)
SHARE = Failure(wait=15.0)


def asked(seconds: float, kind: ErrorKind = ErrorKind.PASSING) -> Failure:
    return Failure(kind, asked=seconds)


def lowest(low: float, high: float) -> float:
    """No luck at all: jitter at its low end."""
    return low


def highest(low: float, high: float) -> float:
    return high


@pytest.mark.parametrize(
    ("policy", "failure", "failures", "since", "decision"),
    [
        # A question that somebody waits for: three tries, and no long waits.
        (API, PASSING, 1, 0, Sleep(0.5)),
        (API, PASSING, 2, 5, Sleep(1.0)),
        (API, PASSING, 3, 5, GiveUp()),
        (API, OUTAGE, 3, 0, GiveUp()),
        (API, LASTING, 1, 0, GiveUp()),
        (API, asked(0), 1, 0, Sleep(0)),
        (API, asked(7), 1, 0, Sleep(7)),
        (API, asked(7), 2, 7, Sleep(7)),
        (API, asked(7), 3, 14, GiveUp()),
        (API, asked(20), 1, 0, Sleep(20)),
        (API, asked(20.1), 1, 0, GiveUp()),
        # A file's bytes: as many tries without progress, patience for what is away or asks.
        (TRANSFER, PASSING, 0, 0, Sleep(0.75)),  # it brought something before it failed
        (TRANSFER, PASSING, 1, 0, Sleep(0.75)),
        (TRANSFER, PASSING, 2, 1, Sleep(1.5)),
        (TRANSFER, PASSING, 3, 3, GiveUp()),
        (TRANSFER, LASTING, 0, 0, GiveUp()),
        (TRANSFER, OUTAGE, 2, 1, Sleep(1.5)),
        (TRANSFER, OUTAGE, 3, 3, YieldWorker(3.0)),
        (TRANSFER, OUTAGE, 6, 60, YieldWorker(22.5)),
        (TRANSFER, OUTAGE, 40, 899, YieldWorker(22.5)),
        (TRANSFER, OUTAGE, 40, 900, GiveUp()),
        (TRANSFER, OUTAGE, 2, 2000, Sleep(1.5)),  # the tries are not used up
        (TRANSFER, asked(4), 1, 0, Sleep(4)),
        (TRANSFER, asked(10), 1, 0, Sleep(10)),
        (TRANSFER, asked(10.1), 1, 0, YieldWorker(10.1)),
        (TRANSFER, asked(0), 3, 3, YieldWorker(0)),
        (TRANSFER, asked(0), 4, 3, YieldWorker(6.0)),  # a server that is never done is not pressed
        (TRANSFER, asked(100), 4, 300, YieldWorker(100)),
        (TRANSFER, asked(1e9), 1, 0, YieldWorker(LONGEST_ASKED)),
        (TRANSFER, asked(1, ErrorKind.OUTAGE), 9, 900, GiveUp()),
        (TRANSFER, SHARE, 1, 0, YieldWorker(15.0)),
        (TRANSFER, SHARE, 3, 30, GiveUp()),
        # A bulk job is followed for as long as it takes.
        (BULK_JOB, PASSING, 1, 0, YieldWorker(5.0)),
        (BULK_JOB, PASSING, 2, 5, YieldWorker(10.0)),
        (BULK_JOB, PASSING, 4, 5, YieldWorker(40.0)),
        (BULK_JOB, PASSING, 5, 5, YieldWorker(60.0)),
        (BULK_JOB, PASSING, 5000, 1e6, YieldWorker(60.0)),
        (BULK_JOB, LASTING, 1, 0, GiveUp()),
        (BULK_JOB, asked(2), 1, 0, YieldWorker(5.0)),
        (BULK_JOB, asked(30), 1, 0, YieldWorker(30.0)),
        (BULK_JOB, asked(30), 5, 0, YieldWorker(60.0)),
        (BULK_JOB, asked(1e9), 1, 0, YieldWorker(3600.0)),
        # What is looked at again and again.
        (LOST_SHARE, PASSING, 1, 0, YieldWorker(15.0)),
        (LOST_SHARE, PASSING, 99, 1e6, YieldWorker(15.0)),
        (FULL_DISK, PASSING, 7, 1e6, YieldWorker(10.0)),
        (BUSY_FILE, PASSING, 7, 1e6, YieldWorker(5.0)),
        (SIGNED_OUT, PASSING, 7, 1e6, YieldWorker(60.0)),
    ],
)
def test_what_follows_from_a_failure(
    policy: Policy, failure: Failure, failures: int, since: float, decision: Decision
):
    """`since`: how many seconds ago the first failure of this row was."""
    history = History(failures, since=NOW - since)
    assert decide(failure, history, NOW, policy, lowest) == decision


def test_the_guide_s_tries_are_those_of_files_and_of_questions():
    assert (API.tries, TRANSFER.tries, TRIES) == (3, 3, 3)


@pytest.mark.parametrize(
    ("policy", "failures", "low", "high"),
    [
        (API, 1, 0.5, 1.0), (API, 2, 1.0, 1.5), (API, 9, 8.0, 8.5),
        (TRANSFER, 1, 0.75, 1.25), (TRANSFER, 3, 3.0, 5.0), (TRANSFER, 9, 22.5, 37.5),
        (BULK_JOB, 1, 5.0, 5.0), (BULK_JOB, 9, 60.0, 60.0),
    ],
)  # fmt: skip
def test_the_back_off_doubles_up_to_its_longest_and_is_spread(
    policy: Policy, failures: int, low: float, high: float
):
    assert policy.backoff(failures, lowest) == low
    assert policy.backoff(failures, highest) == high
    assert low <= policy.backoff(failures) <= high


@given(
    st.sampled_from(POLICIES),
    st.builds(
        Failure,
        st.sampled_from(ErrorKind),
        st.none() | st.floats(0, 1e12),
        st.none() | st.floats(0, 1e3),
    ),
    st.integers(0, 10**6),
    st.floats(0, 1e6),
)
def test_no_wait_is_negative_or_longer_than_is_believed(
    policy: Policy, failure: Failure, failures: int, since: float
):
    decision = decide(failure, History(failures, since), since + 100, policy)
    if isinstance(decision, GiveUp):
        assert policy.tries is not None or failure.kind is ErrorKind.LASTING
    else:
        assert 0 <= decision.seconds <= policy.believed
        assert isinstance(decision, YieldWorker) or decision.seconds <= policy.hold


@given(st.sampled_from(POLICIES), st.integers(1, 3000))
def test_a_later_try_never_waits_less(policy: Policy, failures: int):
    assert policy.backoff(failures, lowest) <= policy.backoff(failures + 1, lowest)


# What went before


def test_failures_in_a_row_are_counted_from_the_first():
    history = History()
    for number, now in enumerate((5.0, 6.0, 9.0), 1):
        history = history.failed(now)
        assert (history.failures, history.since) == (number, 5.0)


def test_progress_begins_the_count_anew():
    history = History().failed(5.0).failed(6.0)
    fruitful = history.failed(7.0, fruitless=False)
    assert (fruitful.failures, fruitful.since) == (0, 7.0)
    assert fruitful.failed(8.0) == History(1, since=8.0)


def test_what_fails_while_it_is_waited_is_one_failure():
    history = History().failed(100.0).waiting(100.0, 10.0)
    for now in (100.0, 103.0, 106.9):
        assert history.failed(now) == history
    assert history.failed(107.0).failures == 2
    assert history.failed(101.0, fruitless=False).failures == 0
    assert history.failed(101.0, fruitless=False).covered_until == -math.inf


@pytest.mark.parametrize("policy", [API, TRANSFER])
def test_a_server_that_stays_away_is_given_up_in_the_end(policy: Policy):
    """The whole way: what is waited in between, and after how long it is over."""
    now, history, waits = 0.0, History(), []
    while True:
        history = history.failed(now)
        decision = decide(OUTAGE, history, now, policy, highest)
        if isinstance(decision, GiveUp):
            break
        waits.append(decision.seconds)
        now += decision.seconds
    assert all(before <= after for before, after in pairwise(waits))
    assert waits[:2] == ([1.0, 1.5] if policy is API else [1.25, 2.5])
    assert len(waits) == 2 if policy is API else 900 <= now <= 940


# Retry-After


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0), ("12", 12.0), (" 7 ", 7.0), ("99999999999", LONGEST_SAID),
        ("", None), ("soon", None), ("-3", None), ("1.5", None), ("9" * 400, LONGEST_SAID),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        (formatdate(EPOCH + 90, usegmt=True), 90.0),
        (formatdate(EPOCH + 90), 90.0),  # without a zone it is UTC
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_SAID),
        ("Wed, 21 Oct 99999 07:28:00 GMT", None),
        ("Wed, 99 Oct 2015 07:28:00 GMT", None),
    ],
)  # fmt: skip
def test_retry_after(text: str, seconds: float | None):
    assert retry_after(text, clock=lambda: EPOCH) == seconds


@pytest.mark.parametrize("wrong_by", [0.0, -86_400.0, 3600.0])
def test_a_date_is_read_by_the_answers_own(wrong_by: float):
    """This machine's clock may be wrong by a day."""
    text, date = formatdate(EPOCH + 90, usegmt=True), formatdate(EPOCH, usegmt=True)
    assert retry_after(text, date, clock=lambda: EPOCH + wrong_by) == 90.0
    assert retry_after("12", date, clock=lambda: EPOCH + wrong_by) == 12.0
    assert retry_after(text, "today", clock=lambda: EPOCH) == 90.0


@given(st.text(max_size=40))
def test_any_retry_after_is_a_time_or_none(text: str):
    found = retry_after(text)
    assert found is None or (found >= 0 and math.isfinite(found))
