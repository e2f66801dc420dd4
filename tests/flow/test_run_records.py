"""What is kept of a run's record, and what is taken out of it."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowtui.flow.errors import ServiceUnavailable, UnexpectedAnswer
from flowtui.flow.refs import Ref, RefKind
from flowtui.flow.walk.run_records import KEPT, RunRecords, cleaned, records_of
from flowtui.flow.walk.walk import Walk
from tests.flow.conftest import FakeFlow

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJtb25pdG9yIn0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Work-dir: /srv/flow/work/ab/cdef12 [ext4]", "Work-dir: cdef12 [ext4]"),
        ("--input=/srv/flow/data/7/reads_R1.fastq.gz -x", "--input=reads_R1.fastq.gz -x"),
        ("'/srv/flow/a b/c'", "'a b/c'"),
        ("~/flow/secret/place.txt", "place.txt"),
        ("$HOME/flow/x.txt ${BASE}/a/b.txt", "x.txt b.txt"),
        ("s3://flow-bucket/work/ab/x.bam", "x.bam"),
        ("file:///srv/flow/x.bam", "x.bam"),
        ("#!/bin/bash -ue", "#!/bin/bash -ue"),
        ("> /dev/null 2>&1", "> /dev/null 2>&1"),
        ("/usr/bin/time -v star", "/usr/bin/time -v star"),
        ("reads/R1 and/or 3/4 of 10/20", "reads/R1 and/or 3/4 of 10/20"),
        ("sed 's/a/b/' results/x.tsv", "sed 's/a/b/' results/x.tsv"),
        ("https://nf-co.re/rnaseq/3.14 // a comment", "https://nf-co.re/rnaseq/3.14 // a comment"),
        ("https://me:pass@host.org/x?token=abc&y=1#z", "https://host.org/x#z"),
        (f"TOWER_ACCESS_TOKEN={JWT}", "TOWER_ACCESS_TOKEN=[removed]"),
        (f"Authorization: Bearer {JWT}", "Authorization: Bearer [removed]"),
        ("Bearer abcdefgh12345", "Bearer [removed]"),
        ('"api_key": "0123456789abcdef"', '"api_key": "[removed]"'),
        ("--password hunter2hunter2hunter2", "--password [removed]"),
        ("password: x", "password: [removed]"),
        ("AWS AKIAABCDEFGHIJKLMNOP", "AWS [removed]"),
        ("a mail to rosa.okafor+x@example.org.", "a mail to [removed]."),
        ("tokens of the genome", "tokens of the genome"),
        ("\x1b[32mok\x1b[0m\x07\x9b\r\n", "ok\n"),
    ],
)
def test_what_tells_of_the_server_or_of_people_is_taken_out(text: str, kept: str) -> None:
    assert cleaned(text) == kept


@given(st.text(max_size=300))
def test_cleaning_takes_any_text_and_changes_nothing_the_second_time(text: str) -> None:
    once = cleaned(text)
    assert cleaned(once) == once


def test_long_lines_take_one_pass() -> None:
    """Quadratic, each of these would take minutes."""
    for unit in ("a", "a-", "a.", "/a", "a@", "token", "\x1b[", "eyJ", "1;"):
        assert cleaned(unit * 200_000) is not None


BODY: dict[str, Any] = {
    "id": "90",
    "identifier": "mad_cat",
    "pipeline": {"name": "RNA-Seq", "version": {"name": "3.8"}},
    "nextflow_version": "24.10",
    "status": "OK",
    "created": 1700000000,
    "command": "nextflow run /srv/flow/main.nf",
    "log": "",
    "stdout": None,
    "stderr": "warning",
    "params": {"genome": "Hs", "outdir": "/srv/My Data/out", "n": 3, "flow_token": "abc",
               "nested": {"mail": ["x@y.org"]}},
    "data_params": {"fasta": {"id": 7, "filename": "Hs.fa"},
                    "reads": [{"id": "8", "filename": "a\tb.gz"}, {"id": "9", "filename": "c.gz"}],
                    "odd": None},
    "csv_params": {"input": {"rows": [{"sample": "liver", "fastq_1": {"filename": "a.gz"}},
                                      {"sample": "kidney", "extra": 1}]}},
    "process_executions": [None, {"name": "STAR (liver)", "bash": "STAR --in /srv/x/y.fq\n"}],
}  # fmt: skip


def test_each_record_becomes_a_file_of_its_own_kind() -> None:
    found = records_of(BODY)
    assert set(found) == {"params.json", "inputs.tsv", "samplesheet.csv", "versions.json",
                          "command.txt", "stderr.txt", "process_commands.sh"}  # fmt: skip
    assert json.loads(found["params.json"]) == {
        "genome": "Hs", "outdir": "out", "n": 3, "flow_token": "[removed]",
        "nested": {"mail": ["[removed]"]}, "fasta": "Hs.fa", "reads": ["a\tb.gz", "c.gz"],
    }  # fmt: skip
    rows = [line.split("\t") for line in found["inputs.tsv"].splitlines()]
    assert rows[1:] == [["fasta", "data/7", "Hs.fa"], ["reads", "data/8", "a b.gz"],
                        ["reads", "data/9", "c.gz"]]  # fmt: skip
    sheet = list(csv.DictReader(io.StringIO(found["samplesheet.csv"])))
    assert sheet == [{"sample": "liver", "fastq_1": "a.gz", "extra": ""},
                     {"sample": "kidney", "fastq_1": "", "extra": "1"}]  # fmt: skip
    versions = json.loads(found["versions.json"])
    assert versions["pipeline_version"] == "3.8" and versions["execution"] == "execution/90"
    assert found["process_commands.sh"] == "# STAR (liver)\nSTAR --in y.fq\n"
    assert found["command.txt"] == "nextflow run main.nf\n"


@pytest.mark.parametrize("odd", [None, 5, "text", [], {}, [1, None], {"a": {"b": [None]}}])
@pytest.mark.parametrize("field", ["params", "data_params", "csv_params", "process_executions"])
def test_odd_records_are_no_trouble(field: str, odd: object) -> None:
    assert "versions.json" in records_of({**BODY, field: odd})


def test_several_sheets_keep_apart_and_lead_nowhere() -> None:
    sheets = {"input": "a,b\n", "../x/y": [{"a": 1}]}
    found = records_of({"id": "1", "csv_params": sheets})
    assert {name for name in found if name.endswith(".csv")} == {
        "samplesheet_input.csv", "samplesheet__x_y.csv"
    }  # fmt: skip


def test_a_run_is_asked_once_for_all_its_files_and_few_are_kept() -> None:
    asked: list[str] = []

    def ask(id_: str) -> dict[str, Any]:
        asked.append(id_)
        return {**BODY, "id": id_}

    records = RunRecords(ask)
    for _ in range(3):
        records.of("1")
    assert asked == ["1"]
    for number in range(2, KEPT + 2):
        records.of(str(number))
    records.of("1")
    assert asked.count("1") == 2


def test_an_error_is_not_kept() -> None:
    answers: list[Any] = [ServiceUnavailable("away"), BODY]

    def ask(id_: str) -> Any:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    records = RunRecords(ask)
    with pytest.raises(ServiceUnavailable):
        records.of("90")
    assert "params.json" in records.of("90")


def test_records_lie_beside_the_outputs_of_their_run(flow: FakeFlow) -> None:
    flow.answers["/executions/90"] = BODY
    with Walk(flow.client(), records=True) as steps:
        files = list(steps.files(Ref(RefKind.EXECUTION, "90")))
    made = {file.filename: file for file in files}
    assert made["params.json"].within == ("RNA-Seq_mad_cat_90", "records")
    assert made["params.json"].key == "record/90/params.json"
    assert all(file.is_record and file.data_id is None for file in files)


def test_records_come_only_where_they_are_asked_for(flow: FakeFlow) -> None:
    flow.answers["/executions/90"] = BODY
    with Walk(flow.client()) as steps:
        assert list(steps.files(Ref(RefKind.EXECUTION, "90"))) == []
    asked = [dict(request.url.params.multi_items()) for request in flow.requests]
    assert asked and all("exclude" in params for params in asked)


def test_a_run_without_a_readable_id_is_told_in_words() -> None:
    with pytest.raises(UnexpectedAnswer, match=r"cannot read .* execution record \(id\)"):
        RunRecords(lambda _: {"id": {"of": "what"}}).of("9")
