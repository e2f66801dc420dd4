"""A disk that hangs: nothing but what is meant for it stands still."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from flowtui.engine.workers.pool import Workers
from flowtui.timings import Timings
from flowtui.transfer.disk.part_file import PartFile
from flowtui.transfer.identity import Identity
from support.hanging_disk import HangingDisk
from support.waiting import GUARD, until

T = TypeVar("T")


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HangingDisk]:
    made = HangingDisk(tmp_path / "hung", monkeypatch)
    yield made
    made.let_go()


def part_in(folder: Path) -> PartFile:
    folder.mkdir(parents=True, exist_ok=True)
    part = PartFile(folder / "a.bin", Identity(key="data/1"))
    part.write(0, b"content")
    part.note(0, 7)
    return part


def comes_back(call: Callable[[], T]) -> T:
    """Call it in a thread, so that a call that hangs fails the test and not the whole run."""
    answer: Future[T] = Future()

    def act() -> None:
        try:
            answer.set_result(call())
        except BaseException as error:
            answer.set_exception(error)

    threading.Thread(target=act, daemon=True).start()
    return answer.result(GUARD)


def test_a_flush_that_hangs_holds_up_neither_its_file_s_notes_nor_other_folders(
    tmp_path: Path, disk: HangingDisk
) -> None:
    timings = replace(Timings(), flush_every=0.0, flush_check=0.001)
    workers = Workers(lambda run, outcome: None, timings)
    stuck, other = part_in(tmp_path / "hung"), part_in(tmp_path / "well")
    disk.hang("fsync")
    workers._opened(stuck)
    disk.until_held()
    comes_back(lambda: stuck.note(7, 8))
    assert stuck.unflushed == 1
    closed = workers._opened(other)
    until(lambda: not other.unflushed)
    closed()
    disk.let_go()
    until(lambda: not stuck.unflushed)
    workers.close(10.0)
    stuck.close()
    other.close()


def test_while_a_whole_file_is_flushed_its_lock_is_free(tmp_path: Path, disk: HangingDisk) -> None:
    part = part_in(tmp_path / "hung")
    disk.hang("fsync", ".part")
    settling = threading.Thread(target=part.settle, args=(7,), daemon=True)
    settling.start()
    disk.until_held()
    comes_back(lambda: part.note(0, 7))
    disk.let_go()
    settling.join()
    part.close()
