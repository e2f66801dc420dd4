"""Room on disks."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from flowtui.transfer.disk import space
from flowtui.transfer.disk.space import Room, SpaceWatch, measure
from support.waiting import GUARD, until


def test_the_room_of_a_folder_that_is_not_there_yet_is_that_of_the_one_above(tmp_path: Path):
    room = measure(tmp_path / "not" / "yet")
    assert room.device == tmp_path.stat().st_dev
    there = os.statvfs(tmp_path)
    assert abs(room.free - there.f_bavail * there.f_frsize) < 1 << 30
    (tmp_path / "file").write_text("")
    assert measure(tmp_path / "file" / "below").device == room.device


class Watched:
    """A watch over rooms that the test sets, which looks only when it is woken."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, every: float = 60.0) -> None:
        self.rooms: dict[str, Room | Exception] = {}
        self.looked: list[str] = []
        self.told = threading.Semaphore(0)
        monkeypatch.setattr(space, "measure", self.measure)
        self.watch = SpaceWatch(self.told.release, every)

    def measure(self, folder: Path) -> Room:
        self.looked.append(str(folder))
        found = self.rooms[str(folder)]
        if isinstance(found, Exception):
            raise found
        return found

    def first(self, folder: str) -> Room | None:
        """The first answer that comes of a folder."""
        self.watch.room(folder)
        assert self.told.acquire(timeout=GUARD)
        return self.watch.room(folder)

    def rounds(self, count: int) -> None:
        """Wait until /a, which is wanted, was looked at so many times more."""
        wanted = self.looked.count("/a") + count
        until(lambda: self.looked.count("/a") >= wanted)


def test_asking_never_waits_for_the_disk(monkeypatch: pytest.MonkeyPatch):
    gate = threading.Event()
    watched = Watched(monkeypatch)
    monkeypatch.setattr(space, "measure", lambda folder: gate.wait(GUARD) and Room(1, 5))
    assert watched.watch.room("/stalled") is None
    assert not watched.watch.is_known("/stalled")
    gate.set()
    assert watched.told.acquire(timeout=GUARD)
    assert watched.watch.room("/stalled") == Room(1, 5)
    watched.watch.close()


def test_no_exception_ends_the_looking(monkeypatch: pytest.MonkeyPatch):
    """A batch whose room nobody looks at would wait for ever."""
    watched = Watched(monkeypatch)
    watched.rooms = {"/odd": ValueError("embedded null byte"), "/to": Room(1, 5)}
    assert watched.first("/odd") is None
    assert watched.first("/to") == Room(1, 5)
    watched.watch.close()


def test_a_disk_that_gives_no_answer_is_known_as_such(monkeypatch: pytest.MonkeyPatch):
    watched = Watched(monkeypatch)
    watched.rooms = {"/bad": OSError(5, "Input/output error"), "/good": Room(2, 7)}
    assert watched.first("/bad") is None
    assert watched.watch.is_known("/bad")
    assert watched.first("/good") == Room(2, 7)
    watched.watch.close()


def test_what_is_known_is_kept_fresh_as_long_as_it_is_wanted(monkeypatch: pytest.MonkeyPatch):
    watched = Watched(monkeypatch, every=0.01)
    watched.rooms = {"/a": Room(1, 10), "/b": Room(1, 10)}
    watched.first("/a")
    watched.first("/b")
    watched.rooms["/a"] = Room(1, 3)
    until(lambda: watched.watch.room("/a") == Room(1, 3))
    watched.watch.keep_only({"/a"})
    watched.rounds(2)  # the first may have begun before
    count = watched.looked.count("/b")
    watched.rounds(2)
    assert watched.looked.count("/b") == count
    watched.watch.close()
