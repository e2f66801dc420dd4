from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

import httpx
import pytest

from flowtui.demo.serve import DemoServer
from support.waiting import GUARD


def signed_in(server: DemoServer) -> httpx.Client:
    """An HTTP client of this server's base, with a token of user `demo`."""
    client = httpx.Client(
        base_url=server.base_url,
        headers={"Accept-Encoding": "identity"},
        timeout=GUARD,  # the first list of files makes all of them
        verify=False,
    )
    answer = client.post("/login", json={"username": "demo", "password": "demo"}).json()
    token = answer.get("token") or answer["access_token"]
    client.headers["Authorization"] = f"Bearer {token}"
    return client


@pytest.fixture(scope="module")
def server() -> Iterator[DemoServer]:
    with DemoServer(job_seconds=0.2) as server:
        yield server


@pytest.fixture
def client(server: DemoServer) -> Iterator[httpx.Client]:
    with closing(signed_in(server)) as client:
        yield client


@pytest.fixture(scope="module")
def guide() -> Iterator[httpx.Client]:
    with DemoServer("guide", job_seconds=0.2) as server, closing(signed_in(server)) as client:
        yield client


@pytest.fixture(scope="module")
def live() -> Iterator[httpx.Client]:
    with DemoServer("live", job_seconds=0.2) as server, closing(signed_in(server)) as client:
        yield client


@pytest.fixture
def sign_in() -> Callable[[DemoServer], httpx.Client]:
    return signed_in
