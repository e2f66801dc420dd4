"""Where a link leads: redirects, other origins, certificates, proxies."""

from __future__ import annotations

import ssl
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
import trustme

from flowtui.flow.http.http_client import make_client
from flowtui.transfer.cancel import StopSignal
from flowtui.transfer.errors import PermanentError
from flowtui.transfer.http.response import next_hop
from flowtui.transfer.http.source import RemoteSource
from flowtui.transfer.identity import Identity
from support.fault_server import Exchange, FaultServer, File, answer, cut_after
from support.lab import TOKEN, Lab, content, patient
from support.services import FakeClient
from support.waiting import GUARD

WITH_KEPT_CONNECTIONS = True

DATA = content(300_000)


@pytest.fixture
def storage(lab: Lab):
    """Another origin: same host, another port. It must never see a token, nor a cookie."""
    with FaultServer() as other:
        lab.strangers.append(other)
        yield other


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_origin_goes_without_the_token(lab: Lab, storage, status: int):
    lab.serve(DATA, needs_token=True)
    lab.server.good_tokens = {TOKEN}
    lab.file.always = answer(
        status,
        Location=f"{storage.url}/bucket/a.bin?signature=x",
        Set_Cookie="flow_refresh_token=rt-secret; Path=/",
    )
    storage.files["/bucket/a.bin?signature=x"] = File(DATA)
    lab.fetch()
    lab.expect("done", requests=1, verified_by="md5")
    assert len(storage.requests) == 1


def test_a_cut_behind_a_redirect_is_resumed_behind_a_redirect(lab: Lab, storage):
    lab.serve(DATA, always=answer(302, Location=f"{storage.url}/bucket/a.bin"))
    storage.files["/bucket/a.bin"] = File(DATA, handlers=[cut_after(100_000)])
    lab.fetch()
    lab.expect("done", requests=2)
    assert [one.range and one.range[0] for one in storage.requests] == [None, 100_000]


def test_a_redirect_back_to_the_service_has_the_token_again(lab: Lab, storage):
    lab.serve(DATA, always=answer(302, Location=f"{storage.url}/hop"))
    storage.files["/hop"] = File(b"", always=answer(302, Location=f"{lab.server.url}/here"))
    lab.server.files["/here"] = File(DATA, needs_token=True)
    lab.server.good_tokens = {TOKEN}
    lab.fetch()
    lab.expect("done", requests=1)


def test_a_relative_redirect_stays_at_the_service(lab: Lab):
    lab.serve(DATA, always=answer(302, Location="../../files/a.bin"))
    lab.server.files["/files/a.bin"] = File(DATA)
    lab.fetch()
    lab.expect("done", requests=1)


@pytest.mark.parametrize("body", [b"", b"<html>moved</html>"], ids=["empty", "words"])
def test_files_that_are_redirected_share_a_connection(lab: Lab, body: bytes):
    for n in range(5):
        lab.server.files[f"/store/{n}"] = File(content(1000, n))
        to = f"{lab.server.url}/store/{n}"
        lab.server.files[f"/downloads/{n}/{n}.bin"] = File(
            content(1000, n), always=answer(302, body, Location=to)
        )
    with make_client(read_timeout=GUARD) as http:
        for n in range(5):
            file = lab.server.files[f"/store/{n}"]
            source = RemoteSource(
                http, cast(Any, FakeClient(lab.server.url)), key="data/1", size=1000,
                url=f"/downloads/{n}/{n}.bin", filename="a", data_id=None, stop=StopSignal(),
            )  # fmt: skip
            body = source.open(0, None, Identity("data/1", md5=file.md5))
            assert b"".join(body.chunks) == file.content
            body.close()
    assert [request.connection for request in lab.server.requests] == [1] * 10


def test_a_redirect_whose_words_do_not_end_is_followed(lab: Lab, storage):
    async def endless(exchange: Exchange) -> None:
        await exchange.head(302, {"Location": f"{storage.url}/x", "Transfer-Encoding": "chunked"})
        while not exchange.writer.is_closing():
            exchange.writer.write(b"400\r\n" + b"x" * 0x400 + b"\r\n")
            await exchange.writer.drain()

    storage.files["/x"] = File(DATA)
    lab.serve(DATA, always=endless)
    lab.fetch()
    lab.expect("done")


def test_a_redirect_loop_ends(lab: Lab):
    lab.serve(DATA, always=answer(302, Location=lab.path))
    lab.fetch()
    lab.expect("failed", code="REDIRECT_LOOP", says="redirects in a loop", requests=11)


@pytest.mark.parametrize(
    ("location", "code"),
    [
        ("", "BAD_LINK"),
        ("ftp://127.0.0.1/a", "BAD_LINK"),
        ("file:///etc/passwd", "BAD_LINK"),
        ("http://[::1", "BAD_LINK"),
        ("http://127.0.0.1:99999999/", "BAD_LINK"),
        (f"http://{'x' * 64}/", "BAD_LINK"),
        ("http://a..b/", "BAD_LINK"),
    ],
)
def test_a_redirect_to_what_is_no_link_is_refused(lab: Lab, location: str, code: str):
    lab.serve(DATA, always=answer(302, Location=location))
    lab.fetch()
    lab.expect("failed", code=code, requests=1)


def test_a_storage_that_refuses_is_not_taken_for_the_end_of_the_session(lab: Lab, storage):
    lab.serve(DATA, always=answer(302, Location=f"{storage.url}/bucket/a.bin"))
    storage.files["/bucket/a.bin"] = File(DATA, always=answer(401))
    lab.fetch()
    lab.expect("failed", code="FORBIDDEN", says="Flow's storage refused")
    assert lab.client.refreshes == 0


def test_an_absolute_download_url_of_the_service_has_the_token(lab: Lab):
    lab.serve(DATA, needs_token=True)
    lab.server.good_tokens = {TOKEN}
    lab.fetch(url=f"{lab.server.url}{lab.path}")
    lab.expect("done", requests=1)


def test_a_relative_download_url_is_the_services(lab: Lab):
    lab.serve(DATA, needs_token=True)
    lab.server.good_tokens = {TOKEN}
    lab.fetch(url=lab.path.lstrip("/"))
    lab.expect("done", requests=1)


def test_a_download_url_of_another_origin_has_no_token(lab: Lab, storage):
    lab.serve(DATA)
    storage.files["/bucket/a.bin"] = File(DATA)
    lab.fetch(url=f"{storage.url}/bucket/a.bin")
    lab.expect("done", requests=0)


ENDED = [400, 401, 403, 404, 410]


@pytest.mark.parametrize("status", ENDED)
def test_a_link_to_the_storage_that_has_expired_is_renewed(lab: Lab, storage, status: int):
    """How object stores say that a signed link's time is over."""
    lab.serve(DATA)
    storage.files["/old"] = File(DATA, handlers=[cut_after(100_000)], always=answer(status))
    storage.files["/new"] = File(DATA)
    lab.client.fresh_urls["1"] = f"{storage.url}/new"
    lab.fetch(url=f"{storage.url}/old")
    lab.expect("done", requests=0)
    assert storage.of("/new")[0].range[0] == 100_000


@pytest.mark.parametrize("status", ENDED)
def test_a_redirect_to_a_link_that_has_expired_is_asked_for_anew(lab: Lab, storage, status: int):
    """The service's own link stays, and leads to another one of the storage each time."""

    async def redirect(exchange: Exchange) -> None:
        place = f"{storage.url}/{len(lab.requests)}"
        await answer(302, Location=place)(exchange)

    lab.serve(DATA, always=redirect)
    storage.files["/1"] = File(DATA, handlers=[cut_after(100_000)])
    storage.files["/2"] = File(DATA, always=answer(status))
    storage.files["/3"] = File(DATA)
    lab.client.fresh_urls["1"] = lab.path
    lab.fetch()
    lab.expect("done", requests=3)
    assert storage.of("/3")[0].range[0] == 100_000


def test_a_redirect_to_an_expired_link_needs_no_data_id(lab: Lab, storage):
    lab.serve(DATA, handlers=[answer(302, Location=f"{storage.url}/old")])
    lab.file.always = answer(302, Location=f"{storage.url}/new")
    storage.files["/old"] = File(DATA, always=answer(403))
    storage.files["/new"] = File(DATA)
    lab.fetch(data_id=None)
    lab.expect("done", requests=2)


@pytest.mark.parametrize(
    ("status", "code", "says"),
    [
        (400, "HTTP_400", "the server answered 400"),
        (403, "FORBIDDEN", "you may not download this file"),
        (404, "NOT_FOUND", "not found"),
        (410, "EXPIRED", "the download link has expired"),
    ],
)
@pytest.mark.parametrize("redirected", [False, True], ids=["direct", "redirected"])
def test_a_storage_that_refuses_fresh_links_too_is_believed(
    lab: Lab, storage, status: int, code: str, says: str, *, redirected: bool
):
    storage.files["/x"] = File(DATA, always=answer(status))
    lab.serve(DATA, always=answer(302, Location=f"{storage.url}/x"))
    url = lab.path if redirected else f"{storage.url}/x"
    lab.client.fresh_urls["1"] = url
    lab.fetch(url=url)
    lab.expect("failed", code=code, says=says)
    assert len(storage.requests) <= 3
    assert lab.client.links_given <= 2


def test_a_link_of_the_storage_that_ends_for_many_connections_is_renewed_once(lab: Lab, storage):
    lab.timings = replace(patient(first=2.0, longest=2.0), smallest_segment=50_000, measure=0.7)
    lab.connections = 8
    data = content(3_000_000)
    old = storage.files["/old"] = File(data, rate=200_000, held=-1)
    storage.files["/new"] = File(data)
    lab.client.fresh_urls["1"] = f"{storage.url}/new"
    lab.serve(data)
    made = lab.start(url=f"{storage.url}/old")
    lab.until(lambda row: row.connections >= 8)
    old.rate, old.always = 0, answer(403)
    storage.go_away()
    storage.come_back()
    assert made.wait_idle(GUARD)
    lab.expect("done")
    assert lab.client.links_given == 1


@pytest.mark.parametrize("url", ["gopher://127.0.0.1/1", "http://", "mailto://x"])
def test_a_download_url_that_is_none_fails_with_words(lab: Lab, url: str):
    lab.serve(DATA)
    lab.fetch(url=url)
    lab.expect("failed", requests=0, says="link")


# TLS


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def tls_lab(tmp_path: Path, authority: trustme.CA):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with FaultServer(tls=context) as server:
        made = Lab(server, tmp_path / "to")
        made.serve(DATA)
        yield made
        made.stop()


def test_an_unknown_authority_is_refused_at_once_with_what_to_do(tls_lab: Lab):
    tls_lab.fetch()
    tls_lab.expect("failed", code="UNTRUSTED", says="ca_file in settings.toml", requests=0)


def test_an_authority_of_the_settings_is_trusted(tls_lab: Lab, authority, tmp_path: Path):
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(file)
    tls_lab.ca_file = str(file)
    tls_lab.fetch()
    tls_lab.expect("done", requests=1)


def test_a_certificate_for_another_name_is_refused(tmp_path: Path, authority, monkeypatch):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("flow.example").configure_cert(context)
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(file)
    with FaultServer(tls=context) as server:
        made = Lab(server, tmp_path / "to")
        made.ca_file = str(file)
        made.serve(DATA)
        made.fetch()
        made.expect("failed", code="UNTRUSTED", requests=0)


def test_https_to_http_is_refused(tls_lab: Lab, authority, tmp_path: Path):
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(file)
    tls_lab.ca_file = str(file)
    with FaultServer() as plain:
        plain.files["/a.bin"] = File(DATA)
        tls_lab.file.always = answer(302, Location=f"{plain.url}/a.bin")
        tls_lab.fetch()
        tls_lab.expect("failed", code="INSECURE", says="from https to http", requests=1)
        assert plain.requests == []


# A proxy


@pytest.fixture
def proxy(monkeypatch):
    """A server that is asked for whole URLs."""
    for name in ("NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with FaultServer() as one:
        monkeypatch.setenv("HTTP_PROXY", one.url)
        monkeypatch.setenv("http_proxy", one.url)
        yield one


@pytest.mark.parametrize("lab", ["new"], indirect=True)
def test_the_proxy_of_the_environment_is_used(lab: Lab, proxy: FaultServer):
    lab.serve(DATA)
    proxy.files[f"{lab.server.url}{lab.path}"] = File(DATA)
    lab.fetch()
    lab.expect("done", requests=0)
    assert len(proxy.requests) == 1


def test_no_proxy_is_used_where_the_environment_says_so(lab: Lab, proxy, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    lab.serve(DATA)
    lab.fetch()
    lab.expect("done", requests=1)
    assert proxy.requests == []


def test_a_proxy_that_wants_a_sign_in_says_so(lab: Lab, proxy: FaultServer):
    lab.serve(DATA)
    proxy.files[f"{lab.server.url}{lab.path}"] = File(DATA, always=answer(407))
    lab.fetch()
    lab.expect("failed", code="PROXY", says="the proxy requires a sign-in", requests=0)


def test_a_proxy_that_is_away_is_said_to_be_unreachable(lab: Lab, monkeypatch):
    lab.timings = patient(outage=0.0)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    lab.serve(DATA)
    lab.fetch()
    lab.expect("failed", code="UNREACHABLE", says="cannot connect", requests=0)


def test_a_proxy_that_refuses_the_tunnel_is_named(lab: Lab, monkeypatch):
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with FaultServer() as gate:  # answers CONNECT with 404
        for name in ("HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, gate.url)
        lab.serve(DATA)
        lab.fetch(url=f"https://127.0.0.1:1{lab.path}")
        lab.expect("failed", code="PROXY", says="the proxy refused the request: 404", requests=0)
        assert {one.method for one in gate.requests} == {"CONNECT"}


@pytest.mark.parametrize("leads", ["link", "redirect"])
def test_no_file_comes_over_http_where_flow_is_reached_by_https(lab: Lab, leads: str):
    lab.serve(DATA)
    http = f"{lab.server.url}{lab.path}"
    with pytest.raises(PermanentError, match="from https to http; refused") as caught:
        if leads == "redirect":
            next_hop("https://flow.example/downloads/1/a.bin", http)
        else:
            source = RemoteSource(
                httpx.Client(), cast(Any, FakeClient("https://flow.example")), key="data/1",
                url=http, filename="a.bin", data_id=None, stop=StopSignal(),
            )  # fmt: skip
            source.open(0, None, Identity("data/1"))
    assert caught.value.code == "INSECURE"
    assert not lab.server.requests
