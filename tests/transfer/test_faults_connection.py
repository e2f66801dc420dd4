"""Connections that break, stall or never come."""

from __future__ import annotations

from asyncio import StreamWriter
from dataclasses import replace
from pathlib import Path

import pytest

from flowtui.config import Folders, Settings
from flowtui.connect import connector
from flowtui.flow.client import FlowClient
from flowtui.transfer.http.clients import service_maker
from support.fault_server import (
    Exchange,
    File,
    answer,
    chunked,
    cut_after,
    refuse_connection,
    stall,
    stalled_head,
    without_length,
)
from support.lab import BUFFERS, QUICK, Lab, content, patient
from support.services import batch, engine, remote, rows
from support.waiting import GUARD

SIZE = 3_000_000
DATA = content(SIZE)


@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
def test_a_body_that_is_cut_goes_on_where_it_was(lab: Lab, reset: bool):
    lab.serve(DATA, handlers=[cut_after(2_000_000, reset=reset)])
    lab.fetch()
    lab.expect("done", requests=2, twice=BUFFERS if reset else 0, verified_by="md5")
    second = lab.requests[1]
    assert second.headers["if-range"] == '"v1"'
    assert second.range is not None
    if not reset:
        assert second.range[0] == 2_000_000


def test_many_cuts_with_progress_between_them_are_no_reason_to_give_up(lab: Lab):
    lab.serve(DATA, handlers=[cut_after(250_000) for _ in range(11)])
    lab.fetch()
    lab.expect("done", requests=12, twice=0)


def test_a_cut_before_the_first_byte_counts_as_a_try(lab: Lab):
    lab.serve(DATA, always=cut_after(0))
    lab.fetch()
    lab.expect("failed", code="CUT", says="tried 3 times", requests=3)


def test_a_stalled_body_is_given_up_after_the_timeout_and_resumed(lab: Lab):
    lab.read_timeout = 1.0  # and what does not stall is never that late
    lab.serve(DATA, handlers=[stall(1_000_000, GUARD)])
    lab.fetch()
    lab.expect("done", requests=2, twice=0, heard="no data for 1 s; trying again in 1 s")
    assert lab.requests[1].range[0] == 1_000_000


def test_stalled_headers_are_given_up_after_the_timeout(lab: Lab):
    lab.read_timeout = 1.0
    lab.serve(DATA, handlers=[stalled_head(GUARD)])
    lab.fetch()
    lab.expect("done", requests=2, twice=0, heard="no data for 1 s")


def test_headers_that_stall_for_ever_fail_with_words(lab: Lab):
    lab.read_timeout = 0.1
    lab.serve(DATA, always=stalled_head(3))
    lab.fetch()
    lab.expect("failed", code="STALLED", says="no data for 0.1 s (tried 3 times)", requests=3)


def test_the_time_without_a_byte_is_the_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWTUI_HOME", str(tmp_path))  # this user's own tokens are nobody's here
    assert Settings().read_timeout == 30.0
    made = service_maker(connector(Settings(read_timeout=7.0)))("http://127.0.0.1:1")
    assert made.http.timeout.read == 7.0
    made.client.close()


def test_a_stalled_transfer_pauses_at_once(lab: Lab):
    lab.read_timeout = 10 * GUARD
    lab.serve(DATA, handlers=[stall(1_000_000, 10 * GUARD)])
    made = lab.start()
    lab.until(lambda row: row.done >= 1_000_000)
    made.pause(None)
    assert made.wait_idle(GUARD)  # its worker has let go, too
    made.resume(None)
    assert made.wait_idle(GUARD)
    lab.expect("done", requests=2, twice=0)


def test_a_server_that_is_down_for_a_while_is_waited_for(lab: Lab):
    lab.serve(DATA, rate=3e6, held=-1)
    lab.start()
    lab.until(lambda row: row.done >= 500_000)
    lab.server.go_away()
    lab.until(lambda row: "cannot connect" in row.reason)
    lab.record.until_seen(lambda row: row.state == "waiting", 6)  # far more than three tries
    assert lab.now().state in ("active", "waiting", "queued")
    lab.file.rate = 0
    lab.server.come_back()
    assert lab.engine is not None
    assert lab.engine.wait_idle(GUARD)
    lab.expect("done", twice=BUFFERS, heard="trying again in 1 s")
    assert all(one.range and one.range[0] >= 500_000 for one in lab.requests[1:])


def test_a_server_that_stays_down_fails_in_the_end(lab: Lab):
    lab.timings = patient(outage=0.2)
    lab.serve(DATA)
    lab.server.go_away()
    lab.fetch()
    lab.expect("failed", code="UNREACHABLE", says="cannot connect", requests=0)
    assert lab.row is not None
    assert lab.row.retryable


def test_sixteen_connections_that_break_at_once_count_as_one_failure(lab: Lab):
    # What fails while it is waited counts as one; and the server sends in lumps.
    lab.timings = replace(patient(first=2.0, longest=2.0), smallest_segment=50_000, measure=0.7)
    lab.connections = 16
    data = content(6_000_000)
    lab.serve(data, rate=300_000, held=-1)
    lab.start()
    lab.until(lambda row: row.connections >= 16)
    lab.server.down = True
    lab.server.go_away()
    lab.server.come_back()
    lab.until(lambda row: "connection" in row.reason)
    lab.server.down = False
    lab.file.rate = 0
    assert lab.engine is not None
    assert lab.engine.wait_idle(GUARD)
    lab.expect("done")


def test_a_connection_reset_before_any_answer_is_tried_again(lab: Lab):
    lab.serve(DATA, handlers=[refuse_connection(), refuse_connection()])
    lab.fetch()
    lab.expect("done", requests=3, twice=0)


def test_chunks_without_a_length_are_a_whole_file(lab: Lab):
    lab.serve(DATA, handlers=[chunked()])
    lab.fetch()
    lab.expect("done", requests=1, twice=0, verified_by="md5")


def test_cut_chunks_are_resumed(lab: Lab):
    lab.serve(DATA, handlers=[chunked(cut_after=1_000_000)])
    lab.fetch(size=None)
    lab.expect("done", requests=2, twice=0)
    assert lab.requests[1].range[0] == 1_000_000


def test_without_any_length_the_known_size_tells_a_cut(lab: Lab):
    lab.serve(DATA, handlers=[without_length(1_200_000)])
    lab.fetch(md5=None)
    lab.expect("done", requests=2, twice=0, verified_by="size")
    assert lab.requests[1].range[0] == 1_200_000


def test_without_any_length_the_end_of_the_connection_is_the_end_where_nothing_follows(lab: Lab):
    lab.serve(DATA, handlers=[without_length()])
    lab.fetch(size=None, md5=None)
    lab.expect("done", requests=2, twice=0, verified_by="length")


def test_without_any_length_the_end_of_the_connection_may_be_a_cut(lab: Lab):
    lab.serve(DATA, handlers=[without_length(1_200_000)])
    lab.fetch(size=None, md5=None)
    lab.expect("done", requests=2, twice=0, verified_by="length")


def test_without_any_length_and_ranges_the_same_bytes_twice_are_the_file(lab: Lab):
    cuts = [without_length(1_200_000), without_length(800_000), without_length(), None]
    lab.serve(DATA, ranges=False, handlers=cuts, always=without_length())
    lab.fetch(size=None, md5=None)
    lab.expect("done", requests=4, verified_by="length")


def test_a_broken_answer_is_said_to_be_one(lab: Lab):
    async def nonsense(exchange):
        exchange.writer.write(b"what do you want?\r\n\r\n")
        exchange.finish()

    lab.serve(DATA, always=nonsense)
    lab.fetch()
    lab.expect("failed", code="PROTOCOL", says="the server's response is malformed", requests=3)


def test_two_lengths_that_differ_are_no_answer(lab: Lab):
    async def both(exchange):
        exchange.writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n123456"
        )
        exchange.finish()

    lab.serve(DATA, handlers=[both])
    lab.fetch()
    lab.expect("done", requests=2, twice=0, heard="the server's response is malformed")


def test_a_worker_is_free_for_other_files_during_an_outage(lab: Lab):
    """The file whose server is away waits; what it waits for stands in its reason."""
    lab.serve(DATA, handlers=[answer(503) for _ in range(4)])
    lab.fetch()
    lab.expect("done", requests=5, twice=0, heard="the server failed with 503; trying again")
    assert any(row.state == "waiting" for row in lab.record.transfers)


def test_files_come_by_the_connections_that_are_open_already(tmp_path):
    where = Folders(tmp_path / "c", tmp_path / "s", tmp_path / "r")
    opened = FlowClient("https://flow.test")
    make = service_maker(connector(Settings(), where), opened)
    own, other = make("https://flow.test"), make("https://other.test")
    assert (own.client, own.http) == (opened, opened.http)
    assert other.client is not opened
    assert other.http is other.client.http
    for one in (own, other):
        one.client.close()


def test_a_kept_connection_that_the_server_dropped_is_no_try(lab: Lab):
    """The second file's request goes over the first one's connection, and nobody is there."""
    used: set[StreamWriter] = set()
    dropped: list[str] = []

    async def once_each(exchange: Exchange) -> None:
        if exchange.writer in used:
            dropped.append(exchange.request.path)
            exchange.abort()
            return
        used.add(exchange.writer)
        await exchange.serve()

    lab.timings = patient(tries=1)
    for n in (1, 2, 3):
        lab.server.files[f"/downloads/{n}/{n}.bin"] = File(content(1000, n), always=once_each)
    wanted = [remote(lab.server, str(n), f"{n}.bin") for n in (1, 2, 3)]
    made = engine(settings=Settings(jobs=1), timings=lab.timings)
    made.add(batch(lab.server, lab.root, *wanted))
    assert made.wait_idle(GUARD)
    found = rows(made)
    made.stop()
    assert [row.state for row in found] == ["done"] * 3, found
    assert dropped


def test_a_new_connection_that_is_dropped_is_a_try(lab: Lab):
    lab.timings = patient(tries=1)
    lab.serve(DATA, handlers=[refuse_connection()])
    lab.fetch()
    lab.expect("failed", says="tried 1 times", requests=1)


def test_a_server_that_counts_a_connection_for_a_while_yet_is_asked_once_more(lab: Lab):
    lab.timings = replace(QUICK, smallest_segment=50_000)
    lab.connections = 2
    lab.serve(DATA, rate=3_000_000)
    busy: list[Exchange] = []
    refused: list[str] = []

    async def one_at_most(exchange: Exchange) -> None:
        if len(refused) in (1, 2) or (busy and not refused):
            refused.append("too many" if not refused else "still counted")
            await answer(404)(exchange)
            return
        busy.append(exchange)
        try:
            await exchange.serve()
        finally:
            busy.remove(exchange)

    lab.file.always = one_at_most
    lab.fetch()
    lab.expect("done", verified_by="md5")
    assert refused == ["too many", "still counted", "still counted"]


@pytest.mark.parametrize("status", [403, 404, 400, 509])
def test_more_connections_than_a_server_likes_are_given_up(lab: Lab, status: int):
    """However it refuses them, as long as one brings bytes."""
    lab.timings = replace(patient(tries=50), smallest_segment=50_000)
    lab.connections = 8
    lab.serve(DATA, rate=1_500_000)
    busy = [0]
    refused: list[int] = []

    async def two_at_most(exchange: Exchange) -> None:
        if busy[0] >= 2:
            refused.append(status)
            await answer(status)(exchange)
            return
        busy[0] += 1
        try:
            await exchange.serve()
        finally:
            busy[0] -= 1

    lab.file.always = two_at_most
    lab.fetch()
    lab.expect("done", verified_by="md5")
    assert refused
