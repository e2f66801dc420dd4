"""How a line of the tree looks, by tables."""

from __future__ import annotations

import pytest

from flowtui.tui.browser import drawing, labels
from flowtui.tui.browser.marks import Marks
from flowtui.tui.browser.nodes import Node, NodeKind, Row
from support.fake_flow import data, sample

SAMPLE = Node(NodeKind.SAMPLE, "sample/1", "liver_1", record=sample("1", "liver_1"))


def file(name: str, parent: Node | None = SAMPLE, **more: object) -> Node:
    record = data("1", name, size=13_400_000_000, **more)
    return Node(NodeKind.DATA, "data/1", name, parent=parent, record=record)


def line(node: Node, width: int, depth: int = 4) -> str:
    return "".join(text for text, _ in drawing.pieces(Row(node, SAMPLE, 0, depth), Marks(), width))


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("liver_1_S4_L001_R1_001.fastq.gz", "…_S4_L001_R1_001.fastq.gz"),
        ("liver_1.bam", "….bam"),
        ("liver_10_R1.fastq.gz", "liver_10_R1.fastq.gz"),
        ("brain_R1.fastq.gz", "brain_R1.fastq.gz"),
        ("liver_1", "liver_1"),
        ("liver_1_", "liver_1_"),
    ],
)
def test_below_a_sample_its_name_is_not_repeated(name: str, short: str) -> None:
    assert labels.short_name_of(file(name)) == short
    run = Node(NodeKind.EXECUTION, "execution/1", "mad_curie", parent=SAMPLE)
    assert labels.short_name_of(file(name, run)) == short
    assert labels.short_name_of(file(name, None)) == name


@pytest.mark.parametrize(("width", "depth"), [(47, 4), (47, 7), (42, 4)])
@pytest.mark.parametrize("sample_name", ["liver_1", "another"])
def test_two_reads_of_a_pair_are_told_apart_in_a_narrow_pane(
    width: int, depth: int, sample_name: str
) -> None:
    parent = Node(NodeKind.SAMPLE, "sample/1", sample_name, record=sample("1", sample_name))
    name = "liver_1_treated_with_everything_S14_L001_R{}_001.fastq.gz"
    maker = {"process_execution_name": "FASTP (liver_1_treated)"}
    pair = [line(file(name.format(number), parent, **maker), width, depth) for number in (1, 2)]
    assert "_R1_001.fastq.gz" in pair[0] and "_R2_001.fastq.gz" in pair[1]
    assert all("13.4 GB" in one for one in pair)


def test_a_file_s_name_goes_before_what_made_it() -> None:
    made = file("liver_1_R1.trimmed.fastq.gz", process_execution_name="FASTP (liver_1)")
    assert "FASTP (liver_1)" in line(made, 80)
    narrow = line(made, 47)
    assert "…_R1.trimmed.fastq.gz" in narrow and "FASTP" not in narrow and "13.4 GB" in narrow
