"""A server that plays all at once what the live service is known or likely to do.

Tokens that do not tell their end and count as none when it has come, 404 for what is private, one
sample in ten that answers 500, and every archive refused (docs/flow-api.md, 9.1 to 9.3).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest

from flowtui.demo import content
from flowtui.demo.catalogue import Catalogue, Project
from flowtui.demo.sample_data import Builder
from flowtui.demo.scenarios import Scenario
from flowtui.demo.serve import DemoServer
from flowtui.flow.session.credential_store import CredentialStore
from flowtui.flow.session.credentials import Credential, CredentialSource
from support.ended_tokens import end_tokens, hidden
from support.shell import Shell

SAMPLES = 60


def catalogue() -> Catalogue:
    """A private project of 60 samples, of pairs, and a run whose outputs have few names."""
    builder = Builder()
    project = builder.project("Sixty livers", "Private.")
    run = builder.execution(project, "RNA-Seq", "3.8")
    builder.execution(project, "RNA-Seq", "3.9")  # the second is one that answers 500
    for number in range(SAMPLES):
        sample = builder.sample(project, f"liver_{number:02}", "RNA-Seq", "Mm")
        builder.pair(sample, 1, small=True)
        lines = partial(content.text, f"versions of {sample.name}\n")
        builder.output(run, "versions.yml", f"FASTQC ({sample.name})", lines, sample=sample)
    return builder.all


@pytest.fixture
def server() -> Iterator[DemoServer]:
    scenarios = [
        Scenario.ENDED_IS_NOBODY,
        Scenario.OPAQUE_TOKENS,
        Scenario.FAILING_RECORDS,
        Scenario.REFUSED_400,
    ]
    with DemoServer(
        "live", token_seconds=3600, scenarios=scenarios, catalogue=catalogue()
    ) as running:
        yield running


@pytest.fixture
def project(server: DemoServer) -> Project:
    return next(iter(server.service.catalogue.projects.values()))


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


def test_all_that_can_be_had_comes_and_the_rest_is_named(
    server: DemoServer, shell: Shell, project: Project
) -> None:
    failing = {sample.name for sample in project.samples[1::10]}
    failing.add(project.executions[1].identifier)
    end_tokens(server, lists=SAMPLES // 2, downloads=SAMPLES)
    events = shell.get(f"project/{project.id}", "--bulk", "auto", status=1)
    # A sample that answers 500 cannot be listed; what the run made of it can.
    wanted = {file.id: file for file in project.files
              if file.execution or (file.sample and file.sample.name not in failing)}  # fmt: skip
    summary = events[-1]
    assert summary["event"] == "summary" and summary["done"] == len(wanted)
    named = {event["name"] for event in events if event["event"] == "left_out"}
    assert named == failing
    here = [
        path
        for path in shell.to.rglob("*")
        if path.is_file() and path.name not in ("downloads.log", "MD5SUMS")
    ]
    assert sorted(hashlib.md5(path.read_bytes()).hexdigest() for path in here) == sorted(
        file.content.md5 for file in wanted.values()
    )
    assert not [path for path in here if "~" in str(path)]
    assert hidden(server, "samples") and hidden(server, "downloads")
    server.service.arrived = None
    since = len(server.requests)
    again = shell.get(f"project/{project.id}", "--bulk", "auto", status=1)[-1]
    assert (again["skipped"], again["done"], again["fetched"]) == (len(wanted), 0, 0)
    assert not [request for request in server.requests[since:]
                if "/downloads/" in request.path and request.status in (200, 206)]  # fmt: skip
