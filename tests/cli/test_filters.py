"""--include and --exclude."""

import pytest

from flowtui.cli.selection import Filters
from flowtui.flow.remote_file import RemoteFile

BAM = RemoteFile("data/1", "a.bam", "/x", ("samples", "liver [1]"))
COUNTS = RemoteFile("execution/4/r", "results/counts/all.tsv", "/x", ("executions", "4"))


@pytest.mark.parametrize(
    ("filters", "bam", "counts"),
    [
        (Filters(), True, True),
        (Filters(include=("*.bam",)), True, False),
        (Filters(include=("*.bam", "*.tsv")), True, True),
        (Filters(exclude=("*.bam",)), False, True),
        (Filters(include=("*",), exclude=("all.*",)), True, False),
        (Filters(include=("results/*",)), False, True),
        (Filters(include=("counts/*.tsv",)), False, True),
        (Filters(include=("results",)), False, False),
        (Filters(include=("samples/*",)), True, False),
        (Filters(include=("*.BAM",)), False, False),
    ],
)
def test_patterns(filters: Filters, bam: bool, counts: bool) -> None:
    assert (filters.wants(BAM), filters.wants(COUNTS)) == (bam, counts)
