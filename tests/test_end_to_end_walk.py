"""Listing as a process against a demo server with trouble: failing records, limits, odd pages."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flowtui.demo.catalogue import Project
from flowtui.demo.scenarios import Scenario, scenarios_of
from flowtui.demo.serve import DemoServer
from support.shell import Shell


@pytest.fixture
def server() -> Iterator[DemoServer]:
    with DemoServer("live", job_seconds=0.2, token_seconds=3600) as running:
        yield running


@pytest.fixture
def shell(server: DemoServer, tmp_path: Path) -> Shell:
    return Shell(tmp_path, server.base_url)


@pytest.fixture
def project(server: DemoServer) -> Project:
    """One of a few dozen samples with a run of its own."""
    projects = server.service.catalogue.projects.values()
    return next(found for found in projects if 30 < len(found.samples) < 100)


def names(events: list[dict[str, Any]]) -> set[str]:
    return {event["name"] for event in events if event["event"] == "left_out"}


def test_records_that_fail_are_named_the_rest_comes_and_is_not_fetched_again(
    server: DemoServer, shell: Shell, project: Project
) -> None:
    server.bulk.scenarios = scenarios_of(
        [Scenario.NONE, Scenario.FAILING_RECORDS, Scenario.RATE_LIMITED]
    )
    failing = {sample.name for sample in project.samples[1::10]}
    events = shell.get(f"project/{project.id}", status=1)
    assert names(events) == failing
    done = {event["key"] for event in events
            if event.get("state") == "done" and event["event"] != "bulk"}  # fmt: skip
    # What a run made of a sample that fails is among the run's outputs.
    lost = {f"data/{file.id}" for sample in project.samples[1::10] for file in sample.files
            if file.execution is None}  # fmt: skip
    assert done == {f"data/{file.id}" for file in project.files} - lost
    assert events[-1]["status"] == 1
    assert "left out" in next(e["message"] for e in events if e.get("code") == "INCOMPLETE")
    before = len(server.requests)
    again = shell.get(f"project/{project.id}", status=1)
    assert names(again) == failing
    assert again[-1]["skipped"] == len(done)
    assert not [one for one in server.requests[before:] if one.path.startswith("/api/downloads/")]


@pytest.mark.parametrize("scenario", [Scenario.PAGE_COUNTS, Scenario.ERROR_BEYOND])
def test_all_is_found_whatever_a_list_says_of_itself(
    server: DemoServer, shell: Shell, scenario: Scenario
) -> None:
    server.bulk.scenarios = scenarios_of([scenario])
    screen = max(server.service.catalogue.projects.values(), key=lambda one: len(one.samples))
    listed = shell.run("ls", f"project/{screen.id}", "--json").stdout.splitlines()
    assert len(listed) == len(screen.samples) + len(screen.executions)


@pytest.mark.parametrize("extra", [(), ("--json",)])
def test_a_dry_run_of_what_is_not_all_there_is_exits_1(
    server: DemoServer, shell: Shell, project: Project, extra: tuple[str, ...]
) -> None:
    server.bulk.scenarios = scenarios_of([Scenario.FAILING_RECORDS])
    done = shell.run("get", f"project/{project.id}", "--dry-run", *extra, status=1)
    assert project.samples[1].name in done.stderr
    assert not shell.to.exists()


def test_files_start_while_the_rest_is_being_found(
    server: DemoServer, shell: Shell, project: Project
) -> None:
    server._app.latency = 0.05
    shell.get(f"project/{project.id}", "--bulk", "never")
    paths = [request.path for request in server.requests]
    first = next(n for n, path in enumerate(paths) if path.startswith("/api/downloads/"))
    lists = [n for n, path in enumerate(paths) if path.endswith("/data")]
    assert len(lists) == len(project.samples)
    assert first < lists[-1]


@pytest.mark.parametrize("bulk", ["never", "always"])
def test_a_folder_comes_as_a_zip(server: DemoServer, shell: Shell, bulk: str) -> None:
    folder = next(file for file in server.service.catalogue.files.values() if file.is_folder)
    assert folder.sample is not None
    shell.get(f"sample/{folder.sample.id}", "--bulk", bulk, status=1)  # others there are refused
    (saved,) = shell.to.rglob("salmon_index*")
    assert saved.name == "salmon_index.zip"
    assert hashlib.md5(saved.read_bytes()).hexdigest() == folder.content.md5
    before = len(server.requests)
    shell.get(f"data/{folder.id}", "--to", str(saved.parent.parent))
    asked = [one.path for one in server.requests[before:]]
    assert shell.to.joinpath("samples").exists()
    assert any(path.endswith(f"/data/{folder.id}") for path in asked)


def test_add_queues_while_the_rest_is_being_found(
    server: DemoServer, shell: Shell, project: Project
) -> None:
    server._app.latency = 0.05
    try:
        done = shell.run("add", f"project/{project.id}", "--bulk", "never", "--json",
                         "--to", str(shell.to))  # fmt: skip
        added = [event for line in done.stdout.splitlines()
                 if (event := json.loads(line))["event"] == "added"]  # fmt: skip
        assert len(added) > 1
        assert len({event["batch_id"] for event in added}) == 1
        files = sum(event["files"] for event in added)
        assert files == len({file.id for file in project.files})
        assert f"queued {files} files" in done.stderr
    finally:
        server._app.latency = 0.0
        shell.run("engine", "stop")
