"""What a look fetches, by real sockets: few bytes, none once nobody waits; tokens to Flow."""

from __future__ import annotations

import asyncio
import gzip
import io
import threading
import zipfile
from collections.abc import Iterator
from concurrent.futures import CancelledError
from random import Random

import pytest

from flowtui.flow.client import FlowClient
from flowtui.flow.errors import FlowError, NotFound, UnexpectedAnswer
from flowtui.flow.http.http_client import make_client
from flowtui.flow.session.credentials import Credential
from flowtui.peek.look import MOST_FETCHED, look
from flowtui.peek.ranges import WITHOUT_RANGES, FileRanges
from support.fault_server import Exchange, FaultServer, File, answer, cut_after
from support.waiting import GUARD

PATH = "/downloads/7/x"


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as running:
        yield running


def client_of(server: FaultServer, token: str | None = None) -> FlowClient:
    credential = Credential(token) if token else None
    return FlowClient(server.url, credential, http=make_client(read_timeout=GUARD))


def ranges_of(client: FlowClient, stop: threading.Event | None = None) -> FileRanges:
    return FileRanges(client, PATH, stop or threading.Event())


def reads(count: int) -> bytes:
    chance = Random(3)
    return b"".join(
        b"@r%d\n%s\n+\n%s\n" % (n, bytes(chance.choices(b"ACGT", k=100)), b"F" * 100)
        for n in range(count)
    )


def archive(count: int) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as made:
        made.writestr("big", b"\1" * 2_000_000)
        for number in range(count):
            made.writestr(f"{'n' * 90}{number}", b"")
    return packed.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.fastq.gz", gzip.compress(reads(20_000))),
        ("a.tsv", b"gene\tcount\n" + b"x\t1\n" * 1_000_000),
        ("a.html", b"<html><p>" + b"word " * 1_000_000),
        ("a.zip", archive(9_000)),
        ("a.bin", bytes(3_000_000)),
        ("a.bam", gzip.compress(b"BAM\1\xff\xff\xff\x00" + Random(1).randbytes(3_000_000))),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_no_more_is_sent_than_the_bound(server: FaultServer, name: str, content: bytes) -> None:
    assert len(content) > 2 * MOST_FETCHED
    server.files[PATH] = File(content)
    ranges = ranges_of(client_of(server))
    assert look(name, ranges.read).kind
    assert 0 < server.sent(PATH) == ranges.fetched <= MOST_FETCHED
    assert all(request.range for request in server.of(PATH))


def test_a_reader_gives_no_more_than_its_bound_whatever_is_asked(server: FaultServer) -> None:
    server.files[PATH] = File(bytes(4 * MOST_FETCHED))
    ranges = ranges_of(client_of(server))
    sizes = [len(ranges.read(at, 100_000).data) for at in range(0, 500_000, 100_000)]
    assert sum(sizes) == server.sent(PATH) == MOST_FETCHED


def test_of_a_server_without_ranges_little_is_taken(server: FaultServer) -> None:
    """What the kernel has on the way beyond that is not ours to count."""
    held = threading.Event()

    async def first_part_then_wait(exchange: Exchange) -> None:
        await exchange.head(200, {"Content-Length": 50_000_000})
        await exchange.body(b"a\tb\n" + b"1\t2\n" * (WITHOUT_RANGES // 4))
        while not held.is_set() and not exchange.writer.transport.is_closing():
            await asyncio.wait([asyncio.ensure_future(asyncio.to_thread(held.wait, 0.05))])
        exchange.finish()

    server.files[PATH] = File(b"", always=first_part_then_wait)
    ranges = ranges_of(client_of(server))
    view = look("a.tsv", ranges.read)
    held.set()
    assert view.sections and ranges.fetched <= MOST_FETCHED
    assert dict(view.facts)["rows"].endswith("or more")


def test_an_archive_of_a_server_without_ranges_is_refused_in_words(server: FaultServer) -> None:
    server.files[PATH] = File(archive(10), ranges=False)
    with pytest.raises(UnexpectedAnswer, match="whole files only"):
        look("a.zip", ranges_of(client_of(server)).read)


def test_once_nobody_waits_no_more_is_taken(server: FaultServer) -> None:
    stop, arrived = threading.Event(), threading.Event()

    async def drip(exchange: Exchange) -> None:
        status, headers = exchange.good_head()
        await exchange.head(status, headers)
        await exchange.body(b"x" * 1000)
        arrived.set()
        await asyncio.to_thread(stop.wait, GUARD)
        await exchange.body(b"y" * 1000)
        await exchange.body(b"z" * 1000)
        exchange.finish()

    server.files[PATH] = File(bytes(65_536), always=drip)
    ranges = ranges_of(client_of(server), stop)
    raised: list[BaseException] = []

    def work() -> None:
        try:
            look("a.txt", ranges.read)
        except CancelledError as error:
            raised.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    assert arrived.wait(GUARD)
    stop.set()
    thread.join(GUARD)
    assert len(raised) == 1 and not thread.is_alive()
    assert ranges.fetched <= 1000 and len(server.of(PATH)) == 1
    with pytest.raises(CancelledError):
        ranges.read(0, 10)
    assert len(server.of(PATH)) == 1  # nothing more was asked for


def test_the_token_goes_to_flow_and_not_to_its_storage(server: FaultServer) -> None:
    with FaultServer() as storage:
        storage.files["/bucket/x"] = File(b"a\tb\n1\t2\n")
        server.good_tokens = {"good"}
        server.files[PATH] = File(
            b"", needs_token=True, always=answer(302, Location=f"{storage.url}/bucket/x")
        )
        view = look("a.tsv", ranges_of(client_of(server, "good")).read)
        assert dict(view.facts)["rows"] == "1"
        assert server.of(PATH)[0].token == "good"
        assert [request.token for request in storage.requests] == [None]
        assert storage.requests[0].range == (0, 65_536)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (answer(404, b'{"error": "No such thing"}', Content_Type="application/json"), "No such"),
        (
            answer(
                404,
                gzip.compress(b'{"error": "No such thing"}'),
                Content_Type="application/json",
                Content_Encoding="gzip",
            ),
            "No such",
        ),
        (answer(302, Location="/downloads/7/x"), "loop"),
        (answer(302, Location="ftp://x/y"), "ftp: link"),
        (answer(302, Location="http://127.0.0.1:99999999/"), "invalid link"),
        (answer(206, b"x", Content_Range="bytes 5-5/9"), "another part"),
        (answer(206, b"x"), "another part"),
        (answer(200, b"\x1f\x8bbroken", Content_Encoding="gzip"), "corrupt"),
        (cut_after(10), "lost"),
    ],
    ids=["404", "packed 404", "loop", "ftp", "bad", "part", "no range", "gzip", "cut"],
)
def test_what_goes_wrong_is_told(server: FaultServer, wrong: object, words: str) -> None:
    server.files[PATH] = File(bytes(100_000), always=wrong)  # type: ignore[arg-type]
    with pytest.raises(FlowError, match=words):
        look("a.tsv", ranges_of(client_of(server)).read)


def test_an_empty_file_is_one(server: FaultServer) -> None:
    server.files[PATH] = File(b"")
    assert look("a.tsv", ranges_of(client_of(server)).read).kind == "empty file"


def test_what_is_hidden_is_not_found(server: FaultServer) -> None:
    with pytest.raises(NotFound):
        look("a.tsv", ranges_of(client_of(server)).read)
