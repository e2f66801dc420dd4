"""Archives that Flow prepares: asking for one, and asking how far it is.

The guide names no path for the second; `GET /downloads/<id>` answers JSON while the job is
prepared, and on the live service the archive itself afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import httpx

from flowtui.flow.errors import (
    FlowError,
    NotOffered,
    NotReady,
    NotSignedIn,
    ServiceUnavailable,
    TooMuch,
    UnexpectedAnswer,
)
from flowtui.flow.http.answers import SMALL, body_of, is_text, send
from flowtui.flow.listing import read_record
from flowtui.flow.models import BulkJob
from flowtui.flow.responses import error_of, json_of, network_error
from flowtui.flow.session.session import ApiSession
from flowtui.retry import retry_after
from flowtui.text.redaction import without_known_in

_NOT_READY = (400, 404, 409, 425)

_TOO_MUCH = re.compile(
    r"too (?:many|large|big|much|long)|exceed|maximum|at most|limit(?:ed)? (?:of|to|is)"
    r"|more than|(?:do|does) not fit|cannot hold",
    re.IGNORECASE,
)


def says_too_much(message: str) -> bool:
    """Whether a refusal is about the size or the number of what was asked for."""
    return _TOO_MUCH.search(message) is not None


def create(session: ApiSession, data_ids: Sequence[str], name: str) -> BulkJob:
    """Have Flow prepare an archive (`POST /downloads`, the guide's body).

    Nobody knows what the live service expects here, or answers (docs/flow-api.md, Bulk jobs). So
    whatever is no job is NotOffered: the files can come one by one. Raises TooMuch where fewer
    files may be asked for, NotSignedIn, and ServiceUnavailable where the next try may succeed.
    """
    ids = [_as_number(id_) for id_ in data_ids]
    try:
        response = session.post("/downloads", {"data_ids": ids, "name": name})
    except (NotSignedIn, ServiceUnavailable):
        raise
    except FlowError as error:
        if error.status == 413 or (error.status in (400, 422) and says_too_much(error.message)):
            raise TooMuch(error.message, status=error.status) from error
        raise _no_archives(error.status) from error
    job = job_of(response)
    if job is None:
        raise _no_archives(response.status_code)
    return job


def _no_archives(status: int | None) -> NotOffered:
    words = "this server does not prepare archives for you; download the files one by one"
    return NotOffered(words, status=status)


_IDS = ("id", "uuid", "job_id", "jobId", "download_id", "downloadId")
_WRAPPERS = ("job", "download", "bulk_download", "bulkDownload", "data", "result")


def job_of(response: httpx.Response) -> BulkJob | None:
    """The job that an answer to `POST /downloads` speaks of, in any sane form; None for none.

    Its id is a field of the object or of one inside it, the whole body, or the last part of a
    `Location` or of a `download_url`.
    """
    try:
        body = without_known_in(body_of(response), response.content)
    except ValueError:
        body = None
    fields = _job_fields(body)
    if fields is None:
        link = response.headers.get("location", "")
        if isinstance(body, dict) and isinstance(body.get("download_url"), str):
            link = body["download_url"]
        id_ = _id_in_link(link)
        fields = None if id_ is None else {**(body if isinstance(body, dict) else {}), "id": id_}
    if fields is None:
        return None
    try:
        return read_record(BulkJob, fields)
    except UnexpectedAnswer:
        return None


def _job_fields(body: object) -> dict[str, Any] | None:
    if isinstance(body, str | int) and not isinstance(body, bool):
        text = str(body).strip()
        return {"id": text} if _ID.fullmatch(text) else None
    if not isinstance(body, dict):
        return None
    for name in _IDS:
        value = body.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool) and str(value).strip():
            return {**body, "id": value}
    inner = (_job_fields(body[name]) for name in _WRAPPERS if isinstance(body.get(name), dict))
    return next((found for found in inner if found is not None), None)


_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,99}")


def _id_in_link(link: str) -> str | None:
    """The job's id in `…/downloads/<id>[/<name>]`."""
    parts = link.partition("?")[0].split("/")
    if "downloads" not in parts[:-1]:
        return None
    id_ = parts[parts.index("downloads") + 1]
    return id_ if _ID.fullmatch(id_) else None


def state(session: ApiSession, http: httpx.Client, job_id: str) -> BulkJob:
    """How far a bulk job is. Raises Gone once it has expired, NotReady where nothing is there yet.

    The Content-Type tells the state from the archive, whose bytes are not read. The live service
    answers a bare 404 until the archive is ready; whether it has expired since is for the caller
    to know, who knows whether it was ready before.
    """
    url = session.absolute(f"/downloads/{quote(job_id, safe='')}")
    response = session.answered(lambda: _ask(session, http, url))
    if response.is_redirect:  # to where the archive is stored
        return BulkJob(id=job_id, status="completed", progress=100.0)
    if response.status_code in _NOT_READY:
        raise NotReady("the archive is not ready", status=response.status_code)
    if not response.is_success:
        raise error_of(response)
    if not is_text(response):
        if response.status_code in (202, 204):
            return BulkJob(id=job_id, status="processing", retry_after=_asked(response))
        return BulkJob(id=job_id, status="completed", progress=100.0)
    body = json_of(response)
    if isinstance(body, dict):
        body = {"id": job_id, **{key: value for key, value in body.items() if value is not None}}
    job = read_record(BulkJob, body)
    return replace(job, retry_after=_asked(response))


def _asked(response: httpx.Response) -> float | None:
    """Seconds after which the server wants to be asked again, or None."""
    return retry_after(response.headers.get("retry-after", ""), response.headers.get("date", ""))


def _ask(session: ApiSession, http: httpx.Client, url: str) -> httpx.Response:
    """The answer, read whole unless it is an archive."""
    headers = {**session.headers_for(url), "Accept": "application/json"}
    try:
        return send(http, http.build_request("GET", url, headers=headers), SMALL, reads=False)
    except httpx.RequestError as error:
        raise network_error(error, url) from error
    finally:
        http.cookies.clear()


def _as_number(id_: str) -> int | str:
    """An id as the guide writes it, where that loses nothing (2^53 and a leading 0 would)."""
    return int(id_) if id_.isdecimal() and len(id_) < 16 and str(int(id_)) == id_ else id_
