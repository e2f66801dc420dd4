"""What the download dialog says, proposes and sends, by tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flowtui.flow.remote_file import RemoteFile
from flowtui.flow.walk.walk import LeftOut
from flowtui.protocol.messages import Space
from flowtui.tui.browser.count import Count
from flowtui.tui.screens.download_offer import Offer, Way
from flowtui.tui.screens.space_line import space_text


def offer(files: int = 0, *, with_id: bool = True, above: int = 100, **more: Any) -> Offer:
    """Of a count that has ended, unless it is said otherwise."""
    nothing: Any = None  # which asks nobody: what a thread finds is put in here
    count = Count(nothing, nothing)
    file = RemoteFile("data/1", "a.txt", "https://x/a.txt", ("data",), size=1000)
    count.files = [file] * files
    count.bytes, count.with_id = 1000 * files, files if with_id else 0
    count.server, count.ended = "https://x", True
    for name, value in more.items():
        setattr(count, name, value)
    return Offer("Screen", count, above)


@pytest.mark.parametrize(
    ("made", "ways", "proposed"),
    [
        (offer(100), (Way.ONE_BY_ONE, Way.BULK), Way.ONE_BY_ONE),
        (offer(101), (Way.ONE_BY_ONE, Way.BULK), Way.BULK),
        (offer(101, above=500), (Way.ONE_BY_ONE, Way.BULK), Way.ONE_BY_ONE),
        (offer(101, with_id=False), (Way.ONE_BY_ONE,), Way.ONE_BY_ONE),
        (offer(0), (), None),
        (offer(101, ended=False), (), None),
        (offer(101, error="the server is away"), (), None),
    ],
)
def test_what_is_proposed(made: Offer, ways: tuple[Way, ...], proposed: Way | None) -> None:
    assert (made.ways, made.proposed) == (ways, proposed)
    assert bool(made.why_proposed) is (proposed is Way.BULK)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (offer(1), "1 file, 1.0 kB"),
        (offer(3, unknown=2), "3 files, at least 3.0 kB (2 of unknown size)"),
        (offer(2, ended=False), "2 files, 2.0 kB so far, counting …"),
        (offer(2, ended=False, waiting="the server is busy"),
         "2 files, 2.0 kB so far, the server is busy …"),
        (offer(2, error="no\x1b[2J access"), "Could not list the files: no�[2J access"),
        (offer(0), "no files to download"),
    ],
)  # fmt: skip
def test_how_many_files_and_bytes_there_are(made: Offer, words: str) -> None:
    assert made.what == f"Screen\n{words}"


def test_three_left_out_things_are_named_and_the_others_counted() -> None:
    left = [LeftOut(f"f{number}", "no access") for number in range(5)]
    assert offer(1, left_out=left).left_out.splitlines() == [
        "left out: f0: no access", "left out: f1: no access", "left out: f2: no access",
        "left out: 2 more",
    ]  # fmt: skip
    assert offer(1).left_out == ""


@pytest.mark.parametrize(
    ("way", "up_to"), [(Way.BULK, 100), (Way.ONE_BY_ONE, 0)]
)  # fmt: skip
def test_a_bulk_job_that_was_only_proposed_may_be_done_one_by_one(way: Way, up_to: int) -> None:
    batch = offer(101).batch(Path("/there"), way)
    assert (batch.bulk, batch.one_by_one_up_to) == (way is Way.BULK, up_to)
    assert (batch.root, batch.server, batch.name) == ("/there", "https://x", "Screen")
    assert len(batch.files) == 101


@pytest.mark.parametrize(
    ("free", "promised", "room", "words"),
    [
        (5000, 0, 5000, "5.0 kB free"),
        (5000, 2000, 3000, "3.0 kB free (2.0 kB more reserved for queued files)"),
        (5000, 0, 7000, "5.0 kB free, 2.0 kB more needed. Downloads will wait for space."),
        (1000, 3000, 0, "0 B free (3.0 kB more reserved for queued files), 2.0 kB more needed."
         " Downloads will wait for space."),
    ],
)  # fmt: skip
def test_the_room_that_is_left(free: int, promised: int, room: int, words: str) -> None:
    assert space_text(Space(free, promised), room) == (words, "needed" in words)


def test_a_tenth_more_room_than_the_sizes_is_wanted() -> None:
    assert offer(10).room == 11_000
