"""Statuses other than 200 and 206, and what they ask for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from support.fault_server import answer, cut_after
from support.lab import Lab, content, patient
from support.waiting import GUARD

WITH_KEPT_CONNECTIONS = True

DATA = content(300_000)
PASSING = [408, 429, 500, 502, 503, 504]


def date_in(seconds: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize("status", PASSING)
def test_passing_trouble_is_tried_again(lab: Lab, status: int):
    lab.serve(DATA, handlers=[cut_after(100_000), answer(status), answer(status)])
    lab.fetch()
    lab.expect("done", requests=4, twice=0)
    assert lab.requests[3].range[0] == 100_000


@pytest.mark.parametrize("status", PASSING)
def test_trouble_that_does_not_pass_fails_with_its_number(lab: Lab, status: int):
    lab.timings = patient(outage=0.0)
    lab.serve(DATA, always=answer(status))
    lab.fetch()
    lab.expect("failed", code=f"HTTP_{status}", says="tried 3 times", requests=3)


@pytest.mark.parametrize("status", PASSING)
def test_a_wait_that_the_server_asks_for_is_kept(lab: Lab, status: int):
    lab.serve(DATA, handlers=[answer(status, Retry_After="1")])
    lab.fetch()
    lab.expect("done", requests=2, twice=0, heard="the server asked to wait 1 s")
    assert lab.row is not None
    assert lab.row.seconds >= 1


@pytest.mark.parametrize("status", [429, 503])
def test_a_long_wait_is_a_state_with_its_reason(lab: Lab, status: int):
    lab.serve(DATA, handlers=[answer(status, Retry_After="38")])
    made = lab.start()
    row = lab.until(lambda row: row.state == "waiting")
    assert row.reason.startswith("the server asked to wait 38 s (")
    assert row.code == f"HTTP_{status}"
    assert len(lab.requests) == 1
    made.resume(None)
    assert made.wait_idle(GUARD)
    lab.expect("done", requests=2)


def test_a_wait_until_a_date_is_kept(lab: Lab):
    lab.serve(DATA, handlers=[answer(503, Retry_After=date_in(1830))])
    lab.start()
    row = lab.until(lambda row: row.state == "waiting")
    assert "asked to wait 30 min" in row.reason, row  # or a minute less, half a minute later


def test_a_date_that_is_over_means_now(lab: Lab):
    lab.serve(DATA, handlers=[answer(503, Retry_After=date_in(-60))])
    lab.fetch()
    lab.expect("done", requests=2)


@pytest.mark.parametrize(
    ("value", "words"), [("31536000", "365 days"), ("99999999999", "more than a year")]
)
def test_an_absurd_wait_is_cut_to_an_hour_and_said(lab: Lab, value: str, words: str):
    lab.serve(DATA, handlers=[answer(429, Retry_After=value)])
    lab.start()
    row = lab.until(lambda row: row.state == "waiting")
    assert f"the server asked to wait {words} (" in row.reason
    assert row.reason.endswith("trying again in 60 min")


@pytest.mark.parametrize("value", ["", "soon", "-5", "1e3", "Mon, 99 Foo 2025"])
def test_a_wait_that_makes_no_sense_is_none(lab: Lab, value: str):
    lab.serve(DATA, handlers=[answer(503, Retry_After=value)])
    lab.fetch()
    lab.expect("done", requests=2)


def test_waits_that_end_are_no_reason_to_give_up(lab: Lab):
    """The server asks five times to wait, politely: five is more than three tries."""
    lab.serve(DATA, handlers=[answer(429, Retry_After="0") for _ in range(5)])
    lab.fetch()
    lab.expect("done", requests=6)


def test_403_ends_it_at_once_with_the_servers_words(lab: Lab):
    body = b'{"error": "Embargoed until 2027"}'
    lab.serve(DATA, always=answer(403, body, Content_Type="application/json"))
    lab.fetch()
    lab.expect("failed", code="FORBIDDEN", says="(Embargoed until 2027)", requests=1)


def test_404_ends_it_at_once(lab: Lab):
    lab.serve(DATA, always=answer(404))
    lab.fetch()
    lab.expect("failed", code="NOT_FOUND", says="not found, or not visible to you", requests=1)


def test_404_in_mid_transfer_keeps_what_is_here(lab: Lab):
    lab.serve(DATA, handlers=[cut_after(100_000), answer(404)])
    made = lab.start()
    assert made.wait_idle(GUARD)
    assert lab.now().code == "NOT_FOUND"
    made.retry(None)
    assert made.wait_idle(GUARD)
    lab.expect("done", requests=3, twice=0)


def test_410_is_answered_with_a_fresh_link(lab: Lab):
    lab.serve(DATA, handlers=[cut_after(100_000)], always=answer(410))
    fresh = "/links/fresh"
    lab.server.files[fresh] = type(lab.file)(DATA)
    lab.client.fresh_urls["1"] = fresh
    lab.fetch()
    lab.expect("done", requests=2)
    again = lab.server.of(fresh)
    assert [one.range[0] for one in again if one.range] == [100_000]


def test_410_with_no_fresh_link_fails_with_words(lab: Lab):
    lab.serve(DATA, always=answer(410))
    lab.fetch()
    lab.expect("failed", code="EXPIRED", says="the download link has expired")
    assert len(lab.requests) <= 3


def test_410_without_anything_to_ask_for_a_link_fails_with_words(lab: Lab):
    lab.serve(DATA, always=answer(410))
    lab.fetch(data_id=None)
    lab.expect("failed", code="EXPIRED", says="queue the file again", requests=1)


def test_links_may_expire_as_often_as_they_bring_bytes(lab: Lab):
    """A link for an hour, a file for a night: each link ends, and each has brought something."""
    links = [f"/links/{n}" for n in range(6)]
    lab.serve(DATA, handlers=[cut_after(40_000)], always=answer(410))
    for n, link in enumerate(links):
        one = lab.server.files[link] = type(lab.file)(DATA, always=answer(410))
        one.handlers = [cut_after(40_000)] if n < 5 else []
    lab.server.files[links[-1]].always = None
    left = iter(links)
    lab.client.fresh_link = lambda: next(left)
    lab.fetch()
    lab.expect("done")


def test_410_for_sixteen_connections_asks_for_one_link(lab: Lab):
    # What fails while it is waited counts as one; and the server sends in lumps.
    lab.timings = replace(patient(first=2.0, longest=2.0), smallest_segment=50_000, measure=0.7)
    lab.connections = 16
    data = content(3_000_000)
    fresh = "/links/fresh"
    lab.serve(data, rate=200_000, held=-1)
    lab.server.files[fresh] = type(lab.file)(data)
    lab.client.fresh_urls["1"] = fresh
    made = lab.start()
    lab.until(lambda row: row.connections >= 8)
    lab.file.rate, lab.file.always = 0, answer(410)
    lab.server.go_away()
    lab.server.come_back()
    assert made.wait_idle(GUARD)
    lab.expect("done")
    assert lab.client.links_given == 1
