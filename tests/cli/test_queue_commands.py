"""status, pause, resume, retry, cancel, engine: against an engine that only writes down."""

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from flowtui.cli.exit_codes import Exit
from flowtui.cli.main import cli
from flowtui.daemon import connect
from flowtui.daemon.errors import EngineNotRunning
from flowtui.protocol.messages import BulkRow, Status, Summary, TransferRow


def row(number: int, state: str, path: str = "data/f", **more: object) -> TransferRow:
    fields: dict[str, object] = {
        "id": number, "batch_id": 1, "key": f"data/{number}", "filename": "f", "root": "/r",
        "path": path, "state": state, "size": 1000, **more,
    }  # fmt: skip
    return TransferRow(**fields)  # type: ignore[arg-type]


class Engine:
    """Stands for EngineClient."""

    version = "0.1.0"
    pid = 4711
    path = Path("/run/elsewhere/engine.sock")

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []
        self.started: list[bool] = []
        self.runs = True
        self.trouble = ""
        self.rows = (
            row(1, "active", done=250, rate=100.0),
            row(2, "failed", path="data/\x1b[2Jevil", reason="md5\x1b]0;x\x07 differs", code="MD5"),
            row(3, "done", path="data/finished"),
        )
        self.jobs = (
            BulkRow(id=5, batch_id=2, name="proj", root="/r", state="processing", progress=40.0),
            BulkRow(id=6, batch_id=3, name="old", root="/r", state="expired"),
        )

    def connect(self, where: object = None, *, start: bool = True, timeout: float = 1) -> "Engine":
        self.started.append(start)
        if not self.runs and not start:
            raise EngineNotRunning("no background engine is running")
        return self

    def status(self, rows: bool = False, most: int | None = None) -> Status:
        counts = {"active": 1, "failed": 1, "done": 1}
        summary = Summary(
            counts=counts,
            file_counts=counts,
            done=1250,
            total=2000,
            rate=100.0,
            eta=7.5,
            limit_rate=5000,
        )
        summary = replace(summary, trouble=self.trouble)
        shown = self.rows if most is None else tuple(r for r in self.rows if r.state != "done")
        return Status(summary, shown[:most] if rows else (), self.jobs if rows else ())

    def _note(self, do: str, ids: Sequence[int] | None) -> int:
        self.asked.append((do, None if ids is None else tuple(ids)))
        return 3 if ids is None else len(ids)

    def pause(self, ids: Sequence[int] | None) -> int:
        return self._note("pause", ids)

    def resume(self, ids: Sequence[int] | None) -> int:
        return self._note("resume", ids)

    def retry(self, ids: Sequence[int] | None) -> int:
        return self._note("retry", ids)

    def cancel(self, ids: Sequence[int] | None) -> int:
        return self._note("cancel", ids)

    def bulk(self, ids: Sequence[int], action: str) -> int:
        self.asked.append(("bulk", action, tuple(ids)))
        return len(ids)

    def forget(self, ids: Sequence[int] | None) -> int:
        return self._note("forget", ids)

    def stop(self, pause: bool = False) -> None:
        self.asked.append(("stop", pause))

    def close(self) -> None: ...


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    fake = Engine()
    monkeypatch.setattr(connect, "connect_engine", fake.connect)
    return fake


def run(*args: str) -> Result:
    return CliRunner().invoke(cli, args)


def test_status_shows_what_is_not_over_without_moving_the_terminal(engine: Engine) -> None:
    result = run("status")
    assert result.exit_code == 0
    assert (
        "1 active, 1 failed, 1 done; 1.2 kB of 2.0 kB, 100 B/s, 8 s left; limit 5.0 kB/s"
        in result.output
    )
    assert "b5  archive  proj: processing 40 %" in result.output
    assert "md5" in result.output
    assert "\x1b" not in result.output
    assert "data/finished" not in result.output


def test_status_as_json_is_the_whole_queue(engine: Engine) -> None:
    lines = [json.loads(line) for line in run("status", "--json").output.splitlines()]
    assert [one["event"] for one in lines] == ["status", "bulk", "bulk"] + ["transfer"] * 3
    assert lines[0]["running"] is True
    assert lines[0]["counts"] == {"active": 1, "failed": 1, "done": 1}
    assert lines[4]["path"] == "/r/data/\x1b[2Jevil"


def test_status_tells_a_bulk_job_in_numbers(engine: Engine) -> None:
    now = time.time()
    engine.jobs = (
        BulkRow(id=7, batch_id=1, name="p", root="/r", state="fetching", files=150, bytes=10**9,
                created=now - 3700, expires=now + 7200, size=100, done=50, rate=5e6, eta=100.0,
                progress=50.0, transfer_id=1),
        BulkRow(id=8, batch_id=1, name="q", root="/r", state="done", files=9, unpacked=5,
                skipped=3, one_by_one=1, created=now - 99, ended=now - 65),
    )  # fmt: skip
    text = run("status").output
    for words in ("b7  archive  p: fetching 50 %", "150 files, 1.0 GB", "5.0 MB/s, 1 m 40 s left",
                  "started 1 h 01 m ago", "expires in 2 h 00 m", "b8  archive  q: done",
                  "5 unpacked", "3 already present", "1 one by one",
                  "ended 1 m 05 s ago"):  # fmt: skip
        assert words in text, (words, text)
    jobs = [json.loads(line) for line in run("status", "--json").output.splitlines()][1:3]
    assert (jobs[0]["rate"], jobs[0]["eta"], jobs[0]["progress"]) == (5_000_000, 100, 50.0)
    assert (jobs[1]["unpacked"], jobs[1]["skipped"], jobs[1]["one_by_one"]) == (5, 3, 1)


def test_status_starts_no_engine(engine: Engine) -> None:
    engine.runs = False
    result = run("status")
    assert result.exit_code == 0
    assert "not running" in result.output
    assert json.loads(run("status", "--json").output) == {"event": "status", "running": False}
    assert engine.started == [False, False]


@pytest.mark.parametrize(
    ("args", "asked"),
    [
        (["pause", "1"], [("pause", (1,))]),
        (["pause", "--all"], [("pause", None)]),
        (["resume", "1", "2"], [("resume", (1, 2))]),
        (["retry", "--all"], [("retry", None), ("bulk", "retry", (6,))]),
        (["retry", "b6", "--create-again"], [("bulk", "again", (6,))]),
        (["retry", "b6", "--one-by-one"], [("bulk", "one_by_one", (6,))]),
        (["forget", "--all"], [("forget", None), ("bulk", "forget", (6,))]),
        (["forget", "3", "b6"], [("forget", (3,)), ("bulk", "forget", (6,))]),
        (["cancel", "2", "b5"], [("cancel", (2,)), ("bulk", "cancel", (5,))]),
        (["cancel", "b5"], [("bulk", "cancel", (5,))]),
        (["cancel", "--all"], [("cancel", None), ("bulk", "cancel", (5,))]),
    ],
)
def test_what_the_engine_is_asked(
    engine: Engine, args: list[str], asked: list[tuple[object, ...]]
) -> None:
    result = run(*args)
    assert result.exit_code == 0, result.output
    assert engine.asked == asked


def test_an_archive_that_nobody_knows_of_any_more_is_named(engine: Engine) -> None:
    kept, other = (replace(job, state="cancelled") for job in engine.jobs)
    engine.jobs = (replace(kept, archive="a\x1b[2J.zip"), other)
    result = run("forget", "b5", "b6")
    assert result.stderr == "archive kept at /r/a\ufffd[2J.zip; delete it if you do not need it\n"
    assert "archive" not in run("cancel", "b5").stderr


def test_ids_that_are_not_in_the_queue_are_said(engine: Engine) -> None:
    result = run("cancel", "1", "99", "b77")
    assert result.exit_code == Exit.NOTHING_FOUND
    assert "99, b77" in result.stderr
    assert engine.asked == []


def test_pausing_starts_no_engine_but_resuming_does(engine: Engine) -> None:
    engine.runs = False
    result = run("pause", "--all")
    assert result.exit_code == Exit.SOME_FAILED
    assert "the engine is not running" in result.stderr
    assert run("resume", "--all").exit_code == 0
    assert engine.started == [False, True]


def test_engine_stop_and_status(engine: Engine) -> None:
    said = run("engine", "status").output
    assert "pid 4711" in said
    assert "/run/elsewhere/engine.sock" in said  # where it is, not where it would be
    assert run("engine", "stop", "--pause").exit_code == 0
    assert engine.asked == [("stop", True)]
    engine.runs = False
    assert "not running" in run("engine", "stop").output
    event = json.loads(run("engine", "status", "--json").output)
    assert event["running"] is False
    assert event["log"].endswith("engine.log")


def test_engine_stop_and_status_tell_what_is_not_saved(engine: Engine) -> None:
    engine.trouble = "cannot write queue.db: the disk is full"
    assert "Problem: cannot write queue.db" in run("engine", "status").output
    event = json.loads(run("engine", "status", "--json").output)
    assert event["trouble"] == engine.trouble
    stopped = run("engine", "stop")
    assert stopped.exit_code == Exit.OK
    assert "had a problem: cannot write queue.db: the disk is full" in stopped.stderr
