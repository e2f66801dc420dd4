"""What went on while no app was open is told once, to the next one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowtui.config import Folders
from flowtui.protocol.messages import Changes, Summary, TransferRow
from flowtui.tui import away
from flowtui.tui.away import MOST_RANGES, Seen, ended_since, from_json, in_words, seen_of, to_json
from flowtui.tui.engine_link import QueueChanged
from flowtui.tui.queue_model import Delta, QueueModel
from support.fake_flow import screen
from support.tui_app import context_of, make_app, opened, until


def row(id_: int, state: str) -> TransferRow:
    return TransferRow(id_, 1, f"data:{id_}", f"file{id_}", "/to", f"file{id_}", state)


def model_of(*rows: TransferRow, **more: Any) -> QueueModel:
    model = QueueModel()
    model.apply(Changes(Summary(), rows, reset=True, **more), Delta())
    return model


@given(st.sets(st.integers(1, 60)), st.integers(60, 100))
def test_what_is_kept_is_what_was_seen(ids: set[int], newest: int) -> None:
    seen = Seen(newest, frozenset(ids))
    assert from_json(json.loads(json.dumps(to_json(seen)))) == seen


def test_a_long_queue_takes_a_few_bytes() -> None:
    assert to_json(Seen(100_000, frozenset(range(1, 100_001))))["unended"] == [[1, 100_000]]


@pytest.mark.parametrize(
    "kept",
    [
        None, [], {}, {"newest": "5", "unended": []}, {"newest": 5}, {"newest": 5, "unended": [7]},
        {"newest": 5, "unended": [[1]]}, {"newest": 5, "unended": [[1, "2"]]},
        {"newest": 5, "unended": [[2, 1]]}, {"newest": 5, "unended": [[0, 1]]},
        {"newest": 5, "unended": [[1, 6]]}, {"newest": True, "unended": []},
        {"newest": 10**12, "unended": [[1, 10**12]]},
        {"newest": 5, "unended": [[1, 1]] * (MOST_RANGES + 1)},
    ],
    ids=range(14),
)  # fmt: skip
def test_nonsense_is_nothing_seen(kept: object) -> None:
    assert from_json(kept) is None


def test_what_ended_since() -> None:
    before = seen_of(model_of(row(1, "done"), row(2, "active"), row(3, "queued"), row(4, "failed")))
    now = [row(1, "done"), row(2, "done"), row(3, "failed"), row(4, "failed"), row(5, "skipped"),
           row(6, "active"), row(7, "cancelled")]  # fmt: skip
    assert ended_since(before, now) == (2, 1)


@pytest.mark.parametrize(
    ("done", "failed", "words"),
    [
        (0, 0, ""),
        (1, 0, "While you were away: 1 file done"),
        (1_200, 3, "While you were away: 1,200 files done, 3 failed"),
        (0, 2, "While you were away: 2 failed"),
    ],
)
def test_the_words(done: int, failed: int, words: str) -> None:
    assert in_words(done, failed) == words


def test_it_is_kept_in_the_state(tmp_path: Path) -> None:
    folders = Folders(tmp_path / "config", tmp_path / "state", tmp_path / "run")
    assert away.load(folders) is None
    seen = Seen(7, frozenset({2, 3}))
    away.save(folders, seen)
    assert away.load(folders) == seen
    (folders.state / away.NAME).write_text("[" * 100_000)
    assert away.load(folders) is None


async def test_the_app_tells_once_and_keeps_what_it_saw(tmp_path: Path) -> None:
    app = make_app(screen(1), tmp_path)
    context = context_of(app)
    context.seen = Seen(2, frozenset({1, 2}))
    link = context.fake_link
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        for last in (False, True, True):  # the queue comes in pieces, then what changes
            delta = Delta()
            rows = (row(1, "done"), row(2, "active")) if not last else ()
            link.model.apply(Changes(Summary(), rows, last=last), delta)
            link.take = lambda delta=delta: delta  # type: ignore[method-assign,misc]
            app.post_message(QueueChanged(link))  # type: ignore[arg-type]
            await pilot.pause()
        await until(pilot, lambda: [toast.message for toast in app._notifications])
        told = [toast.message for toast in app._notifications]
        assert told == ["While you were away: 1 file done"]
    assert context.seen == Seen(2, frozenset({2}))


async def test_an_app_that_was_never_told_the_queue_keeps_nothing(tmp_path: Path) -> None:
    app = make_app(screen(1), tmp_path)
    context_of(app).seen = before = Seen(2, frozenset({1, 2}))
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
    assert context_of(app).seen is before
