"""A made-up Flow behind httpx.MockTransport, and surroundings without tokens or keyring."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from flowtui.flow.client import FlowClient
from flowtui.flow.http.http_client import make_client
from flowtui.flow.session.credentials import Credential

BASE = "https://flow.example/api"

Answer = httpx.Response | Callable[[httpx.Request], httpx.Response]


class FakeFlow:
    """Answers by path below the base; what has no answer is 404. Remembers all requests."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.requests: list[httpx.Request] = []
        self.waits: list[float] = []  # what would have been waited between two tries
        self.token: str | None = None  # the good one; None: no route asks for one
        self._lock = threading.Lock()

    def handle(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            self.requests.append(request)
        path = request.url.path.removeprefix("/api")
        answer = self.answers.get(f"{request.method} {path}", self.answers.get(path))
        open_to_all = path in ("/login", "/token")
        authorized = request.headers.get("authorization") == f"Bearer {self.token}"
        if self.token and not open_to_all and not authorized:
            return httpx.Response(401, json={"error": "Not authenticated"})
        if answer is None:
            return httpx.Response(404, json={"error": "Not found"})
        if isinstance(answer, httpx.Response):
            return httpx.Response(
                answer.status_code, headers=answer.headers, content=answer.content
            )
        if callable(answer):
            found = answer(request)
            assert isinstance(found, httpx.Response)
            return found
        return httpx.Response(200, json=answer)

    def paged(self, path: str, key: str, rows: list[dict[str, Any]]) -> None:
        def answer(request: httpx.Request) -> httpx.Response:
            number = int(request.url.params.get("page", "1"))
            count = int(request.url.params.get("count", "10"))
            if count > 100:
                return httpx.Response(400, json={"error": "Cannot request more than 100 items"})
            part = rows[(number - 1) * count : number * count]
            return httpx.Response(200, json={"count": len(rows), "page": number, key: part})

        self.answers[path] = answer

    def asked(self, path: str) -> int:
        return sum(1 for one in self.requests if one.url.path == f"/api{path}")

    def client(self, credential: Credential | None = None, **options: Any) -> FlowClient:
        http = make_client(transport=httpx.MockTransport(self.handle))
        return FlowClient(BASE, credential, http=http, sleep=self.waits.append, **options)


@pytest.fixture
def flow() -> FakeFlow:
    return FakeFlow()


@pytest.fixture(autouse=True)
def bare_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No keyring, no tokens of the person who runs the tests."""
    import keyring
    import keyring.backends.null

    before = keyring.get_keyring()
    keyring.set_keyring(keyring.backends.null.Keyring())
    for name in ("FLOW_ACCESS_TOKEN", "FLOW_API_TOKEN", "FLOW_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    yield
    keyring.set_keyring(before)
