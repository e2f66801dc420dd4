"""From a reference to its files, and what is left out."""

from __future__ import annotations

import threading
from typing import Any

import httpx
import pytest

from flowtui.flow.errors import BadReference, NotFound, NotSignedIn
from flowtui.flow.models import Data
from flowtui.flow.refs import Ref, RefKind
from flowtui.flow.walk.walk import LeftOut, remote_file, walk
from tests.support.waiting import GUARD


def data(id_: str, **more: Any) -> dict[str, Any]:
    return {"id": id_, "filename": f"{id_}.gz", "size": 5, **more}


@pytest.fixture
def project(flow):
    """A live project of two samples, one of them hidden, and an execution."""
    flow.answers["/projects/12"] = {"id": "12", "name": "My / project"}
    samples = [{"id": "1", "name": "liver"}, {"id": "2", "name": "hidden"}]
    flow.paged("/projects/12/samples", "samples", samples)
    flow.paged("/projects/12/executions", "executions", [{"id": "9", "identifier": "mad_cat"}])
    flow.paged("/samples/1/data", "data", [
        data("70"), data("71", is_directory=True), data("72", is_removed=True),
        data("70"), data("80"),
    ])  # fmt: skip
    process = {"process_name": "STAR", "downstream_data": [data("80"), data("81")]}
    flow.answers["/executions/9"] = {
        "id": "9", "identifier": "mad_cat", "process_executions": [process],
    }  # fmt: skip
    return flow


def test_a_project_is_its_samples_then_its_executions_each_file_once(project) -> None:
    said: list[LeftOut] = []
    files = list(walk(project.client(), Ref(RefKind.PROJECT, "12"), left_out=said.append))
    assert [(file.key, file.folder, file.within) for file in files] == [
        ("data/70", ("My / project", "liver"), ()),
        ("data/71", ("My / project", "liver"), ()),
        ("data/80", ("My / project", "liver"), ()),
        ("data/81", ("My / project",), ("mad_cat_9", "STAR")),
    ]
    assert files[1].filename == "71.gz.zip"  # a folder comes as a ZIP
    assert files[1].url == "/downloads/71/71.gz"
    assert [one.name for one in said] == ["72.gz", "hidden"]
    assert all(one.why for one in said)


@pytest.mark.parametrize(
    ("ref", "folder"),
    [
        (Ref(RefKind.DATA, "70"), ("data",)),
        (Ref(RefKind.EXECUTION, "9"), ("executions", "9", "mad_cat_9", "STAR")),
        (Ref(RefKind.EXECUTION, "9", "STAR/80.gz"), ("executions", "9", "mad_cat_9", "STAR")),
    ],
)
def test_folders_of_the_guide(project, ref: Ref, folder: tuple[str, ...]) -> None:
    project.answers["/data/70"] = data("70")
    files = walk(project.client(), ref)
    assert {(*file.folder, *file.within) for file in files} == {folder}


def test_a_session_that_ends_is_no_left_out_sample(project) -> None:
    project.answers["/samples/2/data"] = httpx.Response(401)
    with pytest.raises(NotSignedIn):
        list(walk(project.client(), Ref(RefKind.PROJECT, "12")))


def test_an_output_that_is_not_there(project) -> None:
    with pytest.raises(NotFound, match="not an output of that execution"):
        list(walk(project.client(), Ref(RefKind.EXECUTION, "9", "nope.gz")))


def test_an_output_of_an_execution_that_cannot_be_listed(flow) -> None:
    file = next(walk(flow.client(), Ref(RefKind.EXECUTION, "456", "results/a b#1.tsv")))
    assert file.url == "/executions/456/results/a%20b%231.tsv"
    assert (file.key, file.data_id) == ("execution/456/results/a b#1.tsv", None)


def test_an_output_is_not_guessed_when_the_server_is_down(flow) -> None:
    flow.answers["/executions/4"] = httpx.Response(401)
    with pytest.raises(NotSignedIn):
        list(walk(flow.client(), Ref(RefKind.EXECUTION, "4", "a.tsv")))


def test_records_that_lead_nowhere_are_left_out(flow) -> None:
    flow.answers["/executions/4"] = {
        "id": 4,
        "outputs": [{"filename": "../../me"}, {"filename": ""}, {"filename": "a/b.tsv"}],
    }
    said: list[LeftOut] = []
    files = list(walk(flow.client(), Ref(RefKind.EXECUTION, "4"), left_out=said.append))
    assert [one.key for one in files] == ["execution/4/a/b.tsv"]
    assert [one.name for one in said] == ["../../me", ""]
    with pytest.raises(ValueError, match="no id"):
        remote_file(Data(filename="x"), ())


def test_skipped_things_are_not_asked_for(project) -> None:
    client = project.client()
    skip = {"sample/2", "execution/9", "data/70"}
    files = list(walk(client, Ref(RefKind.PROJECT, "12"), skip=skip.__contains__))
    assert [one.key for one in files] == ["data/71", "data/80"]
    assert project.asked("/samples/2/data") == project.asked("/executions/9") == 0


def test_names_are_quoted_and_links_kept() -> None:
    one = remote_file(Data(id="7", filename="a/b ?#%.gz", size=3), ("data",))
    assert one.url == "/downloads/7/a%2Fb%20%3F%23%25.gz"
    link = "https://s3.example/7?sig=1"
    assert remote_file(Data(id="7", filename="x", download_url=link), ()).url == link


def test_files_come_while_the_rest_is_still_asked_for(project) -> None:
    taken = threading.Event()

    def executions(request: httpx.Request) -> httpx.Response:
        assert taken.wait(GUARD)
        return httpx.Response(200, json={"count": 0, "executions": []})

    project.answers["/projects/12/executions"] = executions
    files = walk(project.client(), Ref(RefKind.PROJECT, "12"))
    assert next(files).key == "data/70"
    taken.set()
    assert [file.key for file in files] == ["data/71", "data/80"]


def test_a_bad_reference_is_an_error_of_flow() -> None:
    assert BadReference("x").code == "BAD_REFERENCE"


@pytest.mark.parametrize("status", [403, 404, 405, 410, 501])
def test_what_one_part_refuses_does_not_cost_the_others(project, status: int) -> None:
    project.answers["/samples/1/data"] = httpx.Response(status)
    project.paged("/samples/2/data", "data", [data("90")])
    project.answers["/projects/12/executions"] = httpx.Response(status)
    said: list[LeftOut] = []
    files = list(walk(project.client(), Ref(RefKind.PROJECT, "12"), left_out=said.append))
    assert [one.key for one in files] == ["data/90"]
    assert [one.name for one in said] == ["liver", "executions of My / project"]
    assert said[1].denied is (status in (403, 404))


def test_the_documented_dialect_lists_no_executions_and_nothing_is_said(flow) -> None:
    file = data("7", download_url="/downloads/7/7.gz")
    flow.answers["/projects/12"] = {"id": 12, "samples": [{"id": 1, "data": [file]}]}
    said: list[LeftOut] = []
    files = list(walk(flow.client(), Ref(RefKind.PROJECT, "12"), left_out=said.append))
    assert ([one.key for one in files], said) == (["data/7"], [])


def test_files_that_cannot_be_read_are_told_as_left_out(project) -> None:
    project.paged("/projects/12/samples", "samples", [{"id": "1", "name": "liver"}, {"name": "?"}])
    project.paged("/samples/1/data", "data", [data("70"), {"id": "71"}, 7])
    project.answers["/executions/9"] = {
        "id": "9",
        "identifier": "mad_cat",
        "process_executions": [{"downstream_data": [data("81"), {"id": "82"}]}],
    }
    said: list[LeftOut] = []
    files = list(walk(project.client(), Ref(RefKind.PROJECT, "12"), left_out=said.append))
    assert [one.key for one in files] == ["data/70", "data/81"]
    assert [(one.name, one.why) for one in said] == [
        ("liver", "cannot read 2 file records"),
        ("My / project", "cannot read 1 sample record"),
        ("mad_cat", "cannot read 1 output record"),
    ]


def test_an_inlined_file_that_cannot_be_read_is_told(flow) -> None:
    file = data("7", download_url="/downloads/7/7.gz")
    flow.answers["/samples/1"] = {"id": 1, "name": "s", "data": [file, {"id": 8}]}
    said: list[LeftOut] = []
    files = list(walk(flow.client(), Ref(RefKind.SAMPLE, "1"), left_out=said.append))
    assert [one.key for one in files] == ["data/7"]
    assert [(what.name, what.why) for what in said] == [("s", "cannot read 1 file record")]


def pair(id_: str, mate: int, **more: Any) -> dict[str, Any]:
    return {"id": f"{id_}{mate}", "filename": f"x_R{mate}.gz", "size": 5, **more}


def test_pairs_of_the_same_names_are_told_apart_by_their_filesets(flow) -> None:
    """The list does not say which belong together; the sample's record does, and is asked once."""
    flow.answers["/projects/12"] = {"id": "12", "name": "P"}
    flow.paged("/projects/12/samples", "samples", [{"id": "1", "name": "s"}])
    rows = [pair("7", 1), pair("8", 2), pair("8", 1), pair("7", 2), data("9")]
    flow.paged("/samples/1/data", "data", rows)
    sets = [{"id": n, "data": [pair(n, 1), pair(n, 2)]} for n in ("7", "8")]
    flow.answers["/samples/1"] = {"id": "1", "name": "s", "filesets": sets}
    files = list(walk(flow.client(), Ref(RefKind.PROJECT, "12")))
    assert [(file.data_id, file.fileset) for file in files] == [
        ("71", "7"), ("82", "8"), ("81", "8"), ("72", "7"), ("9", ""),
    ]  # fmt: skip
    assert {file.belongs_to for file in files} == {"sample/1"}
    assert flow.asked("/samples/1") == 1


def test_where_no_filesets_are_known_the_upload_tells(flow) -> None:
    flow.answers["/samples/1"] = {"id": "1", "name": "s"}
    rows = [pair("7", 1, created=100), pair("8", 1, created=200),
            pair("7", 2, created=100), pair("8", 2, created=200)]  # fmt: skip
    flow.paged("/samples/1/data", "data", rows)
    files = list(walk(flow.client(), Ref(RefKind.SAMPLE, "1")))
    assert [file.fileset for file in files] == ["uploaded 100", "uploaded 200"] * 2


def test_names_that_come_once_need_no_more_questions(flow) -> None:
    flow.answers["/projects/12"] = {"id": "12", "name": "P"}
    flow.paged("/projects/12/samples", "samples", [{"id": "1", "name": "s"}])
    flow.paged("/samples/1/data", "data", [pair("7", 1), pair("7", 2)])
    files = list(walk(flow.client(), Ref(RefKind.PROJECT, "12")))
    assert [file.fileset for file in files] == ["", ""]
    assert flow.asked("/samples/1") == 0
