"""A transfer, a bulk job and the sums as lines: they fit, line up, and move no terminal."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from flowtui.protocol.messages import BulkFileRow, BulkRow, Summary, TransferRow
from flowtui.protocol.states import BulkState, TransferState
from flowtui.tui.downloads import bulk_drawing, drawing
from flowtui.tui.downloads.totals import graph, words_of
from flowtui.tui.known_files import Standing

STATES = [state.value for state in TransferState]


def transfer(**more: object) -> TransferRow:
    fields: dict[str, object] = {
        "id": 1, "batch_id": 1, "key": "data/1", "filename": "reads_R1.fastq.gz", "root": "/to",
        "path": "Cortex/ctrl_1/reads_R1.fastq.gz", "state": "active", "size": 1000, "done": 500,
        "rate": 100.0, "eta": 5.0,
    }  # fmt: skip
    return TransferRow(**{**fields, **more})  # type: ignore[arg-type]


def line(row: TransferRow, width: int) -> str:
    return "".join(text for text, _ in drawing.pieces(row, width))


@given(
    st.text(max_size=80),
    st.text(max_size=80),
    st.sampled_from(STATES),
    st.one_of(st.none(), st.integers(0, 10**15)),
    st.integers(0, 10**15),
    st.integers(40, 250),
)
def test_a_line_is_as_wide_as_it_should_be_whatever_the_names_are(
    path: str, reason: str, state: str, size: int | None, done: int, width: int
) -> None:
    row = transfer(path=path, reason=reason, state=state, size=size, done=done)
    drawn = line(row, width)
    assert cell_len(drawn) == width
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in drawn)


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_the_names_of_the_columns_stand_above_them(width: int) -> None:
    heading = drawing.heading(width)
    assert cell_len(heading) == width
    drawn = line(transfer(path="a.bam"), width)
    assert heading.index("state") == drawn.index("active")
    assert heading.index("file") == drawn.index("a.bam")
    if "done / size" in heading:
        end = heading.index("done / size") + len("done / size")
        assert drawn[:end].endswith("500 B / 1.0 kB")


def test_at_80_columns_a_file_has_name_bar_sizes_rate_and_state() -> None:
    drawn = line(transfer(), 80)
    for part in ("Cortex/ctr…reads_R1.fastq.gz", "██▌", "500 B / 1.0 kB", "100 B/s", "active"):
        assert part in drawn


@pytest.mark.parametrize(
    ("done", "size", "words"),
    [
        (22_100_000, 239_900_000, "22.1 / 239.9 MB"), (0, 40, "0 / 40 B"), (7, None, "7 B / ?"),
        (999_900, 999_900_000, "999.9 kB / 999.9 MB"),
    ],
)  # fmt: skip
def test_bytes_here_and_in_all_have_one_unit_where_it_is_the_same(
    done: int, size: int | None, words: str
) -> None:
    assert drawing.amount(transfer(done=done, size=size)) == words
    assert len(words) < drawing.columns_for(80).done


def test_of_a_long_path_the_name_of_the_file_is_kept() -> None:
    path = f"{'a project with a long name' * 3}/sample/ctrl_1_L001_R1.fastq.gz"
    assert drawing.fit_path(path, 34).endswith("ctrl_1_L001_R1.fastq.gz")


def test_one_hundred_percent_is_not_said_too_early() -> None:
    assert drawing.percent(transfer(size=1000, done=999)) == "99%"
    assert drawing.percent(transfer(size=1000, done=1000)) == "100%"
    assert drawing.percent(transfer(size=None)) == ""


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"state": "waiting", "reason": "needs 12.4 GB more in /to"}, "needs 12.4 GB more"),
        ({"state": "done", "verified_by": "md5"}, "done, verified by md5"),
        ({"state": "skipped", "verified_by": "size"}, "already here, verified by size"),
        (
            {"state": "done", "verified_by": "md5", "linked": "data/a.gz"},
            "linked, as data/a.gz, verified by md5",
        ),
        ({"state": "failed", "reason": "403", "retryable": True}, "(r: retry)"),
        ({"state": "active", "reason": "resumed at 61 %", "connections": 4}, "4 connections"),
        ({"state": "active", "reason": "resumed at 61 %"}, "resumed at 61 %"),
    ],
)
def test_every_state_has_its_reason_in_words(fields: dict[str, object], words: str) -> None:
    assert words in drawing.full_words(transfer(**fields))


FAILED = {"state": "failed", "reason": "needs 12.4 GB more in /to", "root": "/data/Human cortex"}
WORDS = " failed: needs 12.4 GB more in /to"
WHOLE = "  /data/Human cortex/Cortex/ctrl_1/reads_R1.fastq.gz"


@pytest.mark.parametrize(
    ("width", "words", "path"),
    [
        (120, WORDS, WHOLE),
        (len(WORDS + WHOLE), WORDS, WHOLE),
        (len(WORDS + WHOLE) - 1, WORDS, "  /data/Human cortex/Corte…ctrl_1/reads_R1.fastq.gz"),
        (len(WORDS) + 2 + 20, WORDS, "  /d…reads_R1.fastq.gz"),
        (len(WORDS) + 2 + 19, WORDS, ""),
        (20, " failed: n…re in /to", ""),
    ],
)
def test_a_line_of_words_and_path_cuts_what_does_not_fit_in_the_middle(
    width: int, words: str, path: str
) -> None:
    assert drawing.full_line(transfer(**FAILED), width) == (words, path)


def test_a_short_path_is_there_also_where_less_room_is_left_than_a_long_one_needs() -> None:
    row = transfer(state="queued", root="/a", path="b")
    assert drawing.full_line(row, 14) == (" queued", "  /a/b")


@given(st.text(max_size=90), st.text(max_size=90), st.sampled_from(STATES), st.integers(1, 160))
def test_words_and_path_take_one_line_whatever_they_are(
    reason: str, path: str, state: str, width: int
) -> None:
    row = transfer(path=path, reason=reason, state=state)
    drawn = "".join(drawing.full_line(row, width))
    assert cell_len(drawn) <= width
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in drawn)


def test_every_state_has_a_sign_of_its_own_kind() -> None:
    assert set(drawing.SIGNS) == set(TransferState)
    assert set(bulk_drawing.SIGNS) == set(BulkState)


# Bulk jobs


def job(**more: object) -> BulkRow:
    fields: dict[str, object] = {
        "id": 1, "batch_id": 1, "name": "all.zip", "root": "/to", "state": "processing",
        "files": 181, "progress": 40.0, "created": 1000.0,
    }  # fmt: skip
    return BulkRow(**{**fields, **more})  # type: ignore[arg-type]


@given(st.text(max_size=60), st.sampled_from(list(BulkState)), st.integers(60, 200))
def test_a_job_s_line_is_as_wide_as_it_should_be(name: str, state: BulkState, width: int) -> None:
    pieces = bulk_drawing.pieces(job(name=name, state=state.value, reason=name), width)
    drawn = "".join(text for text, _ in pieces)
    assert cell_len(drawn) == width
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in drawn)


def clock(moment: float) -> str:
    return time.strftime("%H:%M", time.localtime(moment))


def test_when_a_job_ended_is_drawn_once():
    """An age would be written to the terminal every second, as long as the job is listed."""
    ended = job(state="done", ended=1040.0)
    said = {bulk_drawing.note_of(ended, now) for now in (1041.0, 1099.0, 1160.0)}
    assert len(said) == 1
    assert "ended on 1970-01-0" in bulk_drawing.note_of(ended, 1040.0 + 3 * 86_400)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "requested 42 s ago"),
        (
            {"state": "fetching", "rate": 100.0, "eta": 9.0, "expires": 1042.0 + 3600},
            "100 B/s, 9 s left, expires in 1 h 00 m, requested 42 s ago",
        ),
        ({"state": "fetching", "expires": 1000.0, "created": 0.0}, "about to expire"),
        ({"state": "unpacking", "unpacked": 7, "created": 0.0}, "7 unpacked"),
        (
            {
                "state": "done",
                "unpacked": 5,
                "skipped": 3,
                "one_by_one": 1,
                "one_by_one_here": 1,
                "ended": 1040.0,
            },
            f"5 unpacked, 3 already here, 1 one by one, ended at {clock(1040.0)}",
        ),
        ({"state": "failed", "reason": "no room", "created": 0.0}, "no room"),
    ],
)
def test_what_is_said_of_a_job(fields: dict[str, object], words: str) -> None:
    assert bulk_drawing.note_of(job(**fields), 1042.0) == words
    assert "40%" in "".join(text for text, _ in bulk_drawing.pieces(job(), 120))


def test_a_job_whose_files_come_one_by_one_has_not_failed() -> None:
    coming = job(state="one_by_one", reason="no archive", one_by_one=5, one_by_one_here=3)
    drawn = bulk_drawing.pieces(coming, 160)
    assert drawn[0] == (" ▶ ", "active")
    words = "".join(text for text, _ in drawn)
    assert "one by one" in words and "40%" in words and "no archive, 3 of 5 one by one" in words
    failed = bulk_drawing.pieces(job(state="failed", code="TOO_LARGE"), 120)
    assert failed[0] == (" ✗ ", "error")


@pytest.mark.parametrize(
    ("verified_by", "standing", "sign"),
    [
        ("", None, "▶"),
        ("", Standing.UNDER_WAY, "▶"),
        ("", Standing.HERE, "✓"),
        ("md5", None, "✓"),
        ("", Standing.FAILED, "✗"),
    ],
)
def test_a_job_s_file_that_came_by_itself_is_done(
    verified_by: str, standing: Standing | None, sign: str
) -> None:
    file = BulkFileRow("data/1", "a", "a", "one_by_one", size=5, verified_by=verified_by)
    assert bulk_drawing.file_pieces(file, 80, standing)[0][0].strip() == sign


@pytest.mark.parametrize(
    ("file", "standing", "words"),
    [
        ({"state": "done", "verified_by": "md5"}, None, "unpacked, verified by md5"),
        ({"state": "skipped"}, None, "already here"),
        ({"state": "pending"}, None, "waiting"),
        ({"state": "one_by_one", "reason": "not in it"}, None, "one by one: not in it"),
        ({"state": "one_by_one", "reason": "not in it", "verified_by": "md5"}, None,
         "downloaded by itself, verified by md5"),
        ({"state": "one_by_one", "reason": "not in it"}, Standing.FAILED,
         "failed; the downloads say why"),
    ],
)  # fmt: skip
def test_what_is_said_of_a_job_s_file(
    file: dict[str, str], standing: Standing | None, words: str
) -> None:
    row = BulkFileRow("data/1", "a", "a", **file)  # type: ignore[arg-type]
    assert bulk_drawing.file_words(row, standing) == words


@given(st.text(max_size=90), st.sampled_from(["pending", "done", "skipped", "one_by_one"]),
       st.integers(50, 160))  # fmt: skip
def test_the_line_of_a_job_s_file_is_as_wide_as_it_should_be(
    path: str, state: str, width: int
) -> None:
    row = BulkFileRow("data/1", path, path, state, size=5, reason=path, verified_by="md5")
    drawn = "".join(text for text, _ in bulk_drawing.file_pieces(row, width))
    assert cell_len(drawn) == width
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in drawn)


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        ("Flow could not write it: no space left on the worker", "Flow could not write…the worker"),
        ("no space left on the worker", "no space left on the worker"),
        ("no space", "no space, 7 unpacked"),
    ],
)
def test_of_what_is_said_of_a_job_the_first_parts_are_whole(reason: str, shown: str) -> None:
    failed = job(state="failed", reason=reason, unpacked=7, one_by_one=12, created=0.0)
    drawn = "".join(text for text, _ in bulk_drawing.pieces(failed, 80))
    assert drawn.split("failed")[1].strip() == shown


# Sums


def test_the_sums_say_what_matters_first() -> None:
    summary = Summary(
        file_counts={"done": 2, "skipped": 1, "active": 4, "failed": 1, "cancelled": 3},
        done=500, total=1000, unknown_sizes=1, rate=100.0, eta=5.0, free=10**9, limit_rate=2000,
        connections=4,
    )  # fmt: skip
    assert words_of(summary) == [
        "3/8 files, 1 failed", "500 B of at least 1.0 kB", "100 B/s", "limit 2.0 kB/s",
        "5 s left", "4 connections a file", "1.0 GB free",
    ]  # fmt: skip


def test_the_graph_is_as_high_as_its_highest_rate() -> None:
    assert graph([]) == "" == graph([0.0])
    assert graph([0.0, 1.0, 4.0, 8.0]) == " ▁▄█"
