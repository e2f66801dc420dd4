"""A file's bytes as they come: each once and in order, whatever happens to the connections."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import pytest

from flowtui.flow.formats import BAM_END
from flowtui.retry import TRANSFER
from flowtui.streams.pieces import Stream
from flowtui.streams.whole import WholeFile
from flowtui.transfer.cancel import StopSignal
from flowtui.transfer.errors import PermanentError, Stopped
from flowtui.transfer.http.source import RemoteSource
from flowtui.transfer.identity import Identity
from support.fault_server import (
    FaultServer,
    File,
    answer,
    chunked,
    cut_after,
    part,
    without_length,
)
from support.lab import content
from support.services import FakeClient, make_service, remote

DATA = content(300_000)


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as running:
        yield running


class Reading:
    """One reader of /downloads/1/<name>, and what it was told."""

    def __init__(self, server: FaultServer, name: str = "a.bin", **more: Any) -> None:
        self.file = remote(server, "1", name, **more)
        self.told: list[str] = []
        self.ends = False
        service = make_service(FakeClient(server.url))(server.url)
        source = RemoteSource(
            service.http,
            cast(Any, service.client),
            key=self.file.key,
            url=self.file.url,
            filename=name,
            data_id="1",
            stop=StopSignal(),
            size=self.file.size,
        )
        self.stream = Stream(
            source,
            Identity(key=self.file.key, md5=self.file.md5),
            lambda seconds: self.ends,
            self.told.append,
            policy=replace(TRANSFER, first=0.0, longest=0.0, outage=0.0, hold=float("inf")),
        )
        self.whole = WholeFile(self.stream, self.file, accept_any_type=False)

    def all(self) -> bytes:
        return b"".join(self.whole.pieces())


def serve(server: FaultServer, data: bytes = DATA, name: str = "a.bin", **how: Any) -> File:
    file = server.files[f"/downloads/1/{name}"] = File(data, **how)
    return file


@pytest.mark.parametrize("reset", [False, True])
def test_a_cut_connection_is_resumed_from_the_next_byte(server: FaultServer, reset: bool) -> None:
    cuts = [cut_after(70_000, reset=reset), cut_after(50_000, reset=reset)]
    serve(server, handlers=cuts)
    reading = Reading(server)
    assert reading.all() == DATA
    assert reading.whole.verified_by == "md5"
    starts = [request.range[0] for request in server.requests if request.range]
    assert len(starts) == 3 and starts == sorted(starts)
    assert reading.stream.fetched == len(DATA)
    assert len(reading.told) == 2


def test_a_server_without_ranges_is_read_past_what_came(server: FaultServer) -> None:
    serve(server, ranges=False, handlers=[cut_after(70_000)])
    reading = Reading(server)
    assert reading.all() == DATA
    assert reading.whole.size == len(DATA) < reading.stream.fetched


def test_another_file_in_the_middle_is_told(server: FaultServer) -> None:
    file = serve(server, handlers=[cut_after(70_000)], ranges=False)
    reading = Reading(server)
    pieces = reading.whole.pieces()
    next(pieces)
    file.content = content(300_000, seed=2)
    with pytest.raises(PermanentError, match=r"different file.*start again"):
        list(pieces)


def test_another_tag_in_the_middle_is_told_where_no_md5_decides(server: FaultServer) -> None:
    file = serve(server, handlers=[cut_after(70_000)])
    reading = Reading(server, md5=None)
    pieces = reading.whole.pieces()
    next(pieces)
    file.content, file.etag = content(300_000, seed=2), '"v2"'
    with pytest.raises(PermanentError, match="changed"):
        list(pieces)


def test_a_wrong_md5_is_told_at_the_end(server: FaultServer) -> None:
    serve(server)
    reading = Reading(server, md5="0" * 32)
    with pytest.raises(PermanentError, match="md5 mismatch") as raised:
        reading.all()
    assert raised.value.code == "MD5"


@pytest.mark.parametrize("how", [chunked(), without_length()])
def test_a_length_that_is_not_told_is_found(server: FaultServer, how: Any) -> None:
    serve(server, always=how)
    reading = Reading(server, size=None, md5=None)
    assert reading.all() == DATA
    assert reading.whole.verified_by == "length"


def test_a_file_that_is_too_short_is_told(server: FaultServer) -> None:
    serve(server)
    reading = Reading(server, size=len(DATA) + 1, md5=None)
    with pytest.raises(PermanentError, match="size mismatch"):
        reading.all()


def test_a_file_that_is_too_long_is_stopped(server: FaultServer) -> None:
    serve(server)
    reading = Reading(server, size=len(DATA) - 1, md5=None)
    with pytest.raises(PermanentError, match="size mismatch"):
        reading.all()
    assert reading.whole.size < len(DATA)


@pytest.mark.parametrize("count", [1, 3, 20, 1000])
def test_gzip_data_that_ends_in_the_middle_is_told(server: FaultServer, count: int) -> None:
    serve(server, gzip.compress(DATA)[:-count], name="a.fastq.gz")
    with pytest.raises(PermanentError, match="ends in the middle"):
        Reading(server, "a.fastq.gz", md5=None).all()


def test_gzip_data_speaks_for_itself(server: FaultServer) -> None:
    serve(server, gzip.compress(DATA), name="a.fastq.gz")
    reading = Reading(server, "a.fastq.gz", md5=None)
    assert gzip.decompress(reading.all()) == DATA
    assert reading.whole.verified_by == "size and gzip check"


def test_a_bam_without_its_last_block_is_told_where_no_size_is_known(server: FaultServer) -> None:
    whole = gzip.compress(DATA)
    serve(server, whole + BAM_END, name="a.bam")
    assert Reading(server, "a.bam", md5=None, size=None).all() == whole + BAM_END
    serve(server, whole, name="a.bam")
    with pytest.raises(PermanentError, match="end-of-file block"):
        Reading(server, "a.bam", md5=None, size=None).all()


def test_a_server_that_sends_nothing_is_given_up(server: FaultServer) -> None:
    serve(server, always=answer(503))
    reading = Reading(server)
    with pytest.raises(PermanentError, match="tried 3 times"):
        reading.all()
    assert len(server.requests) == 3 and len(reading.told) == 2


def test_who_waits_can_be_stopped(server: FaultServer) -> None:
    serve(server, always=answer(503))
    reading = Reading(server)
    reading.ends = True
    with pytest.raises(Stopped):
        reading.all()
    assert len(server.requests) == 1


def test_a_part_is_fetched_and_nothing_else(server: FaultServer) -> None:
    serve(server, handlers=[cut_after(1000)])
    reading = Reading(server)
    assert b"".join(reading.stream.pieces(100_000, 150_000)) == DATA[100_000:150_000]
    assert server.sent("/downloads/1/a.bin") == 50_000
    assert b"".join(reading.stream.pieces(299_000, 400_000)) == DATA[299_000:]


def test_a_part_of_a_server_without_ranges_is_refused(server: FaultServer) -> None:
    serve(server, ranges=False)
    with pytest.raises(PermanentError, match="no parts"):
        list(Reading(server).stream.pieces(100_000, 150_000))


def test_a_wrong_part_is_not_taken(server: FaultServer) -> None:
    wrong = part(0, 99, len(DATA), DATA[:100])
    serve(server, handlers=[cut_after(70_000), wrong])
    assert Reading(server).all() == DATA


def test_an_empty_file_comes(server: FaultServer) -> None:
    serve(server, b"")
    reading = Reading(server)
    assert reading.all() == b""
    assert reading.whole.verified_by == "md5"
