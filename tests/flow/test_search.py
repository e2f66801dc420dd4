"""Search: what is asked of the server, what of its answers fits, and the walk in its place."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from flowtui.flow.models import Data, Execution, Project, Sample
from flowtui.flow.search import Criteria, Kind, fits, parameters, search

DAY = datetime(2026, 1, 31, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "wanted", "expected"),
    [
        (Kind.SAMPLES, Criteria(("liver", "k562xy"), type="RNA-Seq", meta=(("sex", "F"),)),
         {"name": "k562xy", "sample_types": "RNA-Seq", "sex": "F", "full_metadata": "true"}),
        (Kind.SAMPLES, Criteria(name="a b", mine=True, organism="Hs"),
         {"name": "a b", "owned": "true", "organism": "Hs", "full_metadata": "true"}),
        (Kind.DATA, Criteria(type="bam", larger=5, pipeline="rnaseq", since=DAY),
         {"data_types": "bam", "size_gt": "5", "pipeline": "rnaseq",
          "created_gt": str(int(DAY.timestamp()) - 1)}),
        (Kind.EXECUTIONS, Criteria(pipeline="clip", owner="ann"),
         {"pipeline": "clip", "owner": "ann"}),
        (Kind.PROJECTS, Criteria(("x",)), {"name": "x"}),
    ],
)  # fmt: skip
def test_what_the_server_is_asked(kind: Kind, wanted: Criteria, expected: dict[str, str]) -> None:
    assert parameters(kind, wanted) == expected


SAMPLE = Sample.model_validate({
    "id": "1", "name": "liver_K562 rep1", "created": 1769817600, "owner_name": "Ann Lee",
    "sample_type": {"identifier": "rna_seq", "name": "RNA-Seq"}, "organism": {"id": "Hs",
    "name": "Human"}, "metadata": {"Cell type": "K562"},
})  # fmt: skip
DATA = Data.model_validate({"id": "7", "filename": "x.sorted.bam", "size": 100})
RUN = Execution.model_validate({"id": "9", "identifier": "mad_cat", "pipeline_name": "RNA-Seq"})
PROJECT = Project.model_validate({"id": "3", "name": "Cortex"})


@pytest.mark.parametrize(
    ("record", "wanted", "expected"),
    [
        (SAMPLE, Criteria(("liver", "rep1")), True),
        (SAMPLE, Criteria(("liver", "rep2")), False),
        (SAMPLE, Criteria(name="k562 REP1"), True),
        (SAMPLE, Criteria(type="rna_seq", organism="hs", owner="lee"), True),
        (SAMPLE, Criteria(type="ChIP"), False),
        (SAMPLE, Criteria(organism="mouse"), False),
        (SAMPLE, Criteria(meta=(("cell_type", "k562"),)), True),
        (SAMPLE, Criteria(meta=(("cell_type", "HeLa"),)), False),
        (SAMPLE, Criteria(since=DAY), True),
        (SAMPLE, Criteria(since=DAY.replace(month=2, day=1)), False),
        (DATA, Criteria(type="bam", larger=99), True),
        (DATA, Criteria(larger=100), False),
        (DATA, Criteria(type="vcf"), False),
        (RUN, Criteria(("mad",), pipeline="rnaseq"), True),
        (RUN, Criteria(pipeline="clip"), False),
        (PROJECT, Criteria(("cor",)), True),
    ],
)
def test_what_fits(record: Any, wanted: Criteria, expected: bool) -> None:
    assert fits(record, wanted) is expected


def test_what_the_server_passed_over_is_looked_at_here(flow) -> None:
    rows = [{"id": "1", "name": "liver"}, {"id": "2", "name": "heart"}]
    flow.paged("/samples/search", "samples", rows)
    found = list(search(flow.client(), Kind.SAMPLES, Criteria(("liver",)), pytest.fail))
    assert [record.id for record in found] == ["1"]


@pytest.mark.parametrize("status", [404, 405, 403])
def test_a_server_without_search_is_walked_and_that_is_said(flow, status: int) -> None:
    flow.answers["/samples/search"] = httpx.Response(status)
    flow.answers["/data/search"] = httpx.Response(status)
    flow.paged("/projects/owned", "projects", [{"id": "3", "name": "P"}])
    flow.paged("/projects/3/samples", "samples", [{"id": "1", "name": "liver"}])
    flow.paged("/samples/1/data", "data", [{"id": "7", "filename": "x.bam", "size": 5}])
    said: list[str] = []
    client = flow.client()
    samples = list(search(client, Kind.SAMPLES, Criteria(("liv",)), lambda: said.append("walk")))
    assert [record.id for record in samples] == ["1"]
    files = list(search(client, Kind.DATA, Criteria(type="bam"), lambda: said.append("walk")))
    assert [record.id for record in files] == ["7"]
    assert said == ["walk", "walk"]


def test_what_a_kind_does_not_have_is_not_searched_there() -> None:
    assert not Criteria(larger=5).fits_kind(Kind.SAMPLES)
    assert Criteria(larger=5).fits_kind(Kind.DATA)
    assert not Criteria(meta=(("a", "b"),)).fits_kind(Kind.PROJECTS)
    assert all(Criteria(("x",), mine=True).fits_kind(kind) for kind in Kind)
