"""What is saved at the end of an engine is waited for as long as it gets on, and no longer."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flowtui.engine.queue.queue import Queue, Transfer
from flowtui.engine.store import persistence as module
from flowtui.engine.store.persistence import Persistence

LOOKS = 5


class SlowDisk:
    """Does what it is given once it was looked at so often, and takes a row at each look."""

    def __init__(self, gets_on: bool) -> None:
        self.gets_on = gets_on
        self.looks = 0
        self.store: Any = None
        self.work: list[tuple[Future[Any], Callable[[], Any]]] = []

    def in_thread(self, work: Callable[[], Any]) -> Future[Any]:
        future: Future[Any] = Future()
        self.work.append((future, work))
        return future

    def wait(self, futures: list[Future[Any]], timeout: float) -> None:
        self.looks += 1
        self.store.taken += self.gets_on
        if self.looks == LOOKS:
            for future, work in self.work:
                future.set_result(work())


@pytest.fixture(params=[True, False], ids=["gets on", "hangs"])
def disk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> SlowDisk:
    made = SlowDisk(request.param)
    monkeypatch.setattr(module, "wait", made.wait)
    return made


def test_a_long_save_at_the_end_is_waited_for_unless_the_disk_hangs(
    disk: SlowDisk, tmp_path: Path
) -> None:
    file = tmp_path / "queue.db"
    kept = Persistence(file, disk.in_thread)
    disk.store = kept._store
    queue = Queue()
    queue.add(Transfer(1, 1, "data/1", "a", (), "/a", "/to", "a", "s"))
    none: Any = SimpleNamespace(unsaved=set(), removed=set(), jobs={})
    kept.finish(queue, none, patience=0.0)
    assert not kept.is_finishing
    assert (disk.looks == LOOKS) is disk.gets_on
    kept._store.close()
    there = Persistence(file, disk.in_thread)
    assert [transfer.id for transfer in there.transfers()] == ([1] if disk.gets_on else [])
