"""Lanes: work on one folder in its order, and beside what hangs in another."""

from __future__ import annotations

import threading

import pytest

from flowtui.engine.workers.lanes import Lanes
from support.waiting import GUARD


def in_thread(work: object) -> None:
    threading.Thread(target=work, daemon=True).start()  # type: ignore[arg-type]


def test_what_hangs_in_one_lane_is_told_with_its_folder_and_holds_up_no_other() -> None:
    lanes = Lanes(in_thread, clock=lambda: 7.0)
    gate = threading.Event()
    stuck = lanes.do("paths", "/hung", gate.wait)
    behind = lanes.do("paths", "/hung", lambda: 2)
    assert lanes.do("paths", "/well", lambda: 1).result(GUARD) == 1
    assert lanes.do("sweep", "/hung", lambda: 3).result(GUARD) == 3
    assert lanes.since()["/hung"] == 7.0
    assert not behind.done()
    gate.set()
    assert stuck.result(GUARD)
    assert behind.result(GUARD) == 2


def test_one_lane_keeps_the_order_and_one_thread() -> None:
    waiting: list[object] = []
    lanes = Lanes(waiting.append)
    done: list[int] = []
    for number in range(5):
        lanes.post("log", "/to", lambda number=number: done.append(number))  # type: ignore[misc]
    assert len(waiting) == 1
    waiting.pop()()  # type: ignore[operator]
    assert done == [0, 1, 2, 3, 4]
    assert lanes.is_idle


def test_what_work_raises_is_its_asker_s_and_else_a_mistake() -> None:
    told: list[str] = []
    lanes = Lanes(lambda work: work(), lambda what, error: told.append(f"{what}: {error}"))

    def fail() -> None:
        raise OSError("no such disk")

    with pytest.raises(OSError, match="no such disk"):
        lanes.do("paths", "/to", fail).result(GUARD)
    lanes.post("sweep", "/to", fail)
    assert told == ["the sweep of a folder failed: no such disk"]


def test_without_any_thread_the_lane_is_free_for_the_next() -> None:
    def refuse(work: object) -> None:
        raise RuntimeError("can't start new thread")

    lanes = Lanes(refuse)
    with pytest.raises(RuntimeError):
        lanes.do("paths", "/to", lambda: 1)
    assert lanes.is_idle
