"""Answers without an end, in bytes or in time, and those that unpack to more than they seem."""

from __future__ import annotations

import gzip
import itertools
import json
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowtui.flow.bulk_jobs import state
from flowtui.flow.client import FlowClient
from flowtui.flow.discover import answers_as_flow
from flowtui.flow.errors import (
    FlowError,
    NotSignedIn,
    RateLimited,
    ServiceUnavailable,
    SingleSignOnOnly,
    UnexpectedAnswer,
)
from flowtui.flow.http import answers
from flowtui.flow.http.answers import DEEPEST, DETAIL, PAGE, WORDS, TooMuchJson, is_deeper, parsed
from flowtui.flow.http.decoding import PIECE, decoded
from flowtui.flow.http.http_client import make_client
from flowtui.flow.models import Project
from flowtui.flow.pages import MOST_PAGES, Pages, read_page
from flowtui.flow.session import device_flow
from flowtui.flow.session.credentials import Credential
from flowtui.flow.session.session import ApiSession
from flowtui.timings import ANSWERS, Deadlines
from support.fault_server import FaultServer, File, answer, endless, gzip_bomb, unfinished

MIB = 1 << 20
JSON = {"Content_Type": "application/json"}
PACKED = {**JSON, "Content_Encoding": "gzip"}
BLANK = b" " * 65_536

BEGUN = {
    "head": b"HTTP/1.1 200 OK\r\nX-Long: aaa",
    "status": b"HTTP/1.1 2",
    "body": b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\nContent-Type: application/json\r\n\r\n{",
    "chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
    "error": b"HTTP/1.1 500 X\r\nContent-Length: 900\r\n\r\n{",
    "redirect": b"HTTP/1.1 302 X\r\nLocation: /x\r\nContent-Length: 900\r\n\r\n{",
}
"""Answers that go on so slowly that they do not while a test runs."""


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as made:
        yield made


@pytest.fixture
def client(server: FaultServer) -> Iterator[FlowClient]:
    made = FlowClient(server.url, sleep=lambda seconds: None)
    yield made
    made.close()


def peak_of(call: Callable[[], Any]) -> int:
    """The bytes that Python held at most while `call` ran."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def leaping(after: int) -> Callable[[], float]:
    """A clock that stands still until it was asked so often, and then passes every deadline."""
    times = itertools.chain(itertools.repeat(0.0, after), itertools.count(1e6, 1e6))
    return lambda: next(times)


# Bytes


def test_a_record_without_end_is_read_to_its_bound_and_named(server, client) -> None:
    server.files["/samples/1"] = File(b"", always=endless(BLANK, begin=b"{", **JSON))
    with pytest.raises(UnexpectedAnswer, match=r"127\.0\.0\.1/samples/1 is larger than 67\.1 MB"):
        client.sample("1")
    (request,) = server.requests  # it is not asked for again
    assert request.sent < DETAIL.size + 16 * MIB  # and what the sockets hold


def test_a_page_without_end_is_read_to_its_bound(server, client) -> None:
    server.files["/projects/owned"] = File(b"", always=endless(BLANK, begin=b"[", **JSON))
    with pytest.raises(UnexpectedAnswer, match=r"/projects/owned is larger than 16\.8 MB"):
        client.projects().page(1)
    assert server.sent("/projects/owned?page=1&count=100") < PAGE.size + 16 * MIB


def test_secrets_of_a_query_are_not_told(server, client) -> None:
    server.files["/samples/1"] = File(b"", always=endless(BLANK, begin=b"{", **JSON))
    with pytest.raises(UnexpectedAnswer) as failure:
        client.session.get("/samples/1", {"page": 1, "signature": "secret"})
    assert "secret" not in str(failure.value)


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
def test_of_an_error_no_more_is_read_than_its_words(server, client, status: int) -> None:
    begin = b'{"error": "'
    server.files["/samples/1"] = File(b"", always=endless(BLANK, begin=begin, status=status))
    with pytest.raises(FlowError):
        client.sample("1")
    for request in server.requests:
        assert request.sent < WORDS + 16 * MIB


@pytest.mark.parametrize("status", [200, 302, 400, 500])
def test_what_is_packed_is_unpacked_to_the_bound_only(server, client, status: int) -> None:
    bomb = gzip_bomb(1 << 30, begin=b"{")
    fields = {**PACKED, **({"Location": "/x"} if status == 302 else {})}
    server.files["/samples/1"] = File(b"", always=answer(status, bomb, **fields))

    def ask() -> None:
        with pytest.raises(FlowError):
            client.sample("1")

    assert peak_of(ask) < (3 * DETAIL.size if status == 200 else 4 * MIB)


@pytest.mark.parametrize("encoding", ["gzip, gzip", "gzip,gzip,gzip", "br", "zstd", "x" * 5000])
def test_an_encoding_that_was_not_asked_for_is_not_tried(server, client, encoding: str) -> None:
    bomb = gzip_bomb(1 << 20)
    fields = {**JSON, "Content_Encoding": encoding}
    server.files["/samples/1"] = File(b"", always=answer(200, bomb, **fields))
    with pytest.raises(ServiceUnavailable, match="corrupt"):
        client.sample("1")
    assert server.requests[0].headers["accept-encoding"] == "gzip, deflate"


def test_packed_answers_are_read(server, client) -> None:
    packed = gzip_bomb(0, begin=b'{"id": 7, "name": "liver"}')
    server.files["/samples/7"] = File(b"", always=answer(200, packed, **PACKED))
    assert client.sample("7").name == "liver"


@given(st.binary(max_size=300_000), st.sampled_from([1, 7, 65_536]), st.integers(1, 3))
def test_bytes_come_out_of_gzip_as_they_went_in(content: bytes, step: int, members: int) -> None:
    import gzip

    packed = gzip.compress(content) * members
    pieces = [packed[at : at + step] for at in range(0, len(packed), step)]
    found = list(decoded(pieces, "gzip"))
    assert b"".join(found) == content * members
    assert max(map(len, found), default=0) <= PIECE


@pytest.mark.parametrize("wbits", [15, -15], ids=["zlib", "raw"])
@pytest.mark.parametrize("step", [1, 4096])
def test_bytes_come_out_of_deflate_as_they_went_in(wbits: int, step: int) -> None:
    import zlib

    content = bytes(range(256)) * 2000
    packer = zlib.compressobj(wbits=wbits)
    packed = packer.compress(content) + packer.flush()
    pieces = [packed[at : at + step] for at in range(0, len(packed), step)]
    assert b"".join(decoded(pieces, "deflate")) == content


def test_an_unknown_charset_is_no_crash(server, client) -> None:
    odd = answer(500, b"oops", Content_Type="text/plain; charset=zlib")
    server.files["/samples/1"] = File(b"", always=odd)
    with pytest.raises(ServiceUnavailable, match="oops"):
        client.sample("1")


def test_an_archive_that_is_asked_after_is_not_read(server, client) -> None:
    archive = endless(BLANK, begin=b"PK", Content_Type="application/zip")
    server.files["/downloads/j1"] = File(b"", always=archive)
    assert state(client.session, client.http, "j1").status == "completed"
    assert server.sent("/downloads/j1") < 16 * MIB


def test_a_job_without_end_is_left(server, client) -> None:
    server.files["/downloads/j1"] = File(b"", always=endless(BLANK, begin=b"{", **JSON))
    with pytest.raises(UnexpectedAnswer, match=r"larger than 1\.0 MB"):
        state(client.session, client.http, "j1")


def test_a_server_that_answers_without_end_is_not_flow(server) -> None:
    server.files["/me"] = File(b"", always=endless(BLANK, begin=b"{", **JSON))
    with make_client() as http:
        assert not answers_as_flow(server.url, http)


def test_a_sign_in_service_that_answers_without_end_is_left(server) -> None:
    server.files["/oauth/device/code"] = File(b"", always=endless(BLANK, begin=b"{", **JSON))
    sso = SingleSignOnOnly("sso", client_id="c", domain_url=server.url)
    with make_client() as http, pytest.raises(UnexpectedAnswer, match="larger than"):
        device_flow.begin(http, sso)


# Values


def test_a_page_of_more_rows_than_any_list_has_is_refused_in_flat_memory(server, client) -> None:
    rows = b",".join(b'{"id": "%d", "name": "x"}' % number for number in range(300_000))
    body = b'{"count": 300000, "projects": [' + rows + b"]}"
    server.files["/projects/owned"] = File(b"", always=answer(200, body, **JSON))

    def ask() -> None:
        with pytest.raises(UnexpectedAnswer, match="more than 250,000 values"):
            client.projects().page(1)

    assert peak_of(ask) < 5 * len(body)  # in three forms: never the values


@pytest.mark.parametrize("begin", [b"[", b'{"a":', b'{"id": 1, "x": [', b"[[{" * 3])
@pytest.mark.parametrize("status", [200, 500])
def test_json_that_is_nested_without_end_is_refused_with_words(
    server, client, begin: bytes, status: int
) -> None:
    body = begin * 100_000
    server.files["/samples/1"] = File(b"", always=answer(status, body, **JSON))
    with pytest.raises(FlowError):
        client.sample("1")


@pytest.mark.parametrize("depth", [DEEPEST + 1, 300, 900])
def test_a_row_that_is_nested_too_deeply_is_left_out_alone(flow, depth: int) -> None:
    deep = f'{{"id": 1, "name": {"[" * depth}{"]" * depth}}}'
    body = f'{{"count": 2, "projects": [{deep}, {{"id": 2, "name": "good"}}]}}'
    flow.answers["/projects/owned"] = httpx.Response(200, text=body)
    page = flow.client().projects().page(1)
    assert [project.name for project in page.items] == ["good"]
    assert page.unreadable == 1


def test_words_of_an_error_may_be_nested_as_they_like(flow) -> None:
    body = f'{{"error": {"[" * 900}{"]" * 900}}}'
    flow.answers["/samples/1"] = httpx.Response(400, text=body)
    with pytest.raises(UnexpectedAnswer):
        flow.client().sample("1")


def test_a_number_that_python_does_not_read_costs_no_page(flow) -> None:
    rows = f'[{{"id": 1, "size": {"9" * 5000}}}, {{"id": 2, "name": "good"}}]'
    flow.answers["/projects/owned"] = httpx.Response(200, text=rows)
    assert [one.id for one in flow.client().projects()] == ["1", "2"]


def test_bytes_that_are_no_utf8_cost_no_page(flow) -> None:
    rows = b'[{"id": 1, "name": "caf\xe9"}, {"id": 2, "name": "good"}]'
    flow.answers["/projects/owned"] = httpx.Response(200, content=rows)
    assert [one.name for one in flow.client().projects()] == ["caf\ufffd", "good"]


nested = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=12,
)


@given(nested)
def test_json_is_read_as_it_was_written(value: Any) -> None:
    assert parsed(json.dumps(value).encode()) == value


@given(st.integers(0, 80), st.booleans())
def test_how_deep_a_value_is(depth: int, in_dicts: bool) -> None:
    value: Any = 1
    for _ in range(depth):
        value = {"a": value, "b": 1} if in_dicts else [1, value]
    assert is_deeper(value, depth) is False
    assert depth == 0 or is_deeper(value, depth - 1)


def test_a_bound_on_values_counts_what_costs_memory() -> None:
    with pytest.raises(TooMuchJson, match="more than 1,000,000 values"):
        parsed(b"[" + b"[]," * 1_000_000 + b"[]]")


def test_a_list_of_new_items_without_end_is_given_up() -> None:
    asked: list[int] = []

    def fetch(number: int):
        asked.append(number)
        body = {"count": 10**18, "projects": [{"id": number}]}
        return read_page(body, "projects", Project, number, 1)

    with pytest.raises(UnexpectedAnswer, match="does not come to an end"):
        for _ in Pages(fetch):
            pass
    assert len(asked) <= MOST_PAGES + 1


# Time


@pytest.mark.parametrize("begun", BEGUN.values(), ids=BEGUN)
@pytest.mark.parametrize("after", range(2, 9))
def test_an_answer_that_drips_is_given_up_at_its_deadline(
    server, monkeypatch, begun: bytes, after: int
) -> None:
    """Whenever the deadline passes, before or between the bytes."""
    by_clock = partial(answers.send, clock=leaping(after))
    monkeypatch.setattr("flowtui.flow.session.session.send", by_clock)
    server.files["/samples/1"] = File(b"", always=unfinished(begun))
    with make_client(read_timeout=0.2) as http:
        session = ApiSession(server.url, None, None, http, lambda seconds: None)
        with pytest.raises(FlowError) as failure:
            session.get_response("/samples/1")
    assert "in time" in str(failure.value) or "timed out" in str(failure.value)


def test_a_drip_within_the_read_timeout_is_given_up(server, monkeypatch) -> None:
    """No read waits for long; it is the whole that does not end."""
    server.files["/samples/1"] = File(b"", always=endless(b" ", begin=b"{", **JSON))
    times, policy = itertools.count(), Deadlines(head=1e9, grace=30.0, least_rate=1e9)
    # The clock of answers, in which half a minute is soon over.
    by_clock = partial(answers.send, clock=lambda: float(next(times)))
    monkeypatch.setattr("flowtui.flow.session.session.send", by_clock)
    with make_client() as http:
        session = ApiSession(server.url, None, None, http, lambda seconds: None, deadlines=policy)
        with pytest.raises(ServiceUnavailable, match="did not finish its answer in time"):
            session.get_response("/samples/1")
    assert len(server.requests) == 3  # as after any passing trouble


def test_a_token_refresh_that_never_ends_is_given_up_and_told(server, monkeypatch) -> None:
    server.files["/samples/1"] = File(b"", always=answer(401))
    server.files["/token"] = File(b"", always=unfinished(BEGUN["head"]))
    with make_client(read_timeout=1000.0) as http:
        credential = Credential("a-token", "refresh", "alice")
        times = itertools.count(1e6, 1e6)

        def clock() -> float:
            """Passes every deadline once the token was asked for."""
            return next(times) if server.of("/token") else 0.0

        monkeypatch.setattr("flowtui.flow.session.session.send", partial(answers.send, clock=clock))
        session = ApiSession(server.url, credential, None, http, lambda seconds: None)
        with pytest.raises(ServiceUnavailable, match="timed out"):
            session.get("/samples/1")


def test_the_deadline_of_a_body_grows_with_what_has_come() -> None:
    policy = Deadlines(head=60, grace=30, least_rate=1000, longest=100)
    assert [policy.body(count) for count in (0, 10_000, 10**9)] == [30, 40, 100]


def test_who_waits_longer_for_a_byte_waits_longer_for_an_answer() -> None:
    assert ANSWERS.beyond(None) == ANSWERS.beyond(1.0) == ANSWERS
    assert ANSWERS.beyond(2000.0) == Deadlines(4000.0, 2000.0, 4096.0, 2000.0)


# Retry-After


@pytest.mark.parametrize(
    "said", ["99999999999", "1" + "0" * 30, "Fri, 31 Dec 9999 23:59:59 GMT", "-5", "nan", "1e999"]
)
def test_what_a_server_asks_to_wait_is_no_crash(flow, said: str) -> None:
    flow.answers["/samples/1"] = httpx.Response(429, headers={"Retry-After": said})
    with pytest.raises(RateLimited, match="try again (in more than a year|later)"):
        flow.client().sample("1")


def test_nobody_is_signed_in_by_an_answer_of_any_form(flow) -> None:
    flow.answers["/login"] = httpx.Response(200, text='{"token": ["x"], "user": {"id": 1e999}}')
    with pytest.raises((UnexpectedAnswer, NotSignedIn)):
        flow.client().account.sign_in("alice", "secret")


@pytest.mark.parametrize(
    ("begin", "more"),
    [
        (b"\x1f\x8b\x08\x08" + bytes(6), b"n" * 65536),
        (b"\x1f\x8b\x08\x10" + bytes(6), b"n" * 65536),
        (gzip.compress(b"{"), gzip.compress(b"") * 3000),
    ],
    ids=["a name without end", "a comment without end", "members of nothing"],
)
def test_packed_bytes_that_unpack_to_nothing_end_an_answer(begin: bytes, more: bytes):
    """What unpacks to nothing meets no bound of what is unpacked."""
    came = 0

    def pieces() -> Iterator[bytes]:
        nonlocal came
        yield begin
        while came < 64 << 20:
            came += len(more)
            yield more

    with pytest.raises(httpx.DecodingError, match="packed bytes that unpack to"):
        for _ in decoded(pieces(), "gzip"):
            pass
    assert came < 2 << 20


def test_a_server_that_flushes_after_every_byte_is_understood():
    content = b"abcd" * 50_000
    packer = zlib.compressobj(wbits=31)
    pieces = [packer.compress(content[n : n + 1]) + packer.flush(zlib.Z_SYNC_FLUSH)
              for n in range(len(content))]  # fmt: skip
    packed = b"".join([*pieces, packer.flush()])
    assert len(packed) > 5 * len(content)
    read = [packed[at : at + 65536] for at in range(0, len(packed), 65536)]
    assert b"".join(decoded(read, "gzip")) == content
