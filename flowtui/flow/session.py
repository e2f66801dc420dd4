"""The conversation with one Flow server: requests with the token, its refresh, and retries."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any

import httpx
from pydantic import ValidationError

from flowtui.flow.answers import DETAIL, PAGE, SMALL, Bound, body_of, send
from flowtui.flow.credential_store import CredentialStore
from flowtui.flow.credentials import Credential, CredentialSource, SaveError
from flowtui.flow.errors import (
    FlowError,
    InsecureServer,
    NotSignedIn,
    RateLimited,
    SingleSignOnOnly,
    UnexpectedAnswer,
    WrongPassword,
)
from flowtui.flow.models import User
from flowtui.flow.plain_http import is_safe
from flowtui.flow.responses import (
    WRONG_ADDRESS,
    error_of,
    is_web_page,
    json_of,
    network_error,
    web_page_error,
)
from flowtui.flow.token_life import renew_in
from flowtui.retry import (
    API,
    ErrorKind,
    Failure,
    GiveUp,
    History,
    Policy,
    decide,
)
from flowtui.text.printable import printable
from flowtui.text.redaction import know
from flowtui.timings import ANSWERS, Deadlines

CONFIRMED = 60.0
"""Seconds for which a token counts as good that `/me` has called so."""

_KEPT = (CredentialSource.KEYRING, CredentialSource.FILE)
"""Where several processes share one session."""

REFRESH_COOKIE = "flow_refresh_token"

OnWait = Callable[[FlowError, float], None]
"""Told of an error after which it is waited so many seconds before the next try."""


def _nothing(error: FlowError, seconds: float) -> None:
    """Nobody wants to know."""


class ApiSession:
    """Sends requests to one server. Safe to use from many threads.

    Attributes:
        server: the base URL; it may have a path (`https://app.flow.bio/api`).
    """

    def __init__(
        self,
        server: str,
        credential: Credential | None,
        store: CredentialStore | None,
        http: httpx.Client,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        time_of_day: Callable[[], float] = time.time,
        deadlines: Deadlines = ANSWERS,
        *,
        allow_http: bool = False,
    ) -> None:
        """`allow_http`: tokens go over http too, to any machine."""
        self.server = server.rstrip("/")
        self._may_sign_in = allow_http or is_safe(self.server)
        self._credential = credential
        self._store = store
        self._http = http
        self._sleep = sleep
        self._clock = clock
        self._time_of_day = time_of_day
        self._deadlines = deadlines.beyond(http.timeout.read)
        self._refreshing = threading.Lock()
        self._confirming = threading.Lock()
        self._confirmed: tuple[str, float] | None = None  # a good token, and when that was said
        self._note_life(credential, is_fresh=False)
        # Shared by those who waited for the same attempt: how many there were, how the last ended.
        self._attempts = self._doubts = 0
        self._trouble: FlowError | None = None
        self._doubt: FlowError | None = None
        self._spent: set[str] = set()

    @property
    def credential(self) -> Credential | None:
        """What is in force now."""
        return self._credential

    def use(self, credential: Credential | None) -> None:
        """Use another credential from now on."""
        self._credential = credential
        self._note_life(credential, is_fresh=False)

    def absolute(self, url: str) -> str:
        """A whole URL. Relative ones are joined as text: the base's path (`/api`) must stay."""
        if "://" in url.partition("?")[0]:
            return url
        return f"{self.server}/{url.lstrip('/')}"

    def is_own(self, url: str) -> bool:
        """Whether a URL is of the server's own origin: scheme, host and port."""
        whole = self.absolute(url)
        if whole.startswith(f"{self.server}/"):
            return _origin(self.server) is not None
        ours = _origin(self.server)
        return ours is not None and ours == _origin(whole)

    def headers_for(self, url: str) -> dict[str, str]:
        """`Authorization` for the server's own origin, nothing for any other.

        A token that is about to end is renewed before. Raises InsecureServer.
        """
        self._renew_ahead()
        return self._headers_for(url)

    def _headers_for(self, url: str) -> dict[str, str]:
        credential = self._credential
        if credential is None or not is_usable(credential.token) or not self.is_own(url):
            return {}
        self._require_safe("token")
        return {"Authorization": f"Bearer {credential.token}"}

    def _require_safe(self, what: str) -> None:
        """Raises InsecureServer where `what` could be read on its way to the server."""
        if not self._may_sign_in:
            raise InsecureServer(
                f"{printable(self.server)} is not encrypted, and others on the network could read"
                f" your {what}; use https, or set allow_http = true in settings.toml"
            )

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

    def log_in(self, username: str, password: str) -> tuple[str, str | None, User | None]:
        """`POST /login`: access token, refresh token and who it is, none of it put in force.

        Raises WrongPassword, SingleSignOnOnly, UnexpectedAnswer for another server than Flow's.
        """
        self._require_safe("password")
        know(password, in_names=False)
        url = self.absolute("/login")
        body = {"username": username, "password": password}
        response = self._exchange("POST", url, body=body)
        status = response.status_code
        if is_web_page(response) and status < 500:
            raise web_page_error(response)
        if status in (400, 401):
            raise WrongPassword("wrong user name or password; try again", status=status)
        if status == 501:
            raise _single_sign_on(response)
        if status in (404, 405):
            raise UnexpectedAnswer(f"{_host(url)} has no sign-in; {WRONG_ADDRESS}", status=status)
        return _signed_in(response, secret=password)

    def log_in_by_id_token(self, id_token: str) -> tuple[str, str | None, User | None]:
        """`POST /oidc-login`, as `log_in` for who has signed in at another service."""
        self._require_safe("token")
        know(id_token)
        url = self.absolute("/oidc-login")
        response = self._exchange("POST", url, body={"id_token": id_token})
        return _signed_in(response, secret=id_token)

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

    def refresh(self, used_token: str | None) -> bool:
        """See that another token than `used_token` is in force.

        However many threads call, one request is sent; the others wait for what comes of it.
        First it is looked whether the store has a newer token: another process may have got one.
        False means that a sign-in is needed. Raises ServiceUnavailable where the server does not
        answer, UnexpectedAnswer where something else answers in its place.
        """
        seen = self._attempts
        with self._refreshing:
            current = self._credential
            if current is None:
                return False
            if current.token != used_token:
                return True
            if self._attempts != seen:  # one failed while this thread waited
                if self._trouble is not None:
                    raise self._trouble
                return False
            self._spent.add(current.token)
            try:
                with self._store.renewing() if self._store else contextlib.nullcontext(True) as own:
                    renewed = (
                        self._newer_in_store(current, elsewhere=False)
                        or (not self._is_signed_out(current) and self._refresh(current))
                        or self._newer_in_store(current, elsewhere=True)
                        or (not own and self._awaited_from_store(current))
                    )
            except FlowError as error:
                self._attempts, self._trouble = self._attempts + 1, error
                raise
            self._attempts, self._trouble = self._attempts + 1, None
            return renewed

    def confirm(self, used_token: str | None) -> bool:
        """Whether a refusal is to be asked about again, since another token is in force by now.

        The live service takes an ended token as none, and answers 404, or an empty list, for what
        is private (docs/flow-api.md, Signing in). So a refusal counts only of a token that `/me`
        has called good within CONFIRMED seconds, or does now; one question is enough however many
        wait. False means: believe it. Raises NotSignedIn where the session has ended and cannot be
        renewed, ServiceUnavailable where nobody can say.
        """
        if used_token is None:
            return False  # nobody was signed in: that is what nobody may see
        seen = self._doubts
        with self._confirming:
            current = self._credential
            if current is None or current.token != used_token:
                return current is not None
            if self._doubts != seen and self._doubt is not None:  # while this thread waited
                raise self._doubt
            if self._is_confirmed(used_token):
                return False
            try:
                if self._is_taken(used_token):
                    self.note_good(used_token)
                    return False
                if self.refresh(used_token):
                    return True
                raise NotSignedIn("the session has ended; run `flowtui login`", status=401)
            except FlowError as error:
                self._doubts, self._doubt = self._doubts + 1, error
                raise

    def note_good(self, token: str) -> None:
        """`/me` has just said that this token is good."""
        self._confirmed = (token, self._clock())

    def _is_confirmed(self, token: str) -> bool:
        known = self._confirmed
        return known is not None and known[0] == token and self._clock() - known[1] < CONFIRMED

    def _is_taken(self, token: str) -> bool:
        """Whether `/me` takes the token; a server without it has to be believed as it is."""
        headers = {"Authorization": f"Bearer {token}"}
        response = self._exchange("GET", self.absolute("/me"), headers=headers)
        status = response.status_code
        if status == 401:
            return False
        if response.is_success:
            return not is_nobody(json_of(response))
        if status >= 500 or status == 429:
            raise error_of(response)
        return True  # no such route, or one that this key may not use: the key itself was known

    def _note_life(self, credential: Credential | None, *, is_fresh: bool) -> None:
        """Take note of when a token that is in force from now on is to be renewed."""
        self._renew_at = math.inf
        if credential is not None:
            left = renew_in(credential.token, self._time_of_day(), is_fresh=is_fresh)
            self._renew_at = self._clock() + left

    def _renew_ahead(self) -> None:
        """Renew the token where its end is near; that it cannot be is seen when it has ended."""
        current = self._credential
        if current is None or self._clock() < self._renew_at:
            return
        self._renew_at = math.inf  # one try for each token
        with contextlib.suppress(FlowError):
            self.refresh(current.token)

    def _newer_in_store(self, current: Credential, *, elsewhere: bool) -> bool:
        """Take a token that another process has stored for this user, if it was not tried yet.

        With `elsewhere`, also one that is kept in another place than the current one.
        """
        if self._store is None:
            return False
        try:
            stored = self._store.find(self.server, current.username)
        except SaveError:
            return False  # then there is nothing newer to be had
        if stored is None or stored.token in self._spent or stored.username != current.username:
            return False
        if stored.source is not current.source and not (elsewhere and current.username):
            return False
        return self._replace(current, stored)

    def _is_signed_out(self, current: Credential) -> bool:
        """Whether another process has removed what this session was read from."""
        if self._store is None or current.source not in _KEPT:
            return False
        try:
            stored = self._store.find(self.server, current.username)
        except SaveError:
            return False
        return stored is None or stored.source is not current.source

    def _awaited_from_store(self, current: Credential) -> bool:
        """Wait a while for what another process may just be getting, where nothing can be locked.

        The refresh token is one for all: who comes second is refused until the first has written.
        """
        if current.source not in _KEPT or not current.refresh_token:
            return False
        for seconds in (0.5, 1.0, 2.0, 4.0):
            self._sleep(seconds)
            if self._newer_in_store(current, elsewhere=False):
                return True
        return False

    def _refresh(self, current: Credential) -> bool:
        # The live service wants the cookie, the documented one the old token: both are sent.
        headers = self._headers_for("/token")
        if is_usable(current.refresh_token):
            headers["Cookie"] = f"{REFRESH_COOKIE}={current.refresh_token}"
        if not headers:
            return False
        response = self._exchange("GET", self.absolute("/token"), headers=headers)
        if response.status_code in (400, 401, 403, 404, 405):
            return False
        json_of(response)
        token, refresh = tokens_of(response)
        if token is None or token == current.token:
            return False
        renewed = replace(current, token=token, refresh_token=refresh or current.refresh_token)
        if not self._replace(current, renewed, is_fresh=True):
            return self._credential is not None
        if self._store is not None:
            try:
                self._store.update(self.server, current, renewed)
            except SaveError:
                # The session goes on with the new token; only the next process must refresh again.
                return True
        return True

    def _replace(self, current: Credential, new: Credential, *, is_fresh: bool = False) -> bool:
        """Put `new` in force, unless somebody signed in or out meanwhile."""
        if self._credential is not current:
            return False
        self._credential = new
        self._note_life(new, is_fresh=is_fresh)
        return True

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
            return self._exchange(
                method, url, params=params, body=body, headers=headers, bound=bound
            )

        response = self.answered(ask, confirms=path != "/me")
        if not response.is_success:
            raise error_of(response)
        return response

    def _exchange(
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
            return send(self._http, request, bound, self._deadlines, self._clock)
        except httpx.RequestError as error:
            raise network_error(error, url) from error
        except (httpx.InvalidURL, ValueError) as error:
            raise FlowError(f"not a valid server address: {printable(self.server)}") from error
        finally:
            self._http.cookies.clear()


def _signed_in(response: httpx.Response, *, secret: str) -> tuple[str, str | None, User | None]:
    """The tokens of a good sign-in, and who it is. Raises FlowError."""
    if not response.is_success:
        raise error_of(response, secret=secret)
    token, refresh = tokens_of(response)
    if token is None:
        raise UnexpectedAnswer(
            f"unexpected answer to the sign-in from {_host(str(response.url))}; {WRONG_ADDRESS}",
            status=response.status_code,
        )
    try:
        user = User.model_validate(json_of(response).get("user"))
    except ValidationError:
        user = None
    return token, refresh, user


def _single_sign_on(response: httpx.Response) -> SingleSignOnOnly:
    try:
        body = body_of(response)
    except ValueError:
        body = None
    given = body if isinstance(body, dict) else {}
    names = ("client_id", "domain_url")
    client_id, domain_url = (v if isinstance(v := given.get(n), str) else "" for n in names)
    return SingleSignOnOnly(
        "this server uses single sign-on; run `flowtui login --sso`, or create an API key in "
        "Settings on Flow's web site and pass it to `flowtui login --token-stdin`",
        status=response.status_code,
        client_id=client_id,
        domain_url=domain_url,
    )


def tokens_of(response: httpx.Response) -> tuple[str | None, str | None]:
    """Access and refresh token of an answer to a sign-in or refresh, in either dialect."""
    try:
        body = body_of(response)
    except ValueError:
        body = None
    body = body if isinstance(body, dict) else {}
    names = ("token", "access_token", "accessToken")
    token = next((body[name] for name in names if is_usable(body.get(name))), None)
    refresh = _refresh_cookie(response) or body.get("refresh_token")
    refresh = refresh if is_usable(refresh) else None
    know(token, refresh)
    return token, refresh


def _refresh_cookie(response: httpx.Response) -> str | None:
    """The refresh token that an answer sets.

    Read from the headers themselves: a cookie jar drops those of another domain (a Flow behind a
    proxy), and fails where one name is set for two paths (the old one removed, a new one given).
    """
    found = None
    for line in response.headers.get_list("set-cookie"):
        pair, *attributes = (part.strip() for part in line.split(";"))
        name, _, value = pair.partition("=")
        value = value.strip().strip('"')
        removed = any(attribute.lower().replace(" ", "") == "max-age=0" for attribute in attributes)
        if name.strip() == REFRESH_COOKIE and is_usable(value) and not removed:
            found = value
    return found


def is_usable(token: object) -> bool:
    """Whether this can be sent as a token: visible ASCII, with nothing that ends a header."""
    return (
        isinstance(token, str)
        and bool(token)
        and all("!" <= character <= "~" and character not in '",;' for character in token)
    )


def is_nobody(me: object) -> bool:
    """Whether an answer of `/me` names nobody: older servers say so of a bad token, not by 401."""
    return not isinstance(me, dict) or not me.get("id")


def token_of(response: httpx.Response) -> str | None:
    """The token that the request carried."""
    header = response.request.headers.get("authorization", "")
    return header.removeprefix("Bearer ") or None


def _is_empty_list(body: object) -> bool:
    """Whether an answer is a list without items."""
    return body == [] or (isinstance(body, dict) and body.get("count") == 0)


def _host(url: str) -> str:
    return printable(httpx.URL(url).host)


@lru_cache(64)  # asked for every request, nearly always of the server's own
def _origin(url: str) -> tuple[str, str, int | None] | None:
    """Scheme, host and port of a URL, or None where it is none."""
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        return None
    return parsed.scheme, parsed.host, _port(parsed)


def _port(url: httpx.URL) -> int | None:
    return url.port or {"http": 80, "https": 443}.get(url.scheme)


def _failure(error: FlowError) -> Failure:
    """What an error says about the next try."""
    kind = ErrorKind.PASSING if error.retryable else ErrorKind.LASTING
    return Failure(kind, error.retry_after if isinstance(error, RateLimited) else None)
