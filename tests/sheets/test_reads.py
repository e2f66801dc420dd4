"""From filesets to lanes: Flow's sets count, names only where it leaves something open."""

import pytest

from flowtui.sheets.reads import lanes_of
from flowtui.sheets.samples import InputFile, SampleInputs


def lanes(
    *sets: tuple[str, ...], flows: bool = True, partners: dict[str, str] | None = None
) -> tuple[list[tuple[str, ...]], list[str]]:
    """The lanes of such files (whose ids are their names), and what is told."""
    filesets = tuple(tuple(InputFile(name, name, f"/d/{name}") for name in one) for one in sets)
    sample = SampleInputs("sample/1", "s", filesets=filesets, sets_are_flows=flows,
                          partners=partners or {})  # fmt: skip
    found, told = lanes_of(sample)
    return [tuple(file.filename for file in lane.files) for lane in found], told


@pytest.mark.parametrize(
    ("sets", "expected"),
    [
        pytest.param([("a.fastq.gz",)], [("a.fastq.gz",)], id="one is single-end"),
        pytest.param([("a_R1.fq.gz", "a_R2.fq.gz")], [("a_R1.fq.gz", "a_R2.fq.gz")], id="a pair"),
        pytest.param(
            [("x.fastq.gz", "y.fastq.gz")],
            [("x.fastq.gz", "y.fastq.gz")],
            id="a pair, whatever it is called",
        ),
        pytest.param(
            [("a_2.fastq.gz", "a_1.fastq.gz")],
            [("a_2.fastq.gz", "a_1.fastq.gz")],
            id="bare numbers say nothing of mates",
        ),
        pytest.param(
            [("r_R1.fq", "r_R2.fq"), ("r_R1.fq", "r_R2.fq"), ("z.fq",)],
            [("r_R1.fq", "r_R2.fq"), ("r_R1.fq", "r_R2.fq"), ("z.fq",)],
            id="a set is a lane",
        ),
        pytest.param(
            [("a_R1.fq.gz",), ("a_R2.fq.gz",)],
            [("a_R1.fq.gz",), ("a_R2.fq.gz",)],
            id="two sets are no pair, whatever their names say",
        ),
    ],
)
def test_flows_sets_are_the_lanes(
    sets: list[tuple[str, ...]], expected: list[tuple[str, ...]]
) -> None:
    assert lanes(*sets) == (expected, [])


@pytest.mark.parametrize(
    ("sets", "expected", "words"),
    [
        (
            [("l1_R1.fq.gz", "l1_R2.fq.gz", "l2_R1.fq.gz")],
            [("l1_R1.fq.gz", "l1_R2.fq.gz"), ("l2_R1.fq.gz",)],
            "by their names",
        ),
        ([("a_R2.fq.gz", "a_R1.fq.gz")], [("a_R1.fq.gz", "a_R2.fq.gz")], "taken for R1"),
        ([("l1_R1.fq.gz", "l2_R1.fq.gz")], [("l1_R1.fq.gz",), ("l2_R1.fq.gz",)], "both R1"),
        (
            [("a_I1.fq.gz", "a_R1.fq.gz", "a_R2.fq.gz")],
            [("a_R1.fq.gz", "a_R2.fq.gz")],
            "reads of the index",
        ),
        ([("a.fq.gz", "notes.txt")], [("a.fq.gz",)], "no FASTQ"),
    ],
)
def test_where_names_decide_it_is_told(
    sets: list[tuple[str, ...]], expected: list[tuple[str, ...]], words: str
) -> None:
    found, told = lanes(*sets)
    assert found == expected
    assert len(told) == 1
    assert words in told[0]


def test_without_flows_sets_names_make_the_pairs() -> None:
    files = ("b_1.fastq.gz", "a_S1_L001_R2_001.fastq.gz", "a_S1_L001_R1_001.fastq.gz",
             "b_2.fastq.gz", "c.fastq.gz", "d_R1.fq", "d_R2.fq", "d_R1~2.fq",
             "d_R2~2.fq")  # fmt: skip
    found, told = lanes(files, flows=False)
    assert found == [(files[0], files[3]), (files[2], files[1]), (files[4],),
                     ("d_R1.fq", "d_R2.fq"), ("d_R1~2.fq", "d_R2~2.fq")]  # fmt: skip
    assert "Flow's sets are not known" in told[0]


def test_files_that_flow_calls_a_pair_are_one_in_a_larger_set() -> None:
    found, told = lanes(("p", "q", "r", "s"), partners={})
    assert found == []
    names = ("p.fq.gz", "q.fq.gz", "r.fq.gz", "s.fq.gz")
    pairs = {names[0]: names[2], names[2]: names[0], names[1]: names[3], names[3]: names[1]}
    found, told = lanes(names, partners=pairs)
    assert found == [(names[0], names[2]), (names[1], names[3])]
    assert told == []
