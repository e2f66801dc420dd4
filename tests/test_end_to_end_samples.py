"""`samples.tsv` beside what `get` brought, and over further downloads."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowtui.demo.catalogue import Project
from flowtui.demo.serve import DemoServer
from support.shell import Shell


@pytest.fixture(params=["live", "both"])
def server(request: pytest.FixtureRequest) -> Iterator[DemoServer]:
    with DemoServer(request.param, job_seconds=0.1, token_seconds=3600) as running:
        yield running


def rows(path: Path) -> dict[str, dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as stream:
        return {row["ref"]: row for row in csv.DictReader(stream, delimiter="\t")}


def test_samples_are_added_and_an_edit_stays(server: DemoServer, tmp_path: Path) -> None:
    shell = Shell(tmp_path, server.base_url)
    project: Project = server.service.catalogue.projects["12"]
    first, second, *_ = project.samples
    table = shell.to / "samples.tsv"
    shell.get(f"sample/{second.id}", "--inputs")
    assert not table.exists()  # nobody asked
    shell.get(f"sample/{first.id}", "--inputs", "--samples-table")
    (row,) = rows(table).values()
    assert (row["ref"], row["name"]) == (f"sample/{first.id}", first.name)
    assert (row["Cell type"], row["Condition"]) == ("Neuron", "control")
    header, line = table.read_text().splitlines()
    table.write_text(f"{header}\tmine\n{line}\tyes\n")
    events = shell.get(f"sample/{second.id}", "--inputs")
    assert events[-1]["status"] == 0
    found = rows(table)
    assert list(found) == [f"sample/{first.id}", f"sample/{second.id}"]
    assert [row["mine"] for row in found.values()] == ["yes", ""]


def test_a_table_that_cannot_be_written_is_in_the_status(
    server: DemoServer, tmp_path: Path
) -> None:
    shell = Shell(tmp_path, server.base_url)
    shell.to.mkdir()
    (shell.to / "samples.tsv").write_text("sample\tunit\n")
    events = shell.get("sample/34", "--inputs", "--samples-table", status=1)
    assert events[-1]["status"] == 1
    assert any("another table" in event.get("message", "") for event in events)
    assert (shell.to / "samples.tsv").read_text() == "sample\tunit\n"
