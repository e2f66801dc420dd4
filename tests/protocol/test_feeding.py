"""Files that are handed over while more are found: when, how many, and as an archive or not."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from flowtui.cli.exit_codes import CommandError, Exit
from flowtui.cli.finding import Finding
from flowtui.cli.output import Output
from flowtui.cli.plan import Plan
from flowtui.flow.remote_file import RemoteFile
from flowtui.protocol.feeding import GRACE, BulkRule, Feeder
from tests.support.waiting import GUARD


def files(count: int, *, with_id: bool = True, start: int = 0) -> list[RemoteFile]:
    return [
        RemoteFile(
            f"data/{n}", f"f{n}", f"/downloads/{n}/f{n}", data_id=str(n) if with_id else None
        )
        for n in range(start, start + count)
    ]


@pytest.mark.parametrize(
    ("bulk", "waiting", "handed", "age", "over", "expected"),
    [
        # All is found: as before any piece was handed over.
        ("auto", 101, 0, 0.0, True, (101, True)),
        ("auto", 100, 0, 0.0, True, (100, False)),
        ("always", 1, 0, 0.0, True, (1, True)),
        ("never", 500, 0, 0.0, True, (500, False)),
        # While they are found: the first ones by themselves, unless an archive is wanted.
        ("auto", 5, 0, GRACE / 2, False, (0, False)),
        ("auto", 5, 0, GRACE, False, (5, False)),
        ("auto", 300, 0, GRACE, False, (100, False)),
        ("auto", 300, 100, 9.0, False, (0, False)),
        ("auto", 300, 60, 9.0, False, (40, False)),
        ("always", 300, 0, 9.0, False, (0, False)),
        ("never", 5, 0, 0.0, False, (5, False)),
        # The rest.
        ("auto", 101, 100, 9.0, True, (101, True)),
        ("auto", 7, 100, 9.0, True, (7, False)),
        ("auto", 0, 7, 9.0, True, (0, False)),
    ],
)
def test_when_files_start_and_how(
    bulk: str, waiting: int, handed: int, age: float, over: bool, expected: tuple[int, bool]
) -> None:
    assert BulkRule(bulk, 100).divide(files(waiting), handed, age, over=over) == expected


def test_what_flow_cannot_archive_does_not_make_an_archive() -> None:
    assert BulkRule("auto", 3).divide(files(9, with_id=False), 0, 0.0, over=True) == (9, False)
    plan = Plan("https://x", "/d", "n", BulkRule("always", 3), unpack=True)
    with pytest.raises(CommandError, match="cannot archive any"):
        plan.whole(files(9, with_id=False))


def test_pieces_hold_each_file_once_in_order() -> None:
    now = 0.0
    found: list[RemoteFile] = []
    over = False

    def take() -> list[RemoteFile]:
        taken, found[:] = list(found), []
        return taken

    plan = Plan("https://x", "/d", "n", BulkRule("auto", 4), unpack=True)
    feeder = Feeder(take, lambda: over, plan.batch, plan.rule, clock=lambda: now)
    pieces = []
    for step in range(12):
        found += files(1, start=step)
        now += 0.1
        pieces += feeder.take()
    assert not feeder.is_over
    over = True
    pieces += feeder.take()
    assert feeder.is_over
    assert feeder.take() == []
    assert [file.key for piece in pieces for file in piece.files] == [
        f"data/{n}" for n in range(12)
    ]
    assert [piece.bulk for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    assert sum(len(piece.files) for piece in pieces[:-1]) == 4
    assert feeder.files == 12


def test_what_a_search_says_comes_in_its_place_and_in_the_callers_thread(
    capsys: pytest.CaptureFixture[str],
) -> None:
    go_on = threading.Event()

    def search(out: Output) -> Iterator[RemoteFile]:
        out.say("first")
        yield from files(2)
        assert go_on.wait(GUARD)
        out.error(CommandError("not found", exit=Exit.NOTHING_FOUND))
        raise ValueError("the end")

    finding = Finding(search, Output())
    got: list[RemoteFile] = []
    while len(got) < 2:
        got += finding.take(timeout=GUARD)
    assert capsys.readouterr().err == "first\n"
    assert not finding.is_over
    go_on.set()
    while not finding.is_over:
        finding.take(timeout=GUARD)
    assert capsys.readouterr().err == "flowtui: not found\n"
    assert isinstance(finding.error, ValueError)
