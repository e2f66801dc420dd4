"""`flowtui samplesheet`: from what Flow says and what is here to a table, or words."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from flowtui.cli.exit_codes import Exit
from flowtui.cli.main import cli
from flowtui.flow.remote_file import Origin
from flowtui.transfer.disk import downloads_log

TOKEN = "tok-a1b2c3d4e5"
"""Who is signed in has it, see conftest."""

PAIR = ("liver_R1.fastq.gz", "liver_R2.fastq.gz")


PIPELINES_OF_FLOW = {
    "/pipelines": (200, [{"name": "RNA", "subcategories": [{"name": "x", "pipelines": [
        {"id": "3", "name": "CLIP"}, {"id": "4", "name": "Old one"}]}]}]),
    "/pipelines/3": (200, {"id": "3", "versions": [{"id": "31", "name": "1.7"},
                                                   {"id": "30", "name": "1.6"}]}),
    "/pipelines/4": (200, {"id": "4", "versions": [{"id": "40", "name": "1"}]}),
    "/pipelines/versions/30": (200, {"id": "30", "schema": {"inputs": [{"params": {"input": {
        "type": "csv", "takes_samples": True,
        "columns": [{"name": "id", "from_sample": "name"}, {"name": "reads", "from_sample": 1}],
    }}}]}}),
    "/pipelines/versions/31": (200, {"id": "31", "schema": {"inputs": [{"params": {"input": {
        "type": "csv", "takes_samples": True, "columns": [
            {"name": "group"}, {"name": "replicate"}, {"name": "fastq_1", "from_sample": 1},
            {"name": "fastq_2", "from_sample": "2"},
            {"name": "strand", "from_sample": "strandedness"}, {"name": "umi", "default": "yes"}],
    }}}]}}),
    "/pipelines/versions/40": (200, {"id": "40", "schema": {"inputs": []}}),
}  # fmt: skip
"""Two pipelines, one of them with a table of samples in two versions."""


def run(*args: object) -> Result:
    return CliRunner().invoke(cli, ["samplesheet", *map(str, args)])


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines()))


def fileset(*files: tuple[str, str]) -> dict[str, Any]:
    rows = [{"id": id_, "filename": name, "size": len(name)} for id_, name in files]
    return {"id": f"set-{files[0][0]}", "data": rows}


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A target folder with a pair of sample 34, and an output of a run of it."""
    root = tmp_path / "flow data"
    put(root, "data/1", f"Cortex/liver/{PAIR[0]}")
    put(root, "data/2", f"Cortex/liver/{PAIR[1]}")
    put(root, "data/9", "Cortex/liver/run/trimmed_R1.fastq.gz", origin=Origin(execution="456"))
    return root


def put(root: Path, key: str, path: str, whose: str = "sample/34", **more: Any) -> None:
    """A file as if it had been downloaded."""
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(file.name)
    sample = "liver" if whose else ""
    entry = downloads_log.LogEntry(key, key, file.name, len(file.name), path, None, "size", 0.1,
                                   "done", belongs_to=whose, sample=sample, **more)  # fmt: skip
    downloads_log.append(root, [entry])


@pytest.fixture
def answers(flow: Any, signed_in: Callable[[], None]) -> dict[str, Any]:
    """Flow has project 12 with sample 34."""
    detail = {
        "id": "34", "name": "liver", "sample_type": "RNA-Seq",
        "project": {"id": "12", "name": "Cortex"},
        "metadata": {"strandedness": {"attribute_name": "Strandedness", "value": "reverse"}},
        "filesets": [fileset(("1", PAIR[0]), ("2", PAIR[1]))],
    }  # fmt: skip
    flow.answers |= {
        "/projects/12": (200, {"id": "12", "name": "Cortex"}),
        "/projects/12/samples": (200, {"count": 1, "samples": [{"id": "34", "name": "liver"}]}),
        "/samples/34": (200, detail),
    }
    found: dict[str, Any] = flow.answers
    return found


def test_a_project_becomes_a_table_of_paths_that_exist(
    answers: dict[str, Any], target: Path
) -> None:
    result = run("project/12", "--to", target, "--for", "rnaseq")
    assert result.exit_code == 0, result.output
    (row,) = table(result.stdout)
    assert row["sample"] == "liver"
    assert row["strandedness"] == "reverse"
    assert [row["fastq_1"], row["fastq_2"]] == [str(target / "Cortex/liver" / one) for one in PAIR]
    assert all(
        os.path.isabs(row[name]) and Path(row[name]).is_file() for name in row if "fastq" in name
    )


@pytest.mark.parametrize("ref", ["sample/34", "data/2", "nf-core/rnaseq"])
def test_a_file_that_went_to_a_project_is_found_by_its_sample_too(
    answers: dict[str, Any], target: Path, ref: str
) -> None:
    answers["/data/2"] = (200, {"id": "2", "filename": PAIR[1], "sample": {"id": "34"}})
    words = (ref, "--for", "rnaseq") if "/rna" not in ref else ("sample/34", "--for", ref)
    result = run(*words, "--to", target)
    assert result.exit_code == 0, result.output
    assert table(result.stdout)[0]["fastq_2"].endswith(f"Cortex/liver/{PAIR[1]}")


def test_a_sample_that_is_named_several_times_is_there_once(
    answers: dict[str, Any], target: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    put(other, "data/3", "samples/liver/lane2_R1.fastq.gz")
    answers["/samples/34"][1]["filesets"].append(fileset(("3", "lane2_R1.fastq.gz")))
    for id_ in ("1", "2"):
        answers[f"/data/{id_}"] = (200, {"id": id_, "filename": PAIR[0], "sample_id": "34"})
    result = run("data/1", "data/2", target, other, "--to", target, "--for", "rnaseq")
    assert result.exit_code == 0, result.output
    assert [(row["sample"], Path(row["fastq_1"]).name) for row in table(result.stdout)] == [
        ("liver", PAIR[0]), ("liver", "lane2_R1.fastq.gz"),
    ]  # fmt: skip


def test_no_token_that_flow_repeats_is_in_the_sheet(
    answers: dict[str, Any], target: Path, tmp_path: Path
) -> None:
    answers["/samples/34"][1]["metadata"] = {"note": f"mine is {TOKEN}"}
    sheet = tmp_path / "sheet.csv"
    result = run("sample/34", "--to", target, "--for", "generic", "-o", sheet)
    assert result.exit_code == 0, result.output
    assert table(sheet.read_text())[0]["note"] == "mine is [removed]"


def test_links_stand_in_for_a_folder_whose_name_has_blanks(
    answers: dict[str, Any], target: Path, tmp_path: Path
) -> None:
    words = ("sample/34", "--to", target, "--for", "viralrecon")
    result = run(*words)
    assert result.exit_code == Exit.NOTHING_FOUND
    assert "use --links DIR" in result.stderr
    for _ in range(2):
        result = run(*words, "--links", tmp_path / "links")
        assert result.exit_code == 0, result.output
        (row,) = table(result.stdout)
        assert row["fastq_1"] == str(tmp_path / "links/1" / PAIR[0])
        assert Path(row["fastq_1"]).resolve() == target.resolve() / "Cortex/liver" / PAIR[0]
    Path(row["fastq_2"]).unlink()
    Path(row["fastq_2"]).write_text("another's")
    result = run(*words, "--links", tmp_path / "links")
    assert result.exit_code == Exit.USAGE
    assert "leads elsewhere" in result.stderr
    assert Path(row["fastq_2"]).read_text() == "another's"


def test_a_pipeline_of_flow_has_the_columns_of_its_own_schema(
    answers: dict[str, Any], target: Path, tmp_path: Path
) -> None:
    answers |= PIPELINES_OF_FLOW
    words = ("sample/34", "--to", target, "--links", tmp_path / "links", "--for")
    result = run(*words, "clip")
    assert result.exit_code == 0, result.output
    assert table(result.stdout) == [{
        "group": "liver", "replicate": "1", "strand": "reverse", "umi": "yes",
        "fastq_1": str(tmp_path / "links/1" / PAIR[0]),
        "fastq_2": str(tmp_path / "links/2" / PAIR[1]),
    }]  # fmt: skip
    assert "Flow's schema of CLIP 1.7" in result.stderr
    assert "umi: yes for liver: no attribute says it" in result.stderr
    result = run(*words, "CLIP@1.6")
    assert list(table(result.stdout)[0]) == ["id", "reads"]


def test_what_is_not_here_yet_is_named_where_a_download_puts_it(
    answers: dict[str, Any], tmp_path: Path
) -> None:
    """Also where names come twice, and Flow's order is not that of the ids."""
    later, earlier = ("8", "6"), ("5", "9")  # without their sets, the pairs would be mixed
    lists = []
    for sample, ids in (("34", later), ("35", ("1", "2"))):
        sets = [fileset((ids[0], PAIR[0]), (ids[1], PAIR[1]))]
        if ids == later:
            sets.append(fileset((earlier[0], PAIR[0]), (earlier[1], PAIR[1])))
        detail = {"id": sample, "name": "liver", "filesets": sets}
        rows = [row for one in sets for row in one["data"]]
        answers[f"/samples/{sample}"] = (200, detail)
        answers[f"/samples/{sample}/data"] = (200, {"count": len(rows), "data": rows})
        answers[f"/samples/{sample}/executions"] = (200, {"count": 0, "executions": []})
        lists.append({"id": sample, "name": "liver"})
    answers["/projects/12/samples"] = (200, {"count": 2, "samples": lists})
    answers["/projects/12/executions"] = (200, {"count": 0, "executions": []})
    get = CliRunner().invoke(
        cli, ["get", "project/12", "--to", str(tmp_path), "--dry-run", "--json"]
    )
    events = [json.loads(line) for line in get.stdout.splitlines()]
    paths = {one["key"]: one["path"] for one in events if one["event"] == "file"}
    assert len(paths) == 6, get.output
    result = run("project/12", "--to", tmp_path, "--for", "rnaseq", "--allow-missing")
    assert [(row["fastq_1"], row["fastq_2"]) for row in table(result.stdout)] == [
        (paths[f"data/{first}"], paths[f"data/{second}"])
        for first, second in (later, earlier, ("1", "2"))
    ]


def test_a_set_that_is_here_by_half_lacks_its_other_half_beside_it(
    answers: dict[str, Any], tmp_path: Path
) -> None:
    put(tmp_path, "data/1", f"Cortex/liver/{PAIR[0]}")
    result = run(tmp_path, "--for", "rnaseq")
    assert result.exit_code == Exit.SOME_FAILED
    assert f"not here: {tmp_path}/Cortex/liver/{PAIR[1]}" in result.stderr


def test_a_server_that_lists_no_pipelines_leaves_the_name_in_the_message(
    answers: dict[str, Any],
) -> None:
    result = run("project/12", "--for", "rnasq")
    assert result.exit_code == Exit.USAGE
    assert "--for rnasq: not found" in result.stderr
    assert "known without Flow: rnaseq, sarek" in result.stderr


def test_a_file_that_is_gone_is_expected_where_it_was(
    answers: dict[str, Any], target: Path
) -> None:
    file = target / "Cortex/liver" / PAIR[1]
    file.unlink()
    result = run("sample/34", "--to", target, "--for", "rnaseq", "--allow-missing")
    assert table(result.stdout)[0]["fastq_2"] == str(file)


@pytest.mark.parametrize("harm", ["gone", "cut", "never"])
def test_without_all_files_no_sheet_is_written(
    answers: dict[str, Any], target: Path, tmp_path: Path, harm: str
) -> None:
    file = target / "Cortex/liver" / PAIR[1]
    if harm == "cut":
        file.write_text("x")
    elif harm == "gone":
        file.unlink()
    else:
        target = tmp_path / "empty"
    sheet = tmp_path / "sheet.csv"
    result = run("project/12", "--to", target, "--for", "rnaseq", "-o", sheet)
    assert result.exit_code == Exit.SOME_FAILED
    assert f"not here: {target}/Cortex/liver/{PAIR[1]}" in result.stderr
    assert "no sheet was written" in result.stderr
    assert not sheet.exists()
    result = run("project/12", "--to", target, "--for", "rnaseq", "-o", sheet, "--allow-missing")
    assert result.exit_code == 0, result.output
    assert table(sheet.read_text())[0]["fastq_2"] == str(target / "Cortex/liver" / PAIR[1])


def test_no_file_is_replaced_unless_that_is_forced(
    answers: dict[str, Any], target: Path, tmp_path: Path
) -> None:
    sheet = tmp_path / "sheet.csv"
    sheet.write_text("mine")
    result = run("sample/34", "--to", target, "--for", "rnaseq", "-o", sheet)
    assert result.exit_code == Exit.USAGE
    assert "use --force" in result.stderr
    assert sheet.read_text() == "mine"
    assert (
        run("sample/34", "--to", target, "--for", "rnaseq", "-o", sheet, "--force").exit_code == 0
    )
    assert sheet.read_text().startswith("sample,fastq_1,fastq_2,strandedness\n")
    assert [one.name for one in tmp_path.glob(".sheet*")] == []


def test_a_folder_has_what_was_uploaded_by_flows_sets_and_metadata(
    answers: dict[str, Any], target: Path
) -> None:
    answers["/samples/34"][1]["filesets"].append(fileset(("3", "other_R1.fastq.gz")))
    result = run(target, "--for", "rnaseq")
    assert result.exit_code == 0, result.output
    (row,) = table(result.stdout)
    assert row["strandedness"] == "reverse"
    assert row["fastq_2"].endswith(PAIR[1])
    assert "by the names" not in result.stderr


@pytest.mark.parametrize("way", ["offline", "away", "signed out"])
def test_a_folder_does_without_flow_and_says_so(
    answers: dict[str, Any], target: Path, way: str
) -> None:
    put(target, "data/7", "data/kidney.fastq.gz", whose="")
    if way == "away":
        answers["/data/7"] = answers["/samples/34"] = (404, {"error": "Not found"})
    elif way == "signed out":
        answers["/data/7"] = answers["/samples/34"] = (401, {"error": "Not authorized"})
    result = run(target, "--for", "rnaseq", *(["--offline"] if way == "offline" else []))
    assert result.exit_code == 0, result.output
    assert [row["sample"] for row in table(result.stdout)] == ["kidney", "liver"]
    assert [Path(row["fastq_2"]).name for row in table(result.stdout)] == ["", PAIR[1]]
    assert "2 samples told by downloads.log alone" in result.stderr
    assert result.stderr.count("session has expired") == (way == "signed out")
    assert "paired liver_R1.fastq.gz, liver_R2.fastq.gz by their names" in result.stderr


def test_where_flow_is_gone_it_is_told_once_for_all_samples(
    answers: dict[str, Any], target: Path
) -> None:
    for number in range(35, 40):
        put(target, f"data/{number}", f"Cortex/s{number}/a.fastq.gz", whose=f"sample/{number}")
        answers[f"/samples/{number}"] = (401, {"error": "Not authorized"})
    answers["/samples/34"] = (401, {"error": "Not authorized"})
    result = run(target, "--for", "rnaseq")
    assert result.exit_code == 0, result.output
    assert len(table(result.stdout)) == 6
    assert result.stderr.count("session has expired") == 1


def test_a_line_of_the_log_that_leads_out_of_the_folder_counts_for_nothing(
    answers: dict[str, Any], target: Path
) -> None:
    outside = target.parent / "x_R1.fastq.gz"
    outside.write_text(outside.name)
    put(target, "data/1", "../x_R1.fastq.gz")
    result = run(target, "--for", "rnaseq", "--offline")
    assert result.exit_code == 0, result.output
    assert str(outside) not in result.stdout
    assert "/../" not in result.stdout


def test_the_documented_dialect_has_no_sets_and_files_are_asked_for_their_pairs(
    answers: dict[str, Any], target: Path
) -> None:
    rows = [{"id": "1", "filename": "p.fastq.gz"}, {"id": "2", "filename": "q.fastq.gz"}]
    answers["/samples/34"] = (200, {"id": 34, "name": "liver", "data": rows})
    answers["/data/1"] = (200, rows[0] | {"paired": {"id": "2", "filename": "q.fastq.gz"}})
    answers["/data/2"] = (200, rows[1])
    result = run("sample/34", "--to", target, "--for", "rnaseq")
    assert result.exit_code == 0, result.output
    (row,) = table(result.stdout)
    assert row["fastq_2"].endswith(PAIR[1])  # where data/2 is


def test_a_sample_that_flow_refuses_is_told_and_the_others_come(
    answers: dict[str, Any], target: Path
) -> None:
    listed = [{"id": "34", "name": "liver"}, {"id": "35", "name": "secret"}]
    answers["/projects/12/samples"] = (200, {"count": 2, "samples": listed})
    result = run("project/12", "--to", target, "--for", "rnaseq", "--json")
    assert result.exit_code == Exit.SOME_FAILED
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert [one["event"] for one in events] == ["note", "row", "summary"]
    assert events[0]["is_loss"]
    assert events[0]["message"].startswith("sample/35: ")
    assert events[1]["values"]["sample"] == "liver"
    assert (events[2]["rows"], events[2]["lost"], events[2]["status"]) == (1, 1, 1)


@pytest.mark.parametrize(
    ("args", "status", "words"),
    [
        (["project/12", "--for", "bowtie"], Exit.USAGE, "no pipeline called bowtie; known without"),
        (["project/12", "--for", "Old one"], Exit.USAGE, "has no table of samples"),
        (["project/12", "--for", "CLIP@9"], Exit.USAGE, "CLIP has no version 9"),
        (["./x", "--for", "bowtie", "--offline"], Exit.USAGE, "--offline knows rnaseq"),
        (["project/12", "--for", "rnaseq", "--offline"], Exit.NOTHING_FOUND, "no downloads.log"),
        (["project/12"], Exit.USAGE, "--for"),
        (["nothing", "--for", "rnaseq"], Exit.USAGE, "is not a reference"),
        (["./nothing", "--for", "rnaseq"], Exit.NOTHING_FOUND, "no downloads.log"),
        (["execution/5", "--for", "rnaseq"], Exit.USAGE, "is of no one sample"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(
    answers: dict[str, Any], args: list[str], status: Exit, words: str
) -> None:
    answers["/executions/5"] = (200, {"id": "5", "identifier": "x"})
    answers |= PIPELINES_OF_FLOW
    result = run(*args)
    assert result.exit_code == status, result.output
    assert words in result.stderr
