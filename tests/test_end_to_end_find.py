"""`flowtui find` and the scopes of `ls` as processes, against the demo server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flowtui.demo.serve import DemoServer
from support.shell import Shell


@pytest.fixture(params=["live", "both", "guide"])
def server(request: pytest.FixtureRequest) -> Iterator[DemoServer]:
    with DemoServer(request.param, token_seconds=3600) as running:
        yield running


@pytest.fixture
def shell(server: DemoServer, tmp_path: Path) -> Shell:
    return Shell(tmp_path, server.base_url)


def rows(shell: Shell, *args: str, status: int = 0) -> list[dict[str, Any]]:
    done = shell.run(*args, "--json", status=status)
    return [row for line in done.stdout.splitlines() if "kind" in (row := json.loads(line))]


def test_samples_by_name_and_type(server: DemoServer, shell: Shell) -> None:
    mine = [sample for sample in server.service.catalogue.samples.values()
            if sample.project.owner.username == "demo" and "cortex" in sample.name]  # fmt: skip
    found = rows(shell, "find", "samples", "cortex", "--mine")
    assert {row["id"] for row in found} == {sample.id for sample in mine}
    if server.service.dialect != "guide":
        found = rows(shell, "find", "samples", "cortex", "--type", "rna_seq", "--organism", "Hs")
        assert {sample.id for sample in mine} <= {row["id"] for row in found}


def test_files_by_type_and_size(server: DemoServer, shell: Shell) -> None:
    found = rows(shell, "find", "data", "cortex", "--type", "fastq.gz", "--larger", "1M")
    assert found
    assert all(row["name"].endswith(".fastq.gz") and row["size"] > 1 << 20 for row in found)
    assert all(row["ref"].startswith("data/") for row in found)


def test_all_kinds_for_people_and_what_get_takes(server: DemoServer, shell: Shell) -> None:
    done = shell.run("find", "cortex")
    first = [line.split()[0] for line in done.stdout.splitlines() if line.strip()]
    assert any(ref.startswith("sample/") for ref in first)
    assert any(ref.startswith("project/") for ref in first)
    assert ("no search" in done.stderr) is (server.service.dialect == "guide")
    assert done.stderr.count("no search") <= 1


def test_nothing_found_and_wrong_questions(shell: Shell) -> None:
    assert "nothing found" in shell.run("find", "samples", "no-such-name", status=4).stderr
    shell.run("find", status=2)
    shell.run("find", "projects", "x", "--larger", "1G", status=2)
    shell.run("find", "data", "--since", "yesterday", status=2)


def test_what_is_mine_of_each_kind(server: DemoServer, shell: Shell) -> None:
    catalogue = server.service.catalogue
    samples = [s for s in catalogue.samples.values() if s.project.owner.username == "demo"]
    runs = [run for run in catalogue.executions.values() if run.project.owner.username == "demo"]
    assert any(not sample.project.listed for sample in samples)  # some are in no project
    counts = {"samples": len(samples), "executions": len(runs)}
    if server.service.dialect == "guide":
        # It has no search, so that projects are walked, and lists no executions.
        counts = {"samples": sum(s.project.listed for s in samples), "executions": 0}
    for scope, count in counts.items():
        assert len(rows(shell, "ls", f"--{scope}")) == count
    if server.service.dialect != "guide":
        (row, *_) = rows(shell, "ls", "--samples")
        assert row["metadata"]
        assert any(row["project"] for row in rows(shell, "ls", "--samples"))


def test_my_data_is_what_was_uploaded(server: DemoServer, shell: Shell) -> None:
    found = rows(shell, "ls", "--data")
    assert found and not any(row["pipeline"] or row["process"] for row in found)
    if server.service.dialect != "guide":
        assert "run_0421_lane1.fastq.gz" in {row["name"] for row in found}


def test_projects_that_are_mine(server: DemoServer, shell: Shell) -> None:
    projects = server.service.catalogue.projects.values()
    mine = {project.id for project in projects if project.owner.username == "demo"}
    assert {row["id"] for row in rows(shell, "find", "projects", "--mine")} == mine


def test_a_type_that_the_server_does_not_have_is_said(server: DemoServer, shell: Shell) -> None:
    if server.service.dialect == "guide":
        return
    said = shell.run("find", "samples", "--type", "PacBio", status=None)
    assert "no sample type 'PacBio'; it has RNA-Seq" in said.stderr and said.returncode == 2


def test_genomes_and_their_files(server: DemoServer, shell: Shell) -> None:
    if server.service.dialect == "guide":
        assert "no genomes" in shell.run("ls", "--genomes", status=4).stderr
        return
    found = rows(shell, "ls", "--genomes")
    assert {row["organism"] for row in found} >= {"Human", "Mouse"}
    row = next(row for row in found if row["name"].endswith(".gtf"))
    shell.get(row["ref"])
    assert (shell.to / "data" / row["name"]).is_file()


def test_a_key_that_is_for_some_lists_only_brings_what_it_can(tmp_path: Path) -> None:
    with DemoServer("live", token_seconds=3600, scenarios=["scoped-key", "forbidden"]) as server:
        shell = Shell(tmp_path, server.base_url)
        listed = {row["id"] for row in rows(shell, "ls")}
        assert {"12"} <= listed
        done = shell.run("get", "project/12", "--to", str(shell.to), status=1)
        assert done.stderr.count("Token not authorised for this endpoint") == 1
        project = server.service.catalogue.projects["12"]
        names = {path.name for path in shell.to.rglob("*") if path.is_file()}
        assert {file.filename for sample in project.samples for file in sample.files} <= names
        found = shell.run("find", "executions", "small", status=None)
        assert "the search was refused" in found.stderr
        assert found.returncode in (3, 4)


SCOPES = (["ls"], ["ls", "--shared"], ["ls", "--public"], ["ls", "--samples"],
          ["ls", "--executions"], ["ls", "--data"], ["ls", "project/12"], ["ls", "sample/34"],
          ["ls", "execution/456"], ["ls", "data/789"], ["find", "cortex"])  # fmt: skip


def test_every_field_that_the_service_gives_is_passed_on(server: DemoServer, shell: Shell) -> None:
    """Each row is compared with what the server's own serializer makes of the record."""
    catalogue, records = server.service.catalogue, server.service.serializer
    kinds = set()
    for words in SCOPES:
        for row in rows(shell, *words):
            kinds.add(row["kind"])
            sent = row["flow"]
            if row["kind"] == "project":
                whole = records.project(catalogue.projects[row["id"]])
            elif row["kind"] == "sample":
                # Of a project the live service lists them without their project, or metadata.
                in_project = words == ["ls", "project/12"]
                whole = records.sample(catalogue.samples[row["id"]], in_project=in_project)
            elif row["kind"] == "execution":
                whole = records.execution(catalogue.executions[row["id"]])
            elif row["id"] is None:
                continue  # an output in the guide's words, which are two
            else:
                whole = records.data(catalogue.files[row["id"]], detail=words[1] == "data/789")
            lacking = {key for key in whole if key not in sent} - {"absolute_path"}
            assert not lacking, (words, row)
            assert "absolute_path" not in json.dumps(sent)
            same = {key for key, value in whole.items() if sent.get(key) == value}
            # A list of a sample's files has its times as text; one of outputs has their paths.
            assert set(whole) - same <= {"absolute_path", "created", "filename"}, (words, row)
    assert kinds >= {"project", "sample", "data"}


def test_a_genome_has_all_fields_too(server: DemoServer, shell: Shell) -> None:
    if server.service.dialect == "guide":
        return
    row, *_ = rows(shell, "ls", "--genomes")
    assert set(row["flow"]) == {"id", "filename", "size", "category"}
    assert set(row["flow_genome"]) == {"id", "name", "url", "created"}
    assert set(row["flow_organism"]) == {"id", "name", "latin_name"}
