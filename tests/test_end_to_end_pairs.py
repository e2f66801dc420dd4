"""Files of the same names: samples of one name, and pairs of one sample, are never mixed."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowtui.demo.catalogue import Project, Sample
from flowtui.demo.serve import DemoServer
from support.shell import Shell


@pytest.fixture(params=["live", "both"])
def server(request: pytest.FixtureRequest) -> Iterator[DemoServer]:
    with DemoServer(request.param, job_seconds=0.1, token_seconds=3600) as running:
        yield running


@pytest.fixture
def shell(server: DemoServer, tmp_path: Path) -> Shell:
    return Shell(tmp_path, server.base_url)


@pytest.fixture
def project(server: DemoServer) -> Project:
    projects = server.service.catalogue.projects.values()
    return next(found for found in projects if found.name == "Files with trouble")


def livers(project: Project) -> list[Sample]:
    return [sample for sample in project.samples if sample.name == "liver"]


def mates(server: DemoServer, folder: Path) -> dict[str, set[str]]:
    """What a name says that a file is of (`liver`, `reads~2`) → what its bytes are of."""
    whose = {
        file.content.md5: file.fileset or (file.sample.id if file.sample else "")
        for file in server.service.catalogue.files.values()
    }
    found: defaultdict[str, set[str]] = defaultdict(set)
    for path in folder.rglob("*_R?*.fastq.gz"):
        stem = path.name.removesuffix(".fastq.gz").replace("_R1", "").replace("_R2", "")
        digest = hashlib.md5(path.read_bytes()).hexdigest()
        found[f"{path.parent.relative_to(folder)}/{stem}"].add(whose[digest])
    return found


@pytest.mark.parametrize("bulk", ["never", "always"])
def test_a_project_keeps_its_pairs(
    server: DemoServer, shell: Shell, project: Project, bulk: str
) -> None:
    shell.get(f"project/{project.id}", "--bulk", bulk, status=1)  # others there are refused
    folder = shell.to / project.name
    found = mates(server, folder)
    assert {"liver/liver", "liver~2/liver", "two_lanes/reads", "two_lanes/reads~2"} <= set(found)
    assert all(len(whose) == 1 for whose in found.values()), found
    assert found["liver/liver"] != found["liver~2/liver"]
    assert {len(list((folder / name).iterdir())) for name in ("liver", "liver~2")} == {2}
    before = mates(server, folder)
    asked = len(server.requests)
    shell.get(f"project/{project.id}", "--bulk", "never", status=1)
    assert mates(server, folder) == before
    fetched = [one for one in server.requests[asked:]
               if one.path.startswith("/api/downloads/") and one.status in (200, 206)]  # fmt: skip
    assert fetched == []


@pytest.mark.parametrize("first", [0, 1])
def test_whichever_sample_is_asked_for_first(
    server: DemoServer, shell: Shell, project: Project, first: int
) -> None:
    one, other = livers(project)[first], livers(project)[1 - first]
    for sample in (one, other, one):
        shell.get(f"sample/{sample.id}")
    found = mates(server, shell.to / "samples")
    assert found == {"liver/liver": {one.id}, "liver~2/liver": {other.id}}


def test_a_folder_of_before_is_gone_on_with(
    server: DemoServer, shell: Shell, project: Project
) -> None:
    """An earlier flowtui put both into one folder, and wrote no owners: what is here stays."""
    for sample in livers(project):
        shell.get(f"sample/{sample.id}")
    log = shell.to / "downloads.log"
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    for line in lines:
        del line["belongs_to"]
        before = shell.to / line["path"]
        line["path"] = (
            line["path"]
            .replace("liver~2/liver_R", "liver/liver_R")
            .replace(".fastq.gz", "~2.fastq.gz" if "liver~2/" in line["path"] else ".fastq.gz")
        )
        before.rename(shell.to / line["path"])
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    (shell.to / "samples" / "liver~2").rmdir()
    asked = len(server.requests)
    for sample in livers(project):
        assert shell.get(f"sample/{sample.id}")[-1]["skipped"] == 2
    assert not [one for one in server.requests[asked:] if one.path.startswith("/api/downloads/")]
    assert len(list((shell.to / "samples" / "liver").iterdir())) == 4
