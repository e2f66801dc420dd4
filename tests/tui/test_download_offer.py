"""What the download dialog says, proposes and sends, by tables."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flowtui.flow.remote_file import RemoteFile
from flowtui.flow.walk.walk import LeftOut
from flowtui.protocol.messages import Space
from flowtui.tui.already_here import PIECE, Already, AlreadyHere
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
    already = more.pop("already", Already())
    for name, value in more.items():
        setattr(count, name, value)
    return Offer("Screen", count, above, already)


def known(here: int, queued: int = 0, *, looked: int | None = None) -> Already:
    """So many files of 1,000 bytes each."""
    found = here + queued
    return Already(found if looked is None else looked, here, queued, 1000 * found)


@pytest.mark.parametrize(
    ("made", "ways", "proposed"),
    [
        (offer(100), (Way.ONE_BY_ONE, Way.BULK), Way.ONE_BY_ONE),
        (offer(101), (Way.ONE_BY_ONE, Way.BULK), Way.BULK),
        (offer(101, above=500), (Way.ONE_BY_ONE, Way.BULK), Way.ONE_BY_ONE),
        (offer(101, with_id=False), (Way.ONE_BY_ONE,), Way.ONE_BY_ONE),
        (offer(0), (), None),
        (offer(101, already=known(0, looked=50)), (Way.ONE_BY_ONE, Way.BULK), Way.BULK),
        (offer(101, already=known(1, looked=101)), (Way.ONE_BY_ONE, Way.BULK), Way.ONE_BY_ONE),
        (offer(104, already=known(1, 2, looked=104)), (Way.ONE_BY_ONE, Way.BULK), Way.BULK),
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
        (offer(25, already=known(22, looked=25)), "25 files: 22 already here, 3 new, 3.0 kB"),
        (offer(25, already=known(22, 1, looked=25)),
         "25 files: 22 already here, 1 already in the queue, 2 new, 2.0 kB"),
        (offer(25, already=known(0, 25)), "25 files: 25 already in the queue"),
        (offer(25, already=known(25)), "25 files: 25 already here"),
        (offer(25, already=known(20), ended=False),
         "25 files: 20 already here, 5 new, 5.0 kB so far, counting …"),
        (offer(25, already=known(25), ended=False),
         "25 files: 25 already here, 0 new, 0 B so far, counting …"),
        (offer(3, already=known(1, looked=3), unknown=2),
         "3 files: 1 already here, 2 new, at least 2.0 kB (2 of unknown size)"),
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
    assert offer(10, already=known(4, 1)).room == 5_500


# What is here already


def remote(number: int, size: int | None = 4) -> RemoteFile:
    return RemoteFile(f"data/{number}", f"f{number}", "https://x", ("data",), size=size)


class Threads:
    """What is looked for when it is told to, here."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []

    def run(self, work: Callable[[], None], name: str) -> None:
        self.waiting.append(work)

    def go_on(self) -> None:
        waiting, self.waiting = self.waiting, []
        for work in waiting:
            work()


def folder_with(root: Path, *numbers: int) -> Path:
    """A folder in which these files of four bytes are recorded, and are."""
    (root / "data").mkdir(parents=True)
    with (root / "downloads.log").open("w") as log:
        for number in numbers:
            path = f"data/f{number}"
            (root / path).write_text("abcd")
            line = {"key": f"data/{number}", "path": path, "size": 4, "status": "done"}
            log.write(json.dumps(line) + "\n")
    return root


def looking(threads: Threads, queued: tuple[int, ...] = ()) -> AlreadyHere:
    keys = {f"data/{number}" for number in queued}
    return AlreadyHere(
        threads.run, lambda call, *more: call(*more), lambda folder, file: file.key in keys
    )


def test_what_the_folder_has_and_the_queue_brings_is_counted_once(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, 1, 2, 3, 4)
    (folder / "data" / "f2").unlink()
    (folder / "data" / "f3").write_text("shorter or longer")
    threads = Threads()
    made = looking(threads, queued=(4, 5))
    files = [remote(1), remote(2), remote(3), remote(4), remote(5), remote(6)]
    made.look(folder, files)
    threads.go_on()
    assert made.now == Already(looked=6, here=1, queued=2, bytes=12)


def test_a_file_that_has_another_size_on_flow_by_now_is_new(tmp_path: Path) -> None:
    threads = Threads()
    made = looking(threads)
    made.look(folder_with(tmp_path, 1, 2), [remote(1, 5), remote(2, None)])
    threads.go_on()
    assert (made.now.here, made.now.looked) == (1, 2)


def test_many_files_are_looked_for_piece_by_piece_as_they_are_found(tmp_path: Path) -> None:
    threads = Threads()
    made = looking(threads)
    folder = folder_with(tmp_path, *range(3))
    files = [remote(number) for number in range(PIECE + 1)]
    made.look(folder, files)
    made.look(folder, files)
    assert len(threads.waiting) == 1
    threads.go_on()
    assert (made.now.looked, made.now.here) == (PIECE, 3)
    threads.go_on()  # the next piece, without being asked
    assert (made.now.looked, threads.waiting) == (PIECE + 1, [])
    files.append(remote(1))
    made.look(folder, files)
    threads.go_on()
    made.look(folder, files)
    assert threads.waiting == []
    assert (made.now.looked, made.now.here) == (PIECE + 2, 4)


def test_another_folder_is_looked_at_from_the_beginning(tmp_path: Path) -> None:
    threads = Threads()
    made = looking(threads)
    files = [remote(1), remote(2)]
    made.look(folder_with(tmp_path / "a", 1, 2), files)
    made.look(folder_with(tmp_path / "b", 2), files)
    threads.go_on()  # the first one answers late
    assert made.now == Already(looked=2, here=1, bytes=4)


def test_where_the_log_cannot_be_read_nothing_is_known_to_be_here(tmp_path: Path) -> None:
    threads = Threads()
    made = looking(threads)
    (tmp_path / "downloads.log").symlink_to(folder_with(tmp_path / "a", 1) / "downloads.log")
    made.look(tmp_path, [remote(1)])
    threads.go_on()
    assert made.now == Already(looked=1)
