"""Sessions that end while files are looked for and fetched, on a server that hides what is private.

The server takes an ended token as none (docs/flow-api.md, Signing in): 404, never 401.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from flowtui.demo.catalogue import Project
from flowtui.demo.scenarios import Scenario
from flowtui.demo.serve import DemoServer
from flowtui.flow.session.credential_store import CredentialStore
from flowtui.flow.session.credentials import Credential, CredentialSource
from support import forked
from support.ended_tokens import end_tokens, hidden
from support.shell import Shell


@pytest.fixture
def server() -> Iterator[DemoServer]:
    scenarios = [Scenario.ENDED_IS_NOBODY, Scenario.OPAQUE_TOKENS, Scenario.NONE]
    with DemoServer("live", token_seconds=3600, scenarios=scenarios) as running:
        yield running


@pytest.fixture
def shell(server: DemoServer, tmp_path: Path) -> Shell:
    """Signed in as `flowtui login --keep file` does it."""
    shell = Shell(tmp_path, server.base_url)
    del shell.environment["FLOW_ACCESS_TOKEN"]
    sent = {"username": "demo", "password": "demo"}
    answer = httpx.post(f"{server.base_url}/login", json=sent, verify=False)
    credential = Credential(answer.json()["token"], answer.cookies["flow_refresh_token"], "demo")
    home = Path(shell.environment["FLOWTUI_HOME"])
    CredentialStore(home / "config").keep(server.base_url, credential, CredentialSource.FILE)
    return shell


@pytest.fixture
def project(server: DemoServer) -> Project:
    projects = server.service.catalogue.projects.values()
    return next(found for found in projects if 30 < len(found.samples) < 100 and not found.public)


def test_a_project_comes_whole_though_the_token_ends_again_and_again(
    server: DemoServer, shell: Shell, project: Project
) -> None:
    end_tokens(server, lists=len(project.samples) // 2, downloads=len(project.files) // 2)
    # No archive is asked for: its 404 would have /me asked, whose answer is believed for a minute.
    events = shell.get(f"project/{project.id}", "--bulk", "never")
    assert events[-1]["done"] == len({file.id for file in project.files})
    assert not [event for event in events if event["event"] == "left_out"]
    assert hidden(server, "samples") and hidden(server, "downloads")


def test_the_next_morning_it_is_renewed_and_not_missing(
    server: DemoServer, shell: Shell, project: Project
) -> None:
    server.service.accounts.expire_all()
    assert shell.get(f"sample/{project.samples[0].id}")[-1]["failed"] == 0


def test_a_session_that_cannot_be_renewed_has_ended_and_nothing_is_called_missing(
    server: DemoServer, shell: Shell, project: Project
) -> None:
    server.service.accounts.forget_all()
    done = shell.run("get", f"project/{project.id}", "--to", str(shell.to), status=3)
    assert "session has ended; run `flowtui login`" in done.stderr
    assert "not found" not in done.stderr


def test_jobs_on_many_hosts_share_one_session(
    server: DemoServer, shell: Shell, project: Project
) -> None:
    server.service.accounts.expire_all()
    jobs = [
        subprocess.Popen(
            shell.command("get", f"sample/{sample.id}", "--to", str(shell.to / sample.name)),
            env=shell.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for sample in project.samples[:4]
    ]  # fmt: skip
    ends = [(job.communicate(timeout=120)[1], job.returncode) for job in jobs]
    assert [status for _, status in ends] == [0] * 4, ends


def test_single_sign_on_by_a_code(tmp_path: Path) -> None:
    with DemoServer("live", token_seconds=3600) as plain:
        environment = Shell(tmp_path, plain.base_url).environment
    with DemoServer("live", token_seconds=3600, scenarios=[Scenario.SINGLE_SIGN_ON]) as server:
        environment |= {"FLOW_API_URL": server.base_url}
        del environment["FLOW_ACCESS_TOKEN"]
        done = subprocess.run(
            [sys.executable, "-m", "flowtui", "login", "--sso", "--keep", "file"],
            env=environment, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "enter the code DEMO-CODE within 10 minutes" in done.stderr
        assert "/sso/activate?user_code=DEMO-CODE" in done.stderr
        assert "Signed in" in done.stdout
        whoami = forked.run(("whoami",), environment)
        assert "demo" in whoami.stdout, whoami.stderr
