"""Where the outputs of runs go, and what is known of where they come from."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from flowtui.flow.models import Data, Execution
from flowtui.flow.refs import Ref, RefKind
from flowtui.flow.remote_file import Origin
from flowtui.flow.walk.walk import LeftOut, Walk, walk
from tests.flow.conftest import FakeFlow

PROJECT = Ref(RefKind.PROJECT, "12")


def listed(id_: str, name: str, **more: Any) -> dict[str, Any]:
    """A row of a sample's list, which never names the run."""
    made_by = {"pipeline_name": "RNA-Seq", "process_execution_name": "FASTQC"}
    return {"id": id_, "filename": name, "size": 7, **made_by, **more}


def upload(id_: str, name: str) -> dict[str, Any]:
    return {"id": id_, "filename": name, "size": 5, "pipeline_name": None}


def run(id_: str, name: str, **processes: list[dict[str, Any]]) -> dict[str, Any]:
    """The detail of a run; `FASTQC_liver=[…]` is the process `FASTQC (liver)`."""
    return {
        "id": id_,
        "identifier": name,
        "pipeline": {"name": "RNA-Seq", "version": {"name": "3.8"}},
        "process_executions": [
            None,
            *(
                {
                    "process_name": label.partition("_")[0],
                    "name": f"{label.partition('_')[0]} ({label.partition('_')[2]})",
                    "downstream_data": outputs,
                }
                for label, outputs in processes.items()
            ),
        ],
    }


def row(id_: str, name: str) -> dict[str, Any]:
    return {"id": id_, "identifier": name, "pipeline_name": "RNA-Seq", "pipeline_version": "3.8"}


def output(id_: str, name: str) -> dict[str, Any]:
    return {"id": id_, "filename": name}  # sizes are optional there


@pytest.fixture
def lab(flow: FakeFlow) -> FakeFlow:
    """Two samples, and two runs over both whose outputs have all the same names."""
    flow.answers["/projects/12"] = {"id": "12", "name": "Mice"}
    flow.paged("/projects/12/samples", "samples",
               [{"id": "1", "name": "liver"}, {"id": "2", "name": "kidney"}])  # fmt: skip
    runs = [row("90", "mad_cat"), row("91", "sad_cow")]
    flow.paged("/projects/12/executions", "executions", runs)
    for sample in ("1", "2"):
        flow.paged(f"/samples/{sample}/executions", "executions", runs)
        files = [upload(f"{sample}00", "reads.gz"), listed(f"{sample}01", "versions.yml"),
                 listed(f"{sample}02", "versions.yml")]  # fmt: skip
        flow.paged(f"/samples/{sample}/data", "data", files)
        flow.answers[f"/samples/{sample}"] = {
            "id": sample, "name": "liver" if sample == "1" else "kidney",
            "project": {"id": "12", "name": "Mice"},
        }  # fmt: skip
    for number, name in (("0", "mad_cat"), ("1", "sad_cow")):
        flow.answers[f"/executions/9{number}"] = run(
            f"9{number}", name,
            FASTQC_liver=[output(f"10{int(number) + 1}", "versions.yml")],
            FASTQC_kidney=[output(f"20{int(number) + 1}", "versions.yml")],
            MULTIQC_all=[output(f"30{number}", "report.html")],
        )  # fmt: skip
    return flow


def places(lab: FakeFlow, ref: Ref, **options: Any) -> dict[str, str]:
    """Key → where it goes, of all that a reference stands for."""
    return {
        file.key: "/".join((*file.folder, *file.within, file.filename))
        for file in walk(lab.client(), ref, **options)
    }


MAD, SAD = "RNA-Seq_mad_cat_90", "RNA-Seq_sad_cow_91"


def test_outputs_of_a_project_go_by_sample_run_and_process(lab: FakeFlow) -> None:
    assert places(lab, PROJECT) == {
        "data/100": "Mice/liver/reads.gz",
        "data/200": "Mice/kidney/reads.gz",
        "data/101": f"Mice/liver/{MAD}/FASTQC (liver)/versions.yml",
        "data/102": f"Mice/liver/{SAD}/FASTQC (liver)/versions.yml",
        "data/201": f"Mice/kidney/{MAD}/FASTQC (kidney)/versions.yml",
        "data/202": f"Mice/kidney/{SAD}/FASTQC (kidney)/versions.yml",
        "data/300": f"Mice/{MAD}/MULTIQC (all)/report.html",
        "data/301": f"Mice/{SAD}/MULTIQC (all)/report.html",
    }
    assert {lab.asked(f"/executions/{run}") for run in ("90", "91")} == {1}
    assert lab.asked("/samples/1/executions") == 0  # the project's list does


def test_what_was_uploaded_comes_first_and_each_file_tells_where_it_is_from(lab: FakeFlow) -> None:
    files = list(walk(lab.client(), PROJECT))
    assert [file.key for file in files[:2]] == ["data/100", "data/200"]
    made = next(file for file in files if file.key == "data/101")
    assert made.origin == Origin("Mice", "90", "mad_cat", "RNA-Seq", "3.8", "FASTQC (liver)")
    assert (made.sample, made.belongs_to, made.size) == ("liver", "sample/1", 7)
    assert files[0].origin == Origin("Mice")


def test_a_sample_alone_is_laid_out_alike(lab: FakeFlow) -> None:
    assert places(lab, Ref(RefKind.SAMPLE, "1")) == {
        "data/100": "samples/liver/reads.gz",
        "data/101": f"samples/liver/{MAD}/FASTQC (liver)/versions.yml",
        "data/102": f"samples/liver/{SAD}/FASTQC (liver)/versions.yml",
    }


def test_samples_with_the_same_runs_ask_for_each_run_once(lab: FakeFlow) -> None:
    refs = [Ref(RefKind.SAMPLE, "1"), Ref(RefKind.SAMPLE, "2")]
    with Walk(lab.client()) as steps:
        assert len([file for _, file in steps.files_of(refs) if file]) == 6
    assert {lab.asked(f"/executions/{run}") for run in ("90", "91")} == {1}


def test_a_sample_without_outputs_asks_for_no_runs(lab: FakeFlow) -> None:
    lab.paged("/samples/1/data", "data", [upload("100", "reads.gz")])
    assert places(lab, Ref(RefKind.SAMPLE, "1")) == {"data/100": "samples/liver/reads.gz"}
    assert lab.asked("/samples/1/executions") == 0


def test_an_execution_alone_has_the_process_level(lab: FakeFlow) -> None:
    assert places(lab, Ref(RefKind.EXECUTION, "90")) == {
        "data/101": f"executions/90/{MAD}/FASTQC (liver)/versions.yml",
        "data/201": f"executions/90/{MAD}/FASTQC (kidney)/versions.yml",
        "data/300": f"executions/90/{MAD}/MULTIQC (all)/report.html",
    }


@pytest.mark.parametrize("path", ["FASTQC (liver)", "FASTQC (liver)/", "FASTQC (liver)/*"])
def test_a_process_is_a_folder_of_its_run(lab: FakeFlow, path: str) -> None:
    assert set(places(lab, Ref(RefKind.EXECUTION, "90", path))) == {"data/101"}


@pytest.mark.parametrize("status", [403, 404, 500])
def test_an_output_comes_also_where_its_run_cannot_be_read(lab: FakeFlow, status: int) -> None:
    lab.answers["/executions/91"] = httpx.Response(status)
    said: list[LeftOut] = []
    found = places(lab, PROJECT, left_out=said.append)
    assert found["data/102"] == "Mice/liver/RNA-Seq/FASTQC/versions.yml"
    assert found["data/101"] == f"Mice/liver/{MAD}/FASTQC (liver)/versions.yml"
    assert [out.name for out in said] == ["sad_cow"]
    alone = places(lab, Ref(RefKind.SAMPLE, "1"))
    assert alone["data/102"] == "samples/liver/RNA-Seq/FASTQC/versions.yml"


def test_a_run_that_is_taken_out_takes_its_outputs_with_it(lab: FakeFlow) -> None:
    found = places(lab, PROJECT, skip={"execution/91"}.__contains__)
    assert "data/101" in found
    assert not {"data/102", "data/202", "data/301"} & found.keys()


def test_the_samples_of_a_project_are_without_what_no_sample_has(lab: FakeFlow) -> None:
    with Walk(lab.client()) as steps:
        keys = {file.key for file in steps.samples("12")}
    assert keys == {"data/100", "data/101", "data/102", "data/200", "data/201", "data/202"}


def test_a_sample_of_another_name_in_between_keeps_the_first_owner(lab: FakeFlow) -> None:
    """A file in the lists of two samples is the first one's, in every run."""
    for sample in ("1", "2"):
        lab.paged(f"/samples/{sample}/data", "data", [listed("300", "report.html")])
    for _ in range(3):
        assert places(lab, PROJECT)["data/300"] == f"Mice/liver/{MAD}/MULTIQC (all)/report.html"


def test_one_file_from_the_tree_goes_where_its_sample_would_put_it(lab: FakeFlow) -> None:
    left_out: list[LeftOut] = []
    with Walk(lab.client(), left_out.append) as steps:
        (file,) = steps.sample_files("1", ["data/102", "data/gone"])
        assert (file.folder, file.within) == (("samples", "liver"), (SAD, "FASTQC (liver)"))
    assert [(what.name, what.why) for what in left_out] == [
        ("data/gone", "sample/1 does not have it any more")
    ]
    with Walk(lab.client()) as steps:
        execution = Execution(id="91", identifier="sad_cow", pipeline_name="RNA-Seq")
        data = Data(id="102", filename="versions.yml", process_label="FASTQC (liver)")
        (file,) = steps.run_file(execution, data)
        assert (file.folder, file.within) == (("executions", "91"), (SAD, "FASTQC (liver)"))
