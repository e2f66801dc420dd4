"""The bytes of a file on Flow for a look into it: few of them, and none once nobody waits."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING

import httpx

from flowtui.flow.errors import InsecureServer, ServiceUnavailable, UnexpectedAnswer
from flowtui.flow.http.answers import REDIRECTS, SMALL, whole
from flowtui.flow.http.deadline import Deadline, within
from flowtui.flow.http.decoding import decoded
from flowtui.flow.http.plain_http import is_downgrade
from flowtui.flow.responses import error_of, network_error
from flowtui.peek.look import MOST_FETCHED, Piece
from flowtui.text.printable import printable

if TYPE_CHECKING:
    from flowtui.flow.client import FlowClient

SECONDS = 20.0
"""How long one range may take; nobody waits longer for a glance."""

WITHOUT_RANGES = 32 << 10
"""Bytes taken of an answer with the whole file: what was sent beyond them is for nothing."""

_MAXREDIRECTS = 5
_GOOD = (200, 206, 416)
_CONTENT_RANGE = re.compile(r"\s*bytes\s+(\d{1,18})-\d{1,18}/(\d{1,18}|\*)\s*", re.IGNORECASE)
_UNSATISFIED = re.compile(r"\s*bytes\s+\*/(\d{1,18})\s*", re.IGNORECASE)


class FileRanges:
    """Reads ranges of one file: MOST_FETCHED in all.

    Attributes:
        fetched: bytes that came so far.
    """

    def __init__(
        self, client: FlowClient, url: str, stop: threading.Event, most: int = MOST_FETCHED
    ) -> None:
        """`url`: as in `RemoteFile`. Once `stop` is set, what is under way is given up."""
        self._client = client
        self._session = client.session
        self._url = url
        self._stop = stop
        self._left = most
        self.fetched = 0

    def read(self, start: int, length: int) -> Piece:
        """So many bytes from `start` on, as far as they exist and the bound allows.

        Raises FlowError; CancelledError once nobody waits.
        """
        length = min(length, self._left)
        if length <= 0:
            return Piece(b"", None)
        wanted = {"Range": f"bytes={start}-{start + length - 1}", "Accept-Encoding": "identity"}
        with within(Deadline(SECONDS)):
            response = self._session.answered(lambda: self._opened(wanted))
            try:
                return self._piece(response, start, length)
            except httpx.RequestError as error:
                raise network_error(error, str(response.url)) from error
            finally:
                response.close()

    def _opened(self, headers: dict[str, str]) -> httpx.Response:
        """The answer behind all redirects, its body not read. The token goes to Flow alone."""
        url = self._session.absolute(self._url)
        # A link that Flow itself gave may lead from https to http no more than a redirect.
        before = self._session.server
        for _ in range(_MAXREDIRECTS + 1):
            self._check()
            try:
                _require_safe(before, url)
                auth = self._session.headers_for(url)
                request = self._client.http.build_request("GET", url, headers={**headers, **auth})
                if (request.url.port or 0) > 65535:
                    raise ValueError("there is no such port")  # the system would take another
                response = self._client.http.send(request, stream=True)
            except httpx.RequestError as error:
                raise network_error(error, url) from error
            except (httpx.InvalidURL, ValueError) as error:
                raise UnexpectedAnswer(
                    f"the server sent an invalid link: {printable(str(error))[:200]}"
                ) from None
            location = response.headers.get("location", "")
            if response.status_code in _GOOD:
                return response
            if response.status_code not in REDIRECTS or not location:
                return self._whole(response)
            response.close()
            try:
                before, url = url, str(httpx.URL(url).join(location))
            except (httpx.InvalidURL, ValueError):
                raise UnexpectedAnswer("the server redirects to an invalid link") from None
        raise UnexpectedAnswer("the server redirects in a loop")

    def _piece(self, response: httpx.Response, start: int, length: int) -> Piece:
        total = _total(response)
        if response.status_code == 416:
            return Piece(b"", total)
        if response.status_code == 206:
            found = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", ""))
            if found is None or int(found[1]) != start:
                raise UnexpectedAnswer(
                    "the server sent another part of the file than was asked for"
                )
            return Piece(self._taken(response, length), total)
        if response.status_code == 200:
            if start:
                raise UnexpectedAnswer("the server sends whole files only, and no part of this one")
            return Piece(self._taken(response, min(length, WITHOUT_RANGES)), total)
        raise error_of(response)

    def _taken(self, response: httpx.Response, length: int) -> bytes:
        """At most so many bytes of the body; the rest is not waited for."""
        found = bytearray()
        for chunk in decoded(self._counted(response), response.headers.get("content-encoding", "")):
            found += chunk
            if len(found) >= length:
                break
        return bytes(found[:length])

    def _counted(self, response: httpx.Response) -> Iterator[bytes]:
        for chunk in response.iter_raw():
            self._check()
            self.fetched += len(chunk)
            self._left -= len(chunk)
            yield chunk
            if self._left <= 0:
                return

    def _whole(self, response: httpx.Response) -> httpx.Response:
        """A refusal with what it says, which is little and a courtesy."""
        try:
            return whole(response, SMALL)
        except (httpx.RequestError, ServiceUnavailable):  # the status has said what matters
            return httpx.Response(response.status_code, request=response.request)

    def _check(self) -> None:
        if self._stop.is_set():
            raise CancelledError("nobody waits for it")


def _require_safe(before: str, after: str) -> None:
    """Raises FlowError where a link or redirect leads out of http, or from https to it."""
    if (scheme := httpx.URL(after).scheme) not in ("http", "https"):
        raise UnexpectedAnswer(f"the server leads to a {printable(scheme)[:40]}: link; refused")
    if is_downgrade(before, after):
        raise InsecureServer("the server leads from https to http; refused")


def _total(response: httpx.Response) -> int | None:
    said = response.headers.get("content-range", "")
    found = _CONTENT_RANGE.fullmatch(said)
    if found is not None:
        return None if found[2] == "*" else int(found[2])
    if unsatisfied := _UNSATISFIED.fullmatch(said):
        return int(unsatisfied[1])
    if response.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        return None
    length = response.headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdecimal() and len(length) < 19 else None
