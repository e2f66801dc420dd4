"""The conversation with one Flow server: requests with the user's token, and retries."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx

from flowtui.flow.errors import FlowError, RateLimited
from flowtui.flow.http.answers import DETAIL, PAGE, SMALL, Bound, send
from flowtui.flow.responses import error_of, json_of, network_error
from flowtui.flow.session.address import ServerAddress
from flowtui.flow.session.confirmation import Confirmation
from flowtui.flow.session.credential_store import CredentialStore
from flowtui.flow.session.credentials import Credential
from flowtui.flow.session.session_token import SessionToken
from flowtui.flow.session.tokens import token_of
from flowtui.retry import (
    API,
    ErrorKind,
    Failure,
    GiveUp,
    History,
    Policy,
    decide,
)
from flowtui.system.clocks import since_boot
from flowtui.text.printable import printable
from flowtui.timings import ANSWERS, Deadlines

OnWait = Callable[[FlowError, float], None]
"""Told of an error after which it is waited so many seconds before the next try."""


def _nothing(error: FlowError, seconds: float) -> None:
    """Nobody wants to know."""


class ApiSession:
    """Sends requests to one server. Safe to use from many threads.

    Attributes:
        address: where the server is.
        token: what is sent along. `confirmation`: whether what the server refuses is believed.
    """

    def __init__(
        self,
        server: str,
        credential: Credential | None,
        store: CredentialStore | None,
        http: httpx.Client,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = since_boot,
        time_of_day: Callable[[], float] = time.time,
        deadlines: Deadlines = ANSWERS,
        *,
        allow_http: bool = False,
    ) -> None:
        """`clock`: what tokens live by. `allow_http`: see `ServerAddress`."""
        self.address = ServerAddress(server, allow_http=allow_http)
        self._http = http
        self._sleep = sleep
        self._deadlines = deadlines.beyond(http.timeout.read)
        self.token = SessionToken(
            self.address, self.exchange, credential, store, sleep, clock, time_of_day
        )
        self.confirmation = Confirmation(self.address, self.exchange, self.token, clock)

    @property
    def server(self) -> str:
        """The server's base URL."""
        return self.address.url

    def absolute(self, url: str) -> str:
        """See `ServerAddress.absolute`."""
        return self.address.absolute(url)

    def is_own(self, url: str) -> bool:
        """See `ServerAddress.is_own`."""
        return self.address.is_own(url)

    def headers_for(self, url: str) -> dict[str, str]:
        """See `SessionToken.headers_for`."""
        return self.token.headers_for(url)

    def refresh(self, used_token: str | None) -> bool:
        """See `SessionToken.refresh`."""
        return self.token.refresh(used_token)

    def confirm(self, used_token: str | None) -> bool:
        """See `Confirmation.confirm`."""
        return self.confirmation.confirm(used_token)

    def get(
        self,
        path: str,
        params: dict[str, Any] | None = None,
        *,
        policy: Policy = API,
        on_wait: OnWait = _nothing,
        sleep: Callable[[float], None] | None = None,
    ) -> Any:
        """The JSON of a GET, tried again after passing trouble. Raises FlowError.

        An empty list is believed as a 404 is: see `confirm`. The rest is as in `get_response`.
        """

        def ask() -> httpx.Response:
            return self.get_response(path, params, policy=policy, on_wait=on_wait, sleep=sleep)

        response = ask()
        body = json_of(response)
        if _is_empty_list(body) and self.confirm(token_of(response)):
            body = json_of(ask())
        return body

    def get_response(
        self,
        path: str,
        params: dict[str, Any] | None = None,
        *,
        policy: Policy = API,
        on_wait: OnWait = _nothing,
        sleep: Callable[[float], None] | None = None,
    ) -> httpx.Response:
        """The good answer to a GET, tried again after passing trouble. Raises FlowError.

        `policy` says how patiently; `on_wait` is told what is waited for, and how many seconds.
        `sleep` waits between two tries; what it raises ends them.
        """
        history = History()
        while True:
            try:
                return self._send("GET", path, params=params)
            except FlowError as error:
                now = time.monotonic()
                history = history.failed(now)
                next_step = decide(_failure(error), history, now, policy)
                if isinstance(next_step, GiveUp):
                    raise
                on_wait(error, next_step.seconds)
            (sleep or self._sleep)(next_step.seconds)

    def post(self, path: str, body: Any) -> httpx.Response:
        """The good answer to a POST, sent once. Raises FlowError."""
        return self._send("POST", path, body=body)

    def answered(
        self, ask: Callable[[], httpx.Response], *, confirms: bool = True
    ) -> httpx.Response:
        """What `ask` brings, asked once more where the token was why it was refused.

        A 401 has the token renewed; 403 and 404 are confirmed, unless `confirms` is False. Raises
        FlowError as `refresh` and `confirm` do.
        """
        response = ask()
        used = token_of(response)
        if used is None:
            return response
        if response.status_code == 401:
            is_renewed = self.refresh(used)
        elif response.status_code in (403, 404):
            is_renewed = confirms and self.confirm(used)
        else:
            is_renewed = False
        return ask() if is_renewed else response

    def _send(
        self,
        method: str,
        path: str,
        *,
        params: dict[str, Any] | None = None,
        body: Any = None,
    ) -> httpx.Response:
        """The good answer to a request; see `answered`. Raises FlowError."""
        url = self.absolute(path)
        bound = SMALL if method == "POST" else PAGE if "page" in (params or {}) else DETAIL

        def ask() -> httpx.Response:
            headers = self.headers_for(url)
            return self.exchange(
                method, url, params=params, body=body, headers=headers, bound=bound
            )

        response = self.answered(ask, confirms=path != "/me")
        if not response.is_success:
            raise error_of(response)
        return response

    def exchange(
        self,
        method: str,
        url: str,
        *,
        params: dict[str, Any] | None = None,
        body: Any = None,
        headers: dict[str, str] | None = None,
        bound: Bound = SMALL,
    ) -> httpx.Response:
        """One answer to one request, good or bad. Raises FlowError where none comes."""
        try:
            request = self._http.build_request(
                method, url, params=params, json=body, headers=headers
            )
            return send(self._http, request, bound, self._deadlines)
        except httpx.RequestError as error:
            raise network_error(error, url) from error
        except (httpx.InvalidURL, ValueError) as error:
            raise FlowError(f"not a valid server address: {printable(self.server)}") from error
        finally:
            self._http.cookies.clear()


def _is_empty_list(body: object) -> bool:
    """Whether an answer is a list without items."""
    return body == [] or (isinstance(body, dict) and body.get("count") == 0)


def _failure(error: FlowError) -> Failure:
    """What an error says about the next try."""
    kind = ErrorKind.PASSING if error.retryable else ErrorKind.LASTING
    return Failure(kind, error.retry_after if isinstance(error, RateLimited) else None)
