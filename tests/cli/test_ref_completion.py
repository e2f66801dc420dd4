"""REFs are completed from the server and from minutes ago; quickly, quietly, and harmlessly."""

from __future__ import annotations

import json
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowtui.cli import ref_completion
from flowtui.cli.ref_completion import KEPT_FOR, MOST_BYTES, Cache, Found, complete, within
from flowtui.config import Folders, folders
from flowtui.demo.serve import DemoServer
from flowtui.flow.client import FlowClient
from support.waiting import GUARD

SERVER = "https://flow.test"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folders:
    monkeypatch.setenv("FLOWTUI_HOME", str(tmp_path))
    monkeypatch.setenv("FLOW_API_URL", SERVER)
    monkeypatch.setenv("FLOW_TOKEN_FILE", str(tmp_path / "none"))
    return folders()


@pytest.fixture
def demo(home: Folders, monkeypatch: pytest.MonkeyPatch) -> Iterator[DemoServer]:
    monkeypatch.setattr(ref_completion, "PATIENCE", GUARD)
    with DemoServer() as server:
        client = FlowClient(server.base_url)
        client.account.sign_in("demo", "demo")
        assert client.account.credential is not None
        monkeypatch.setenv("FLOW_ACCESS_TOKEN", client.account.credential.token)
        monkeypatch.setenv("FLOW_API_URL", server.base_url)
        client.close()
        yield server


def test_what_is_mine_is_offered_and_asked_for_once(demo: DemoServer, home: Folders) -> None:
    projects = complete("")
    assert ("project/12", "Human cortex RNA-seq") in projects
    assert complete("pro") == complete("project/") == projects
    assert [ref for ref, _ in complete("project/12")] == ["project/12"]
    samples = complete("sample/3")
    assert samples and all(ref.startswith("sample/3") for ref, _ in samples)
    asked = [request.path for request in demo.requests if "owned" in request.path]
    assert len([path for path in asked if "projects" in path]) == 1
    file = home.state / "completion.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "token" not in file.read_text()


def test_what_no_ref_begins_with_is_not_asked_for(demo: DemoServer) -> None:
    assert complete("x") == complete("project12") == complete("genome/") == []
    assert not [request for request in demo.requests if "owned" in request.path]


def test_nobody_who_is_not_signed_in_is_answered(
    demo: DemoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FLOW_ACCESS_TOKEN")
    assert complete("project/") == []


def test_a_server_that_is_away_leaves_what_was_known(
    home: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: str) -> Iterator[tuple[str, str]]:
        raise OSError("no network")

    monkeypatch.setattr(ref_completion, "_ask", away)
    assert complete("project/") == []
    Cache.read(home, SERVER).put("project", [("project/1", "old")], 1000.0)
    assert complete("project/") == [("project/1", "old")]


def test_nobody_waits_for_long() -> None:
    asked = threading.Event()
    release = threading.Event()

    def slow() -> Found:
        asked.set()
        release.wait(GUARD)
        return [("project/1", "late")]

    assert within(0.01, slow) is None
    assert asked.wait(GUARD)
    release.set()


def test_lists_are_used_for_minutes_and_of_their_server_only(home: Folders) -> None:
    Cache.read(home, SERVER).put("project", [("project/1", "a")], 1000.0)
    kept = Cache.read(home, SERVER)
    assert kept.get("project", 1000.0 + KEPT_FOR - 1) == [("project/1", "a")]
    assert kept.get("project", 1000.0 + KEPT_FOR) is None
    assert kept.get("project", 999.0) is None  # the clock was put back
    assert kept.get("sample", 1000.0) is None
    assert Cache.read(home, "https://other.test").get("project", 1000.0) is None


def kept_as(projects: object) -> str:
    return json.dumps({"server": SERVER, "lists": {"project": projects}})


@pytest.mark.parametrize(
    "content",
    [
        "", "[]", "{", '{"server": "https://flow.test", "lists": 7}', "[" * 100_000,
        "x" * (MOST_BYTES + 1),
        kept_as({"at": "x", "refs": [["project/1", "a"]]}),
        kept_as({"at": 1e18, "refs": [7, ["a"], [1, 2]]}),
    ],
    ids=range(8),
)  # fmt: skip
def test_what_others_left_there_is_no_list(
    home: Folders, content: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ref_completion, "_ask", lambda kind: iter([("project/2", "new")]))
    home.state.mkdir(parents=True)
    (home.state / "completion.json").write_text(content)
    assert complete("project/") == [("project/2", "new")]


@pytest.mark.parametrize(
    "ref", ["project/$(id)", "project/a b", "project/1;x", "project/`x`", "project/\x1b[2J",
            "project/" + "1" * 65]
)  # fmt: skip
def test_no_id_reaches_the_shell_as_more_than_a_word(
    home: Folders, ref: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [(ref, "evil"), ("project/1", "a\x1b[2J" + "n" * 200)]
    monkeypatch.setattr(ref_completion, "_ask", lambda kind: iter(found))
    ((offered, name),) = complete("project/")
    assert offered == "project/1" and "\x1b" not in name and len(name) == 80
