"""The end of a session: renewed ahead, refusals believed of good tokens only, one for many."""

from __future__ import annotations

import base64
import json
import math
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowtui.flow.errors import FlowError, NotFound, NotSignedIn, ServiceUnavailable
from flowtui.flow.http.http_client import make_client
from flowtui.flow.session.confirmation import CONFIRMED
from flowtui.flow.session.credential_store import CredentialStore
from flowtui.flow.session.credentials import Credential, CredentialSource, plain_token
from flowtui.flow.session.session import ApiSession
from flowtui.flow.session.token_life import AHEAD, renew_in
from flowtui.retry import ONCE
from tests.flow.conftest import BASE
from tests.support.waiting import GUARD

ME = {"id": "1", "username": "alice"}


def jwt(**claims: Any) -> str:
    coded = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJIUzI1NiJ9.{coded}.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("token", "now", "is_fresh", "expected"),
    [
        ("opaque", 0.0, True, math.inf),
        (jwt(sub=1), 0.0, True, math.inf),
        (jwt(exp="soon"), 0.0, True, math.inf),
        (jwt(exp=True), 0.0, True, math.inf),
        (jwt(exp=1300, iat=1000), 1000.0, True, 300 - AHEAD),
        (jwt(exp=1300, iat=1000), 1290.0, False, 0.0),
        (jwt(exp=1300, iat=1000), 5000.0, False, 0.0),
        (jwt(exp=1300), 1000.0, False, 300 - AHEAD),
        # A clock that is an hour ahead, or behind: a token that has just come is good all the same.
        (jwt(exp=1300, iat=1000), 4600.0, True, 300 - AHEAD),
        (jwt(exp=1300, iat=1000), -2600.0, True, 300 - AHEAD),
        # Nor is one that was stored believed to live longer than it lives at all.
        (jwt(exp=1300, iat=1000), -85_400.0, False, 300 - AHEAD),
        # A very short life is used to its half.
        (jwt(exp=1006, iat=1000), 1000.0, True, 3.0),
    ],
)
def test_when_a_token_is_renewed(token: str, now: float, is_fresh: bool, expected: float) -> None:
    assert renew_in(token, now, is_fresh=is_fresh) == expected


@given(st.text(), st.floats(allow_nan=False, allow_infinity=False), st.booleans())
def test_any_text_may_be_a_token(text: str, now: float, is_fresh: bool) -> None:
    for token in (text, f"a.{text}.c", jwt(exp=text), jwt(exp=10**400, iat=now)):
        assert renew_in(token, now, is_fresh=is_fresh) >= 0.0


@pytest.mark.parametrize(
    "text",
    ["abc.def", " abc.def\r\n", '"abc.def"', "Bearer abc.def", "'bearer  abc.def'\n",
     "Authorization: Bearer abc.def"],
)  # fmt: skip
def test_what_is_pasted_with_a_token(text: str, monkeypatch, tmp_path: Path) -> None:
    assert plain_token(text) == "abc.def"
    monkeypatch.setenv("FLOW_ACCESS_TOKEN", text)
    found = CredentialStore(tmp_path).find(BASE, None)
    assert found is not None
    assert found.token == "abc.def"
    monkeypatch.delenv("FLOW_ACCESS_TOKEN")
    (tmp_path / "token").write_text(text)
    monkeypatch.setenv("FLOW_TOKEN_FILE", str(tmp_path / "token"))
    found = CredentialStore(tmp_path).find(BASE, None)
    assert found is not None
    assert found.token == "abc.def"


class Lenient:
    """A server that takes a token that is not good as none, and hides what is private."""

    def __init__(self, flow: Any) -> None:
        self.flow = flow
        self.good = {"NEW"}
        self.renewals = True
        flow.answers |= {"/me": self.me, "/token": self.token, "/data/7": self.private}
        flow.answers["/projects/owned"] = self.owned

    def signed_in(self, request: httpx.Request) -> bool:
        return request.headers.get("authorization", "").removeprefix("Bearer ") in self.good

    def me(self, request: httpx.Request) -> httpx.Response:
        good = self.signed_in(request)
        return httpx.Response(200, json=ME) if good else httpx.Response(401, json={"error": "no"})

    def token(self, request: httpx.Request) -> httpx.Response:
        if not self.renewals:
            return httpx.Response(400, json={"error": "Refresh token not valid"})
        return httpx.Response(200, json={"token": "NEW"})

    def private(self, request: httpx.Request) -> httpx.Response:
        if self.signed_in(request):
            return httpx.Response(200, json={"id": "7", "filename": "x.gz"})
        return httpx.Response(404, json={"error": "Not found"})

    def owned(self, request: httpx.Request) -> httpx.Response:
        rows = [{"id": "1", "name": "mine"}] if self.signed_in(request) else []
        return httpx.Response(200, json={"count": len(rows), "page": 1, "projects": rows})


@pytest.fixture
def lenient(flow) -> Lenient:
    return Lenient(flow)


def test_not_found_by_an_ended_token_is_asked_about_again(flow, lenient: Lenient) -> None:
    client = flow.client(Credential("OLD", "R"))
    assert client.data("7").filename == "x.gz"
    assert (flow.asked("/me"), flow.asked("/token"), flow.asked("/data/7")) == (1, 1, 2)


def test_an_empty_list_by_an_ended_token_is_asked_for_again(flow, lenient: Lenient) -> None:
    client = flow.client(Credential("OLD", "R"))
    assert [project.name for project in client.projects()] == ["mine"]


def test_where_nothing_can_be_renewed_the_session_has_ended(flow, lenient: Lenient) -> None:
    lenient.renewals = False
    client = flow.client(Credential("OLD", "R"))
    with pytest.raises(NotSignedIn, match="session has ended; run `flowtui login`"):
        client.data("7")
    with pytest.raises(NotSignedIn, match="session has ended"):
        list(client.projects())


def test_a_good_token_makes_it_final_and_is_not_asked_about_for_a_minute(flow) -> None:
    lenient = Lenient(flow)
    now = 1000.0
    http = make_client(transport=httpx.MockTransport(flow.handle))
    session = ApiSession(BASE, Credential("NEW"), None, http, clock=lambda: now)
    for _ in range(3):
        with pytest.raises(NotFound):
            session.get("/data/8")
    assert flow.asked("/me") == 1
    now += CONFIRMED - 1  # being relied on does not make it good for longer
    with pytest.raises(NotFound):
        session.get("/data/8")
    assert flow.asked("/me") == 1
    now += 2
    lenient.good = set()
    with pytest.raises(NotSignedIn):
        session.get("/data/8")


def test_a_server_that_cannot_say_makes_nothing_final(flow, lenient: Lenient) -> None:
    flow.answers["/me"] = httpx.Response(503)
    with pytest.raises(ServiceUnavailable):
        flow.client(Credential("OLD", "R")).data("7")


@pytest.mark.parametrize("status", [403, 404, 405])
def test_a_server_without_me_is_believed(flow, lenient: Lenient, status: int) -> None:
    flow.answers["/me"] = httpx.Response(status)
    with pytest.raises(NotFound):
        flow.client(Credential("OLD", "R")).data("7")


def test_nobody_signed_in_asks_nothing_more(flow, lenient: Lenient) -> None:
    with pytest.raises(NotFound):
        flow.client().data("7")
    assert flow.asked("/me") == 0


@pytest.mark.parametrize(
    ("renewals", "me", "expected"),
    [(True, None, "x.gz"), (False, None, NotSignedIn), (True, 503, ServiceUnavailable)],
    ids=["renewed", "ended", "away"],
)
def test_one_question_is_enough_for_all_who_wait(
    flow, lenient: Lenient, renewals: bool, me: int | None, expected: object
) -> None:
    refused = threading.Barrier(8, timeout=GUARD)
    waiting = threading.Semaphore(0)
    first = lenient.private
    lenient.renewals = renewals

    def private(request: httpx.Request) -> httpx.Response:
        if not lenient.signed_in(request):
            refused.wait()
        return first(request)

    def asked_of_me(request: httpx.Request) -> httpx.Response:
        for _ in range(8 if flow.asked("/me") == 1 else 0):
            assert waiting.acquire(timeout=GUARD)
        return lenient.me(request) if me is None else httpx.Response(me)

    flow.answers |= {"/data/7": private, "/me": asked_of_me}
    http = make_client(transport=httpx.MockTransport(flow.handle))
    session = ApiSession(BASE, Credential("OLD", "R"), None, http)
    confirming = session.confirmation._confirming
    found: list[object] = []

    class Counted:
        """The lock, which tells of each thread that has come to it."""

        def __enter__(self) -> None:
            waiting.release()
            confirming.acquire()

        def __exit__(self, *what: object) -> None:
            confirming.release()

    session.confirmation._confirming = Counted()  # type: ignore[assignment]

    def ask() -> None:
        try:
            found.append(session.get("/data/7", policy=ONCE)["filename"])
        except FlowError as error:
            found.append(type(error))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(GUARD)
    assert found == [expected] * 8
    assert (flow.asked("/me"), flow.asked("/token")) == (1, 0 if me else 1)


def test_a_token_is_renewed_before_its_end(flow) -> None:
    now = 5000.0
    first, second = jwt(exp=1300, iat=1000), jwt(exp=1600, iat=1300)
    flow.answers |= {"/data/7": {"id": "7", "filename": "x"}, "/token": {"token": second}}
    http = make_client(transport=httpx.MockTransport(flow.handle))
    session = ApiSession(
        BASE, Credential(first, "R"), None, http, clock=lambda: now, time_of_day=lambda: 1000.0
    )
    session.get("/data/7")
    assert flow.asked("/token") == 0
    now += 300 - AHEAD
    session.get("/data/7")
    assert flow.asked("/token") == 1
    assert flow.requests[-1].headers["authorization"] == f"Bearer {second}"
    now += 200
    session.get("/data/7")
    assert flow.asked("/token") == 1


def test_a_token_that_cannot_be_renewed_ahead_is_used_to_its_end(flow) -> None:
    flow.answers |= {"/data/7": {"id": "7", "filename": "x"}, "/token": httpx.Response(400)}
    http = make_client(transport=httpx.MockTransport(flow.handle))
    ending = Credential(jwt(exp=1010, iat=1000), "R")
    session = ApiSession(BASE, ending, None, http, time_of_day=lambda: 1009.0)
    for _ in range(3):
        session.get("/data/7")
    assert flow.asked("/token") == 1


class Rotating:
    """A refresh token is good once; its answer comes when all have asked who will."""

    def __init__(self, flow: Any, release: threading.Event) -> None:
        self.tokens = {"R0"}
        self.count = 0
        self.release = release
        self.asked = threading.Event()
        flow.answers |= {"/token": self.renew, "/me": self.me, "/data/7": self.me}

    def me(self, request: httpx.Request) -> httpx.Response:
        if request.headers.get("authorization") == "Bearer T1":
            return httpx.Response(200, json={**ME, "filename": "x"})
        return httpx.Response(401, json={"error": "Not authenticated"})

    def renew(self, request: httpx.Request) -> httpx.Response:
        given = request.headers.get("cookie", "").removeprefix("flow_refresh_token=")
        if given not in self.tokens:
            return httpx.Response(400, json={"error": "Refresh token not valid"})
        self.tokens = {"R1"}
        self.count += 1
        self.asked.set()
        assert self.release.wait(GUARD)
        cookie = {"Set-Cookie": "flow_refresh_token=R1; HttpOnly"}
        return httpx.Response(200, json={"token": "T1"}, headers=cookie)


def session_of(flow: Any, folder: Path, sleep: Any) -> ApiSession:
    """As another process has it: with a store of its own over the same files."""
    store = CredentialStore(folder)
    http = make_client(transport=httpx.MockTransport(flow.handle))
    return ApiSession(BASE, store.find(BASE, "alice"), store, http, sleep=sleep)


@pytest.mark.parametrize("locks", [True, False])
def test_two_processes_renew_one_session_once(flow, tmp_path: Path, monkeypatch, locks) -> None:
    """The second waits for the first: at the lock, or where there is none for what it writes."""
    release = threading.Event()
    server = Rotating(flow, release)
    kept = Credential("T0", "R0", "alice")
    CredentialStore(tmp_path).keep(BASE, kept, CredentialSource.FILE)
    if not locks:
        monkeypatch.setattr(
            "flowtui.flow.session.process_locks.flock_within", lambda descriptor, seconds: False
        )
    first_done = threading.Event()

    def sleep(seconds: float) -> None:
        release.set()
        assert first_done.wait(GUARD)

    results: dict[str, str] = {}

    def run(name: str, session: ApiSession) -> None:
        results[name] = session.get("/data/7")["filename"]
        if name == "first":
            first_done.set()

    sessions = {name: session_of(flow, tmp_path, sleep) for name in ("first", "second")}
    first = threading.Thread(target=run, args=("first", sessions["first"]))
    first.start()
    assert server.asked.wait(GUARD)
    second = threading.Thread(target=run, args=("second", sessions["second"]))
    second.start()
    if locks:
        release.set()
    first.join(GUARD)
    second.join(GUARD)
    assert results == {"first": "x", "second": "x"}
    assert server.count == 1
    found = CredentialStore(tmp_path).find(BASE, "alice")
    assert found is not None
    assert (found.token, found.refresh_token) == ("T1", "R1")


def test_a_list_that_a_key_may_not_see_is_had_from_another(flow, lenient: Lenient) -> None:
    refusal = {"error": "Token not authorised for this endpoint"}
    flow.answers["/projects/owned"] = httpx.Response(403, json=refusal)
    flow.paged("/projects/search", "projects", [{"id": "1", "name": "found"}])
    client = flow.client(Credential("NEW"))
    assert [project.name for project in client.projects()] == ["found"]
