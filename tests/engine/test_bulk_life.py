"""The life of bulk jobs, in all its turns, against the demo server."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flowtui.config import Settings
from flowtui.demo.scenarios import scenarios_of
from flowtui.demo.serve import DemoServer
from flowtui.engine.bulk.job import content_of
from flowtui.engine.bulk.notes import Note, Notes
from flowtui.protocol.messages import RequestRefused
from flowtui.system import fsync
from flowtui.transfer import pipeline
from flowtui.transfer.archive import extract
from flowtui.transfer.archive.extract import Unpacked
from flowtui.transfer.disk import journal
from flowtui.transfer.disk.part_file import PartFile
from flowtui.transfer.identity import Identity
from flowtui.transfer.verify import blocks, md5
from support import bulk
from support.bulk import archive_requests, check_all, job, leftovers, single_requests, start
from support.odd_files import put
from support.record import Record
from support.waiting import GUARD, until


@pytest.fixture
def server() -> Iterator[DemoServer]:
    with DemoServer(job_seconds=0.1, token_seconds=3600) as running:
        yield running


def turn(server: DemoServer, *names: str) -> None:
    server.bulk.scenarios = scenarios_of(names)


def test_a_job_ends_with_every_file_verified_and_the_archive_gone(server, tmp_path):
    server.bulk.job_seconds, server.bulk.pending_share = 3600.0, 1.0
    record = Record()
    made = start(server, record=record)
    files = bulk.files_of(server, bulk.PROJECT)
    added = made.add(bulk.batch(server, tmp_path, files))
    assert (added.bulk_id, added.ids, added.apart) == (1, (), 0)
    record.until_job(lambda row: row.state == "pending" and row.job_id != "")
    server.bulk.pending_share = 0.0
    record.until_job(lambda row: row.state == "processing")
    server.bulk.job_seconds = 0.0
    assert made.wait_idle(GUARD)
    row = job(made)
    rows = check_all(made, server, tmp_path)
    made.stop()
    assert (row.state, row.unpacked, row.skipped, row.one_by_one) == ("done", len(files), 0, 0)
    assert row.unpacked_bytes == row.bytes == sum(one.size or 0 for one in files)
    assert row.ended is not None and row.archive == ""
    assert {one.verified_by for one in rows} == {"md5 and crc"}
    assert leftovers(tmp_path) == []
    assert record.job_states() == [
        "pending",
        "processing",
        "completed",
        "fetching",
        "unpacking",
        "done",
    ]
    log = [json.loads(line) for line in (tmp_path / "downloads.log").read_text().splitlines()]
    assert {one["key"] for one in log} == {one.key for one in files}
    assert {(one["status"], bool(one["md5"])) for one in log} == {("done", True)}
    times = {one["path"]: one["mtime_ns"] for one in log}
    assert times == {path: (tmp_path / path).stat().st_mtime_ns for path in times}
    assert len(archive_requests(server)) == 1
    assert single_requests(server) == []


def test_a_system_without_some_calls_for_the_disk_downloads_all_the_same(
    server, tmp_path, monkeypatch
):
    """macOS has neither of them; what is put on the disk is so by fsync."""
    for name in ("fdatasync", "posix_fadvise", "POSIX_FADV_DONTNEED"):
        monkeypatch.delattr(os, name)
    flushed: list[int] = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: (flushed.append(1), real(descriptor))[1])
    with (tmp_path / "file").open("wb") as stream:
        fsync.flush_data(stream.fileno())
    assert flushed == [1]
    files = bulk.files_of(server, "sample/34")
    made = start(server, database=tmp_path / "queue.db")
    made.add(bulk.batch(server, tmp_path / "to", files))
    assert made.wait_idle(GUARD)
    row = job(made)
    check_all(made, server, tmp_path / "to")
    made.stop()
    assert (row.state, made.trouble) == ("done", "")
    part = PartFile(tmp_path / "single", Identity("data/1"))
    part.write(0, b"abc")
    part.note(0, 3)
    part.flush()
    part.close()
    found = journal.load(tmp_path / "single.part.journal")
    assert found is not None
    assert list(found.flushed) == [(0, 3)]


@pytest.mark.parametrize("ending", [".part", ".part.journal"])
def test_an_archive_whose_name_a_colleague_s_part_has_gets_another(
    server, tmp_path, monkeypatch, ending
):
    """An interrupted job of his, of the same files, stopped all later ones."""
    put("a named pipe", tmp_path / f"all.zip{ending}")
    files = bulk.files_of(server, "sample/34")
    made = start(server)
    made.add(bulk.batch(server, tmp_path, files))
    assert made.wait_idle(GUARD)
    row = job(made)
    check_all(made, server, tmp_path)
    made.stop()
    assert (row.state, row.one_by_one) == ("done", 0)


def test_the_same_project_one_by_one_skips_what_the_archive_brought(server, tmp_path):
    files = bulk.files_of(server, bulk.PROJECT)
    made = start(server)
    made.add(bulk.batch(server, tmp_path, files))
    assert made.wait_idle(GUARD)
    made.stop()
    again = start(server)
    again.add(bulk.batch(server, tmp_path, files).__class__(
        server.base_url, str(tmp_path), "all", tuple(files)))  # fmt: skip
    assert again.wait_idle(GUARD)
    states = {one.state for one in again.status(rows=True).transfers}
    again.stop()
    assert states == {"skipped"}
    assert single_requests(server) == []


def test_of_a_large_file_of_an_archive_only_the_bad_block_is_fetched_again(
    server, tmp_path, monkeypatch
):
    """As it is of one that came by itself; whatever its time of change, it is noticed."""
    for module in (md5, extract, pipeline, blocks):
        monkeypatch.setattr(module, "BLOCK", 1 << 20)
    files = bulk.files_of(server, "project/12")
    made = start(server)
    made.add(bulk.batch(server, tmp_path, files))
    assert made.wait_idle(GUARD)
    large = max(made.bulk_files(1), key=lambda row: row.size or 0)
    assert large.size is not None and large.size > 3 << 20
    made.stop()
    path = tmp_path / large.path
    whole = path.read_bytes()
    damaged = bytearray(whole)
    damaged[(1 << 20) + 5] ^= 1
    path.write_bytes(damaged)
    os.utime(path, (1, 1))  # as what was copied back from elsewhere has it
    again = start(server)
    again.add(replace(bulk.batch(server, tmp_path, files), bulk=False))
    assert again.wait_idle(GUARD)
    rows = {row.path: row for row in again.status(rows=True).transfers}
    again.stop()
    assert path.read_bytes() == whole
    assert rows[large.path].replaced.startswith(f"{path.name}.old-")
    sent = [one for one in server.requests if one.path in single_requests(server)]
    assert [one.range for one in sent] == ["bytes=1048576-2097151"]


def test_what_is_here_is_not_asked_for_and_few_files_come_one_by_one(server, tmp_path):
    files = bulk.files_of(server, bulk.PROJECT)
    made = start(server)
    made.add(bulk.batch(server, tmp_path, files))
    assert made.wait_idle(GUARD)
    lost = made.bulk_files(1)[2]
    (tmp_path / lost.path).unlink()
    made.add(bulk.batch(server, tmp_path, files, one_by_one_up_to=5))
    assert made.wait_idle(GUARD)
    few = job(made, 2)
    assert (few.state, few.skipped, few.one_by_one) == ("done", len(files) - 1, 1)
    assert len(single_requests(server)) == 1
    (tmp_path / lost.path).unlink()
    made.add(bulk.batch(server, tmp_path, files))
    assert made.wait_idle(GUARD)
    one = job(made, 3)
    check_all(made, server, tmp_path, 3)
    made.stop()
    assert (one.state, one.skipped, one.unpacked) == ("done", len(files) - 1, 1)
    assert len(archive_requests(server)) == 2


@pytest.mark.parametrize("name", ["none", "forbidden"])
def test_without_bulk_downloads_the_files_come_one_by_one(server, tmp_path, name: str):
    turn(server, name)
    files = bulk.files_of(server, "sample/34")
    made = start(server)
    made.add(bulk.batch(server, tmp_path, files))
    assert made.wait_idle(GUARD)
    row = job(made)
    transfers = made.status(rows=True).transfers
    made.stop()
    assert (row.state, row.one_by_one, row.one_by_one_here) == ("done", len(files), len(files))
    assert row.reason == f"{len(files)} of {len(files)} files downloaded one by one"
    assert {one.state for one in transfers} == {"done"}


@pytest.mark.parametrize("name", ["too-large", "too-many"])
def test_a_server_that_refuses_the_size_gets_several_jobs(server, tmp_path, name: str):
    turn(server, name)
    files = [one for one in bulk.files_of(server, bulk.PROJECT) if one.size < 500_000]
    more = next(one for one in server.service.catalogue.projects.values() if "SARS" in one.name)
    files += bulk.files_of(server, f"project/{more.id}")
    files = list({one.key: one for one in files}.values())
    made = start(server)
    made.add(bulk.batch(server, tmp_path, files))
    assert made.wait_idle(GUARD)
    rows = made.status(rows=True).bulk_jobs
    assert len(rows) >= 2
    assert {one.state for one in rows} == {"done"}
    assert sum(one.files for one in rows) == len(files)
    assert len({one.name for one in rows}) == len(rows)
    assert {one.batch_id for one in rows} == {1}
    for one in rows:
        assert one.files <= 40
        check_all(made, server, tmp_path, one.id)
    made.stop()
    assert leftovers(tmp_path) == []


def test_a_single_file_that_is_too_much_comes_by_itself(server, tmp_path):
    server.bulk.scenarios = replace(scenarios_of(["too-large"]), most_files=0)
    files = bulk.files_of(server, "sample/34")
    made = start(server)
    made.add(bulk.batch(server, tmp_path, files))
    assert made.wait_idle(GUARD)
    rows = made.status(rows=True)
    made.stop()
    assert {one.state for one in rows.transfers} == {"done"}
    assert len(rows.transfers) == len(files)
    assert sum(one.one_by_one for one in rows.bulk_jobs) == len(files)


def test_a_job_that_fails_says_why_and_is_tried_again(server, tmp_path):
    turn(server, "failing-once")
    made = start(server)
    made.add(bulk.batch(server, tmp_path, bulk.files_of(server, "sample/34")))
    assert made.wait_idle(GUARD)
    row = job(made)
    assert (row.state, row.code) == ("failed", "FAILED")
    assert "no space left on the worker" in row.reason
    assert made.bulk([1], "retry") == 1
    assert made.wait_idle(GUARD)
    assert job(made).state == "done"
    check_all(made, server, tmp_path)
    made.stop()


def test_a_job_that_fails_may_be_left_for_single_files(server, tmp_path):
    turn(server, "failing")
    files = bulk.files_of(server, "sample/34")
    made = start(server)
    made.add(bulk.batch(server, tmp_path, files))
    assert made.wait_idle(GUARD)
    assert made.bulk([1], "one_by_one") == 1
    assert made.wait_idle(GUARD)
    row = job(made)
    transfers = made.status(rows=True).transfers
    assert (row.state, row.one_by_one_here) == ("done", len(files))
    assert {one.state for one in transfers} == {"done"}
    assert made.bulk([1], "forget") == 1
    assert made.status(rows=True).bulk_jobs == ()
    made.stop()


def test_polls_survive_trouble(server, tmp_path, monkeypatch):
    turn(server, "troubled")
    made = start(server)
    made.add(bulk.batch(server, tmp_path, bulk.files_of(server, "sample/34")))
    until(lambda: "checking again in" in job(made).reason)
    assert not made.is_idle()
    assert made.wait_idle(GUARD)
    assert job(made).state == "done"
    made.stop()


def test_an_archive_that_has_gone_is_created_again_by_itself(server, tmp_path):
    turn(server, "expired-once")
    made = start(server)
    made.add(bulk.batch(server, tmp_path, bulk.files_of(server, bulk.PROJECT)))
    assert made.wait_idle(GUARD)
    row = job(made)
    check_all(made, server, tmp_path)
    transfers = made.status(rows=True).transfers
    made.stop()
    assert row.state == "done"
    assert transfers == ()  # of an archive that is gone nothing is left to look at
    assert sum(one.method == "POST" and one.path == "/api/downloads"
               for one in server.requests) == 2  # fmt: skip


def test_an_archive_that_goes_while_it_is_fetched_is_gone_on_with(server, tmp_path):
    """The same members give the same archive, as its ETag says."""
    turn(server, "cut-once")
    made = start(server)
    made.add(bulk.batch(server, tmp_path, bulk.files_of(server, bulk.PROJECT)))
    assert made.wait_idle(GUARD)
    row = job(made)
    check_all(made, server, tmp_path)
    made.stop()
    assert row.state == "done"
    first, second = archive_requests(server)
    assert first == "all"
    assert int(second.removeprefix("bytes=").partition("-")[0]) > 1_000_000


def test_an_archive_that_goes_again_and_again_is_asked_about(tmp_path):
    with DemoServer(job_seconds=0.1, expires_seconds=0, token_seconds=3600) as server:
        made = start(server)
        made.add(bulk.batch(server, tmp_path, bulk.files_of(server, "sample/34")))
        assert made.wait_idle(GUARD)
        row = job(made)
        assert (row.state, row.code) == ("expired", "EXPIRED")
        assert "create it again" in row.reason
        asked = sum(one.method == "POST" for one in server.requests)
        assert made.bulk([1], "again") == 1
        until(lambda: sum(one.method == "POST" for one in server.requests) > asked)
        assert made.wait_idle(GUARD)
        made.stop()


@pytest.mark.parametrize("name", ["missing", "damaged"])
def test_what_the_archive_lacks_comes_one_by_one(server, tmp_path, name: str):
    turn(server, name)
    files = bulk.files_of(server, bulk.PROJECT)
    made = start(server)
    made.add(bulk.batch(server, tmp_path, files))
    assert made.wait_idle(GUARD)
    row = job(made)
    rows = check_all(made, server, tmp_path)
    made.stop()
    assert (row.state, row.unpacked, row.one_by_one) == ("done", len(files) - 1, 1)
    (single,) = [one for one in rows if one.state == "one_by_one"]
    assert ("damaged" if name == "damaged" else "not in the archive") in single.reason
    assert len(single_requests(server)) == 1
    assert leftovers(tmp_path) == []


def test_an_archive_is_kept_while_a_damaged_member_has_no_other_source(server, tmp_path):
    turn(server, "damaged")
    files = bulk.files_of(server, "sample/34")
    first = server.service.catalogue.files[files[0].data_id]
    record = Record()
    record.at_job(lambda row: row.state == "unpacking", lambda: setattr(first, "refused", 403))
    made = start(server, record=record)
    try:
        made.add(bulk.batch(server, tmp_path, files))
        assert made.wait_idle(GUARD)
        row = job(made)
    finally:
        first.refused = None
    assert row.state == "failed"
    assert row.archive and (tmp_path / row.archive).exists()
    assert row.archive in row.reason
    # Access was given: the retry fetches no archive again.
    fetched = len(archive_requests(server))
    assert made.bulk([1], "retry") == 1
    assert made.wait_idle(GUARD)
    assert job(made).state == "done"
    check_all(made, server, tmp_path)
    made.stop()
    assert len(archive_requests(server)) == fetched
    assert leftovers(tmp_path) == []


def test_a_hostile_archive_is_refused_and_nothing_is_written(server, tmp_path):
    turn(server, "hostile")
    root = tmp_path / "a" / "b"
    made = start(server)
    made.add(bulk.batch(server, root, bulk.files_of(server, "sample/34")))
    assert made.wait_idle(GUARD)
    row = job(made)
    assert (row.state, row.code) == ("failed", "HOSTILE")
    assert "leads outside" in row.reason
    assert [one for one in tmp_path.rglob("*") if "evil" in one.name or ".gz" in one.name] == []
    assert made.bulk([1], "one_by_one") == 1
    assert made.wait_idle(GUARD)
    check_all(made, server, root)
    made.stop()


@pytest.mark.parametrize("dialect", ["guide", "live", "both"])
@pytest.mark.parametrize("names", [("tar",), ("flat",), ("tar", "flat")])
def test_other_layouts_and_tar_gz(tmp_path, dialect: str, names: tuple[str, ...]):
    with DemoServer(dialect, job_seconds=0.1, token_seconds=3600, scenarios=names) as server:  # type: ignore[arg-type]
        files = [one for one in bulk.files_of(server, bulk.PROJECT) if one.data_id]
        made = start(server)
        made.add(bulk.batch(server, tmp_path, files))
        assert made.wait_idle(GUARD)
        row = job(made)
        check_all(made, server, tmp_path)
        made.stop()
    assert row.state == "done"
    assert row.unpacked >= len(files) - 1
    assert leftovers(tmp_path) == []


def test_an_archive_may_be_kept_as_it_is(server, tmp_path):
    made = start(server, settings=Settings(unpack_archives=False))
    made.add(bulk.batch(server, tmp_path, bulk.files_of(server, "sample/34")))
    assert made.wait_idle(GUARD)
    row = job(made)
    (transfer,) = made.status(rows=True).transfers
    made.stop()
    assert (row.state, row.unpack, row.archive) == ("done", False, transfer.path)
    assert transfer.verified_by.endswith("zip check")
    assert leftovers(tmp_path) == ["all.zip"]


def test_an_archive_of_a_ref_is_one_file_here_and_at_the_service(server, tmp_path):
    """`flowtui get sample/34` calls the batch so; its archive makes no folder of that."""
    made = start(server, settings=Settings(unpack_archives=False))
    batch = bulk.batch(server, tmp_path, bulk.files_of(server, "sample/34"))
    made.add(replace(batch, name="sample/34"))
    assert made.wait_idle(GUARD)
    row = job(made)
    made.stop()
    assert (row.state, row.name, row.archive) == ("done", "sample/34", "sample-34.zip")
    assert (tmp_path / "sample-34.zip").is_file()
    asked = [one.path for one in server.requests if one.path.endswith(".zip")]
    assert asked
    assert {one.rpartition("/")[2] for one in asked} == {"sample-34.zip"}


def test_what_is_done_to_bulk_jobs_is_counted_for_each_job_once(server, tmp_path):
    server.service.rate = 2e6
    made = start(server)
    files = bulk.files_of(server, bulk.PROJECT)
    for name in ("one", "other"):
        made.add(bulk.batch(server, tmp_path / name, files))
    until(lambda: job(made).done > 0)
    assert made.bulk([1, 1, 99], "cancel") == 1
    assert made.bulk([1, 2], "cancel") == 1  # the first was so already
    assert made.bulk([1, 2], "cancel") == 0
    assert made.wait_idle(GUARD)
    assert {one.state for one in made.status(rows=True).bulk_jobs} == {"cancelled"}
    assert made.bulk([1, 1], "one_by_one") == 1
    assert made.bulk([1, 2], "one_by_one") == 1
    assert made.bulk([2, 1], "cancel") == 2
    assert made.bulk([2, 2, 1], "forget") == 2
    assert made.bulk([1, 2], "forget") == 0
    made.stop()


def test_cancelling_the_transfer_or_the_job_ends_it(server, tmp_path):
    server.service.rate = 2e6
    made = start(server)
    made.add(bulk.batch(server, tmp_path, bulk.files_of(server, bulk.PROJECT)))
    until(lambda: job(made).done > 0)
    row = job(made)
    assert row.state == "fetching"
    assert row.size is not None and row.progress is not None and row.progress < 100
    assert row.expires is not None
    assert made.cancel([row.transfer_id or 0]) == 1
    assert made.wait_idle(GUARD)
    assert job(made).state == "cancelled"
    assert made.bulk([1], "retry") == 1
    until(lambda: job(made).state == "fetching")
    assert made.bulk([1], "cancel") == 1
    assert made.wait_idle(GUARD)
    assert job(made).state == "cancelled"
    assert {one.state for one in made.status(rows=True).transfers} == {"cancelled"}
    made.stop()
    until(lambda: leftovers(tmp_path) == [])


def test_a_foreign_file_in_the_way_is_left_alone(server, tmp_path):
    files = bulk.files_of(server, "sample/34")
    made = start(server)
    target = tmp_path / "samples" / "cortex_ctrl_1" / files[0].filename
    target.parent.mkdir(parents=True)
    target.write_text("mine")
    made.add(bulk.batch(server, tmp_path, files))
    assert made.wait_idle(GUARD)
    row = job(made)
    rows = check_all(made, server, tmp_path)
    made.stop()
    assert (row.state, row.occupied) == ("done", 1)
    assert target.read_text() == "mine"
    assert [("~2." in file.path, file.key) for file in rows if file.occupied] == [
        (True, files[0].key)
    ]


def test_no_room_is_waited_for_with_archive_and_files_counted(server, tmp_path, monkeypatch):
    from flowtui.transfer.disk import space

    free = [8_000_000]
    monkeypatch.setattr(
        "flowtui.transfer.disk.space.measure", lambda folder: space.Room(1, free[0])
    )
    files = bulk.files_of(server, "sample/34")
    size = sum(one.size or 0 for one in files)
    free[0] = int(size * 1.5)  # enough for the archive, not for the files beside it
    made = start(server)
    made.add(bulk.batch(server, tmp_path, files))
    until(lambda: any(one.state == "waiting" for one in made.status(rows=True).transfers))
    (waiting,) = made.status(rows=True).transfers
    assert waiting.code == "NO_SPACE"
    free[0] = int(size * 2.5)
    assert made.wait_idle(GUARD)
    assert job(made).state == "done"
    made.stop()


def test_a_disk_that_fills_up_while_unpacking_is_waited_for(server, tmp_path, monkeypatch):
    import errno

    from flowtui.transfer.disk import part_file

    full = [True]
    plain = part_file.open_locked

    def open_locked(path: Path, *more: object) -> object:
        if full[0] and path.parent.name != tmp_path.name:  # the archive itself has room
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return plain(path, *more)

    monkeypatch.setattr(part_file, "open_locked", open_locked)
    made = start(server)
    made.add(bulk.batch(server, tmp_path, bulk.files_of(server, "sample/34")))
    until(lambda: job(made).code == "NO_SPACE")
    assert job(made).state == "unpacking"
    full[0] = False
    assert made.wait_idle(GUARD)
    assert job(made).state == "done"
    check_all(made, server, tmp_path)
    made.stop()
    assert len(archive_requests(server)) == 1


def test_requests_that_make_no_sense_are_refused(server, tmp_path):
    made = start(server)
    with pytest.raises(RequestRefused, match="unknown action"):
        made.bulk([1], "explode")
    with pytest.raises(RequestRefused, match="no bulk job 9"):
        made.bulk_files(9)
    made.stop()


def test_files_that_are_under_way_already_are_not_asked_for_again(server, tmp_path):
    files = bulk.files_of(server, "sample/34")
    server.service.rate = 1e6
    made = start(server)
    made.add(bulk.batch(server, tmp_path, files[:2]).__class__(
        server.base_url, str(tmp_path), "two", tuple(files[:2])))  # fmt: skip
    added = made.add(bulk.batch(server, tmp_path, files))
    assert added.known == 2
    assert job(made).files == len(files) - 2
    server.service.rate = None
    assert made.wait_idle(GUARD)
    made.stop()
    assert len(single_requests(server)) == 2


def test_a_session_that_ends_is_waited_for(server, tmp_path):
    made = start(server)
    server.service.accounts.expire_all()
    files = bulk.files_of(server, "sample/34")
    server.service.accounts.expire_all()
    made.add(bulk.batch(server, tmp_path, files))
    until(lambda: bool(made.status().summary.needs_sign_in))
    assert job(made).reason == "waiting for you to sign in"
    made.sign_in(server.base_url, "demo", bulk.token(server), None)
    assert made.wait_idle(GUARD)
    assert job(made).state == "done"
    made.stop()


def test_a_server_that_is_away_for_a_while(tmp_path):
    with DemoServer(job_seconds=0.1, token_seconds=3600) as server:
        files = bulk.files_of(server, "sample/34")
        record = Record()
        made = start(server, record=record)
        port = int(server.base_url.rpartition(":")[2].partition("/")[0])
    made.add(bulk.batch(server, tmp_path, files))
    record.until_job_seen(lambda row: "checking again" in row.reason, 2)
    with DemoServer(job_seconds=0.1, token_seconds=3600, port=port) as server:
        made.sign_in(server.base_url, "demo", bulk.token(server), None)
        assert made.wait_idle(GUARD)
        assert job(made).state == "done"
        made.stop()


def test_the_same_batch_twice_is_one_job(server, tmp_path):
    files = bulk.files_of(server, "sample/34")
    server.service.rate = 2e6
    made = start(server)
    made.add(bulk.batch(server, tmp_path, files))
    again = made.add(bulk.batch(server, tmp_path, files))
    assert (again.bulk_id, again.known, again.ids) == (1, len(files), ())
    server.service.rate = None
    assert made.wait_idle(GUARD)
    assert [one.state for one in made.status(rows=True).bulk_jobs] == ["done"]
    made.stop()
    assert len(archive_requests(server)) == 1


def test_a_single_file_that_is_lost_fails_the_job_until_it_is_had(server, tmp_path):
    turn(server, "missing")
    files = bulk.files_of(server, "sample/34")
    second = server.service.catalogue.files[files[1].data_id]
    record = Record()
    record.at_job(lambda row: row.state == "unpacking", lambda: setattr(second, "refused", 403))
    made = start(server, record=record)
    try:
        made.add(bulk.batch(server, tmp_path, files))
        assert made.wait_idle(GUARD)
    finally:
        second.refused = None
    row = job(made)
    assert (row.state, row.code, row.archive) == ("failed", "FORBIDDEN", "")
    assert "1 of" in row.reason and second.filename in row.reason
    made.retry(None)
    assert made.wait_idle(GUARD)
    assert (job(made).state, job(made).one_by_one_here) == ("done", 1)
    assert made.bulk([1], "retry") == 0
    check_all(made, server, tmp_path)
    made.stop()
    assert len(archive_requests(server)) == 1


def test_a_retry_looks_at_the_job_that_is_still_on_the_server(server, tmp_path):
    server.bulk.job_seconds = 3600.0
    made = start(server)
    made.add(bulk.batch(server, tmp_path, bulk.files_of(server, "sample/34")))
    until(lambda: job(made).job_id != "")
    before = job(made).job_id
    assert made.bulk([1], "cancel") == 1
    assert job(made).state == "cancelled"
    server.bulk.job_seconds = 0.1
    assert made.bulk([1], "retry") == 1
    assert made.wait_idle(GUARD)
    assert (job(made).state, job(made).job_id) == ("done", before)
    made.stop()


def test_parts_that_a_kill_left_while_unpacking_go_with_the_job(server, tmp_path, monkeypatch):
    """They were begun by a process that is gone, and stayed for good."""
    unpacking = threading.Event()

    def killed_in_the_midst(task: Any, stop: Any, _on_results: Any) -> Unpacked:
        for expected in task.files:
            target = task.root / expected.path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.with_name(f"{target.name}.part").write_bytes(b"half")
        unpacking.set()
        stop.event.wait()
        return Unpacked("STOPPED", "stopped")

    monkeypatch.setattr("flowtui.engine.bulk.unpacking.run", killed_in_the_midst)
    made = start(server)
    made.add(bulk.batch(server, tmp_path, bulk.files_of(server, "sample/34")))
    assert unpacking.wait(GUARD)
    parts = list(tmp_path.rglob("*.part"))
    assert len(parts) > 1
    foreign = parts[0].with_name("mine.part")
    foreign.write_bytes(b"mine")
    assert made.bulk([1], "cancel") == 1
    until(lambda: list(tmp_path.rglob("*.part")) == [foreign], "that they are gone")
    assert job(made).archive and (tmp_path / job(made).archive).exists()  # as is said
    made.stop()


@pytest.mark.parametrize("killed", ["before the archive went", "before the note went"])
def test_what_a_run_that_was_killed_at_its_end_left_is_cleared_up(server, tmp_path, killed):
    files = bulk.files_of(server, bulk.PROJECT)
    made = start(server)
    made.add(bulk.batch(server, tmp_path, files))
    assert made.wait_idle(GUARD)
    made.stop()
    content = content_of(server.base_url, [one.data_id or "" for one in files])
    notes = Notes()
    keys = tuple(one.key for one in files)
    assert notes.write(tmp_path, Note(content, server.base_url, "7", keys, "all.zip"))
    notes.close()
    if killed == "before the archive went":
        (tmp_path / "all.zip").write_bytes(b"PK")
    before = len(archive_requests(server))
    again = start(server)
    again.add(bulk.batch(server, tmp_path, files))
    assert again.wait_idle(GUARD)
    assert job(again).state == "done"
    again.stop()
    assert leftovers(tmp_path) == []
    assert len(archive_requests(server)) == before


def test_the_archive_of_more_files_than_these_is_left_to_who_asked_for_it(server, tmp_path):
    files = bulk.files_of(server, bulk.PROJECT)
    made = start(server)
    made.add(bulk.batch(server, tmp_path, files))
    assert made.wait_idle(GUARD)
    made.stop()
    notes = Notes()
    keys = (*(one.key for one in files), "data/another")
    assert notes.write(tmp_path, Note("more", server.base_url, "7", keys, "more.zip"))
    notes.close()
    (tmp_path / "more.zip").write_bytes(b"PK")
    again = start(server)
    again.add(bulk.batch(server, tmp_path, files))
    assert again.wait_idle(GUARD)
    again.stop()
    assert leftovers(tmp_path) == [".flowtui-bulk-more.jsonl", "more.zip"]
