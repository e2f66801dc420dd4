"""`status --watch`: drawn in place, a line for each change, or as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result

from flowtui.cli import watch as watching
from flowtui.cli.exit_codes import Exit, Interrupted
from flowtui.cli.main import cli
from flowtui.cli.watch import SUMS_EVERY, PlainLines, drawing
from flowtui.daemon.errors import EngineGone, EngineNotRunning
from flowtui.protocol.messages import BulkRow, Changes, Status, Summary, TransferRow


def row(id_: int, state: str, **more: Any) -> TransferRow:
    path = more.pop("path", f"P/file{id_}")
    return TransferRow(id_, 1, f"data/{id_}", f"file{id_}", "/to", path, state, **more)


def job(state: str) -> BulkRow:
    return BulkRow(7, 2, "P.zip", "/to", state, files=3)


def changes(
    *rows: TransferRow,
    done: int = 0,
    rate: float = 1.0,
    jobs: tuple[BulkRow, ...] = (),
    **more: Any,
) -> Changes:
    summary = Summary(file_counts={"active": 2}, done=done, total=1000, rate=rate)
    return Changes(summary, rows, jobs, **more)


def lines(*given: tuple[float, Changes]) -> list[list[str]]:
    told = PlainLines()
    return [list(told.take(what, now)) for now, what in given]


def test_only_what_changes_is_told() -> None:
    assert lines(
        (0, changes(row(1, "done"), row(2, "active"), jobs=(job("processing"),), reset=True)),
        (1, changes(row(2, "verifying"))),
        (2, changes(row(2, "done", size=5_000, verified_by="md5"))),
        (3, changes(row(3, "queued"), row(4, "active", size=10))),
        (4, changes(row(3, "failed", reason="404: gone"), row(4, "paused"), jobs=(job("done"),))),
    ) == [
        ["2 active; 0 B of 1.0 kB, 1 B/s"],
        [],
        ["done     P/file2  5.0 kB, verified by md5"],
        ["started  P/file4  10 B"],
        ["failed   P/file3: 404: gone", "paused   P/file4", "archive  P.zip: done"],
    ]  # fmt: skip


def test_pieces_of_a_long_queue_are_no_news() -> None:
    assert lines(
        (0, changes(row(1, "done"), reset=True, last=False)),
        (0, changes(row(2, "failed"), last=False)),
        (0, changes(row(3, "done"))),
        (1, changes(row(4, "failed", reason="x"))),
    )[1:] == [[], ["2 active; 0 B of 1.0 kB, 1 B/s"], ["failed   P/file4: x"]]


def test_the_sums_come_at_times_and_at_the_end() -> None:
    over = Changes(Summary(file_counts={"done": 2}, done=1000, total=1000))
    told = lines(
        (0, changes(done=0)),
        (SUMS_EVERY - 1, changes(done=100)),
        (SUMS_EVERY, changes(done=200)),
        (SUMS_EVERY + 1, over),
        (SUMS_EVERY + 2, over),
    )
    assert [len(piece) for piece in told] == [1, 0, 1, 1, 0]
    assert told[3] == ["2 done; 1.0 kB of 1.0 kB"]


def test_names_from_the_server_stay_on_their_line() -> None:
    (_, (line,)) = lines(
        (0, changes(reset=True)), (1, changes(row(1, "active", path="a\x1b[2J\nb")))
    )
    assert line == "started  a\ufffd[2J b"


def test_a_drawing_fits_the_terminal() -> None:
    now = Status(Summary(file_counts={"active": 50}), tuple(row(n, "active", path="x" * 90)
                                                       for n in range(50)))  # fmt: skip
    drawn = drawing(now, 40, 10)
    assert len(drawn) == 9 and all(len(line) < 40 for line in drawn)


class Engine:
    """Stands for EngineClient; what it tells is taken from a list, and then it ends."""

    told: Iterator[Changes]
    frames = 0

    def events(self) -> Iterator[Changes]:
        yield from self.told
        raise EngineGone("over")

    def status(self, rows: bool = False, most: int | None = None) -> Status:
        if self.frames == 2:
            raise EngineGone("over")
        self.frames += 1
        return Status(Summary(file_counts={"active": 1}), (row(self.frames, "active"),))

    def close(self) -> None:
        """Nothing to let go of."""


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    """One that runs once; the second time that none runs, somebody presses ctrl-c."""
    made = Engine()
    made.told = iter([changes(row(1, "active"), reset=True), changes(row(1, "done"))])
    left: list[object] = [made]

    def connect(*, start: bool) -> object:
        assert not start
        if not left:
            raise EngineNotRunning("no engine")
        return left.pop()

    naps = iter([None] * 4)

    def nap(_: float) -> None:
        try:
            next(naps)
        except StopIteration:
            raise Interrupted from None

    monkeypatch.setattr("flowtui.daemon.connect.connect_engine", connect)
    monkeypatch.setattr(watching.time, "sleep", nap)
    return made


def run(*args: str) -> Result:
    return CliRunner().invoke(cli, ["status", "--watch", *args])


def test_lines_where_stdout_is_no_terminal_and_an_engine_that_ends_is_told_once(
    engine: Engine,
) -> None:
    result = run()
    assert result.exit_code == Exit.INTERRUPTED
    said = [line.split("  ", 1)[1] for line in result.stdout.splitlines()]
    assert said == [
        "2 active; 0 B of 1.0 kB, 1 B/s",
        "done     P/file1  0 B",
        "The engine is not running; nothing is being downloaded.",
    ]


def test_json(engine: Engine) -> None:
    said = [json.loads(line) for line in run("--json").stdout.splitlines()]
    kinds = [(event["event"], event.get("state", event.get("running"))) for event in said]
    assert kinds[:-1] == [
        ("status", True),
        ("transfer", "active"),
        ("status", True),
        ("transfer", "done"),
        ("status", False),
    ]


def test_in_place_on_a_terminal(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("flowtui.cli.watch._is_terminal", lambda: True)
    frames = run().stdout.split("\x1b[H")
    assert len(frames) == 3 and "P/file2" in frames[2] and frames[2].count("\x1b[J") == 1


def test_plain_goes_with_watch() -> None:
    result = CliRunner().invoke(cli, ["status", "--plain"])
    assert result.exit_code == Exit.USAGE and "--watch" in result.stderr
