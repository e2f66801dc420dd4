"""The engine as a whole, in this process, against a server that misbehaves on demand."""

from __future__ import annotations

import hashlib
import json
import queue
import random
import threading
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import pytest

from flowtui.config import Settings
from flowtui.protocol.messages import Changes, RequestRefused
from flowtui.transfer.disk import part_file
from flowtui.transfer.fetch.connection import Connection
from flowtui.transfer.fetch.connections import Connections
from support.fault_server import FaultServer, File, answer, cut_after, refuse_connection, wait_for
from support.services import QUICK, FakeClient, batch, engine, remote, rows
from support.waiting import GUARD, until


@pytest.fixture
def server():
    with FaultServer() as one:
        yield one


def content(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def test_a_file_arrives_verified_under_its_final_name(server: FaultServer, tmp_path: Path):
    data = content(3_000_000)
    server.files["/downloads/1/a.bin"] = File(data)
    made = engine()
    try:
        added = made.add(batch(server, tmp_path, remote(server, "1", "a.bin")))
        assert added.added == 1
        assert made.wait_idle(GUARD)
        (row,) = rows(made)
    finally:
        made.stop()
    assert (row.state, row.verified_by, row.done, row.size) == ("done", "md5", len(data), len(data))
    assert (tmp_path / "data" / "a.bin").read_bytes() == data
    assert sorted(p.name for p in (tmp_path / "data").iterdir()) == ["a.bin"]
    entry = json.loads((tmp_path / "downloads.log").read_text().splitlines()[0])
    assert list(entry)[:5] == ["action", "file_id", "filename", "size", "timestamp"]
    assert entry["md5"] == hashlib.md5(data).hexdigest()
    assert entry["path"] == "data/a.bin"


def test_the_last_news_waits_for_no_tick(server: FaultServer, tmp_path: Path):
    server.files["/downloads/1/a.bin"] = File(content(100_000))
    made = engine(timings=replace(QUICK, tick=10 * GUARD))
    heard: queue.Queue[Changes] = queue.Queue()
    made.subscribe(heard.put)
    try:
        made.add(batch(server, tmp_path, remote(server, "1", "a.bin")))
        states: list[str] = []
        while "done" not in states:
            states += [row.state for row in heard.get(timeout=GUARD).transfers]
    finally:
        made.stop()


def test_where_no_client_can_be_made_each_file_fails(server: FaultServer, tmp_path: Path):
    """One was told, and the others waited for ever."""

    def no_home(name: str) -> Future[object]:
        raise RuntimeError("Could not determine home directory.")

    made = engine()
    made._services.open = no_home
    try:
        made.add(batch(server, tmp_path, *(remote(server, str(n), f"{n}.bin") for n in range(3))))
        assert made.wait_idle(GUARD)
        assert [row.state for row in rows(made)] == ["failed"] * 3
    finally:
        made.stop()


def test_a_second_run_fetches_nothing(server: FaultServer, tmp_path: Path):
    server.files["/downloads/1/a.bin"] = File(content(100_000))
    for _ in range(2):
        made = engine()
        made.add(batch(server, tmp_path, remote(server, "1", "a.bin")))
        assert made.wait_idle(GUARD)
        state = rows(made)[0].state
        made.stop()
    assert state == "skipped"
    assert len(server.requests) == 1


def test_a_cut_connection_resumes_where_it_was(server: FaultServer, tmp_path: Path):
    data = content(5_000_000)
    file = server.files["/downloads/1/a.bin"] = File(data)
    file.handlers = [cut_after(2_000_000), cut_after(1_000_000, reset=True)]
    made = engine()
    made.add(batch(server, tmp_path, remote(server, "1", "a.bin")))
    assert made.wait_idle(GUARD)
    row = rows(made)[0]
    made.stop()
    assert row.state == "done", row
    assert (tmp_path / "data" / "a.bin").read_bytes() == data
    ranges = [one.range for one in server.requests]
    assert ranges[0] == (0, None)  # asked so, to learn whether the server knows ranges
    assert ranges[1] is not None
    assert ranges[1][0] == 2_000_000
    assert server.requests[1].headers["if-range"] == '"v1"'


def test_pause_keeps_the_bytes_and_resume_goes_on(server: FaultServer, tmp_path: Path):
    data = content(8_000_000)
    server.files["/downloads/1/a.bin"] = File(data, rate=4e6, held=-1)
    made = engine()
    (id_,) = made.add(batch(server, tmp_path, remote(server, "1", "a.bin"))).ids
    until(lambda: rows(made)[0].done >= 1_000_000)
    assert made.pause([id_]) == 1
    assert rows(made)[0].state == "paused"
    assert made.wait_idle(GUARD)
    here = (tmp_path / "data" / "a.bin.part").stat().st_size
    assert here >= 1_000_000
    server.files["/downloads/1/a.bin"].rate = 0
    assert made.resume([id_]) == 1
    assert made.wait_idle(GUARD)
    row = rows(made)[0]
    made.stop()
    assert row.state == "done"
    assert (tmp_path / "data" / "a.bin").read_bytes() == data
    assert server.requests[-1].range is not None
    assert server.requests[-1].range[0] >= 1_000_000


def test_cancel_takes_the_part_file_away(server: FaultServer, tmp_path: Path):
    server.files["/downloads/1/a.bin"] = File(content(8_000_000), rate=4e6, held=-1)
    made = engine()
    (id_,) = made.add(batch(server, tmp_path, remote(server, "1", "a.bin"))).ids
    until(lambda: rows(made)[0].done >= 500_000)
    made.cancel([id_])
    assert rows(made)[0].state == "cancelled"
    assert made.wait_idle(GUARD)
    until(lambda: not list((tmp_path / "data").iterdir()), "the part file stays")
    made.stop()


def test_wrong_bytes_never_get_the_final_name(server: FaultServer, tmp_path: Path):
    server.files["/downloads/1/a.bin"] = File(content(300_000))
    made = engine()
    made.add(batch(server, tmp_path, remote(server, "1", "a.bin", md5="0" * 32)))
    assert made.wait_idle(GUARD)
    row = rows(made)[0]
    made.stop()
    assert (row.state, row.code) == ("failed", "MD5")
    assert "0" * 32 in row.reason
    assert not (tmp_path / "data" / "a.bin").exists()
    assert len(server.requests) == 2  # one more full try


def test_bytes_that_were_corrupt_once_are_fetched_again(server: FaultServer, tmp_path: Path):
    data = content(300_000)
    file = server.files["/downloads/1/a.bin"] = File(data)
    bad = bytes([data[0] ^ 1]) + data[1:]
    file.handlers = [answer(200, bad, ETag='"v1"')]
    made = engine()
    made.add(batch(server, tmp_path, remote(server, "1", "a.bin")))
    assert made.wait_idle(GUARD)
    row = rows(made)[0]
    made.stop()
    assert row.state == "done"
    assert (tmp_path / "data" / "a.bin").read_bytes() == data


def test_a_file_that_changed_meanwhile_is_begun_again(server: FaultServer, tmp_path: Path):
    old, new = content(2_000_000, 1), content(2_000_000, 2)
    file = server.files["/downloads/1/a.bin"] = File(old, etag='"old"')
    file.handlers = [cut_after(1_200_000)]
    wanted = remote(server, "1", "a.bin", md5=None)
    changed = threading.Event()

    async def change(exchange):
        exchange.file.content, exchange.file.etag = new, '"new"'
        changed.set()
        await exchange.serve()

    file.handlers.append(change)
    made = engine()
    made.add(batch(server, tmp_path, wanted))
    assert made.wait_idle(GUARD)
    row = rows(made)[0]
    made.stop()
    assert changed.is_set()
    assert row.state == "done", row
    assert (tmp_path / "data" / "a.bin").read_bytes() == new


@pytest.mark.parametrize(
    ("status", "code"),
    [(403, "FORBIDDEN"), (404, "NOT_FOUND"), (410, "EXPIRED"), (400, "HTTP_400")],
)
def test_refusals_end_the_transfer_at_once(
    server: FaultServer, tmp_path: Path, status: int, code: str
):
    body = b'{"error": "no \\u001b[31mway", "code": "X", "status": 1}'
    server.files["/downloads/1/a.bin"] = File(
        b"x", always=answer(status, body, Content_Type="application/json")
    )
    made = engine()
    made.add(batch(server, tmp_path, remote(server, "1", "a.bin", data_id=None)))
    assert made.wait_idle(GUARD)
    row = rows(made)[0]
    made.stop()
    assert (row.state, row.code) == ("failed", code)
    assert "\x1b" not in row.reason
    assert len(server.requests) == 1


def test_a_web_page_is_not_taken_for_the_file(server: FaultServer, tmp_path: Path):
    page = b"<!doctype html><html>sign in</html>"
    server.files["/downloads/1/a.bin"] = File(page, content_type="text/html; charset=utf-8")
    made = engine()
    made.add(batch(server, tmp_path, remote(server, "1", "a.bin", md5=None, size=None)))
    assert made.wait_idle(GUARD)
    row = rows(made)[0]
    made.stop()
    assert (row.state, row.code) == ("failed", "NOT_A_FILE")


def test_a_refresh_in_mid_batch_is_made_once_and_nothing_is_lost(
    server: FaultServer, tmp_path: Path
):
    for n in range(8):
        server.files[f"/downloads/{n}/f{n}"] = File(content(50_000, n), needs_token=True)
    server.good_tokens = {"new"}
    client = FakeClient(server.url, "old")
    client.refreshed = lambda: "new"
    made = engine(client)
    made.add(batch(server, tmp_path, *(remote(server, str(n), f"f{n}") for n in range(8))))
    assert made.wait_idle(GUARD)
    states = {one.state for one in rows(made)}
    made.stop()
    assert states == {"done"}
    assert client.refreshes == 1


def test_without_a_session_all_wait_and_go_on_after_the_sign_in(
    server: FaultServer, tmp_path: Path
):
    for n in range(6):
        server.files[f"/downloads/{n}/f{n}"] = File(content(50_000, n), needs_token=True)
    server.good_tokens = {"good"}
    made = engine(FakeClient(server.url, "bad"))
    made.add(batch(server, tmp_path, *(remote(server, str(n), f"f{n}") for n in range(6))))
    until(lambda: made.status().summary.needs_sign_in)
    assert made.status().summary.needs_sign_in == (server.url,)
    assert not made.is_idle()
    assert made.sign_in(server.url, "me", "good", None) > 0
    assert made.wait_idle(GUARD)
    assert {one.state for one in rows(made)} == {"done"}
    made.stop()


def test_the_token_goes_to_no_other_origin(server: FaultServer, tmp_path: Path):
    data = content(40_000)
    with FaultServer() as storage:
        storage.files["/bucket/a.bin"] = File(data)
        server.good_tokens = {"t"}
        server.files["/downloads/1/a.bin"] = File(
            data, needs_token=True, always=answer(302, Location=f"{storage.url}/bucket/a.bin")
        )
        made = engine(FakeClient(server.url, "t"))
        made.add(batch(server, tmp_path, remote(server, "1", "a.bin")))
        assert made.wait_idle(GUARD)
        row = rows(made)[0]
        made.stop()
        assert row.state == "done", row
        assert [one.token for one in storage.requests] == [None]


def test_three_tries_and_then_failed_with_words(server: FaultServer, tmp_path):
    server.files["/downloads/1/a.bin"] = File(b"x" * 10, always=refuse_connection())
    made = engine()
    made.add(batch(server, tmp_path, remote(server, "1", "a.bin")))
    assert made.wait_idle(GUARD)
    row = rows(made)[0]
    made.stop()
    assert row.state == "failed"
    assert row.retryable
    assert "tried 3 times" in row.reason
    assert len(server.requests) == 3


def test_a_long_retry_after_gives_the_worker_to_others(server: FaultServer, tmp_path: Path):
    slow = server.files["/downloads/1/slow"] = File(b"slow")
    slow.handlers = [answer(429, Retry_After="38")]
    server.files["/downloads/2/quick"] = File(b"quick")
    made = engine(settings=Settings(jobs=1))
    made.add(batch(server, tmp_path, remote(server, "1", "slow"), remote(server, "2", "quick")))
    until(lambda: {row.state for row in rows(made)} == {"waiting", "done"})
    waiting = next(one for one in rows(made) if one.state == "waiting")
    assert "38 s" in waiting.reason
    assert made.retry([waiting.id]) == 1
    assert made.wait_idle(GUARD)
    made.stop()
    assert (tmp_path / "data" / "slow").read_bytes() == b"slow"


def test_two_files_of_one_name_are_both_kept_with_stable_names(server, tmp_path: Path):
    for n in "12":
        server.files[f"/downloads/{n}/same.txt.gz"] = File(n.encode() * 10)
    wanted = [remote(server, n, "same.txt.gz") for n in "12"]
    for order in (wanted, wanted[::-1]):
        made = engine()
        made.add(batch(server, tmp_path, *order))
        assert made.wait_idle(GUARD)
        paths = {one.key: one.path for one in rows(made)}
        made.stop()
        assert paths == {"data/1": "data/same.txt.gz", "data/2": "data/same~2.txt.gz"}
    assert len(server.requests) == 2


def test_a_different_file_of_that_name_is_not_overwritten(server: FaultServer, tmp_path: Path):
    server.files["/downloads/1/a.txt"] = File(b"from Flow")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.txt").write_text("mine")
    made = engine()
    made.add(batch(server, tmp_path, remote(server, "1", "a.txt")))
    assert made.wait_idle(GUARD)
    row = rows(made)[0]
    made.stop()
    assert (row.state, row.path) == ("done", "data/a~2.txt")
    assert (tmp_path / "data" / "a.txt").read_text() == "mine"
    assert (tmp_path / "data" / "a~2.txt").read_bytes() == b"from Flow"


def test_a_queue_outlives_its_engine(server: FaultServer, tmp_path: Path):
    data = content(6_000_000)
    server.files["/downloads/1/a.bin"] = File(data, rate=3e6, held=-1)
    server.files["/downloads/2/b.bin"] = File(data)
    database = tmp_path / "queue.db"
    made = engine(settings=Settings(jobs=1), database=database)
    made.add(batch(server, tmp_path, remote(server, "1", "a.bin"), remote(server, "2", "b.bin")))
    until(lambda: rows(made)[0].done >= 1_000_000)
    made.stop()
    server.files["/downloads/1/a.bin"].rate = 0
    again = engine(database=database)
    assert again.wait_idle(GUARD)
    states = [one.state for one in rows(again)]
    again.stop()
    assert states == ["done", "done"]
    resumed = server.of("/downloads/1/a.bin")[1].range
    assert resumed is not None
    assert resumed[0] >= 1_000_000
    assert server.sent("/downloads/1/a.bin") < len(data) + 3_000_000


def test_the_disk_that_has_no_room_is_waited_for_with_the_numbers(server, tmp_path, monkeypatch):
    from flowtui.transfer.disk import space

    free = [1000]
    monkeypatch.setattr(
        "flowtui.transfer.disk.space.measure", lambda folder: space.Room(1, free[0])
    )
    server.files["/downloads/1/a.bin"] = File(content(200_000))
    made = engine()
    made.add(batch(server, tmp_path, remote(server, "1", "a.bin")))
    until(lambda: rows(made)[0].state == "waiting")
    row = rows(made)[0]
    assert (row.state, row.code) == ("waiting", "NO_SPACE")
    assert "219.0 kB more" in row.reason
    free[0] = 10_000_000
    assert made.wait_idle(GUARD)
    assert rows(made)[0].state == "done"
    made.stop()


def test_events_are_a_snapshot_and_then_changes(server: FaultServer, tmp_path: Path):
    seen = threading.Event()
    file = server.files["/downloads/1/a.bin"] = File(content(200_000))
    file.handlers = [wait_for(seen)]
    made = engine()
    events: list[Changes] = []

    def listen(changes: Changes) -> None:
        events.append(changes)
        if any(row.state == "active" for row in changes.transfers):
            seen.set()

    made.add(batch(server, tmp_path, remote(server, "1", "a.bin")))
    made.subscribe(listen)
    assert made.wait_idle(GUARD)
    made.stop()  # what was not told yet is told then
    assert events[0].reset
    assert events[0].last
    states = [one.state for event in events for one in event.transfers]
    assert states[-1] == "done"
    assert "active" in states
    assert not any(event.reset for event in events[1:])


def test_who_subscribes_to_a_queue_at_rest_hears_of_it_too(server: FaultServer, tmp_path: Path):
    server.files["/downloads/1/a"] = File(b"x" * 1000)
    made = engine()
    try:
        made.add(batch(server, tmp_path, remote(server, "1", "a")))
        told: queue.SimpleQueue[Changes] = queue.SimpleQueue()
        unsubscribe = made.subscribe(told.put)
        while not any(row.state == "done" for row in told.get(timeout=GUARD).transfers):
            pass
        unsubscribe()  # nothing is left to tell
        heard: queue.SimpleQueue[Changes] = queue.SimpleQueue()
        made.subscribe(heard.put)
        first = heard.get(timeout=GUARD)
        assert first.reset and [row.state for row in first.transfers] == ["done"]
    finally:
        made.stop()


def test_another_process_holding_the_part_is_waited_for(server, tmp_path, monkeypatch):
    from flowtui.transfer.identity import Identity

    server.files["/downloads/1/a.bin"] = File(content(10_000))
    (tmp_path / "data").mkdir()
    held = part_file.PartFile(tmp_path / "data" / "a.bin", Identity(key="data/1"))
    made = engine()
    made.add(batch(server, tmp_path, remote(server, "1", "a.bin")))
    until(lambda: rows(made)[0].state == "waiting")
    assert "another flowtui" in rows(made)[0].reason
    assert server.requests == []
    held.close()
    assert made.wait_idle(GUARD)
    assert rows(made)[0].state == "done"
    made.stop()


def test_an_empty_batch_is_refused_with_words():
    made = engine()
    with pytest.raises(RequestRefused, match="nothing to download"):
        made.add(batch(FaultServer(), "/tmp"))
    made.stop()


def test_several_connections_give_the_same_bytes(server: FaultServer, tmp_path: Path):
    data = content(40_000_000)
    server.files["/downloads/1/a.bin"] = File(data, rate=20e6)
    made = engine(settings=Settings(connections=4))
    made.add(batch(server, tmp_path, remote(server, "1", "a.bin")))
    assert made.wait_idle(GUARD)
    row = rows(made)[0]
    made.stop()
    assert row.state == "done", row
    assert (tmp_path / "data" / "a.bin").read_bytes() == data
    assert len(server.requests) > 4


def test_no_connection_is_ended_because_the_file_is_near_its_end(
    server: FaultServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """What it has asked for would be asked for once more by another."""
    ended: list[Connection] = []
    monkeypatch.setattr(Connections, "_retire", lambda _, connection: ended.append(connection))

    def wanted(connections: Connections, now: float) -> int:
        """One first, then four, whatever they bring."""
        return 4 if connections._shared.segments.fetched > 500_000 else 1

    monkeypatch.setattr(Connections, "_wanted", wanted)
    server.files["/downloads/1/a.bin"] = File(content(16_000_000), rate=4e6)
    made = engine(settings=Settings(connections=4))
    made.add(batch(server, tmp_path, remote(server, "1", "a.bin")))
    assert made.wait_idle(GUARD)
    made.stop()
    assert len(server.requests) >= 4
    assert not ended
