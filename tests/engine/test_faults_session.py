"""A session that ends in mid-transfer."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from flowtui.config import Settings
from flowtui.connect import connector
from flowtui.engine.engine import Engine
from flowtui.flow.errors import ServiceUnavailable
from flowtui.transfer.http.clients import service_maker
from support.fault_server import FaultServer, File, answer, cut_after
from support.lab import TOKEN, Lab, content
from support.services import batch, engine, remote, rows
from support.waiting import GUARD, until

DATA = content(600_000)
NEW = "tok-0123456789abcdef-new"


@pytest.fixture
def guarded(lab: Lab) -> Lab:
    """The file asks for a token; the first one ends when its first 200,000 bytes are out."""
    lab.serve(DATA, needs_token=True)
    lab.server.good_tokens = {TOKEN}

    async def end_session(exchange):
        await cut_after(200_000)(exchange)
        lab.server.good_tokens = {NEW}

    lab.file.handlers = [end_session]
    return lab


def test_a_refresh_that_works_goes_on_where_it_stopped(guarded: Lab):
    guarded.client.refreshed = lambda: NEW
    guarded.fetch()
    guarded.expect("done", requests=3, twice=0)
    assert [one.token for one in guarded.requests] == [TOKEN, TOKEN, NEW]
    assert guarded.requests[2].range[0] == 200_000
    assert guarded.client.refreshes == 1


def test_a_refresh_that_fails_waits_for_the_sign_in_and_keeps_the_bytes(guarded: Lab):
    made = guarded.start()
    row = guarded.until(lambda row: row.state == "waiting")
    assert row.code == "UNAUTHENTICATED"
    assert "sign in again" in row.reason
    assert made.status().summary.needs_sign_in == (guarded.server.url,)
    assert made.sign_in(guarded.server.url, "me", NEW, None) == 1
    assert made.wait_idle(GUARD)
    guarded.expect("done", requests=3, twice=0)


def test_a_refresh_whose_server_is_away_is_tried_again(guarded: Lab):
    answers = iter([ServiceUnavailable("no answer", status=503), None])

    def refreshed():
        trouble = next(answers)
        if trouble is not None:
            raise trouble
        return NEW

    def refresh(used):
        guarded.client.token = refreshed()
        return True

    guarded.client.refresh = refresh  # type: ignore[method-assign]
    guarded.fetch()
    guarded.expect("done", twice=0)


def test_a_token_that_is_refused_after_its_refresh_needs_a_sign_in(lab: Lab):
    lab.serve(DATA, needs_token=True)
    lab.server.good_tokens = {"another"}
    lab.client.refreshed = lambda: NEW
    lab.start()
    lab.until(lambda row: row.state == "waiting" and row.code == "UNAUTHENTICATED")
    assert len(lab.requests) == 2


def test_a_slow_refresh_is_made_once_while_sixteen_requests_wait(lab: Lab, tmp_path: Path):
    """Sixteen files at a time, all with the old token, and a server that thinks it over."""
    for n in range(16):
        lab.server.files[f"/downloads/{n}/f{n}"] = File(content(50_000, n), needs_token=True)
    lab.server.good_tokens = {NEW}
    asked = threading.Event()

    def slow() -> str:
        until(lambda: len(lab.server.requests) >= 16)
        asked.set()
        return NEW

    lab.client.refreshed = slow
    made = engine(lab.client, Settings(jobs=16, connections=1))
    files = [remote(lab.server, str(n), f"f{n}") for n in range(16)]
    made.add(batch(lab.server, tmp_path, *files))
    assert made.wait_idle(GUARD)
    states = {one.state for one in rows(made)}
    made.stop()
    assert asked.is_set()
    assert states == {"done"}
    assert lab.client.refreshes == 1
    assert len(lab.server.requests) == 32
    lab.expect_no_token_astray()


def test_a_sign_in_that_ends_stops_no_public_file_of_another_server(lab: Lab, tmp_path: Path):
    with FaultServer() as other:
        lab.serve(DATA, needs_token=True)
        lab.server.good_tokens = set()
        other.files["/downloads/2/b.bin"] = File(DATA)
        made = lab.start()
        lab.until(lambda row: row.state == "waiting")
        made.add(batch(other, tmp_path / "other", remote(other, "2", "b.bin")))
        until(lambda: rows(made)[1].state == "done")
        lab.strangers.append(other)
        lab.expect_no_token_astray()


def test_the_real_client_refreshes_once_with_flows_cookie(tmp_path: Path, monkeypatch):
    """Through `FlowClient` and its store, as the engine is in life."""
    for name in ("FLOW_API_TOKEN", "FLOW_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FLOWTUI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FLOW_ACCESS_TOKEN", TOKEN)
    monkeypatch.setenv("FLOW_TOKEN_FILE", str(tmp_path / "none"))
    with FaultServer() as server:
        for n in range(4):
            server.files[f"/downloads/{n}/f{n}"] = File(content(50_000, n), needs_token=True)
        server.good_tokens = {NEW}
        body = b'{"token": "%s"}' % NEW.encode()
        server.files["/token"] = File(
            b"", always=answer(200, body, Content_Type="application/json")
        )
        settings = Settings(connections=1)
        made = Engine(settings, make_service=service_maker(connector(settings)))
        made.start()
        files = [remote(server, str(n), f"f{n}") for n in range(4)]
        made.add(batch(server, tmp_path / "to", *files))
        assert made.wait_idle(GUARD)
        found = rows(made)
        made.stop()
        assert {one.state for one in found} == {"done"}, found
        assert len(server.of("/token")) == 1
    for kept in (tmp_path / "to").rglob("*"):
        assert not kept.is_file() or TOKEN.encode() not in kept.read_bytes()
