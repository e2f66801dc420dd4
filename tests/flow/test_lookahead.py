"""Calls made ahead: in order, so many at once, and none after the end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError

import pytest

from flowtui.flow.walk.lookahead import Lookahead
from flowtui.flow.walk.pace import CONFIDENT_AFTER, Pace
from tests.support.waiting import GUARD, until


@pytest.fixture
def lookahead() -> Iterator[Lookahead]:
    made = Lookahead(width=4, window=6)
    yield made
    made.close()


def test_results_come_in_the_order_of_asking_and_side_by_side(lookahead: Lookahead) -> None:
    """Each of four waits for all four: they can only be under way together."""
    together = threading.Barrier(4, timeout=GUARD)

    def call(number: int) -> int:
        together.wait()
        return number

    assert list(lookahead.map(call, range(8))) == list(range(8))


def test_no_more_is_asked_for_than_the_window_holds(lookahead: Lookahead) -> None:
    started: list[int] = []
    taken = lookahead.map(lambda number: started.append(number) or number, range(1000))
    assert next(taken) == 0
    until(lambda: len(started) == 7)
    taken.close()
    lookahead.close()
    until(lambda: not any(t.name.startswith("lookahead") for t in threading.enumerate()))
    assert len(started) <= 8


def test_nobody_waits_for_ever_for_what_a_closed_one_will_not_do() -> None:
    """A call of one that takes the results of another, as a walk's parts read lists."""
    parts, lists = Lookahead(width=1), Lookahead(width=1)
    begun, go_on = threading.Event(), threading.Event()
    calls: list[int] = []

    def read(number: int) -> int:
        calls.append(number)
        begun.set()
        assert go_on.wait(GUARD)
        return number

    ended: list[BaseException] = []

    def walk() -> None:
        try:
            list(parts.map(lambda part: list(lists.map(read, range(3))), range(2)))
        except CancelledError as error:
            ended.append(error)

    walker = threading.Thread(target=walk)
    walker.start()
    assert begun.wait(GUARD)
    parts.close()
    lists.close()
    go_on.set()
    walker.join(GUARD)
    assert len(ended) == 1
    assert calls == [0]
    until(lambda: not any(t.name.startswith("lookahead") for t in threading.enumerate()))


def test_a_closed_one_does_nothing_more(lookahead: Lookahead) -> None:
    lookahead.close()
    with pytest.raises(CancelledError):
        list(lookahead.map(abs, range(3)))


def test_an_error_is_raised_at_its_turn(lookahead: Lookahead) -> None:
    def call(number: int) -> int:
        if number == 2:
            raise ValueError("two")
        return number

    taken = lookahead.map(call, range(5))
    assert [next(taken), next(taken)] == [0, 1]
    with pytest.raises(ValueError, match="two"):
        next(taken)


def test_an_error_of_the_items_is_raised_after_what_they_gave(lookahead: Lookahead) -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("no more")

    taken = lookahead.map(lambda number: number, items())
    assert next(taken) == 1
    with pytest.raises(ValueError, match="no more"):
        next(taken)


def test_several_maps_share_the_threads(lookahead: Lookahead) -> None:
    results: list[list[int]] = []

    def run() -> None:
        results.append(list(lookahead.map(lambda number: number * 2, range(50))))

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(GUARD)
    assert results == [[number * 2 for number in range(50)]] * 3


def test_a_busy_server_is_asked_half_as_much_and_then_gradually_more() -> None:
    now = 100.0
    pace = Pace(most=8, clock=lambda: now)
    pace.too_fast(10.0)
    pace.too_fast(10.0)  # of the same moment
    assert (pace.limit, pace.held_for()) == (4, 10.0)
    now += 10.0
    pace.too_fast()
    assert (pace.limit, pace.held_for()) == (2, 0.0)
    for _ in range(CONFIDENT_AFTER * 20):
        pace.answered()
    assert pace.limit == 8


def test_turns_are_as_many_as_the_limit() -> None:
    pace = Pace(most=2)
    inside = threading.Barrier(2, timeout=GUARD)
    most: list[int] = []
    active = 0
    lock = threading.Lock()

    def call() -> None:
        nonlocal active
        with pace.turn():
            with lock:
                active += 1
                most.append(active)
            inside.wait()
            with lock:
                active -= 1

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(GUARD)
    assert max(most) == 2
