"""diff: what Flow has new, changed or no longer, beside what a folder's log records."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from flowtui.cli.diff import is_changed
from flowtui.cli.exit_codes import Exit
from flowtui.cli.folder_refs import folder_refs
from flowtui.cli.main import cli
from flowtui.flow.remote_file import RemoteFile
from flowtui.transfer.task import Recorded

A, B = "a" * 32, "b" * 32


def run(*args: str) -> Result:
    return CliRunner().invoke(cli, ["diff", *args])


def differences(result: Result) -> list[tuple[str, str, str]]:
    rows = [json.loads(row) for row in result.stdout.splitlines()]
    found = [row for row in rows if row["event"] == "difference"]
    return [(row["state"], row["ref"], row["path"]) for row in found]


def record(root: Path, *files: tuple[str, str, str | None], **more: str) -> None:
    root.mkdir(exist_ok=True)
    with open(root / "downloads.log", "a") as log:
        for key, path, md5 in files:
            fields = {"key": key, "path": path, "size": 7, "md5": md5, "status": "done", **more}
            log.write(json.dumps(fields) + "\n")


def data(number: int, md5: str | None = A, **more: object) -> dict[str, object]:
    return {"id": str(number), "filename": f"{number}.fq", "size": 7, "md5": md5, **more}


@pytest.fixture(autouse=True)
def contents(flow: Any, signed_in: object) -> None:
    liver = {"id": "34", "name": "liver", "project": {"id": "12", "name": "Cortex"}}
    flow.answers |= {
        "/projects/12": (200, {"id": "12", "name": "Cortex"}),
        "/projects/12/samples": (200, {"count": 1, "samples": [liver]}),
        "/projects/12/executions": (200, {"count": 0, "executions": []}),
        "/samples/34": (200, liver),
        "/samples/34/data": (200, {"count": 2, "data": [data(1), data(2)]}),
        **{f"/data/{number}": (200, data(number)) for number in (1, 3)},
    }


def test_nothing_differs(tmp_path: Path) -> None:
    files = [("data/1", "samples/liver/1.fq", A), ("data/2", "samples/liver/2.fq", A)]
    record(tmp_path, *files, belongs_to="sample/34")
    record(tmp_path, ("data/3", "data/3.fq", None), ("record/9/params.json", "x.json", None))
    result = run(str(tmp_path), "--json")
    assert result.exit_code == 0, result.output
    assert differences(result) == []
    summary = json.loads(result.stdout.splitlines()[-1])
    assert (summary["event"], summary["status"], summary["files"], summary["same"]) == (
        "summary", 0, 3, 3,
    )  # fmt: skip


def test_what_is_new_changed_and_gone_is_told(tmp_path: Path) -> None:
    record(tmp_path, ("data/1", "Cortex/liver/1.fq", B), belongs_to="sample/34", project="Cortex")
    record(tmp_path, ("data/66", "data/66.fq", A))
    result = run(str(tmp_path), "--json")
    assert result.exit_code == Exit.SOME_FAILED
    assert differences(result) == [
        ("changed", "data/1", str(tmp_path / "Cortex/liver/1.fq")),
        ("gone", "data/66", str(tmp_path / "data/66.fq")),
        ("new", "data/2", str(tmp_path / "Cortex/liver/2.fq")),
    ]
    table = run(str(tmp_path))
    assert table.stdout.splitlines()[1].split() == [
        "changed",
        "data/1",
        "7",
        "B",
        "Cortex/liver/1.fq",
    ]
    assert "2 files recorded: 1 new, 1 changed, 1 gone, 0 the same" in table.stderr
    kept = run(str(tmp_path), "--json", "--exclude", "2.*")
    assert [state for state, _, _ in differences(kept)] == ["changed", "gone"]


def test_what_a_removed_file_says_is_that_it_is_gone(flow: Any, tmp_path: Path) -> None:
    flow.answers["/data/3"] = (200, data(3, is_removed=True))
    record(tmp_path, ("data/3", "data/3.fq", A))
    result = run(str(tmp_path), "--json")
    assert [(state, ref) for state, ref, _ in differences(result)] == [("gone", "data/3")]


def test_a_file_of_which_flow_does_not_say_is_not_called_gone(flow: Any, tmp_path: Path) -> None:
    flow.answers["/data/3"] = (403, {"error": "You do not have permission"})
    record(tmp_path, ("data/3", "data/3.fq", A))
    result = run(str(tmp_path), "--json")
    assert result.exit_code == Exit.SOME_FAILED
    assert differences(result) == []
    summary = json.loads(result.stdout.splitlines()[-1])
    assert (summary["unknown"], summary["same"], summary["errors"]) == (1, 0, 1)


def test_a_ref_that_is_named_is_what_is_compared_with(tmp_path: Path) -> None:
    record(tmp_path, ("data/1", "mine/1.fq", A))
    assert differences(run(str(tmp_path), "--json")) == []
    result = run(str(tmp_path), "sample/34", "--json")
    assert differences(result) == [("new", "data/2", str(tmp_path / "samples/liver/2.fq"))]


def test_a_project_that_nobody_can_tell_is_named_and_its_samples_are_looked_at(
    flow: Any, tmp_path: Path
) -> None:
    flow.answers["/samples/34"] = (200, {"id": "34", "name": "liver"})
    record(tmp_path, ("data/1", "Cortex/liver/1.fq", A), belongs_to="sample/34", project="Cortex")
    result = run(str(tmp_path), "--json")
    assert "cannot tell which project Cortex is; name it" in result.stderr
    assert [(state, ref) for state, ref, _ in differences(result)] == [("new", "data/2")]


def test_a_change_that_only_an_md5_tells_is_seen_where_it_is_asked_for(
    flow: Any, tmp_path: Path
) -> None:
    flow.answers["/samples/34/data"] = (200, {"count": 1, "data": [data(1, None)]})
    record(tmp_path, ("data/1", "samples/liver/1.fq", B), belongs_to="sample/34")
    assert differences(run(str(tmp_path), "--json")) == []
    assert [state for state, _, _ in differences(run(str(tmp_path), "--json", "--md5"))] == [
        "changed"
    ]


def test_a_folder_without_downloads_has_nothing_to_compare(tmp_path: Path) -> None:
    result = run(str(tmp_path / "none"))
    assert result.exit_code == Exit.NOTHING_FOUND
    assert "no downloads.log with files in" in result.stderr


FILE = RemoteFile("data/1", "x", "/downloads/1/x", size=7, md5=A)
FOLDER = RemoteFile("data/1", "x", "/downloads/1/x", size=7)


@pytest.mark.parametrize(
    ("path", "size", "md5", "file", "changed"),
    [
        ("x", 7, A, FILE, False),
        ("x", 7, B, FILE, True),
        ("x", 8, A, FILE, False),  # the md5 proves it, whatever is said of the size
        ("x", 8, None, FILE, True),
        ("x", 7, None, FILE, False),
        ("x", None, None, FILE, False),
        ("x.zip", 9000, B, FOLDER, False),
        ("x.zip", 9000, B, RemoteFile("data/1", "x.zip", "/downloads/1/x.zip", size=7), True),
    ],
)
def test_a_file_is_changed_by_its_md5_else_by_its_size(
    path: str, size: int | None, md5: str | None, file: RemoteFile, changed: bool
) -> None:
    assert is_changed(path, Recorded("data/1", size, md5), file) is changed


def test_the_layout_says_what_a_folder_was_downloaded_from() -> None:
    found = folder_refs(
        {
            "Cortex/liver/a": Recorded("data/1", 1, A, "sample/34", project="Cortex"),
            "Cortex/run_9/x": Recorded("execution/9/x", 1, A, project="Cortex", execution="9"),
            "samples/liver/b": Recorded("data/2", 1, A, "sample/35", project="Cortex"),
            "executions/8/y": Recorded("execution/8/y", 1, A, project="Cortex", execution="8"),
            "data/c": Recorded("data/3", 1, A, project="Cortex", execution="7"),
            "samples/odd/d": Recorded("data/4", 1, A, "sample/../me"),
            "samples/odd/e": Recorded("data/5", 1, A, "project/12"),
            "samples/odd/f": Recorded("data/6", 1, A, " Samples/36,"),
        }
    )
    assert [str(ref) for ref in found.refs] == ["sample/35", "execution/8"]
    assert [str(ref) for ref in found.projects["Cortex"]] == [
        "sample/34", "data/1", "execution/9",
    ]  # fmt: skip
    assert [str(ref) for ref in found.samples["Cortex"]] == ["sample/34"]


def test_a_few_things_of_a_project_are_asked_which_one_it_is() -> None:
    files = {
        f"Cortex/s{n}/a": Recorded(f"data/{n}", 1, A, f"sample/{n}", project="Cortex")
        for n in range(9)
    }
    found = folder_refs(files)
    assert len(found.projects["Cortex"]) == 6
    assert len(found.samples["Cortex"]) == 9
