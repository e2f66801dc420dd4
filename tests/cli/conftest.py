"""A Flow that answers from a table, for commands that run in this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

Answer = tuple[int, object]

TOKEN = "tok-a1b2c3d4e5"


class FakeFlow:
    """Path (without query) → status and JSON; what was asked, with the token that came along."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {
            "/me": (200, {"id": "1", "username": "alice", "name": "Alice Adams"}),
            "/login": (200, {"token": TOKEN, "user": {"username": "alice"}}),
        }
        self.needs_token = True
        self.asked: list[tuple[str, str, str | None]] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        """One request, answered."""
        path = request.url.path
        sent = request.headers.get("authorization")
        self.asked.append((request.method, path, sent))
        if path == "/login":
            given = json.loads(request.content)
            if given != {"username": "alice", "password": "secret"}:
                return httpx.Response(400, json={"error": "Invalid credentials"})
        elif self.needs_token and sent != f"Bearer {TOKEN}":
            return httpx.Response(401, json={"error": "Not authorized"})
        status, body = self.answers.get(path, (404, {"error": "Not found"}))
        return httpx.Response(status, json=body)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders of the test's own, no keyring, no tokens around."""
    for name in ("FLOW_ACCESS_TOKEN", "FLOW_API_TOKEN", "FLOW_API_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FLOW_TOKEN_FILE", str(tmp_path / "no-token"))
    monkeypatch.setenv("FLOWTUI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(
        "flowtui.flow.session.credential_keyring.CredentialKeyring.works", lambda self: False
    )
    return tmp_path / "home"


@pytest.fixture
def flow(home: Path, monkeypatch: pytest.MonkeyPatch) -> FakeFlow:
    """A Flow at https://flow.test that answers from a table."""
    fake = FakeFlow()

    def make(**more: object) -> httpx.Client:
        return httpx.Client(transport=httpx.MockTransport(fake.answer))

    monkeypatch.setenv("FLOW_API_URL", "https://flow.test")
    monkeypatch.setattr("flowtui.flow.client.make_client", make)
    monkeypatch.setattr("flowtui.flow.http.http_client.make_client", make)
    return fake


@pytest.fixture
def signed_in(flow: FakeFlow, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """With a token in the environment."""
    monkeypatch.setenv("FLOW_ACCESS_TOKEN", TOKEN)
    return lambda: None
