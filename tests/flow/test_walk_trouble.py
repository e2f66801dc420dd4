"""A walk on a server with trouble: of one record, of all for a while, or of too many questions."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from flowtui.flow.errors import FlowError, ServiceUnavailable
from flowtui.flow.refs import Ref, RefKind
from flowtui.flow.walk.parts import FIRST_WAIT, PATIENCE, SEVERAL
from flowtui.flow.walk.walk import LeftOut, Walk, walk

PROJECT = Ref(RefKind.PROJECT, "12")
SAMPLES = 40


def data(id_: str) -> dict[str, Any]:
    return {"id": id_, "filename": f"{id_}.gz", "size": 5}


@pytest.fixture
def project(flow):
    """Forty samples of one file each, and no executions."""
    flow.answers["/projects/12"] = {"id": "12", "name": "P"}
    rows = [{"id": str(n), "name": f"s{n}"} for n in range(SAMPLES)]
    flow.paged("/projects/12/samples", "samples", rows)
    flow.paged("/projects/12/executions", "executions", [])
    for n in range(SAMPLES):
        flow.paged(f"/samples/{n}/data", "data", [data(f"d{n}")])
    return flow


class Found:
    """What a walk gives, leaves out and says."""

    def __init__(self, flow: Any, *refs: Ref) -> None:
        self.left_out: list[LeftOut] = []
        self.failed: list[tuple[str, FlowError]] = []
        self.waits: list[tuple[str, float]] = []
        with Walk(
            flow.client(),
            self.left_out.append,
            failed=lambda ref, error: self.failed.append((str(ref), error)),
            told=lambda why, seconds: self.waits.append((why, seconds)),
        ) as steps:
            found = list(steps.files_of(refs or (PROJECT,)))
        self.keys = [file.key for _, file in found if file is not None]
        self.ended = [str(ref) for ref, file in found if file is None]


def times(count: int, before: httpx.Response, then: Any) -> Callable[..., httpx.Response]:
    """An answer for so many requests, and another for all that follow."""
    asked = itertools.count()

    def answer(request: httpx.Request) -> httpx.Response:
        if next(asked) < count:
            return httpx.Response(before.status_code, headers=before.headers)
        return then(request) if callable(then) else httpx.Response(200, json=then)

    return answer


ALL = [f"data/d{n}" for n in range(SAMPLES)]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_one_sample_in_ten_that_fails_is_left_out_by_name(project, status: int) -> None:
    for n in range(0, SAMPLES, 10):
        project.answers[f"/samples/{n}/data"] = httpx.Response(status)
    found = Found(project)
    assert found.keys == [f"data/d{n}" for n in range(SAMPLES) if n % 10]
    assert [what.name for what in found.left_out] == ["s0", "s10", "s20", "s30"]
    assert all(what.why and not what.removed and what.ref == PROJECT for what in found.left_out)
    assert project.asked("/samples/10/data") == 3  # the guide's three tries
    assert found.waits == []  # nobody waits for a server that answers


def test_the_last_two_that_fail_are_left_out_too(project) -> None:
    for n in (SAMPLES - 2, SAMPLES - 1):
        project.answers[f"/samples/{n}/data"] = httpx.Response(500)
    found = Found(project)
    assert found.keys == ALL[:-2]
    assert len(found.left_out) == 2


def test_three_neighbours_that_fail_for_good_cost_one_wait(project) -> None:
    for n in (10, 11, 12):
        project.answers[f"/samples/{n}/data"] = httpx.Response(500)
    found = Found(project)
    assert sorted(found.keys) == sorted(set(ALL) - {"data/d10", "data/d11", "data/d12"})
    assert [what.name for what in found.left_out] == ["s10", "s11", "s12"]
    assert project.waits.count(FIRST_WAIT) == 1


def test_a_server_that_is_away_for_a_while_is_waited_for_and_nothing_is_lost(project) -> None:
    for n in range(10, 30):
        answer = project.answers[f"/samples/{n}/data"]
        project.answers[f"/samples/{n}/data"] = times(3, httpx.Response(502), answer)
    found = Found(project)
    assert sorted(found.keys) == sorted(ALL)
    assert found.left_out == []
    assert FIRST_WAIT in project.waits


def test_a_server_that_does_not_come_back_ends_the_walk(project) -> None:
    for n in range(10, SAMPLES):
        project.answers[f"/samples/{n}/data"] = httpx.Response(502)
    with pytest.raises(ServiceUnavailable):
        Found(project)
    long_waits = [seconds for seconds in project.waits if seconds >= FIRST_WAIT]
    assert PATIENCE / 2 < sum(long_waits) <= PATIENCE + 20 * SEVERAL * 8


def test_a_run_that_fails_and_a_list_of_runs_that_fails(project) -> None:
    rows = [{"id": "7", "identifier": "sad_cat"}, {"id": "9", "identifier": "mad_cat"}]
    project.paged("/projects/12/executions", "executions", rows)
    project.answers["/executions/7"] = httpx.Response(500)
    outputs = [{"process_name": "STAR", "downstream_data": [data("o1")]}]
    project.answers["/executions/9"] = {"id": "9", "process_executions": outputs}
    found = Found(project)
    assert found.keys == [*ALL, "data/o1"]
    assert [what.name for what in found.left_out] == ["sad_cat"]
    project.answers["/projects/12/executions"] = httpx.Response(500)
    found = Found(project)
    assert found.keys == ALL
    assert [what.name for what in found.left_out] == ["executions of P"]


def test_a_reference_that_fails_does_not_cost_the_others(project) -> None:
    project.answers["/data/1"] = data("1")
    project.answers["/data/2"] = httpx.Response(500)
    refs = [Ref(RefKind.DATA, "1"), Ref(RefKind.DATA, "2"), Ref(RefKind.DATA, "3"), PROJECT]
    found = Found(project, *refs)
    assert found.keys == ["data/1", *ALL]
    assert [ref for ref, _ in found.failed] == ["data/2", "data/3"]
    assert found.left_out == []
    assert set(found.ended) == {str(ref) for ref in refs}


def test_too_many_requests_are_waited_for_as_long_as_is_asked_and_told(project) -> None:
    answer = project.answers["/samples/20/data"]
    limited = httpx.Response(429, headers={"Retry-After": "1800"})
    project.answers["/samples/20/data"] = times(5, limited, answer)
    found = Found(project)
    assert found.keys == ALL
    assert project.waits.count(1800.0) >= 2
    assert found.waits
    assert all(seconds == 1800.0 for _, seconds in found.waits)
    assert project.asked("/projects/12/samples") == 1  # it goes on where it was


def test_what_is_asked_beyond_an_hour_is_not_believed(project) -> None:
    answer = project.answers["/samples/20/data"]
    limited = httpx.Response(429, headers={"Retry-After": "86400"})
    project.answers["/samples/20/data"] = times(1, limited, answer)
    assert Found(project).keys == ALL
    assert max(project.waits) == 3600.0


def test_a_long_list_is_asked_for_side_by_side(flow) -> None:
    flow.answers["/samples/1"] = {"id": "1", "name": "s"}
    flow.paged("/samples/1/data", "data", [data(f"d{n}") for n in range(950)])
    keys = [file.key for file in walk(flow.client(), Ref(RefKind.SAMPLE, "1"))]
    assert keys == [f"data/d{n}" for n in range(950)]
    pages = [int(r.url.params["page"]) for r in flow.requests if r.url.path.endswith("/data")]
    assert sorted(pages) == list(range(1, 11))
