"""One reader for all shapes of errors (flow-api.md, section 4)."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flowtui.flow.errors import (
    FlowError,
    Gone,
    NotFound,
    NotOffered,
    NotSignedIn,
    RateLimited,
    Refused,
    ServiceUnavailable,
    UnexpectedAnswer,
)
from flowtui.flow.http.http_client import BadProxy, make_client
from flowtui.flow.responses import error_of, json_of, message_of, network_error
from flowtui.flow.session.credentials import Credential

URL = "https://flow.example/api/x"
HTML = "<!doctype html><html><body><h1>502 Bad Gateway</h1></body></html>"


def answer(status: int, **content: object) -> httpx.Response:
    return httpx.Response(status, request=httpx.Request("GET", URL), **content)


@pytest.mark.parametrize(
    ("status", "body", "error", "words", "code"),
    [
        (401, {"error": "Invalid or expired token", "code": "UNAUTHENTICATED", "status": 401},
         NotSignedIn, "Invalid or expired token", "UNAUTHENTICATED"),
        (403, {"error": "You do not have permission", "code": "FORBIDDEN", "status": 403},
         Refused, "ask the owner", "FORBIDDEN"),
        (404, {"error": "Data file not found", "code": "NOT_FOUND", "status": 404},
         NotFound, "Data file not found", "NOT_FOUND"),
        (410, {"error": "Download link has expired", "code": "EXPIRED", "status": 410},
         Gone, "request it again", "EXPIRED"),
        (400, {"error": {"name": ["is long", "is odd"]}}, UnexpectedAnswer,
         "name: is long, is odd", "UNEXPECTED_ANSWER"),
        (400, {"error": {"code": "bad", "message": "No", "details": []}}, UnexpectedAnswer,
         "No", "bad"),
        (400, {"validation": [1]}, UnexpectedAnswer, "validation: [1]", "UNEXPECTED_ANSWER"),
        (422, {"type": "t", "title": "Bad", "status": 422, "detail": "Worse", "code": "v_e"},
         UnexpectedAnswer, "Worse", "v_e"),
        (422, {"type": "t", "title": "Bad", "status": 422}, UnexpectedAnswer, "Bad", None),
        (400, ["one", "two"], UnexpectedAnswer, "one, two", None),
        (400, None, UnexpectedAnswer, "400", None),
        (400, {"error": None}, UnexpectedAnswer, "400", None),
        (405, {"error": "Method not allowed"}, NotOffered, "does not support", "NOT_OFFERED"),
        (501, {}, NotOffered, "does not support", "NOT_OFFERED"),
        (500, {"error": "oops"}, ServiceUnavailable, "oops", "UNAVAILABLE"),
    ],
)  # fmt: skip
def test_json_errors(status, body, error, words, code) -> None:
    found = error_of(answer(status, json=body))
    assert type(found) is error
    assert words in found.message
    assert found.status == status
    assert code in (None, found.code)


@pytest.mark.parametrize("status", [502, 503, 504])
def test_the_page_of_a_proxy_is_not_shown(status: int) -> None:
    found = error_of(answer(status, html=HTML))
    assert type(found) is ServiceUnavailable
    assert "<" not in found.message
    assert found.retryable


def test_an_empty_404() -> None:
    assert error_of(answer(404)).message == "not found, or not visible to you"


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_asks_to_wait(status: int) -> None:
    found = error_of(answer(status, headers={"Retry-After": "7"}))
    assert isinstance(found, RateLimited)
    assert found.retry_after == 7.0
    assert "7 s" in found.message


def test_a_page_where_json_is_due_speaks_of_the_address() -> None:
    with pytest.raises(UnexpectedAnswer, match="web page.*check the server's address"):
        json_of(answer(200, html=HTML))
    with pytest.raises(UnexpectedAnswer, match="did not answer with JSON"):
        json_of(answer(200, content=b"\x1f\x8b\x00"))
    with pytest.raises(UnexpectedAnswer):
        json_of(answer(200, content=b"[" * 200_000))


def test_terminal_escapes_do_not_come_through() -> None:
    found = error_of(answer(404, json={"error": "\x1b[2Jgone\u202e\n", "code": "\x1b[1m"}))
    assert found.message.isprintable()
    assert "\x1b" not in found.code


def test_long_words_are_cut() -> None:
    assert len(error_of(answer(400, json={"error": "x" * 10_000})).message) < 400


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["error", "code", "message", "detail"]), inner, max_size=4
            )
        ),
        max_leaves=8,
    ),
    st.sampled_from([300, 302, 400, 401, 403, 404, 405, 409, 410, 418, 429, 500, 501, 503, 599]),
)
@example(["0\xa00\u3000"], 400)
# fmt: skip
def test_any_error_body_becomes_one_printable_line(body: object, status: int) -> None:
    found = error_of(answer(status, json=body))
    assert isinstance(found, FlowError)
    assert found.message.isprintable()
    assert found.message


@pytest.mark.parametrize(
    "said",
    ["Bad token tok-secret!", "Bearer tok-secret is bad", "cookie ref-secret",
     "x" * 295 + "tok-secret", "eyJhbGciOiJI.eyJzdWIiOiIx.c2VjcmV0 ends"],
)  # fmt: skip
def test_a_server_that_repeats_the_token_is_not_repeated(said: str) -> None:
    headers = {"Authorization": "Bearer tok-secret", "Cookie": "flow_refresh_token=ref-secret"}
    request = httpx.Request("GET", URL, headers=headers)
    for body in ({"json": {"error": said}}, {"text": said}):
        shown = message_of(httpx.Response(400, request=request, **body))[0]
        assert "secret" not in shown
        assert "tok-" not in shown
        assert "eyJ" not in shown


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (httpx.ConnectTimeout("x"), "check the network"),
        (httpx.ReadTimeout("x"), "try again"),
        (httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate"), "ca_file"),
        (httpx.ConnectError("Name or service not known"), "check the address"),
        (httpx.RemoteProtocolError("x"), "lost"),
        (httpx.DecodingError("x"), "corrupt"),
    ],
)
def test_trouble_below_http_says_what_to_do(error: httpx.RequestError, words: str) -> None:
    found = network_error(error, URL)
    assert words in found.message
    assert "flow.example" in found.message


@pytest.mark.parametrize("trouble", [httpx.Response(503), httpx.Response(429), httpx.ConnectError])
def test_reading_is_tried_three_times(flow, trouble) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        if isinstance(trouble, httpx.Response):
            return httpx.Response(trouble.status_code)
        raise trouble("refused", request=request)

    flow.answers["/me"] = fail
    with pytest.raises(ServiceUnavailable):
        flow.client(Credential("tok-secret")).account.me()
    assert flow.asked("/me") == 3
    first, second = flow.waits
    assert 0.5 <= first <= 1.0 <= second <= 1.5


def test_a_try_that_works_is_the_last(flow) -> None:
    troubles = [httpx.Response(503), httpx.Response(429, headers={"Retry-After": "7"})]

    def recover(request: httpx.Request) -> httpx.Response:
        good = httpx.Response(200, json={"id": "1", "filename": "a"})
        return troubles.pop(0) if troubles else good

    flow.answers["/data/1"] = recover
    assert flow.client().data("1").id == "1"
    assert flow.asked("/data/1") == 3
    assert flow.waits[1] == 7.0


@pytest.mark.parametrize("status", [400, 403, 404, 410, 501])
def test_what_will_not_pass_is_asked_once(flow, status: int) -> None:
    flow.answers["/data/1"] = httpx.Response(status)
    with pytest.raises(FlowError):
        flow.client().data("1")
    assert flow.asked("/data/1") == 1
    assert flow.waits == []


def test_a_wait_beyond_all_patience_is_told_at_once(flow) -> None:
    flow.answers["/data/1"] = httpx.Response(429, headers={"Retry-After": "3600"})
    with pytest.raises(RateLimited):
        flow.client().data("1")
    assert flow.asked("/data/1") == 1


def test_posting_is_never_repeated(flow) -> None:
    flow.answers["/downloads"] = httpx.Response(502)
    with pytest.raises(ServiceUnavailable):
        flow.client().create_bulk_job(["1"], "x")
    assert flow.asked("/downloads") == 1


def test_an_api_key_that_may_not_is_not_the_owners_to_change() -> None:
    found = error_of(answer(403, json={"error": "Token not authorised for this endpoint"}))
    assert type(found) is Refused
    assert "another API key" in found.message
    assert "owner" not in found.message


def test_a_proxy_that_refuses_is_named() -> None:
    found = network_error(httpx.ProxyError("407 Proxy Authentication Required"), URL)
    assert "HTTPS_PROXY" in found.message
    assert found.retryable


def test_a_proxy_that_cannot_be_used_says_so_without_its_password(monkeypatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks9://me:pw-secret@proxy.example:1")
    with pytest.raises(BadProxy, match="HTTPS_PROXY") as caught:
        make_client()
    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_ca_file_that_cannot_be_used_is_an_error_of_flow(tmp_path) -> None:
    for content in (None, "no certificate"):
        file = tmp_path / "ca.pem"
        if content is not None:
            file.write_text(content)
        with pytest.raises(FlowError, match="ca.pem"):
            make_client(ca_file=str(file))
