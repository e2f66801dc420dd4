"""Room on disks."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowtui.text.quantities import size_words
from flowtui.transfer.disk import space
from flowtui.transfer.disk.space import Room, SpaceWatch, look


def test_the_room_of_a_folder_that_is_not_there_yet_is_that_of_the_one_above(tmp_path: Path):
    room = look(tmp_path / "not" / "yet")
    assert room.device == tmp_path.stat().st_dev
    there = os.statvfs(tmp_path)
    assert abs(room.free - there.f_bavail * there.f_frsize) < 1 << 30
    (tmp_path / "file").write_text("")
    assert look(tmp_path / "file" / "below").device == room.device


class Watched:
    """A watch over rooms that the test sets, which looks only when it is woken."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, every: float = 60.0) -> None:
        self.rooms: dict[str, Room | Exception] = {}
        self.looked: list[str] = []
        self.told = threading.Semaphore(0)
        monkeypatch.setattr(space, "look", self.look)
        self.watch = SpaceWatch(self.told.release, every)

    def look(self, folder: Path) -> Room:
        self.looked.append(str(folder))
        found = self.rooms[str(folder)]
        if isinstance(found, Exception):
            raise found
        return found

    def first(self, folder: str) -> Room | None:
        """The first answer that comes of a folder."""
        self.watch.room(folder)
        assert self.told.acquire(timeout=5)
        return self.watch.room(folder)


def test_asking_never_waits_for_the_disk(monkeypatch: pytest.MonkeyPatch):
    gate = threading.Event()
    watched = Watched(monkeypatch)
    monkeypatch.setattr(space, "look", lambda folder: gate.wait(10) and Room(1, 5))
    assert watched.watch.room("/stalled") is None
    assert not watched.watch.is_known("/stalled")
    gate.set()
    assert watched.told.acquire(timeout=5)
    assert watched.watch.room("/stalled") == Room(1, 5)
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
    fresh = threading.Event()
    for _ in range(500):
        if watched.watch.room("/a") == Room(1, 3):
            break
        fresh.wait(0.01)
    assert watched.watch.room("/a") == Room(1, 3)
    watched.watch.keep_only({"/a"})
    fresh.wait(0.05)
    count = watched.looked.count("/b")
    fresh.wait(0.05)
    assert watched.looked.count("/b") == count
    watched.watch.close()


@given(st.integers(0, 10**15))
def test_sizes_in_words_are_short_and_near(count: int):
    number, unit = size_words(count).split()
    scale = {"bytes": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}[unit]
    assert abs(float(number) * scale - count) <= 0.05 * scale + (0.5 if unit == "bytes" else 0)
    assert unit == "TB" or len(number) <= 5


def test_sizes_in_words():
    assert size_words(0) == "0 bytes"
    assert size_words(999) == "999 bytes"
    assert size_words(12_400_000_000) == "12.4 GB"
    assert size_words(999_999) == "1.0 MB"
