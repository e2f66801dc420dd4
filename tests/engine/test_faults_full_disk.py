"""The state folder on a full disk: it is said, the engine goes on, and catches up later."""

from __future__ import annotations

import errno
import logging
import os
import sqlite3
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flowtui.cli.exit_codes import Exit, as_command_error
from flowtui.config import Folders
from flowtui.daemon import launcher, process
from flowtui.daemon.connect import connect_engine
from flowtui.daemon.errors import NO_ROOM_STATUS, EngineWithoutRoom
from flowtui.daemon.log import EngineLog, LogTrouble
from flowtui.daemon.process import run_background_engine
from flowtui.engine import engine as engine_module
from flowtui.engine.queue import folders
from flowtui.engine.store import database, persistence
from flowtui.engine.store.database import StoreError
from flowtui.engine.store.request_log import RequestLog
from flowtui.flow.session.credentials import SaveError
from flowtui.transfer.disk import downloads_log
from flowtui.transfer.disk.downloads_log import LOG_NAME
from support.fault_server import stall
from support.lab import Lab, content
from support.services import batch, engine, remote, rows
from support.waiting import GUARD, until

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def full(*args: object, **more: object) -> Any:
    raise FULL


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed is tried again at once."""
    monkeypatch.setattr(persistence, "AGAIN", 0.05)
    monkeypatch.setattr(folders, "LOG_AGAIN", 0.05)


@pytest.fixture
def home(tmp_path: Path) -> Folders:
    return Folders(tmp_path / "config", tmp_path / "state", tmp_path / "run")


class Disk:
    """What databases are opened on, with room or without."""

    def __init__(self, limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.limit: str | None = limit
        self._connect = database._connect
        monkeypatch.setattr(database, "_connect", self.connect)

    def connect(self, file: Path | None) -> sqlite3.Connection:
        made = self._connect(file)
        if file is not None and self.limit is not None:
            made.execute(self.limit)
        return made


def two_files(lab: Lab) -> list[Any]:
    lab.serve(content(1000, 1), name="a.bin")
    lab.server.files["/downloads/2/b.bin"] = lab.server.files[lab.path]
    return [remote(lab.server, "1", "a.bin"), remote(lab.server, "2", "b.bin")]


def test_a_queue_that_has_no_room_to_begin_is_kept_in_memory_until_there_is(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, soon: None
) -> None:
    disk = Disk("PRAGMA max_page_count=1", monkeypatch)
    file = tmp_path / "queue.db"
    first, second = two_files(lab)
    made = engine(database=file)
    assert "database or disk is full; the queue is in memory only" in made.trouble
    made.add(batch(lab.server, lab.root, first))
    assert made.wait_idle(GUARD)
    assert rows(made)[0].state == "done"
    assert "in memory only" in made.trouble
    disk.limit = None
    until(lambda: made.trouble == "")
    made.add(batch(lab.server, lab.root, second))
    assert made.wait_idle(GUARD)
    made.stop()
    again = engine(database=file)
    assert [row.path for row in rows(again)] == ["data/a.bin", "data/b.bin"]
    again.stop()


def test_a_queue_whose_database_is_gone_is_taken_from_its_record_on_a_full_disk_too(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "queue.db"
    first, _ = two_files(lab)
    made = engine(database=file)
    made.settings(jobs=1, limit_rate=1)
    made.add(batch(lab.server, lab.root, first))
    made.stop()
    for gone in tmp_path.glob("queue.db*"):
        gone.unlink()
    Disk("PRAGMA max_page_count=1", monkeypatch)
    again = engine(database=file)
    assert [row.path for row in rows(again)] == ["data/a.bin"]
    again.stop()
    assert "data/1" in (tmp_path / "queue.jsonl").read_text()


def test_a_queue_that_is_there_is_read_and_worked_on_where_nothing_can_be_saved(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "queue.db"
    first, second = two_files(lab)
    lab.file.always = stall(0, 10 * GUARD)
    made = engine(database=file)
    made.settings(jobs=1)
    made.add(batch(lab.server, lab.root, first, second))
    made.pause(None)
    made.stop()
    lab.file.always = None
    Disk("PRAGMA query_only=ON", monkeypatch)
    again = engine(database=file)
    again.resume(None)
    assert again.wait_idle(GUARD)
    assert {row.state for row in rows(again)} <= {"done", "skipped"}
    assert "cannot save the queue" in again.trouble
    again.stop()


def test_a_stored_queue_that_cannot_be_opened_is_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older version's needs more columns, which a full disk has no room for."""
    file = tmp_path / "queue.db"
    engine(database=file).stop()
    with sqlite3.connect(file) as db:
        db.execute("PRAGMA user_version=1")
        db.execute("ALTER TABLE transfers DROP COLUMN origin")
    db.close()

    def no_room(self: object) -> None:
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error

    monkeypatch.setattr(database.Store, "_create", no_room)
    with pytest.raises(StoreError) as raised:
        engine(database=file)
    assert raised.value.is_full


def test_the_text_record_is_whole_again_when_there_is_room(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, soon: None
) -> None:
    file = tmp_path / "queue.db"
    first, second = two_files(lab)
    made = engine(database=file)
    made.settings(jobs=1, limit_rate=1)  # what is queued stays queued
    with monkeypatch.context() as disk:
        disk.setattr(RequestLog, "_append", full)
        disk.setattr(RequestLog, "rewrite", full)
        made.add(batch(lab.server, lab.root, first))
        until(lambda: "queue.jsonl: No space left on device" in made.trouble)
    made.add(batch(lab.server, lab.root, second))
    until(lambda: made.trouble == "")
    record = (tmp_path / "queue.jsonl").read_text()
    assert "data/1" in record
    assert "data/2" in record
    made.stop()


def test_what_the_log_of_a_folder_had_no_room_for_is_written_later(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, soon: None
) -> None:
    with monkeypatch.context() as disk:
        disk.setattr(downloads_log, "write", full)
        lab.serve(content(1000))
        made = lab.start()
        assert made.wait_idle(GUARD)
        until(lambda: f"{LOG_NAME}: No space left on device" in made.trouble)
    until(lambda: made.trouble == "")
    assert [path for path, _ in downloads_log.read(lab.root)] == ["data/a.bin"]
    lab.stop()


def test_an_engine_log_on_a_full_disk_is_told_without_a_traceback(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    told: list[str] = []
    trouble = LogTrouble()
    file = tmp_path / "engine.log"
    log = EngineLog(file, trouble)
    record = logging.LogRecord("flowtui", logging.INFO, "", 1, "words", (), None)
    with pytest.raises(OSError, match="No space"), open("/dev/full", "w") as full_disk:
        log.stream = full_disk
        log.handle(record)
    trouble.tell_to(told.append)
    with (tmp_path / "log").open("w") as stream:
        log.stream = stream
        log.handle(record)
        log.handle(record)
    assert told == [f"cannot write {file}: No space left on device", ""]
    assert (tmp_path / "log").read_text().count("words") == 2
    assert capfd.readouterr().err == ""


def test_an_engine_that_cannot_even_be_started_for_lack_of_room_is_status_5(
    home: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launcher, "private_folder", full)
    with pytest.raises(EngineWithoutRoom, match="No space left on device; free some") as raised:
        connect_engine(home)
    known = as_command_error(raised.value)
    assert known is not None
    assert (known.exit, known.code) == (Exit.NO_ROOM, "NO_SPACE")


def test_an_engine_that_ends_for_lack_of_room_is_not_waited_for(
    home: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = SimpleNamespace(poll=lambda: NO_ROOM_STATUS)
    monkeypatch.setattr(launcher, "start_detached", lambda where: ended)
    with pytest.raises(EngineWithoutRoom, match="no space left for its queue"):
        connect_engine(home, timeout=3600.0)


@pytest.mark.parametrize(("is_full", "status"), [(True, NO_ROOM_STATUS), (False, 1)])
def test_the_engine_s_process_says_by_its_status_that_there_was_no_room(
    is_full: bool, status: int, home: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **more: object) -> None:
        raise StoreError("cannot open it", is_full=is_full)

    monkeypatch.setattr(engine_module, "Engine", refuse)
    monkeypatch.setattr(os, "nice", lambda step: 0)
    monkeypatch.setattr(process.signal, "signal", lambda number, handler: None)
    logger = logging.getLogger("flowtui")
    before = list(logger.handlers)
    assert run_background_engine(home) == status
    for handler in set(logger.handlers) - set(before):
        logger.removeHandler(handler)
        handler.close()


def test_a_token_that_has_no_room_in_its_file_is_status_5() -> None:
    error = SaveError("cannot write credentials.json: No space left on device")
    error.__cause__ = FULL
    known = as_command_error(error)
    assert known is not None
    assert known.exit is Exit.NO_ROOM


def test_the_socket_goes_to_the_state_folder_where_no_other_takes_it(home: Folders) -> None:
    tried: list[Path] = []

    def make(path: Path) -> Any:
        tried.append(path)
        if path != home.fallback_socket:
            raise FULL
        return "server"

    assert process._listen(make, home) == "server"
    assert tried[-1] == home.fallback_socket
    with pytest.raises(OSError, match="No space left"):
        process._listen(full, home)
