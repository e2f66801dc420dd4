"""Following a batch: the end, what is told on the way, exit statuses, hopeless waits."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flowtui.cli import follow
from flowtui.cli.batch_progress import BatchProgress
from flowtui.cli.exit_codes import CommandError, Exit
from flowtui.cli.follow import Follower
from flowtui.cli.json_fields import transfer_fields
from flowtui.cli.output import Output
from flowtui.cli.search_notices import SearchNotices
from flowtui.cli.selection import RequestedFiles
from flowtui.flow.errors import FlowError, Refused, ServiceUnavailable
from flowtui.flow.remote_file import RemoteFile
from flowtui.protocol.feeding import WholeBatch
from flowtui.protocol.messages import (
    Added,
    Batch,
    BulkFileRow,
    BulkRow,
    Changes,
    Status,
    Summary,
    TransferRow,
)

ROOT = "/data/down"


def row(number: int, state: str, **more: object) -> TransferRow:
    fields: dict[str, object] = {
        "id": number, "batch_id": 1, "key": f"data/{number}", "filename": f"f{number}",
        "root": ROOT, "path": f"data/f{number}", "state": state, "size": 10, **more,
    }  # fmt: skip
    return TransferRow(**fields)  # type: ignore[arg-type]


def job(state: str, **more: object) -> BulkRow:
    fields: dict[str, object] = {"id": 1, "batch_id": 1, "name": "p", "root": ROOT, "state": state}
    return BulkRow(**(fields | more))  # type: ignore[arg-type]


def changes(*rows: TransferRow, jobs: tuple[BulkRow, ...] = (), **summary: object) -> Changes:
    return Changes(Summary(**summary), tuple(rows), jobs)  # type: ignore[arg-type]


class FakeEngine:
    """Plays a list of events, then is idle."""

    def __init__(self, *script: Changes, ids: tuple[int, ...] = (1,), bulk: int | None = None):
        self.script = list(script)
        self.ids = ids
        self.bulk = bulk
        self.listener: Callable[[Changes], object] | None = None
        self.rows: dict[int, TransferRow] = {}
        self.jobs: dict[int, BulkRow] = {}
        self.summary = Summary()
        self.is_alive = True
        self.mistake: BaseException | None = None

    def subscribe(self, callback: Callable[[Changes], object]) -> Callable[[], None]:
        self.listener = callback
        callback(Changes(Summary(), reset=True))

        def end() -> None:
            self.listener = None

        return end

    def add(self, batch: Batch) -> Added:
        for event in self.script:
            self.summary = event.summary
            self.rows |= {one.id: one for one in event.transfers}
            self.jobs |= {one.id: one for one in event.bulk_jobs}
            assert self.listener is not None
            self.listener(event)
        return Added(1, self.ids, len(self.ids), 0, self.bulk)

    def is_idle(self) -> bool:
        return True

    def bulk_files(self, id_: int) -> tuple[BulkFileRow, ...]:
        return ()

    def status(self, rows: bool = False) -> Status:
        return Status(self.summary, tuple(self.rows.values()), tuple(self.jobs.values()))


class SilentView:
    def __init__(self) -> None:
        self.closed = 0

    def update(self, state: BatchProgress) -> None: ...
    def transfer(self, row: TransferRow) -> None: ...
    def bulk(self, row: BulkRow) -> None: ...
    def note(self, text: str) -> None: ...
    def close(self) -> None:
        self.closed += 1


BATCH = Batch("https://x", ROOT, "n", (RemoteFile("data/1", "f1", "/downloads/1/f1"),))


def run(engine: FakeEngine, interrupted: Callable[[], bool] = lambda: False) -> BatchProgress:
    view = SilentView()
    state = Follower(engine, Output(as_json=True), view, interrupted).run(WholeBatch(BATCH))
    assert view.closed == 1
    assert engine.listener is None
    return state


def told(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_every_change_of_state_is_told_once_with_its_particulars(
    capsys: pytest.CaptureFixture[str],
) -> None:
    engine = FakeEngine(
        changes(row(1, "queued")),
        changes(row(1, "active", done=1)),
        changes(row(1, "active", done=5)),
        changes(row(1, "done", done=10, verified_by="md5", resumed_at=4, md5="0" * 32)),
    )
    state = run(engine)
    events = told(capsys)
    states = [one["state"] for one in events if one["event"] == "transfer"]
    assert states == ["queued", "active", "done"]
    last = [one for one in events if one["event"] == "transfer"][-1]
    assert last["path"] == str(Path(ROOT) / "data/f1")
    assert (last["verified_by"], last["resumed_at"]) == ("md5", 4)
    assert state.exit_status() is Exit.OK
    assert (state.verified_bytes(), state.fetched_bytes()) == (10, 6)
    assert sum(one["event"] == "added" for one in events) == 1


def test_it_stays_until_every_file_that_was_added_is_known_to_have_ended(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """An engine that has not begun yet looks idle."""
    engine = FakeEngine(changes(row(1, "done")), ids=(1, 2))
    looks = 0

    def late() -> bool:
        nonlocal looks
        looks += 1
        if looks == 3:
            assert engine.listener is not None
            engine.rows[2] = row(2, "done")
            engine.listener(changes(row(2, "done")))
        return False

    assert run(engine, late).count("done") == 2


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ((row(1, "done"), row(2, "skipped")), Exit.OK),
        ((row(1, "done"), row(2, "failed", code="FORBIDDEN")), Exit.SOME_FAILED),
        ((row(1, "failed", code="FORBIDDEN"),), Exit.NOT_ALLOWED),
        ((row(1, "failed", code="NOT_FOUND"), row(2, "failed", code="NOT_FOUND")),
         Exit.NOTHING_FOUND),
        ((row(1, "failed", code="NOT_FOUND"), row(2, "failed", code="FORBIDDEN")),
         Exit.SOME_FAILED),
        ((row(1, "failed", code="MD5"),), Exit.SOME_FAILED),
        ((row(1, "cancelled"),), Exit.SOME_FAILED),
        ((row(1, "done"), row(2, "done", code="BROKEN_ON_FLOW")), Exit.SOME_FAILED),
        ((row(1, "failed", code="NO_SPACE"),), Exit.NO_ROOM),
        ((row(1, "failed", code="STALLED"), row(2, "failed", code="HTTP_502")), Exit.TRY_LATER),
        ((row(1, "done"), row(2, "failed", code="STALLED")), Exit.TRY_LATER),
        ((row(1, "done"), row(2, "failed", code="STALLED"), row(3, "failed", code="MD5")),
         Exit.SOME_FAILED),
        ((row(1, "failed", code="NOT_FOUND"), row(2, "failed", code="STALLED")),
         Exit.SOME_FAILED),
    ],
)  # fmt: skip
def test_exit_statuses(rows: tuple[TransferRow, ...], expected: Exit) -> None:
    state = BatchProgress()
    for one in rows:
        state.update_transfer(one)
    assert state.exit_status() is expected


def test_a_refused_archive_is_no_loss_when_its_files_came_one_by_one() -> None:
    state = BatchProgress(bulk_jobs={1: job("failed", code="NOT_OFFERED")})
    assert state.exit_status() is Exit.SOME_FAILED
    state.update_transfer(row(1, "done"))
    assert state.exit_status() is Exit.OK


def test_a_single_file_that_is_lost_is_no_failure_of_its_archive() -> None:
    lost = job("failed", code="FORBIDDEN", reason="a.gz: refused", files=120, one_by_one=1,
               unpacked=119)  # fmt: skip
    state = BatchProgress(bulk_jobs={1: lost})
    state.update_transfer(row(1, "failed", code="FORBIDDEN"))
    assert state.archive_failure() == ""
    assert state.exit_status() is Exit.SOME_FAILED
    assert state.file_counts() == {"done": 119, "failed": 1, "skipped": 0}


def test_what_was_fetched_of_an_archive_counts_when_that_is_gone() -> None:
    state = BatchProgress()
    state.update_transfer(row(1, "done", done=700, resumed_at=100))
    state.update_transfer(row(2, "done", done=50))
    state.remove_transfer(1)
    state.remove_transfer(1)
    assert state.fetched_bytes() == 650


def test_a_failed_archive_is_a_failure() -> None:
    state = BatchProgress(bulk_jobs={1: job("failed", code="FAILED", transfer_id=1)})
    state.update_transfer(row(1, "failed", code="FAILED"))
    assert state.exit_status() is Exit.SOME_FAILED


def test_a_bulk_job_is_waited_for_and_told(capsys: pytest.CaptureFixture[str]) -> None:
    engine = FakeEngine(
        changes(jobs=(job("pending"),)),
        changes(jobs=(job("processing", progress=40.0),)),
        changes(row(7, "active", bulk_id=1), jobs=(job("fetching", transfer_id=7),)),
        changes(row(7, "done", bulk_id=1), jobs=(job("done", transfer_id=7),)),
        ids=(),
        bulk=1,
    )
    assert run(engine).exit_status() is Exit.OK
    states = [one["state"] for one in told(capsys) if one["event"] == "bulk"]
    assert states == ["pending", "processing", "fetching", "done"]


WAITS = row(1, "waiting", code="NO_SPACE", reason="needs 12.4 GB more in /data")


@pytest.mark.parametrize(
    ("event", "code", "status"),
    [
        (changes(WAITS), "NO_SPACE", Exit.NO_ROOM),
        (changes(row(1, "waiting", code="UNAUTHENTICATED"), row(2, "queued"),
                 needs_sign_in=("https://x",)), "UNAUTHENTICATED", Exit.NOT_ALLOWED),
        (changes(jobs=(job("pending", code="UNAUTHENTICATED"),), needs_sign_in=("https://x",)),
         "UNAUTHENTICATED", Exit.NOT_ALLOWED),
    ],
)  # fmt: skip
def test_a_job_gives_up_when_nothing_else_can_move(
    event: Changes, code: str, status: Exit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "GIVE_UP_AFTER", 0.0)
    state = run(FakeEngine(event, ids=(1, 2)))
    assert state.blocked_by == code
    assert state.exit_status() is status


@pytest.mark.parametrize(
    "event",
    [
        changes(WAITS, row(2, "active")),
        changes(WAITS, row(2, "queued")),
        changes(WAITS, row(2, "waiting", code="RATE_LIMITED")),
        changes(WAITS, jobs=(job("processing"),)),
        changes(row(1, "active"), needs_sign_in=("https://x",)),
        changes(row(1, "done")),
    ],
)
def test_it_does_not_give_up_while_something_can_move(event: Changes) -> None:
    state = BatchProgress(summary=event.summary, bulk_jobs={one.id: one for one in event.bulk_jobs})
    for one in event.transfers:
        state.update_transfer(one)
    assert state.blocking_code() == ""


def test_the_words_of_a_wait_can_be_had() -> None:
    state = BatchProgress()
    state.update_transfer(WAITS)
    assert state.waiting_reason("NO_SPACE") == "needs 12.4 GB more in /data"
    assert state.waiting_reason("UNAUTHENTICATED") == ""


def test_an_interruption_ends_it_as_it_stands() -> None:
    state = run(FakeEngine(changes(row(1, "active", done=3))), lambda: True)
    assert state.exit_status() is Exit.INTERRUPTED
    assert state.running[1].done == 3


def test_counts_follow_the_latest_of_each_row() -> None:
    state = BatchProgress()
    one = row(1, "queued")
    for step in ("queued", "active", "verifying", "done"):
        state.update_transfer(replace(one, state=step))
    state.update_transfer(row(2, "queued"))
    state.remove_transfer(2)
    assert {key: n for key, n in state.counts.items() if n} == {"done": 1}
    assert state.running == {}


@pytest.mark.parametrize("is_alive", [True, False])
def test_after_an_internal_error_it_waits_for_nothing_that_may_never_come(is_alive: bool) -> None:
    engine = FakeEngine(changes(row(1, "active")))
    engine.mistake, engine.is_alive = RuntimeError("x"), is_alive
    view = SilentView()
    patience = 0.0 if is_alive else 3600.0
    follower = Follower(engine, Output(as_json=True), view, lambda: False, patience)
    state = follower.run(WholeBatch(BATCH))
    assert state.blocked_by == "INTERNAL"
    assert state.exit_status() is Exit.SOME_FAILED


TOKEN_LIKE = "token=abc123def456ghi789"
"""Part of a path that looks like a secret, and names a file all the same."""


@pytest.mark.parametrize(
    ("about", "wanted"),
    [
        ({"state": "active"}, {"outcome": None, "foreign": None}),
        ({"state": "done"}, {"outcome": "downloaded", "replaced": None, "linked": None}),
        ({"state": "skipped"}, {"outcome": "present"}),
        ({"state": "skipped", "code": "CHANGED"}, {"outcome": "kept", "code": "CHANGED"}),
        ({"state": "failed", "code": "CHANGED"}, {"outcome": "failed"}),
        ({"state": "cancelled"}, {"outcome": "cancelled"}),
        (
            {"state": "done", "replaced": "f1.old-2026-11-27"},
            {"outcome": "replaced", "replaced": f"{ROOT}/data/f1.old-2026-11-27"},
        ),
        ({"state": "done", "replaced": "removed"}, {"outcome": "replaced", "replaced": "removed"}),
        (
            {"state": "done", "linked": f"x/{TOKEN_LIKE}"},
            {"outcome": "linked", "linked": f"{ROOT}/x/{TOKEN_LIKE}"},
        ),
        (
            {"state": "skipped", "renamed_from": f"data/{TOKEN_LIKE}~2"},
            {"outcome": "present", "renamed_from": f"{ROOT}/data/{TOKEN_LIKE}~2"},
        ),
        (
            {"state": "done", "path": "data/f1~2", "occupied": 1},
            {"outcome": "downloaded", "beside_foreign": True, "foreign": f"{ROOT}/data/f1"},
        ),
        (  # ~1 is another sample's, ~2 a foreign one
            {"state": "done", "path": "data/f1~3", "occupied": 2},
            {"foreign": f"{ROOT}/data/f1~2"},
        ),
        (
            {"state": "done", "path": f"d/{TOKEN_LIKE}~2", "filename": f"r/{TOKEN_LIKE}",
             "occupied": 1},
            {"foreign": f"{ROOT}/d/{TOKEN_LIKE}"},
        ),
        ({"state": "done", "path": "data/renamed", "occupied": 1}, {"foreign": None}),
    ],
)  # fmt: skip
def test_json_tells_what_happened_to_which_file(
    about: dict[str, Any], wanted: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    Output(as_json=True).event("transfer", **transfer_fields(row(1, **about)))
    told = json.loads(capsys.readouterr().out)
    assert {name: told[name] for name in wanted} == wanted


LATER, ABSENT = (CommandError("no", exit=status) for status in (Exit.TRY_LATER, Exit.NOTHING_FOUND))


@pytest.mark.parametrize(
    ("errors", "missing", "expected"),
    [
        ([], [], Exit.OK),
        ([LATER], [], Exit.TRY_LATER),
        ([LATER, ABSENT], [], Exit.SOME_FAILED),
        ([LATER], ["sample/1"], Exit.SOME_FAILED),
    ],
)
def test_the_status_of_what_was_found(
    errors: list[CommandError], missing: list[str], expected: Exit
) -> None:
    assert RequestedFiles(errors=errors, missing=missing).exit_status is expected


@pytest.mark.parametrize(
    ("errors", "beside", "alone"),
    [
        ([], Exit.OK, Exit.NOTHING_FOUND),
        ([ServiceUnavailable("no")], Exit.TRY_LATER, Exit.TRY_LATER),
        ([ServiceUnavailable("no"), Refused("no")], Exit.SOME_FAILED, Exit.SOME_FAILED),
        ([Refused("no")], Exit.SOME_FAILED, Exit.NOT_ALLOWED),
    ],
)
def test_the_status_of_a_search(errors: list[FlowError], beside: Exit, alone: Exit) -> None:
    said = SearchNotices(Output(quiet=True))
    for error in errors:
        said.left_out("a", error)
    assert (said.exit_beside, said.exit) == (beside, alone)
