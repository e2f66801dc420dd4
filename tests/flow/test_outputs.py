"""Outputs by their names: one, several that have it, and patterns."""

from __future__ import annotations

from typing import Any

import pytest

from flowtui.flow.errors import AmbiguousReference, NotFound
from flowtui.flow.refs import Ref, RefKind
from flowtui.flow.walk.outputs import outputs_below
from flowtui.flow.walk.walk import walk


def process(id_: str, name: str, tag: str, *files: str) -> dict[str, Any]:
    rows = [{"id": f"{id_}{n}", "filename": file, "size": 5} for n, file in enumerate(files)]
    return {"process_name": name, "name": f"{name} ({tag})", "downstream_data": rows}


@pytest.fixture
def run(flow):
    """FASTQC of two samples, which both make an x.html, and null where a process is gone."""
    flow.answers["/executions/9"] = {"id": "9", "identifier": "mad_cat", "process_executions": [
        process("1", "FASTQC", "liver", "x.html", "x.zip"), None,
        process("2", "FASTQC", "heart", "x.html"),
        process("3", "MULTIQC", "all", "multiqc_report.html"),
    ]}  # fmt: skip
    return flow


def found(flow: Any, path: str) -> list[str]:
    return [file.key for file in walk(flow.client(), Ref(RefKind.EXECUTION, "9", path))]


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ("multiqc_report.html", ["data/30"]),
        ("MULTIQC/multiqc_report.html", ["data/30"]),
        ("results/multiqc_report.html", ["data/30"]),
        ("FASTQC (liver)/x.html", ["data/10"]),
        ("FASTQC (heart)/x.html", ["data/20"]),
        ("FASTQC/x.zip", ["data/11"]),
        ("FASTQC*/x.html", ["data/10", "data/20"]),
        ("*/x.html", ["data/10", "data/20"]),
        ("*.zip", ["data/11"]),
        ("MULTIQC (all)/*", ["data/30"]),
    ],
)
def test_what_a_path_names(run, path: str, keys: list[str]) -> None:
    assert found(run, path) == keys


@pytest.mark.parametrize("path", ["x.html", "FASTQC/x.html", "results/x.html"])
def test_a_name_that_several_have_is_said_with_their_processes(run, path: str) -> None:
    with pytest.raises(AmbiguousReference) as caught:
        found(run, path)
    assert "2 outputs are called x.html: FASTQC (liver), FASTQC (heart)" in caught.value.message
    assert "execution/9/PROCESS/x.html" in caught.value.message


@pytest.mark.parametrize("path", ["nope.html", "FASTQC (lung)/y.html", "*.bam"])
def test_what_nothing_has(run, path: str) -> None:
    with pytest.raises(NotFound):
        found(run, path)


def test_a_run_of_many_processes_lists_a_few(run) -> None:
    many = [process(str(n), "FASTQC", f"sample_{n}", "x.html") for n in range(100, 600)]
    run.answers["/executions/9"]["process_executions"] = many
    with pytest.raises(AmbiguousReference, match="500 outputs are called") as caught:
        found(run, "x.html")
    assert len(caught.value.message) < 700
    assert "and 488 more" in caught.value.message


def test_a_process_or_a_folder_has_what_is_below_it(run) -> None:
    outputs = run.client().execution("9").outputs
    below = [data.id for data in outputs_below(outputs, "FASTQC (liver)")]
    assert below == ["10", "11"]
    assert [data.id for data in outputs_below(outputs, "FASTQC")] == ["10", "11", "20"]
    assert outputs_below(outputs, "nothing") == []
