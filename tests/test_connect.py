"""From settings to a client of Flow: the same server, certificates and credential for all."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from flowtui import config
from flowtui.cli.output import Output
from flowtui.cli.session import open_session
from flowtui.config import (
    ConfigError,
    Folders,
    Settings,
    folders,
    load_settings,
    save_settings,
)
from flowtui.connect import after_sign_in, connector, open_store, read_settings, sign_out
from flowtui.flow.client import FlowClient
from flowtui.flow.errors import FlowError, ServiceUnavailable
from flowtui.flow.session.credentials import Credential, CredentialSource, SaveError
from flowtui.tui.context import AppContext
from support.fault_server import FaultServer, File, answer

Told = tuple[str, str]
"""The server that is used, and what a person is told of it."""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folders:
    """Folders of the test's own, no keyring, no tokens and no proxy around."""
    for name in ("FLOW_ACCESS_TOKEN", "FLOW_API_TOKEN", "FLOW_API_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FLOW_TOKEN_FILE", str(tmp_path / "no-token"))
    monkeypatch.setenv("FLOWTUI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(
        "flowtui.flow.session.credential_keyring.CredentialKeyring.works", lambda self: False
    )
    return folders()


def by_a_command(capsys: pytest.CaptureFixture[str]) -> Told:
    session = open_session(None, Output())
    session.close()
    return session.client.server, capsys.readouterr().err


def by_the_app(capsys: pytest.CaptureFixture[str]) -> Told:
    services = AppContext(load_settings(), folders())
    client = services.client()
    client.close()
    return client.server, services.found


Way = Callable[[pytest.CaptureFixture[str]], Told]
both_ways = pytest.mark.parametrize("connect", [by_a_command, by_the_app])


def is_flow(server: FaultServer) -> None:
    server.files["/me"] = File(b'{"id": "1"}', content_type="application/json")


def is_away(server: FaultServer) -> None:
    server.files["/me"] = File(b"", always=answer(503))


@pytest.fixture
def default(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultServer]:
    with FaultServer() as server:
        monkeypatch.setattr(config, "DEFAULT_SERVER", server.url)
        is_flow(server)
        yield server


@pytest.fixture
def other(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultServer]:
    with FaultServer() as server:
        monkeypatch.setattr(config, "OTHER_SERVER", server.url)
        is_flow(server)
        yield server


# Which server


@both_ways
def test_the_default_server_is_used_where_it_answers_as_flow(
    connect: Way, capsys, default: FaultServer, other: FaultServer
):
    assert connect(capsys) == (default.url, "")
    assert load_settings().found_server is None
    assert not other.requests


@both_ways
def test_the_other_server_is_used_remembered_and_said_where_the_default_is_away(
    connect: Way, capsys, default: FaultServer, other: FaultServer
):
    is_away(default)
    server, told = connect(capsys)
    assert server == other.url
    assert default.url in told and other.url in told
    assert load_settings().found_server == other.url
    asked = len(default.requests)
    assert connect(capsys) == (other.url, "")
    assert len(default.requests) == asked


@both_ways
@pytest.mark.parametrize("named_by", ["settings", "environment", "found before"])
def test_a_server_that_was_named_is_never_swapped(
    connect: Way, named_by: str, capsys, monkeypatch, default: FaultServer, other: FaultServer
):
    is_away(default)
    if named_by == "environment":
        monkeypatch.setenv("FLOW_API_URL", "http://127.0.0.1:9")
    else:
        key = "server" if named_by == "settings" else "found_server"
        save_settings({key: "http://127.0.0.1:9"})
    assert connect(capsys) == ("http://127.0.0.1:9", "")
    assert not default.requests and not other.requests


@both_ways
def test_the_search_for_the_server_trusts_the_ca_file(
    connect: Way, capsys, tmp_path: Path, monkeypatch
):
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(file)
    save_settings({"ca_file": str(file)})
    monkeypatch.setattr(config, "DEFAULT_SERVER", "http://127.0.0.1:9")
    with FaultServer(tls=context) as institute:
        is_flow(institute)
        monkeypatch.setattr(config, "OTHER_SERVER", institute.url)
        server, told = connect(capsys)
        assert (server, len(institute.requests)) == (institute.url, 1)
        assert institute.url in told


@both_ways
@pytest.mark.parametrize("why", ["the folder is a link", "the disk is full"])
def test_a_server_that_cannot_be_remembered_is_used_and_that_is_said(
    connect: Way, why: str, capsys, tmp_path: Path, monkeypatch, default, other
):
    is_away(default)
    if why == "the folder is a link":
        (tmp_path / "elsewhere").mkdir()
        folders().config.parent.mkdir(parents=True)
        folders().config.symlink_to(tmp_path / "elsewhere")
        reason = "is not a folder of yours"
    else:
        reason = "No space left on device"

        def full(file: Path, text: str) -> None:
            raise OSError(28, reason)

        monkeypatch.setattr("flowtui.config.write_private", full)
    server, told = connect(capsys)
    assert server == other.url
    assert other.url in told and reason in told
    assert load_settings().found_server is None


def test_where_no_server_answers_a_command_says_so_and_the_app_shows_it_later(
    capsys, default: FaultServer, other: FaultServer
):
    is_away(default)
    is_away(other)
    with pytest.raises(ServiceUnavailable, match=f"neither {default.url} nor {other.url}"):
        by_a_command(capsys)
    assert by_the_app(capsys) == (default.url, "")


def test_the_command_line_names_the_server_over_all_else(monkeypatch):
    save_settings({"server": "https://settings.test", "jobs": 2})
    monkeypatch.setenv("FLOW_API_URL", "https://environment.test")
    settings, where = read_settings("https://line.test/ ")
    assert (settings.server, settings.jobs, where) == ("https://line.test", 2, folders())
    assert read_settings()[0].server == "https://environment.test"
    with pytest.raises(ConfigError):
        read_settings("line.test")


# Which credential, which certificates

SERVER = "https://flow.test"


def client_of_a_command() -> FlowClient:
    return open_session(None, Output()).client


def client_of_the_app() -> FlowClient:
    return AppContext(load_settings(), folders()).client()


def client_of_the_engine() -> FlowClient:
    return connector(load_settings())(SERVER)


all_ways = pytest.mark.parametrize(
    "client_of", [client_of_a_command, client_of_the_app, client_of_the_engine]
)


@all_ways
@pytest.mark.parametrize(
    ("stored", "remembered", "environment", "found"),
    [
        ("file", "alice", None, "of alice"),
        ("file", None, None, "of alice"),
        ("file", "bob", None, None),
        ("file", "bob", "of the environment", "of the environment"),
        ("file", "alice", "of the environment", "of alice"),
        (None, "alice", "of the environment", "of the environment"),
        (None, None, None, None),
    ],
)
def test_all_find_the_same_credential(
    client_of: Callable[[], FlowClient],
    stored: str | None,
    remembered: str | None,
    environment: str | None,
    found: str | None,
    monkeypatch,
):
    names = {"usernames": {SERVER: remembered}} if remembered else {}
    save_settings({"server": SERVER, **names})
    if stored:
        kept = Credential("of alice", username="alice")
        open_store(folders()).keep(SERVER, kept, CredentialSource.FILE)
    if environment:
        monkeypatch.setenv("FLOW_ACCESS_TOKEN", environment)
    client = client_of()
    client.close()
    assert client.server == SERVER
    assert (client.account.credential.token if client.account.credential else None) == found


@all_ways
def test_all_refuse_a_token_that_others_may_read(client_of: Callable[[], FlowClient]):
    save_settings({"server": SERVER})
    folders().credentials_file.write_text("{}")
    folders().credentials_file.chmod(0o644)
    with pytest.raises(SaveError, match="chmod 600"):
        client_of()


@all_ways
def test_all_go_by_the_times_and_certificates_of_the_settings(
    client_of: Callable[[], FlowClient], tmp_path: Path
):
    save_settings({"server": SERVER, "connect_timeout": 3.0, "read_timeout": 7.0})
    client = client_of()
    client.close()
    assert (client.http.timeout.connect, client.http.timeout.read) == (3.0, 7.0)
    save_settings({"ca_file": str(tmp_path / "missing.pem")})
    with pytest.raises(FlowError, match=r"missing\.pem"):
        client_of()


# Who is signed in


@pytest.mark.parametrize(
    ("settings", "username", "stay", "changes"),
    [
        (Settings(), "me", False, {"usernames": {SERVER: "me"}}),
        (Settings(usernames={SERVER: "me"}), "me", False, {}),
        (Settings(usernames={SERVER: "me"}), "", False, {}),
        (
            Settings(usernames={SERVER: "you", "https://a": "x"}), "me", False,
            {"usernames": {SERVER: "me", "https://a": "x"}},
        ),
        (Settings(), "me", True, {"usernames": {SERVER: "me"}, "server": SERVER}),
        (Settings(server=SERVER), "me", True, {"usernames": {SERVER: "me"}}),
        (Settings(found_server=SERVER), "me", True, {"usernames": {SERVER: "me"}}),
        (Settings(usernames={SERVER: "me"}), "me", True, {"server": SERVER}),
    ],
)  # fmt: skip
def test_what_a_sign_in_changes(settings: Settings, username: str, stay: bool, changes: object):
    assert after_sign_in(settings, SERVER, username, stay=stay) == changes


@pytest.mark.parametrize("by", ["command", "app"])
def test_a_sign_out_forgets_the_token_and_the_name_at_that_server_alone(by: str):
    names = {SERVER: "alice", "https://other.test": "bob"}
    save_settings({"server": SERVER, "usernames": names})
    store = open_store(folders())
    store.keep(SERVER, Credential("tok", username="alice"), CredentialSource.FILE)
    if by == "app":
        services = AppContext(load_settings(), folders())
        said = services.sign_out()
        assert SERVER not in services.settings.usernames
    else:
        settings, said = sign_out(load_settings(), folders(), store)
        assert settings.usernames == {"https://other.test": "bob"}
    assert any("removed the token" in words for words in said)
    assert store.find(SERVER, "alice") is None
    assert load_settings().usernames == {"https://other.test": "bob"}
