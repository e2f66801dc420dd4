"""Rows for the pipelines, held against their schemas (`tests/data/sample_sheets.json`)."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from flowtui.sheets.csv_text import csv_text
from flowtui.sheets.links import with_links
from flowtui.sheets.pipelines import PIPELINES
from flowtui.sheets.samples import InputFile, SampleInputs
from flowtui.sheets.sheet import Sheet, make_sheet

SCHEMAS: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "data" / "sample_sheets.json").read_text(encoding="utf-8")
)
"""Pipeline → columns in their order with what they take; required ones, and those always there."""


def sample(
    name: str, *sets: tuple[str, ...], folder: str = "/d", number: int = 1, **metadata: str
) -> SampleInputs:
    """A sample of such sets of files; one pair where none is named."""
    sets = sets or ((f"{number}_R1.fastq.gz", f"{number}_R2.fastq.gz"),)
    return SampleInputs(
        f"sample/{number}",
        name,
        metadata=metadata,
        filesets=tuple(
            tuple(InputFile(f"{number}.{one}", one, f"{folder}/{one}") for one in names)
            for names in sets
        ),
    )


def rows(sheet: Sheet) -> list[dict[str, str]]:
    return [dict(zip(sheet.header, row, strict=True)) for row in sheet.rows]


def told(sheet: Sheet) -> str:
    return "\n".join(f"{note.about}: {note.text}" for note in sheet.notes)


def faults(sheet: Sheet, schema: dict[str, Any]) -> list[str]:
    """What a pipeline would refuse."""
    columns = schema["columns"]
    found = [f"no column {name}" for name in schema["present"] if name not in sheet.header]
    if list(sheet.header) != [name for name in columns if name in sheet.header]:
        found.append(f"columns {sheet.header}")
    for row in rows(sheet):
        for name, value in row.items():
            rule = columns[name]
            if not value and name not in schema["required"]:
                continue
            fits = value in rule["enum"] if "enum" in rule else re.search(rule["pattern"], value)
            if not fits:
                found.append(f"{name} {value!r}")
        for name, others in schema["dependent"].items():
            found += [f"{name} without {other}" for other in others
                      if row.get(name) and not row.get(other)]  # fmt: skip
    keys = [tuple(row[name] for name in schema["unique"]) for row in rows(sheet)]
    if schema["unique"] and len(set(keys)) < len(keys):
        found.append("rows of one key")
    return found


PLAIN = [
    sample("liver 1, \"left\"", number=1, sex="Female", strandedness="fr-firststrand"),
    sample("liver/2", ("a_R1.fastq.gz", "a_R2.fastq.gz"), ("b_R1.fastq.gz", "b_R2.fastq.gz"),
           number=2, status="Tumour", antibody="H3K27ac mouse", control="liver 3"),
    sample("liver 3", number=3, replicate="rep 7", expected_cells="5000", genome="GRCh38"),
    sample("liver 3", number=4, strandedness="sideways", sequencing_centre="The Crick"),
    sample("=cmd", number=5, group="the group", Type="Ribo-Seq"),
]  # fmt: skip


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_the_rows_are_what_the_pipeline_takes(name: str) -> None:
    sheet = make_sheet(PLAIN, PIPELINES[name])
    assert faults(sheet, SCHEMAS[name]) == []
    assert len(sheet.rows) == 6


def test_every_pipeline_but_our_own_tables_is_held_against_a_schema() -> None:
    assert set(PIPELINES) - set(SCHEMAS) == {"generic", "fetchngs"}


def test_the_schemas_find_a_wrong_sheet() -> None:
    """A check that cannot fail proves nothing."""
    sheet = make_sheet([sample("a")], PIPELINES["rnaseq"])
    wrong = Sheet(sheet.header, (("a b", "/d/x.bam", "", "sideways"),), (), ())
    assert len(faults(wrong, SCHEMAS["rnaseq"])) == 3
    assert faults(Sheet(("sample",), (), (), ()), SCHEMAS["rnaseq"])


def test_two_samples_of_one_name_are_never_joined() -> None:
    sheet = make_sheet([sample("liver", number=1), sample("liver", number=2)], PIPELINES["rnaseq"])
    assert [row["sample"] for row in rows(sheet)] == ["liver", "liver_2"]
    assert "sample/2; another sample is called so" in told(sheet)


def test_lanes_of_one_sample_have_its_name_and_numbers_of_their_own() -> None:
    (_, lanes) = PLAIN[:2]
    sheet = make_sheet([lanes], PIPELINES["sarek"])
    assert [(row["sample"], row["lane"]) for row in rows(sheet)] == [
        ("liver_2", "lane_1"), ("liver_2", "lane_2"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("pipeline", "metadata", "column", "value", "is_told"),
    [
        ("rnaseq", {}, "strandedness", "auto", True),
        ("rnaseq", {"Strandedness": "Reverse"}, "strandedness", "reverse", False),
        ("rnaseq", {"strandedness": "sideways"}, "strandedness", "auto", True),
        ("sarek", {}, "status", "0", True),
        ("sarek", {"Tumour status": "Tumor"}, "status", "1", False),
        ("sarek", {"Donor ID": "P 7"}, "patient", "P_7", True),
        ("sarek", {"status": "normal"}, "sex", "NA", False),
        ("atacseq", {}, "replicate", "1", True),
        ("cutandrun", {}, "control", "", True),
        ("riboseq", {"type": "TI-Seq", "strandedness": "forward"}, "type", "tiseq", False),
    ],
)
def test_what_a_machine_cannot_know_comes_from_an_attribute_or_is_told(
    pipeline: str, metadata: dict[str, str], column: str, value: str, is_told: bool
) -> None:
    sheet = make_sheet([sample("liver", **metadata)], PIPELINES[pipeline])
    assert rows(sheet)[0][column] == value
    assert bool(sheet.notes) == is_told


def test_replicates_of_a_group_are_counted_from_1_as_flow_orders_them() -> None:
    samples = [sample(f"s{number}", number=number, group="G", replicate=said)
               for number, said in ((1, "3"), (2, "2"), (3, ""))]  # fmt: skip
    sheet = make_sheet(samples, PIPELINES["clipseq"])
    assert [(row["group"], row["replicate"]) for row in rows(sheet)] == [
        ("G", "2"), ("G", "1"), ("G", "3"),
    ]  # fmt: skip
    assert "3, 2 on Flow, counted from 1 within G" in told(sheet)
    assert "counted for s3 3" in told(sheet)


def test_namesakes_are_replicates_only_where_flow_numbers_them() -> None:
    both = [sample("liver", number=number, replicate=str(number)) for number in (1, 2)]
    found = rows(make_sheet(both, PIPELINES["atacseq"]))
    assert [(row["sample"], row["replicate"]) for row in found] == [("liver", "1"), ("liver", "2")]
    apart = [sample("liver", number=number) for number in (1, 2)]
    found = rows(make_sheet(apart, PIPELINES["atacseq"]))
    assert [(row["sample"], row["replicate"]) for row in found] == [
        ("liver", "1"), ("liver_2", "1"),
    ]  # fmt: skip


def test_a_control_is_a_sample_of_the_sheet_with_its_replicate() -> None:
    samples = [
        sample("ip", number=1, antibody="H3", control="In put"),
        sample("In put", number=2),
        sample("lost", number=3, antibody="H4", control="elsewhere"),
    ]
    sheet = make_sheet(samples, PIPELINES["chipseq"])
    found = rows(sheet)
    assert [found[0][name] for name in ("antibody", "control", "control_replicate")] == [
        "H3", "In_put", "1",
    ]  # fmt: skip
    assert found[2]["antibody"] == found[2]["control"] == ""
    assert "'elsewhere' on Flow, which is no sample of this sheet" in told(sheet)
    assert "antibody: empty for lost: chipseq takes it only with a control" in told(sheet)


@pytest.mark.parametrize(
    ("pipeline", "one", "words"),
    [
        ("scrnaseq", sample("s", ("a.fastq.gz",)), "needs pairs"),
        ("atacseq", sample("s", ("a.fastq",)), "takes .fastq.gz, .fq.gz only"),
        ("atacseq", sample("s", folder="/my data"), "no blanks"),
        ("rnaseq", sample("s", ("a b.fq.gz",)), "no blanks"),
        ("rnaseq", sample("s", ("a.bam",)), "left out a.bam: no FASTQ"),
        ("rnaseq", SampleInputs("sample/1", "s"), "no file was uploaded"),
    ],
)
def test_what_a_pipeline_does_not_take_is_a_loss(
    pipeline: str, one: SampleInputs, words: str
) -> None:
    sheet = make_sheet([one], PIPELINES[pipeline])
    assert sheet.rows == ()
    assert [note for note in sheet.notes if note.is_loss and words in note.text]


def test_rnaseq_takes_blanks_in_folders() -> None:
    sheet = make_sheet([sample("s", folder="/my data")], PIPELINES["rnaseq"])
    assert rows(sheet)[0]["fastq_1"] == "/my data/1_R1.fastq.gz"


def test_links_stand_for_paths_with_blanks_only() -> None:
    samples = [sample("s", folder="/my data"), sample("t", number=2)]
    linked, links = with_links(samples, "/links", PIPELINES["sarek"].blanks)
    assert links == {
        f"/links/1.1_R{mate}.fastq.gz/1_R{mate}.fastq.gz": f"/my data/1_R{mate}.fastq.gz"
        for mate in (1, 2)
    }
    sheet = make_sheet(linked, PIPELINES["sarek"])
    assert faults(sheet, SCHEMAS["sarek"]) == []
    assert [row["fastq_2"] for row in rows(sheet)] == [list(links)[1], "/d/2_R2.fastq.gz"]
    assert with_links(samples, "/links", PIPELINES["rnaseq"].blanks)[1] == {}


def test_pairs_and_single_files_of_one_sample_are_told() -> None:
    mixed = sample("s", ("a_R1.fq.gz", "a_R2.fq.gz"), ("b.fq.gz",))
    assert "takes one kind a sample" in told(make_sheet([mixed], PIPELINES["rnaseq"]))


def test_all_metadata_follows_in_fetchngs_quoted_and_in_generic_as_needed() -> None:
    samples = [sample("a, b", number=1, **{"Cell type": 'K562, "x"\n'}), sample("c", number=2)]
    sheet = make_sheet(samples, PIPELINES["fetchngs"])
    text = csv_text(sheet.header, sheet.rows, quotes_all=True)
    assert text.splitlines()[0] == '"sample","fastq_1","fastq_2","cell_type"'
    assert text.splitlines()[2].endswith('"/d/2_R2.fastq.gz",""')
    sheet = make_sheet(samples, PIPELINES["generic"])
    text = csv_text(sheet.header, sheet.rows, quotes_all=False)
    read = list(csv.DictReader(io.StringIO(text)))
    assert (read[0]["sample"], read[0]["cell_type"]) == ("a, b", 'K562, "x"')
    assert read[1]["sample_ref"] == "sample/2"


@pytest.mark.parametrize(
    ("name", "expected"),
    [("../../x", "_.._x"), ("a\x1b]0;x\x07b", "a_]0_x_b"), ("two\nlines", "two_lines"),
     ("Leber é", "Leber_é"), ("-rf", "rf"), ("...", "_"), ("\u202etxt", "_txt")],
)  # fmt: skip
def test_no_name_is_a_path_an_option_or_an_escape(name: str, expected: str) -> None:
    assert rows(make_sheet([sample(name)], PIPELINES["rnaseq"]))[0]["sample"] == expected
