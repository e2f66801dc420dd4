"""When somebody is told that downloads are through, failed, or need them; and what is written."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowtui.config import Notify
from flowtui.protocol.messages import BulkRow, Changes, Summary, TransferRow
from flowtui.tui import terminal_signals
from flowtui.tui.announcing import Announcing, percent_of, title_of
from flowtui.tui.engine_link import QueueChanged
from flowtui.tui.notices import Kind, News, Tally, Watch, look, tally
from flowtui.tui.queue_model import Delta, QueueModel
from support.fake_flow import screen
from support.tui_app import context_of, make_app, opened, until

XTERM = {"TERM": "xterm-256color"}


def row(id_: int, state: str, **more: Any) -> TransferRow:
    return TransferRow(id_, 1, f"data:{id_}", f"file{id_}", "/to", f"file{id_}", state, **more)


def job(state: str, **more: Any) -> BulkRow:
    return BulkRow(1, 1, "RNA-seq", "/to", state, **more)


def told_of(*news: News) -> list[list[str]]:
    """What is told of each, one after the other."""
    watch, told = Watch(), []
    for item in news:
        watch, notices = look(watch, item)
        told.append([notice.words for notice in notices])
    return told


WORK = News(Tally(to_come=3))
FAILURE = row(1, "failed", reason="404: gone")

WAYS = {
    "through": ((WORK, News(Tally(good=3))), [[], ["Downloads finished: 3 files"]]),
    "one file": ((WORK, News(Tally(good=1))), [[], ["Downloads finished: 1 file"]]),
    "between two drawings": (
        (News(Tally(good=2)), News(Tally(good=5))),
        [[], ["Downloads finished: 3 files"]],
    ),
    "what was here before counts not": (
        (News(Tally(to_come=1, good=7, failed=2)), News(Tally(good=8, failed=2))),
        [[], ["Downloads finished: 1 file"]],
    ),
    "some failed": (
        (WORK, News(Tally(good=2, failed=1), (FAILURE,))),
        [[], ["Downloads ended: 2 files here, 1 failed"]],
    ),
    "all cancelled": ((WORK, News(Tally())), [[], []]),
    "paused by hand": ((WORK, News(Tally(paused=2, good=1))), [[], []]),
    "the first failure, and no more before the end": (
        (
            WORK,
            News(Tally(to_come=2, failed=1), (FAILURE,)),
            News(Tally(to_come=1, failed=2), (row(2, "failed", reason="500"),)),
            News(Tally(failed=2, good=1)),
        ),
        [[], ["file1 failed: 404: gone"], [], ["Downloads ended: 1 file here, 2 failed"]],
    ),
    "several at once, one without a reason": (
        (WORK, News(Tally(to_come=1, failed=2), (row(1, "failed"), row(2, "failed")))),
        [[], ["file1 failed (and 1 more)"]],
    ),
    "an archive": (
        (WORK, News(Tally(to_come=1, failed=1), (), (job("expired", reason="expired on Flow"),))),
        [[], ["RNA-seq failed: expired on Flow"]],
    ),
    "tried again and well": (
        (
            News(Tally(to_come=1, failed=1)),
            News(Tally(to_come=1)),
            News(Tally(good=1)),
        ),
        [[], [], ["Downloads finished: 1 file"]],
    ),
    "forgotten meanwhile": (
        (News(Tally(to_come=1, good=9)), News(Tally(to_come=1)), News(Tally(good=1))),
        [[], [], ["Downloads finished: 1 file"]],
    ),
    "no room": (
        (
            WORK,
            News(Tally(to_come=3), (row(1, "waiting", code="NO_SPACE", reason="needs 2 GB more"),)),
            News(Tally(to_come=3), (row(2, "waiting", code="NO_SPACE", reason="needs 2 GB more"),)),
        ),
        [[], ["file1 waits for room: needs 2 GB more"], []],
    ),
    "waiting for something else": (
        (WORK, News(Tally(to_come=3), (row(1, "waiting", reason="Flow asks to wait"),))),
        [[], []],
    ),
    "a session that ends twice": (
        (
            News(Tally(to_come=1), needs_sign_in=True),
            News(Tally(to_come=1), needs_sign_in=True),
            News(Tally(to_come=1)),
            News(Tally(to_come=1), needs_sign_in=True),
        ),
        [
            ["Sign in to continue the downloads"],
            [],
            [],
            ["Sign in to continue the downloads"],
        ],
    ),
    "twice through": (
        (WORK, News(Tally(good=3)), News(Tally(good=3)), News(Tally(good=3, to_come=1)),
         News(Tally(good=4))),
        [[], ["Downloads finished: 3 files"], [], [], ["Downloads finished: 1 file"]],
    ),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_what_is_told(way: str) -> None:
    news, words = WAYS[way]
    assert told_of(*news) == words


def test_the_queue_in_numbers() -> None:
    counts = {"queued": 1, "active": 2, "verifying": 3, "waiting": 4, "paused": 5, "done": 6,
              "skipped": 7, "failed": 8, "cancelled": 9}  # fmt: skip
    jobs = [job("processing"), job("done"), job("failed"), job("expired"), job("cancelled")]
    files = counts | {"done": 60, "queued": 25, "failed": 10}  # those of the archives, too
    summary = Summary(counts=counts, file_counts=files)
    assert tally(summary, jobs) == Tally(to_come=11, paused=5, good=67, failed=10)


NUMBERS = st.builds(Tally, *(st.integers(0, 3) for _ in range(4)))


@given(st.lists(st.builds(News, NUMBERS), max_size=20))
def test_no_end_is_told_while_there_is_something_to_do(news: list[News]) -> None:
    watch = Watch()
    for item in news:
        watch, notices = look(watch, item)
        ends = [notice for notice in notices if notice.kind is Kind.FINISHED]
        assert not (ends and (item.now.to_come or item.now.paused))


@pytest.mark.parametrize(
    ("now", "summary", "title"),
    [
        (Tally(), Summary(), "flowtui"),
        (Tally(to_come=2), Summary(done=1, total=3), "33%: flowtui"),
        (Tally(to_come=2), Summary(done=1, total=3, unknown_sizes=1), "2 to come: flowtui"),
        (Tally(to_come=1200), Summary(), "1,200 to come: flowtui"),
        (Tally(to_come=2), Summary(needs_sign_in=("https://x",)), "sign in: flowtui"),
    ],
)
def test_the_title(now: Tally, summary: Summary, title: str) -> None:
    assert title_of(now, summary) == title


def test_no_percentage_above_a_hundred() -> None:
    assert percent_of(Summary(done=9, total=3)) == 100


# What is written to the terminal


class Screen:
    """Takes what an app would show."""

    def __init__(self) -> None:
        self.toasts: list[tuple[str, str]] = []

    def notify(self, words: str, *, severity: str, **_: object) -> None:
        self.toasts.append((words, severity))


def announcing(
    how: Notify, environment: dict[str, str], *, has_title: bool = True
) -> tuple[Announcing, Screen, list[str]]:
    app, written = Screen(), []
    made = Announcing(app, written.append, environment, how=how, has_title=has_title)  # type: ignore[arg-type]
    return made, app, written


def changed(
    model: QueueModel, *rows: TransferRow, jobs: tuple[BulkRow, ...] = (), **more: Any
) -> Delta:
    """Have the model take these rows; its sums follow."""
    delta = Delta()
    states = {**{old.id: old.state for old in model.transfers.values()},
              **{new.id: new.state for new in rows}}  # fmt: skip
    counts = {state: list(states.values()).count(state) for state in states.values()}
    summary = Summary(counts=counts, file_counts=counts, done=1, total=4)
    model.apply(Changes(summary, rows, jobs, **more), delta)
    return delta


HOW = [
    (Notify.OFF, [], []),
    (Notify.TOAST, [("Downloads finished: 1 file", "information")], []),
    (Notify.BELL, [("Downloads finished: 1 file", "information")], ["\a"]),
    (
        Notify.DESKTOP,
        [("Downloads finished: 1 file", "information")],
        ["\x1b]9;flowtui: Downloads finished: 1 file\a"],
    ),
]


@pytest.mark.parametrize(("how", "toasts", "sequences"), HOW)
def test_how_it_is_told(how: Notify, toasts: list[tuple[str, str]], sequences: list[str]) -> None:
    told, app, written = announcing(how, XTERM, has_title=False)
    model = QueueModel()
    for state in ("active", "done"):
        told.show(model, changed(model, row(1, state)))
    assert app.toasts == toasts and written == sequences


def test_a_queue_that_is_still_being_sent_is_no_news() -> None:
    told, app, _ = announcing(Notify.TOAST, XTERM)
    model = QueueModel()
    told.show(model, changed(model, row(1, "active"), reset=True, last=False))
    told.show(model, changed(model, row(2, "done"), last=False))
    told.show(model, changed(model, row(3, "done")))
    told.show(model, changed(model, row(1, "done")))
    assert app.toasts == [("Downloads finished: 1 file", "information")]


def test_the_title_is_kept_set_and_given_back() -> None:
    told, _, written = announcing(Notify.OFF, XTERM)
    model = QueueModel()
    told.begin()
    told.show(model, changed(model, row(1, "active")))
    told.show(model, changed(model, row(1, "active")))
    told.show(model, changed(model, row(1, "done")))
    told.end()
    assert written == [
        terminal_signals.KEEP_TITLE,
        "\x1b]2;25%: flowtui\a",
        "\x1b]2;flowtui\a",
        terminal_signals.TITLE_BACK,
    ]


def test_a_terminal_with_a_progress_shows_it_and_loses_it_again() -> None:
    told, _, written = announcing(Notify.OFF, {"TERM": "xterm-ghostty"})
    model = QueueModel()
    told.show(model, changed(model, row(1, "active"), row(2, "active")))
    told.show(model, changed(model, row(2, "failed")))
    told.show(model, changed(model, row(1, "done")))
    told.end()
    progress = [sequence for sequence in written if "]9;4" in sequence]
    assert progress == ["\x1b]9;4;1;25\a", "\x1b]9;4;2;25\a", terminal_signals.NO_PROGRESS]


@pytest.mark.parametrize(
    ("environment", "title", "progress"),
    [
        ({"TERM": "xterm-256color"}, True, False),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, True, True),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, True, False),
        ({"TERM": "xterm-256color", "WT_SESSION": "1"}, True, True),
        ({"TERM": "tmux-256color", "TMUX": "x", "TERM_PROGRAM": "WezTerm"}, True, False),
        ({"TERM": "linux"}, False, False),
        ({"TERM": "dumb"}, False, False),
        ({"TERM": "vt100"}, False, False),
        ({}, False, False),
    ],
)
def test_what_terminals_are_told(environment: dict[str, str], title: bool, progress: bool) -> None:
    assert terminal_signals.has_title(environment) is title
    assert terminal_signals.shows_progress(environment) is progress


def test_a_notification_goes_through_tmux() -> None:
    sequence = terminal_signals.notification("done", {"TMUX": "/tmp/tmux-0/default,1,0"})
    assert sequence == "\x1bPtmux;\x1b\x1b]9;done\a\x1b\\"


@given(st.text(max_size=40))
def test_no_words_end_the_sequence_or_begin_another(words: str) -> None:
    sequence = terminal_signals.notification(words, {})
    inside = sequence.removeprefix("\x1b]9;").removesuffix("\a")
    assert not inside.startswith("4;")
    assert not any(unicodedata.category(letter) in ("Cc", "Cf") for letter in inside)
    assert terminal_signals.title(words).count("\x1b") == 1


async def test_the_app_tells_what_is_new(tmp_path: Path) -> None:
    app = make_app(screen(2), tmp_path)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await opened(pilot)
        link = context_of(app).fake_link
        for state in ("active", "done"):
            taken = [changed(link.model, row(1, state))]
            link.take = taken.pop  # type: ignore[method-assign]
            app.post_message(QueueChanged(link))  # type: ignore[arg-type]
            await until(pilot, lambda taken=taken: not taken)
        await until(
            pilot, lambda: any("finished: 1 file" in toast.message for toast in app._notifications)
        )
