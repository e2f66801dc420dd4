"""What an answer of Flow means: its JSON, or one of our errors with a message that helps.

Flow's errors come in several shapes: `{error, code, status}` (the guide), `{error}`,
`{error: {field: […]}}`, `{error: {code, message, details}}`, RFC 9457 problem+json, an empty body,
and the pages of proxies. One reader fits all.
"""

from __future__ import annotations

import json
import re
from typing import Any

import httpx

from flowtui.flow.errors import (
    FlowError,
    Gone,
    NotFound,
    NotOffered,
    NotSignedIn,
    RateLimited,
    Refused,
    ServiceUnavailable,
    UnexpectedAnswer,
)
from flowtui.flow.http.answers import TooMuchJson, address_of, body_of, text_of
from flowtui.flow.http.certificates import trust_in_words
from flowtui.flow.http.proxies import by_proxy
from flowtui.retry import retry_after
from flowtui.system import descriptors
from flowtui.text import quantities
from flowtui.text.printable import printable
from flowtui.text.redaction import REMOVED, without_known_in, without_secrets

MAX_MESSAGE = 300
"""Characters of a server's message that are shown."""

WRONG_ADDRESS = "check the server's address (Flow's own API is https://app.flow.bio/api)"


def json_of(response: httpx.Response) -> Any:
    """The JSON of a good answer, without the tokens that it repeats.

    Raises UnexpectedAnswer, or what an error answer means.
    """
    if not response.is_success:
        raise error_of(response)
    try:
        return without_known_in(body_of(response), response.content)
    except TooMuchJson as error:
        raise UnexpectedAnswer(
            f"the answer from {address_of(response.url)} {error}, which is not what Flow sends;"
            " tell the server's administrator",
            status=response.status_code,
        ) from None
    except ValueError:
        if is_web_page(response):
            raise web_page_error(response) from None
        raise UnexpectedAnswer(
            f"{_host(response)} did not answer with JSON; {WRONG_ADDRESS}",
            status=response.status_code,
        ) from None


def web_page_error(response: httpx.Response) -> UnexpectedAnswer:
    """The error that a web page means where an answer of the API was expected."""
    return UnexpectedAnswer(
        f"{_host(response)} answered with a web page instead of Flow's API; {WRONG_ADDRESS}",
        status=response.status_code,
    )


def is_web_page(response: httpx.Response) -> bool:
    """Whether the answer is a web page."""
    kind = response.headers.get("content-type", "").lower()
    return "html" in kind or response.content[:200].lstrip().lower().startswith(
        (b"<!doctype html", b"<html")
    )


def error_of(response: httpx.Response, *, secret: str | None = None) -> FlowError:
    """The error that an answer with a bad status means.

    What the server says goes into the message, without the tokens of the request and `secret`.
    """
    status = response.status_code
    message, code = message_of(response, secret=secret)
    extra = f": {message}" if message else ""
    if status == 401:
        return NotSignedIn(
            f"not signed in, or the session has expired{extra}; sign in again",
            status=401,
            code=code,
        )
    if status == 403:
        # The live service says so of API keys, which may do less than their owner.
        todo = (
            "sign in with user name and password, or use another API key"
            if "token not author" in message.lower()
            else "ask the owner for access"
        )
        return Refused(f"not allowed{extra}; {todo}", status=403, code=code)
    if status == 404:
        return NotFound(f"not found, or not visible to you{extra}", status=404, code=code)
    if status == 410:
        return Gone(f"expired{extra}; request it again", status=410, code=code)
    if status == 429 or (status == 503 and "retry-after" in response.headers):
        wait = retry_after(
            response.headers.get("retry-after", ""), response.headers.get("date", "")
        )
        after = "later" if wait is None else f"in {quantities.wait(wait)}"
        return RateLimited(
            f"{_host(response)} is busy; try again {after}",
            status=status,
            code=code,
            retry_after=wait,
        )
    if status in (405, 501):
        return NotOffered(f"this server does not support that ({status}{extra})", status=status)
    if status >= 500 or status == 408:
        return ServiceUnavailable(
            f"server error from {_host(response)} ({status}{extra}); try again later",
            status=status,
            code=code,
        )
    if response.is_redirect:
        return UnexpectedAnswer(
            f"{_host(response)} redirects elsewhere ({status}), unlike Flow's API; {WRONG_ADDRESS}",
            status=status,
        )
    return UnexpectedAnswer(
        f"{_host(response)} answered {status} {printable(response.reason_phrase)}{extra}".rstrip(),
        status=status,
        code=code,
    )


def message_of(response: httpx.Response, *, secret: str | None = None) -> tuple[str, str | None]:
    """What an error answer says, and its code; both may be missing."""
    message, code = _raw_message(response)
    for hidden in (secret, *_secrets_of(response)):
        if hidden:
            message = message.replace(hidden, REMOVED)
    return _short(without_secrets(message)), _code(code)


def _raw_message(response: httpx.Response) -> tuple[str, object]:
    try:
        body = body_of(response)
    except ValueError:
        return ("" if is_web_page(response) else text_of(response)), None
    if not isinstance(body, dict):
        return _as_text(body), None
    code = body.get("code")
    if "detail" in body or "title" in body:  # problem+json
        return _as_text(body.get("detail") or body.get("title")), code
    error = body.get("error", body)
    if isinstance(error, dict):
        code = code or error.get("code")
        if "message" in error:
            return _as_text(error["message"]), code
        return "; ".join(f"{name}: {_as_text(what)}" for name, what in error.items()), code
    return _as_text(error), code


def _as_text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    return json.dumps(value) if value not in (None, {}) else ""


def _secrets_of(response: httpx.Response) -> list[str]:
    """The tokens that the request carried."""
    try:
        headers = response.request.headers
    except RuntimeError:  # an answer that belongs to no request, as tests make them
        return []
    cookies = headers.get("cookie", "").split("; ")
    return [
        headers.get("authorization", "").removeprefix("Bearer "),
        *(cookie.partition("=")[2] for cookie in cookies),
    ]


def network_error(error: httpx.RequestError, url: str) -> ServiceUnavailable:
    """What a failure below HTTP means."""
    host = printable(httpx.URL(url).host)
    if shortage := descriptors.shortage(error):
        return ServiceUnavailable(f"cannot connect to {host}: {shortage}; try again later")
    if isinstance(error, httpx.ConnectTimeout):
        return ServiceUnavailable(
            f"timed out connecting to {host}{by_proxy(error)}; check the network"
        )
    if isinstance(error, httpx.TimeoutException):
        return ServiceUnavailable(f"timed out waiting for {host}; try again later")
    if isinstance(error, httpx.ProxyError):
        return ServiceUnavailable(
            f"the proxy cannot connect to {host} ({_short(str(error))}); check HTTPS_PROXY, "
            "or exclude the host with NO_PROXY",
            code="PROXY",
        )
    if isinstance(error, httpx.ConnectError):
        reason = _short(str(error))
        if "certificate" in reason.lower():
            return ServiceUnavailable(
                f"the certificate of {host} is not trusted ({reason}); if your institute issued "
                f"it, set ca_file in the settings to its CA file{trust_in_words()}",
                code="UNTRUSTED",
            )
        return ServiceUnavailable(
            f"cannot connect to {host} ({reason}); check the address and the network"
        )
    if isinstance(error, httpx.DecodingError):
        return ServiceUnavailable(f"the answer from {host} is corrupt; try again")
    return ServiceUnavailable(f"the connection to {host} was lost; try again")


def _host(response: httpx.Response) -> str:
    return printable(response.url.host)


def _code(value: object) -> str | None:
    return printable(value)[:60] if isinstance(value, str) and value else None


def _short(message: str) -> str:
    text = re.sub(r"\s", " ", printable(message)).strip()  # blanks of all widths are one here
    return text if len(text) <= MAX_MESSAGE else text[: MAX_MESSAGE - 1] + "…"
