"""What an answer of Flow means: its JSON, or one of our errors with words that help.

Flow's errors come in several shapes: `{error, code, status}` (the guide), `{error}`,
`{error: {field: […]}}`, `{error: {code, message, details}}`, RFC 9457 problem+json, an empty body,
and the pages of proxies. One reader fits all.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from flowtui.flow.clean import printable
from flowtui.flow.errors import (
    FlowError,
    Gone,
    NotFound,
    NotSignedIn,
    RateLimited,
    Refused,
    ServiceUnavailable,
    UnexpectedAnswer,
)

MAX_WORDS = 300
"""Characters of a server's message that are shown."""


def json_of(response: httpx.Response) -> Any:
    """The JSON of a good answer. Raises UnexpectedAnswer, or what an error answer means."""
    if not response.is_success:
        raise error_of(response)
    try:
        return response.json()
    except ValueError:
        if looks_like_page(response):
            raise UnexpectedAnswer(
                f"{_host(response)} answered with a web page, not as Flow's API does; check the "
                "server's address (Flow's own API is https://app.flow.bio/api)",
                status=response.status_code,
            ) from None
        raise UnexpectedAnswer(
            f"{_host(response)} answered something that is no JSON", status=response.status_code
        ) from None


def looks_like_page(response: httpx.Response) -> bool:
    """Whether the answer is a web page."""
    kind = response.headers.get("content-type", "").lower()
    return "html" in kind or response.content[:200].lstrip().lower().startswith(
        (b"<!doctype html", b"<html")
    )


def error_of(response: httpx.Response) -> FlowError:
    """The error that an answer with a bad status means."""
    status = response.status_code
    said, code = words_of(response)
    extra = f": {said}" if said else ""
    if status == 401:
        return NotSignedIn(f"not signed in, or the session has ended{extra}", status=401, code=code)
    if status == 403:
        return Refused(f"not allowed{extra}; ask the owner for access", status=403, code=code)
    if status == 404:
        return NotFound(f"not found, or not visible to you{extra}", status=404, code=code)
    if status == 410:
        return Gone(f"expired{extra}; ask for it anew", status=410, code=code)
    if status == 429 or (status == 503 and "retry-after" in response.headers):
        wait = retry_after(response)
        after = f"; try again in {wait:.0f} s" if wait is not None else "; try again later"
        return RateLimited(
            f"{_host(response)} asks to slow down{after}",
            status=status,
            code=code,
            retry_after=wait,
        )
    if status >= 500 or status == 408:
        return ServiceUnavailable(
            f"{_host(response)} has trouble ({status}{extra}); try again later",
            status=status,
            code=code,
        )
    return UnexpectedAnswer(
        f"{_host(response)} answered {status} {response.reason_phrase}{extra}".rstrip(),
        status=status,
        code=code,
    )


def words_of(response: httpx.Response) -> tuple[str, str | None]:
    """What an error answer says, and its code; both may be missing."""
    try:
        body = response.json()
    except ValueError:
        if looks_like_page(response):
            return "", None
        return _short(response.text), None
    if not isinstance(body, dict):
        return _short(json.dumps(body)) if body else "", None
    code = body.get("code")
    if "detail" in body or "title" in body:  # problem+json
        return _short(body.get("detail") or body.get("title")), _code(code)
    error = body.get("error", body)
    if isinstance(error, dict):
        code = code or error.get("code")
        if "message" in error:
            return _short(error["message"]), _code(code)
        parts = [
            f"{name}: {', '.join(map(str, what)) if isinstance(what, list) else what}"
            for name, what in error.items()
        ]
        return _short("; ".join(parts)), _code(code)
    return _short(error), _code(code)


def network_error(error: httpx.TransportError, url: str) -> ServiceUnavailable:
    """What a failure below HTTP means."""
    host = printable(httpx.URL(url).host)
    if isinstance(error, httpx.ConnectTimeout):
        return ServiceUnavailable(f"{host} cannot be reached in time; check the network")
    if isinstance(error, httpx.TimeoutException):
        return ServiceUnavailable(f"{host} does not answer in time; try again later")
    if isinstance(error, httpx.ConnectError):
        words = _short(str(error))
        if "certificate" in words.lower():
            return ServiceUnavailable(
                f"the certificate of {host} is not trusted ({words}); if it is your institute's, "
                "name its CA file as ca_file in the settings"
            )
        return ServiceUnavailable(f"cannot connect to {host} ({words}); check address and network")
    return ServiceUnavailable(f"the connection to {host} was lost; try again")


def retry_after(response: httpx.Response) -> float | None:
    """Seconds of Retry-After, given as seconds or as a date (RFC 9110, 10.2.3); None for none."""
    text = response.headers.get("retry-after", "").strip()
    if text.isdecimal() and len(text) < 12:
        return float(text)
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return max(0.0, (when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _host(response: httpx.Response) -> str:
    return printable(response.url.host)


def _code(value: object) -> str | None:
    return printable(value)[:60] if isinstance(value, str) and value else None


def _short(value: object) -> str:
    text = printable(str(value)).strip() if value not in (None, "") else ""
    return text if len(text) <= MAX_WORDS else text[: MAX_WORDS - 1] + "…"
