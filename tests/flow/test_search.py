"""Search: what is asked of the server, what of its answers fits, and the walk in its place."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from flowtui.flow.errors import BadReference, ServiceUnavailable
from flowtui.flow.models import Data, Execution, Project, Sample
from flowtui.flow.search.criteria import Criteria, Kind, Words, judge
from flowtui.flow.search.search import Search, parameters, words_of
from flowtui.flow.search.search_notices import (
    Lacking,
    LeftOut,
    Notice,
    Unchecked,
    Unreadable,
    Walking,
)
from flowtui.flow.search.vocabulary import Term
from flowtui.flow.session.credentials import Credential

DAY = datetime(2026, 1, 31, tzinfo=UTC)


def terms_of(meta: tuple[tuple[str, str], ...]) -> tuple[tuple[Term, str], ...]:
    return tuple((Term(key), value) for key, value in meta)


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
    assert parameters(kind, wanted, Words(meta=terms_of(wanted.meta))) == expected


def test_an_attribute_overrides_nothing_else() -> None:
    """The server may have one of any name."""
    meta = (("owned", "x"), ("name", "y"), ("page", "9"), ("sex", "F"))
    asked = parameters(
        Kind.SAMPLES,
        Criteria(("liver",), mine=True),
        Words(meta=terms_of(meta)),
    )
    assert (asked["owned"], asked["name"], asked["sex"]) == ("true", "liver", "F")


SAMPLE = Sample.read({
    "id": "1", "name": "liver_K562 rep1", "created": 1769817600, "owner_name": "Ann Lee",
    "sample_type": {"identifier": "rna_seq", "name": "RNA-Seq"}, "organism": {"id": "Hs",
    "name": "Human"}, "metadata": {"Cell type": "K562"},
})  # fmt: skip
DATA = Data.read({"id": "7", "filename": "x.sorted.bam", "size": 100})
RUN = Execution.read({"id": "9", "identifier": "mad_cat", "pipeline_name": "RNA-Seq"})
PROJECT = Project.read({"id": "3", "name": "Cortex"})


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
    assert judge(record, wanted).fits is expected


def test_what_the_server_passed_over_is_looked_at_here(flow) -> None:
    rows = [{"id": "1", "name": "liver"}, {"id": "2", "name": "heart"}]
    flow.paged("/samples/search", "samples", rows)
    found = list(Search(flow.client(), Kind.SAMPLES, Criteria(("liver",)), pytest.fail))
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
    said: list[Notice] = []
    client = flow.client()
    samples = list(Search(client, Kind.SAMPLES, Criteria(("liv",)), said.append))
    assert [record.id for record in samples] == ["1"]
    files = list(Search(client, Kind.DATA, Criteria(type="bam"), said.append))
    assert [record.id for record in files] == ["7", "8"]
    walking = [notice for notice in said if isinstance(notice, Walking)]
    assert [notice.error.status for notice in walking] == [status] * 2
    # Of the first nobody tells which pipeline made it.
    assert list(Search(client, Kind.DATA, Criteria(pipeline="clip"), said.append)) == [files[0]]


def test_projects_that_are_mine_are_those_that_the_server_calls_so(flow) -> None:
    flow.paged("/projects/search", "projects", [{"id": "1", "name": "P"}, {"id": "2", "name": "P"}])
    flow.paged("/projects/owned", "projects", [{"id": "2", "name": "P"}])
    found = Search(flow.client(), Kind.PROJECTS, Criteria(("p",), mine=True), pytest.fail)
    assert [record.id for record in found] == ["2"]


def test_uploads_are_without_what_runs_made(flow) -> None:
    rows = [{"id": "1", "filename": "a"}, {"id": "2", "filename": "b", "pipeline_name": "RNA-Seq"}]
    flow.paged("/data/search", "data", rows)
    wanted, said = Criteria(mine=True, uploaded=True), list[Notice]()
    assert [record.id for record in Search(flow.client(), Kind.DATA, wanted, said.append)] == ["1"]
    assert said == [Unchecked(Kind.DATA, {"owner": 1, "pipeline": 1})]
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
        list(Search(words.client(), Kind.SAMPLES, wanted, pytest.fail))


def test_rows_are_held_to_the_word_that_was_meant() -> None:
    found = Words(types=(Term("RNA-Seq", ("Transcriptome",)),), organisms=(Term("Hs", ("Human",)),))
    assert judge(SAMPLE, Criteria(type="rna", organism="Hs"), found).fits
    other = replace(SAMPLE, organism="Mouse")
    assert not judge(other, Criteria(organism="Hs"), found).fits


def test_what_a_kind_does_not_have_is_not_searched_there() -> None:
    assert not Criteria(larger=5).fits_kind(Kind.SAMPLES)
    assert Criteria(larger=5).fits_kind(Kind.DATA)
    assert not Criteria(meta=(("a", "b"),)).fits_kind(Kind.PROJECTS)
    assert all(Criteria(("x",), mine=True).fits_kind(kind) for kind in Kind)


# What rows do not tell


@pytest.mark.parametrize(
    ("kind", "row", "wanted", "untold"),
    [
        (Kind.SAMPLES, {}, Criteria(type="x", organism="y", owner="z"),
         {"type": 1, "organism": 1, "owner": 1}),
        (Kind.SAMPLES, {}, Criteria(since=DAY), {"created": 1}),
        (Kind.DATA, {}, Criteria(larger=5, pipeline="x"), {"size": 1, "pipeline": 1}),
        (Kind.EXECUTIONS, {"pipeline_name": "RNA-Seq"}, Criteria(pipeline="rna", organism="y"),
         {"organism": 1}),
        (Kind.PROJECTS, {}, Criteria(owner="x"), {"owner": 1}),
    ],
)  # fmt: skip
def test_what_no_row_tells_is_said_by_its_field(flow, kind, row, wanted, untold) -> None:
    rows = [{"id": "1", "name": "a", "filename": "a", **row}]
    flow.paged(f"/{kind}/search", str(kind), rows)
    said: list[Notice] = []
    assert len(list(Search(flow.client(), kind, wanted, said.append))) == 1
    assert said == [Unchecked(kind, untold)]


@pytest.mark.parametrize(
    ("kind", "row", "wanted"),
    [
        (Kind.SAMPLES, {"sample_type": None}, Criteria(type="x")),
        (Kind.SAMPLES, {"organism": None}, Criteria(organism="x")),
        (Kind.DATA, {"pipeline_name": None}, Criteria(pipeline="x")),
        (Kind.EXECUTIONS, {"fileset": {"organism": {"id": "Mm", "name": "Mouse"}}},
         Criteria(organism="human")),
        (Kind.PROJECTS, {"owner_name": None}, Criteria(owner="x")),
    ],
)  # fmt: skip
def test_a_row_that_says_that_there_is_none_does_not_fit(flow, kind, row, wanted) -> None:
    rows = [{"id": "1", "name": "a", "filename": "a", **row}]
    flow.paged(f"/{kind}/search", str(kind), rows)
    assert list(Search(flow.client(), kind, wanted, pytest.fail)) == []


def test_a_type_of_the_servers_own_is_no_ending_of_a_name(flow) -> None:
    """Lists of files have no types, so that the server's answer stands."""
    flow.answers["/data/types"] = [{"identifier": "annotation", "name": "Annotation"}]
    flow.paged("/data/search", "data", [{"id": "1", "filename": "sheet.xlsx"}])
    said: list[Notice] = []
    found = list(Search(flow.client(), Kind.DATA, Criteria(type="Annotation"), said.append))
    assert [record.id for record in found] == ["1"]
    assert said == [Unchecked(Kind.DATA, {"type": 1})]


def test_what_is_mine_is_held_to_my_names_and_groups(flow) -> None:
    flow.answers["/me"] = {"id": "1", "username": "ann", "name": "Ann Lee",
                           "memberships": [{"name": "Lee Lab", "slug": "lee"}]}  # fmt: skip
    owners = ["Ann Lee", "Bob", "Lee Lab", None]
    rows = [{"id": str(n), "name": "a", "owner_name": who} for n, who in enumerate(owners)]
    flow.paged("/samples/search", "samples", rows)
    said: list[Notice] = []
    search = Search(flow.client(Credential("T")), Kind.SAMPLES, Criteria(mine=True), said.append)
    assert [record.id for record in search] == ["0", "2", "3"]
    assert said == [Unchecked(Kind.SAMPLES, {"owner": 1})]
    assert search.owners == {"Bob"}


# Metadata


def detail(id_: str, metadata: dict[str, Any]) -> dict[str, Any]:
    return {"id": id_, "name": "a", "metadata": metadata}


def test_metadata_that_lists_lack_is_looked_up_in_the_samples_own_records(flow) -> None:
    """The server has no list of attributes, and passes over what it does not know."""
    rows = [detail(str(n), {} if n else {"age": "4"}) for n in range(5)]
    flow.paged("/samples/search", "samples", rows)
    cell = {"attribute_name": "Cell type", "value": "K562", "annotation": None}
    flow.answers["/samples/0"] = detail("0", {"age": "4", "cell_type": cell})
    flow.answers["/samples/1"] = detail("1", {"line": {**cell, "value": "HeLa"}})
    flow.answers["/samples/2"] = detail("2", {})
    flow.answers["/samples/3"] = httpx.Response(404)
    flow.answers["/samples/4"] = detail("4", {"src": {**cell, "attribute_name": "Source"}})
    said: list[Notice] = []
    wanted = Criteria(meta=(("cell_type", "k562"),))
    found = list(Search(flow.client(), Kind.SAMPLES, wanted, said.append))
    assert [record.id for record in found] == ["0", "3"]
    assert said == [Unchecked(Kind.SAMPLES, {"metadata": 1})]
    # An attribute is known by its identifier, too.
    wanted = Criteria(meta=(("src", "K562"),))
    assert [one.id for one in Search(flow.client(), Kind.SAMPLES, wanted, said.append)] == [
        "3",
        "4",
    ]


def test_metadata_that_rows_have_costs_no_further_question(flow) -> None:
    rows = [detail("1", {"sex": "F"}), detail("2", {"sex": "M"})]
    flow.paged("/samples/search", "samples", rows)
    wanted = Criteria(meta=(("sex", "f"),))
    found = list(Search(flow.client(), Kind.SAMPLES, wanted, pytest.fail))
    assert [record.id for record in found] == ["1"]
    assert not flow.asked("/samples/1")


def test_a_part_of_several_attributes_means_none_of_them(flow) -> None:
    flow.answers["/samples/metadata"] = [{"identifier": "cell_type"}, {"identifier": "tissue_type"}]
    wanted = Criteria(meta=(("type", "K562"),))
    with pytest.raises(BadReference, match=r"several attributes: cell_type, tissue_type"):
        list(Search(flow.client(), Kind.SAMPLES, wanted, pytest.fail))


# Pages that fail


def failing_page(flow: Any, number: int, status: int, total: int = 250) -> None:
    rows = [{"id": str(n), "name": "a"} for n in range(total)]
    flow.paged("/samples/search", "samples", rows)
    answer = flow.answers["/samples/search"]

    def sometimes(request: httpx.Request) -> httpx.Response:
        if request.url.params["page"] == str(number):
            return httpx.Response(status, json={"error": "broken"})
        found: httpx.Response = answer(request)
        return found

    flow.answers["/samples/search"] = sometimes


@pytest.mark.parametrize("status", [500, 404, 403])
def test_a_later_page_that_fails_is_left_out_by_name(flow, status: int) -> None:
    failing_page(flow, 2, status)
    said: list[Notice] = []
    found = list(Search(flow.client(), Kind.SAMPLES, Criteria(("a",)), said.append))
    assert [record.id for record in found] == [*map(str, range(100)), *map(str, range(200, 250))]
    (notice,) = said
    assert isinstance(notice, LeftOut) and notice.name == "samples 101 to 200 of the search"


def test_a_first_page_in_trouble_is_no_server_without_search(flow) -> None:
    failing_page(flow, 1, 500)
    with pytest.raises(ServiceUnavailable):
        list(Search(flow.client(), Kind.SAMPLES, Criteria(("a",)), pytest.fail))
    assert not flow.asked("/projects/search")


def test_a_list_that_became_shorter_meanwhile_has_no_page_there(flow) -> None:
    totals = iter([250, 150, 150])

    def answer(request: httpx.Request) -> httpx.Response:
        number = int(request.url.params["page"])
        if number > 2:
            return httpx.Response(404)
        part = [{"id": str(n), "name": "a"} for n in range(250)][(number - 1) * 100 : number * 100]
        body = {"count": next(totals, 150), "samples": part[: 50 if number == 2 else 100]}
        return httpx.Response(200, json=body)

    flow.answers["/samples/search"] = answer
    found = list(Search(flow.client(), Kind.SAMPLES, Criteria(("a",)), pytest.fail))
    assert len(found) == 150


def test_what_was_counted_and_did_not_come_or_cannot_be_read_is_said(flow) -> None:
    rows = [{"id": "1", "name": "a"}, {"name": "no id"}, 7]
    flow.paged("/samples/search", "samples", rows)
    whole = flow.answers["/samples/search"]

    def counting(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={**whole(request).json(), "count": 5})

    flow.answers["/samples/search"] = counting
    said: list[Notice] = []
    search = Search(flow.client(), Kind.SAMPLES, Criteria(("a",)), said.append)
    assert [record.id for record in search] == ["1"]
    assert said == [Unreadable(Kind.SAMPLES, "", 2), Lacking(Kind.SAMPLES, 2)]
    assert (search.counted, search.passed_over) == (5, 0)
