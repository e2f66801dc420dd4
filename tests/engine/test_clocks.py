"""The time of day is set, machines are suspended: what is waited for comes all the same."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from email.utils import formatdate
from pathlib import Path
from typing import Any, cast

import pytest

from flowtui.demo.scenarios import Scenario, scenarios_of
from flowtui.demo.serve import DemoServer
from flowtui.engine import loop
from flowtui.engine.queue.queue import Queue
from flowtui.engine.store.persistence import Persistence
from flowtui.system.clocks import Clocks, age, since_boot
from support import bulk
from support.bulk import check_all, job, start
from support.fault_server import answer
from support.lab import Lab, content
from support.record import Record
from support.services import batch, engine, remote, rows
from support.waiting import GUARD, until

HOUR, DAY = 3600.0, 86_400.0


@pytest.fixture
def server() -> Iterator[DemoServer]:
    with DemoServer(job_seconds=3600.0, token_seconds=3600) as running:
        yield running


@pytest.mark.parametrize("by", [-HOUR, -DAY, DAY])
def test_a_job_is_looked_at_whatever_the_time_of_day_is_said_to_be(
    server: DemoServer, tmp_path: Path, by: float
) -> None:
    """Set back by a day, nobody looked for a day; set ahead, all patience was over at once."""
    moved = 0.0
    record = Record()
    made = start(server, clocks=Clocks(day=lambda: time.time() + moved), record=record)
    made.add(bulk.batch(server, tmp_path, bulk.files_of(server, "sample/34")))
    record.until_job(lambda row: row.job_id != "")
    moved = by
    server.bulk.job_seconds = 0.0
    assert made.wait_idle(GUARD)
    row = job(made)
    check_all(made, server, tmp_path)
    made.stop()
    assert (row.state, row.unpacked) == ("done", row.files)


@pytest.mark.parametrize("by", [-DAY, DAY])
def test_the_next_engine_looks_soon_whatever_day_it_is(
    server: DemoServer, tmp_path: Path, by: float
) -> None:
    record = Record()
    made = start(server, tmp_path / "queue.db", record=record)
    made.add(bulk.batch(server, tmp_path / "to", bulk.files_of(server, "sample/34")))
    record.until_job(lambda row: row.job_id != "")
    made.stop()
    server.bulk.job_seconds = 0.0
    moved = Clocks(day=lambda: time.time() + by)
    again = start(server, tmp_path / "queue.db", clocks=moved)
    assert again.wait_idle(GUARD)
    assert job(again).state == "done"
    again.stop()


def test_what_passes_while_the_machine_is_suspended_ends_no_patience(
    server: DemoServer, tmp_path: Path
) -> None:
    """Nobody could look meanwhile; what is due comes at once afterwards."""
    server.bulk.scenarios = scenarios_of([Scenario.NEVER_READY])
    slept = 0.0
    record = Record()
    made = start(server, clocks=Clocks(due=lambda: since_boot() + slept), record=record)
    made.add(bulk.batch(server, tmp_path, bulk.files_of(server, "sample/34")))
    record.until_job(lambda row: row.job_id != "")
    slept = 1900.0
    asked = len(server.requests)
    until(lambda: len(server.requests) > asked + 2)
    assert job(made).state in ("pending", "processing")
    made.stop()


def test_a_wait_goes_on_while_the_machine_is_suspended(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "LONGEST_SLEEP", 0.02)
    slept = 0.0
    date, later = (formatdate(2e9 + after, usegmt=True) for after in (0, 3000))
    lab.serve(content(1000), handlers=[answer(503, Retry_After=later, Date=date)])
    made = engine(lab.client, clocks=Clocks(due=lambda: since_boot() + slept))
    made.add(batch(lab.server, lab.root, remote(lab.server, "1", lab.name)))
    until(lambda: rows(made)[0].state == "waiting")
    assert "the server asked to wait 50 min" in rows(made)[0].reason
    slept = HOUR
    assert made.wait_idle(GUARD)
    assert rows(made)[0].state == "done"
    made.stop()


def at_once(work: Callable[[], Any]) -> Future[Any]:
    """Call it in this thread."""
    future: Future[Any] = Future()
    future.set_result(work())
    return future


@pytest.mark.parametrize("by", [-DAY, DAY])
def test_a_notice_of_another_day_is_not_shown_for_ever(tmp_path: Path, by: float) -> None:
    """It was written while the clock was wrong."""

    def shown(day: float) -> bool:
        kept = Persistence(tmp_path / "queue.db", at_once, Clocks(day=lambda: day))
        kept.rebuild(Queue(), cast(Any, None), lambda batch: None)
        found = "rebuilt" in kept.trouble
        kept.close(GUARD)
        return found

    kept = Persistence(tmp_path / "queue.db", at_once)
    kept._store.remember("notice", {"text": "rebuilt", "time": 2e9})
    kept.close(GUARD)
    assert shown(2e9 + by)
    assert not shown(2e9 + 20 * by)


def test_what_is_stored_is_believed_within_bounds() -> None:
    assert age(1000.0, 1010.0, DAY) == 10.0
    assert age(5000.0, 1010.0, DAY) == 0.0
    assert age(1000.0, 1e9, DAY) == DAY
