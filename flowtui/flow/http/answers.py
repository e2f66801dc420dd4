"""One answer of a server, read whole within bounds: of bytes, of what they unpack to, of time.

Whatever comes over the network is the server's to choose, so nothing of it is read without a bound.
What is beyond is left: the connection is closed, and the error says whose answer that was.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from flowtui.flow.errors import ServiceUnavailable, UnexpectedAnswer
from flowtui.flow.fields import TOO_DEEP
from flowtui.flow.http.deadline import Clock, Deadline, within
from flowtui.flow.http.decoding import decoded
from flowtui.text import quantities
from flowtui.text.printable import printable
from flowtui.timings import ANSWERS, Deadlines

WORDS = 64 << 10
"""Bytes of an answer with a bad status that are read: what it says is a courtesy."""

DEEPEST = 64
"""How deep values may be nested; a record of Flow has less than ten storeys."""

_LOOKED_INTO = 8
"""Storeys in which there are lists of records: projects, samples, sets of files, files."""

_READ_AGAIN = {"content-encoding", "content-length", "transfer-encoding"}
"""Headers that say how the bytes came, which are unpacked by then."""


REDIRECTS = frozenset({301, 302, 303, 307, 308})
"""Statuses that lead to another address."""

_BOUND = "flowtui_bound"
"""Where a response has the bound that it was read by."""


@dataclass(frozen=True)
class Bound:
    """How much one answer may be.

    Attributes:
        size: bytes, unpacked. `values`: objects and lists in it, of which a byte or two may be one,
            and each takes hundreds of bytes once it is read.
    """

    size: int
    values: int


SMALL = Bound(1 << 20, 10_000)
"""Who somebody is, a sign-in, a token, how far a bulk job is."""

PAGE = Bound(16 << 20, 250_000)
"""A page of a list, 100 rows as asked; also a list that comes in one piece: some 6,000 samples are
the most that is public of one kind (docs/flow-api.md, The scale of the service)."""

DETAIL = Bound(64 << 20, 1_000_000)
"""One record, with all that is inlined there: the samples of a project with their files in the
documented dialect, a run's tens of thousands of outputs, its logs of some ten MiB."""


def send(
    http: httpx.Client,
    request: httpx.Request,
    bound: Bound,
    deadlines: Deadlines = ANSWERS,
    clock: Clock = time.monotonic,
    *,
    reads: bool = True,
) -> httpx.Response:
    """Send a request; its answer, read and unpacked.

    Not `reads`: of a good answer that is neither JSON nor a web page the headers alone.

    Raises httpx.RequestError where none comes, and what `whole` does.
    """
    deadline = Deadline(deadlines.head, clock)
    with within(deadline):
        response = http.send(request, stream=True)
    return whole(response, bound, deadlines, clock, reads=reads)


def whole(
    response: httpx.Response,
    bound: Bound,
    deadlines: Deadlines = ANSWERS,
    clock: Clock = time.monotonic,
    *,
    reads: bool = True,
) -> httpx.Response:
    """An answer whose body has still to come, read and unpacked; see `send`. It is closed.

    Raises httpx.RequestError, ServiceUnavailable where it does not end in time, UnexpectedAnswer
    where it is beyond `bound`.
    """
    try:
        content = b""
        if reads or not response.is_success or is_text(response):
            content = _content(response, bound, deadlines, clock)
    finally:
        response.close()
    headers = [(name, value) for name, value in response.headers.multi_items()
               if name.lower() not in _READ_AGAIN]  # fmt: skip
    return httpx.Response(
        response.status_code,
        headers=headers,
        content=content,
        request=response.request,
        extensions={
            "reason_phrase": response.reason_phrase.encode("ascii", "ignore"),
            _BOUND: bound,
        },
    )


def body_of(response: httpx.Response) -> Any:
    """The JSON of an answer of `send`. Raises ValueError for none, TooMuchJson."""
    return parsed(response.content, response.extensions.get(_BOUND, DETAIL))


def text_of(response: httpx.Response) -> str:
    """The text of an answer, whatever encoding it claims to have."""
    try:
        return response.content.decode()
    except UnicodeDecodeError:
        return response.content.decode("latin-1")


def is_text(response: httpx.Response) -> bool:
    """Whether an answer is JSON or a web page, by its label."""
    kind = response.headers.get("content-type", "").lower()
    return "json" in kind or "html" in kind


def address_of(url: httpx.URL) -> str:
    """Which address an error is about: host and path, without what a query may hold in secrets."""
    return printable(f"{url.host}{url.path}")[:200]


def _content(response: httpx.Response, bound: Bound, deadlines: Deadlines, clock: Clock) -> bytes:
    address = address_of(response.request.url)
    most = bound.size if response.is_success else WORDS
    found = bytearray()
    began = clock()
    pieces = _pieces(response)
    while True:
        left = began + deadlines.body(len(found)) - clock()
        try:
            if left <= 0:
                raise httpx.ReadTimeout("the deadline of the answer has passed")
            with within(Deadline(left, clock)):
                piece = next(pieces, b"")
        except httpx.TimeoutException as error:
            raise ServiceUnavailable(
                f"{address} did not finish its answer in time ({quantities.size(len(found))}"
                " received); try again later"
            ) from error
        if not piece:
            return bytes(found)
        found += piece
        if len(found) > most:
            if not response.is_success:
                return bytes(found[:most])
            raise UnexpectedAnswer(
                f"the answer from {address} is larger than {quantities.size(most)}, which is not"
                " what Flow sends; tell the server's administrator",
                status=response.status_code,
            )


def _pieces(response: httpx.Response) -> Iterator[bytes]:
    """The unpacked bytes as they come."""
    if response.is_stream_consumed:  # it came in one piece, and httpx has it unpacked
        return iter([response.content])
    encoding = response.headers.get("content-encoding", "")
    return decoded(response.iter_raw(), encoding)


def parsed(content: bytes, bound: Bound = DETAIL) -> Any:
    """The value of a JSON text. Raises ValueError for what is none, or is beyond `bound`.

    Rows of lists that are nested too deeply are TOO_DEEP: one row must not cost the others.
    """
    values = content.count(b"{") + content.count(b"[")  # those in texts too: it is a bound
    if values > bound.values:
        raise TooMuchJson(f"has more than {bound.values:,} values")
    text = _text(content)
    try:
        try:
            body = json.loads(text)
        except json.JSONDecodeError:
            raise
        except ValueError:  # a number of more digits than Python reads
            body = json.loads(text, parse_int=_whole_number)
    except RecursionError:
        raise TooMuchJson("is nested too deeply") from None
    if is_deeper(body, DEEPEST):
        body = _without_deep_rows(body)
        if is_deeper(body, DEEPEST):
            raise TooMuchJson("is nested too deeply")
    return body


class TooMuchJson(ValueError):
    """JSON that is beyond a bound; the message says which, as what follows `the answer`."""


def is_deeper(value: object, storeys: int) -> bool:
    """Whether a value of JSON is nested more than so many times."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(storeys):
        level = [child for item in level for child in _children(item)
                 if isinstance(child, dict | list)]  # fmt: skip
    return bool(level)


def _children(value: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value


def _without_deep_rows(value: object, storeys: int = DEEPEST, down: int = _LOOKED_INTO) -> object:
    """The same with TOO_DEEP for those rows of its lists that are nested too deeply.

    A row that has lists of rows itself may lose some of those instead.
    """
    if not down or not is_deeper(value, storeys):
        return value
    if isinstance(value, dict):
        return {name: _without_deep_rows(item, storeys - 1, down - 1)
                for name, item in value.items()}  # fmt: skip
    if isinstance(value, list):
        rows = [_without_deep_rows(row, storeys - 1, down - 1) for row in value]
        return [TOO_DEEP if isinstance(row, dict) and is_deeper(row, storeys - 1) else row
                for row in rows]  # fmt: skip
    return value


def _text(content: bytes) -> str:
    try:
        return content.decode(json.detect_encoding(content), "surrogatepass")
    except UnicodeDecodeError:
        return content.decode("utf-8", "replace")  # one odd name must not cost a page


def _whole_number(digits: str) -> int | None:
    try:
        return int(digits)
    except ValueError:
        return None
