"""The life of a bulk job, and the archive that it ends in."""

from __future__ import annotations

import hashlib
import io
import tarfile
import uuid
import zipfile
from collections.abc import Callable
from contextlib import closing
from typing import Any

import httpx
import pytest

from flowtui.demo import archives
from flowtui.demo.byte_source import read
from flowtui.demo.projects import build
from flowtui.demo.serve import DemoServer
from support.waiting import until

ALL = build()
IDS = [file.id for file in ALL.projects["12"].files if file.size < 4_000_000]


def followed(client: httpx.Client, id: str | int) -> list[dict[str, Any]]:
    """The job's states, until it has ended."""
    states: list[dict[str, Any]] = []

    def ended() -> bool:
        states.append(client.get(f"/downloads/{id}").json())
        return states[-1]["status"] not in {"pending", "processing"}

    until(ended, every=0.02)
    return states


def created(client: httpx.Client, ids: list[Any], name: str = "my_dataset.zip") -> dict[str, Any]:
    answer = client.post("/downloads", json={"data_ids": ids, "name": name})
    assert answer.status_code == 201, answer.text
    job: dict[str, Any] = answer.json()
    return job


def test_a_job_goes_its_way_and_gives_a_zip(
    sign_in: Callable[[DemoServer], httpx.Client],
) -> None:
    now = 0.0
    with DemoServer(job_seconds=100.0) as server, closing(sign_in(server)) as client:
        server.bulk.clock = lambda: now
        job = created(client, IDS)
        assert job["status"] == "pending" and job["download_url"] is None
        states = [job]
        for now in (10.0, 30.0, 60.0, 99.0):  # noqa: B007
            states.append(client.get(f"/downloads/{job['id']}").json())
        now = 101.0
        states += followed(client, job["id"])
        seen = list(dict.fromkeys(state["status"] for state in states))
        assert seen == ["pending", "processing", "completed"]
        progress = [state["progress"] for state in states]
        assert progress == sorted(progress) and progress[-1] == 100
        assert states[-1]["download_url"] == f"/downloads/{job['id']}/my_dataset.zip"
        check_zip(client, states[-1])


def check_zip(client: httpx.Client, last: dict[str, Any]) -> None:
    answer = client.get(last["download_url"])
    assert answer.headers["Content-Type"] == "application/zip"
    assert len(answer.content) == last["size"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == len(IDS)
        inside = archive.read("cortex_ctrl_1/cortex_ctrl_1_L001_R1.fastq.gz")
    assert hashlib.md5(inside).hexdigest() == ALL.files["789"].content.md5


def test_an_archive_has_ranges(client: httpx.Client) -> None:
    job = created(client, ["789", "790"])
    url = followed(client, job["id"])[-1]["download_url"]
    whole = client.get(url)
    size, etag = len(whole.content), whole.headers["ETag"]
    at = size // 3
    headers = {"Range": f"bytes={at}-", "If-Range": etag}
    rest = client.get(url, headers=headers)
    assert (rest.status_code, rest.content) == (206, whole.content[at:])
    answer = client.get(url, headers={"Range": f"bytes={size}-"})
    assert (answer.status_code, answer.headers["Content-Range"]) == (416, f"bytes */{size}")


def test_a_job_of_the_guide(guide: httpx.Client) -> None:
    job = created(guide, [789, 790, 791])
    assert isinstance(job["id"], int)
    last = followed(guide, job["id"])[-1]
    with zipfile.ZipFile(io.BytesIO(guide.get(last["download_url"]).content)) as archive:
        assert len(archive.namelist()) == 3


def test_a_job_of_the_live_service_becomes_its_archive(live: httpx.Client) -> None:
    job = live.post("/downloads", json={"data_ids": IDS}).json()
    assert str(uuid.UUID(job["id"])) == job["id"]
    assert "status" not in job and job["finished"] is None

    def ready() -> httpx.Response | None:
        answer = live.get(f"/downloads/{job['id']}")
        return None if answer.headers["Content-Type"] == "application/json" else answer

    answer = until(ready, every=0.02)
    assert answer is not None
    with tarfile.open(fileobj=io.BytesIO(answer.content), mode="r:gz") as archive:
        members = archive.getmembers()
        taken = archive.extractfile("cortex_ctrl_1/cortex_ctrl_1_L001_R1.fastq.gz")
        assert taken is not None
        assert hashlib.md5(taken.read()).hexdigest() == ALL.files["789"].content.md5
    assert len(members) == len(IDS)
    part = live.get(f"/downloads/{job['id']}", headers={"Range": "bytes=70000-70999"})
    assert (part.status_code, part.content) == (206, answer.content[70000:71000])


def test_an_archive_expires(sign_in: Callable[[DemoServer], httpx.Client]) -> None:
    with DemoServer(job_seconds=0, expires_seconds=0) as server, closing(sign_in(server)) as one:
        job = created(one, ["789"])
        last = followed(one, job["id"])[-1]
        assert (last["status"], last["download_url"]) == ("expired", None)
        answer = one.get(f"/downloads/{job['id']}/my_dataset.zip")
    assert (answer.status_code, answer.json()["code"]) == (410, "EXPIRED")


def test_what_cannot_be_one_archive_fails_with_words(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "ZIP_LIMIT", 100_000)
    last = followed(client, created(client, ["789"])["id"])[-1]
    assert last["status"] == "failed" and "archive" in last["error"]


def test_jobs_that_are_refused(server: DemoServer, client: httpx.Client) -> None:
    url = f"{server.base_url}/downloads"
    assert httpx.post(url, json={"data_ids": ["789"]}).status_code == 401
    refused = next(file.id for file in ALL.files.values() if file.refused == 403)
    for ids, status in (([], 400), ("789", 400), (["none"], 404), ([refused], 403)):
        assert client.post("/downloads", json={"data_ids": ids}).status_code == status
    assert client.get(f"/downloads/{uuid.uuid4()}").status_code == 404
    assert client.post("/downloads", content=b"{").status_code == 400


def test_names_in_archives_are_safe() -> None:
    odd = next(project for project in ALL.projects.values() if project.name == "Odd names")
    names = archives.member_names(odd.files)
    assert len(set(names)) == len(odd.files)
    for name in names:
        assert name.isprintable() and name.count("/") == 1 and not name.startswith("/")
        assert not {".", ".."} & set(name.split("/"))
    with zipfile.ZipFile(
        io.BytesIO(read(archives.zip_of(archives.entries_of(odd.files))))
    ) as archive:
        assert archive.testzip() is None and archive.namelist() == names
