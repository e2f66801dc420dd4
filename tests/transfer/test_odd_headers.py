"""Headers of any form: read as what they say, or as nothing; never a crash, also when sent back."""

from __future__ import annotations

import contextlib

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowtui.flow.bulk_jobs import job_of
from flowtui.retry import LONGEST_SAID, retry_after
from flowtui.transfer.errors import TransferError
from flowtui.transfer.http.response import (
    content_encoding,
    content_length,
    content_range,
    entity_tag,
    last_modified,
    next_hop,
    refusal,
    size_of_unsatisfied,
)


def answer(name: str, value: str | bytes, status: int = 200) -> httpx.Response:
    raw = value.encode() if isinstance(value, str) else value
    return httpx.Response(status, headers=[(name.encode(), raw)])


@pytest.mark.parametrize(
    ("tag", "read"),
    [('"abc"', True), ('W/"a-b"', True), ('""', True), ("abc", False), ("", False),
     ('"\xe9"', False),
     ('"a\x7f"', False), ('"' + "a" * 300 + '"', False), ('w/"a"', False)],
)  # fmt: skip
def test_an_entity_tag_that_could_not_be_sent_back_is_none(tag: str, read: bool) -> None:
    assert entity_tag(answer("etag", tag)) == (tag if read else None)


@pytest.mark.parametrize(
    ("date", "read"),
    [("Mon, 01 Jan 2024 10:00:00 GMT", True), ("Sunday, 06-Nov-94 08:49:37 GMT", True),
     ("Sun Nov  6 08:49:37 1994", True), ("0", False), ("-1", False), ("", False),
     ("Mon, 01 J\xe4n 2024 10:00:00 GMT", False), ("Mon, " + "1" * 90, False)],
)  # fmt: skip
def test_a_date_that_could_not_be_sent_back_is_none(date: str, read: bool) -> None:
    assert last_modified(answer("last-modified", date)) == (date if read else None)


@pytest.mark.parametrize(
    "said", ["9" * 18 + "9", "-1", "1e3", "\u0661", "5, 5", "", "0x5", "٥" * 5, "9" * 5000]
)
def test_a_length_of_odd_form_is_none(said: str) -> None:
    assert content_length(answer("content-length", said)) in (None, 10**19 - 1)
    assert content_range(answer("content-range", f"bytes 0-1/{said}")) is None
    assert size_of_unsatisfied(answer("content-range", f"bytes */{said}")) is None


@pytest.mark.parametrize(
    "said", ["9" * 31, "99999999999", "Fri, 31 Dec 99999999999 23:59:59 GMT", "9" * 5000,
             "Fri, 31 Dec 9999 23:59:59 -9999", "Mon, 01 Jan 0001 00:00:00 +2359", "1e30", "\u0661",
             "Fri, 31 Dec 9999", ",", "Fri,", "31 Dec", "Fri, 31 Dec 9999 23:59:59 +99999999999"]
)  # fmt: skip
def test_a_wait_that_nobody_can_mean_is_bounded_or_none(said: str) -> None:
    seconds = retry_after(said)
    assert seconds is None or 0 <= seconds <= LONGEST_SAID
    assert isinstance(refusal(answer("retry-after", said, 503)), TransferError)


READERS = (content_length, content_range, size_of_unsatisfied, content_encoding, refusal)
HEADERS = ["etag", "last-modified", "content-length", "content-range", "content-encoding",
           "retry-after", "location", "content-type"]  # fmt: skip
VALUES = st.binary(max_size=30) | st.text(max_size=20).map(str.encode) | st.sampled_from([
    b"bytes 0-1/*", b"bytes 5-1/9", b"bytes */5", b'W/"', b"http://[", b"//", b"https://a:b/",
    b"\xff" * 20, b"1" * 400, b"Fri, 31 Dec 9999 23:59:59 GMT"])  # fmt: skip


@given(
    name=st.sampled_from(HEADERS), value=VALUES, status=st.sampled_from([200, 206, 416, 429, 503])
)
def test_no_header_is_a_crash(name: str, value: bytes, status: int) -> None:
    response = answer(name, value, status)
    for read in READERS:
        read(response)
    for validator in (entity_tag(response), last_modified(response)):
        if validator is not None:
            httpx.Request("GET", "https://x/", headers={"If-Range": validator})
    job_of(httpx.Response(201, headers=response.headers))
    with contextlib.suppress(TransferError):
        next_hop("https://flow.example/a", response.headers.get("location", ""))
