"""A dry run says what a download then does, and ends as it does."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flowtui.demo.serve import DemoServer
from support.shell import Shell

DIALECTS = ("guide", "live")


@pytest.fixture(params=DIALECTS)
def server(request: pytest.FixtureRequest) -> Iterator[DemoServer]:
    with DemoServer(request.param, job_seconds=0.2, token_seconds=3600) as running:
        yield running


@pytest.fixture
def shell(server: DemoServer, tmp_path: Path) -> Shell:
    return Shell(tmp_path, server.base_url)


def sums(events: list[dict[str, Any]]) -> dict[str, int]:
    """State → files, of a plan, which the rows say as well."""
    (plan,) = (event for event in events if event["event"] == "plan")
    rows = [event["state"] for event in events if event["event"] == "file"]
    found = {state: rows.count(state) for state in set(rows)}
    assert {state: n for state, n in plan["states"].items() if n} == found
    return found


def contents(root: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


def outcomes(events: list[dict[str, Any]]) -> dict[str, Any]:
    return {event["key"]: event["outcome"] for event in events
            if event["event"] == "transfer" and event["outcome"]}  # fmt: skip


def test_a_dry_run_agrees_with_the_run(server: DemoServer, shell: Shell) -> None:
    ref = "sample/34"
    plan = shell.get(ref, "--dry-run")
    total = sum(event["size"] for event in plan if event["event"] == "file")
    assert set(sums(plan)) == {"missing"}
    assert next(event for event in plan if event["event"] == "plan")["to_fetch"] == total

    shell.get(ref)
    assert set(sums(shell.get(ref, "--dry-run"))) == {"here"}

    files = [Path(event["path"]) for event in plan if event["event"] == "file"]
    files[0].write_bytes(b"edited")
    os.utime(files[0], (0, 0))
    files[1].unlink()
    before = contents(shell.to)
    asked = len(server.requests)
    plan = shell.get(ref, "--dry-run")
    assert not [r for r in server.requests[asked:] if "/downloads/" in r.path]
    assert contents(shell.to) == before
    states = {event["key"]: event["state"] for event in plan if event["event"] == "file"}
    words = {"changed": "replaced", "missing": "downloaded", "here": "present"}
    done = shell.get(ref)
    assert outcomes(done) == {key: words[state] for key, state in states.items()}
    assert set(states.values()) == set(words)


def test_a_foreign_file_is_exit_1_of_both(shell: Shell) -> None:
    plan = shell.get("sample/34", "--dry-run")
    first = next(event for event in plan if event["event"] == "file")
    foreign = Path(first["path"])
    foreign.parent.mkdir(parents=True)
    foreign.write_bytes(b"mine")
    plan = shell.get("sample/34", "--dry-run", status=1)
    planned = {event["key"]: event for event in plan if event["event"] == "file"}
    row = planned[first["key"]]
    assert (row["state"], row["foreign"]) == ("foreign", str(foreign))
    assert plan[-1]["status"] == 1
    done = shell.get("sample/34", status=1)
    there = {event["key"]: event["path"] for event in done if event["event"] == "transfer"}
    assert there[first["key"]] == row["path"]
    # It is so in each later run, although nothing is missing any more.
    plan = shell.get("sample/34", "--dry-run", status=1)
    (row,) = (event for event in plan if event["event"] == "file" and event["foreign"])
    assert (row["state"], row["to_fetch"], row["path"]) == ("foreign", 0, there[first["key"]])
    assert foreign.read_bytes() == b"mine"


def test_what_is_elsewhere_below_the_folder_is_not_fetched_again(shell: Shell) -> None:
    rows = [event for event in shell.get("sample/34", "--dry-run") if event["event"] == "file"]
    key = rows[0]["key"]
    shell.get("sample/34")
    plan = shell.get(key, "--dry-run")
    assert sums(plan) == {"elsewhere": 1}
    assert next(event for event in plan if event["event"] == "plan")["to_fetch"] == 0
    assert outcomes(shell.get(key)) == {key: "linked"}


def test_of_several_runs_the_latest_alone_is_taken(tmp_path: Path) -> None:
    with DemoServer("live", token_seconds=3600) as server:
        shell = Shell(tmp_path, server.base_url)
        runs = [runs_of(shell.get("project/12", "--results", "--dry-run", *option))
                for option in ((), ("--latest-execution",))]  # fmt: skip
        created = {run.id: run.created for run in server.service.catalogue.executions.values()}
    assert runs[1] == {group: {max(several, key=created.__getitem__)}
                       for group, several in runs[0].items()}  # fmt: skip
    assert runs[0] != runs[1]


def runs_of(events: list[dict[str, Any]]) -> dict[tuple[str, ...], set[str]]:
    """Sample and pipeline → ids of the runs of which files are planned."""
    found: dict[tuple[str, ...], set[str]] = {}
    for event in events:
        if event["event"] == "file":
            group = (event["sample_ref"], event["pipeline"])
            found.setdefault(group, set()).add(event["execution"].removeprefix("execution/"))
    return found
