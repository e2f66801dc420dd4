"""status, pause, resume, retry, cancel, engine: against an engine that only writes down."""

import json
from collections.abc import Sequence

import pytest
from click.testing import CliRunner, Result

from flowtui.cli.exits import Exit
from flowtui.cli.main import cli
from flowtui.engine.client import EngineClient, EngineNotRunning
from flowtui.engine.protocol import BulkRow, Status, Summary, TransferRow


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

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []
        self.started: list[bool] = []
        self.runs = True
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
        summary = Summary(counts=counts, done=1250, total=2000, rate=100.0, eta=7.5)
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

    def stop(self, pause: bool = False) -> None:
        self.asked.append(("stop", pause))

    def close(self) -> None: ...


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    fake = Engine()
    monkeypatch.setattr(EngineClient, "connect", fake.connect)
    return fake


def run(*args: str) -> Result:
    return CliRunner().invoke(cli, args)


def test_status_shows_what_is_not_over_without_moving_the_terminal(engine: Engine) -> None:
    result = run("status")
    assert result.exit_code == 0
    assert "1 active, 1 failed, 1 done; 1.2 kB of 2.0 kB here, 100 B/s, 8 s left" in result.output
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


def test_ids_that_are_not_in_the_queue_are_said(engine: Engine) -> None:
    result = run("cancel", "1", "99", "b77")
    assert result.exit_code == Exit.NOTHING_FOUND
    assert "99, b77" in result.stderr
    assert engine.asked == []


def test_pausing_starts_no_engine_but_resuming_does(engine: Engine) -> None:
    engine.runs = False
    result = run("pause", "--all")
    assert result.exit_code == Exit.SOME_FAILED
    assert "no engine is running" in result.stderr
    assert run("resume", "--all").exit_code == 0
    assert engine.started == [False, True]


def test_engine_stop_and_status(engine: Engine) -> None:
    assert "pid 4711" in run("engine", "status").output
    assert run("engine", "stop", "--pause").exit_code == 0
    assert engine.asked == [("stop", True)]
    engine.runs = False
    assert "not running" in run("engine", "stop").output
    said = json.loads(run("engine", "status", "--json").output)
    assert said["running"] is False
    assert said["log"].endswith("engine.log")
