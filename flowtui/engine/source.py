"""One remote file over HTTP: a request for some of its bytes, and the checks of what comes back.

What comes back is checked, never assumed (RFC 9110, sections 13 to 15): 206 with the right
Content-Range, 200 from the start, 416 with the size, HTML or JSON where a file should be refused.
"""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

from flowtui.engine.failures import (
    FreshLink,
    GiveUp,
    SignInNeeded,
    StartOver,
    Stopped,
    TryAgain,
)
from flowtui.engine.journal import Identity
from flowtui.engine.reading import pieces
from flowtui.flow.clean import printable

if TYPE_CHECKING:
    from flowtui.flow.client import FlowClient

MAX_REDIRECTS = 10

_CONTENT_RANGE = re.compile(r"^\s*bytes\s+(\d+)-(\d+)/(\d+|\*)\s*$", re.IGNORECASE)
_UNSATISFIED = re.compile(r"^\s*bytes\s+\*/(\d+)\s*$", re.IGNORECASE)


class StopSignal:
    """Tells a transfer's threads to stop, and wakes those that wait for the network.

    Attributes:
        event: set once the transfer shall stop.
    """

    def __init__(self) -> None:
        self.event = threading.Event()
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()

    def set(self) -> None:
        """Stop: no more bytes are asked for, and blocked reads end."""
        self.event.set()
        with self._lock:
            for one in self._sockets:
                _shut(one)

    def interrupt(self) -> None:
        """End the reads that are under way now, as if their connections were lost."""
        with self._lock:
            for one in self._sockets:
                _shut(one)

    def check(self) -> None:
        """Raise Stopped if it is time to stop."""
        if self.event.is_set():
            raise Stopped

    def watch(self, response: httpx.Response) -> Callable[[], None]:
        """Have `set` end this response's reads too; call what is returned when it is read."""
        stream = response.extensions.get("network_stream")
        found = stream.get_extra_info("socket") if stream is not None else None
        if not isinstance(found, socket.socket):
            return lambda: None
        with self._lock:
            self._sockets.add(found)
        if self.event.is_set():
            _shut(found)

        def unwatch() -> None:
            with self._lock:
                self._sockets.discard(found)

        return unwatch


def _shut(one: socket.socket) -> None:
    try:
        one.shutdown(socket.SHUT_RDWR)
    except OSError:
        # Closed already: then nothing waits for it either.
        return


@dataclass
class Body:
    """An answer that holds bytes of the file.

    Attributes:
        start: offset of its first byte in the file.
        end: one past its last byte, or None where the server does not say.
        total: the file's size as the server says now, or None.
        identity: what the answer says of the file (ETag, Last-Modified, size).
        chunks: the bytes; raises TryAgain when they end too early.
        ranged: whether it is a 206.
    """

    start: int
    end: int | None
    total: int | None
    identity: Identity
    chunks: Iterator[bytes]
    ranged: bool
    close: Callable[[], None]


class Source:
    """Asks for the bytes of one remote file.

    Attributes:
        key: see `RemoteFile.key`.
        url: where the bytes are; changed by `renew` when the link has expired.
    """

    def __init__(
        self,
        http: httpx.Client,
        client: FlowClient,
        *,
        key: str,
        url: str,
        filename: str,
        data_id: str | None,
        stop: StopSignal,
    ) -> None:
        self.key = key
        self.url = url
        self.filename = filename
        self._data_id = data_id
        self._http = http
        self._client = client
        self._stop = stop
        self._renewed = 0

    def open(self, start: int, end: int | None, known: Identity, *, probe: bool = False) -> Body:
        """Ask for `[start, end)`; `end` None asks for the rest.

        `probe` asks with a Range even where the whole file is wanted, to learn whether the server
        knows ranges.

        Raises:
            StartOver: the bytes that are here are of no use (the file changed, or the server
                sends from the start only).
            TryAgain, FreshLink, SignInNeeded, GiveUp, Stopped: see `failures`.
        """
        headers = {"Accept-Encoding": "identity", "Accept": "*/*"}
        if start > 0 or end is not None or probe:
            headers["Range"] = f"bytes={start}-{'' if end is None else end - 1}"
            if start > 0 and known.validator:
                headers["If-Range"] = known.validator
        response = self._send(headers)
        try:
            return self._body(response, start, end, known)
        except BaseException:
            response.close()
            raise

    def renew(self) -> None:
        """Ask Flow for a fresh link after FreshLink. Raises GiveUp where there is none."""
        from flowtui.flow.errors import FlowError, NotSignedIn

        self._renewed += 1
        if self._data_id is None or self._renewed > 2:
            raise GiveUp(
                "the link has expired and there is no other; queue it again", code="EXPIRED"
            )
        try:
            data = self._client.data(self._data_id)
        except NotSignedIn as error:
            raise SignInNeeded(error.message) from error
        except FlowError as error:
            if error.retryable:
                raise TryAgain(error.message, code=error.code) from error
            raise GiveUp(f"no fresh link: {error.message}", code=error.code) from error
        if data.download_url:
            self.url = data.download_url

    def _send(self, headers: dict[str, str]) -> httpx.Response:
        """Send the request, following redirects and refreshing the session once."""
        url = self._client.absolute(self.url)
        refreshed = False
        hops = 0
        while True:
            self._stop.check()
            # Asked for anew at each hop: the token goes to the service's own origin alone.
            auth = self._client.headers_for(url)
            try:
                request = self._http.build_request("GET", url, headers={**headers, **auth})
            except (httpx.InvalidURL, ValueError) as error:
                raise GiveUp(
                    f"the server gave a link that is none: {error}", code="BAD_LINK"
                ) from None
            response = self._exchange(request)
            status = response.status_code
            if status in (301, 302, 303, 307, 308):
                location = response.headers.get("location", "")
                response.close()
                hops += 1
                if hops > MAX_REDIRECTS or not location:
                    raise GiveUp("the server redirects in circles", code="REDIRECT_LOOP")
                url = self._next_hop(url, location)
                continue
            if status == 401:
                response.close()
                used = auth.get("Authorization", "").removeprefix("Bearer ") or None
                if not auth and not self._client.is_own(url):
                    raise GiveUp(
                        "the storage behind Flow refused the request (401)", code="FORBIDDEN"
                    )
                if refreshed or not self._refresh(used):
                    raise SignInNeeded("the session has ended; sign in again")
                refreshed = True
                continue
            if status in (200, 206):
                return response
            try:
                self._refuse(response)
            finally:
                response.close()

    def _exchange(self, request: httpx.Request) -> httpx.Response:
        try:
            return self._http.send(request, stream=True)
        except httpx.TransportError as error:
            self._stop.check()
            raise network_trouble(error) from error

    def _refresh(self, used: str | None) -> bool:
        from flowtui.flow.errors import FlowError, NotSignedIn

        try:
            return self._client.refresh(used)
        except NotSignedIn:
            return False
        except FlowError as error:
            raise TryAgain(f"cannot refresh the session: {error.message}") from error

    def _next_hop(self, url: str, location: str) -> str:
        try:
            target = httpx.URL(url).join(location)
        except (httpx.InvalidURL, ValueError):
            raise GiveUp("the server redirects to a link that is none", code="BAD_LINK") from None
        if target.scheme not in ("http", "https"):
            raise GiveUp(f"the server redirects to {target.scheme}:, refused", code="BAD_LINK")
        if httpx.URL(url).scheme == "https" and target.scheme == "http":
            raise GiveUp("the server redirects from https to http, refused", code="INSECURE")
        return str(target)

    def _refuse(self, response: httpx.Response) -> None:
        """Raise what a status other than 200, 206, 3xx and 401 means."""
        status = response.status_code
        wait = retry_after(response)
        if status == 416:
            found = _UNSATISFIED.match(response.headers.get("content-range", ""))
            size = f" ({int(found[1]):,} bytes there)" if found else ""
            raise StartOver(f"the server has no such part of the file{size}", code="RANGE")
        if status == 410:
            raise FreshLink("the link has expired")
        if status in (408, 425, 429) or status >= 500:
            words = {429: "the server asks to slow down", 408: "the server waited too long"}
            what = words.get(status, f"the server has trouble ({status})")
            raise TryAgain(
                what, code=f"HTTP_{status}", retry_after=wait, crowded=status in (429, 503)
            )
        said = self._words_of(response)
        if status == 403:
            raise GiveUp(
                f"you may not download this file{said}; ask its owner for access",
                code="FORBIDDEN",
                retryable=True,
            )
        if status == 404:
            raise GiveUp(
                f"not found, or not visible to you{said}; check the id and your access",
                code="NOT_FOUND",
                retryable=True,
            )
        raise GiveUp(f"the server answered {status}{said}", code=f"HTTP_{status}", retryable=True)

    def _words_of(self, response: httpx.Response) -> str:
        """What an error answer says, as ` (…)`, or nothing."""
        if "json" not in response.headers.get("content-type", ""):
            return ""
        try:
            content = b""
            for chunk in response.iter_bytes():
                content += chunk
                if len(content) > 16384:
                    return ""
            body = httpx.Response(200, content=content).json()
        except (httpx.TransportError, httpx.DecodingError, ValueError):
            # The status has said what matters; the words are a courtesy.
            return ""
        said = body.get("error") if isinstance(body, dict) else None
        if isinstance(said, dict):
            said = said.get("message")
        return f" ({printable(said)[:200]})" if isinstance(said, str) and said else ""

    def _body(self, response: httpx.Response, start: int, end: int | None, known: Identity) -> Body:
        headers = response.headers
        self._refuse_pages(response)
        encoding = headers.get("content-encoding", "identity").strip().lower()
        length = _length(headers.get("content-length"))
        identity = Identity(key=self.key, etag=_strong(headers.get("etag")))
        modified = headers.get("last-modified")
        if response.status_code == 206:
            found = _CONTENT_RANGE.match(headers.get("content-range", ""))
            if not found:
                raise TryAgain("the server sent a part without saying which", code="BAD_RANGE")
            first, last_byte = int(found[1]), int(found[2])
            last: int | None = last_byte + 1
            total = int(found[3]) if found[3] != "*" else None
            if first != start or last_byte < first or (end is not None and last_byte >= end):
                raise TryAgain(
                    f"the server sent bytes {first}-{last_byte} where {start}- was asked for",
                    code="BAD_RANGE",
                )
        else:
            first, last, total = 0, length, length
            if start > 0:
                response.close()
                raise StartOver("the server sends this file from the start only", code="NO_RANGE")
        if encoding not in ("", "identity") and not self._is_stored_so(total, known):
            raise GiveUp(
                f"the server sends this file encoded ({printable(encoding)[:20]}) in spite of our "
                "asking for it as it is",
                code="ENCODED",
                retryable=True,
            )
        identity = Identity(key=self.key, size=total, etag=identity.etag, modified=modified)
        if start > 0 and not known.is_same_file(Identity(**{**vars(identity), "key": known.key})):
            response.close()
            raise StartOver("the file on Flow has changed since the download began")
        unwatch = self._stop.watch(response)

        def close() -> None:
            unwatch()
            response.close()

        return Body(
            start=first,
            end=last,
            total=total,
            identity=identity,
            chunks=self._chunks(response, first, last),
            ranged=response.status_code == 206,
            close=close,
        )

    def _is_stored_so(self, total: int | None, known: Identity) -> bool:
        """Whether an encoded answer is the very file: servers label stored .gz files as encoded."""
        if known.size is not None and total is not None:
            return bool(total == known.size)
        return self.filename.lower().endswith((".gz", ".bgz", ".tgz", ".bam", ".zip"))

    def _refuse_pages(self, response: httpx.Response) -> None:
        """Raise GiveUp for a web page or an error object with a good status.

        The live service's host answers unknown paths with its web app's page and 200.
        """
        kind = response.headers.get("content-type", "").split(";")[0].strip().lower()
        name = self.filename.lower()
        if kind in ("text/html", "application/xhtml+xml") and not name.endswith(
            (".html", ".htm", ".xhtml")
        ):
            raise GiveUp(
                "a web page came instead of the file; the server's address may be wrong "
                "(Flow's own is https://app.flow.bio/api), or the session has ended",
                code="NOT_A_FILE",
                retryable=True,
            )
        if kind in ("application/json", "application/problem+json") and not name.endswith(
            (".json", ".ipynb", ".geojson", ".jsonl")
        ):
            said = self._words_of(response)
            raise GiveUp(
                f"an answer of the service came instead of the file{said}",
                code="NOT_A_FILE",
                retryable=True,
            )

    def _chunks(self, response: httpx.Response, start: int, end: int | None) -> Iterator[bytes]:
        got = 0
        try:
            for chunk in pieces(response, None if end is None else end - start):
                got += len(chunk)
                yield chunk
        except (httpx.TransportError, httpx.StreamError) as error:
            self._stop.check()
            raise network_trouble(error) from error
        self._stop.check()
        if end is not None and got < end - start:
            raise TryAgain(f"the connection ended {end - start - got:,} bytes early", code="CUT")


def network_trouble(error: Exception) -> TryAgain:
    """An exception of httpx in words."""
    if isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout):
        return TryAgain("the server cannot be reached in time", code="TIMEOUT")
    if isinstance(error, httpx.TimeoutException):
        return TryAgain("no byte came for too long", code="STALLED")
    if isinstance(error, httpx.ConnectError):
        words = printable(str(error))[:160]
        return TryAgain(f"cannot connect: {words}", code="UNREACHABLE", crowded=True)
    if isinstance(error, httpx.ProxyError):
        return TryAgain(f"the proxy refuses: {printable(str(error))[:160]}", code="PROXY")
    if isinstance(error, httpx.RemoteProtocolError):
        return TryAgain("the connection was cut", code="CUT")
    return TryAgain("the connection was lost", code="CONNECTION")


def retry_after(response: httpx.Response) -> float | None:
    """Seconds of Retry-After, given as seconds or as a date (RFC 9110, 10.2.3); None for none."""
    from datetime import UTC, datetime
    from email.utils import parsedate_to_datetime

    text = response.headers.get("retry-after", "").strip()
    if text.isdecimal() and len(text) < 12:
        return float(text)
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return max(0.0, (when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _length(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() and len(text) < 19 else None


def _strong(etag: str | None) -> str | None:
    """A strong entity tag, or None: a weak one says nothing about bytes (RFC 9110, 8.8.3)."""
    return etag if etag and etag.startswith('"') and len(etag) < 300 else None
