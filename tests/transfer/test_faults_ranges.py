"""Servers that know no ranges, or answer with other bytes than they were asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from flowtui.flow.http.http_client import make_client
from flowtui.flow.http.large_bodies import KEEP
from flowtui.transfer.cancel import StopSignal
from flowtui.transfer.disk import journal
from flowtui.transfer.http.source import RemoteSource
from flowtui.transfer.identity import Identity
from support.fault_server import Exchange, File, Handler, answer, chunked, cut_after, part
from support.lab import BUFFERS, QUICK, Lab, content
from support.waiting import GUARD

WITH_KEPT_CONNECTIONS = True

SIZE = 1_000_000
DATA = content(SIZE)
DATE = "Mon, 02 Jun 2025 10:00:00 GMT"
MULTIPART = (
    b"--x\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes 0-9/20\r\n\r\n"
    b"0123456789\r\n--x--\r\n"
)


def test_without_ranges_a_whole_file_needs_none(lab: Lab):
    lab.serve(DATA, ranges=False)
    lab.fetch()
    lab.expect("done", requests=1, twice=0)


def test_without_ranges_what_is_here_is_read_past(lab: Lab):
    lab.serve(DATA, ranges=False, handlers=[cut_after(400_000)], rate=4e6)
    lab.fetch()
    # The second request may have been refused for its If-Range; the third is without.
    lab.expect("done", requests=3, heard="cannot resume this file; reading past what is here")
    assert "if-range" in lab.requests[1].headers
    assert "if-range" not in lab.requests[2].headers


def test_without_ranges_it_is_learned_once(lab: Lab):
    lab.serve(DATA, ranges=False, handlers=[cut_after(400_000), None, cut_after(600_000)])
    lab.fetch()
    lab.expect("done", requests=4)
    assert [one.range is None for one in lab.requests] == [True, False, False, True]


def test_without_ranges_what_is_here_is_not_lost_where_the_line_dies_before_it(lab: Lab):
    cuts = [cut_after(800_000), None, cut_after(300_000), cut_after(900_000)]
    lab.serve(DATA, ranges=False, handlers=cuts)
    lab.fetch()
    lab.expect("done", verified_by="md5", requests=5)
    assert not any("starting over" in reason for reason in lab.reasons)


def test_without_ranges_and_always_cut_it_fails_in_the_end(lab: Lab):
    lab.serve(DATA, ranges=False, always=cut_after(400_000))
    lab.fetch()
    lab.expect("failed", code="CUT", says="the connection was cut (tried 3 times)", part=True)
    assert len(lab.requests) <= 6
    made = lab.start()
    assert made.wait_idle(GUARD)
    assert lab.now().done == 400_000  # what came is still here


def test_what_is_read_past_and_is_not_what_is_here_is_another_file(lab: Lab):
    """Neither tag, nor date, nor md5: the bytes themselves tell."""
    other = content(SIZE, 2)

    async def change(exchange):
        exchange.file.content = other
        await exchange.serve()

    lab.serve(DATA, etag=None, ranges=False, handlers=[cut_after(400_000), change])
    lab.fetch(md5=None)
    lab.expect("done", data=other, heard="now sends a different file; starting over")


def test_without_ranges_many_connections_are_one(lab: Lab):
    lab.timings = replace(QUICK, smallest_segment=50_000)
    lab.connections = 8
    data = content(3_000_000)
    lab.serve(data, ranges=False)
    lab.fetch()
    lab.expect("done", requests=1, twice=0)


def test_another_part_than_asked_for_is_asked_for_again(lab: Lab):
    lab.serve(DATA, handlers=[cut_after(400_000), part(0, 99, SIZE, DATA[:100])])
    lab.fetch()
    lab.expect("done", requests=3, twice=100, heard="sent the wrong part (bytes 0-99/1000000)")


def test_a_part_that_begins_before_what_was_asked_for_is_used(lab: Lab):
    """As caches do that keep blocks (RFC 9110, 15.3.7)."""
    early = part(262_144, SIZE - 1, SIZE, DATA[262_144:])
    lab.serve(DATA, handlers=[cut_after(400_000), early])
    lab.fetch()
    lab.expect("done", requests=2, twice=400_000 - 262_144)


def test_a_whole_file_that_calls_itself_a_part_is_used(lab: Lab):
    lab.serve(DATA, handlers=[cut_after(400_000)], always=part(0, SIZE - 1, SIZE, DATA))
    lab.fetch()
    lab.expect("done", requests=2, twice=400_000)


def if_range(answered: Handler | None = None) -> Handler:
    """A server that honours Range, but not where If-Range is there, whatever that says."""

    async def handle(exchange: Exchange) -> None:
        if "if-range" in exchange.request.headers:
            exchange.request.headers.pop("range")
            await (answered(exchange) if answered else exchange.serve())
        else:
            await cut_after(150_000)(exchange)

    return handle


def test_a_server_that_knows_ranges_and_not_if_range_still_resumes(lab: Lab):
    """On a line that dies every so often, as it would never come to its end else."""
    lab.serve(DATA, always=if_range())
    lab.fetch()
    lab.expect("done", verified_by="md5", twice=BUFFERS)
    # It is asked with If-Range once, and never again.
    assert sum("if-range" in one.headers for one in lab.requests) == 1
    done = [one.range for one in lab.requests if one.range]
    assert [start for start, _ in done] == list(range(150_000, SIZE, 150_000))


@pytest.mark.parametrize("md5", [None, File(DATA).md5], ids=["no-md5", "md5"])
def test_another_nodes_tag_is_not_another_file(lab: Lab, md5: str | None):
    """Behind a balancer: each node has tags of its own, size and date are the file's."""
    lab.serve(DATA, modified=DATE)

    async def other_node(exchange: Exchange) -> None:
        lab.file.etag = f'"node-{len(lab.requests)}"'
        await cut_after(300_000)(exchange)

    lab.file.always = other_node
    lab.fetch(md5=md5)
    lab.expect("done", twice=BUFFERS)
    assert not any("starting over" in reason for reason in lab.reasons)
    assert all(one.range for one in lab.requests[1:])


def test_where_flow_gives_an_md5_another_tag_and_date_prove_nothing(lab: Lab):
    """The storage was moved between two tries."""

    async def moved(exchange: Exchange) -> None:
        exchange.file.etag, exchange.file.modified = '"new-2"', DATE.replace("10:", "11:")
        await exchange.serve()

    lab.serve(DATA, modified=DATE, handlers=[cut_after(400_000), moved])
    lab.fetch()
    lab.expect("done", requests=3, verified_by="md5")
    assert lab.requests[2].range[0] == 400_000


def test_another_tag_and_date_without_md5_are_another_file(lab: Lab):
    other = content(SIZE, 2)

    async def changed(exchange: Exchange) -> None:
        exchange.file.content, exchange.file.etag = other, '"new"'
        exchange.file.modified = DATE.replace("10:", "11:")
        await exchange.serve()

    lab.serve(DATA, modified=DATE, handlers=[cut_after(400_000), changed])
    lab.fetch(md5=None)
    lab.expect("done", data=other, heard="has changed")


@pytest.mark.parametrize("status", [400, 403, 405, 501])
def test_a_range_that_is_refused_is_answered_with_a_request_for_the_whole(lab: Lab, status: int):
    lab.timings = replace(QUICK, smallest_segment=100_000)
    lab.connections = 4
    data = content(3_000_000)

    async def no_ranges(exchange: Exchange) -> None:
        ranged = "range" in exchange.request.headers
        await (answer(status)(exchange) if ranged else exchange.serve())

    lab.serve(data, always=no_ranges)
    lab.fetch()
    lab.expect("done", requests=2, twice=0)


@pytest.mark.parametrize("is_known", [False, True], ids=["asked", "known"])
def test_a_small_file_is_read_past_over_a_kept_connection_too(lab: Lab, is_known: bool):
    """The answer of such a connection knows nothing of its request."""
    lab.serve(DATA[:1000], ranges=False, handlers=[] if is_known else [answer(501)])
    lab.server.files["/first"] = File(b"first")
    with make_client() as http:
        http.get(f"{lab.server.url}/first", extensions={KEEP: True})
        source = RemoteSource(
            http, cast(Any, lab.client), key="data/1", url=lab.path, filename=lab.name,
            data_id="1", stop=StopSignal(), size=1000,
        )  # fmt: skip
        source.ranges = not is_known
        body = source.open(400, None, Identity("data/1", size=1000, etag='"v1"'))
        assert (body.start, b"".join(body.chunks)) == (0, DATA[:1000])
        body.close()
    assert not source.ranges
    if is_known:
        assert lab.requests[-1].connection == 1


def test_501_to_a_range_in_mid_download_loses_nothing(lab: Lab):
    lab.serve(DATA, handlers=[cut_after(400_000), answer(501)], ranges=False)
    lab.fetch()
    lab.expect("done", requests=3, twice=400_000, heard="reading past what is here")
    assert lab.requests[2].range is None


def test_ranges_that_end_in_mid_download_of_many_connections_cost_no_more_than_one_pass(lab: Lab):
    """The islands behind the first hole are here already; what is sent again is read past."""
    lab.timings = replace(QUICK, smallest_segment=100_000)
    lab.connections = 4
    data = content(4_000_000)
    lab.serve(data, rate=1e6, held=-1)
    lab.start()
    lab.until(lambda row: row.connections >= 4 and row.done > 1_000_000)
    lab.stop()
    lab.file.ranges, lab.file.rate = False, 0
    before = len(lab.requests)
    lab.fetch()
    lab.expect("done", verified_by="md5")
    # With If-Range, without it, and then for all that is missing as one.
    assert len(lab.requests) - before <= 3


def test_always_another_part_than_asked_for_means_no_ranges(lab: Lab):
    wrong = part(5, 104, SIZE, DATA[5:105])
    lab.serve(DATA, handlers=[cut_after(400_000), wrong, wrong])
    lab.fetch()
    lab.expect("done", requests=4)
    assert lab.requests[3].range is None


def test_a_part_without_a_word_on_which_is_not_believed(lab: Lab):
    lab.serve(DATA, handlers=[cut_after(400_000), answer(206, DATA[400_000:], ETag='"v1"')])
    lab.fetch()
    lab.expect("done", requests=3)


def test_multipart_byteranges_are_not_taken_for_the_file(lab: Lab):
    many = answer(206, MULTIPART, Content_Type="multipart/byteranges; boundary=x", ETag='"v1"')
    lab.serve(DATA, handlers=[cut_after(400_000), many, many])
    lab.fetch()
    lab.expect("done", requests=4)


def test_a_part_that_is_longer_than_asked_for_is_cut_to_measure(lab: Lab):
    """Another connection has the bytes behind it."""
    lab.timings = replace(QUICK, smallest_segment=100_000)
    lab.connections = 2
    data = content(3_000_000)

    async def longer(exchange):
        start, end = exchange.slice()
        end = min(len(data), end + 70_000)
        head = {"Content-Range": f"bytes {start}-{end - 1}/{len(data)}", "ETag": '"v1"'}
        await exchange.head(206, {**head, "Content-Length": end - start})
        await exchange.body(memoryview(data)[start:end])

    lab.serve(data, always=longer, rate=3e6)
    lab.fetch()
    lab.expect("done")


def test_more_bytes_than_the_part_is_said_to_have_are_passed_over(lab: Lab):
    rest = DATA[400_000:] + b"more than there is"
    longer = part(400_000, SIZE - 1, "*", rest)
    lab.serve(DATA, handlers=[cut_after(400_000), longer])
    lab.fetch()
    lab.expect("done", requests=2)


def test_a_part_that_is_shorter_than_asked_for_is_gone_on_from(lab: Lab):
    shorter = part(400_000, 599_999, SIZE, DATA[400_000:600_000])
    lab.serve(DATA, handlers=[cut_after(400_000), shorter])
    lab.fetch()
    lab.expect("done", requests=3, twice=0)
    assert lab.requests[2].range[0] == 600_000


@pytest.mark.parametrize("says", ["bytes */*", None, f"bytes */{SIZE}"])
def test_an_odd_416_keeps_what_is_here(lab: Lab, says: str | None):
    headers = {"Content_Range": says} if says else {}
    lab.serve(DATA, handlers=[cut_after(400_000), answer(416, **headers)])
    lab.fetch()
    lab.expect("done", requests=3, twice=400_000, heard="reading past what is here")


def test_416_on_a_complete_part_tells_that_it_is_complete(lab: Lab):
    """All bytes came, but not the end of the chunks: the next try learns the size."""
    lab.serve(DATA, handlers=[chunked(cut_after=SIZE)])
    lab.fetch(size=None)
    lab.expect("done", requests=2, twice=0, verified_by="md5")
    assert lab.requests[1].range == (SIZE, None)


@pytest.mark.parametrize("says", [f"bytes */{SIZE}", None], ids=["with-size", "without"])
def test_416_on_a_part_that_is_too_long_begins_again(lab: Lab, says: str | None):
    lab.serve(DATA)
    lab.target.parent.mkdir(parents=True)
    longer = SIZE + 5000
    part_of = lab.target.with_name("a.bin.part")
    part_of.write_bytes(bytes(longer))
    made = journal.Journal(lab.target.with_name("a.bin.part.journal"))
    identity = Identity(key="data/1", etag='"v1"', md5=lab.file.md5)
    from flowtui.transfer.disk.ranges import RangeSet

    made.begin(identity, RangeSet(), RangeSet([(0, longer)]))
    made.close()
    headers = {"Content_Range": says} if says else {}
    lab.file.handlers = [answer(416, **headers)]
    lab.fetch()
    lab.expect("done", requests=2, twice=0)
    assert [one.range is None for one in lab.requests] == [False, True]


def test_a_total_that_is_unknown_is_no_trouble(lab: Lab):
    unknown = part(400_000, SIZE - 1, "*", DATA[400_000:])
    lab.serve(DATA, handlers=[cut_after(400_000), unknown])
    lab.fetch(size=None)
    lab.expect("done", requests=2, twice=0)


@pytest.mark.parametrize("says", [f"bytes */{SIZE}", "bytes */*", None])
@pytest.mark.parametrize("size", [None, SIZE], ids=["no-size", "size"])
@pytest.mark.parametrize("md5", [None, File(DATA).md5], ids=["no-md5", "md5"])
def test_parts_of_an_unknown_total_are_asked_for_to_the_end(
    lab: Lab, says: str | None, size: int | None, md5: str | None
):
    """As servers that cut each answer to a block do: a part of it is not the file."""

    async def block(exchange: Exchange) -> None:
        asked = exchange.request.range
        start = asked[0] if asked else 0
        if start >= SIZE:
            headers = {"Content_Range": says} if says else {}
            await answer(416, **headers)(exchange)
        else:
            end = min(SIZE, start + 400_000)
            await part(start, end - 1, "*", DATA[start:end])(exchange)

    lab.connections = 4  # asks with a Range from the first request on
    lab.timings = replace(QUICK, smallest_segment=100_000)
    lab.serve(DATA, always=block)
    lab.fetch(size=size, md5=md5)
    lab.expect("done", twice=0, requests=4, data=DATA)


def test_a_part_of_an_unknown_total_that_is_short_of_flows_size_is_not_the_file(lab: Lab):
    async def block(exchange: Exchange) -> None:
        start = exchange.request.range[0] if exchange.request.range else 0
        await (answer(416) if start else part(0, 399_999, "*", DATA[:400_000]))(exchange)

    lab.connections = 4
    lab.timings = replace(QUICK, smallest_segment=100_000)
    lab.serve(DATA, always=block)
    lab.fetch(md5=None)
    lab.expect("failed", part=True)


def test_a_paused_read_past_loses_nothing(lab: Lab):
    """It is stopped before it has come to where the part ends."""
    lab.serve(DATA, ranges=False, handlers=[cut_after(800_000), None], rate=500_000)
    made = lab.start()
    lab.record.until(lambda row: "reading past" in row.reason)
    made.pause(None)
    assert made.wait_idle(GUARD)
    assert lab.now().done >= 800_000
    lab.file.rate = 0
    made.resume(None)
    assert made.wait_idle(GUARD)
    lab.expect("done", verified_by="md5")
    assert not any("starting over" in reason for reason in lab.reasons)
