"""Bulk jobs on a server that refuses them, or shows nothing until the archive is there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from flowtui.demo.scenarios import Scenario, scenarios_of
from flowtui.demo.serve import DemoServer
from flowtui.retry import TRIES
from support import bulk
from support.bulk import check_all, job, leftovers, passing, start
from support.record import Record
from support.waiting import GUARD, until


@pytest.fixture(params=["both", "live"])
def server(request: pytest.FixtureRequest) -> Iterator[DemoServer]:
    with DemoServer(request.param, job_seconds=0.1, token_seconds=3600) as running:
        yield running


QUICK = replace(bulk.QUICK, bulk_job=replace(bulk.QUICK.bulk_job, first=0.01, longest=0.01))


@pytest.mark.parametrize(
    "scenario",
    [
        Scenario.REFUSED_400,
        Scenario.REFUSED_422,
        Scenario.EMPTY_ANSWER,
        Scenario.PAGE_ANSWER,
        Scenario.NO_BODY,
        Scenario.REDIRECTED,
        Scenario.SERVER_ERROR,
    ],
)
def test_every_refusal_means_one_by_one(server, tmp_path, scenario: Scenario) -> None:
    server.bulk.scenarios = scenarios_of([scenario])
    files = bulk.files_of(server, "sample/34")
    made = start(server, timings=QUICK)
    made.add(bulk.batch(server, tmp_path, files))
    assert made.wait_idle(GUARD)
    row = job(made)
    transfers = made.status(rows=True).transfers
    made.stop()
    assert (row.state, row.code, row.one_by_one_here) == ("done", "", len(files))
    assert {transfer.state for transfer in transfers} == {"done"}
    asked = sum(one.method == "POST" and one.path == "/api/downloads" for one in server.requests)
    assert asked == (TRIES if scenario is Scenario.SERVER_ERROR else 1)
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize(
    "scenario", [Scenario.NOT_READY, Scenario.CONFLICT, Scenario.ONLY_LOCATION]
)
def test_a_job_of_which_little_is_told_is_waited_for(server, tmp_path, scenario) -> None:
    server.bulk.scenarios = scenarios_of([scenario])
    server.bulk.job_seconds = 3600.0
    record = Record()
    made = start(server, record=record)
    made.add(bulk.batch(server, tmp_path, bulk.files_of(server, bulk.PROJECT)))
    until(lambda: sum(one.status in (404, 409) or "/downloads/" in one.path
                      for one in server.requests) > 5)  # fmt: skip
    assert job(made).state in ("pending", "processing")
    server.bulk.job_seconds = 0.0
    assert made.wait_idle(GUARD)
    row = job(made)
    assert (row.state, row.unpacked) == ("done", row.files)
    check_all(made, server, tmp_path)
    made.stop()
    assert "expired" not in record.job_states()
    assert leftovers(tmp_path) == []


def test_when_patience_ends_the_files_come_one_by_one(server, tmp_path) -> None:
    server.bulk.scenarios = scenarios_of([Scenario.NEVER_READY])
    files = bulk.files_of(server, "sample/34")
    later = 0.0  # seconds that have been passed over
    record = Record()
    made = start(server, clocks=passing(lambda: later), record=record)
    made.add(bulk.batch(server, tmp_path, files))
    record.until_job(lambda row: row.job_id != "")
    later += 1700.0
    until(lambda: sum(one.path.startswith("/api/downloads/") for one in server.requests) > 1)
    assert job(made).state == "pending"
    later += 1900.0
    assert made.wait_idle(GUARD)
    row = job(made)
    transfers = made.status(rows=True).transfers
    made.stop()
    assert (row.state, row.code, row.one_by_one_here) == ("done", "", len(files))
    went = [row for row in record.jobs if row.state == "one_by_one"]
    assert "Flow has made no progress on the archive for 30 min" in went[0].reason
    assert {transfer.state for transfer in transfers} == {"done"}
    assert leftovers(tmp_path) == []  # nor a note by which the next run would wait on


def test_a_sign_of_life_renews_patience(server, tmp_path) -> None:
    """A job that moves may take as long as it likes."""
    server.bulk.job_seconds = 3600.0
    server.bulk.pending_share = 1.0
    later = 0.0  # seconds that have been passed over
    record = Record()
    made = start(server, clocks=passing(lambda: later), record=record)
    made.add(bulk.batch(server, tmp_path, bulk.files_of(server, "sample/34")))
    record.until_job(lambda row: row.state == "pending" and row.job_id != "")
    later += 1700.0
    server.bulk.pending_share = 0.0
    record.until_job(lambda row: row.state == "processing")
    later += 1700.0
    asked = len(server.requests)
    until(lambda: len(server.requests) > asked)
    assert job(made).state == "processing"
    server.bulk.job_seconds = 0.0
    later += 60.0
    assert made.wait_idle(GUARD)
    assert job(made).state == "done"
    made.stop()


def test_that_it_was_ready_is_known_over_a_restart(tmp_path) -> None:
    """Then nothing there means that it has expired, and it is asked for again."""
    with DemoServer("live", job_seconds=0.0, token_seconds=3600) as server:
        server.service.rate = 1e5
        database = tmp_path / "queue.db"
        made = start(server, database)
        made.add(bulk.batch(server, tmp_path / "to", bulk.files_of(server, bulk.PROJECT)))
        until(lambda: job(made).state == "fetching")
        made.stop()
        again = start(server, database)
        assert again._bulk.list.jobs[1].seen_ready
        again.stop()
