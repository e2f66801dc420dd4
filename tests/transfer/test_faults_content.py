"""Bytes that are not the file, and records that are wrong about it."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from flowtui.transfer.verify.containers import ContainerCheck
from support.fault_server import File, answer, chunked, cut_after, without_length
from support.lab import Lab, content
from support.waiting import GUARD

WITH_KEPT_CONNECTIONS = True

DATA = content(300_000)
BAD = bytes([DATA[0] ^ 1]) + DATA[1:]
TEXT = b"gene\tcount\n" * 30_000
PAGE = b"<!doctype html><title>Sign in</title>" + b" " * 2000


def test_corrupt_once_is_fetched_once_more(lab: Lab):
    lab.serve(DATA, handlers=[answer(200, BAD, ETag='"v1"')])
    lab.fetch()
    lab.expect("done", requests=2, twice=len(DATA), verified_by="md5")


def test_corrupt_always_fails_with_both_sums(lab: Lab):
    lab.serve(DATA, always=answer(200, BAD, ETag='"v1"'))
    row = lab.fetch()
    lab.expect("failed", code="MD5", says=lab.file.md5, requests=2)
    assert "md5 mismatch" in row.reason


def test_corrupt_inside_a_gzip_without_md5_is_found_by_its_own_checksum(lab: Lab):
    packed = gzip.compress(DATA)
    broken = packed[:1000] + bytes([packed[1000] ^ 1]) + packed[1001:]
    lab.serve(packed, name="a.fastq.gz", handlers=[answer(200, broken, ETag='"v1"')])
    lab.fetch(md5=None)
    lab.expect("done", requests=2, verified_by="size and gzip check")
    assert lab.row is not None
    assert lab.row.reason.endswith("the server gave no md5")


def test_an_md5_in_upper_case_is_an_md5(lab: Lab):
    lab.serve(DATA)
    lab.fetch(md5=lab.file.md5.upper())
    lab.expect("done", requests=1, verified_by="md5")


@pytest.mark.parametrize("md5", ["n/a", "", "d41d8cd98f00b204", "x" * 32, " "])
def test_a_malformed_md5_is_none(lab: Lab, md5: str):
    lab.serve(DATA)
    lab.fetch(md5=md5)
    lab.expect("done", requests=1, verified_by="size", says="the server gave no md5")


def test_without_md5_and_size_the_length_decides(lab: Lab):
    lab.serve(DATA)
    lab.fetch(md5=None, size=None)
    lab.expect("done", verified_by="length", says="verified by length; the server gave no md5")


def test_a_wrong_size_in_the_records_fails_with_both_numbers(lab: Lab):
    lab.serve(DATA)
    lab.fetch(md5=None, size=300_001)
    lab.expect("failed", code="SIZE", says="Flow says 300,001 bytes, the download has 300,000")


def test_a_wrong_size_in_the_records_is_overruled_by_the_md5(lab: Lab):
    lab.serve(DATA)
    lab.fetch(size=123)
    lab.expect("done", requests=1, twice=0, verified_by="md5")


def test_a_length_that_is_too_short_is_found_by_the_size(lab: Lab):
    lab.serve(DATA, always=answer(200, DATA[:200_000], ETag='"v1"'))
    lab.fetch(md5=None)
    lab.expect("failed", code="SIZE", says="Flow says 300,000 bytes, the download has 200,000")


def test_a_length_that_is_too_long_is_a_cut(lab: Lab):
    async def promise(exchange):
        await exchange.head(200, {"Content-Length": len(DATA) + 500, "ETag": '"v1"'})
        await exchange.body(DATA)
        exchange.finish()

    lab.serve(DATA, handlers=[promise])
    lab.fetch()
    lab.expect("done", verified_by="md5", twice=0)


def test_an_empty_body_where_bytes_should_be_fails(lab: Lab):
    lab.serve(DATA, always=answer(200, b""))
    lab.fetch(md5=None)
    lab.expect("failed", code="SIZE", says="Flow says 300,000 bytes, the download has 0")


def test_an_empty_body_of_which_nothing_is_known_fails(lab: Lab):
    lab.serve(DATA, always=answer(200, b""))
    lab.fetch(md5=None, size=None)
    lab.expect("failed", code="EMPTY", says="the download is empty")


def test_a_file_that_is_empty_by_the_records_is_one(lab: Lab):
    lab.serve(b"")
    lab.fetch()
    lab.expect("done", requests=1, verified_by="md5")


@pytest.mark.parametrize("connections", [1, 4])
def test_a_container_is_tried_while_it_comes(lab: Lab, monkeypatch, connections: int):
    """What is left to do at the end is a piece, not the whole."""
    packed = gzip.compress(content(8_000_000), 1)
    left: list[int] = []
    verdict = ContainerCheck.verdict

    def noted(self: ContainerCheck, path: Path, check: Callable[[], None]) -> str | None:
        left.append(path.stat().st_size - self.position)
        return verdict(self, path, check)

    monkeypatch.setattr(ContainerCheck, "verdict", noted)
    lab.connections = connections
    lab.serve(packed, name="a.fastq.gz", rate=20e6)
    lab.fetch(md5=None)
    lab.expect("done", verified_by="size and gzip check", data=packed)
    assert left == [0]


def test_damage_inside_a_container_is_not_fetched_to_its_end(lab: Lab):
    """As in .bam files, whose blocks have their own checksums."""
    packed = bytearray(gzip.compress(content(500_000), 1) * 40)
    packed[300_000] ^= 0xFF
    lab.serve(bytes(packed), name="a.fastq.gz", rate=10e6)
    lab.fetch(md5=None, size=None)
    lab.expect("failed", code="DAMAGED", says="broken gzip data", requests=2)
    assert sum(one.sent for one in lab.requests) < len(packed)


def broken_zip() -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        archive.writestr("counts.tsv", TEXT)
    packed = bytearray(body.getvalue())
    packed[1000] ^= 1
    return bytes(packed)


GZIP = gzip.compress(content(3_000_000), 1)
BROKEN = {
    "flipped.fastq.gz": GZIP[:500_000] + bytes([GZIP[500_000] ^ 1]) + GZIP[500_001:],
    "cut.fastq.gz": GZIP[:-5],
    "small.fastq.gz": gzip.compress(TEXT)[:-3],
    "flipped.zip": broken_zip(),
}


@pytest.mark.parametrize("accepted", [False, True], ids=["default", "accept_broken"])
@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("connections", [1, 4])
def test_what_is_broken_the_same_way_twice_is_what_flow_has(
    lab: Lab, name: str, connections: int, *, accepted: bool
):
    lab.connections = connections
    lab.settings = {"accept_broken": accepted}
    lab.serve(BROKEN[name], name=name)
    lab.fetch(md5=None)
    lab.expect("done", verified_by="size, broken the same way twice", says="warning: ")
    assert lab.row is not None
    assert lab.row.code == ("" if accepted else "BROKEN_ON_FLOW")
    assert sum(one.sent for one in lab.requests) <= 2 * len(BROKEN[name])


def test_what_is_broken_in_two_ways_is_given_up(lab: Lab):
    other = GZIP[:400_000] + bytes([GZIP[400_000] ^ 1]) + GZIP[400_001:]

    async def change(exchange):
        exchange.file.content = other
        await exchange.serve()

    first = BROKEN["flipped.fastq.gz"]
    lab.serve(first, name="a.fastq.gz", handlers=[cut_after(len(first)), change])
    lab.fetch(md5=None)
    lab.expect("failed", code="DAMAGED", requests=2)


def test_a_broken_file_of_another_size_than_flows_is_given_up(lab: Lab):
    lab.serve(BROKEN["cut.fastq.gz"], name="a.fastq.gz")
    lab.fetch(md5=None, size=len(GZIP))
    lab.expect("failed", code="SIZE")


def test_that_it_was_broken_once_is_known_after_a_wait(lab: Lab):
    """The second fetch is cut, its worker goes to another file, and it is still the second."""
    data = BROKEN["cut.fastq.gz"]
    handlers = [cut_after(len(data)), *[answer(503)] * 4]
    lab.serve(data, name="a.fastq.gz", handlers=handlers)
    lab.fetch(md5=None)
    lab.expect("done", verified_by="size, broken the same way twice", requests=6)


END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


@pytest.mark.parametrize("size", [True, False], ids=["size", "no-size"])
def test_a_bam_of_unknown_size_without_its_last_block_is_not_whole(lab: Lab, *, size: bool):
    data = gzip.compress(TEXT)
    lab.serve(data, name="a.bam", always=without_length())
    lab.fetch(md5=None, size=len(data) if size else None)
    if size:  # Flow's size is proof enough
        lab.expect("done", verified_by="size and gzip check")
    else:
        lab.expect("failed", code="DAMAGED", says="end-of-file block")


def test_a_bam_with_its_last_block_is_whole(lab: Lab):
    lab.serve(gzip.compress(TEXT) + END, name="a.bam", always=without_length())
    lab.fetch(md5=None, size=None)
    lab.expect("done", verified_by="length and gzip check")


def test_a_container_is_tried_from_where_it_was_after_a_pause(lab: Lab, monkeypatch):
    packed = gzip.compress(content(6_000_000), 1)
    tried: list[int] = []
    follow = ContainerCheck.follow

    def noted(self: ContainerCheck, read, until, check=lambda: None) -> None:
        tried.append(self.position)
        follow(self, read, until, check)

    monkeypatch.setattr(ContainerCheck, "follow", noted)
    lab.serve(packed, name="a.fastq.gz", rate=6e6, held=-1)
    made = lab.start(md5=None)
    lab.until(lambda row: row.done > 3_000_000)
    made.pause(None)
    lab.until(lambda row: row.state == "paused" and not made._scheduler.runs)
    lab.file.rate = 0
    made.resume(None)
    assert made.wait_idle(GUARD)
    lab.expect("done", verified_by="size and gzip check", data=packed)
    assert tried == sorted(tried)


def test_gzip_in_spite_of_identity_is_undone(lab: Lab):
    packed = answer(200, gzip.compress(TEXT), Content_Encoding="gzip", ETag='"v1"')
    lab.serve(TEXT, name="counts.tsv", handlers=[packed])
    lab.fetch()
    lab.expect("done", requests=1, verified_by="md5")
    assert lab.requests[0].headers["accept-encoding"] == "identity"


def test_deflate_in_spite_of_identity_is_undone_without_any_record(lab: Lab):
    packed = answer(200, zlib.compress(TEXT), Content_Encoding="deflate")
    lab.serve(TEXT, name="counts.tsv", handlers=[packed])
    lab.fetch(md5=None, size=None)
    lab.expect("done", requests=1)


def test_a_stored_gzip_that_is_labelled_as_encoded_stays_as_it_is(lab: Lab):
    packed = gzip.compress(DATA)
    label = answer(200, packed, Content_Encoding="gzip", ETag='"v1"')
    lab.serve(packed, name="a.fastq.gz", handlers=[label])
    lab.fetch()
    lab.expect("done", requests=1, verified_by="md5")


def test_gzip_in_spite_of_identity_that_is_cut_is_begun_again(lab: Lab):
    packed = gzip.compress(DATA)

    async def cut(exchange):
        head = {"Content-Encoding": "gzip", "Content-Length": len(packed), "ETag": '"v1-gzip"'}
        await exchange.head(200, head)
        await exchange.body(packed[:150_000])
        exchange.finish()

    whole = answer(200, packed, Content_Encoding="gzip", ETag='"v1-gzip"')
    lab.serve(DATA, name="counts.tsv", handlers=[cut, whole, whole])
    lab.fetch()
    lab.expect("done", verified_by="md5")
    assert len(lab.requests) <= 3


def test_broken_gzip_in_spite_of_identity_is_tried_again(lab: Lab):
    broken = answer(200, b"\x1f\x8b\x08 this is not gzip at all", Content_Encoding="gzip")
    lab.serve(TEXT, name="counts.tsv", handlers=[broken])
    lab.fetch()
    lab.expect("done", requests=2, verified_by="md5")


def test_an_encoding_that_cannot_be_undone_is_named(lab: Lab):
    lab.serve(TEXT, name="counts.tsv", always=answer(200, b"xx", Content_Encoding="br"))
    lab.fetch()
    lab.expect("failed", code="ENCODED", says="compressed this file (br)", requests=1)


def test_a_sign_in_page_is_not_the_file(lab: Lab):
    lab.serve(DATA, always=answer(200, PAGE, Content_Type="text/html; charset=utf-8"))
    lab.fetch(md5=None, size=None)
    lab.expect("failed", code="NOT_A_FILE", says="the server sent a web page instead", requests=1)


def test_a_sign_in_page_in_mid_transfer_costs_no_bytes(lab: Lab):
    page = answer(200, PAGE, Content_Type="text/html")
    lab.serve(DATA, handlers=[cut_after(200_000), page])
    made = lab.start()
    assert made.wait_idle(GUARD)
    assert (lab.now().state, lab.now().code) == ("failed", "NOT_A_FILE")
    made.retry(None)
    assert made.wait_idle(GUARD)
    lab.expect("done", requests=3, twice=len(PAGE))
    assert lab.requests[2].range[0] == 200_000


def test_a_sign_in_page_that_calls_itself_a_file_is_not_believed(lab: Lab):
    """Neither size nor md5 is known: the look of it is all there is."""
    lab.serve(DATA, always=answer(200, PAGE, Content_Type="application/octet-stream"))
    lab.fetch(md5=None, size=None)
    lab.expect("failed", code="NOT_A_FILE", says="the server sent a web page instead")


LABELS = ["text/html; charset=utf-8", "application/json", "application/xhtml+xml"]


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("md5", [None, File(DATA).md5], ids=["no-md5", "md5"])
def test_a_wrong_label_is_no_proof(lab: Lab, label: str, md5: str | None):
    """Storages label by guess; the length agrees, and with the md5 or the first bytes it is it."""
    lab.serve(DATA, content_type=label, handlers=[cut_after(100_000)])
    lab.fetch(md5=md5)
    lab.expect("done", requests=2, twice=0, verified_by="md5" if md5 else "size")


@pytest.mark.parametrize("label", LABELS)
def test_a_wrong_label_is_no_proof_where_nothing_is_known(lab: Lab, label: str):
    lab.serve(DATA, content_type=label)
    lab.fetch(md5=None, size=None)
    lab.expect("done", requests=1, verified_by="length")


@pytest.mark.parametrize("size", [len(PAGE), None], ids=["size", "no-size"])
def test_a_page_with_the_right_md5_is_the_file_whatever_its_name(lab: Lab, size: int | None):
    lab.serve(PAGE, name="report", content_type="text/html")
    lab.fetch(size=size)
    lab.expect("done", requests=1, verified_by="md5")


def test_a_page_in_chunks_is_told_from_the_file_by_its_md5(lab: Lab):
    lab.serve(PAGE, name="report", content_type="text/html", handlers=[chunked()])
    lab.fetch()
    lab.expect("done", requests=1, verified_by="md5")


def test_a_sign_in_page_in_chunks_is_said_to_be_one(lab: Lab):
    async def page(exchange):
        head = {"Content-Type": "text/html", "Transfer-Encoding": "chunked"}
        await exchange.head(200, head)
        exchange.writer.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(PAGE), PAGE))

    lab.serve(DATA, always=page)
    lab.fetch()
    lab.expect("failed", code="NOT_A_FILE", says="a web page instead", requests=1)


def test_a_page_of_flows_length_without_md5_is_refused_by_its_first_bytes(lab: Lab):
    lab.serve(PAGE, name="report", content_type="text/html")
    lab.fetch(md5=None)
    lab.expect("failed", code="NOT_A_FILE", says="--accept-any-type", requests=1)


@pytest.mark.parametrize("body", [PAGE, b'{"error": "no"}'], ids=["page", "json"])
@pytest.mark.parametrize("size", [True, False], ids=["size", "no-size"])
def test_with_accept_any_type_it_is_taken(lab: Lab, body: bytes, *, size: bool):
    label = "text/html" if body is PAGE else "application/json"
    lab.serve(body, name="report", content_type=label)
    lab.settings = {"accept_any_type": True}
    lab.fetch(md5=None, size=len(body) if size else None)
    lab.expect("done", requests=1, verified_by="size" if size else "length")


def test_a_running_engine_can_be_told_to_accept_any_type(lab: Lab):
    lab.serve(PAGE, name="report", content_type="text/html")
    made = lab.start(md5=None)
    assert made.wait_idle(GUARD)
    assert lab.now().code == "NOT_A_FILE"
    made.settings(accept_any_type=1)
    made.retry(None)
    assert made.wait_idle(GUARD)
    lab.expect("done", verified_by="size")


@pytest.mark.parametrize(
    "how",
    [
        {"Content_Type": "application/octet-stream"},
        {"Content_Type": "text/html", "Content_Encoding": "gzip"},
        {"Content_Type": "text/html", "Content_Encoding": "br"},
    ],
    ids=["no label", "gzip", "br"],
)
@pytest.mark.parametrize("md5", [None, File(DATA).md5], ids=["no-md5", "md5"])
def test_no_page_in_mid_transfer_costs_what_is_here(lab: Lab, how: dict[str, str], md5: str | None):
    body = gzip.compress(PAGE) if how.get("Content_Encoding") == "gzip" else PAGE
    lab.serve(DATA, handlers=[cut_after(200_000), answer(200, body, **how)])
    made = lab.start(md5=md5)
    assert made.wait_idle(GUARD)
    assert (lab.now().state, lab.now().code) == ("failed", "NOT_A_FILE")
    made.retry(None)
    assert made.wait_idle(GUARD)
    lab.expect("done", requests=3, twice=len(body))
    assert lab.requests[2].range[0] == 200_000


def test_a_page_is_the_file_where_a_page_was_asked_for(lab: Lab):
    lab.serve(PAGE, name="multiqc_report.html", content_type="text/html")
    lab.fetch()
    lab.expect("done", requests=1)


def test_an_error_object_is_not_the_file_and_its_words_are_said(lab: Lab):
    body = b'{"error": "File \\u001b[2J not ready"}'
    lab.serve(DATA, always=answer(200, body, Content_Type="application/json"))
    row = lab.fetch(md5=None, size=None)
    lab.expect("failed", code="NOT_A_FILE", says="not ready", requests=1)
    assert "\x1b" not in row.reason


def test_chunks_that_say_a_wrong_length_are_a_broken_answer(lab: Lab):
    async def wrong(exchange):
        await exchange.head(200, {"Transfer-Encoding": "chunked"})
        exchange.writer.write(b"zz\r\nwhat?\r\n")
        exchange.finish()

    lab.serve(DATA, handlers=[wrong, chunked()])
    lab.fetch()
    lab.expect("done", requests=2)
