"""The rate limit, on a clock that is made up, and in force on a running engine."""

from __future__ import annotations

import heapq
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowtui.config import Settings
from flowtui.transfer.http.rate_limit import RateLimit
from support.fault_server import FaultServer, File
from support.services import batch, engine, remote, rows
from support.waiting import GUARD, until


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def passed(limit: RateLimit, clock: Clock, takers: int, piece: int, seconds: float) -> int:
    """Bytes that so many connections get through in that time, each always with a piece in hand."""
    until = clock.now + seconds
    through = 0
    waiting = [(clock.now, n, limit.take(piece)) for n in range(takers)]
    heapq.heapify(waiting)
    while waiting[0][0] < until:
        when, who, ticket = heapq.heappop(waiting)
        clock.now = max(clock.now, when)
        delay = limit.due(ticket)
        if delay > 0:
            heapq.heappush(waiting, (clock.now + delay, who, ticket))
            continue
        through += piece
        heapq.heappush(waiting, (clock.now, who, limit.take(piece)))
    clock.now = until
    return through


@pytest.mark.parametrize("takers", [1, 16])
@pytest.mark.parametrize("piece", [16 << 10, 64 << 10, 512 << 10])
def test_ten_seconds_bring_ten_seconds_worth(takers: int, piece: int):
    clock = Clock()
    rate = 20 << 20
    limit = RateLimit(rate, clock)
    assert passed(limit, clock, takers, piece, 10) == pytest.approx(10 * rate, rel=0.05)


@settings(max_examples=20, deadline=None)
@given(
    rate=st.integers(1 << 20, 1 << 26),
    takers=st.integers(1, 16),
    idle=st.floats(0, 100),
)
def test_a_pause_is_not_made_up_for(rate: int, takers: int, idle: float):
    clock = Clock()
    limit = RateLimit(rate, clock)
    clock.now += idle
    piece = 64 << 10
    through = passed(limit, clock, takers, piece, 10)
    assert through <= 10.2 * rate + takers * piece


def test_a_new_rate_holds_at_once_also_for_those_that_wait():
    clock = Clock()
    limit = RateLimit(1000, clock)
    ticket = limit.take(1_000_000)
    assert 0 < limit.due(ticket) <= 0.2  # a thousand seconds to go, but it will look again soon
    limit.rate = 10_000_000
    clock.now += 0.1
    assert limit.due(ticket) == 0


def test_without_a_limit_nobody_waits_and_no_debt_is_left_for_a_later_one():
    clock = Clock()
    limit = RateLimit(0, clock)
    assert limit.due(limit.take(1 << 40)) == 0
    limit.rate = 1000
    limit.take(100)
    clock.now += 0.1
    assert limit.due(limit.taken) == 0


@pytest.mark.parametrize("connections", [1, 4])
def test_a_running_download_keeps_to_it_and_to_its_change(tmp_path: Path, connections: int):
    data = random.Random(1).randbytes(16_000_000)
    with FaultServer() as server:
        server.files["/downloads/1/a.bin"] = File(data)
        # At this rate it would take longer than is waited for it.
        made = engine(settings=Settings(limit_rate=200_000, connections=connections))
        made.add(batch(server, tmp_path, remote(server, "1", "a.bin")))
        until(lambda: rows(made)[0].done)
        assert rows(made)[0].state == "active"
        assert rows(made)[0].done < len(data) / 2
        assert made.settings(limit_rate=0)["limit_rate"] == 0
        assert made.wait_idle(GUARD)
        row = rows(made)[0]
        made.stop()
    assert row.state == "done", row
    assert (tmp_path / "data" / "a.bin").read_bytes() == data
