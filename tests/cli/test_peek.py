"""peek: what is inside a file, for people and for programs, over the demo's own server."""

import json
from collections.abc import Iterator

import httpx
import pytest
from click.testing import CliRunner, Result

from flowtui.cli.main import cli
from flowtui.demo.serve import DemoServer

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture(scope="module")
def demo() -> Iterator[DemoServer]:
    with DemoServer() as server:
        yield server


@pytest.fixture(autouse=True)
def signed_in(demo: DemoServer, home: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOW_API_URL", demo.base_url)
    monkeypatch.setenv("FLOW_ACCESS_TOKEN", token_of(demo))


def token_of(demo: DemoServer) -> str:
    given = {"username": "demo", "password": "demo"}
    answer = httpx.post(f"{demo.base_url}/login", json=given).json()
    return str(answer.get("token") or answer["access_token"])


def run(*args: str) -> Result:
    return CliRunner().invoke(cli, ["peek", *args])


COUNTS = "execution/456/results/counts/all.gene_counts.tsv"


def test_a_table_for_people() -> None:
    result = run(COUNTS)
    assert result.exit_code == 0, result.output
    kind, columns, *_ = result.stdout.splitlines()
    assert (kind, columns) == ("table", "columns: 6")
    assert "ENSG00000000011" in result.stdout


def test_an_object_for_programs_says_what_was_fetched() -> None:
    (line,) = run("execution/456/multiqc_report.html", "--json").stdout.splitlines()
    said = json.loads(line)
    assert said["kind"] == "HTML page" and said["filename"] == "multiqc_report.html"
    assert 0 < said["fetched"] <= 256 << 10 < said["size"]
    table = said["sections"][0]
    assert table["title"] == "General statistics" and table["heads"][1] == "% Dups"
    assert len(table["rows"][0]) == len(table["heads"])


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("results/star/cortex_ctrl_1.sorted.bam", "BAM alignments"),
        ("results/star/cortex_ctrl_1.sorted.bam.bai", "index of a BAM"),
        ("pipeline_report.html", "HTML page"),
    ],
)
def test_the_demo_has_files_of_real_kinds(path: str, kind: str) -> None:
    assert run(f"execution/456/{path}").stdout.splitlines()[0] == kind


@pytest.mark.parametrize(
    ("ref", "status", "words"),
    [
        ("sample/34", 2, "is not a file"),
        ("execution/456", 2, "is not a file"),
        ("execution/456/nothing.txt", 4, "no such output"),
        ("data/1", 4, "not found"),
    ],
)
def test_what_cannot_be_looked_into_is_told_in_a_line(ref: str, status: int, words: str) -> None:
    result = run(ref)
    assert result.exit_code == status and words in result.stderr
    assert not result.stdout
