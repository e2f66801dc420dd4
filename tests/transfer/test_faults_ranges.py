"""Servers that know no ranges, or answer with other bytes than they were asked for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flowtui.transfer.disk import journal
from flowtui.transfer.identity import Identity
from support.fault_server import answer, chunked, cut_after, part
from support.lab import QUICK, Lab, content

SIZE = 1_000_000
DATA = content(SIZE)
MULTIPART = (
    b"--x\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes 0-9/20\r\n\r\n"
    b"0123456789\r\n--x--\r\n"
)


def test_without_ranges_a_whole_file_needs_none(lab: Lab):
    lab.serve(DATA, ranges=False)
    lab.fetch()
    lab.expect("done", requests=1, twice=0)


def test_without_ranges_a_cut_file_is_begun_again(lab: Lab):
    lab.serve(DATA, ranges=False, handlers=[cut_after(400_000)], rate=4e6)
    lab.fetch()
    # The second request learns that there are no ranges, the third asks for all.
    lab.expect("done", requests=3, heard="cannot resume this file; starting over")
    assert lab.requests[2].range is None


def test_without_ranges_it_is_learned_once(lab: Lab):
    lab.serve(DATA, ranges=False, handlers=[cut_after(400_000), None, cut_after(600_000)])
    lab.fetch()
    lab.expect("done", requests=4)
    assert [one.range is None for one in lab.requests] == [True, False, True, True]


def test_without_ranges_and_always_cut_it_fails_in_the_end(lab: Lab):
    lab.serve(DATA, ranges=False, always=cut_after(400_000))
    lab.fetch()
    lab.expect("failed", code="NO_RANGE", says="started over 3 times, gave up", part=True)
    assert len(lab.requests) <= 6


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
