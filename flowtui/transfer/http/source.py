"""One remote file over HTTP: a request for some of its bytes, and the checks of what comes back.

What comes back is checked, never assumed (RFC 9110, sections 13 to 15): 206 with the right
Content-Range, 200 from the start, 416 with the size, HTML or JSON where a file should be refused.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import quote

import httpx

from flowtui.flow.deadline import Clock, Deadline, within
from flowtui.flow.http_client import USER_AGENT, HttpClient
from flowtui.flow.kept_answers import kept_answer
from flowtui.flow.large_bodies import KEEP, WAITED
from flowtui.text.printable import printable
from flowtui.timings import ANSWERS, Deadlines
from flowtui.transfer.cancel import StopSignal
from flowtui.transfer.disk.space import Room
from flowtui.transfer.errors import (
    AuthRequired,
    FreshLink,
    PermanentError,
    RemoteChanged,
    TransferError,
    TransientError,
)
from flowtui.transfer.http.body import Body, checked_pieces
from flowtui.transfer.http.bounds import size_bound
from flowtui.transfer.http.labels import file_bytes, is_packed_for_us, label_of
from flowtui.transfer.http.response import (
    content_length,
    content_range,
    entity_tag,
    last_modified,
    link_refusal,
    network_trouble,
    next_hop,
    refusal,
    require_no_downgrade,
    size_of_unsatisfied,
    was_dropped,
)
from flowtui.transfer.identity import Identity
from flowtui.transfer.task import INLINE_BELOW

if TYPE_CHECKING:
    from flowtui.flow.client import FlowClient

MAX_REDIRECTS = 10

WRONG_PARTS = 2
"""So many parts that were not asked for, and the file is asked for as a whole only."""

KEPT_AT_MOST = 40
"""More than the connections that are kept: so many in a row may have been dropped by the server."""

FRESH_LINKS = 2
"""So many fresh links without a byte that came by them, and the file is given up."""

_CHANGED = "the file on Flow has changed since the download began"
_SIGNED_OUT = "the session has ended; sign in again"

_BY_US = {"Connection": "keep-alive", "User-Agent": USER_AGENT}

_LINK_ENDED = (400, 401, 403, 404, 410)
"""What object stores answer when a signed link's time is over: 403 (S3, Azure, CloudFront), 400
(S3 with an ended session token, Google), 401 (Swift), 404 and 410 (links that are removed)."""


class RemoteSource:
    """Asks for the bytes of one remote file.

    Attributes:
        key: see `RemoteFile.key`.
        url: where the bytes are; changed by `renew` when the link has expired. Empty where that has
            still to be asked: a signed link is not kept on the disk.
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
        accept_any_type: bool = False,
        room: Callable[[], Room | None] = lambda: None,
        deadlines: Deadlines = ANSWERS,
        clock: Clock = time.monotonic,
    ) -> None:
        """`room` measures the disk that the file goes to, see `size_bound`."""
        self.key = key
        self.url = url
        self.filename = filename
        self.size = size
        self.ranges = True
        self.is_folder = False
        self._accept_any_type = accept_any_type
        self._room = room
        self._deadlines = deadlines.beyond(http.timeout.read)
        self._clock = clock
        self._data_id = data_id
        self._file_link = url
        self._http = http
        self._client = client
        self._session = client.session
        self._stop = stop
        self._is_small = size is not None and size <= INLINE_BELOW
        self._if_range = True
        self._renewed = self._generation = 0
        self._linking = threading.Lock()
        self._wrong_parts = 0

    def open(self, start: int, end: int | None, known: Identity, *, probe: bool = False) -> Body:
        """Ask for `[start, end)`; `end` None asks for the rest.

        `probe` asks with a Range even where the whole file is wanted, to learn whether the server
        knows ranges. Where it does not, the answer begins before `start` (see `Body`): what is here
        is passed over, and not lost.

        Raises:
            RemoteChanged: the answer proves that the bytes before `start` are another file's.
            TransientError, FreshLink, AuthRequired, PermanentError, Stopped: see `errors`.
        """
        if not self.url:
            self._first_link()
        while True:
            headers = {"Accept-Encoding": "identity", "Accept": "*/*"}
            if self.ranges and (start > 0 or end is not None or probe):
                headers["Range"] = f"bytes={start}-{'' if end is None else end - 1}"
                if start > 0 and known.validator and self._if_range:
                    headers["If-Range"] = known.validator
            response = self._send(headers)
            try:
                body = self._body(response, start, end, known)
            except BaseException:
                response.close()
                raise
            if body is not None:
                return body
            response.close()

    def renew(self, expired: FreshLink) -> None:
        """Ask Flow for a fresh link, unless another thread has done so since.

        Raises the refusal that the link ended with, where Flow has no other.
        """
        if self._generation != expired.generation:
            return
        self._generation += 1
        self._renewed += 1
        # The service's own link leads to a fresh one by itself each time.
        redirects = self._session.is_own(self._session.absolute(self.url)) and expired.redirected
        if self._renewed > FRESH_LINKS or (self._data_id is None and not redirects):
            raise expired.refusal
        if self._data_id is None:
            return
        link = self._asked_link(self._data_id)
        if not link and not redirects:
            raise expired.refusal
        if link and link != self.url:
            self.url = link
            self.is_folder = False  # which this link has still to show

    def _first_link(self) -> None:
        """Ask Flow where the bytes are, once for all connections of the file."""
        with self._linking:
            if not self.url and self._data_id is not None:
                id_, name = (quote(part, safe="") for part in (self._data_id, self.filename))
                # Without one the service has it where the guide says.
                self.url = self._asked_link(self._data_id) or f"/downloads/{id_}/{name}"

    def _asked_link(self, data_id: str) -> str | None:
        """The link that Flow gives for data now, or None."""
        from flowtui.flow.errors import FlowError, NotSignedIn

        try:
            link: str | None = self._client.data(data_id).download_url
        except NotSignedIn as error:
            raise AuthRequired(error.message) from error
        except FlowError as error:
            if error.retryable:
                raise TransientError(error.message, code=error.code) from error
            raise PermanentError(
                f"Flow gave no new download link: {error.message}", code=error.code
            ) from error
        return link

    def _send(self, headers: dict[str, str]) -> httpx.Response:
        """Send the request, following redirects and refreshing the session once."""
        link, generation = self.url, self._generation
        url = self._session.absolute(link)
        refreshed = confirmed = False
        hops = 0
        while True:
            self._stop.check()
            try:
                if not hops:
                    require_no_downgrade(self._session.server, url, "gives a link that leads")
                # Asked for anew at each hop: the token goes to the service's own origin alone.
                auth = self._authorization(url)
                response = self._over_kept_connection(url, {**headers, **auth})
                request = None
                if response is None:
                    request = self._http.build_request("GET", url, headers={**headers, **auth})
                    if (request.url.port or 0) > 65535:
                        raise ValueError("there is no such port")  # the system would take another
            except (httpx.InvalidURL, ValueError) as error:
                raise PermanentError(
                    f"the server sent an invalid link: {printable(str(error))}",
                    code="BAD_LINK",
                ) from None
            if response is None:
                assert request is not None
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
                url = next_hop(url, location)
                continue
            if status == 501 and "Range" in headers:
                response.close()
                self.ranges = False
                headers = {name: headers[name] for name in headers if "ange" not in name}
                continue
            own = self._session.is_own(url)
            if status == 410 or (status in _LINK_ENDED and not own):
                try:
                    raise FreshLink(link_refusal(response), generation, redirected=hops > 0)
                finally:
                    response.close()
            if status == 401:
                response.close()
                if refreshed or not self._ask_session(self._session.refresh, auth, "renew"):
                    raise AuthRequired(_SIGNED_OUT)
                refreshed = True
                continue
            if status in (403, 404) and own and not confirmed:
                # The service takes an ended token as none, and says so of what is private.
                confirmed = True
                if self._ask_session(self._session.confirm, auth, "check"):
                    response.close()
                    continue
            if status == 404 and own and not hops and (folder := self._as_folder(link)):
                response.close()
                url = self._session.absolute(folder)
                continue
            try:
                raise refusal(response)
            finally:
                response.close()

    def _authorization(self, url: str) -> dict[str, str]:
        """The token for the service's own origin. Raises PermanentError where it must not go."""
        from flowtui.flow.errors import InsecureServer

        try:
            return self._session.headers_for(url)
        except InsecureServer as error:
            raise PermanentError(error.message, code=error.code, retryable=True) from error

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

    def _over_kept_connection(self, url: str, headers: dict[str, str]) -> httpx.Response | None:
        """The answer by the short way, see `kept_answers`; None where httpx has to ask."""
        if not self._is_small or "Range" in headers or not isinstance(self._http, HttpClient):
            return None
        sent = {**headers, **_BY_US}
        deadline = Deadline(self._deadlines.head, self._clock)
        try:
            with within(deadline):
                return kept_answer(self._http.kept, url, sent, self._http.timeout.read)
        except httpx.TransportError as error:
            raise self._trouble(error, deadline) from error

    def _exchange(self, request: httpx.Request) -> httpx.Response:
        """Send one request; again where a connection that was kept from before proves dropped."""
        if self._is_small:
            request.extensions[KEEP] = True
        for _ in range(KEPT_AT_MOST):
            is_new: list[str] = []
            request.extensions["trace"] = lambda event, _info, is_new=is_new: (
                is_new.append(event) if event.endswith("connect_tcp.started") else None
            )
            deadline = Deadline(self._deadlines.head, self._clock)
            try:
                with within(deadline):
                    return self._http.send(request, stream=True)
            except httpx.TransportError as error:
                trouble = self._trouble(error, deadline)
                if is_new or deadline.left <= 0 or not was_dropped(error):
                    raise trouble from error
        raise TransientError("the connection was lost", code="CONNECTION")

    def _trouble(self, error: httpx.TransportError, deadline: Deadline) -> TransferError:
        """What a failed request means. Raises Stopped where it was we who ended it."""
        self._stop.check()
        if deadline.left <= 0:
            return TransientError("the server did not begin its answer in time", code="STALLED")
        return network_trouble(error, self._http.timeout)

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

    def _body(
        self, response: httpx.Response, start: int, end: int | None, known: Identity
    ) -> Body | None:
        """What an answer brings; None where it brings nothing, and another request will."""
        if response.status_code == 416:
            return self._nothing_more(response, start, known)
        ranged = response.status_code == 206
        first, last, total = 0, None, content_length(response)
        if ranged:
            found = content_range(response)
            if found is None or not found.start <= start < found.end:
                self._pass_over_wrong_part(response, start)
                return None
            self._wrong_parts = 0
            first, total = found.start, found.total
            last = found.end if end is None else min(end, found.end)
        elif total is not None:
            last = total
        label = "" if self._accept_any_type else label_of(response, self.filename)
        decode = is_packed_for_us(response, label, self.filename, self.size, total)
        if decode:
            if ranged:
                self._without_range(response)  # its ranges are those of the packed bytes
                return None
            total = last = None  # and so is its length
        identity = Identity(
            key=known.key,
            size=total,
            etag=entity_tag(response),
            modified=last_modified(response),
        )
        if last is None and not decode and "transfer-encoding" not in response.headers:
            last = self.size  # the end of the connection is the only other sign of the end
        unwatch = self._stop.watch(response)
        try:
            chunks = checked_pieces(
                response, first, last, decode=decode, stop=self._stop, timeout=self._http.timeout
            )
            bound = size_bound(self.size, start, self._room, has_md5=known.md5 is not None)
            chunks = bound.pieces(chunks, first)
            if not self._accept_any_type:
                sizes = {known.size, self.size} - {None}
                with within(Deadline(self._deadlines.head, self._clock)):
                    chunks = file_bytes(
                        chunks,
                        label,
                        resumed=start > 0,
                        ranged=ranged,
                        differs=total is not None and bool(sizes) and total not in sizes,
                        md5=known.md5 is not None,
                    )
            if not self._goes_on(response, start, known, identity):
                unwatch()
                return None
            bound.check(total)
        except BaseException:
            unwatch()
            raise
        self._renewed = 0

        def close() -> None:
            unwatch()
            response.close()

        open_ended = ranged and total is None
        return Body(
            first,
            last,
            total,
            identity,
            chunks,
            ranged and self.ranges,
            close,
            open_ended,
            response.extensions.get(WAITED),
        )

    def _goes_on(
        self, response: httpx.Response, start: int, known: Identity, found: Identity
    ) -> bool:
        """Whether the bytes of an answer follow those before `start`; False to ask once more.

        Raises RemoteChanged where it is another file.
        """
        if start > 0 and not known.goes_on_as(found, self.size):
            raise RemoteChanged(_CHANGED)
        if start == 0 or response.status_code == 206:
            return True
        sent = response.request.headers
        if "range" in sent:
            # RFC 9110, 13.1.5: it means another file, where the server knows If-Range. Some do not
            # and say so of every file, and each node of a storage may have tags of its own.
            if "if-range" in sent:
                self._if_range = False
                return False
            self.ranges = False
        return True

    def _without_range(self, response: httpx.Response) -> None:
        """Have the file asked for as a whole. Raises TransientError where it was."""
        if "range" not in response.request.headers:
            raise TransientError(
                f"the server answered {response.status_code} to a request for the whole file",
                code="BAD_RANGE",
            )
        self.ranges = False

    def _nothing_more(self, response: httpx.Response, start: int, known: Identity) -> Body | None:
        """What a 416 is good for: it tells that the bytes before `start` are all there are."""
        size = size_of_unsatisfied(response)
        sizes = {known.size, self.size} - {None}
        if size is None and start > 0 and sizes <= {start}:
            size = start  # nothing is behind them, and they came from there
        identity = Identity(key=known.key, size=size, etag=entity_tag(response))
        if size is None or size > start:
            if size is None and any(other is not None and other < start for other in sizes):
                raise refusal(response)
            if start > 0 and not known.goes_on_as(identity, self.size):
                raise RemoteChanged(_CHANGED)
            self._without_range(response)
            return None
        if size < start or not known.goes_on_as(identity, self.size):
            raise refusal(response)
        response.close()
        return Body(start, start, size, identity, iter(()), True, lambda: None)

    def _pass_over_wrong_part(self, response: httpx.Response, start: int) -> None:
        """What to do about a part that was not asked for: ask again, then for the whole file."""
        self._wrong_parts += 1
        if self._wrong_parts >= WRONG_PARTS:
            self._wrong_parts = 0
            self._without_range(response)
            return
        said = printable(response.headers.get("content-range", "no Content-Range"))[:80]
        raise TransientError(
            f"the server sent the wrong part ({said}) instead of the one from byte {start:,}",
            code="BAD_RANGE",
        )
