"""`samples.tsv` in a target folder: when it is written, and what is said where it cannot be."""

from __future__ import annotations

import csv
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from flowtui.cli.exit_codes import CommandError, Exit, Interrupted
from flowtui.cli.output import Output
from flowtui.cli.samples_table import keep_samples_table
from flowtui.cli.session import open_session
from flowtui.cli.signals import StopSignals
from flowtui.flow.remote_file import RemoteFile

FILES = [
    RemoteFile("data/1", "a_R1.fq.gz", "/1", belongs_to="sample/34"),
    RemoteFile("data/2", "a_R2.fq.gz", "/2", belongs_to="sample/34"),
    RemoteFile("data/3", "b.fq.gz", "/3", belongs_to="sample/35"),
    RemoteFile("data/4", "c.txt", "/4"),
    RemoteFile("execution/9/x", "x", "/5", belongs_to="execution/9"),
]


@pytest.fixture(autouse=True)
def answers(flow: Any, signed_in: Callable[[], None]) -> dict[str, Any]:
    def sample(id_: str, **metadata: str) -> tuple[int, dict[str, Any]]:
        named = {name: {"attribute_name": name, "value": value} for name, value in metadata.items()}
        project = {"id": "12", "name": "Cortex"}
        return 200, {"id": id_, "name": f"s{id_}", "sample_type": "RNA-Seq", "project": project,
                     "organism": {"name": "Human"}, "metadata": named}  # fmt: skip

    flow.answers |= {
        "/samples/34": sample("34", Tissue="liver"),
        "/samples/35": sample("35", Sex="F"),
    }
    found: dict[str, Any] = flow.answers
    return found


def keep(root: Path, *, asked: bool = True, **more: Any) -> CommandError | None:
    out = Output()
    with closing(open_session(None, out)) as session:
        return keep_samples_table(session.client, str(root), FILES, out, asked=asked, **more)


def rows(root: Path) -> list[dict[str, str]]:
    with open(root / "samples.tsv", newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def test_each_sample_has_a_row_with_its_metadata(tmp_path: Path) -> None:
    assert keep(tmp_path) is None
    first, second = rows(tmp_path)
    assert (first["ref"], first["name"], first["Tissue"]) == ("sample/34", "s34", "liver")
    assert (first["project"], first["sample_type"], first["organism"]) == (
        "Cortex", "RNA-Seq", "Human",
    )  # fmt: skip
    assert (second["ref"], second["Sex"]) == ("sample/35", "F")


def test_unasked_it_is_kept_true_where_it_is_and_not_made(
    answers: dict[str, Any], tmp_path: Path
) -> None:
    assert keep(tmp_path, asked=False) is None
    assert not list(tmp_path.glob("*"))
    keep(tmp_path)
    answers["/samples/34"][1]["metadata"]["Tissue"]["value"] = "hepar"
    assert keep(tmp_path, asked=False) is None
    assert rows(tmp_path)[0]["Tissue"] == "hepar"


@pytest.mark.parametrize("content", [b"sample\tunit\nliver\t1\n", b"\xff\xfe\x00", b""])
def test_a_table_of_somebody_elses_is_left_alone(
    tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "samples.tsv"
    table.write_bytes(content)
    assert keep(tmp_path, asked=False) is None
    assert table.read_bytes() == content
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"sample\tunit\nliver\t1\n", "another table; move it away"), (b"\xff\xfe\x00", "not UTF-8")],
)
def test_asked_for_it_says_what_stands_there(
    tmp_path: Path, content: bytes, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "samples.tsv").write_bytes(content)
    error = keep(tmp_path)
    assert error is not None
    assert (error.exit, words in error.message) == (Exit.SOME_FAILED, True)
    assert str(tmp_path / "samples.tsv") in capsys.readouterr().err
    assert (tmp_path / "samples.tsv").read_bytes() == content


def test_a_sample_that_is_not_to_be_had_is_told_and_the_others_come(
    answers: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del answers["/samples/34"]
    error = keep(tmp_path)
    assert error is not None
    assert error.exit is Exit.NOTHING_FOUND
    assert "nothing new of sample/34: " in capsys.readouterr().err
    assert [row["ref"] for row in rows(tmp_path)] == ["sample/35"]


def test_a_signal_ends_it_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stop = StopSignals(raising=False)

    def interrupted(*_: object) -> None:
        assert stop.raising
        raise Interrupted

    monkeypatch.setattr("flowtui.cli.samples_table._ask", interrupted)
    error = keep(tmp_path, stop=stop)
    assert error is not None
    assert (error.exit, stop.raising) == (Exit.INTERRUPTED, False)
    assert "run the same command again" in capsys.readouterr().err
