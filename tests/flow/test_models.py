"""Records from whatever a server sends: read, or refused as records; never anything else."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowtui.flow.fields import parse_count, parse_flag, parse_size, parse_time
from flowtui.flow.models import (
    BulkJob,
    Data,
    Execution,
    Project,
    Record,
    Sample,
    UnreadableRecord,
    User,
)

MODELS = [User, Data, Sample, Project, Execution, BulkJob]

NAMES = sorted(
    {field.name for model in MODELS for field in fields(model)}
    | {"owner", "group_owner", "sample", "project", "execution", "filesets", "pipeline"}
    | {"process_executions", "downstream_data", "isRemoved", "first_name", "job_id", "uuid"}
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5)
    ),
    max_leaves=12,
)


@pytest.mark.parametrize("model", MODELS)
@given(fields=st.dictionaries(st.sampled_from(NAMES), JSON, max_size=8) | JSON)
def test_any_json_is_a_record_or_none(model: type[Record], fields: object) -> None:
    try:
        found = model.read(fields)
    except UnreadableRecord:
        return
    assert isinstance(getattr(found, "id", None), str | None)


def test_an_identity_and_a_name_are_enough() -> None:
    assert Data.read({"id": 657562493133188868, "filename": "a"}).id == ("657562493133188868")
    for model in (User, Sample, Project, Execution, BulkJob):
        assert model.read({"id": 7}).id == "7"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("given_time", "time"),
    [
        (1704103200, datetime(2024, 1, 1, 10, tzinfo=UTC)),
        (1704103200.5, datetime(2024, 1, 1, 10, 0, 0, 500_000, tzinfo=UTC)),
        ("1704103200", datetime(2024, 1, 1, 10, tzinfo=UTC)),
        (" 1704103200.5 ", datetime(2024, 1, 1, 10, 0, 0, 500_000, tzinfo=UTC)),
        (1704103200000, datetime(2024, 1, 1, 10, tzinfo=UTC)),
        ("1704103200000", datetime(2024, 1, 1, 10, tzinfo=UTC)),
        ("20240101", datetime(2024, 1, 1, tzinfo=UTC)),
        ("2024-01-01T10:00:00Z", datetime(2024, 1, 1, 10, tzinfo=UTC)),
        ("2024-01-01T12:00:00+02:00", datetime(2024, 1, 1, 10, tzinfo=UTC)),
        ("2024-01-01T10:00:00", datetime(2024, 1, 1, 10, tzinfo=UTC)),
        ("1600718942", datetime(2020, 9, 21, 20, 9, 2, tzinfo=UTC)),
        ("1600718942.5", datetime(2020, 9, 21, 20, 9, 2, 500_000, tzinfo=UTC)),
        ("999999999", datetime(2001, 9, 9, 1, 46, 39, tzinfo=UTC)),
        ("10000000000", datetime(2286, 11, 20, 17, 46, 40, tzinfo=UTC)),
        (1600718942500, datetime(2020, 9, 21, 20, 9, 2, 500_000, tzinfo=UTC)),
        ("1600718942500", datetime(2020, 9, 21, 20, 9, 2, 500_000, tzinfo=UTC)),
        ("20240101", datetime(2024, 1, 1, tzinfo=UTC)),
        pytest.param("1" * 5000, None, id="huge"), ("12345", None),
        ("1600718942.", None), ("\u0661" * 10, None), ("-1600718942", None),
        (None, None), ("", None), ("soon", None), (True, None), (1e300, None), ([], None),
        (10**400, None), ("9" * 5000, None), ("170410320o", None),
        (math.nan, None), (-math.inf, None),
    ],
)  # fmt: skip
def test_times_in_every_form(given_time: object, time: datetime | None) -> None:
    assert parse_time(given_time) == time


@pytest.mark.parametrize(
    ("given_size", "size"),
    [(0, 0), (5, 5), ("5", 5), (5.0, 5), (5.5, None), (-1, None), (True, None), (None, None),
     (1 << 63, None), (math.inf, None), pytest.param("9" * 5000, None, id="huge"), ("five", None),
     (" 5 ", 5), ("5.0", 5), ("5.5", None), ("-5", None), ("", None), ("\u0665", None), ([], None),
     ({}, None)],
)  # fmt: skip
def test_sizes(given_size: object, size: int | None) -> None:
    assert parse_size(given_size) == parse_count(given_size) == size


@pytest.mark.parametrize(
    ("given_flag", "flag"),
    [(True, True), (False, False), (1, True), (0, False), (1.0, True), ("true", True),
     ("False", False), ("1", True), ("0", False), (None, None), ("", None), (2, None),
     (math.nan, None), ("perhaps", None), ([], None), ({}, None)],
)  # fmt: skip
def test_flags(given_flag: object, flag: bool | None) -> None:
    assert parse_flag(given_flag) is flag
    removed = {"id": 7, "filename": "a.bam", "is_removed": given_flag, "is_directory": given_flag}
    assert Data.read(removed).is_removed is bool(flag)
    assert Data.read(removed).is_directory is bool(flag)
    run = Execution.read(
        {"id": 4, "process_executions": [{"name": "STAR", "downstream_data": [removed]}]}
    )
    assert len(run.outputs or ()) == (0 if flag else 1)
    private = Project.read({"id": 1, "private": given_flag}).private
    public = Project.read({"id": 1, "is_public": given_flag}).private
    assert private is flag and public is (None if flag is None else not flag)


@pytest.mark.parametrize(
    ("given_progress", "percent"),
    [(45, 45), (45.5, 45.5), ("45", 45), ("45%", 45), (101, 100), (-1, 0), (True, None),
     (None, None), ("", None), ("most", None), ([], None), ("nan", None), (math.inf, None),
     pytest.param(10**400, None, id="huge")],
)  # fmt: skip
def test_progress(given_progress: object, percent: float | None) -> None:
    assert BulkJob.read({"id": 1, "progress": given_progress}).progress == percent


@pytest.mark.parametrize(
    ("given_id", "id_"),
    [(7, "7"), ("7", "7"), (7.0, "7"), ("hs", "hs"), (1e300, None), (7.5, None), ("", None),
     (None, None), (True, None), ([], None), ({}, None), (math.nan, None)],
)  # fmt: skip
def test_an_odd_id_of_something_else_does_not_cost_the_record(
    given_id: object, id_: str | None
) -> None:
    data = Data.read({
        "id": 1, "filename": "a", "sample_id": given_id, "project_id": given_id,
        "execution_id": given_id, "fileset": given_id,
    })  # fmt: skip
    found = {data.sample_id, data.project_id, data.execution_id, data.fileset_id}
    run = Execution.read({"id": 1, "sample_id": given_id, "project_id": given_id})
    assert found | {run.sample_id, run.project_id} == {id_}
    assert Sample.read({"id": 1, "project_id": given_id}).project_id == id_


@pytest.mark.parametrize(
    ("given_text", "text"),
    [("3.8", "3.8"), (3.8, "3.8"), (3, "3"), (0, "0"), ("", ""), (None, ""), (True, ""), ([], ""),
     (math.nan, "")],
)  # fmt: skip
def test_text_and_labels(given_text: object, text: str) -> None:
    run = Execution.read({"id": 1, "name": given_text, "pipeline_version": given_text})
    assert (run.name, run.pipeline_version) == (text, text or None)


@pytest.mark.parametrize("nothing", [None, "", 0, {}, True])
def test_nothing_where_a_list_is_expected(nothing: object) -> None:
    run = Execution.read({"id": 1, "process_executions": nothing, "outputs": nothing})
    assert (run.outputs, run.unreadable) == (None, 0)
    process = {"name": "STAR", "downstream_data": nothing}
    assert Execution.read({"id": 1, "process_executions": [process]}).outputs == ()
    sample = Sample.read({"id": 1, "data": nothing, "filesets": nothing})
    assert (sample.data, sample.metadata, sample.unreadable) == (None, {}, 0)
    assert Project.read({"id": 1, "samples": nothing}).samples is None


def test_both_dialects_name_a_records_owner_and_privacy() -> None:
    documented = Project.read(
        {"id": 1, "is_public": False, "owner": {"id": 4, "username": "alice"}}
    )
    live = Project.read({"id": "1", "private": True, "owner_name": "alice"})
    assert documented == live


def test_outputs_of_both_dialects_are_one_list() -> None:
    file = {"id": 7, "filename": "a.bam", "size": 3}
    found = Execution.read({
        "id": 4,
        "process_executions": [
            {"process_name": "STAR", "downstream_data": [file, {**file, "id": 8}]},
            {"process_name": "OLD", "downstream_data": [{**file, "id": 9, "is_removed": True}]},
        ],
        "outputs": [{"id": 7, "filename": "star/a.bam"}, {"filename": "multiqc.html", "size": 1}],
    })  # fmt: skip
    assert [(one.id, one.filename, one.process_name) for one in found.outputs or ()] == [
        ("7", "star/a.bam", "STAR"),
        ("8", "a.bam", "STAR"),
        (None, "multiqc.html", None),
    ]
    assert found.unreadable == 0


def test_two_records_are_the_same_by_what_is_read_of_them() -> None:
    row = {"id": "7", "filename": "a.bam", "size": 3}
    plain, more = Data.read(row), Data.read({**row, "absolute_path": "/srv/a.bam"})
    assert plain == more and hash(plain) == hash(more)
    assert plain != replace(plain, size=4)
    assert more.given["absolute_path"] == "/srv/a.bam" and "srv" not in repr(more)


def test_a_record_tells_what_the_server_said_of_it() -> None:
    silent = Data.read({"id": "7", "filename": "a.bam"})
    said = Data.read({"id": "7", "filename": "a.bam", "pipeline_name": None})
    nested = Data.read({"id": "7", "filename": "a.bam", "execution": {"pipeline_name": "RNA-Seq"}})
    tells = [data.tells("pipeline_name") for data in (silent, said, nested)]
    assert tells == [False, True, True]
    assert replace(silent, pipeline_name="RNA-Seq").tells("pipeline_name")
