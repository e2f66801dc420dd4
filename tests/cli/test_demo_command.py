"""flowtui demo: apart from all that is the user's."""

import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path

import httpx
import keyring
import keyring.core
import pytest
from click.testing import CliRunner

from flowtui.cli import demo
from flowtui.cli.exit_codes import Exit
from flowtui.cli.main import cli
from flowtui.config import Folders, Settings
from flowtui.demo.serve import DemoServer
from flowtui.flow.client import FlowClient
from flowtui.flow.session.credential_store import CredentialStore
from flowtui.flow.session.credentials import CredentialSource
from support.waiting import GUARD


@pytest.fixture
def own_environment() -> Iterator[None]:
    before, ring = dict(os.environ), keyring.get_keyring()
    yield
    keyring.set_keyring(ring)
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.usefixtures("own_environment")
def test_the_demo_drops_all_that_is_the_users(tmp_path: Path) -> None:
    os.environ |= {"FLOW_ACCESS_TOKEN": "mine", "FLOW_API_TOKEN": "mine", "FLOW_API_URL": "https://x",
                   "FLOW_TOKEN_FILE": "/mine", "FLOWTUI_HOME": "/mine"}  # fmt: skip
    demo.separate_environment(tmp_path)
    keyring.core.init_backend()  # as in a new process: other tests here have looked at it before
    left = {key: value for key, value in os.environ.items() if key.startswith("FLOW")}
    assert left == {"FLOWTUI_HOME": str(tmp_path), "FLOW_TOKEN_FILE": str(tmp_path / "no-token")}
    store = CredentialStore(tmp_path / "config")
    assert not store.keyring_works()
    assert store.find("http://127.0.0.1:1/api", "demo") is None


@pytest.mark.usefixtures("own_environment")
def test_the_app_opens_signed_in_and_afterwards_it_is_said_where_the_files_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[Settings, Folders, str | None]] = []

    def start(settings: Settings, folders: Folders, *, to: str, engine_stays: bool) -> int:
        assert not engine_stays
        seen.append((settings, folders, to))
        store = CredentialStore(folders.config)
        credential = store.find(settings.base_url, settings.usernames[settings.base_url])
        assert credential is not None
        assert credential.source is CredentialSource.FILE
        client = FlowClient(settings.base_url, credential)
        assert client.account.me().username == "demo"
        client.close()
        return 0

    monkeypatch.setattr("flowtui.tui.start", start)
    monkeypatch.setattr("flowtui.cli.demo.on_terminal", lambda: True)
    home = tmp_path / "demo home"
    result = CliRunner().invoke(cli, ["demo", "--home", str(home)])
    assert result.exit_code == 0, result.output
    ((settings, folders, to),) = seen
    assert folders.config.is_relative_to(home)
    assert to == str(home / "downloads")
    assert str(home / "downloads") in result.stderr
    with pytest.raises(httpx.ConnectError):
        httpx.get(settings.base_url + "/me")


def test_what_is_missing_is_said_with_the_way_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = importlib.util.find_spec

    def find(name: str, package: str | None = None) -> ModuleSpec | None:
        return None if name == "uvicorn" else real(name, package)

    monkeypatch.setattr("flowtui.cli.demo.find_spec", find)
    result = CliRunner().invoke(cli, ["demo", "--serve-only"])
    assert result.exit_code == Exit.SOME_FAILED
    assert result.stderr == (
        "flowtui: the demo needs uvicorn; install it beside flowtui: pip install uvicorn\n"
    )


def test_a_port_that_is_taken_is_said() -> None:
    with DemoServer() as running:
        port = running.base_url.rsplit(":", 1)[1].removesuffix("/api")
        result = CliRunner().invoke(cli, ["demo", "--serve-only", "--port", port])
    assert result.exit_code == Exit.SOME_FAILED
    assert port in result.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_only_says_where_and_ends_when_told(number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "flowtui", "demo", "--serve-only"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell that starts something in the background may have SIGINT ignored for it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    assert url.startswith("http://127.0.0.1:")
    assert url.endswith("/api")
    assert process.stdout.readline() == "user demo, password demo\n"
    good = httpx.post(f"{url}/login", json={"username": "demo", "password": "demo"})
    assert good.status_code == 200
    process.send_signal(number)
    _, errors = process.communicate(timeout=GUARD)
    assert process.returncode == 0, errors
    assert "Traceback" not in errors
