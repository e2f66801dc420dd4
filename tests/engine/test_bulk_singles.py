"""Bulk jobs whose files come one by one: they end with the last of them, as that ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from flowtui.demo.scenarios import Scenario, scenarios_of
from flowtui.demo.serve import DemoServer
from flowtui.engine.bulk.job import BulkJobRecord
from flowtui.engine.bulk.sums import with_files
from flowtui.engine.engine import Engine
from flowtui.engine.queue.queue import Transfer
from flowtui.protocol.messages import Summary
from flowtui.protocol.states import BulkState, TransferState
from flowtui.transfer.task import FileResult
from support import bulk
from support.bulk import check_all, job, leftovers, start
from support.record import Record
from support.waiting import GUARD, until


@pytest.fixture
def server() -> Iterator[DemoServer]:
    """One that makes no archives."""
    with DemoServer("both", job_seconds=0.1, token_seconds=3600) as running:
        running.bulk.scenarios = scenarios_of([Scenario.NONE])
        yield running


class Held:
    """The second file of a sample comes only when it is let go; the others come at once."""

    def __init__(self, server: DemoServer) -> None:
        self.files = bulk.files_of(server, "sample/34")
        self.file = server.service.catalogue.files[self.files[1].data_id]
        self.file.refused = 403

    def let_go(self) -> None:
        self.file.refused = None


def state_of(made: Engine) -> tuple[str, int, int]:
    row = job(made)
    return row.state, row.one_by_one, row.one_by_one_here


def rows_of(made: Engine, state: str) -> list[str]:
    return [row.key for row in made.status(rows=True).transfers if row.state == state]


def test_it_is_under_way_until_the_last_file_is_here(server, tmp_path: Path) -> None:
    files = bulk.files_of(server, "sample/34")
    record = Record()
    made = start(server, record=record)
    made.add(bulk.batch(server, tmp_path, files))
    assert made.wait_idle(GUARD)
    check_all(made, server, tmp_path)
    made.stop()
    went = record.job_states()
    assert went[-2:] == ["one_by_one", "done"] and "failed" not in went
    coming = [row for row in record.jobs if row.state == "one_by_one"]
    assert [row.one_by_one_here for row in coming] == sorted(row.one_by_one_here for row in coming)
    assert {row.ended for row in coming} == {None}
    here = {row.key for row in record.transfers if row.state == "done"}
    done = next(row for row in record.jobs if row.state == "done")
    assert len(here) == done.one_by_one_here == len(files)
    assert leftovers(tmp_path) == []


def test_the_files_that_are_here_are_done_in_its_list(server, tmp_path: Path) -> None:
    held = Held(server)
    made = start(server)
    made.add(bulk.batch(server, tmp_path, held.files))
    assert made.wait_idle(GUARD)
    told = {row.key: row for row in made.bulk_files(1)}
    made.stop()
    assert {row.state for row in told.values()} == {"one_by_one"}
    missing = told.pop(held.files[1].key)
    assert (missing.verified_by, missing.size) == ("", held.files[1].size)
    for row in told.values():
        assert row.verified_by == "md5" and (tmp_path / row.path).is_file()


def test_a_file_that_comes_later_ends_it_well(server, tmp_path: Path) -> None:
    held = Held(server)
    record = Record()
    made = start(server, record=record)
    made.add(bulk.batch(server, tmp_path, held.files))
    assert made.wait_idle(GUARD)
    row = job(made)
    assert (row.state, row.code) == ("failed", "FORBIDDEN")
    assert "could not download 1 of 5 files" in row.reason and row.ended is not None
    held.let_go()
    since = len(record.jobs)
    made.retry(None)
    assert made.wait_idle(GUARD)
    went = [row.state for row in record.jobs[since:]]
    assert went[0] == "one_by_one" and state_of(made) == ("done", 5, 5)
    check_all(made, server, tmp_path)
    made.stop()


def test_one_that_is_asked_for_anew_ends_it_well_too(server, tmp_path: Path) -> None:
    held = Held(server)
    made = start(server)
    made.add(bulk.batch(server, tmp_path, held.files))
    assert made.wait_idle(GUARD)
    held.let_go()
    assert made.forget(None) == 5
    made.add(replace(bulk.batch(server, tmp_path, held.files[1:2]), bulk=False))
    assert made.wait_idle(GUARD)
    assert state_of(made) == ("done", 5, 5)
    made.stop()


def test_the_next_engine_waits_for_what_is_left(server, tmp_path: Path) -> None:
    database, folder = tmp_path / "queue.db", tmp_path / "to"
    files = bulk.files_of(server, "sample/34")
    record = Record()
    made = start(server, database, record=record)
    record.at_job(lambda row: row.state == "one_by_one", lambda: setattr(server.service, "rate", 1))
    made.add(bulk.batch(server, folder, files))
    record.until_job(lambda row: row.state == "one_by_one")
    made.stop()
    server.service.rate = None
    again = start(server, database)
    assert again.wait_idle(GUARD)
    assert state_of(again) == ("done", 5, 5)
    check_all(again, server, folder)
    again.stop()


def test_what_had_failed_before_a_restart_may_come_after_it(server, tmp_path: Path) -> None:
    database, folder = tmp_path / "queue.db", tmp_path / "to"
    held = Held(server)
    made = start(server, database)
    made.add(bulk.batch(server, folder, held.files))
    assert made.wait_idle(GUARD)
    made.stop()
    held.let_go()
    again = start(server, database)
    assert again.wait_idle(GUARD)
    assert state_of(again) == ("failed", 5, 4)
    again.retry(None)
    assert again.wait_idle(GUARD)
    assert state_of(again) == ("done", 5, 5)
    again.stop()


def test_cancelling_it_cancels_its_files(server, tmp_path: Path) -> None:
    server.service.rate = 1.0
    made = start(server)
    made.add(bulk.batch(server, tmp_path, bulk.files_of(server, "sample/34")))
    until(lambda: job(made).state == "one_by_one")
    assert made.bulk([1], "cancel") == 1
    assert made.wait_idle(GUARD)
    assert job(made).state == "cancelled"
    assert len(rows_of(made, "cancelled")) == 5
    made.stop()


def test_what_somebody_queued_before_is_not_cancelled_with_it(server, tmp_path: Path) -> None:
    server.service.rate = 1.0
    files = bulk.files_of(server, "sample/34")
    made = start(server)
    made.add(replace(bulk.batch(server, tmp_path, files[:1]), bulk=False))
    until(lambda: rows_of(made, "active"))
    made.add(bulk.batch(server, tmp_path, files))
    until(lambda: [row.state for row in made.status(rows=True).bulk_jobs] == ["one_by_one"])
    assert made.bulk([1], "cancel") == 1
    until(lambda: len(rows_of(made, "cancelled")) == 4)
    assert files[0].key in rows_of(made, "active")
    made.stop()


# Sums


def transfer(id_: int, state: str, done: int, size: int, **more: object) -> Transfer:
    made = Transfer(id_, 1, f"data/{id_}", "a", (), "", "/to", "a", "https://x", **more)  # type: ignore[arg-type]
    made.state, made.done, made.size = TransferState(state), done, size
    return made


def record_of(state: str, *, unpack: bool = True, **more: object) -> BulkJobRecord:
    """A job of four files of 100 bytes; one of them is unpacked, one was here, one comes alone."""
    made = BulkJobRecord(1, 1, "p", "/to", "https://x", ("1", "2", "3", "4"), 400, 0.0)
    made.state, made.unpack = BulkState(state), unpack
    for name, value in more.items():
        setattr(made, name, value)
    return made


def with_results(record: BulkJobRecord) -> BulkJobRecord:
    for key, state in (("data/1", "done"), ("data/2", "skipped"), ("data/3", "one_by_one")):
        record.put(key, FileResult(state, size=100))
    return record


ARCHIVE = transfer(7, "active", 150, 300, bulk_id=1)
ALONE = transfer(8, "active", 10, 100)
SUMS = {
    "none": ([], [], {"done": 1}, 50, 50),
    "asked for": ([record_of("processing")], [], {"done": 1, "queued": 4}, 50, 450),
    "half an archive": (
        [record_of("fetching", transfer_id=7)], [ARCHIVE], {"done": 1, "queued": 4}, 250, 450
    ),
    "unpacking": (
        [with_results(record_of("unpacking", transfer_id=7))],
        [transfer(7, "done", 300, 300), ALONE],
        {"done": 2, "skipped": 1, "active": 1, "queued": 1}, 50 + 200 + 100 + 10, 450,
    ),
    "one by one": (
        [with_results(record_of("one_by_one", data_ids=("1", "2", "3"), bytes=300))], [ALONE],
        {"done": 2, "skipped": 1, "active": 1}, 50 + 200 + 10, 350,
    ),
    "failed": (
        [with_results(record_of("failed"))], [], {"done": 2, "skipped": 1, "failed": 1}, 250, 250
    ),
    "cancelled": ([record_of("cancelled")], [], {"done": 1, "cancelled": 4}, 50, 50),
    "kept, asked for": ([record_of("pending", unpack=False)], [], {"done": 1, "queued": 1}, 50, 50),
    "kept": (
        [record_of("done", unpack=False, transfer_id=7)], [transfer(7, "done", 300, 300)],
        {"done": 2}, 350, 350,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SUMS)
def test_the_sums_count_files_and_no_archive(name: str) -> None:
    jobs, more, files, done, total = SUMS[name]
    transfers = {one.id: one for one in (transfer(2, "done", 50, 50), *more)}
    counts: dict[str, int] = {}
    for one in transfers.values():
        counts[one.state.value] = counts.get(one.state.value, 0) + 1
    summary = Summary(
        counts=counts,
        done=sum(one.done for one in transfers.values()),
        total=sum(one.bytes_known for one in transfers.values()),
        rate=10.0,
    )
    made = with_files(summary, jobs, transfers)
    assert (made.file_counts, made.done, made.total) == (files, done, total)
    assert made.counts == counts
    assert made.eta == (total - done) / 10


def test_what_a_job_s_results_add_up_to_stays_true() -> None:
    record = with_results(record_of("unpacking"))
    record.put("data/3", FileResult("one_by_one", size=100, verified_by="md5", occupied=1))
    record.put("data/1", FileResult("done", size=40))
    assert (record.tally.come, record.tally.occupied, record.unpacked_bytes) == (1, 1, 40)
    kept = {key: result for key, result in record.results.items() if key != "data/3"}
    record.keep(kept)
    assert (record.tally.come, record.tally.occupied, record.count("one_by_one")) == (0, 0, 0)
    assert (record.count("done"), record.bytes_of("done"), record.has_all_results) == (1, 40, False)
