"""Signing in, the one refresh for many, and where the token goes."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from flowtui.flow.client import FlowClient
from flowtui.flow.errors import (
    FlowError,
    NotSignedIn,
    ServiceUnavailable,
    SingleSignOnOnly,
    UnexpectedAnswer,
    WrongPassword,
)
from flowtui.flow.session.credential_store import CredentialStore
from flowtui.flow.session.credentials import Credential, CredentialSource
from support.waiting import GUARD

BASE = "https://flow.example/api"
ME = {"id": "1", "username": "alice", "name": "Alice A"}
PAGE = httpx.Response(200, html="<!doctype html><html><body>Flow</body></html>")


@pytest.mark.parametrize("key", ["token", "access_token"])
def test_a_sign_in_brings_the_token_and_the_refresh_cookie(flow, key) -> None:
    flow.token = "T1"
    flow.answers["POST /login"] = httpx.Response(
        200, json={key: "T1"}, headers={"Set-Cookie": "flow_refresh_token=R1; HttpOnly; Path=/"}
    )
    flow.answers["/me"] = ME
    client = flow.client()
    assert client.account.sign_in("alice", "pw").username == "alice"
    assert client.account.credential == Credential("T1", "R1", "alice", CredentialSource.MEMORY)
    assert "cookie" not in flow.requests[-1].headers


def test_a_refresh_token_in_the_body_is_taken_too(flow) -> None:
    flow.answers |= {"/login": {"access_token": "T1", "refresh_token": "R1"}, "/me": ME}
    client = flow.client()
    client.account.sign_in("alice", "pw")
    assert client.account.credential is not None
    assert client.account.credential.refresh_token == "R1"


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (
            httpx.Response(400, json={"error": "Invalid credentials"}),
            WrongPassword,
            "wrong user name or password",
        ),
        (httpx.Response(401, json={"error": "x"}), WrongPassword, "wrong user name or password"),
        (httpx.Response(501, json={"client_id": "c"}), SingleSignOnOnly, "API key in Settings"),
        (PAGE, UnexpectedAnswer, "check the server's address"),
        (httpx.Response(404), UnexpectedAnswer, "check the server's address"),
        (httpx.Response(200, json={"hello": 1}), UnexpectedAnswer, "check the server's address"),
        (httpx.Response(502, html="<html>nginx</html>"), ServiceUnavailable, "try again"),
        (httpx.Response(422, json={"error": "password secret-pw is bad"}), FlowError, "422"),
    ],
)
def test_a_refused_sign_in_says_what_to_do(flow, answer, error, words) -> None:
    flow.answers["POST /login"] = answer
    client = flow.client()
    with pytest.raises(error) as caught:
        client.account.sign_in("alice", "secret-pw")
    assert words in str(caught.value)
    assert "secret-pw" not in str(caught.value)
    assert client.account.credential is None


def test_a_server_without_me_still_signs_in(flow) -> None:
    flow.answers["/login"] = {"token": "T1", "user": {"id": 1, "username": "alice"}}
    client = flow.client()
    assert client.account.sign_in("alice", "pw").id == "1"
    assert client.account.credential is not None


@pytest.mark.parametrize("token", ["", "two words", "new\nline", "\xe9", "x" * 5 + "\x7f"])
def test_what_is_no_token_is_not_sent(flow, token) -> None:
    with pytest.raises(NotSignedIn):
        flow.client().account.sign_in_with_token(token)
    assert flow.requests == []


def test_a_bad_token_leaves_the_one_before_in_force(flow) -> None:
    flow.answers["/me"] = {"id": None}
    before = Credential("OLD")
    client = flow.client(before)
    with pytest.raises(NotSignedIn):
        client.account.sign_in_with_token("NEW")
    assert client.account.credential is before


def test_a_pasted_token_is_checked_and_named(flow) -> None:
    flow.token, flow.answers["/me"] = "KEY", ME
    client = flow.client()
    client.account.sign_in_with_token("  Bearer KEY\n")
    assert client.account.credential == Credential("KEY", None, "alice")


def test_sixteen_threads_refresh_once(flow) -> None:
    flow.token, flow.answers["/me"] = "NEW", ME
    together = threading.Barrier(16)

    def renew(request: httpx.Request) -> httpx.Response:
        assert request.headers["cookie"] == "flow_refresh_token=R"
        assert request.headers["authorization"] == "Bearer OLD"
        return httpx.Response(200, json={"token": "NEW"})

    flow.answers["/token"] = renew
    client = flow.client(Credential("OLD", "R", "alice"))

    def ask(_: int) -> str:
        together.wait(GUARD)
        return client.account.me().username

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(ask, range(16))) == ["alice"] * 16
    assert flow.asked("/token") == 1
    assert client.account.credential == Credential("NEW", "R", "alice")


class _CountingLock:
    """A lock that tells when so many stand at it."""

    def __init__(self, wanted: int) -> None:
        self._lock = threading.Lock()
        self._left = threading.Semaphore(0)
        self._wanted = wanted

    def __enter__(self) -> None:
        self._left.release()
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def wait(self) -> None:
        for _ in range(self._wanted):
            assert self._left.acquire(timeout=GUARD)


def test_those_who_wait_share_a_failed_refresh(flow) -> None:
    flow.token = "NEW"
    lock = _CountingLock(8)

    def refuse(request: httpx.Request) -> httpx.Response:
        lock.wait()
        return httpx.Response(400, json={"error": "Refresh token not valid"})

    flow.answers["/token"] = refuse
    client = flow.client(Credential("OLD", "R"))
    client.session.token._refreshing = lock
    with ThreadPoolExecutor(8) as pool:
        assert not any(pool.map(client.session.refresh, ["OLD"] * 8))
    assert flow.asked("/token") == 1


def test_a_request_is_repeated_once_and_no_more(flow) -> None:
    flow.token = "NEVER"
    flow.answers["/token"] = {"token": "NEW"}
    client = flow.client(Credential("OLD", "R"))
    with pytest.raises(NotSignedIn):
        client.project("1")
    assert flow.asked("/projects/1") == 2


def test_an_api_key_that_has_ended_needs_a_sign_in(flow) -> None:
    flow.token = "OTHER"
    flow.answers["/token"] = httpx.Response(400, json={"error": "No refresh token supplied"})
    with pytest.raises(NotSignedIn, match="sign in again"):
        flow.client(Credential("KEY")).account.me()
    assert "cookie" not in next(r for r in flow.requests if r.url.path.endswith("/token")).headers


def test_the_documented_dialect_renews_by_the_old_token(flow) -> None:
    flow.token, flow.answers["/me"] = "NEW", ME

    def renew(request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == "Bearer OLD"
        return httpx.Response(200, json={"access_token": "NEW"})

    flow.answers["/token"] = renew
    assert flow.client(Credential("OLD")).account.me().username == "alice"


def test_a_refresh_answered_by_a_proxy_is_no_sign_out(flow) -> None:
    flow.token, flow.answers["/token"] = "NEW", PAGE
    client = flow.client(Credential("OLD", "R"))
    with pytest.raises(UnexpectedAnswer):
        client.session.refresh("OLD")
    assert client.account.credential is not None


def test_a_token_that_another_process_stored_is_taken_first(flow, tmp_path: Path) -> None:
    flow.token, flow.answers["/me"] = "NEWER", ME
    store = CredentialStore(tmp_path)
    old = store.keep(BASE, Credential("OLD", "R", "alice"), CredentialSource.FILE)
    CredentialStore(tmp_path).keep(BASE, Credential("NEWER", "R2", "alice"), CredentialSource.FILE)
    client = flow.client(old, store=store)
    assert client.account.me().username == "alice"
    assert flow.asked("/token") == 0


def test_a_refreshed_token_is_stored_where_the_old_one_was(flow, tmp_path: Path) -> None:
    flow.token, flow.answers["/me"], flow.answers["/token"] = "NEW", ME, {"token": "NEW"}
    store = CredentialStore(tmp_path)
    client = flow.client(
        store.keep(BASE, Credential("OLD", "R", "alice"), CredentialSource.FILE), store=store
    )
    client.account.me()
    found = CredentialStore(tmp_path).find(BASE, "alice")
    assert found is not None
    assert (found.token, found.refresh_token) == ("NEW", "R")


def test_a_sign_out_by_another_process_ends_the_session_and_nothing_is_stored(
    flow, tmp_path: Path
) -> None:
    flow.token, flow.answers["/me"], flow.answers["/token"] = "NEW", ME, {"token": "NEW"}
    store = CredentialStore(tmp_path)
    client = flow.client(
        store.keep(BASE, Credential("OLD", "R", "alice"), CredentialSource.FILE), store=store
    )
    store.forget(BASE, "alice")
    with pytest.raises(NotSignedIn):
        client.account.me()
    assert flow.asked("/token") == 0
    assert CredentialStore(tmp_path).find(BASE, "alice") is None


def test_me_with_no_id_is_a_bad_token_and_worth_a_refresh(flow) -> None:
    def me(request: httpx.Request) -> httpx.Response:
        good = request.headers["authorization"] == "Bearer NEW"
        return httpx.Response(200, json=ME if good else {"id": None})

    flow.answers |= {"/me": me, "/token": {"token": "NEW"}}
    assert flow.client(Credential("OLD", "R")).account.me().id == "1"


@pytest.mark.parametrize(
    ("url", "own"),
    [
        ("/downloads/1/x", True),
        ("https://flow.example/anything", True),
        ("HTTPS://FLOW.example:443/x", True),
        ("//evil.example/x", True),  # a path below the base, not another host
        ("http://flow.example/x", False),
        ("https://flow.example:8443/x", False),
        ("https://flow.example.evil.example/x", False),
        ("https://flow.example@evil.example/x", False),
        ("https://flow.example\\@evil.example/x", False),
        ("https://sub.flow.example/x", False),
        ("https://[bad/x", False),
    ],
)
def test_the_token_goes_to_the_own_origin_alone(url: str, own: bool) -> None:
    client = FlowClient(BASE, Credential("T"), http=httpx.Client())
    assert client.session.is_own(url) is own
    assert bool(client.session.headers_for(url)) is own
    if own:
        assert httpx.URL(client.session.absolute(url)).host == "flow.example"
    client.close()


def test_relative_links_keep_the_path_of_the_base() -> None:
    client = FlowClient(BASE + "/", http=httpx.Client())
    assert client.session.absolute("/downloads/1/x") == f"{BASE}/downloads/1/x"
    assert client.session.absolute("https://s3.example/x?y=1") == "https://s3.example/x?y=1"


def test_a_redirect_is_not_followed_with_the_token(flow) -> None:
    flow.answers["/me"] = httpx.Response(302, headers={"Location": "https://evil.example/me"})
    with pytest.raises(UnexpectedAnswer, match="address"):
        flow.client(Credential("T")).account.me()
    assert {one.url.host for one in flow.requests} == {"flow.example"}


def test_tokens_are_in_no_repr() -> None:
    credential = Credential("tok-secret", "ref-secret", "alice")
    assert "secret" not in repr(credential) + str(credential)


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (["flow_refresh_token=R1; Path=/", "flow_refresh_token=R2; Path=/api"], "R2"),
        (["flow_refresh_token=R1; Path=/", "flow_refresh_token=gone; Path=/api; Max-Age=0"], "R1"),
        (["flow_refresh_token=; Path=/; Max-Age=0"], None),
        (["flow_refresh_token=R1; Domain=elsewhere.example; Secure"], "R1"),
        (['flow_refresh_token="R1"; expires=Wed, 21 Oct 2035 07:28:00 GMT'], "R1"),
        (["other=X", "flow_refresh_tokens=X"], None),
        (["flow_refresh_token"], None),
    ],
)
def test_the_refresh_cookie_as_servers_set_it(flow, lines: list[str], found: str | None) -> None:
    flow.answers["/me"] = ME
    flow.answers["POST /login"] = lambda request: httpx.Response(
        200, json={"token": "T1"}, headers=[("Set-Cookie", line) for line in lines]
    )
    client = flow.client()
    client.account.sign_in("alice", "pw")
    assert client.account.credential is not None
    assert client.account.credential.refresh_token == found


def test_a_refresh_may_bring_a_new_cookie(flow) -> None:
    flow.token, flow.answers["/me"] = "NEW", ME
    flow.answers["/token"] = lambda request: httpx.Response(
        200, json={"token": "NEW"}, headers={"Set-Cookie": "flow_refresh_token=R2; Path=/"}
    )
    client = flow.client(Credential("OLD", "R1"))
    client.account.me()
    assert client.account.credential == Credential("NEW", "R2")
