"""Whatever a record holds, that record alone is refused, in words; nothing crashes."""

from __future__ import annotations

import json
import math
from datetime import UTC
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowtui.flow.bulk_jobs import job_of
from flowtui.flow.errors import UnexpectedAnswer
from flowtui.flow.fields import (
    LONGEST_ID,
    LONGEST_LINK,
    LONGEST_NAME,
    TOO_DEEP,
    parse_count,
    parse_id_or_none,
    parse_label,
    parse_link,
    parse_percent,
    parse_size,
    parse_text,
    parse_time,
)
from flowtui.flow.genomes import read_organisms
from flowtui.flow.http.answers import DEEPEST, parsed
from flowtui.flow.models import Data, Execution, Project, Sample, UnreadableRecord, User
from flowtui.flow.pages import MOST_PAGES, PAGE_SIZE, read_page
from flowtui.flow.refs import parse_ref
from flowtui.flow.search.vocabulary import Term, terms
from flowtui.flow.session.device_flow import _seconds
from flowtui.flow.walk.run_records import records_of
from flowtui.flow.walk.walk import MOST_FOLDERS, LeftOut, remote_file, walk
from tests.flow.conftest import BASE, FakeFlow

HUGE = 10**400
HALF = "\ud800"

BAD_IDS = {
    "none": None, "yes": True, "a fraction": 1.5, "infinite": math.inf, "no number": math.nan,
    "a list": [], "an object": {}, "empty": "", "blank": " ", "400 digits": HUGE, "a step": ".",
    "a step up": "..", "a way out": "../../etc", "a slash": "a/b", "a backslash": "a\\b",
    "a null": "a\0b", "a line end": "a\n", "an escape": "\x1b[2J", "reversed": "\u202e1",
    "half a character": HALF, "too long": "7" * (LONGEST_ID + 1),
}  # fmt: skip


@pytest.mark.parametrize("id_", BAD_IDS.values(), ids=BAD_IDS)
def test_an_id_that_can_be_none_is_refused_and_costs_no_other_record(id_: object) -> None:
    for model in (User, Sample, Project, Execution):
        with pytest.raises(UnreadableRecord, match="^id$"):
            model.read({"id": id_, "name": "x"})
    assert parse_id_or_none(id_) is None
    rows = [{"id": id_, "filename": "bad"}, {"id": "1", "filename": "good"}]
    page = read_page({"data": rows, "count": 2}, "data", Data, 1, PAGE_SIZE)
    names = [data.filename for data in page.items]
    # A file may do without an id; then it is named by its run and path.
    assert names == (["bad", "good"] if id_ is None else ["good"])
    assert page.unreadable == (0 if id_ is None else 1)


@pytest.mark.parametrize("id_", ["1", 7, "Hs", "a.b", "...", "a b", "é", "a:b?c#d%e", "7" * 200])
def test_an_id_of_any_other_form_is_kept(id_: object) -> None:
    assert Sample.read({"id": id_}).id == str(id_)


def test_a_name_that_is_too_long_is_refused() -> None:
    longest, longer = "n" * LONGEST_NAME, "n" * (LONGEST_NAME + 1)
    assert Sample.read({"id": 1, "name": longest}).name == longest
    assert Data.read({"id": 1, "filename": longest}).filename == longest
    for model in (Sample, Project, Execution):
        with pytest.raises(UnreadableRecord, match="^name$"):
            model.read({"id": 1, "name": longer})
    with pytest.raises(UnreadableRecord, match="^filename$"):
        Data.read({"id": 1, "filename": longer})
    # What others are called is left out; long words about it are none of that.
    assert Sample.read({"id": 1, "project": {"id": 2, "name": longer}}).project_name is None
    assert Project.read({"id": 1, "description": longer}).description == longer


@pytest.mark.parametrize(
    ("value", "text"),
    [(f"a{HALF}b", "a\ufffdb"), ("\udcff", "\ufffd"), ("😀", "😀"), (3.1, "3.1"), (3, "3"),
     (math.inf, ""), (math.nan, ""), (HUGE, ""), (-HUGE, ""), (True, ""), ([HALF], "")],
)  # fmt: skip
def test_a_text_is_fit_to_be_written(value: object, text: str) -> None:
    assert parse_text(value) == text
    assert parse_label(value) == parse_label({"name": value}) == (text or None)
    metadata = {f"key{HALF}": value, "list": [value], "nested": {"value": value}}
    for written in Sample.read({"id": 1, "metadata": metadata}).metadata.items():
        "".join(written).encode()


ODD_NUMBERS = [
    math.inf,
    -math.inf,
    math.nan,
    HUGE,
    -HUGE,
    -1,
    True,
    False,
    1.5,
    "1e3",
    "-1",
    [],
    {},
]


@pytest.mark.parametrize("number", ODD_NUMBERS, ids=str)
def test_a_number_that_is_no_size_is_none(number: object) -> None:
    assert parse_size(number) is None and parse_count(number) is None
    percent = parse_percent(number)
    assert percent is None or 0 <= percent <= 100
    assert Data.read({"id": 1, "filename": "a", "size": number}).size is None


@pytest.mark.parametrize(
    "moment",
    [math.inf, math.nan, HUGE, -HUGE, 1e300, -62135596800, 2**63, True,
     "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "0001-01-01", "9999-12-31", "\ud800",
     "2024-01-01T00:00:00+99:99", "٢٠٢٤٠١٠١"],
    ids=ascii,
)  # fmt: skip
def test_a_time_that_no_clock_can_tell_is_none(moment: object) -> None:
    assert parse_time(moment) is None


def test_a_time_is_told_in_utc_whatever_zone_it_came_in() -> None:
    moment = parse_time("2024-01-01T12:00:00+02:00")
    assert moment is not None and moment.tzinfo is UTC and moment.hour == 10


@pytest.mark.parametrize(
    ("link", "is_link"),
    [("/downloads/1/a b", True), ("https://x.y/a?b=c", True), ("/é", True), ("", False),
     ("/" * (LONGEST_LINK + 1), False), (f"https://{HALF}/", False), ("/a\x00", False),
     ("/\x1b[2J", False), (7, False), (None, False), (["/a"], False)],
)  # fmt: skip
def test_a_link_is_none_where_no_request_could_be_made_of_it(link: object, is_link: bool) -> None:
    assert parse_link(link) == (link if is_link else None)
    assert Data.read({"id": 1, "filename": "a", "download_url": link}).download_url == (
        link if is_link else None
    )


@pytest.mark.parametrize(
    ("filename", "why"),
    [
        ("half \ud800.gz", "its name on Flow is damaged: it has halves of characters"),
        ("x/" * 2000 + "y", f"its path on Flow has more than {MOST_FOLDERS} folders"),
        ("x/" * (MOST_FOLDERS + 1) + "y", f"its path on Flow has more than {MOST_FOLDERS} folders"),
        ("../y", "its path leads outside the execution"),
        ("", "it has no name on Flow"),
    ],
)
def test_an_output_that_has_no_place_is_left_out_by_name(
    flow: FakeFlow, filename: str, why: str
) -> None:
    rows = [{"filename": filename}, {"filename": "x/" * MOST_FOLDERS + "good"}]
    flow.answers["/executions/4"] = httpx.Response(200, text=json.dumps({"id": 4, "outputs": rows}))
    told: list[LeftOut] = []
    found = list(walk(flow.client(), parse_ref("execution/4", BASE), left_out=told.append))
    assert [file.filename[-5:] for file in found] == ["/good"]
    ((name, said),) = [(what.name, what.why) for what in told]
    assert said == why and len(name) < 202 and filename.startswith(name.rstrip("…"))


def deep(depth: int) -> str:
    return "[" * depth + "]" * depth


@pytest.mark.parametrize("depth", [DEEPEST + 1, 200, 900])
def test_a_deep_row_costs_no_row_of_the_list_that_it_is_below(depth: int) -> None:
    files = f'[{{"id": {deep(depth)}, "filename": "bad"}}, {{"id": "1", "filename": "good"}}]'
    sample = Sample.read(parsed(f'{{"id": 4, "filesets": [{{"data": {files}}}]}}'.encode()))
    assert [data.filename for data in sample.data or ()] == ["good"] and sample.unreadable == 1
    processes = f'[{{"name": "STAR", "downstream_data": {files}}}, {{"bash": {deep(depth)}}}]'
    run = Execution.read(parsed(f'{{"id": 4, "process_executions": {processes}}}'.encode()))
    assert [data.filename for data in run.outputs or ()] == ["good"] and run.unreadable == 2
    project = Project.read(
        parsed(f'{{"id": 4, "samples": [{{"id": 5, "data": {files}}}]}}'.encode())
    )
    assert [one.unreadable for one in project.samples or ()] == [1]
    body = parsed(f'[{{"id": "Hs", "latest_fileset": {{"id": 9, "data": {files}}}}}]'.encode())
    (organism,) = read_organisms(body)
    assert [genome.unreadable for genome in organism.filesets] == [1]
    sets = f'[{{"id": {deep(depth)}}}, {{"data": [{{"id": 1, "filename": "good"}}]}}]'
    sample = Sample.read(parsed(f'{{"id": 4, "filesets": {sets}}}'.encode()))
    assert sample.unreadable == 1 and TOO_DEEP not in str(sample)


@pytest.mark.parametrize("count", [10**15, 2**63, HUGE, -1, True, math.inf, MOST_PAGES * 100 + 1])
def test_a_count_that_no_list_has_is_none(count: object) -> None:
    page = read_page({"count": count, "samples": [{"id": 1}]}, "samples", Sample, 1, PAGE_SIZE)
    assert (page.total, page.size, len(page.items)) == (None, PAGE_SIZE, 1)


def test_a_word_of_the_server_that_can_be_none_is_passed_over() -> None:
    rows = [{"identifier": id_} for id_ in BAD_IDS.values()]
    rows += [{"id": 7, "name": HALF, "latin_name": HUGE}, 7, None]  # type: ignore[list-item]
    assert terms(lambda path: rows, "/organisms") == (Term("7", ("\ufffd",)),)


@pytest.mark.parametrize("body", [{"id": id_} for id_ in BAD_IDS.values()], ids=BAD_IDS)
def test_a_bulk_job_without_an_id_is_none(body: dict[str, Any]) -> None:
    said = json.dumps(body)
    assert job_of(httpx.Response(201, text=said)) is None


@pytest.mark.parametrize("seconds", [HUGE, math.inf, math.nan, -1, 0, 1e300, True, "5", None])
def test_a_sign_in_service_that_says_nonsense_of_its_times_has_the_usual_ones(
    seconds: object,
) -> None:
    assert _seconds(seconds, 5.0) == 5.0


def test_a_sheet_with_names_of_its_own_in_each_row_is_left_out() -> None:
    rows = [{f"column {number}": 1} for number in range(2000)]
    found = records_of({"id": 1, "csv_params": {"wide": rows, "sane": [{"a": 1}]}})
    assert found["samplesheet.csv"] == "a\n1\n"


def test_the_parameters_of_a_run_are_json_whatever_numbers_they_have() -> None:
    body = parsed(b'{"id": 1, "params": {"a": 1e999, "b": [NaN, -Infinity], "c": 1}}')

    def refuse(word: str) -> None:
        raise AssertionError(word)

    written = records_of(body)["params.json"]
    assert json.loads(written, parse_constant=refuse) == {"a": None, "b": [None, None], "c": 1}


@pytest.mark.parametrize("fields", [{"id": {"a": 1}}, {"id": ".."}, {"id": 1, "name": "n" * 5000}])
def test_one_record_that_was_asked_for_is_refused_by_its_field(
    flow: FakeFlow, fields: dict[str, Any]
) -> None:
    flow.answers["/samples/4"] = fields
    with pytest.raises(
        UnexpectedAnswer, match=r"cannot read the server's sample record \((id|name)\)"
    ):
        flow.client().sample("4")


TEXT = st.text(st.characters(), max_size=6) | st.sampled_from([HALF, "..", "a/b", "n" * 5000])
NUMBER = st.integers() | st.floats() | st.sampled_from([HUGE, -HUGE, 2**63, -1])
ODD = st.none() | st.booleans() | NUMBER | TEXT | st.lists(NUMBER | TEXT, max_size=2)
ROW = st.dictionaries(
    st.sampled_from([
        "id", "filename", "name", "identifier", "size", "md5", "created", "owner", "project",
        "sample", "metadata", "download_url", "execution_id", "process_name", "pipeline_name",
        "status", "progress", "count", "organism", "fileset_id", "sample_name",
    ]),
    ODD | st.fixed_dictionaries({"id": ODD, "name": ODD}),
    max_size=8,
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(ROW, max_size=3))
def test_what_is_read_of_any_rows_can_be_written_and_asked_for(rows: list[dict[str, Any]]) -> None:
    good = {"id": "1", "filename": "good", "name": "good"}
    for model in (Data, Sample, Project, Execution):
        page = read_page([*rows, good], "x", model, 1, PAGE_SIZE)
        assert page.items[-1].tells("id") and page.unreadable <= len(rows)
        for record in page.items:
            plain = repr(record) if model is not Data else ""
            plain.encode()
            if not isinstance(record, Data):
                continue
            try:
                file = remote_file(record, ("data",))
            except ValueError as error:
                assert str(error).startswith(("it has no ", "its name ", "its path "))
                continue
            f"{file.key}{file.url}{file.folder}{file.sample}{file.origin}".encode()
