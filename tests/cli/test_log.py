"""log: what a folder's downloads.log says, whatever is in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from flowtui.cli.exit_codes import Exit
from flowtui.cli.main import cli


def line(path: str, when: str, status: str = "done", **more: object) -> str:
    fields = {"action": "download", "path": path, "key": "data/1", "timestamp": when,
              "status": status, "size": 1000, **more}  # fmt: skip
    return json.dumps(fields) + "\n"


OLD = line("data/a.bam", "2020-01-01T00:00:00.000+00:00", verified_by="md5", sample="liver")
NEW = line("x/b.tsv", "2026-01-01T00:00:00.000+00:00", "failed", message="gone\x1b[2J", size=None)
ODD = [
    "no JSON\n", "[]\n", "{}\n", '{"action": "download"}\n', line("c", "yesterday"),
    line(7, "2026-01-01"), line("d", "0001-01-01T00:00:00+14:00", size="x", seconds=True, md5=3),
    "[" * 50_000 + "\n",
]  # fmt: skip


@pytest.fixture
def folder(home: Path, tmp_path: Path) -> Path:
    (tmp_path / "downloads.log").write_text(OLD + "".join(ODD) + NEW)
    return tmp_path


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(cli, ["log", *map(str, args)])


def paths(result: Result) -> list[str]:
    return [Path(json.loads(text)["path"]).name for text in result.stdout.splitlines()]


def test_what_came_is_shown_and_nothing_moves_the_terminal(folder: Path) -> None:
    result = run(folder)
    assert result.exit_code == 0, result.output
    first, odd, last = result.stdout.splitlines()
    assert "done       1.0 kB  data/1  data/a.bam  (verified by md5)" in first
    assert "data/1  d" in odd
    assert "failed          ?  data/1  x/b.tsv  (gone" in last
    assert "\x1b" not in result.output


def test_json_has_all_of_it(folder: Path) -> None:
    first = json.loads(run(folder, "--json").stdout.splitlines()[0])
    assert first["event"] == "logged"
    assert first["time"] == "2020-01-01T00:00:00.000+00:00"
    assert (first["ref"], first["size"], first["sample"]) == ("data/1", 1000, "liver")
    assert (first["path"], first["md5"]) == (str(folder / "data/a.bam"), None)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--since", "2025-06-01"), ["b.tsv"]),
        (("--status", "failed"), ["b.tsv"]),
        (("--status", "failed", "--status", "done"), ["a.bam", "d", "b.tsv"]),
        (("--include", "*.bam", "--include", "x/"), ["a.bam", "b.tsv"]),
    ],
)
def test_filters(options: tuple[str, ...], expected: list[str], folder: Path) -> None:
    assert paths(run(folder, "--json", *options)) == expected


def test_nothing_of_that_is_status_4(folder: Path, tmp_path: Path) -> None:
    for args in ((folder, "--include", "*.vcf"), (tmp_path / "none",)):
        result = run(*args)
        assert result.exit_code == Exit.NOTHING_FOUND
        assert "nothing of that is recorded in" in result.stderr


def test_a_bad_pattern_is_wrong_usage(folder: Path) -> None:
    assert run(folder, "--include", "[").exit_code == Exit.USAGE
