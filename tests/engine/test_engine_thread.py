"""The engine's own thread: what it stores and tells, and that no mistake ends it."""

from __future__ import annotations

import logging
import queue
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flowtui.config import Settings
from flowtui.engine.engine import Engine
from flowtui.engine.queue.scheduler import Scheduler
from flowtui.engine.store.database import Store, StoreError
from flowtui.flow.remote_file import RemoteFile
from flowtui.protocol.messages import Batch, Changes, RequestRefused
from support.services import QUICK, engine, rows
from support.waiting import GUARD, until

NOBODY = "http://127.0.0.1:9"
"""Where nothing answers: what is queued for it never ends."""


def files(*numbers: int, **more: Any) -> tuple[RemoteFile, ...]:
    return tuple(
        RemoteFile(f"data/{n}", f"f{n}.gz", f"/downloads/{n}/f", ("data",), **more) for n in numbers
    )


def batch(root: Path, *numbers: int, bulk: bool = False, **more: Any) -> Batch:
    return Batch(NOBODY, str(root), "test", files(*numbers, **more), bulk=bulk)


def held(tmp_path: Path, *numbers: int, **more: Any) -> Engine:
    """An engine with these files, all paused."""
    made = engine(**more)
    made.settings(jobs=1)
    made.add(batch(tmp_path, *numbers))
    made.pause(None)
    return made


def test_what_was_forgotten_while_the_disk_was_full_stays_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    database = tmp_path / "queue.db"
    made = held(tmp_path, 1, 2, 3, database=database)
    made.cancel([1, 2])
    real = Store.save

    def full(self: Store, *args: Any) -> None:
        raise StoreError("cannot save the queue: the disk is full")

    monkeypatch.setattr(Store, "save", full)
    assert made.forget([1]) == 1
    until(lambda: "disk is full" in made.trouble)
    monkeypatch.setattr(Store, "save", real)
    assert made.forget([2]) == 1
    until(lambda: made.trouble == "")
    made.stop()
    again = engine(database=database)
    assert [one.key for one in rows(again)] == ["data/3"]
    again.stop()


def test_ids_are_given_once_also_in_the_next_engine(tmp_path: Path):
    database = tmp_path / "queue.db"
    made = held(tmp_path, 1, 2, database=database)
    assert made.add(batch(tmp_path, 3)).ids == (3,)
    made.stop()
    again = engine(database=database)
    added = again.add(batch(tmp_path, 4))
    assert added.ids == (4,)
    assert added.batch_id == 3
    again.stop()


def test_a_bulk_job_gets_no_id_of_a_forgotten_one(tmp_path: Path):
    """Clients that were told of both at once could not tell them apart."""
    made = engine()
    heard: list[Changes] = []
    made.subscribe(heard.append)
    first = made.add(batch(tmp_path, 1, data_id="1", bulk=True)).bulk_id
    assert first is not None
    made.bulk([first], "cancel")
    assert made.bulk([first], "forget") == 1
    second = made.add(batch(tmp_path, 1, data_id="1", bulk=True)).bulk_id
    assert second is not None
    assert second != first
    until(lambda: any(one.id == second for event in heard for one in event.bulk_jobs))
    assert [one.id for one in made.status(rows=True).bulk_jobs] == [second]
    made.stop()


def test_what_no_archive_can_hold_is_fetched_one_by_one(tmp_path: Path):
    made = engine()
    made.settings(jobs=1)
    mixed = Batch(NOBODY, str(tmp_path), "b", (*files(1, data_id="1"), *files(2)), bulk=True)
    added = made.add(mixed)
    assert (added.added, added.bulk_id) == (1, 1)
    assert [one.key for one in rows(made)] == ["data/2"]
    only = made.add(Batch(NOBODY, str(tmp_path), "b", files(3), bulk=True))
    assert (only.added, only.bulk_id) == (1, None)
    assert [one.files for one in made.status(rows=True).bulk_jobs] == [1]
    made.stop()


def test_who_listens_to_an_engine_at_rest_gets_a_snapshot_at_once(tmp_path: Path):
    made = held(tmp_path, 1)
    assert made.wait_idle(GUARD)
    told: list[Changes] = []
    end = made.subscribe(told.append)
    until(lambda: told)
    end()  # all is told and nothing moves
    heard: list[Changes] = []
    end = made.subscribe(heard.append)
    until(lambda: heard)
    assert (heard[0].reset, [one.key for one in heard[0].transfers]) == (True, ["data/1"])
    end()
    made.resume(None)
    made.pause(None)
    others: list[Changes] = []
    made.subscribe(others.append)
    until(lambda: others)  # whoever still listens has heard of it, too
    assert len(heard) == 1
    made.stop()


def test_a_listener_that_fails_costs_itself_only(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    made = held(tmp_path, 1)
    heard: list[Changes] = []

    def fails(changes: Changes) -> None:
        raise KeyError("a mistake")

    with caplog.at_level(logging.ERROR, "flowtui.engine"):
        made.subscribe(fails)
        made.subscribe(heard.append)
        until(lambda: heard)
    assert "a listener failed" in caplog.text
    made.cancel(None)
    until(lambda: any(row.state == "cancelled" for one in heard for row in one.transfers))
    assert caplog.text.count("a listener failed") == 1
    made.stop()


def test_a_mistake_in_a_turn_is_logged_and_the_next_turn_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    real, failures = Scheduler.tick, [ZeroDivisionError("a mistake")]

    def tick(self: Scheduler, now: float) -> float | None:
        if failures:
            raise failures.pop()
        return real(self, now)

    monkeypatch.setattr(Scheduler, "tick", tick)
    with caplog.at_level(logging.ERROR, "flowtui.engine"):
        made = engine(timings=replace(QUICK, mistake_rest=0.01))
        made.add(batch(tmp_path, 1))
        until(lambda: {one.state for one in rows(made)} == {"active"})
    assert "ZeroDivisionError" in caplog.text
    made.stop()


def test_whoever_asks_while_it_ends_gets_an_answer_or_is_refused(tmp_path: Path):
    made = held(tmp_path, *range(20))
    outcomes: list[str] = []

    asked = threading.Semaphore(0)

    def ask() -> None:
        try:
            while True:
                made.status()
                asked.release()
        except RequestRefused as error:
            outcomes.append(error.code)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for one in threads:
        one.start()
    for _ in range(50):
        assert asked.acquire(timeout=GUARD)
    made.stop()
    for one in threads:
        one.join(GUARD)
    assert outcomes == ["STOPPED"] * 8


@pytest.mark.parametrize(
    "wrong",
    [
        {"jobs": 0},
        {"jobs": 65},
        {"jobs": 2.5},
        {"connections": 17},
        {"limit_rate": -1},
        {"accept_any_type": 2},
    ],
)
def test_settings_out_of_bounds_change_nothing(wrong: dict[str, Any]):
    made = engine()
    before = made.settings()
    with pytest.raises(RequestRefused, match="must be between"):
        made.settings(**wrong)
    assert made.settings() == before
    made.stop()


def test_a_transfer_that_is_named_twice_is_meant_once(tmp_path: Path):
    made = held(tmp_path, 1, 2)
    first, second = (row.id for row in rows(made))
    assert made.resume([second, first, second]) == 2
    assert made.pause([first, first, second]) == 2
    assert made.cancel([first, second, first]) == 2
    assert made.forget([first, first]) == 1
    assert made.trouble == ""
    made.stop()


def test_a_limit_that_is_set_is_told_at_once_though_nothing_runs():
    made = engine()
    told: queue.SimpleQueue[Changes] = queue.SimpleQueue()
    made.subscribe(told.put)
    assert told.get(timeout=GUARD).summary.limit_rate == 0
    made.settings(limit_rate=77, connections=3)
    summary = told.get(timeout=GUARD).summary
    assert (summary.limit_rate, summary.connections) == (77, 3)
    made.stop()


def test_settings_that_were_changed_hold_until_the_engine_ends(tmp_path: Path):
    """Then those of the user's file count again, which would never be heard otherwise."""
    made = engine(database=tmp_path / "queue.db")
    changed = {"jobs": 7, "connections": 3, "limit_rate": 123_456}
    assert made.settings(**changed) == changed
    assert made.settings() == changed
    made.stop()
    again = engine(database=tmp_path / "queue.db", settings=Settings(jobs=2, limit_rate=5))
    assert again.settings() == {"jobs": 2, "connections": 0, "limit_rate": 5}
    again.stop()
