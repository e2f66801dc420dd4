"""Archives that Flow prepares: asking for one, and asking how far it is.

The guide names no path for the second; `GET /downloads/<id>` answers JSON while the job is
prepared, and on the live service the archive itself afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote

import httpx

from flowtui.flow.errors import NotFound, NotOffered, Refused, TooMuch, UnexpectedAnswer
from flowtui.flow.listing import read_record
from flowtui.flow.models import BulkJob
from flowtui.flow.responses import error_of, json_of, network_error
from flowtui.flow.session import ApiSession
from flowtui.retry import retry_after

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

    Raises NotOffered where the server has no such thing, or not for this kind of token, and
    TooMuch where fewer files may be asked for.
    """
    ids = [_as_number(id_) for id_ in data_ids]
    try:
        body = session.post("/downloads", {"data_ids": ids, "name": name})
    except (NotFound, NotOffered, Refused) as error:
        raise NotOffered(
            "this server does not prepare archives for you; download the files one by one",
            status=error.status,
        ) from error
    except UnexpectedAnswer as error:
        too_much = error.status == 413 or (
            error.status in (400, 422) and says_too_much(error.message)
        )
        if not too_much:
            raise
        raise TooMuch(error.message, status=error.status) from error
    return read_record(BulkJob, body)


def state(session: ApiSession, http: httpx.Client, job_id: str) -> BulkJob:
    """How far a bulk job is. Raises Gone once it has expired.

    The Content-Type tells the state from the archive, whose bytes are not read.
    """
    url = session.absolute(f"/downloads/{quote(job_id, safe='')}")
    response = _ask(session, http, url)
    if response.status_code == 401 and session.refresh(_token_of(response)):
        response = _ask(session, http, url)
    if response.is_redirect:  # to where the archive is stored
        return BulkJob(id=job_id, status="completed", progress=100.0)
    if not response.is_success:
        raise error_of(response)
    if not _is_text(response):
        if response.status_code in (202, 204):
            found = BulkJob(id=job_id, status="processing")
            return found.model_copy(update={"retry_after": _asked(response)})
        return BulkJob(id=job_id, status="completed", progress=100.0)
    body = json_of(response)
    if isinstance(body, dict):
        body = {"id": job_id, **{key: value for key, value in body.items() if value is not None}}
    job = read_record(BulkJob, body)
    return job.model_copy(update={"retry_after": _asked(response)})


def _asked(response: httpx.Response) -> float | None:
    """Seconds after which the server wants to be asked again, or None."""
    return retry_after(response.headers.get("retry-after", ""))


def _ask(session: ApiSession, http: httpx.Client, url: str) -> httpx.Response:
    """The answer, read whole unless it is an archive."""
    headers = {**session.headers_for(url), "Accept": "application/json"}
    try:
        with http.stream("GET", url, headers=headers) as response:
            if not response.is_success or _is_text(response):
                response.read()
    except httpx.RequestError as error:
        raise network_error(error, url) from error
    finally:
        http.cookies.clear()
    return response


def _is_text(response: httpx.Response) -> bool:
    """Whether this is the job's state, or a web page, and no archive."""
    kind = response.headers.get("content-type", "").lower()
    return "json" in kind or "html" in kind


def _token_of(response: httpx.Response) -> str | None:
    return response.request.headers.get("authorization", "").removeprefix("Bearer ") or None


def _as_number(id_: str) -> int | str:
    """An id as the guide writes it, where that loses nothing (2^53 and a leading 0 would)."""
    return int(id_) if id_.isdecimal() and len(id_) < 16 and str(int(id_)) == id_ else id_
