"""Records from whatever a server sends: read, or refused as records; never anything else."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from flowtui.flow.fields import parse_size, parse_time
from flowtui.flow.models import (
    BulkJob,
    Data,
    Execution,
    Project,
    Record,
    Sample,
    User,
)

MODELS = [User, Data, Sample, Project, Execution, BulkJob]

NAMES = sorted(
    {name for model in MODELS for name in model.model_fields}
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
        found = model.model_validate(fields)
    except ValidationError:
        return
    assert isinstance(getattr(found, "id", None), str | None)


def test_an_identity_and_a_name_are_enough() -> None:
    assert Data.model_validate({"id": 657562493133188868, "filename": "a"}).id == (
        "657562493133188868"
    )
    for model in (User, Sample, Project, Execution, BulkJob):
        assert model.model_validate({"id": 7}).id == "7"  # type: ignore[attr-defined]


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
        (None, None), ("", None), ("soon", None), (True, None), (1e300, None), ([], None),
        (10**400, None), ("9" * 5000, None), ("170410320o", None),
        (math.nan, None), (-math.inf, None),
    ],
)  # fmt: skip
def test_the_three_forms_of_times(given_time: object, time: datetime | None) -> None:
    assert parse_time(given_time) == time


@pytest.mark.parametrize(
    ("given_size", "size"),
    [(0, 0), (5, 5), ("5", 5), (5.0, 5), (5.5, None), (-1, None), (True, None), (None, None),
     (1 << 63, None), (math.inf, None), pytest.param("9" * 5000, None, id="huge"), ("five", None)],
)  # fmt: skip
def test_sizes(given_size: object, size: int | None) -> None:
    assert parse_size(given_size) == size


def test_both_dialects_name_a_records_owner_and_privacy() -> None:
    documented = Project.model_validate(
        {"id": 1, "is_public": False, "owner": {"id": 4, "username": "alice"}}
    )
    live = Project.model_validate({"id": "1", "private": True, "owner_name": "alice"})
    assert documented == live


def test_outputs_of_both_dialects_are_one_list() -> None:
    file = {"id": 7, "filename": "a.bam", "size": 3}
    found = Execution.model_validate({
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
