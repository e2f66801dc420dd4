"""Search: what is asked of the server, what of its answers fits, and the walk in its place."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from flowtui.flow.errors import BadReference, FlowError, Refused
from flowtui.flow.models import Data, Execution, Project, Sample
from flowtui.flow.search import Criteria, Kind, Words, fits, parameters, search, words_of
from flowtui.flow.vocabulary import Term

DAY = datetime(2026, 1, 31, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "wanted", "expected"),
    [
        (Kind.SAMPLES, Criteria(("liver", "k562xy"), type="RNA-Seq", meta=(("sex", "F"),)),
         {"name": "k562xy", "sample_types": "RNA-Seq", "sex": "F", "full_metadata": "true"}),
        (Kind.SAMPLES, Criteria(name="a b", mine=True, organism="Hs"),
         {"name": "a b", "owned": "true", "organism": "Hs", "full_metadata": "true"}),
        (Kind.DATA, Criteria(("x",), type="bam", larger=5, pipeline="rnaseq", since=DAY),
         {"pattern": r"\.bam(\.|$)", "size_gt": "5", "pipeline": "rnaseq", "name": "x",
          "filename": "x",
          "created_gt": str(int(DAY.timestamp()) - 1)}),
        (Kind.EXECUTIONS, Criteria(pipeline="clip", owner="ann"),
         {"pipeline": "clip", "owner": "ann"}),
        (Kind.PROJECTS, Criteria(("x",)), {"name": "x"}),
    ],
)  # fmt: skip
def test_what_the_server_is_asked(kind: Kind, wanted: Criteria, expected: dict[str, str]) -> None:
    assert parameters(kind, wanted, Words(meta=wanted.meta)) == expected


def test_an_attribute_overrides_nothing_else() -> None:
    """The server may have one of any name."""
    meta = (("owned", "x"), ("name", "y"), ("page", "9"), ("sex", "F"))
    asked = parameters(Kind.SAMPLES, Criteria(("liver",), mine=True), Words(meta=meta))
    assert (asked["owned"], asked["name"], asked["sex"]) == ("true", "liver", "F")


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
        (SAMPLE, Criteria(type="rna_seq", organism="hum", owner="lee"), True),
        (SAMPLE, Criteria(type="ChIP"), False),
        (SAMPLE, Criteria(organism="mouse"), False),
        (SAMPLE, Criteria(meta=(("cell_type", "k562"),)), True),
        (SAMPLE, Criteria(meta=(("cell_type", "HeLa"),)), False),
        (SAMPLE, Criteria(since=DAY), True),
        (SAMPLE, Criteria(since=DAY.replace(month=2, day=1)), False),
        (DATA, Criteria(type="bam", larger=99), True),
        (DATA, Criteria(larger=100), False),
        (DATA, Criteria(type="vcf"), False),
        (DATA, Criteria(type=".BAM"), True),
        (DATA, Criteria(type="sorted.bam"), True),
        (DATA, Criteria(type="am"), False),
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
    flow.paged("/projects/3/executions", "executions",
               [{"id": "9", "identifier": "mad_cat", "pipeline_name": "RNA-Seq"}])  # fmt: skip
    process = {"name": "STAR (liver)", "downstream_data": [{"id": "8", "filename": "y.bam"}]}
    flow.answers["/executions/9"] = {"id": "9", "process_executions": [process]}
    said: list[FlowError] = []
    client = flow.client()
    samples = list(search(client, Kind.SAMPLES, Criteria(("liv",)), said.append))
    assert [record.id for record in samples] == ["1"]
    files = list(search(client, Kind.DATA, Criteria(type="bam"), said.append))
    assert [record.id for record in files] == ["7", "8"]
    assert [isinstance(error, Refused) for error in said] == [status == 403] * 2
    assert list(search(client, Kind.DATA, Criteria(pipeline="clip"), said.append)) == [files[0]]


def test_projects_that_are_mine_are_those_that_the_server_calls_so(flow) -> None:
    flow.paged("/projects/search", "projects", [{"id": "1", "name": "P"}, {"id": "2", "name": "P"}])
    flow.paged("/projects/owned", "projects", [{"id": "2", "name": "P"}])
    found = search(flow.client(), Kind.PROJECTS, Criteria(("p",), mine=True), pytest.fail)
    assert [record.id for record in found] == ["2"]


def test_uploads_are_without_what_runs_made(flow) -> None:
    rows = [{"id": "1", "filename": "a"}, {"id": "2", "filename": "b", "pipeline_name": "RNA-Seq"}]
    flow.paged("/data/search", "data", rows)
    wanted = Criteria(mine=True, uploaded=True)
    assert [record.id for record in search(flow.client(), Kind.DATA, wanted, pytest.fail)] == ["1"]
    assert flow.requests[-1].url.params["uploaded"] == "true"


@pytest.fixture
def words(flow):
    flow.answers["/samples/types"] = [
        {"identifier": "RNA-Seq", "name": "RNA-Seq"}, {"identifier": "scRNA-Seq", "name": "sc"},
        {"identifier": "CLIP", "name": "CLIP"}, None, {"name": "no id"},
    ]  # fmt: skip
    flow.answers["/organisms"] = [{"id": "Hs", "name": "Human", "latin_name": "Homo sapiens"}]
    flow.answers["/samples/metadata"] = [{"identifier": "cell_type", "name": "Cell type"}]
    return flow


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Criteria(type="rna_seq"), {"sample_types": "RNA-Seq"}),
        (Criteria(type="rna"), {"sample_types": "RNA-Seq,scRNA-Seq"}),
        (Criteria(organism="sapiens"), {"organism": "Hs"}),
        (Criteria(organism="human"), {"organism": "Hs"}),
        (Criteria(meta=(("Cell Type", "K562"),)), {"cell_type": "K562"}),
    ],
)
def test_a_word_is_asked_for_as_the_server_has_it(words, wanted, expected) -> None:
    found = words_of(words.client(), Kind.SAMPLES, wanted)
    asked = parameters(Kind.SAMPLES, wanted, found)
    assert expected.items() <= asked.items()


@pytest.mark.parametrize(
    "wanted",
    [Criteria(type="chip"), Criteria(organism="yeast"), Criteria(meta=(("sex", "F"),))],
)
def test_a_word_that_the_server_does_not_have_is_said_with_those_that_it_has(words, wanted) -> None:
    """It would pass over it, and give everything."""
    words.paged("/samples/search", "samples", [{"id": "1", "name": "liver"}])
    with pytest.raises(BadReference, match=r"has no .*; it has (RNA-Seq|Hs|cell_type)"):
        list(search(words.client(), Kind.SAMPLES, wanted, pytest.fail))


def test_rows_are_held_to_the_word_that_was_meant() -> None:
    found = Words(types=(Term("RNA-Seq", ("Transcriptome",)),), organisms=(Term("Hs", ("Human",)),))
    assert fits(SAMPLE, Criteria(type="rna", organism="Hs"), found)
    other = SAMPLE.model_copy(update={"organism": "Mouse"})
    assert not fits(other, Criteria(organism="Hs"), found)


def test_what_a_kind_does_not_have_is_not_searched_there() -> None:
    assert not Criteria(larger=5).fits_kind(Kind.SAMPLES)
    assert Criteria(larger=5).fits_kind(Kind.DATA)
    assert not Criteria(meta=(("a", "b"),)).fits_kind(Kind.PROJECTS)
    assert all(Criteria(("x",), mine=True).fits_kind(kind) for kind in Kind)
