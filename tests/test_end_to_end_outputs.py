"""Outputs of runs: by process, found again where an earlier version put them, and named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowtui.demo.byte_source import read
from flowtui.demo.catalogue import Execution, Project
from flowtui.demo.serve import DemoServer
from flowtui.transfer.disk import downloads_log
from flowtui.transfer.disk.names import numbered
from support.shell import Shell


@pytest.fixture
def server() -> Iterator[DemoServer]:
    with DemoServer("live", job_seconds=0.1, token_seconds=3600) as running:
        yield running


@pytest.fixture
def shell(server: DemoServer, tmp_path: Path) -> Shell:
    return Shell(tmp_path, server.base_url)


@pytest.fixture
def project(server: DemoServer) -> Project:
    projects = server.service.catalogue.projects.values()
    return next(found for found in projects if found.name == "SARS-CoV-2 surveillance")


def fetched(server: DemoServer, since: int) -> list[str]:
    files = [request for request in server.requests[since:] if "/downloads/" in request.path]
    return [request.path for request in files if request.status in (200, 206)]


def run_folder(execution: Execution) -> str:
    pipeline = execution.pipeline.replace("/", "_")
    return f"{pipeline}_{execution.identifier}_{execution.id}"


@pytest.mark.parametrize("bulk", ["never", "always"])
def test_outputs_go_by_run_and_process(
    server: DemoServer, shell: Shell, project: Project, bulk: str
) -> None:
    shell.get(f"project/{project.id}", "--bulk", bulk)
    found = {path.relative_to(shell.to) for path in shell.to.rglob("*") if path.is_file()}
    assert not [path for path in found if "~" in str(path)]
    for sample in project.samples:
        assert Path(project.name, sample.name, f"{sample.name}_R1.fastq.gz") in found
    for execution in project.executions:
        reports = [path for path in found if run_folder(execution) in path.parts]
        assert {path.parent.name for path in reports} == {"IVAR_VARIANTS", "MULTIQC", "TABIX"}
    since = len(server.requests)
    shell.get(f"project/{project.id}", "--bulk", "never")
    assert fetched(server, since) == []


def test_what_an_earlier_version_fetched_flat_is_not_fetched_again(
    server: DemoServer, shell: Shell, project: Project
) -> None:
    """The files and the log as the version before wrote them, outputs numbered in one folder."""
    for execution in project.executions:
        for number, file in enumerate(execution.outputs, 1):
            name = numbered(file.filename, number)
            path = f"{project.name}/executions/{execution.id}/{file.process}/{name}"
            target = shell.to / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(read(file.content))
            downloads_log.append(shell.to, [downloads_log.LogEntry(
                f"data/{file.id}", file.id, file.filename, file.size, path, file.content.md5,
                "size", 0.1, "done")])  # fmt: skip
    shell.get(f"project/{project.id}", "--bulk", "never")
    outputs = {f"/api/downloads/{file.id}/" for execution in project.executions
               for file in execution.outputs}  # fmt: skip
    assert not [path for path in fetched(server, 0) if path.startswith(tuple(outputs))]
    assert not list((shell.to / project.name).rglob("nf-core_viralrecon*"))


def test_log_and_json_tell_where_a_file_is_from(
    server: DemoServer, shell: Shell, project: Project
) -> None:
    execution = project.executions[0]
    events = shell.get(f"project/{project.id}", "--bulk", "never")
    ended = {event["key"]: event for event in events if event.get("state") == "done"}
    output = execution.outputs[0]
    expected = {
        "project": project.name,
        "execution": f"execution/{execution.id}",
        "run": execution.identifier,
        "pipeline": execution.pipeline,
        "pipeline_version": execution.version,
        "process": output.process,
    }
    assert expected.items() <= ended[f"data/{output.id}"].items()
    log = [json.loads(line) for line in (shell.to / "downloads.log").read_text().splitlines()]
    by_key = {entry["key"]: entry for entry in log}
    assert expected.items() <= by_key[f"data/{output.id}"].items()
    upload = project.samples[0].files[0]
    whose = {"project": project.name, "sample": project.samples[0].name}
    assert whose.items() <= by_key[f"data/{upload.id}"].items()
    assert ended[f"data/{upload.id}"]["run"] is None


def test_ls_and_get_agree_on_a_process(server: DemoServer, shell: Shell, project: Project) -> None:
    execution = project.executions[0]
    ref = f"execution/{execution.id}/IVAR_VARIANTS"
    rows = shell.run("ls", ref, "--json").stdout.splitlines()
    listed = {json.loads(row)["ref"] for row in rows}
    events = shell.get(ref, "--dry-run")
    assert listed == {event["key"] for event in events if event["event"] == "file"} != set()


def test_the_records_of_a_run_come_beside_its_outputs(
    server: DemoServer, shell: Shell, project: Project
) -> None:
    execution = project.executions[0]
    shell.get(f"execution/{execution.id}", "--records")
    folder = shell.to / "executions" / execution.id / run_folder(execution) / "records"
    names = {path.name for path in folder.iterdir()}
    assert names >= {"params.json", "inputs.tsv", "samplesheet.csv", "versions.json"}
    assert names >= {"command.txt", "nextflow.log", "stdout.txt", "stderr.txt"}
    assert "process_commands.sh" in names
    text = "".join(path.read_text() for path in folder.iterdir())
    assert execution.project.owner.email not in text
    assert "/srv/" not in text and "eyJ" not in text and "\x1b" not in text
    assert json.loads((folder / "params.json").read_text())["genome"] == "GRCh38"
    summary = shell.get(f"execution/{execution.id}", "--records")[-1]
    assert summary["done"] == 0 and summary["skipped"] == len(execution.outputs) + len(names)


def test_the_runs_of_a_project_bring_their_records_with_a_filter_too(
    server: DemoServer, shell: Shell, project: Project
) -> None:
    shell.get(f"project/{project.id}", "--records", "--include", "*.html")
    found = list(shell.to.rglob("params.json"))
    assert len(found) == len(project.executions)
    assert not list(shell.to.rglob("*.fastq.gz"))
