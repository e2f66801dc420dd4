"""Bulk jobs across the end of everything, in each of their states; nothing is fetched twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flowtui.demo.scenarios import scenarios_of
from flowtui.demo.serve import DemoServer, spawn
from flowtui.engine.engine import Engine
from flowtui.transfer.archive import extract
from support import bulk
from support.bulk import (
    archive_requests,
    check_all,
    job,
    leftovers,
    passing,
    single_requests,
    start,
)
from support.waiting import GUARD, until


@pytest.fixture
def server() -> Iterator[DemoServer]:
    with DemoServer(job_seconds=0.3, token_seconds=7200) as running:
        yield running


def posts(server: DemoServer) -> int:
    return sum(one.method == "POST" and one.path == "/api/downloads" for one in server.requests)


@pytest.mark.parametrize("state", ["pending", "processing"])
def test_a_job_on_the_server_is_followed_by_the_next_engine(server, tmp_path, state: str):
    server.bulk.job_seconds = 3600.0
    server.bulk.pending_share = 1.0 if state == "pending" else 0.0
    database = tmp_path / "queue.db"
    made = start(server, database)
    made.add(bulk.batch(server, tmp_path / "to", bulk.files_of(server, "sample/34")))
    until(lambda: job(made).state == state and job(made).job_id != "")
    made.stop()
    server.bulk.job_seconds = 0.1
    again = start(server, database)
    assert again.wait_idle(GUARD)
    assert job(again).state == "done"
    check_all(again, server, tmp_path / "to")
    again.stop()
    assert posts(server) == 1


def test_a_job_that_was_not_asked_for_yet_is_asked_for_once(tmp_path):
    with DemoServer(token_seconds=7200) as server:
        files = bulk.files_of(server, "sample/34")
        port = int(server.base_url.rpartition(":")[2].partition("/")[0])
        database = tmp_path / "queue.db"
        made = start(server, database)
    made.add(bulk.batch(server, tmp_path / "to", files))
    until(lambda: "checking again" in job(made).reason)
    made.stop()
    with DemoServer(job_seconds=0.1, token_seconds=7200, port=port) as server:
        again = start(server, database)
        assert again.wait_idle(GUARD)
        assert job(again).state == "done"
        again.stop()
        assert posts(server) == 1


def test_an_archive_that_was_being_fetched_is_gone_on_with(server, tmp_path):
    server.service.rate = 6e6
    database = tmp_path / "queue.db"
    made = start(server, database)
    made.add(bulk.batch(server, tmp_path / "to", bulk.files_of(server, "project/12")))
    until(lambda: job(made).done > 4_000_000)
    size = job(made).size
    assert size is not None
    made.stop()
    server.service.rate = None
    again = start(server, database)
    assert again.wait_idle(GUARD)
    assert job(again).state == "done"
    check_all(again, server, tmp_path / "to")
    again.stop()
    assert posts(server) == 1
    assert archive_requests(server)[-1] != "all"
    assert leftovers(tmp_path / "to") == []


@pytest.fixture
def frozen() -> Iterator[Callable[[], None]]:
    """The worker that unpacks stops for good before it writes the ninth member."""
    plain = extract._Extraction._write
    count = iter(range(1_000_000))
    end = threading.Event()

    def write(self, *more):
        if next(count) >= 8:
            end.wait()
        return plain(self, *more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(extract._Extraction, "_write", write)
        yield patch.undo
    end.set()


def test_unpacking_goes_on_with_what_is_missing(server, tmp_path, frozen):
    database = tmp_path / "queue.db"
    files = bulk.files_of(server, bulk.PROJECT)
    made = start(server, database)
    made.add(bulk.batch(server, tmp_path / "to", files))
    until(lambda: job(made).unpacked >= 4)
    made.stop(timeout=0.3)  # the worker stands still: it is left behind as a killed one would be
    frozen()
    kept = {one: one.stat().st_ino for one in (tmp_path / "to").rglob("*.gz")}
    assert len(kept) >= 4
    again = start(server, database)
    assert again.wait_idle(GUARD)
    row = job(again)
    check_all(again, server, tmp_path / "to")
    again.stop()
    assert (row.state, row.unpacked) == ("done", len(files))
    assert {one: one.stat().st_ino for one in kept} == kept
    assert len(archive_requests(server)) == 1
    assert single_requests(server) == []


@pytest.mark.parametrize("name", ["failing", "hostile"])
def test_a_failed_job_stays_failed_and_can_be_retried(server, tmp_path, name: str):
    server.bulk.scenarios = scenarios_of([name])
    database = tmp_path / "queue.db"
    made = start(server, database)
    made.add(bulk.batch(server, tmp_path / "to", bulk.files_of(server, "sample/34")))
    assert made.wait_idle(GUARD)
    reason = job(made).reason
    made.stop()
    server.bulk.scenarios = scenarios_of([])
    asked = posts(server)
    again = start(server, database)
    assert again.wait_idle(GUARD)
    assert (job(again).state, job(again).reason) == ("failed", reason)
    assert posts(server) == asked
    assert again.bulk([1], "again") == 1
    assert again.wait_idle(GUARD)
    assert job(again).state == "done"
    check_all(again, server, tmp_path / "to")
    again.stop()


def test_an_expired_job_stays_expired_and_can_be_created_again(server, tmp_path):
    server.bulk._expires_seconds = 0
    database = tmp_path / "queue.db"
    made = start(server, database)
    made.add(bulk.batch(server, tmp_path / "to", bulk.files_of(server, "sample/34")))
    assert made.wait_idle(GUARD)
    made.stop()
    server.bulk._expires_seconds = 86_400
    again = start(server, database)
    assert again.wait_idle(GUARD)
    assert job(again).state == "expired"
    assert again.bulk([1], "retry") == 1
    assert again.wait_idle(GUARD)
    assert job(again).state == "done"
    again.stop()


def test_a_done_job_is_history_with_its_files(server, tmp_path):
    database = tmp_path / "queue.db"
    made = start(server, database)
    made.add(bulk.batch(server, tmp_path / "to", bulk.files_of(server, "sample/34")))
    assert made.wait_idle(GUARD)
    before, files = job(made), made.bulk_files(1)
    made.stop()
    again = start(server, database)
    assert (job(again), again.bulk_files(1)) == (before, files)
    assert again.bulk([1], "forget") == 1
    again.stop()
    last = start(server, database)
    assert last.status(rows=True).bulk_jobs == ()
    last.stop()


def test_a_database_of_the_first_version_is_taken_over(tmp_path):
    import sqlite3

    database = tmp_path / "queue.db"
    columns = (
        "batch_id, name, root, server, data_ids, bytes, created, files, state, reason, code,"
        " progress, expires, job_id, url, transfer_id"
    )
    file = '{"key":"data/1","filename":"a","url":"/x","folder":["data"],"size":1,"md5":null,'
    file += '"data_id":"1","sample":null}'
    with sqlite3.connect(database) as db:
        db.execute(f"CREATE TABLE bulk_jobs (id INTEGER PRIMARY KEY, {columns})")
        db.execute(
            f"INSERT INTO bulk_jobs (id, {columns}) VALUES "
            "(7, 3, 'old', '/r', 'http://127.0.0.1:9/api', '[\"1\"]', 1, 5.0, ?, 'failed', 'why',"
            " 'X', NULL, NULL, 'j', '', NULL)",
            (f"[{file}]",),
        )
        db.execute("PRAGMA user_version=1")
    made = Engine(bulk.Settings(), database=database)
    made.start()
    (row,) = made.status(rows=True).bulk_jobs
    assert (row.id, row.state, row.reason, row.files, row.unpack) == (7, "failed", "why", 1, False)
    assert [one.key for one in made.bulk_files(7)] == ["data/1"]
    made.stop()


def run_engine(home: Path, log: Path) -> subprocess.Popen[bytes]:
    environment = {"PATH": os.environ["PATH"], "FLOWTUI_HOME": str(home), "HOME": str(home),
                   "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}  # fmt: skip
    with log.open("ab") as stream:
        return subprocess.Popen(
            [sys.executable, "-m", "flowtui", "engine", "run"],
            env=environment, stdout=stream, stderr=stream,
        )  # fmt: skip


def test_killed_with_9_and_started_again_an_hour_later(tmp_path, monkeypatch):
    """The clock of the engine that follows is an hour ahead; the server lives on meanwhile."""
    from flowtui.config import folders
    from flowtui.daemon.client import EngineClient
    from flowtui.daemon.connect import connect_engine
    from flowtui.daemon.errors import EngineError
    from flowtui.flow.session.credential_store import CredentialStore
    from flowtui.flow.session.credentials import Credential, CredentialSource

    monkeypatch.setenv("FLOWTUI_HOME", str(tmp_path / "home"))
    where, to = folders(), tmp_path / "to"
    with spawn(rate=None, job_seconds=1.0, token_seconds=7200) as spawned:
        url = spawned.base_url
        server = DemoServer()  # for its catalogue only; it is not started
        server.base_url = url
        files = bulk.files_of(server, bulk.PROJECT)
        where.config.mkdir(parents=True)
        store = CredentialStore(where.config)
        store.keep(url, Credential(bulk.token(server), username="demo"), CredentialSource.FILE)
        process = run_engine(tmp_path / "home", tmp_path / "log")
        try:

            def client() -> EngineClient | None:
                try:
                    return connect_engine(where, start=False)
                except EngineError:
                    return None

            until(lambda: client() is not None)
            with connect_engine(where, start=False) as engine:
                engine.add(bulk.batch(server, to, files))
                until(lambda: engine.status(rows=True).bulk_jobs[0].job_id != "")
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
        later = start(server, where.database, clocks=passing(lambda: 3600.0))
        assert later.wait_idle(GUARD)
        row = job(later)
        check_all(later, server, to)
        later.stop()
    assert (row.state, row.unpacked) == ("done", len(files))
    assert row.ended is not None and row.ended > time.time() + 3000
    assert leftovers(to) == []


# Without a database: `flowtui get` in a job script, killed and run again


def test_the_next_get_goes_on_with_the_job_on_the_server(server, tmp_path):
    server.bulk.job_seconds = 3600.0
    files = bulk.files_of(server, "sample/34")
    made = start(server)
    made.add(bulk.batch(server, tmp_path, files))
    until(lambda: job(made).job_id != "")
    made.stop()
    server.bulk.job_seconds = 0.1
    again = start(server)
    again.add(bulk.batch(server, tmp_path, files))
    assert again.wait_idle(GUARD)
    assert job(again).state == "done"
    check_all(again, server, tmp_path)
    again.stop()
    assert posts(server) == 1
    assert leftovers(tmp_path) == []


def test_the_next_get_goes_on_with_half_an_archive(server, tmp_path):
    files = bulk.files_of(server, "project/12")
    server.service.rate = 6e6
    made = start(server)
    made.add(bulk.batch(server, tmp_path, files))
    until(lambda: job(made).done > 4_000_000)
    made.stop()
    server.service.rate = None
    again = start(server)
    again.add(bulk.batch(server, tmp_path, files))
    assert again.wait_idle(GUARD)
    assert job(again).state == "done"
    check_all(again, server, tmp_path)
    again.stop()
    assert posts(server) == 1
    assert archive_requests(server)[-1] != "all"
    assert leftovers(tmp_path) == []


def test_the_next_get_goes_on_unpacking(server, tmp_path, frozen):
    files = bulk.files_of(server, bulk.PROJECT)
    made = start(server)
    made.add(bulk.batch(server, tmp_path, files))
    until(lambda: job(made).unpacked >= 4)
    made.stop(timeout=0.3)
    frozen()
    again = start(server)
    # More is wanted this time: for that there is another archive.
    more = bulk.files_of(server, f"project/{[*server.service.catalogue.projects][11]}")
    again.add(bulk.batch(server, tmp_path, [*files, *more]))
    assert again.wait_idle(GUARD)
    rows = again.status(rows=True).bulk_jobs
    assert {one.state for one in rows} == {"done"}
    for one in rows:
        check_all(again, server, tmp_path, one.id)
    assert sum(one.files for one in rows) == len(files) + len(more)
    again.stop()
    assert len(archive_requests(server)) == 1 + bool(more)
    assert posts(server) == 1 + bool(more)
    assert leftovers(tmp_path) == []


def test_the_next_get_asks_anew_where_the_job_is_gone(server, tmp_path):
    files = bulk.files_of(server, "sample/34")
    server.service.rate = 1e6
    made = start(server)
    made.add(bulk.batch(server, tmp_path, files))
    until(lambda: job(made).done > 0)
    made.stop()
    server.bulk._jobs.clear()
    server.service.rate = None
    again = start(server)
    again.add(bulk.batch(server, tmp_path, files))
    assert again.wait_idle(GUARD)
    assert job(again).state == "done"
    check_all(again, server, tmp_path)
    again.stop()
    assert posts(server) == 2
    assert leftovers(tmp_path) == []
