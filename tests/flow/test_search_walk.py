"""The walk in place of a search: everything that can be reached once, and what cannot by name."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from flowtui.flow.errors import NotSignedIn, ServiceUnavailable
from flowtui.flow.search.criteria import Criteria, Kind
from flowtui.flow.search.search import Search
from flowtui.flow.search.search_notices import (
    LeftOut,
    NotCovered,
    Notice,
    Unreadable,
    Waiting,
    Walking,
)


def row(id_: str, **more: Any) -> dict[str, Any]:
    return {"id": id_, "name": f"n{id_}", "identifier": f"n{id_}", **more}


@pytest.fixture
def two(flow):
    """Two projects with a sample and a run in common, and no search but for projects."""
    flow.paged("/projects/search", "projects", [row("1"), row("2")])
    flow.paged("/projects/1/samples", "samples", [row("10"), row("11")])
    flow.paged("/projects/2/samples", "samples", [row("11"), row("12")])
    flow.paged("/projects/1/executions", "executions", [row("20"), row("21")])
    flow.paged("/projects/2/executions", "executions", [row("21"), row("22")])
    for sample in ("10", "11", "12"):
        files = [{"id": f"{sample}0", "filename": f"{sample}.gz"}]
        flow.paged(f"/samples/{sample}/data", "data", files)
    for run in ("20", "21", "22"):
        made = [{"id": f"{run}0", "filename": f"{run}.bam"}]
        flow.answers[f"/executions/{run}"] = {
            "id": run, "process_executions": [{"name": "STAR", "downstream_data": made}],
        }  # fmt: skip
    return flow


def walked(flow: Any, kind: Kind, **wanted: Any) -> tuple[list[str], list[Notice]]:
    said: list[Notice] = []
    found = list(Search(flow.client(), kind, Criteria(**wanted), said.append))
    assert [type(notice) for notice in said if isinstance(notice, Walking)] == [Walking]
    return [record.id or "" for record in found], [
        notice for notice in said if not isinstance(notice, Walking)
    ]


@pytest.mark.parametrize(
    ("kind", "ids", "lacking"),
    [
        (Kind.SAMPLES, ["10", "11", "12"], ["samples that are in no project"]),
        (Kind.EXECUTIONS, ["20", "21", "22"], ["executions that are in no project"]),
        (Kind.DATA, ["100", "110", "200", "210", "120", "220"],
         ["files that are in no project"]),
    ],
)  # fmt: skip
def test_each_comes_once_and_what_is_not_covered_is_said(two, kind, ids, lacking) -> None:
    found, said = walked(two, kind)
    assert found == ids
    assert said == [NotCovered(what) for what in lacking]
    assert two.asked("/samples/11/data") == (kind is Kind.DATA)  # not once for each project


@pytest.mark.parametrize("kind", [Kind.SAMPLES, Kind.EXECUTIONS])
def test_the_own_list_has_what_is_in_no_project(two, kind: Kind) -> None:
    own = "13" if kind is Kind.SAMPLES else "23"
    two.paged(f"/{kind}/owned", str(kind), [row(own)])
    found, said = walked(two, kind)
    assert found[0] == own and len(found) == 4 and said == []
    two.requests.clear()
    assert walked(two, kind, mine=True) == ([own], [])  # that is all of them
    assert not two.asked("/projects/search")


def test_files_of_samples_and_runs_in_no_project_come_too(two) -> None:
    two.paged("/samples/owned", "samples", [row("12"), row("13")])
    two.paged("/samples/13/data", "data", [{"id": "130", "filename": "13.gz"}])
    found, said = walked(two, Kind.DATA)
    assert found[:2] == ["120", "130"] and len(found) == 7
    assert two.asked("/samples/12/data") == 1
    assert said == [NotCovered("files of executions that are in no project"),
                    NotCovered("files that belong to no sample and no execution")]  # fmt: skip
    two.paged("/data/owned", "data", [{"id": "900", "filename": "lane.gz"}])
    found, said = walked(two, Kind.DATA)
    assert found[0] == "900" and said == []


@pytest.mark.parametrize("status", [500, 403, 404])
def test_one_sample_or_run_that_cannot_be_had_is_left_out_by_name(two, status: int) -> None:
    two.answers["/samples/10/data"] = httpx.Response(status)
    two.answers["/samples/10"] = httpx.Response(status)
    two.answers["/executions/21"] = httpx.Response(status)
    found, said = walked(two, Kind.DATA)
    assert found == ["110", "200", "120", "220"]
    assert [one.name for one in said if isinstance(one, LeftOut)] == ["n10", "n21"]


def test_one_project_that_cannot_be_listed_is_left_out_by_name(two) -> None:
    two.answers["/projects/1/samples"] = httpx.Response(500)
    found, said = walked(two, Kind.SAMPLES)
    assert found == ["11", "12"]
    assert [one.name for one in said if isinstance(one, LeftOut)] == ["n1"]
    found, said = walked(two, Kind.DATA)
    assert found == ["200", "210", "110", "120", "220"]
    assert [one.name for one in said if isinstance(one, LeftOut)] == ["samples of n1"]


def test_a_server_in_trouble_is_waited_for(two) -> None:
    """Several in a row that fail are not left out: it is the server that does."""
    answers = {id_: two.answers[f"/samples/{id_}/data"] for id_ in ("10", "11", "12")}
    two.answers["/samples/owned"] = two.answers["/projects/1/samples"]
    two.paged("/samples/owned", "samples", [row("10"), row("11"), row("12")])
    away = {"is": True}

    def answer_of(id_: str) -> Any:
        return lambda request: httpx.Response(503) if away["is"] else answers[id_](request)

    for id_ in answers:
        two.answers[f"/samples/{id_}/data"] = answer_of(id_)
    said: list[Notice] = []

    def told(notice: Notice) -> None:
        said.append(notice)
        if isinstance(notice, Waiting):
            away["is"] = False

    found = [record.id for record in Search(two.client(), Kind.DATA, Criteria(), told)]
    assert found[:3] == ["100", "110", "120"]
    assert any(isinstance(notice, Waiting) for notice in said)
    assert not any(isinstance(notice, LeftOut) for notice in said)


def test_rows_that_cannot_be_read_are_counted(two) -> None:
    two.paged("/projects/1/samples", "samples", [row("10"), {"name": "no id"}])
    found, said = walked(two, Kind.SAMPLES)
    assert found == ["10", "11", "12"]
    assert Unreadable(Kind.SAMPLES, "n1", 1) in said


def test_without_a_list_of_all_projects_ones_own_are_walked(two) -> None:
    two.answers["/projects/search"] = httpx.Response(403)
    two.paged("/projects/owned", "projects", [row("2")])
    found, said = walked(two, Kind.SAMPLES)
    assert found == ["11", "12"] and NotCovered("projects of others") in said


def test_a_session_that_ends_ends_the_walk(two) -> None:
    two.answers["/samples/11/data"] = httpx.Response(401)
    with pytest.raises(NotSignedIn):
        walked(two, Kind.DATA)


def test_projects_that_nobody_can_list_end_it(two) -> None:
    two.answers["/projects/search"] = httpx.Response(500)
    with pytest.raises(ServiceUnavailable):
        walked(two, Kind.SAMPLES)


def test_a_server_that_lists_no_executions_is_no_server_without_any(flow) -> None:
    """The documented dialect: a project's record has its samples, and no list of its runs."""
    flow.answers["/projects"] = [row("1")]
    flow.answers["/projects/1"] = row("1", samples=[row("10", data=[])])
    found, said = walked(flow, Kind.EXECUTIONS)
    assert found == []
    assert NotCovered("executions of projects") in said


def test_files_that_are_inlined_are_not_asked_for(flow) -> None:
    """The documented dialect, in which a project's record has all that is below it."""
    files = [{"id": "100", "filename": "a", "size": 5, "download_url": "/downloads/100/a"}]
    flow.answers["/projects"] = [row("1")]
    flow.answers["/projects/1"] = row("1", samples=[row("10", data=files)])
    found, _ = walked(flow, Kind.DATA)
    assert found == ["100"]
    assert not flow.asked("/samples/10/data") and not flow.asked("/samples/10")
