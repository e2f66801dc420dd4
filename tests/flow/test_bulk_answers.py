"""What may come back for a request for an archive: a job in any form, or nothing of the kind."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from flowtui.flow.errors import (
    Gone,
    NotOffered,
    NotReady,
    NotSignedIn,
    RateLimited,
    ServiceUnavailable,
)

UUID = "2f1b0c9e-7f0d-4a55-9c55-2f6d3c9b1a11"


@pytest.mark.parametrize(
    ("body", "headers", "id_"),
    [
        ({"id": UUID, "status": "pending"}, {}, UUID),
        ({"id": 1001}, {}, "1001"),
        ({"uuid": UUID}, {}, UUID),
        ({"job_id": UUID}, {}, UUID),
        ({"jobId": 7}, {}, "7"),
        ({"job": {"id": UUID, "status": "processing"}}, {}, UUID),
        ({"data": {"uuid": UUID}}, {}, UUID),
        ({"bulk_download": {"id": "9"}, "message": "created"}, {}, "9"),
        (UUID, {}, UUID),
        (1001, {}, "1001"),
        ({"download_url": f"https://files.flow.bio/downloads/{UUID}"}, {}, UUID),
        ({"download_url": f"/downloads/{UUID}/all.zip?x=1"}, {}, UUID),
        (None, {"Location": f"/api/downloads/{UUID}"}, UUID),
        ({}, {"Location": f"https://app.flow.bio/api/downloads/{UUID}/"}, UUID),
    ],
)
@pytest.mark.parametrize("status", [200, 201, 202])
def test_a_job_in_any_form(flow, body: Any, headers: dict[str, str], id_: str, status: int) -> None:
    answer = httpx.Response(status, headers=headers) if body is None else None
    flow.answers["POST /downloads"] = answer or httpx.Response(status, json=body, headers=headers)
    assert flow.client().create_bulk_job(["1"], "x.zip").id == id_


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, json={}),
        httpx.Response(201),
        httpx.Response(204),
        httpx.Response(200, html="<!DOCTYPE html><div id=root></div>"),
        httpx.Response(200, json={"error": "no"}),
        httpx.Response(200, json=[]),
        httpx.Response(200, json=True),
        httpx.Response(200, json={"id": None}),
        httpx.Response(200, text="not json"),
        httpx.Response(201, headers={"Location": "https://app.flow.bio/login"}),
        httpx.Response(302, headers={"Location": "/login"}),
        httpx.Response(307, headers={"Location": "/downloads/1"}),
        httpx.Response(400, json={"error": {"data": ["This field is required."]}}),
        httpx.Response(400, json={"error": {"code": "x", "message": "m", "details": []}}),
        httpx.Response(400, json=["a list"]),
        httpx.Response(400),
        httpx.Response(403, json={"error": "Token not authorised for this endpoint"}),
        httpx.Response(404),
        httpx.Response(405),
        httpx.Response(415),
        httpx.Response(422, json={"type": "about:blank", "title": "Unprocessable", "errors": []}),
        httpx.Response(501),
    ],
)
def test_what_is_no_job_means_one_by_one(flow, answer: httpx.Response) -> None:
    flow.answers["POST /downloads"] = answer
    with pytest.raises(NotOffered, match="one by one"):
        flow.client().create_bulk_job(["1"], "x.zip")


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, NotSignedIn), (429, RateLimited), (500, ServiceUnavailable), (503, ServiceUnavailable)],
)
def test_what_may_be_otherwise_the_next_time(flow, status: int, kind: type[Exception]) -> None:
    flow.answers["POST /downloads"] = httpx.Response(status)
    with pytest.raises(kind):
        flow.client().create_bulk_job(["1"], "x.zip")


@pytest.mark.parametrize("status", [400, 404, 409, 425])
def test_nothing_there_is_not_ready(flow, status: int) -> None:
    flow.answers["/downloads/7"] = httpx.Response(status)
    with pytest.raises(NotReady):
        flow.client().bulk_job("7")
    flow.answers["/downloads/7"] = httpx.Response(410)
    with pytest.raises(Gone):
        flow.client().bulk_job("7")
