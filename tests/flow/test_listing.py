"""Lists in both dialects, and pages that lie."""

from __future__ import annotations

import itertools
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowtui.flow.client import Scope
from flowtui.flow.errors import Gone, NotFound, NotOffered, TooMuch, UnexpectedAnswer
from flowtui.flow.models import Data, Project
from flowtui.flow.pages import Page, Pages, read_page
from flowtui.flow.session.credentials import Credential


def rows(count: int, start: int = 0) -> list[dict[str, Any]]:
    return [{"id": str(n), "name": f"p{n}"} for n in range(start, start + count)]


@given(
    st.lists(st.lists(st.integers(0, 30) | st.none(), max_size=6), max_size=8),
    st.none() | st.integers(0, 100),
    st.booleans(),
)
def test_a_list_ends_and_gives_each_id_once(served, total, round_and_round) -> None:
    """`None` is a row that cannot be read; the last page may come again for ever."""
    asked = itertools.count()

    def fetch(number: int) -> Page[Project]:
        assert next(asked) < 60, "no end"
        part = served[number - 1 : number]
        if not part and round_and_round:
            part = served[-1:]
        body = {"projects": [{} if n is None else {"id": n} for n in (part[0] if part else [])]}
        if total is not None:
            body["count"] = total
        return read_page(body, "projects", Project, number, 100)

    ids = [one.id for one in Pages(fetch)]
    assert len(ids) == len(set(ids))
    assert set(ids) <= {str(n) for page in served for n in page if n is not None}


@given(st.integers(0, 350))
def test_an_honest_list_comes_whole(count: int) -> None:
    every = rows(count)

    def fetch(number: int) -> Page[Project]:
        part = every[(number - 1) * 100 : number * 100]
        return read_page({"count": count, "projects": part}, "projects", Project, number, 100)

    assert [one.id for one in Pages(fetch)] == [one["id"] for one in every]


def test_a_total_with_empty_rows_ends(flow) -> None:
    flow.answers["/projects/owned"] = {"count": 500, "page": 1, "projects": []}
    assert list(flow.client().projects()) == []
    assert len(flow.requests) == 1


def test_pages_are_of_a_hundred_and_fetched_as_needed(flow) -> None:
    flow.paged("/projects/owned", "projects", rows(250))
    pages = flow.client().projects()
    first = next(iter(pages))
    assert first.id == "0"
    assert [dict(one.url.params) for one in flow.requests] == [{"page": "1", "count": "100"}]
    assert pages.page(3).items[0].id == "200"
    assert pages.page(1).total == 250
    assert len(list(pages)) == 250


def test_a_page_past_the_end_may_be_404(flow) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.params["page"] != "1":
            return httpx.Response(404, json={"detail": "Invalid page."})
        return httpx.Response(200, json={"projects": rows(100)})

    flow.answers["/projects/owned"] = answer
    flow.paged("/projects/search", "projects", rows(300, start=1000))
    assert len(list(flow.client().projects())) == 100
    assert flow.asked("/projects/search") == 0


@pytest.mark.parametrize("key", ["projects", "results", "items", None])
def test_forms_of_a_list(key: str | None) -> None:
    body: Any = rows(3) if key is None else {key: rows(3)}
    assert len(read_page(body, "projects", Project, 1, 100).items) == 3


@pytest.mark.parametrize(
    ("body", "total"),
    [({"count": "0", "projects": None}, 0), ({"projects": None}, None),
     ({"count": 0.0, "projects": []}, 0), ({"count": True, "projects": []}, None),
     ({"count": [], "projects": []}, None)],
)  # fmt: skip
def test_an_empty_list_in_every_form(body: object, total: int | None) -> None:
    page = read_page(body, "projects", Project, 1, 100)
    assert (page.items, page.total) == ((), total)


def test_unreadable_rows_are_passed_over() -> None:
    page = read_page([{"name": "no id"}, 7, None, {"id": 1}], "projects", Project, 1, 100)
    assert [one.id for one in page.items] == ["1"]
    assert page.received == 4


def test_what_is_no_list_is_told(flow) -> None:
    flow.answers["/projects/owned"] = {"hello": "world"}
    with pytest.raises(UnexpectedAnswer, match="list of projects"):
        flow.client().projects().page(1)


def test_a_server_with_smaller_pages_says_so_by_its_first() -> None:
    page = read_page({"count": 25, "projects": rows(10)}, "projects", Project, 1, 100)
    assert page.size == 10


def test_files_without_ids_are_told_apart_by_their_paths() -> None:
    files = tuple(Data(filename=f"{n}.tsv", execution_id="4") for n in (1, 2, 2))
    pages = Pages(lambda number: Page(files if number == 1 else (), number, 3, 100, 3))
    assert [one.filename for one in pages] == ["1.tsv", "2.tsv"]


@pytest.mark.parametrize("missing", [400, 404, 405, 501])
def test_my_projects_where_there_is_no_such_list(flow, missing: int) -> None:
    flow.answers["/projects/owned"] = httpx.Response(missing)
    flow.answers["/projects"] = rows(2)
    assert [one.id for one in flow.client().projects()] == ["0", "1"]


def test_shared_and_public_are_picked_where_the_server_lists_neither(flow) -> None:
    flow.answers["/me"] = {"id": "1", "username": "alice", "name": "Alice A"}
    flow.paged("/projects/search", "projects", [
        {"id": "1", "private": True, "owner_name": "Alice A"},
        {"id": "2", "private": True, "owner_name": "Bob"},
        {"id": "3", "private": False, "owner_name": "Bob"},
    ])  # fmt: skip
    client = flow.client(Credential("T"))
    assert [one.id for one in client.projects(Scope.SHARED)] == ["2"]
    assert [one.id for one in client.projects(Scope.PUBLIC)] == ["3"]
    assert [one.id for one in client.projects(Scope.ALL)] == ["1", "2", "3"]


def test_no_lists_at_all_are_empty_lists(flow) -> None:
    client = flow.client()
    assert list(client.projects(Scope.SHARED)) == list(client.projects(Scope.PUBLIC)) == []
    with pytest.raises(NotFound):
        client.projects(Scope.MINE).page(1)


def test_the_live_dialect(flow) -> None:
    big = "657562493133188868"
    flow.paged(f"/projects/{big}/samples", "samples", rows(120))
    flow.paged(f"/projects/{big}/executions", "executions", [{"id": "9", "created": 1.5}])
    flow.paged("/samples/3/data", "data", [{"id": big, "filename": "a.gz", "size": 5}])
    client = flow.client()
    assert len(list(client.project_samples(big))) == 120
    assert [one.id for one in client.project_executions(big)] == ["9"]
    assert [one.id for one in client.sample_data("3")] == [big]


def test_the_documented_dialect_is_learnt_once(flow) -> None:
    for n in (1, 2, 3):
        flow.answers[f"/samples/{n}"] = {"id": n, "data": [{"id": 70 + n, "filename": "a.gz"}]}
    flow.answers["/projects/12"] = {"id": 12, "samples": [{"id": 1, "name": "s"}]}
    client = flow.client()
    assert [one.id for one in client.project_samples("12")] == ["1"]
    assert list(client.project_executions("12")) == []
    assert [[d.id for d in client.sample_data(str(n))] for n in (1, 2, 3)] == [
        ["71"],
        ["72"],
        ["73"],
    ]
    assert flow.asked("/samples/1/data") == 1
    assert flow.asked("/samples/2/data") == flow.asked("/samples/3/data") == 0
    assert list(client.sample_executions("1")) == []


def test_a_hidden_sample_does_not_make_a_server_poor(flow) -> None:
    """Its list is 404 and its detail has filesets; the lists of other samples must stay whole."""
    sets = [{"id": "1", "data": [{"id": "5", "filename": "in.gz", "size": 1}]}]
    flow.answers["/samples/1"] = {"id": "1", "filesets": sets}
    flow.paged("/samples/2/data", "data", [{"id": str(n), "filename": "f"} for n in (5, 6)])
    client = flow.client()
    assert [one.id for one in client.sample_data("1")] == ["5"]
    assert [one.id for one in client.sample_data("2")] == ["5", "6"]
    with pytest.raises(NotFound):
        list(client.sample_data("1"))


def test_what_is_not_there_is_not_found(flow) -> None:
    with pytest.raises(NotFound):
        list(flow.client().project_samples("nope"))
    with pytest.raises(NotFound):
        list(flow.client().sample_data("a/../b"))
    assert any("a%2F..%2Fb" in str(one.url) for one in flow.requests)


def test_an_execution_without_outputs_has_none(flow) -> None:
    flow.answers["/executions/4"] = {"id": 4}
    assert flow.client().execution("4").outputs == ()


def test_a_record_that_cannot_be_read_names_the_field(flow) -> None:
    flow.answers["/data/4"] = {"id": 4}
    with pytest.raises(UnexpectedAnswer, match="filename"):
        flow.client().data("4")


def test_a_bulk_job_takes_ids_as_the_guide_writes_them(flow) -> None:
    sent = []

    def create(request: httpx.Request) -> httpx.Response:
        sent.append(request.content)
        return httpx.Response(201, json={"job_id": "j-1", "status": "pending"})

    flow.answers["POST /downloads"] = create
    job = flow.client().create_bulk_job(["789", "657562493133188868", "007"], "x.zip")
    assert (job.id, job.status) == ("j-1", "pending")
    assert sent == [b'{"data_ids":[789,"657562493133188868","007"],"name":"x.zip"}']


@pytest.mark.parametrize("status", [403, 404, 405, 501])
def test_a_server_without_bulk_jobs(flow, status: int) -> None:
    flow.answers["POST /downloads"] = httpx.Response(status)
    with pytest.raises(NotOffered, match="one by one"):
        flow.client().create_bulk_job(["1"], "x")


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (httpx.Response(200, json={"status": "processing", "progress": 40}), "processing"),
        (httpx.Response(200, json={"status": "completed", "download_url": "/d"}), "completed"),
        (httpx.Response(200, json={"id": None, "finished": 17}), "completed"),
        (httpx.Response(200, content=b"PK\x03\x04", headers={"Content-Type": "application/zip"}),
         "completed"),
        (httpx.Response(302, headers={"Location": "https://s3.example/x"}), "completed"),
        (httpx.Response(202), "processing"),
    ],
)  # fmt: skip
def test_how_far_a_bulk_job_is(flow, answer: httpx.Response, status: str) -> None:
    flow.answers["/downloads/j-1"] = answer
    job = flow.client().bulk_job("j-1")
    assert (job.id, job.status) == ("j-1", status)


@pytest.mark.parametrize(
    ("status", "body"),
    [(413, ""), (422, {"error": "Cannot request more than 100 items"}),
     (400, {"error": {"data_ids": ["Too many files"]}})],
)  # fmt: skip
def test_a_server_that_wants_fewer_files(flow, status: int, body) -> None:
    flow.answers["POST /downloads"] = httpx.Response(status, json=body)
    with pytest.raises(TooMuch):
        flow.client().create_bulk_job(["1", "2"], "x")


def test_a_bad_request_is_not_about_the_number_of_files(flow) -> None:
    flow.answers["POST /downloads"] = httpx.Response(400, json={"error": "name is missing"})
    with pytest.raises(NotOffered, match="one by one"):
        flow.client().create_bulk_job(["1"], "x")


def test_a_bulk_job_says_when_to_look_again(flow) -> None:
    for answer in (
        httpx.Response(202, headers={"Retry-After": "17"}),
        httpx.Response(200, json={"status": "processing"}, headers={"Retry-After": "17"}),
    ):
        flow.answers["/downloads/j"] = answer
        assert flow.client().bulk_job("j").retry_after == 17


def test_a_bulk_job_that_is_no_more_or_a_page(flow) -> None:
    flow.answers["/downloads/j"] = httpx.Response(410, json={"error": "expired"})
    with pytest.raises(Gone):
        flow.client().bulk_job("j")
    flow.answers["/downloads/j"] = httpx.Response(200, html="<html></html>")
    with pytest.raises(UnexpectedAnswer, match="web page"):
        flow.client().bulk_job("j")


def test_asking_for_a_bulk_job_refreshes_the_session(flow) -> None:
    flow.token, flow.answers["/token"] = "NEW", {"token": "NEW"}
    flow.answers["/downloads/j"] = {"status": "pending"}
    client = flow.client(Credential("OLD", "R"))
    assert client.bulk_job("j").status == "pending"
    assert flow.asked("/token") == 1


@given(
    st.integers(0, 120),
    st.integers(1, 30),
    st.lists(st.integers(0, 29), max_size=8),
    st.booleans(),
)
def test_what_was_there_comes_although_items_shift(count, size, inserted, stale) -> None:
    """New ones come in at the top between two pages; `count` may be that of the beginning."""
    every = [str(n) for n in range(count)]
    listed = list(every)
    fresh = itertools.count()

    def fetch(number: int) -> Page[Project]:
        if number > 1 and number - 2 < len(inserted):
            # Fewer than a page, or else a page may bring nothing new, which ends a list.
            new = min(inserted[number - 2], size - 1)
            listed[:0] = [f"new{next(fresh)}" for _ in range(new)]
        part = listed[(number - 1) * size : number * size]
        total = count if stale else len(listed)
        body = {"count": total, "projects": [{"id": one} for one in part]}
        return read_page(body, "projects", Project, number, size)

    ids = [one.id for one in Pages(fetch)]
    assert len(ids) == len(set(ids))
    assert set(every) <= set(ids) or stale
    if sum(inserted[: len(every) // size + 1]) == 0:
        assert ids == every


def test_a_stale_count_does_not_lose_the_item_that_moved_on() -> None:
    served = {1: ["0", "1"], 2: ["1", "2"], 3: ["3"]}

    def fetch(number: int) -> Page[Project]:
        body = {"count": 4, "projects": [{"id": one} for one in served.get(number, [])]}
        return read_page(body, "projects", Project, number, 2)

    assert [one.id for one in Pages(fetch)] == ["0", "1", "2", "3"]


def test_rows_passed_over_are_counted(flow) -> None:
    flow.answers["/projects/owned"] = {"count": 3, "projects": [{"id": 1}, {"name": "x"}, 7]}
    pages = flow.client().projects()
    assert pages.page(1).unreadable == 2
    for _ in range(2):
        assert [one.id for one in pages] == ["1"]
        assert pages.unreadable == 2


BAD = [{"id": True, "filename": "b"}, {"id": "", "filename": "b"}, {"filename": None}, {}, 7, None]


@pytest.mark.parametrize("bad", BAD)
def test_one_bad_record_does_not_cost_the_inlined_others(flow, bad: object) -> None:
    good = {"id": 1, "filename": "a.gz"}
    flow.answers["/samples/4"] = {"id": 4, "data": [good, bad], "unreadable": 99}
    flow.answers["/executions/4"] = {"id": 4, "outputs": [good, bad]}
    flow.answers["/executions/5"] = {"id": 5, "process_executions": [
        {"process_name": "P", "downstream_data": [bad, good]}, bad,
    ]}  # fmt: skip
    flow.answers["/projects/4"] = {"id": 4, "samples": [bad, {"id": 9, "data": [good, bad]}]}
    client = flow.client()
    sample, project = client.sample("4"), client.project("4")
    assert ([one.id for one in sample.data or ()], sample.unreadable) == (["1"], 1)
    for id_ in ("4", "5"):
        execution = client.execution(id_)
        assert [one.id for one in execution.outputs or ()] == ["1"]
        assert execution.unreadable == 1
    assert [one.id for one in project.samples or ()][-1:] == ["9"]
    pages = client.sample_data("4")
    assert [one.id for one in pages] == ["1"]
    assert pages.unreadable == 1
