"""Which servers a token is sent to, which token files are believed, and what a kill leaves."""

from __future__ import annotations

import fcntl
import os
import stat
from pathlib import Path

import httpx
import pytest

from flowtui.flow.client import FlowClient
from flowtui.flow.errors import InsecureServer
from flowtui.flow.http.http_client import make_client
from flowtui.flow.http.plain_http import is_safe
from flowtui.flow.session import credential_file
from flowtui.flow.session.credential_store import CredentialStore
from flowtui.flow.session.credentials import Credential, CredentialSource

FLOW = "https://api.flow.bio"


@pytest.fixture
def store(tmp_path: Path) -> CredentialStore:
    return CredentialStore(tmp_path / "flowtui")


@pytest.fixture
def official(tmp_path: Path) -> Path:
    path = Path(os.environ["HOME"]) / ".config" / "flow" / "api-token"
    path.parent.mkdir(parents=True)
    path.write_text("official-token\n")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize(
    ("server", "found"),
    [
        (FLOW, True),
        ("https://app.flow.bio/api", True),
        ("http://app.flow.bio/api", False),
        ("https://flow.inst.example/api", False),
        ("https://app.flow.bio.evil.example/api", False),
        ("https://app.flow.bio:8443/api", False),
        ("http://127.0.0.1:8000", False),
    ],
)
def test_the_official_clients_token_is_for_flows_own_addresses(
    store: CredentialStore, official: Path, server: str, found: bool
):
    assert (store.find(server, None) is not None) is found


def test_a_token_file_that_is_named_is_for_any_server(
    store: CredentialStore, official: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FLOW_TOKEN_FILE", str(official))
    credential = store.find("https://flow.inst.example/api", None)
    assert credential is not None
    assert (credential.token, credential.notice) == ("official-token", "")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_a_token_file_that_others_can_read_is_told_of(
    store: CredentialStore, official: Path, mode: int
):
    official.chmod(mode)
    credential = store.find(FLOW, None)
    assert credential is not None
    assert credential.notice == f"other users can read {official}; run: chmod 600 {official}"


def test_leftovers_of_a_kill_go_at_the_next_start_and_at_sign_out(
    store: CredentialStore, tmp_path: Path
):
    folder = tmp_path / "flowtui"
    store.keep(FLOW, Credential("a-token-of-mine", None, "alice"), CredentialSource.FILE)
    for clean in (store.tidy, lambda: store.forget(FLOW, "alice")):
        (folder / ".credentials.x1y2").write_text('{"token": "a-token-of-mine"}')
        clean()
        assert not [*folder.glob(".credentials.*")]


def test_what_another_process_is_just_writing_stays(
    store: CredentialStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(credential_file, "LOCK_SECONDS", 0.0)
    folder = tmp_path / "flowtui"
    folder.mkdir()
    (folder / ".credentials.x1y2").write_text("{}")
    other = os.open(folder, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    store.tidy()
    assert (folder / ".credentials.x1y2").exists()
    os.close(other)


def test_the_folder_of_tokens_is_closed_to_others(store: CredentialStore, tmp_path: Path):
    folder = tmp_path / "flowtui"
    folder.mkdir()
    folder.chmod(0o755)
    store.tidy()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://flow.example/api", True),
        ("http://localhost:8000", True),
        ("http://127.0.0.1", True),
        ("http://127.8.9.1", True),
        ("http://[::1]:3", True),
        ("http://flow.example/api", False),
        ("http://10.0.0.3", False),
        ("http://localhost.example", False),
        ("http://127.0.0.1.example", False),
        ("ftp://127.0.0.1", False),
        ("http://[", False),
    ],
)
def test_where_nobody_can_listen(url: str, safe: bool):
    assert is_safe(url) is safe


class Wire:
    """What goes over the network, in the clear."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []

    def client(self, server: str, **more: bool) -> FlowClient:
        http = make_client(transport=httpx.MockTransport(self.answer))
        return FlowClient(server, Credential("a-token-of-mine"), http=http, **more)

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return httpx.Response(200, json={"id": "1", "token": "another-token"})


@pytest.mark.parametrize("do", ["me", "sign_in", "sign_in_with_token", "headers_for"])
def test_no_token_and_no_password_goes_over_http_to_another_machine(do: str):
    wire = Wire()
    where = "session" if do == "headers_for" else "account"
    words = {"sign_in": ("alice", "cortex2027"), "sign_in_with_token": ("a-new-token",),
             "headers_for": ("/downloads/1/x",)}.get(do, ())  # fmt: skip
    with pytest.raises(InsecureServer, match="allow_http = true"):
        getattr(getattr(wire.client("http://flow.example/api"), where), do)(*words)
    assert wire.requests == []
    getattr(getattr(wire.client("http://flow.example/api", allow_http=True), where), do)(*words)
    getattr(getattr(wire.client("http://127.0.0.1:8000/api"), where), do)(*words)
    getattr(getattr(wire.client("https://flow.example/api"), where), do)(*words)


def test_what_is_public_needs_no_token_and_comes_over_http():
    wire = Wire()
    client = wire.client("http://flow.example/api")
    client.account.use(None)
    assert client.account.me().id == "1"
    assert "authorization" not in wire.requests[0].headers
