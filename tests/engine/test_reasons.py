"""What people and programs read of a transfer: every wait and every end has its reason."""

from __future__ import annotations

import gzip
import re

import pytest

from flowtui.cli.json_fields import transfer_fields
from support.fault_server import answer, stall
from support.lab import Lab, content
from support.waiting import GUARD

DATA = content(1_000_000)


def test_a_resumed_file_says_from_where(lab: Lab):
    data = content(3_000_000)
    lab.serve(data, rate=3e6, held=-1)
    lab.start()
    lab.until(lambda row: row.done > 300_000)
    lab.stop()
    lab.record.transfers.clear()
    made = lab.start()
    lab.record.until(lambda row: re.fullmatch(r"resumed at \d+ %", row.reason) is not None)
    lab.file.rate = 0
    assert made.wait_idle(GUARD)
    lab.expect("done", requests=2)
    assert lab.row is not None
    assert re.fullmatch(r"resumed at \d+ %; verified by md5", lab.row.reason)
    percent = int(lab.row.reason.split()[2])
    assert percent == 100 * lab.row.resumed_at // len(data)


@pytest.mark.parametrize(
    ("name", "known", "reason"),
    [
        ("a.bin", {}, "verified by md5"),
        ("a.bin", {"md5": None}, "verified by size; the server gave no md5"),
        (
            "a.fastq.gz",
            {"md5": None},
            "verified by size and gzip check; the server gave no md5",
        ),
        (
            "a.fastq.gz",
            {"md5": None, "size": None},
            "verified by length and gzip check; the server gave no md5",
        ),
    ],
)
def test_a_finished_file_says_what_proves_it_right(lab: Lab, name, known, reason):
    lab.serve(gzip.compress(DATA) if name.endswith(".gz") else DATA, name=name)
    lab.fetch(**known)
    lab.expect("done", requests=1)
    assert lab.row is not None
    assert lab.row.reason == reason
    assert lab.row.verified_by == reason.removeprefix("verified by ").partition(";")[0]


def test_a_wait_is_in_the_rows_that_programs_get(lab: Lab):
    lab.serve(DATA, handlers=[answer(429, Retry_After="38")])
    lab.start()
    row = lab.until(lambda row: row.state == "waiting")
    said = transfer_fields(row)
    assert said["state"] == "waiting"
    assert said["reason"] == "the server asked to wait 38 s (too many requests, 429)"
    assert said["code"] == "HTTP_429"
    assert said["retryable"] is True


def test_no_wait_and_no_end_is_without_words(lab: Lab):
    """Through trouble of many kinds, as a listener hears it."""
    lab.read_timeout = 1.0
    lab.serve(DATA, handlers=[stall(100_000, GUARD), answer(503), answer(429, Retry_After="1")])
    lab.fetch()
    lab.expect("done")
    silent = [
        row
        for row in lab.record.transfers
        if row.state in ("waiting", "failed", "done") and not row.reason
    ]
    assert silent == []
    assert [one.split(";")[0] for one in lab.reasons][:3] == [
        "no data for 1 s",
        "the server failed with 503",
        "the server asked to wait 1 s (too many requests, 429)",
    ]
