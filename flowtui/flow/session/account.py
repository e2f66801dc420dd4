"""Who is signed in at a server, and the ways to sign in.

A sign-in puts its credential in force and keeps it nowhere: that is for who knows where the user
wants it (`credential_store`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import httpx

from flowtui.flow.errors import (
    NotFound,
    NotOffered,
    NotSignedIn,
    Refused,
    SingleSignOnOnly,
    UnexpectedAnswer,
    WrongPassword,
)
from flowtui.flow.http.answers import body_of
from flowtui.flow.listing import read_record
from flowtui.flow.models import UnreadableRecord, User
from flowtui.flow.responses import WRONG_ADDRESS, error_of, is_web_page, json_of, web_page_error
from flowtui.flow.session.confirmation import is_nobody
from flowtui.flow.session.credentials import Credential, plain_token
from flowtui.flow.session.session import ApiSession
from flowtui.flow.session.tokens import is_usable, tokens_of
from flowtui.text.printable import printable
from flowtui.text.redaction import know

if TYPE_CHECKING:
    from flowtui.flow.session.device_flow import DeviceCode


class SignedIn(NamedTuple):
    """What a server gives for a good sign-in; `user` where it says who that is."""

    token: str
    refresh_token: str | None
    user: User | None


class Account:
    """The user of one session. Safe to use from many threads; all methods raise FlowError."""

    def __init__(
        self,
        session: ApiSession,
        http: httpx.Client,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`http` and `sleep` are for asking another service, see `sign_in_by_device`."""
        self._session = session
        self._http = http
        self._sleep = sleep
        self._me: User | None = None

    @property
    def credential(self) -> Credential | None:
        """What is in force, or None."""
        return self._session.token.credential

    def use(self, credential: Credential | None) -> None:
        """Use another credential from now on."""
        self._me = None
        self._session.token.use(credential)

    def sign_in(self, username: str, password: str) -> User:
        """Sign in (`POST /login`); the credential is in `credential` then, kept nowhere yet.

        Raises WrongPassword, SingleSignOnOnly.
        """
        token, refresh, user = log_in(self._session, username, password)
        try:
            return self._use_if_valid(Credential(token, refresh, username))
        except NotFound:
            # A server without /me; it has just said itself that this is a good token.
            self.use(Credential(token, refresh, username))
            return user or User(id=username, username=username)

    def sign_in_by_device(self, show: Callable[[DeviceCode], None]) -> User:
        """Sign in at the service that the instance leaves that to, in a browser anywhere.

        `show` is called with the address and the code; then it is waited until that is entered.
        Raises SingleSignOnOnly where the instance does not offer it, NotSignedIn where it has no
        single sign-on, or nobody enters the code.
        """
        from flowtui.flow.session import device_flow

        try:
            log_in(self._session, "", "")
        except SingleSignOnOnly as sso:
            code = device_flow.begin(self._http, sso)
            show(code)
            id_token = device_flow.await_token(self._http, sso, code, self._sleep)
        except WrongPassword as error:
            raise NotSignedIn(
                "this server has no single sign-on; run `flowtui login` without --sso"
            ) from error
        else:
            raise NotSignedIn("this server has no single sign-on")
        token, refresh, user = log_in_by_id_token(self._session, id_token)
        name = user.username if user is not None else None
        found = self._use_if_valid(Credential(token, refresh, name or None))
        used = self.credential
        if used is not None and not used.username and found.username:
            self.use(replace(used, username=found.username))
        return found

    def sign_in_with_token(self, token: str) -> User:
        """Sign in with a token or API key, checked by `GET /me`. Raises NotSignedIn."""
        token = plain_token(token)
        if not is_usable(token):
            raise NotSignedIn(
                "not a valid token: a token has no spaces, quotes, commas or semicolons"
            )
        user = self._use_if_valid(Credential(token))
        found = self.credential
        if found is not None and user.username:
            self.use(replace(found, username=user.username))
        return user

    def me(self) -> User:
        """Who is signed in (`GET /me`): the one honest check of a token. Raises NotSignedIn."""
        used = self.credential
        body = self._session.get("/me")
        if is_nobody(body) and used is not None and self._session.refresh(used.token):
            body = self._session.get("/me")
        if is_nobody(body):
            raise NotSignedIn(
                "not signed in, or the session has expired; sign in again", status=200
            )
        if (good := self.credential) is not None:
            self._session.confirmation.note_good(good.token)
        self._me = read_record(User, body)
        return self._me

    def _use_if_valid(self, credential: Credential) -> User:
        """Use a credential if `GET /me` takes it; else the one before stays in force."""
        before = self.credential
        self.use(credential)
        try:
            return self.me()
        except BaseException:
            self.use(before)
            raise

    def names(self) -> frozenset[str]:
        """What lists call an owner who is the user; none where nobody knows.

        A group that the user is in is among them: all its members own what it owns.
        """
        if self._me is None and self.credential is not None:
            try:
                self.me()
            except (NotFound, NotOffered, Refused):
                return frozenset()  # a server without /me, or a key that is not for it
        return self._me.names if self._me is not None else frozenset()


def log_in(session: ApiSession, username: str, password: str) -> SignedIn:
    """`POST /login`; nothing is put in force.

    Raises WrongPassword, SingleSignOnOnly, UnexpectedAnswer for another server than Flow's.
    """
    session.address.require_safe("password")
    know(password, in_names=False)
    url = session.absolute("/login")
    body = {"username": username, "password": password}
    response = session.exchange("POST", url, body=body)
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


def log_in_by_id_token(session: ApiSession, id_token: str) -> SignedIn:
    """`POST /oidc-login`, as `log_in` for who has signed in at another service."""
    session.address.require_safe("token")
    know(id_token)
    url = session.absolute("/oidc-login")
    response = session.exchange("POST", url, body={"id_token": id_token})
    return _signed_in(response, secret=id_token)


def _signed_in(response: httpx.Response, *, secret: str) -> SignedIn:
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
        user = User.read(json_of(response).get("user"))
    except UnreadableRecord:
        user = None
    return SignedIn(token, refresh, user)


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


def _host(url: str) -> str:
    return printable(httpx.URL(url).host)
