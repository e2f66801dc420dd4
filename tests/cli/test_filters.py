"""What of the files that are found is wanted."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import pytest

from flowtui.cli.filter_options import read_filters
from flowtui.cli.filters import Filtering, latest_runs, types_of
from flowtui.flow.errors import NotFound
from flowtui.flow.remote_file import Origin, RemoteFile

BAM = RemoteFile("data/1", "a.bam", "/x", ("samples", "liver [1]"), size=1000)
COUNTS = RemoteFile(
    "execution/4/r", "results/counts/all.tsv", "/x", ("executions", "4"), size=10,
    origin=Origin(execution="4", pipeline="RNA-Seq"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("options", "bam", "counts"),
    [
        ({}, True, True),
        ({"include": ("*.bam",)}, True, False),
        ({"include": ("*.bam", "*.tsv")}, True, True),
        ({"exclude": ("*.bam",)}, False, True),
        ({"include": ("*",), "exclude": ("all.*",)}, True, False),
        ({"include": ("results/",)}, False, True),
        ({"include": ("results/*",)}, False, False),
        ({"include": ("counts/*.tsv",)}, False, True),
        ({"include": ("results",)}, False, False),
        ({"include": ("/samples/**",)}, True, False),
        ({"include": ("*.BAM",)}, False, False),
        ({"include": ("*.BAM",), "ignore_case": True}, True, False),
        ({"include": ("{*.bam,*.tsv}",)}, True, True),
        ({"rules": ("+ *.bam", "- *")}, True, False),
        ({"rules": ("- *", "+ *.bam")}, False, False),
        ({"rules": ("- *.bam",)}, False, True),
        ({"types": "bam,.vcf"}, True, False),
        ({"types": "TSV"}, False, True),
        ({"larger": 10}, True, False),
        ({"smaller": 1000}, False, True),
        ({"results": "inputs"}, True, False),
        ({"results": "results"}, False, True),
        ({"pipelines": ("rnaseq",)}, False, True),
        ({"pipelines": ("chip", "rna-seq")}, False, True),
        ({"pipelines": ("chip",)}, False, False),
    ],
)
def test_what_is_wanted(options: dict[str, Any], bam: bool, counts: bool) -> None:
    filtering = Filtering(read_filters(**options))
    assert (filtering.wants(BAM), filtering.wants(COUNTS)) == (bam, counts)


def test_a_file_of_unknown_size_is_wanted() -> None:
    unknown = replace(BAM, size=None)
    assert Filtering(read_filters(larger=10**9)).wants(unknown)
    assert Filtering(read_filters(smaller=1)).wants(unknown)


def test_the_last_line_of_a_list_that_fits_decides(tmp_path: Path) -> None:
    (tmp_path / "list").write_text("# those\n\n*.bam\r\n!a.*\nresults/\n", encoding="utf-8-sig")
    filtering = Filtering(read_filters(exclude_from=(str(tmp_path / "list"),)))
    assert filtering.wants(BAM)
    assert not filtering.wants(replace(BAM, filename="b.bam"))
    assert not filtering.wants(COUNTS)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"include": ("[a",)}, "--include: '[a' has a [ without its ]"),
        ({"rules": ("*.bam",)}, "write '+ GLOB' or '- GLOB'"),
        ({"exclude_from": ("/nowhere",)}, "cannot read /nowhere: No such file"),
        ({"exclude": ("x",) * 1001}, "more than 1,000 patterns"),
    ],
)
def test_what_cannot_be_used_is_wrong_usage(options: dict[str, Any], said: str) -> None:
    with pytest.raises(click.UsageError, match=said.replace("[", "\\[").replace("+", "\\+")):
        read_filters(**options)


@pytest.mark.parametrize("body", [b"\xff\xfe\xfa", b"a\n" * (1 << 20)], ids=["binary", "long"])
def test_a_list_that_is_no_text_is_wrong_usage(body: bytes, tmp_path: Path) -> None:
    (tmp_path / "list").write_bytes(body)
    with pytest.raises(click.UsageError):
        read_filters(exclude_from=(str(tmp_path / "list"),))


def test_patterns_without_effect_are_known() -> None:
    filtering = Filtering(read_filters(include=("*.bam", "*.bma"), exclude=("y",), rules=("- z",)))
    filtering.wants(BAM)
    filtering.wants(COUNTS)
    assert filtering.without_effect() == [
        ("--include", "*.bma"), ("--exclude", "y"), ("--filter", "z")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "types"),
    [
        ("x.fq.gz", {"fastq", "gz"}),
        ("x.FASTQ", {"fastq"}),
        ("x.bam", {"bam"}),
        ("x.bam.bai", {"bai"}),
        ("a.b/x", set()),
        (".gz", set()),
        ("v1.2.tsv", {"tsv"}),
    ],
)
def test_the_types_of_a_name(name: str, types: set[str]) -> None:
    assert types_of(name) == types


def test_an_old_file_is_one_whose_date_is_known() -> None:
    filters = read_filters(newer_than=datetime(2026, 1, 1, tzinfo=UTC))
    assert filters.is_old(datetime(2025, 12, 31, tzinfo=UTC))
    assert not filters.is_old(datetime(2026, 1, 1, tzinfo=UTC))
    assert not filters.is_old(None)


def test_the_latest_run_of_each_pipeline_on_each_sample_stays() -> None:
    def made(run: str, pipeline: str, sample: str) -> RemoteFile:
        origin = Origin(execution=run, pipeline=pipeline)
        key = f"data/{run}{pipeline}{sample}"
        return RemoteFile(key, "x", "/x", ("p", sample), origin=origin)

    files = [made(run, pipeline, sample)
             for run, pipeline, sample in
             ("9aS", "1aS", "1aT", "9bS", "2bS", "3cS", "4cS")]  # fmt: skip
    asked: list[str] = []

    def created(run: str) -> datetime | None:
        asked.append(run)
        if run == "4":
            raise NotFound("gone", status=404)
        return datetime(2026, 1, int(run), tzinfo=UTC)

    kept = latest_runs([BAM, *files], created)
    # Of c it is not known which is the later one.
    assert [file.key for file in kept] == [
        "data/1", "data/9aS", "data/1aT", "data/9bS", "data/3cS", "data/4cS"
    ]  # fmt: skip
    assert sorted(asked) == ["1", "2", "3", "4", "9"]
