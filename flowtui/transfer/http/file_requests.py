"""One request for a file's bytes, on its way: redirects, the session's token, kept connections."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import httpx

from flowtui.flow.http.answers import REDIRECTS
from flowtui.flow.http.deadline import Clock, Deadline, within
from flowtui.flow.http.http_client import USER_AGENT, HttpClient
from flowtui.flow.http.kept_answers import kept_file
from flowtui.flow.http.large_bodies import KEEP
from flowtui.text.printable import printable
from flowtui.timings import Deadlines
from flowtui.transfer.cancel import StopSignal
from flowtui.transfer.errors import (
    AuthRequired,
    FreshLink,
    PermanentError,
    TransferError,
    TransientError,
)
from flowtui.transfer.http.link import FileLink
from flowtui.transfer.http.response import (
    link_refusal,
    network_trouble,
    next_hop,
    refusal,
    require_no_downgrade,
    was_dropped,
)

if TYPE_CHECKING:
    from flowtui.flow.session.session import ApiSession

MAX_REDIRECTS = 10

SHORT, SHORT_WITHIN = 16 << 10, 1.0
"""Bytes of an answer that is passed over, and seconds they may take: else its connection ends."""

KEPT_AT_MOST = 40
"""More than the connections that are kept: so many in a row may have been dropped by the server."""

_SIGNED_OUT = "the session has ended; sign in again"

_BY_US = {"Connection": "keep-alive", "User-Agent": USER_AGENT}

_LINK_ENDED = (400, 401, 403, 404, 410)
"""What object stores answer when a signed link's time is over: 403 (S3, Azure, CloudFront), 400
(S3 with an ended session token, Google), 401 (Swift), 404 and 410 (links that are removed)."""

_UNWANTED_RANGE = (400, 403, 405, 406)
"""What servers, and the firewalls before them, answer to a Range that they do not want; and 501."""


class FileRequests:
    """Sends the requests for one file, until one is answered by the file or a refusal."""

    def __init__(
        self,
        http: httpx.Client,
        session: ApiSession,
        stop: StopSignal,
        deadlines: Deadlines,
        clock: Clock,
        *,
        is_small: bool,
    ) -> None:
        """`is_small`: whether its connections are kept for the next small file."""
        self._http = http
        self._session = session
        self._stop = stop
        self._deadlines = deadlines
        self._clock = clock
        self._is_small = is_small

    def send(
        self, link: FileLink, headers: dict[str, str], size: int | None = None
    ) -> tuple[httpx.Response | bytes, dict[str, str]]:
        """The answer to a GET, following redirects and refreshing the session once.

        With the headers of the request that it is to, which not every answer knows: where the
        server knows no ranges, they are without Range and If-Range.
        Where `size` is given, it may be the file itself, of so many bytes (see `kept_file`).
        Raises TransientError, FreshLink, AuthRequired, PermanentError, Stopped.
        """
        asked, generation = link.url, link.generation
        url = self._session.absolute(asked)
        refreshed = confirmed = False
        hops = 0
        while True:
            self._stop.check()
            try:
                if not hops:
                    require_no_downgrade(self._session.server, url, "gives a link that leads")
                # Asked for anew at each hop: the token goes to the service's own origin alone.
                auth = self._authorization(url)
                response = self._over_kept_connection(url, {**headers, **auth}, size)
                if isinstance(response, bytes):
                    return response, headers
                request = None
                if response is None:
                    self._stop.check()
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
                return response, headers
            if status in REDIRECTS:
                location = response.headers.get("location", "")
                self._pass_over(response)
                hops += 1
                if not location:
                    raise PermanentError(
                        "the server redirects without saying where", code="BAD_LINK"
                    )
                if hops > MAX_REDIRECTS:
                    raise PermanentError("the server redirects in a loop", code="REDIRECT_LOOP")
                url = next_hop(url, location)
                continue
            own = self._session.is_own(url)
            if _may_be_for_range(status, headers) and not (status == 403 and own):
                response.close()
                headers = _without_range(headers)
                continue
            if status == 410 or (status in _LINK_ENDED and not own):
                try:
                    raise FreshLink(link_refusal(response), generation, redirected=hops > 0)
                finally:
                    response.close()
            if status == 401:
                self._pass_over(response)
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
                if _may_be_for_range(status, headers):
                    response.close()
                    headers = _without_range(headers)
                    continue
            if status == 404 and own and not hops and (folder := link.as_folder(asked)):
                response.close()
                url = self._session.absolute(folder)
                continue
            try:
                raise refusal(response)
            finally:
                response.close()

    def _pass_over(self, response: httpx.Response) -> None:
        """Have done with an answer; behind a short one the connection is of further use.

        A service that redirects each file would cost a new connection, and its TLS, for each.
        """
        unwatch = self._stop.watch(response)
        try:
            with within(Deadline(SHORT_WITHIN, self._clock)):
                got = 0
                for piece in response.iter_raw():
                    got += len(piece)
                    if got > SHORT:
                        break
        except (httpx.TransportError, httpx.StreamError):
            return  # then it is of none
        finally:
            unwatch()
            response.close()

    def _authorization(self, url: str) -> dict[str, str]:
        """The token for the service's own origin. Raises PermanentError where it must not go."""
        from flowtui.flow.errors import InsecureServer

        try:
            return self._session.headers_for(url)
        except InsecureServer as error:
            raise PermanentError(error.message, code=error.code, retryable=True) from error

    def _over_kept_connection(
        self, url: str, headers: dict[str, str], size: int | None
    ) -> httpx.Response | bytes | None:
        """The answer by the short way, see `kept_answers`; None where httpx has to ask."""
        if not self._is_small or "Range" in headers or not isinstance(self._http, HttpClient):
            return None
        sent = {**headers, **_BY_US}
        deadline = Deadline(self._deadlines.head, self._clock)
        try:
            with within(deadline):
                return kept_file(
                    self._http.kept,
                    url,
                    sent,
                    self._http.timeout.read,
                    size,
                    self._stop.watch_socket,
                )
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
            except UnicodeError:  # of the system's resolver
                raise PermanentError(
                    "the server sent an invalid link: no host can have such a name",
                    code="BAD_LINK",
                ) from None
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


def _may_be_for_range(status: int, headers: dict[str, str]) -> bool:
    """Whether it may be the Range that is refused. One that begins at the first byte is of our own
    asking: such a refusal is believed only without it.
    """
    if status == 501:
        return "Range" in headers
    return headers.get("Range", "").startswith("bytes=0-") and status in _UNWANTED_RANGE


def _without_range(headers: dict[str, str]) -> dict[str, str]:
    return {name: headers[name] for name in headers if name not in ("Range", "If-Range")}
