"""The shapes of the answers: the guide's, the live service's, and the union of both."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from datetime import datetime
from typing import Any

import httpx
import pytest

from flowtui.demo.projects import build
from flowtui.demo.sample_data import GUIDE_OUTPUTS

ALL = build()


def project_named(text: str) -> str:
    return next(one.id for one in ALL.projects.values() if text in one.name)


def get(client: httpx.Client, path: str, **params: Any) -> Any:
    answer = client.get(path, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_projects_that_must_be_there(client: httpx.Client) -> None:
    rows = get(client, "/projects/search", count=100)["projects"]
    counts = {row["name"]: row["sample_count"] for row in rows}
    assert 2000 in counts.values()
    assert 0 in counts.values()
    assert not any("restricted" in name for name in counts)
    assert any(len(project.files) > 150 for project in ALL.projects.values())
    shared = get(client, "/projects/shared")["projects"]
    assert [row["owner_name"] for row in shared] == ["Rosa Okafor"]
    public = get(client, "/projects/public")["projects"]
    assert public and not any(row["private"] for row in public)


def test_both_dialects_fields_are_in_the_same_objects(client: httpx.Client) -> None:
    project = get(client, "/projects/12")
    assert (project["id"], project["is_public"], project["private"]) == ("12", False, True)
    assert {"owner", "sample_count", "execution_count", "total_size"} <= project.keys()
    assert isinstance(project["created"], int) and isinstance(project["description"], str)
    data = get(client, "/data/789")
    assert data["download_url"] == f"/downloads/789/{data['filename']}"
    assert len(data["md5"]) == 32 and data["sample"]["id"] == "34"
    execution = get(client, "/executions/456")
    rows = {row["filename"]: row for row in execution["outputs"]}
    assert set(GUIDE_OUTPUTS) <= rows.keys()
    made = [row for one in execution["process_executions"] for row in one["downstream_data"]]
    assert {row["id"] for row in rows.values()} == {row["id"] for row in made}


def test_fields_of_an_execution_can_be_chosen(client: httpx.Client) -> None:
    whole = get(client, "/executions/456")
    without = get(client, "/executions/456", exclude=["log", "pipeline", "outputs"])
    assert whole.keys() - without.keys() == {"log", "pipeline", "outputs"}
    assert get(client, "/executions/456", include=["id", "status"]) == {"id": "456", "status": "OK"}
    answer = client.get("/executions/456", params={"include": "id", "exclude": "log"})
    assert answer.status_code == 400


def test_statuses_of_executions(client: httpx.Client) -> None:
    rows = get(client, "/projects/12/executions")["executions"]
    assert [row["status"] for row in rows] == ["OK", "ERROR", "RUNNING", ""]
    assert rows[2]["finished"] is None and rows[3]["started"] is None


def test_2000_samples_come_in_pages_of_a_hundred(client: httpx.Client) -> None:
    path = f"/projects/{project_named('2,000')}/samples"
    seen = [
        row["id"] for page in range(1, 21)
        for row in get(client, path, page=page, count=100)["samples"]
    ]  # fmt: skip
    assert len(set(seen)) == 2000
    past = get(client, path, page=21, count=100)
    assert (past["count"], past["page"], past["samples"]) == (2000, 21, [])
    assert len(get(client, path)["samples"]) == 10


@pytest.mark.parametrize("params", [{"count": 101}, {"count": "x"}, {"page": 0}])
def test_a_page_that_cannot_be(client: httpx.Client, params: dict[str, Any]) -> None:
    answer = client.get("/projects/owned", params=params)
    assert (answer.status_code, answer.json()["status"]) == (400, 400)


def test_sample_data_has_inputs_and_outputs(client: httpx.Client) -> None:
    rows = get(client, "/samples/34/data")["data"]
    assert {"789", "790", "791"} <= {row["id"] for row in rows}
    assert {row["pipeline_name"] for row in rows} == {None, "nf-core/rnaseq"}
    assert all(len(row["md5"]) == 32 for row in rows)
    assert [row["id"] for row in get(client, "/samples/34/executions")["executions"]] == ["456"]


def test_searches(client: httpx.Client) -> None:
    assert [row["id"] for row in get(client, "/projects/search", name="CORTEX")["projects"]] == [
        "12"
    ]
    names = [row["name"] for row in get(client, "/projects/owned", sort="name")["projects"]]
    assert names == sorted(names)
    found = get(client, "/samples/search", project="cortex", count=100)
    assert found["count"] == 4
    found = get(client, "/executions/search", status="error", owned="true")
    assert [row["status"] for row in found["executions"]] == ["ERROR"]
    found = get(client, "/data/search", filename="L001_R1", owned="true")
    assert "789" in {row["id"] for row in found["data"]}


def test_errors_are_json_objects_and_nothing_redirects(client: httpx.Client) -> None:
    for path in ("/nothing", "/projects/99", "/projects/owned/", "/downloads/99/x", "/data/x/y"):
        answer = client.get(path)
        assert answer.status_code == 404
        assert answer.json().keys() == {"error", "code", "status"}
    answer = client.post("/projects/12", json={})
    assert (answer.status_code, answer.json()["status"]) == (405, 405)


def test_outside_the_api_there_is_only_the_web_app(client: httpx.Client) -> None:
    origin = str(client.base_url).removesuffix("/api/")
    for path in ("/", "/downloads/789/x", "/projects/12/"):
        answer = httpx.get(origin + path)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith("text/html")


def test_the_login_of_each_dialect(
    client: httpx.Client, guide: httpx.Client, live: httpx.Client
) -> None:
    right = {"username": "demo", "password": "demo"}
    found = [one.post("/login", json=right) for one in (client, guide, live)]
    tokens = [{"token", "access_token"} & answer.json().keys() for answer in found]
    assert tokens == [{"token", "access_token"}, {"access_token"}, {"token"}]
    cookie = found[0].headers["Set-Cookie"].lower()
    assert "httponly" in cookie and "path=/" in cookie and "secure" not in cookie
    wrong = client.post("/login", json={"username": "demo", "password": "x"})
    assert (wrong.status_code, wrong.json()["error"]) == (400, "Invalid credentials")


def test_the_guide_dialect(guide: httpx.Client) -> None:
    projects = get(guide, "/projects")
    assert isinstance(projects, list) and projects[0]["id"] == 12
    project = get(guide, "/projects/12")
    assert datetime.fromisoformat(project["created"]).tzinfo
    sample = next(one for one in project["samples"] if one["id"] == 34)
    assert {789, 790, 791} <= {one["id"] for one in sample["data"]}
    assert get(guide, "/samples/34")["data"] == sample["data"]
    data = get(guide, "/data/789")
    content = guide.get(data["download_url"]).content
    assert hashlib.md5(content).hexdigest() == data["md5"]
    outputs = get(guide, "/executions/456")["outputs"]
    assert set(GUIDE_OUTPUTS) <= {one["filename"] for one in outputs}
    assert not any("id" in one for one in outputs)
    for path in ("/projects/owned", "/projects/12/samples", "/samples/34/data", "/organisms"):
        assert guide.get(path).status_code == 404


def test_the_live_dialect(live: httpx.Client) -> None:
    assert get(live, "/data/789").keys().isdisjoint({"md5", "download_url"})
    rows = get(live, "/samples/34/data")["data"]
    assert isinstance(rows[0]["created"], str) and rows[0]["size"] > 0
    assert all(row.keys().isdisjoint({"md5", "download_url"}) for row in rows)
    project = get(live, "/projects/12")
    assert project.keys().isdisjoint({"sample_count", "samples", "is_public", "total_size"})
    assert "outputs" not in get(live, "/executions/456")
    assert live.get(f"/executions/456/{GUIDE_OUTPUTS[0]}").status_code == 404
    assert live.get("/projects").status_code == 404
    too_many = live.get("/projects/owned", params={"count": 101})
    assert too_many.status_code == 400
    assert too_many.json() == {"error": "Cannot request more than 100 items"}


def test_a_refused_download_is_a_bare_404_at_both_of_its_live_addresses(live: httpx.Client) -> None:
    origin = str(live.base_url).removesuffix("/api/")
    for address in ("/api/downloads/99/x", "/files/downloads/99/x", "/files/downloads/789/other"):
        answer = live.get(origin + address)
        assert (answer.status_code, answer.content) == (404, b"")


def test_the_processes_of_runs_that_did_not_end_well(live: httpx.Client) -> None:
    runs = {run.id: run for run in ALL.executions.values() if run.project.visible_to("demo")}
    processes = {id: get(live, f"/executions/{id}")["process_executions"] for id in runs}
    assert {runs[id].status for id, found in processes.items() if found is None} == {""}
    ends: dict[str, set[tuple[str, int | None]]] = defaultdict(set)
    for id, found in processes.items():
        if found:
            ends[runs[id].status].add((found[-1]["status"], found[-1]["exit_code"]))
    assert ends == {"OK": {("COMPLETED", 0)}, "ERROR": {("FAILED", 1)}, "RUNNING": {("-", None)}}


def test_live_refusals(live: httpx.Client) -> None:
    bare = httpx.Client(base_url=live.base_url, timeout=60.0)
    hidden = project_named("restricted")
    assert live.get(f"/projects/{hidden}").status_code == 404
    assert bare.get("/me").status_code == 401
    bad = {"Authorization": "Bearer bad"}
    assert bare.get("/projects/search", headers=bad).status_code == 200
    answer = bare.get("/downloads/789/cortex_ctrl_1_L001_R1.fastq.gz", headers=bad)
    assert (answer.status_code, answer.content) == (404, b"")


@pytest.mark.parametrize("path", ["/api/downloads/{id}/x.gz", "/files/downloads/{id}/x.gz"])
def test_a_file_that_is_refused_is_a_bare_404_by_either_link(live: httpx.Client, path: str) -> None:
    host = str(live.base_url).removesuffix("/api/")
    answer = live.get(f"{host}{path.format(id='1' * 18)}")
    assert (answer.status_code, answer.content) == (404, b"")
