"""Single sign-on by a code that is entered elsewhere: what is asked, waited for and refused."""

from __future__ import annotations

import itertools
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from flowtui.flow.errors import FlowError, NotSignedIn, SingleSignOnOnly, UnexpectedAnswer
from flowtui.flow.session.credentials import Credential
from flowtui.flow.session.device_flow import LONGEST_LIFE, DeviceCode

CODE = {
    "device_code": "dc-secret",
    "user_code": "ABCD-EFGH",
    "verification_uri": "https://sso.example/activate",
    "verification_uri_complete": "https://sso.example/activate?user_code=ABCD-EFGH",
    "expires_in": 900,
    "interval": 5,
}
SSO = {"client_id": "c-1", "domain_url": "https://sso.example"}
PENDING = httpx.Response(403, json={"error": "authorization_pending"})
SLOWER = httpx.Response(429, json={"error": "slow_down"})
GIVEN = httpx.Response(200, json={"id_token": "id-secret", "access_token": "at"})


@pytest.fixture
def instance(flow):
    flow.answers |= {
        "/login": httpx.Response(501, json=SSO),
        "POST /oauth/device/code": CODE,
        "/me": {"id": "1", "username": "alice"},
    }
    granted = {"token": "NEW", "user": {"id": "1", "username": "alice"}}
    cookie = {"Set-Cookie": "flow_refresh_token=R; HttpOnly"}
    flow.answers["POST /oidc-login"] = httpx.Response(200, json=granted, headers=cookie)
    return flow


def polled(flow: Any, *answers: httpx.Response) -> None:
    following = itertools.chain(answers, itertools.repeat(answers[-1]))
    flow.answers["POST /oauth/token"] = lambda request: httpx.Response(
        (answer := next(following)).status_code, content=answer.content
    )


def test_the_code_is_shown_and_waited_for_as_slowly_as_is_asked(instance) -> None:
    polled(instance, PENDING, SLOWER, PENDING, GIVEN)
    shown: list[DeviceCode] = []
    client = instance.client()
    user = client.account.sign_in_by_device(shown.append)
    assert user.username == "alice"
    (code,) = shown
    assert (code.address, code.user_code) == (CODE["verification_uri_complete"], "ABCD-EFGH")
    assert instance.waits == [5.0, 5.0, 10.0, 10.0]
    assert client.account.credential == Credential("NEW", "R", "alice")
    asked = next(r for r in instance.requests if r.url.path == "/oauth/device/code")
    assert parse_qs(asked.content.decode())["scope"] == ["openid profile email"]
    for request in instance.requests:
        if request.url.host == "sso.example":
            assert "authorization" not in request.headers


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        (httpx.Response(403, json={"error": "access_denied"}), NotSignedIn, "denied"),
        (httpx.Response(400, json={"error": "expired_token"}), NotSignedIn, "in time"),
        (httpx.Response(400, json={"error": "x", "error_description": "bad\x1b[2J"}),
         UnexpectedAnswer, "bad"),
        (httpx.Response(500, text="oops"), UnexpectedAnswer, "sso.example"),
        (httpx.Response(200, json=[]), UnexpectedAnswer, "sso.example"),
    ],
)  # fmt: skip
def test_what_ends_it(instance, answer, error, says: str) -> None:
    polled(instance, PENDING, answer)
    with pytest.raises(error, match=says) as caught:
        instance.client().account.sign_in_by_device(lambda code: None)
    assert str(caught.value).isprintable()
    assert "dc-secret" not in str(caught.value)


def test_it_is_not_waited_for_ever(instance) -> None:
    instance.answers["POST /oauth/device/code"] = {**CODE, "expires_in": 1e12}
    polled(instance, PENDING)
    with pytest.raises(NotSignedIn, match="in time"):
        instance.client().account.sign_in_by_device(lambda code: None)
    assert sum(instance.waits) <= LONGEST_LIFE + 5


@pytest.mark.parametrize(
    "sso",
    [{}, {"client_id": "c"}, {"client_id": "c", "domain_url": "http://sso.example"},
     {"client_id": "c", "domain_url": "javascript:alert(1)"}, {"client_id": 7, "domain_url": []}],
)  # fmt: skip
def test_an_instance_that_does_not_offer_it_names_the_key(instance, sso: dict[str, Any]) -> None:
    instance.answers["/login"] = httpx.Response(501, json=sso)
    with pytest.raises(SingleSignOnOnly, match="API key in Settings"):
        instance.client().account.sign_in_by_device(lambda code: None)


def test_an_address_that_nobody_should_be_sent_to(instance) -> None:
    bad = {**CODE, "verification_uri_complete": "http://evil.example/"}
    instance.answers["POST /oauth/device/code"] = bad
    with pytest.raises(FlowError):
        instance.client().account.sign_in_by_device(lambda code: None)


def test_a_server_with_passwords_says_so(instance) -> None:
    instance.answers["/login"] = httpx.Response(400, json={"error": "Invalid credentials"})
    with pytest.raises(NotSignedIn, match="no single sign-on"):
        instance.client().account.sign_in_by_device(lambda code: None)
