"""What an answer of a server means, told from its status and headers alone (RFC 9110, 13 to 15)."""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass

import httpx

from flowtui.flow.http.answers import parsed
from flowtui.flow.http.deadline import Deadline, within
from flowtui.flow.http.decoding import decoded
from flowtui.flow.http.plain_http import is_downgrade
from flowtui.retry import retry_after
from flowtui.system import descriptors
from flowtui.text.printable import printable
from flowtui.text.redaction import without_known, without_secrets
from flowtui.transfer.errors import (
    PermanentError,
    RemoteChanged,
    TooManyOpen,
    TransferError,
    TransientError,
)

_CONTENT_RANGE = re.compile(
    r"\s*bytes\s+(\d{1,18})-(\d{1,18})/(\d{1,18}|\*)\s*", re.IGNORECASE | re.ASCII
)
_UNSATISFIED = re.compile(r"\s*bytes\s+\*/(\d{1,18})\s*", re.IGNORECASE | re.ASCII)

# Both are sent back as If-Range, which takes no more than ASCII.
_ENTITY_TAG = re.compile(r'(?:W/)?"[\x20-\x7e]{0,290}')
_DATE = re.compile(r"[A-Za-z]{3,9},? [ -~]{10,60}")

_BAD = "BAD_LINK"

WORDS_AT_MOST = 16384
"""Bytes of an error object that are read for what it says."""

WORDS_WITHIN = 10.0
"""Seconds that it is waited for that, at most."""


@dataclass(frozen=True)
class ContentRange:
    """Which bytes a 206 holds: `[start, end)` of `total`, which may be unknown."""

    start: int
    end: int
    total: int | None


def content_range(response: httpx.Response) -> ContentRange | None:
    """What Content-Range says, or None where it says nothing that makes sense."""
    found = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", ""))
    if not found:
        return None
    start, end = int(found[1]), int(found[2]) + 1
    total = int(found[3]) if found[3] != "*" else None
    if end <= start or (total is not None and end > total):
        return None
    return ContentRange(start, end, total)


def size_of_unsatisfied(response: httpx.Response) -> int | None:
    """The file's size that a 416 tells, or None."""
    found = _UNSATISFIED.fullmatch(response.headers.get("content-range", ""))
    return int(found[1]) if found else None


def content_length(response: httpx.Response) -> int | None:
    """Content-Length, or None."""
    text = response.headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 30 else None


def content_encoding(response: httpx.Response) -> str:
    """Content-Encoding in lower case, empty for none."""
    encoding = response.headers.get("content-encoding", "").strip().lower()
    return "" if encoding == "identity" else str(encoding)


def entity_tag(response: httpx.Response) -> str | None:
    """ETag as sent, or None where there is none or it is malformed, or repeats a token.

    It is kept in the journal, which others may read.
    """
    etag = response.headers.get("etag", "").strip()
    is_sane = _ENTITY_TAG.fullmatch(etag) is not None
    return etag if is_sane and without_known(etag) == etag else None


def last_modified(response: httpx.Response) -> str | None:
    """Last-Modified as sent, or None where there is none or it is no date; see `entity_tag`."""
    modified = response.headers.get("last-modified", "").strip()
    is_date = _DATE.fullmatch(modified) is not None
    return modified if is_date and without_known(modified) == modified else None


def refusal(response: httpx.Response) -> TransferError:
    """What a status means that is neither 200, 206, 3xx, 401 nor 410."""
    status = response.status_code
    if status == 416:
        size = size_of_unsatisfied(response)
        there = "" if size is None else f" ({size:,} bytes there)"
        return RemoteChanged(f"the server does not have this part of the file{there}", code="RANGE")
    if status in (408, 425, 429) or status >= 500:
        words = {429: "too many requests, 429", 408: "the server timed out waiting for the request"}
        return TransientError(
            words.get(status, f"the server failed with {status}"),
            code=f"HTTP_{status}",
            asked=retry_after(
                response.headers.get("retry-after", ""), response.headers.get("date", "")
            ),
            crowded=status in (429, 503),
            outage=status in (502, 503, 504),
        )
    said = message_of(response)
    if status == 403:
        return PermanentError(
            f"you may not download this file{said}; ask its owner for access",
            code="FORBIDDEN",
            retryable=True,
        )
    if status == 404:
        return PermanentError(
            f"not found, or not visible to you{said}; check the id and your access",
            code="NOT_FOUND",
            retryable=True,
        )
    if status == 407:
        return PermanentError(
            "the proxy requires a sign-in; set HTTPS_PROXY=http://user:password@host:port",
            code="PROXY",
            retryable=True,
        )
    return PermanentError(
        f"the server answered {status}{said}", code=f"HTTP_{status}", retryable=True
    )


def link_refusal(response: httpx.Response) -> PermanentError:
    """What the end of a link means (400, 401, 403, 404, 410) once Flow has no fresh one either."""
    if response.status_code == 410:
        return PermanentError(
            "the download link has expired and Flow gave no new one; queue the file again",
            code="EXPIRED",
            retryable=True,
        )
    if response.status_code == 401:
        return PermanentError(
            "Flow's storage refused the request (401)", code="FORBIDDEN", retryable=True
        )
    refused = refusal(response)
    assert isinstance(refused, PermanentError)
    return refused


def next_hop(url: str, location: str) -> str:
    """Where a redirect leads. Raises PermanentError where that is nowhere, or not safe."""
    try:
        target = httpx.URL(url).join(location)
    except (httpx.InvalidURL, ValueError):
        raise PermanentError("the server redirects to an invalid link", code=_BAD) from None
    if target.scheme not in ("http", "https"):
        raise PermanentError(
            f"the server redirects to a {printable(target.scheme)}: link; refused", code=_BAD
        )
    require_no_downgrade(url, str(target), "redirects")
    return str(target)


def require_no_downgrade(before: str, after: str, how: str) -> None:
    """Raises PermanentError where the server leads from https to http; `how` it does so, a verb."""
    if is_downgrade(before, after):
        raise PermanentError(f"the server {how} from https to http; refused", code="INSECURE")


def message_of(response: httpx.Response) -> str:
    """What an error answer says, as ` (…)`, or nothing."""
    if "json" not in response.headers.get("content-type", ""):
        return ""
    try:
        content = b""
        with within(Deadline(WORDS_WITHIN)):
            for chunk in decoded(response.iter_raw(), content_encoding(response)):
                content += chunk
                if len(content) > WORDS_AT_MOST:
                    return ""
    except (httpx.TransportError, httpx.DecodingError):
        # The status has said what matters; the words are a courtesy.
        return ""
    return words_in(content)


def words_in(content: bytes) -> str:
    """What an error object says, as ` (…)`, or nothing."""
    try:
        body = parsed(content)
    except ValueError:
        return ""  # cut off, or not JSON: the words are a courtesy
    said = body.get("error") if isinstance(body, dict) else None
    if isinstance(said, dict):
        said = said.get("message")
    return f" ({printable(without_secrets(said))[:200]})" if isinstance(said, str) and said else ""


def network_trouble(error: Exception, timeout: httpx.Timeout | None = None) -> TransferError:
    """An exception of httpx in words."""
    if shortage := descriptors.shortage(error):
        return TooManyOpen(shortage)
    if isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout):
        from flowtui.flow.http.proxies import by_proxy

        return TransientError(
            f"connecting to the server timed out{by_proxy(error)}", code="TIMEOUT", outage=True
        )
    if isinstance(error, httpx.TimeoutException):
        seconds = timeout.read if timeout else None
        long = f"{seconds:g} s" if seconds else "too long"
        return TransientError(f"no data for {long}", code="STALLED")
    if isinstance(error, httpx.ConnectError):
        if untrusted := _untrusted(error):
            return untrusted
        words = printable(str(error))[:240]
        return TransientError(
            f"cannot connect: {words}", code="UNREACHABLE", crowded=True, outage=True
        )
    if isinstance(error, httpx.ProxyError):
        return TransientError(
            f"the proxy refused the request: {printable(str(error))[:240]}", code="PROXY"
        )
    if isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError):
        return PermanentError(
            f"the server sent an invalid link: {printable(str(error))}", code=_BAD
        )
    if isinstance(error, httpx.RemoteProtocolError):
        words = printable(str(error))[:240]
        if "location header" in words:
            return PermanentError("the server redirects to an invalid link", code=_BAD)
        if words.startswith(("peer closed", "Server disconnected")):
            return TransientError("the connection was cut", code="CUT")
        return TransientError(f"the server's response is malformed: {words}", code="PROTOCOL")
    if isinstance(error, httpx.DecodingError):
        return TransientError("the server's compressed response is damaged", code="ENCODED")
    return TransientError("the connection was lost", code="CONNECTION")


def was_dropped(error: httpx.TransportError) -> bool:
    """Whether the other side had given up the connection before it answered."""
    if isinstance(error, httpx.RemoteProtocolError):
        return str(error).startswith("Server disconnected")
    return isinstance(error, httpx.ReadError | httpx.WriteError | httpx.CloseError)


def _untrusted(error: BaseException) -> PermanentError | None:
    """A certificate that does not prove the server's name: no repetition makes it right."""
    from flowtui.flow.http.certificates import trust_in_words

    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return PermanentError(
                f"the server's certificate is not trusted: {printable(cause.verify_message)}; "
                "if your institute issued it, set ca_file in settings.toml to its CA file"
                f"{trust_in_words()}",
                code="UNTRUSTED",
                retryable=True,
            )
        cause = cause.__cause__ or cause.__context__
    return None
