"""Small files: handed over ahead, without journals, many at once where the server is far."""

from __future__ import annotations

import os
import random
import threading
from pathlib import Path

import pytest

from flowtui.config import Settings
from flowtui.engine.queue.pacing import SMALL_SHARE
from flowtui.system import folder_fsync
from flowtui.transfer.disk.part_file import PartFile, journal_path, part_path
from flowtui.transfer.identity import Identity
from support.fault_server import FaultServer, File, cut_after, slowly
from support.services import FakeClient, batch, engine, remote, rows
from support.waiting import GUARD, until


@pytest.fixture
def server():
    with FaultServer() as one:
        yield one


def small(server: FaultServer, count: int, size: int = 2000) -> None:
    for n in range(count):
        server.files[f"/downloads/{n}/f{n}"] = File(random.Random(n).randbytes(size))


def all_there(server: FaultServer, folder: Path) -> bool:
    return all(
        (folder / path.rpartition("/")[2]).read_bytes() == file.content
        for path, file in server.files.items()
    )


def test_hundreds_of_them_arrive_and_leave_nothing_beside_them(server, tmp_path: Path):
    small(server, 300)
    made = engine()
    made.add(batch(server, tmp_path, *(remote(server, str(n), f"f{n}") for n in range(300))))
    assert made.wait_idle(GUARD)
    assert {(one.state, one.verified_by) for one in rows(made)} == {("done", "md5")}
    made.stop()
    assert len(list((tmp_path / "data").iterdir())) == 300
    assert all_there(server, tmp_path / "data")
    assert len(server.requests) == 300
    assert len((tmp_path / "downloads.log").read_text().splitlines()) == 300


def test_with_a_far_server_more_are_under_way_than_there_are_places(server, tmp_path: Path):
    small(server, 120)
    at_once = [0, 0]
    for file in server.files.values():
        file.always = slowly(0.05, at_once)
    made = engine(settings=Settings(jobs=2))
    made.add(batch(server, tmp_path, *(remote(server, str(n), f"f{n}") for n in range(120))))
    assert made.wait_idle(GUARD)
    made.stop()
    assert 2 < at_once[1] <= 2 * SMALL_SHARE
    assert all_there(server, tmp_path / "data")


def test_a_large_file_gets_its_place_among_many_small_ones(server, tmp_path: Path):
    small(server, 60)
    at_once = [0, 0]
    for file in server.files.values():
        file.always = slowly(0.02, at_once)
    server.files["/downloads/large/large"] = File(b"x" * 3_000_000)
    names = [(str(n), f"f{n}") for n in range(30)]
    names += [("large", "large")] + [(str(n), f"f{n}") for n in range(30, 60)]
    made = engine(settings=Settings(jobs=1))
    made.add(batch(server, tmp_path, *(remote(server, *one) for one in names)))
    assert made.wait_idle(GUARD)
    made.stop()
    order = [one.path for one in server.requests]
    assert order.index("/downloads/large/large") < order.index("/downloads/59/f59")
    assert all_there(server, tmp_path / "data")


def test_a_pause_stops_those_under_way_and_those_handed_over_ahead(server, tmp_path: Path):
    small(server, 200)
    at_once = [0, 0]
    for file in server.files.values():
        file.always = slowly(0.05, at_once)
    made = engine()
    made.add(batch(server, tmp_path, *(remote(server, str(n), f"f{n}") for n in range(200))))
    until(lambda: len(server.requests) >= 10)
    made.pause(None)
    asked = len(server.requests)
    states = {one.state for one in rows(made)}
    assert states <= {"paused", "done"}
    assert made.wait_idle(GUARD)  # all workers have let go: nobody is left to ask
    assert len(server.requests) <= asked + 4 * SMALL_SHARE
    assert sum(one.state == "paused" for one in rows(made)) > 50
    made.resume(None)
    assert made.wait_idle(GUARD)
    assert {one.state for one in rows(made)} == {"done"}
    made.stop()
    assert all_there(server, tmp_path / "data")


def test_a_cancel_leaves_nothing_of_those_that_had_not_begun(server, tmp_path: Path):
    small(server, 100)
    for file in server.files.values():
        file.always = slowly(0.05, [0, 0])
    made = engine()
    made.add(batch(server, tmp_path, *(remote(server, str(n), f"f{n}") for n in range(100))))
    made.cancel(None)
    assert made.wait_idle(GUARD)
    assert {one.state for one in rows(made)} <= {"cancelled", "done"}
    made.stop()
    assert not list(tmp_path.rglob("*.part*"))


def test_the_end_of_the_session_holds_back_what_was_handed_over_ahead(server, tmp_path: Path):
    small(server, 200)
    for file in server.files.values():
        file.needs_token = True
    server.good_tokens = {"good"}
    made = engine(FakeClient(server.url, "bad"))
    made.add(batch(server, tmp_path, *(remote(server, str(n), f"f{n}") for n in range(200))))
    until(lambda: made.status().summary.needs_sign_in)
    until(lambda: not any(row.state == "active" for row in rows(made)), "some are not held back")
    assert len(server.requests) < 100
    made.sign_in(server.url, "me", "good", None)
    assert made.wait_idle(GUARD)
    assert {one.state for one in rows(made)} == {"done"}
    made.stop()


def test_status_can_be_of_the_next_few_only(server, tmp_path: Path):
    small(server, 20)
    for file in server.files.values():
        file.always = slowly(0.2, [0, 0])
    made = engine(settings=Settings(jobs=2))
    made.add(batch(server, tmp_path, *(remote(server, str(n), f"f{n}") for n in range(20))))
    until(lambda: made.status().summary.counts.get("done"))
    now = made.status(rows=True, most=5)
    assert len(now.transfers) == 5
    assert {one.state for one in now.transfers} <= {"active", "queued"}
    assert [one.state for one in now.transfers] == sorted(one.state for one in now.transfers)
    assert len(made.status(rows=True).transfers) == 20
    made.stop()


def test_a_forgotten_batch_is_known_from_its_folder_when_it_comes_again(server, tmp_path: Path):
    small(server, 5)
    wanted = batch(server, tmp_path, *(remote(server, str(n), f"f{n}") for n in range(5)))
    made = engine()
    log = tmp_path / "downloads.log"
    for state in ("done", "skipped"):
        made.add(wanted)
        assert made.wait_idle(GUARD)
        assert {one.state for one in rows(made)} == {state}
        until(lambda: log.exists() and log.read_text().count("\n") >= 5, "the log is not written")
        assert made.forget(None) == 5
        assert rows(made) == []
    made.stop()
    assert len(server.requests) == 5


def test_what_a_cut_left_of_a_small_file_is_not_fetched_again(server, tmp_path: Path):
    data = random.Random(1).randbytes(900_000)
    server.files["/downloads/1/a"] = File(data, handlers=[cut_after(500_000)])
    made = engine()
    made.add(batch(server, tmp_path, remote(server, "1", "a")))
    assert made.wait_idle(GUARD)
    made.stop()
    assert (tmp_path / "data" / "a").read_bytes() == data
    assert server.sent("/downloads/1/a") == len(data)


def test_a_small_part_file_has_a_journal_only_once_it_is_left_unfinished(tmp_path: Path):
    target = tmp_path / "a"
    part = PartFile(target, Identity("data/1", size=100), journaled=False)
    part.write(0, b"x" * 60)
    part.note(0, 60)
    assert not journal_path(target).exists()
    part.close()
    assert journal_path(target).exists()
    again = PartFile(target, Identity("data/1", size=100), journaled=False)
    assert list(again.done) == [(0, 60)]
    again.write(60, b"y" * 40)
    again.note(60, 100)
    again.rename(target, 100)
    again.finish()
    assert [one.name for one in tmp_path.iterdir()] == ["a"]
    assert target.read_bytes() == b"x" * 60 + b"y" * 40


def test_a_killed_process_leaves_a_small_part_file_that_nobody_believes(tmp_path: Path):
    target = tmp_path / "a"
    child = os.fork()
    if child == 0:
        part = PartFile(target, Identity("data/1", size=100), journaled=False)
        part.write(0, b"?" * 60)
        part.note(0, 60)
        os._exit(0)
    os.waitpid(child, 0)
    assert part_path(target).stat().st_size == 60
    part = PartFile(target, Identity("data/1", size=100), journaled=False)
    assert part.done.total == 0
    assert part_path(target).stat().st_size == 0
    part.close()


def test_one_flush_of_a_folder_serves_all_who_came_before_it(tmp_path: Path, monkeypatch):
    begun = threading.Event()
    go_on = threading.Event()
    flushes: list[Path] = []

    def flush(folder: Path) -> None:
        flushes.append(folder)
        begun.set()
        assert go_on.wait(GUARD)

    monkeypatch.setattr(folder_fsync, "_flush", flush)
    threads = [threading.Thread(target=folder_fsync.flush_folder, args=(tmp_path,))]
    threads[0].start()
    assert begun.wait(GUARD)
    for _ in range(10):
        threads.append(threading.Thread(target=folder_fsync.flush_folder, args=(tmp_path,)))
        threads[-1].start()
    flushes_of = (folder_fsync._flushes.running, folder_fsync._flushes.next)
    until(  # the first of them waits for the one under way, the others for his
        lambda: (
            sum(len(of[tmp_path]._condition._waiters) for of in flushes_of if tmp_path in of) == 10
        )
    )
    go_on.set()
    for one in threads:
        one.join(GUARD)
        assert not one.is_alive()
    assert len(flushes) == 2  # the first may have begun before the others' renames


def test_a_failed_flush_is_told_to_all_whom_it_was_for(tmp_path: Path):
    gone = tmp_path / "gone"
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            folder_fsync.flush_folder(gone)


def test_a_change_that_is_on_the_disk_is_not_flushed_again(tmp_path: Path, monkeypatch):
    flushes: list[Path] = []
    monkeypatch.setattr(folder_fsync, "_flush", flushes.append)
    other = tmp_path / "other"
    before = [folder_fsync.change(tmp_path) for _ in range(3)]
    elsewhere = folder_fsync.change(other)
    for one in before:
        folder_fsync.flush_folder(tmp_path, one)
    assert flushes == [tmp_path]
    folder_fsync.flush_folder(other, elsewhere)
    folder_fsync.flush_folder(tmp_path, folder_fsync.change(tmp_path))
    folder_fsync.flush_folder(tmp_path)
    assert flushes == [tmp_path, other, tmp_path, tmp_path]


def test_a_flush_that_failed_counts_for_no_change(tmp_path: Path, monkeypatch):
    broken = [True]

    def flush(folder: Path) -> None:
        if broken.pop():
            raise OSError(5, "the disk is gone")
        broken.append(False)

    monkeypatch.setattr(folder_fsync, "_flush", flush)
    first, second = folder_fsync.change(tmp_path), folder_fsync.change(tmp_path)
    with pytest.raises(OSError, match="gone"):
        folder_fsync.flush_folder(tmp_path, first)
    broken.append(False)
    folder_fsync.flush_folder(tmp_path, second)
    assert broken == [False]
