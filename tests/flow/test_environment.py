"""The environment of a cluster: certificates and proxies that its variables name."""

from __future__ import annotations

import builtins
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from flowtui.flow.http.certificates import BESIDE, INSTEAD, trust_in_words
from flowtui.flow.http.http_client import make_client
from flowtui.flow.http.proxies import BadProxy, is_exempt, proxy_of
from flowtui.flow.responses import network_error
from flowtui.transfer.http.response import network_trouble
from support.fault_server import FaultServer, File

PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*INSTEAD, *BESIDE, *PROXIES, *(name.lower() for name in PROXIES)):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def institute(authority: trustme.CA, tmp_path: Path) -> Path:
    file = tmp_path / "institute.pem"
    authority.cert_pem.write_to_path(file)
    return file


@pytest.fixture
def server(authority: trustme.CA) -> Iterator[FaultServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with FaultServer(tls=context) as made:
        made.files["/x"] = File(b"x")
        yield made


def get(url: str, **how: Any) -> bytes:
    with make_client(**how) as http:
        return http.get(url).content


# Certificates


@pytest.mark.parametrize("name", [*INSTEAD, *BESIDE])
def test_the_authorities_that_the_environment_names_are_trusted(
    server: FaultServer, institute: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    place = institute
    if name == "SSL_CERT_DIR":
        if shutil.which("openssl") is None:
            pytest.skip("openssl is needed to name a certificate by its hash")
        place = institute.parent / "certs"
        place.mkdir()
        hashed = place / f"{_subject_hash(institute)}.0"
        hashed.write_bytes(institute.read_bytes())
    monkeypatch.setenv(name, str(place))
    assert get(f"{server.url}/x") == b"x"


def _subject_hash(file: Path) -> str:
    command = ["openssl", "x509", "-noout", "-subject_hash", "-in", str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("name", [*INSTEAD, *BESIDE])
@pytest.mark.parametrize("content", [None, "no certificate"])
def test_what_a_removed_environment_left_behind_is_passed_over_and_named(
    server: FaultServer,
    institute: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    content: str | None,
) -> None:
    gone = tmp_path / "removed" / "cacert.pem"
    if content is not None:
        gone.parent.mkdir()
        gone.write_text(content)
    monkeypatch.setenv(name, str(gone))
    assert get(f"{server.url}/x", ca_file=str(institute)) == b"x"
    with pytest.raises(httpx.ConnectError) as caught:
        get(f"{server.url}/x")
    for words in (
        network_error(caught.value, server.url).message,
        network_trouble(caught.value).message,
    ):
        assert f"{name}={gone} was not used" in words


def test_one_variable_that_is_good_is_enough(
    server: FaultServer, institute: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/opt/removed/cacert.pem")
    monkeypatch.setenv("CURL_CA_BUNDLE", str(institute))
    assert get(f"{server.url}/x") == b"x"
    assert "SSL_CERT_FILE=/opt/removed/cacert.pem was not used" in trust_in_words()


def test_the_variable_that_is_trusted_alone_is_named(
    server: FaultServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(other)
    monkeypatch.setenv("SSL_CERT_FILE", str(other))
    with pytest.raises(httpx.ConnectError) as caught:
        get(f"{server.url}/x")
    assert (
        f"trusting the certificates of SSL_CERT_FILE={other}"
        in network_trouble(caught.value).message
    )


def test_the_systems_own_authorities_are_trusted(
    server: FaultServer, institute: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flowtui.flow.http import certificates

    monkeypatch.setattr(certificates, "SYSTEM_FILES", ("/nowhere", str(institute)))
    certificates._trust.cache_clear()
    assert get(f"{server.url}/x") == b"x"
    certificates._trust.cache_clear()


# Proxies


@pytest.mark.parametrize(
    ("host", "port", "no_proxy", "exempt"),
    [
        ("::1", 80, "[::1]", True),
        ("[::1]", 80, "::1", True),
        ("::1", 8080, "[::1]:8080", True),
        ("::1", 8081, "[::1]:8080", False),
        ("fd00::5", 443, "fd00::/8", True),
        ("10.1.2.3", 443, "localhost,10.0.0.0/8", True),
        ("11.1.2.3", 443, "10.0.0.0/8", False),
        ("127.0.0.1", 443, "127.0.0.1", True),
        ("127.0.0.1", 443, "127.0.0.10", False),
        ("api.flow.bio", 443, "flow.bio", True),
        ("api.flow.bio", 443, ".flow.bio", True),
        ("api.flow.bio", 443, "*.flow.bio", True),
        ("api.flow.bio", 443, "https://api.flow.bio", True),
        ("api.flow.bio", 443, "API.FLOW.BIO.", True),
        ("overflow.bio", 443, "flow.bio", False),
        ("api.flow.bio", 443, "a b flow.bio", True),
        ("api.flow.bio", 443, "api.flow.bio:443", True),
        ("api.flow.bio", 8443, "api.flow.bio:443", False),
        ("api.flow.bio", 443, "*", True),
        ("api.flow.bio", 443, "", False),
        ("api.flow.bio", 443, ",,  ,[,]:,://,*.", False),
        ("api.flow.bio", 443, "10.0.0.0/99,::/x,[::1", False),
    ],
)
def test_who_needs_no_proxy(host: str, port: int, no_proxy: str, exempt: bool) -> None:
    assert is_exempt(host, port, no_proxy) is exempt


@pytest.mark.parametrize(
    ("scheme", "environment", "found"),
    [
        ("https", {}, None),
        ("https", {"HTTP_PROXY": "http://p"}, None),
        ("https", {"HTTPS_PROXY": "p:1"}, ("HTTPS_PROXY", "http://p:1")),
        ("https", {"HTTPS_PROXY": "", "all_proxy": "http://p"}, ("all_proxy", "http://p")),
        ("https", {"HTTPS_PROXY": "http://a", "https_proxy": "http://b"}, ("https_proxy", "http://b")),
        ("https", {"ALL_PROXY": "socks://p:9"}, ("ALL_PROXY", "socks5://p:9")),
        ("http", {"HTTP_PROXY": "http://p", "REQUEST_METHOD": "GET"}, None),
        ("http", {"http_proxy": "http://p", "REQUEST_METHOD": "GET"}, ("http_proxy", "http://p")),
    ],
)  # fmt: skip
def test_whose_proxy_it_is(
    scheme: str, environment: dict[str, str], found: tuple[str, str] | None
) -> None:
    assert proxy_of(scheme, environment) == found


@pytest.mark.parametrize(
    "no_proxy", ["[::1]", "fd00::/8", "::1,[::1]:80", "10.0.0.0/8", "a:b:c", "["]
)
def test_no_such_no_proxy_keeps_a_client_from_being_made(
    monkeypatch: pytest.MonkeyPatch, no_proxy: str
) -> None:
    monkeypatch.setenv("NO_PROXY", no_proxy)
    with FaultServer() as server:
        server.files["/x"] = File(b"x")
        assert get(f"{server.url}/x") == b"x"


def test_a_network_in_no_proxy_needs_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.0/8")
    with FaultServer() as server:
        server.files["/x"] = File(b"x")
        assert get(f"{server.url}/x") == b"x"


@pytest.mark.parametrize("scheme", ["http", "socks5", "socks5h"])
def test_a_proxy_that_is_dead_is_named_without_its_password(
    monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    monkeypatch.setenv("ALL_PROXY", f"{scheme}://me:pw-secret@127.0.0.1:9")
    url = "https://api.flow.bio/x"
    with pytest.raises(httpx.RequestError) as caught:
        get(url)
    for words in (network_error(caught.value, url).message, network_trouble(caught.value).message):
        assert f"ALL_PROXY={scheme}://127.0.0.1:9" in words
        assert "secret" not in words


def test_without_socksio_a_socks_proxy_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("socksio"):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setenv("all_proxy", "socks5://me:pw-secret@127.0.0.1:9")
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(BadProxy, match=r"all_proxy=socks5://127\.0\.0\.1:9 .*flowtui\[socks\]"):
        make_client()
    monkeypatch.setenv("NO_PROXY", "*")
    make_client().close()


def test_a_socks_proxy_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bytes] = []
    with FaultServer() as server, socket.create_server(("127.0.0.1", 0)) as gate:
        server.files["/x"] = File(b"through")

        def serve() -> None:
            client, _ = gate.accept()
            with client, socket.create_connection(("127.0.0.1", server.port)) as target:
                client.recv(64)  # the greeting: no sign-in is on offer
                client.sendall(b"\x05\x00")
                asked.append(client.recv(64))
                client.sendall(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
                target.sendall(client.recv(4096))
                client.sendall(target.recv(4096))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        monkeypatch.setenv("ALL_PROXY", f"socks5h://127.0.0.1:{gate.getsockname()[1]}")
        with make_client() as http, http.stream("GET", "http://flow.example/x") as answer:
            assert answer.status_code == 200
    assert b"flow.example" in asked[0]
