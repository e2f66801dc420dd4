"""Files without an end and lengths that cannot be: no more is written than a file can have."""

from __future__ import annotations

import itertools
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowtui.flow.client import FlowClient
from flowtui.flow.http.http_client import make_client
from flowtui.timings import Deadlines
from flowtui.transfer import pipeline
from flowtui.transfer.cancel import StopSignal
from flowtui.transfer.disk.part_file import PartFile
from flowtui.transfer.disk.space import Room
from flowtui.transfer.errors import BeyondSize, TransientError
from flowtui.transfer.http.bounds import SLACK, size_bound
from flowtui.transfer.http.source import RemoteSource
from flowtui.transfer.identity import Identity
from support.fault_server import answer, endless, gzip_bomb, part, unfinished
from support.lab import Lab, content

MIB = 1 << 20
DATA = content(2 * MIB)
PIECE = content(65_536)
ZIPPED = {"Content_Encoding": "gzip", "ETag": '"v1"'}


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How far into part files was written."""
    ends: list[int] = []
    write = PartFile.write

    def noted(self: PartFile, offset: int, data: bytes | memoryview) -> None:
        ends.append(offset + len(data))
        write(self, offset, data)

    monkeypatch.setattr(PartFile, "write", noted)
    return ends


def cramped(monkeypatch: pytest.MonkeyPatch, free: int, size: int) -> None:
    monkeypatch.setattr(pipeline, "measure", lambda folder: Room(1, free, size))


@pytest.mark.parametrize("connections", [1, 4])
@pytest.mark.parametrize("has_md5", [True, False], ids=["md5", "no-md5"])
def test_chunks_without_end_are_written_to_flows_size_and_removed(
    lab: Lab, written: list[int], connections: int, *, has_md5: bool
):
    lab.connections = connections
    lab.serve(DATA, always=endless(PIECE))
    lab.fetch(**({} if has_md5 else {"md5": None}))
    most = len(DATA) + (SLACK if has_md5 else 0)
    says = f"Flow says 2,097,152 bytes, the server sends more than {most:,}"
    lab.expect("failed", code="SIZE", says=says, requests=1)
    assert max(written) <= most


@pytest.mark.parametrize("length", [10 << 30, 1 << 63, 10**18 - 1])
@pytest.mark.parametrize("has_md5", [True, False], ids=["md5", "no-md5"])
def test_a_length_that_cannot_be_is_refused_before_a_byte_is_written(
    lab: Lab, written: list[int], length: int, *, has_md5: bool
):
    lab.serve(DATA, always=endless(PIECE, length=length))
    lab.fetch(**({} if has_md5 else {"md5": None}))
    says = f"Flow says 2,097,152 bytes, the server says {length:,}"
    lab.expect("failed", code="SIZE", says=says, requests=1)
    assert written == []


def test_a_part_of_a_total_that_cannot_be_is_refused(lab: Lab, written: list[int]):
    lab.serve(DATA, always=part(0, len(DATA) - 1, 10 << 30, DATA))
    lab.connections = 4
    lab.fetch(size=5 * MIB)
    lab.expect("failed", code="SIZE", says="Flow says 5,242,880 bytes, the server says 10,737,4")
    assert written == []


@pytest.mark.parametrize("has_md5", [True, False], ids=["md5", "no-md5"])
def test_a_file_that_unpacks_without_end_is_written_to_flows_size(
    lab: Lab, written: list[int], *, has_md5: bool
):
    lab.serve(DATA, always=answer(200, gzip_bomb(1 << 30), **ZIPPED))
    tracemalloc.start()
    try:
        lab.fetch(**({} if has_md5 else {"md5": None}))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    lab.expect("failed", code="SIZE", says="the server sends more than", requests=1)
    assert max(written, default=0) <= len(DATA) + SLACK
    assert peak < 16 * MIB


def test_of_unknown_size_no_more_is_written_than_there_is_room_for(
    lab: Lab, written: list[int], monkeypatch
):
    cramped(monkeypatch, 11 * MIB, 40 * MIB)
    lab.serve(DATA, always=endless(PIECE))
    lab.fetch(size=None, md5=None)
    lab.expect("failed", code="SIZE", says="the server sends more than 10,485,760", requests=1)
    assert 9 * MIB < max(written) <= 10 * MIB


@pytest.mark.parametrize("length", [41 * MIB, 1 << 63])
def test_of_unknown_size_a_length_beyond_the_whole_disk_is_refused(
    lab: Lab, written: list[int], monkeypatch, length: int
):
    cramped(monkeypatch, 11 * MIB, 40 * MIB)
    lab.serve(DATA, always=endless(PIECE, length=length))
    lab.fetch(size=None, md5=None)
    lab.expect("failed", code="SIZE", says=f"the server says {length:,}", requests=1)
    assert written == []


def test_the_other_files_of_a_batch_come_all_the_same(lab: Lab):
    """What one server says of one file is no reason to hold others for room."""
    from support.services import batch, remote, rows
    from support.waiting import GUARD

    lab.serve(DATA, always=endless(PIECE, length=1 << 63))
    other = lab.server.files["/downloads/2/b.bin"] = type(lab.file)(content(1000))
    made = lab.start()
    made.add(batch(lab.server, lab.root, remote(lab.server, "2", "b.bin")))
    assert made.wait_idle(GUARD), rows(made)
    states = {row.key: row.state for row in rows(made)}
    assert states == {"data/1": "failed", "data/2": "done"}
    assert (lab.root / "data" / "b.bin").read_bytes() == other.content


def test_a_size_that_is_out_of_date_by_less_than_the_slack_is_overruled_by_the_md5(lab: Lab):
    lab.serve(DATA)
    lab.fetch(size=len(DATA) - 1000)
    lab.expect("done", requests=1, verified_by="md5")


def test_words_of_a_refusal_are_not_waited_for_and_not_unpacked_without_end(lab: Lab):
    bomb = gzip_bomb(1 << 30, begin=b'{"error": "')
    packed = {"Content_Encoding": "gzip", "Content_Type": "application/json"}
    lab.serve(DATA, always=answer(404, bomb, **packed))
    tracemalloc.start()
    try:
        lab.fetch()
        assert tracemalloc.get_traced_memory()[1] < 16 * MIB
    finally:
        tracemalloc.stop()
    lab.expect("failed", code="NOT_FOUND")


def source(lab: Lab, http, **more) -> RemoteSource:
    link = lab.path
    return RemoteSource(
        http, cast(FlowClient, lab.client), key="data/1", url=link, filename="a.bin",
        data_id="1", stop=StopSignal(), **more,
    )  # fmt: skip


@pytest.mark.parametrize("after", [1, 2, 3, 4])
def test_a_head_that_drips_is_given_up_at_its_deadline(lab: Lab, after: int):
    lab.serve(DATA, always=unfinished(b"HTTP/1.1 200 OK\r\nX-A: a"))
    times = itertools.chain(itertools.repeat(0.0, after), itertools.count(1e6, 1e6))
    with make_client(read_timeout=1000.0) as http:
        asked = source(lab, http, deadlines=Deadlines(), clock=lambda: next(times))
        with pytest.raises(TransientError, match="in time"):
            asked.open(0, None, Identity("data/1"))


def test_a_file_that_comes_slowly_has_no_deadline(lab: Lab):
    """The head has one; a large file over a slow line may take days."""
    lab.serve(DATA)
    times = itertools.count(0.0, 1.0)
    with make_client() as http:
        clock: Callable[[], float] = lambda: next(times)  # noqa: E731
        body = source(lab, http, deadlines=Deadlines(), clock=clock).open(
            0, None, Identity("data/1")
        )
        while next(times) < 1000:
            pass
        assert b"".join(body.chunks) == DATA
        body.close()


# The rule


@given(st.integers(0, 1 << 50), st.integers(0, 1 << 50), st.booleans())
def test_flows_size_is_always_believed_and_little_beyond(size: int, extra: int, has_md5: bool):
    bound = size_bound(size, 0, lambda: None, has_md5=has_md5)
    bound.check(None)
    bound.check(size)
    if extra > (max(SLACK, size // 100) if has_md5 else 0):
        with pytest.raises(BeyondSize, match=f"{size:,}.*{size + extra:,}"):
            bound.check(size + extra)
    else:
        bound.check(size + extra)


@given(st.lists(st.binary(min_size=1, max_size=9), max_size=9), st.integers(0, 60))
def test_no_byte_beyond_the_bound_is_handed_on(chunks: list[bytes], size: int):
    taken: list[bytes] = []
    bound = size_bound(size, 0, lambda: None, has_md5=False)
    whole = sum(map(len, chunks))
    try:
        taken.extend(bound.pieces(iter(chunks), 0))
    except BeyondSize:
        assert whole > size
    else:
        assert taken == chunks and whole <= size
    assert sum(map(len, taken)) <= size


def test_where_the_disk_cannot_be_measured_it_decides_itself(tmp_path: Path):
    bound = size_bound(None, 0, lambda: None, has_md5=False)
    bound.check(1 << 62)
