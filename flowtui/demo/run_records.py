"""What a run of the demo says of itself: parameters, command, logs, inputs, scripts.

As on the live service it tells of the server, too: where things lie on its disks, the token of a
monitor, somebody's address. Whoever keeps such records has to take that out.
"""

from __future__ import annotations

from typing import Any

from flowtui.demo.catalogue import Execution

WORK = "/srv/flow/nextflow/work"
DATA = "/srv/flow/data"
MONITOR = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJtb25pdG9yIn0.c2lnbmF0dXJlLW9mLXRoZS1kZW1v"


def records(execution: Execution) -> dict[str, Any]:
    """The fields of an execution's detail that `include` and `exclude` are for."""
    inputs = [file for sample in execution.project.samples for file in sample.files
              if file.execution is None][:8]  # fmt: skip
    folder = f"{WORK}/{execution.id}"
    command = (
        f"nextflow run /srv/flow/pipelines/{execution.pipeline} -r {execution.version} "
        f"-name {execution.identifier} -params-file {folder}/params.json -with-tower"
    )
    log = "".join(
        f"Nov-26 10:0{number % 10}:00.000 [main] INFO  nextflow.Session - {line}\n"
        for number, line in enumerate(
            (
                f"Work-dir: {folder}/work [ext4]",
                f"TOWER_ACCESS_TOKEN={MONITOR}",
                f"Sending a mail to {execution.project.owner.email}",
                f"Run {execution.identifier} of {execution.pipeline} {execution.version}",
                "\x1b[32mCompleted\x1b[0m",
            )
        )
    )
    return {
        "nextflow_version": "24.10.4",
        "command": command,
        "log": log,
        "stdout": f"N E X T F L O W  ~  version 24.10.4\nLaunching {folder}/main.nf\n",
        "stderr": (
            f"WARN: cannot read {folder}/trace.txt\n"
            f"WARN: https://tower.example/api refused Bearer {MONITOR}\n"
            f"Ask {execution.project.owner.email}\n"
        ),
        "params": {
            "genome": "GRCh38",
            "aligner": "star_salmon",
            "min_reads": 10_000,
            "outdir": f"{folder}/results",
            "email": execution.project.owner.email,
            "tower_token": MONITOR,
            "multiqc_title": None,
        },
        "data_params": {
            "fasta": {"id": execution.id, "filename": "GRCh38.fa"},
            **({"reads": [{"id": file.id, "filename": file.filename} for file in inputs]}
               if inputs else {}),
        },
        "csv_params": {
            "input": {
                "rows": [
                    {"sample": file.sample.name if file.sample else "", "strandedness": "auto",
                     "fastq_1": {"id": file.id, "filename": file.filename}}
                    for file in inputs
                ]
            }
        },
    }  # fmt: skip


def script(process: str, execution: Execution) -> str:
    """The script of a process."""
    return (
        f"#!/bin/bash -ue\n# {execution.project.owner.email}\n"
        f"export TOWER_ACCESS_TOKEN={MONITOR}\n{process.lower()} --threads 8 "
        f"{DATA}/{execution.id}/input.bam > result.txt\n"
    )
