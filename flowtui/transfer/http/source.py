"""One remote file over HTTP: a request for some of its bytes, and the checks of what comes back.

What comes back is checked, never assumed (RFC 9110, sections 13 to 15): 206 with the right
Content-Range, 200 from the start, 416 with the size, HTML or JSON where a file should be refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import httpx

from flowtui.text.printable import printable
from flowtui.transfer.cancel import StopSignal
from flowtui.transfer.errors import (
    AuthRequired,
    FreshLink,
    PermanentError,
    RemoteChanged,
    TransientError,
)
from flowtui.transfer.formats import container_kind
from flowtui.transfer.http.body import pieces
from flowtui.transfer.http.response import (
    content_encoding,
    content_length,
    content_range,
    entity_tag,
    network_trouble,
    refusal,
    refuse_pages,
    size_of_unsatisfied,
)
from flowtui.transfer.identity import Identity

if TYPE_CHECKING:
    from flowtui.flow.client import FlowClient

MAX_REDIRECTS = 10

WRONG_PARTS = 2
"""So many parts that were not asked for, and the file is asked for as a whole only."""

FRESH_LINKS = 2
"""So many fresh links without a byte that came by them, and the file is given up."""

_CHANGED = "the file on Flow has changed since the download began"
_FROM_START = "the server cannot resume this file"
_SIGNED_OUT = "the session has ended; sign in again"


@dataclass
class Body:
    """An answer that holds bytes of the file.

    Attributes:
        start: offset of its first byte in the file.
        end: one past its last byte, or None where nobody can say.
        total: the file's size as the server says now, or None.
        identity: what the answer says of the file (ETag, Last-Modified, size).
        chunks: the bytes; raises TransientError when they end too early.
        ranged: whether it is a 206.
    """

    start: int
    end: int | None
    total: int | None
    identity: Identity
    chunks: Iterator[bytes]
    ranged: bool
    close: Callable[[], None]


class RemoteSource:
    """Asks for the bytes of one remote file.

    Attributes:
        key: see `RemoteFile.key`.
        url: where the bytes are; changed by `renew` when the link has expired.
        size: as Flow's records say, or None.
        ranges: False once the server has shown that it sends the file from the start only.
        is_folder: True once it has shown that this is a folder, which comes as a ZIP.
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
        size: int | None = None,
    ) -> None:
        self.key = key
        self.url = url
        self.filename = filename
        self.size = size
        self.ranges = True
        self.is_folder = False
        self._data_id = data_id
        self._file_link = url
        self._http = http
        self._client = client
        self._stop = stop
        self._renewed = 0
        self._wrong_parts = 0

    def open(self, start: int, end: int | None, known: Identity, *, probe: bool = False) -> Body:
        """Ask for `[start, end)`; `end` None asks for the rest.

        `probe` asks with a Range even where the whole file is wanted, to learn whether the server
        knows ranges.

        Raises:
            RemoteChanged: the bytes that are here are of no use (the file changed, or the server
                sends from the start only).
            TransientError, FreshLink, AuthRequired, PermanentError, Stopped: see `failures`.
        """
        if start > 0 and not self.ranges:
            raise RemoteChanged(_FROM_START, code="NO_RANGE")
        headers = {"Accept-Encoding": "identity", "Accept": "*/*"}
        if self.ranges and (start > 0 or end is not None or probe):
            headers["Range"] = f"bytes={start}-{'' if end is None else end - 1}"
            if start > 0 and known.validator:
                headers["If-Range"] = known.validator
        response = self._send(headers)
        try:
            return self._body(response, start, end, known)
        except BaseException:
            response.close()
            raise

    def renew(self, expired: str) -> None:
        """Ask Flow for a fresh link after FreshLink, unless another thread has got one since.

        Raises PermanentError where there is none.
        """
        from flowtui.flow.errors import FlowError, NotSignedIn

        if self.url != expired:
            return
        self._renewed += 1
        if self._data_id is None or self._renewed > FRESH_LINKS:
            raise PermanentError(
                "the download link has expired and Flow gave no new one; queue the file again",
                code="EXPIRED",
                retryable=True,
            )
        try:
            data = self._client.data(self._data_id)
        except NotSignedIn as error:
            raise AuthRequired(error.message) from error
        except FlowError as error:
            if error.retryable:
                raise TransientError(error.message, code=error.code) from error
            raise PermanentError(
                f"Flow gave no new download link: {error.message}", code=error.code
            ) from error
        if data.download_url:
            self.url = data.download_url
            self.is_folder = False  # which this link has still to show

    def _send(self, headers: dict[str, str]) -> httpx.Response:
        """Send the request, following redirects and refreshing the session once."""
        link = self.url
        url = self._client.absolute(link)
        refreshed = confirmed = False
        hops = 0
        while True:
            self._stop.check()
            # Asked for anew at each hop: the token goes to the service's own origin alone.
            auth = self._client.headers_for(url)
            try:
                request = self._http.build_request("GET", url, headers={**headers, **auth})
                if (request.url.port or 0) > 65535:
                    raise ValueError("there is no such port")  # the system would take another
            except (httpx.InvalidURL, ValueError) as error:
                raise PermanentError(
                    f"the server sent an invalid link: {printable(str(error))}",
                    code="BAD_LINK",
                ) from None
            response = self._exchange(request)
            status = response.status_code
            if status in (200, 206, 416):
                return response
            if status in (301, 302, 303, 307, 308):
                location = response.headers.get("location", "")
                response.close()
                hops += 1
                if not location:
                    raise PermanentError(
                        "the server redirects without saying where", code="BAD_LINK"
                    )
                if hops > MAX_REDIRECTS:
                    raise PermanentError("the server redirects in a loop", code="REDIRECT_LOOP")
                url = self._next_hop(url, location)
                continue
            own = self._client.is_own(url)
            if status == 410 or (status in (401, 403) and not own and not hops):
                # A link of Flow's straight to its storage ends so when its time is over.
                response.close()
                raise FreshLink("the link has expired", link)
            if status == 401:
                response.close()
                if not own:
                    raise PermanentError(
                        "Flow's storage refused the request (401)",
                        code="FORBIDDEN",
                        retryable=True,
                    )
                if refreshed or not self._ask_session(self._client.refresh, auth, "renew"):
                    raise AuthRequired(_SIGNED_OUT)
                refreshed = True
                continue
            if status in (403, 404) and own and not confirmed:
                # The service takes an ended token as none, and says so of what is private.
                confirmed = True
                if self._ask_session(self._client.confirm, auth, "check"):
                    response.close()
                    continue
            if status == 404 and own and not hops and (folder := self._as_folder(link)):
                response.close()
                url = self._client.absolute(folder)
                continue
            try:
                raise refusal(response)
            finally:
                response.close()

    def _as_folder(self, link: str) -> str | None:
        """The link by which a folder comes as a ZIP, or None where this cannot be one, or is it.

        No list says which data are folders, and `<name>.zip` beside `<name>` is where the service
        keeps them (docs/flow-api.md, Files).
        """
        if self.is_folder:
            self.is_folder = False  # no such ZIP either
            self.url = self._file_link
            return None
        path, mark, query = link.partition("?")
        if self._data_id is None or "/downloads/" not in path or path.lower().endswith(".zip"):
            return None
        self.is_folder = True
        self._file_link, self.url = link, f"{path}.zip{mark}{query}"
        return self.url

    def _exchange(self, request: httpx.Request) -> httpx.Response:
        try:
            return self._http.send(request, stream=True)
        except httpx.TransportError as error:
            self._stop.check()
            raise network_trouble(error, self._http.timeout) from error

    def _ask_session(
        self, ask: Callable[[str | None], bool], auth: dict[str, str], to_do: str
    ) -> bool:
        """Whether to send again what was refused with the token in `auth`.

        `ask` is the client's way to find that out, `to_do` says in words what it does with the
        session. Raises AuthRequired where the session has ended, TransientError.
        """
        from flowtui.flow.errors import FlowError, NotSignedIn

        try:
            return ask(auth.get("Authorization", "").removeprefix("Bearer ") or None)
        except NotSignedIn as error:
            raise AuthRequired(_SIGNED_OUT) from error
        except FlowError as error:
            raise TransientError(f"cannot {to_do} the session: {error.message}") from error

    def _next_hop(self, url: str, location: str) -> str:
        try:
            target = httpx.URL(url).join(location)
        except (httpx.InvalidURL, ValueError):
            raise PermanentError(
                "the server redirects to an invalid link",
                code="BAD_LINK",
            ) from None
        if target.scheme not in ("http", "https"):
            raise PermanentError(
                f"the server redirects to a {printable(target.scheme)}: link; refused",
                code="BAD_LINK",
            )
        if httpx.URL(url).scheme == "https" and target.scheme == "http":
            raise PermanentError(
                "the server redirects from https to http; refused", code="INSECURE"
            )
        return str(target)

    def _body(self, response: httpx.Response, start: int, end: int | None, known: Identity) -> Body:
        if response.status_code == 416:
            return self._nothing_more(response, start, known)
        refuse_pages(response, self.filename)
        ranged = response.status_code == 206
        identity = Identity(
            key=known.key,
            etag=entity_tag(response),
            modified=response.headers.get("last-modified"),
        )
        if ranged:
            found = content_range(response)
            if found is None or found.start != start:
                raise self._wrong_part(response, start)
            self._wrong_parts = 0
            total = found.total
            last: int | None = found.end if end is None else min(end, found.end)
        else:
            total = last = content_length(response)
        decode = self._is_encoded_for_us(response, total)
        if decode:
            # Its length and its ranges are those of the encoded bytes.
            total = last = None
        identity = replace(identity, size=total)
        if start > 0 and not known.is_same_file(identity):
            raise RemoteChanged(_CHANGED)
        if (start > 0 and not ranged) or (decode and ranged):
            self.ranges = False
            raise RemoteChanged(_FROM_START, code="NO_RANGE")
        if last is None and not decode and "transfer-encoding" not in response.headers:
            last = self.size  # the end of the connection is the only other sign of the end
        self._renewed = 0
        unwatch = self._stop.watch(response)

        def close() -> None:
            unwatch()
            response.close()

        return Body(
            start=start,
            end=last,
            total=total,
            identity=identity,
            chunks=self._chunks(response, start, last, decode=decode),
            ranged=ranged,
            close=close,
        )

    def _nothing_more(self, response: httpx.Response, start: int, known: Identity) -> Body:
        """What a 416 is good for: it tells that the bytes before `start` are all there are."""
        response.close()
        size = size_of_unsatisfied(response)
        identity = Identity(key=known.key, size=size, etag=entity_tag(response))
        if size != start or not known.is_same_file(identity):
            raise refusal(response)
        return Body(start, start, size, identity, iter(()), True, lambda: None)

    def _wrong_part(self, response: httpx.Response, start: int) -> TransientError | RemoteChanged:
        """What to do about a part that was not asked for: ask again, then for the whole file."""
        self._wrong_parts += 1
        if self._wrong_parts >= WRONG_PARTS:
            self.ranges = False
            return RemoteChanged(
                "the server sends other parts of the file than requested", code="NO_RANGE"
            )
        said = printable(response.headers.get("content-range", "no Content-Range"))[:80]
        return TransientError(
            f"the server sent the wrong part ({said}) instead of the one from byte {start:,}",
            code="BAD_RANGE",
        )

    def _is_encoded_for_us(self, response: httpx.Response, total: int | None) -> bool:
        """Whether the bytes are packed for the way only, in spite of our asking for them plain.

        Servers also label stored .gz files as encoded: those are the very file. Raises
        PermanentError for an encoding that cannot be undone.
        """
        encoding = content_encoding(response)
        if not encoding:
            return False
        if self.size is not None and total is not None:
            stored = total == self.size
        else:
            stored = container_kind(self.filename) is not None
        if stored:
            return False
        if encoding not in ("gzip", "x-gzip", "deflate"):
            raise PermanentError(
                f"the server compressed this file ({printable(encoding)[:20]}) although it was "
                "requested as it is",
                code="ENCODED",
                retryable=True,
            )
        return True

    def _chunks(
        self, response: httpx.Response, start: int, end: int | None, *, decode: bool
    ) -> Iterator[bytes]:
        """The bytes from `start`, of a part none beyond its `end`."""
        most = end - start if end is not None and response.status_code == 206 else None
        got = 0
        try:
            wanted = None if end is None else end - start
            for chunk in response.iter_bytes() if decode else pieces(response, wanted):
                if most is not None and got + len(chunk) > most:
                    chunk = chunk[: most - got]  # noqa: PLW2901
                got += len(chunk)
                if chunk:
                    yield chunk
                elif most is not None:
                    break  # more than was asked for: the rest is nobody's
        except (httpx.TransportError, httpx.StreamError, httpx.DecodingError) as error:
            self._stop.check()
            raise network_trouble(error, self._http.timeout) from error
        self._stop.check()
        if end is not None and got < end - start:
            raise TransientError(
                f"the connection ended {end - start - got:,} bytes early", code="CUT"
            )
