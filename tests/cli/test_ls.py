"""ls: tables for people, JSON lines for programs."""

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from flowtui.cli.exit_codes import Exit
from flowtui.cli.main import cli

pytestmark = pytest.mark.usefixtures("signed_in")

EVIL = "a\x1b]0;x\x07b\u202e\n"


def run(*args: str) -> Result:
    return CliRunner().invoke(cli, ["ls", *args])


@pytest.fixture(autouse=True)
def contents(flow: Any) -> None:
    project = {"id": "12", "name": "Cortex", "created": 1_700_000_000, "sample_count": 1234}
    flow.answers |= {
        "/projects/owned": (200, {"count": 1, "page": 1, "projects": [project]}),
        "/projects/shared": (200, {"count": 0, "page": 1, "projects": []}),
        "/projects/12/samples": (200, {"count": 1, "samples": [{"id": "34", "name": EVIL}]}),
        "/projects/12/executions": (200, {"count": 1, "executions": [
            {"id": "456", "identifier": "small_meucci", "pipeline_name": "rnaseq",
             "pipeline_version": "3.14", "status": "OK"}]}),
        "/samples/34/data": (200, {"count": 2, "data": [
            {"id": "9007199254740993", "filename": "reads.fastq.gz", "size": 1234567},
            {"id": "5", "filename": "肝臓.bam", "size": None}]}),
        "/executions/456": (200, {"id": "456", "outputs": [
            {"filename": "multiqc_report.html", "size": 10},
            {"filename": "results/counts/all.tsv", "size": 20}]}),
        "/data/5": (200, {"id": "5", "filename": "肝臓.bam", "size": 7}),
    }  # fmt: skip


def test_projects_are_listed() -> None:
    result = run()
    assert result.exit_code == 0, result.output
    head, line = result.stdout.splitlines()
    assert head.split() == ["REF", "SAMPLES", "EXECUTIONS", "SIZE", "CREATED", "OWNER", "NAME"]
    assert line.startswith("project/12    1,234")
    assert "2023-11-14" in line
    assert head.index("NAME") == line.index("Cortex")


def test_a_project_has_samples_and_executions_and_no_escape_gets_through() -> None:
    result = run("project/12")
    assert result.exit_code == 0, result.output
    assert "sample/34" in result.stdout
    assert "execution/456" in result.stdout
    assert "rnaseq 3.14" in result.stdout
    assert not {"\x1b", "\x07", "\u202e"} & set(result.output)


def test_ids_stay_whole_and_sizes_are_for_people() -> None:
    result = run("sample/34")
    assert "data/9007199254740993" in result.stdout
    assert "1.2 MB" in result.stdout
    assert "肝臓.bam" in result.stdout


def test_json_is_raw_and_ascii() -> None:
    result = run("project/12", "--json")
    assert result.stdout.isascii()
    sample, execution = (json.loads(line) for line in result.stdout.splitlines())
    assert (sample["kind"], sample["id"], sample["name"]) == ("sample", "34", EVIL)
    assert (execution["kind"], execution["status"]) == ("execution", "OK")


def test_outputs_that_have_no_id_are_named_so_that_get_takes_them() -> None:
    lines = [json.loads(line) for line in run("execution/456", "--json").stdout.splitlines()]
    assert [row["ref"] for row in lines] == [
        "execution/456/multiqc_report.html",
        "execution/456/results/counts/all.tsv",
    ]
    below = run("execution/456/results")
    assert "all.tsv" in below.stdout
    assert "multiqc" not in below.stdout


def test_one_file() -> None:
    assert json.loads(run("data/5", "--json").stdout)["size"] == 7


def test_nothing_there_is_no_error_but_absence_is() -> None:
    empty = run("--shared")
    assert (empty.exit_code, empty.stdout) == (0, "")
    assert "0 projects" in empty.stderr
    assert run("project/99").exit_code == Exit.NOTHING_FOUND
    assert run("nonsense/1").exit_code == Exit.USAGE
    assert run("project/12", "--public").exit_code == Exit.USAGE


def test_without_a_sign_in_it_is_status_3(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOW_ACCESS_TOKEN", "expired")
    result = run("--json")
    assert result.exit_code == Exit.NOT_ALLOWED
    assert json.loads(result.stdout)["code"] == "UNAUTHENTICATED"


def test_what_cannot_be_listed_is_named_and_the_rest_comes(flow: Any) -> None:
    flow.answers["/projects/12/executions"] = (403, {"error": "not this list"})
    result = run("project/12")
    assert result.exit_code == Exit.SOME_FAILED
    assert "sample/34" in result.stdout
    assert "left out the executions of project/12: not allowed: not this list" in result.stderr
    assert result.stderr.splitlines()[-1] == "1 sample"
    kinds = [json.loads(line) for line in run("project/12", "--json").stdout.splitlines()]
    assert [fields.get("kind") or fields["event"] for fields in kinds] == ["sample", "left_out"]


def test_a_project_of_which_nothing_can_be_listed_is_refused(flow: Any) -> None:
    for list_ in ("samples", "executions"):
        flow.answers[f"/projects/12/{list_}"] = (403, {"error": "not yours"})
    flow.answers["/projects/12"] = (403, {"error": "not yours"})
    result = run("project/12")
    assert (result.exit_code, result.stdout) == (Exit.NOT_ALLOWED, "")
    assert result.stderr.count("not yours") == 1


@pytest.mark.parametrize(
    ("ref", "path", "key", "what"),
    [
        ("project/12", "/projects/12/samples", "samples", "sample"),
        ("project/12", "/projects/12/executions", "executions", "execution"),
        ("sample/34", "/samples/34/data", "data", "file"),
        ("execution/456", "/executions/456", "outputs", "file"),
    ],
)
def test_records_that_cannot_be_read_are_counted(
    flow: Any, ref: str, path: str, key: str, what: str
) -> None:
    status, body = flow.answers[path]
    flow.answers[path] = (status, {**body, "count": len(body[key]) + 2, key: [*body[key], 7, []]})
    result = run(ref)
    assert result.exit_code == Exit.SOME_FAILED
    assert f"left out 2 {what} records: cannot read what the server sent" in result.stderr
    assert len(result.stdout.splitlines()) > len(body[key])


def test_what_flow_sends_is_passed_on_but_paths_and_signatures(flow: Any) -> None:
    record = {
        "id": "5", "filename": "x", "absolute_path": "/srv/x", "new_field": {"a": [1, None]},
        "execution": {"id": "9", "absolute_path": "/srv/y"},
        "download_url": "https://s3.test/x?X-Amz-Signature=secret#y",
    }  # fmt: skip
    flow.answers["/data/5"] = (200, record)
    (row,) = (json.loads(line) for line in run("data/5", "--json").stdout.splitlines())
    assert row["flow"] == {
        "id": "5", "filename": "x", "new_field": {"a": [1, None]}, "execution": {"id": "9"},
        "download_url": "https://s3.test/x",
    }  # fmt: skip


def test_an_organism_that_cannot_be_had_costs_no_genome_of_the_others(flow: Any) -> None:
    genome = {"id": "9", "name": "GRCh38", "data": [{"id": "5", "filename": "a.fa"}, {"id": ".."}]}
    flow.answers |= {
        "/organisms": (200, [{"id": "Mm", "name": "Mouse"}, {"id": ".."}, {"id": "Hs"}]),
        "/organisms/Hs": (200, {"id": "Hs", "name": "Human", "filesets": [genome, {"id": "a/b"}]}),
        "/organisms/Mm": (200, {"id": []}),
    }
    result = run("--genomes")
    assert result.exit_code == Exit.SOME_FAILED
    assert "a.fa" in result.stdout and len(result.stdout.splitlines()) == 2
    for words in ("Mouse: cannot read the server's organism record (id)", "1 organism record",
                  "1 genome record of Human", "1 file record"):  # fmt: skip
        assert f"left out {words}" in result.stderr
