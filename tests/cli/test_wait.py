"""wait: until the queue's downloads have ended, against an engine that tells what it is told to."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator

import pytest
from click.testing import CliRunner, Result

from flowtui.cli.exit_codes import Exit
from flowtui.cli.main import cli
from flowtui.daemon import connect
from flowtui.daemon.errors import EngineGone
from flowtui.protocol.messages import BulkRow, Changes, Summary, TransferRow
from support.waiting import GUARD


def row(number: int, state: str, reason: str = "") -> TransferRow:
    return TransferRow(id=number, batch_id=1, key=f"data/{number}", filename="f", root="/r",
                       path=f"data/f{number}", state=state, size=9, reason=reason)  # fmt: skip


def job(number: int, state: str) -> BulkRow:
    return BulkRow(id=number, batch_id=2, name="p", root="/r", state=state)


def changes(
    *rows: TransferRow | BulkRow, last: bool = True, removed: tuple[int, ...] = ()
) -> Changes:
    transfers = tuple(row for row in rows if isinstance(row, TransferRow))
    jobs = tuple(row for row in rows if isinstance(row, BulkRow))
    return Changes(Summary(), transfers, jobs, removed, last=last)


class Engine:
    """Tells `told`, then nothing more until it is closed."""

    def __init__(self) -> None:
        self.told: list[Changes] = []
        self.taken = 0
        self.closed = threading.Event()
        self.fails = False

    def connect(self, *args: object, **more: object) -> Engine:
        return self

    def events(self) -> Iterator[Changes]:
        for change in self.told:
            self.taken += 1
            yield change
        if not self.fails:
            assert self.closed.wait(GUARD), "waited although all has ended"
        raise EngineGone("closed")

    def close(self) -> None:
        self.closed.set()


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    fake = Engine()
    monkeypatch.setattr(connect, "connect_engine", fake.connect)
    return fake


def run(*args: str) -> Result:
    return CliRunner().invoke(cli, ["wait", *args])


def test_it_waits_for_all_and_no_longer(engine: Engine) -> None:
    engine.told = [
        changes(row(1, "done"), last=False),
        changes(row(2, "active"), job(1, "processing")),
        changes(row(2, "done")),
        changes(job(1, "done"), row(3, "skipped")),
        changes(row(4, "active")),
    ]
    result = run("--json")
    assert result.exit_code == 0, result.output
    assert engine.taken == 4
    assert json.loads(result.stdout) == {
        "event": "waited", "timed_out": False,
        "transfers": {"done": 2, "skipped": 1}, "bulk": {"done": 1},
    }  # fmt: skip


def test_it_waits_for_what_is_named_alone(engine: Engine) -> None:
    engine.told = [changes(row(1, "active"), row(2, "active"), job(7, "fetching")),
                   changes(row(2, "done")), changes(job(7, "done"))]  # fmt: skip
    assert run("2", "b7").exit_code == 0
    assert engine.taken == 3


@pytest.mark.parametrize(
    ("told", "status", "said"),
    [
        (changes(row(1, "failed", "md5 differs"), row(2, "done")), 1, "data/f1 (md5 differs)"),
        (changes(row(1, "cancelled")), 1, "data/f1 (cancelled)"),
        (changes(job(3, "expired"), row(1, "done")), 1, "b3 (expired)"),
        (changes(row(1, "paused"), row(2, "done")), 1, "1 download paused"),
        (changes(), 0, "0 downloads ended, all complete"),
    ],
)
def test_how_it_ends(engine: Engine, told: Changes, status: int, said: str) -> None:
    engine.told = [told]
    result = run()
    assert result.exit_code == status
    assert said in result.stderr


def test_an_unknown_id_is_status_4(engine: Engine) -> None:
    engine.told = [changes(row(1, "active"), last=False), changes(job(1, "done"))]
    result = run("1", "3", "b2")
    assert result.exit_code == Exit.NOTHING_FOUND
    assert "not in the queue: 3, b2" in result.stderr


def test_what_waits_for_a_person_is_told_once(engine: Engine) -> None:
    waits = changes(row(1, "waiting", "not signed in"), row(2, "waiting", "not signed in"))
    engine.told = [waits, waits, changes(row(1, "done"), row(2, "done"))]
    result = run()
    assert result.exit_code == 0
    assert result.stderr.count("flowtui: waiting: not signed in\n") == 1


def test_the_time_may_be_over(engine: Engine) -> None:
    engine.told = [changes(row(1, "active"), row(2, "done"))]
    result = run("--timeout", "0", "--json")
    assert result.exit_code == Exit.TIMED_OUT == 124
    assert json.loads(result.stdout.splitlines()[0])["timed_out"] is True


def test_an_engine_that_ends_is_told(engine: Engine) -> None:
    engine.told, engine.fails = [changes(row(1, "active"))], True
    result = run()
    assert result.exit_code == Exit.TRY_LATER
    assert "the engine stopped during this command" in result.stderr


@pytest.mark.parametrize("args", [("x",), ("1", "--all"), ("--timeout", "soon")])
def test_wrong_usage(engine: Engine, args: tuple[str, ...]) -> None:
    assert run(*args).exit_code == Exit.USAGE
