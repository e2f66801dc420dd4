"""get before anything is fetched: what is found, refused, filtered, planned; servers found."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from flowtui.cli.exit_codes import Exit
from flowtui.cli.main import cli
from flowtui.config import load_settings, save_settings
from flowtui.transfer.disk.space import Room


def run(*args: str) -> Result:
    return CliRunner().invoke(cli, ["get", *args])


def events(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture(autouse=True)
def contents(flow: Any, signed_in: object) -> None:
    names = ("a.bam", "b.bam", "../../b.bam", "c.txt")
    rows = [
        {"id": str(n), "filename": name, "size": 1000 * n} for n, name in enumerate(names, start=1)
    ]
    gone = {"id": "8", "filename": "old.bam", "size": 1, "is_removed": True}
    flow.answers |= {
        "/samples/34": (200, {"id": "34", "name": "liver"}),
        "/samples/34/data": (200, {"count": 5, "data": [*rows, gone]}),
        "/data/1": (200, rows[0]),
        "/data/66": (403, {"error": "You do not have permission", "code": "FORBIDDEN"}),
    }


def test_a_dry_run_says_where_all_would_go_and_writes_nothing(tmp_path: Path) -> None:
    result = run("sample/34", "--to", str(tmp_path / "out"), "--dry-run", "--json")
    assert result.exit_code == 0, result.output
    said = events(result)
    folder = tmp_path / "out" / "samples" / "liver"
    assert [one["path"] for one in said if one["event"] == "file"] == [
        str(folder / name) for name in ("a.bam", "b.bam", "b~2.bam", "c.txt")
    ]
    assert not (tmp_path / "out").exists()
    assert said[-1]["event"] == "summary"
    assert (said[-1]["files"], said[-1]["left_out"], said[-1]["status"]) == (4, 1, 0)
    (left_out,) = (one for one in said if one["event"] == "left_out")
    assert left_out["name"] == "old.bam"


def test_a_dry_run_for_people_is_a_table(tmp_path: Path) -> None:
    result = run("data/1", "--to", str(tmp_path), "--dry-run")
    assert result.stdout.splitlines()[1] == "data/1  1.0 kB  missing  data/a.bam"
    assert "nothing was downloaded" in result.stderr


def test_filters_choose(tmp_path: Path) -> None:
    result = run("sample/34", "--to", str(tmp_path), "--dry-run", "--json",
                 "--include", "*.bam", "--exclude", "a*")  # fmt: skip
    assert [one["key"] for one in events(result) if one["event"] == "file"] == ["data/2", "data/3"]
    assert events(result)[-1]["excluded"] == 2


def test_a_file_named_twice_goes_where_it_was_named_first(tmp_path: Path) -> None:
    result = run("data/1", "sample/34", "data/1", "--to", str(tmp_path), "--dry-run", "--json")
    keys = {one["key"]: one["path"] for one in events(result) if one["event"] == "file"}
    assert len(keys) == 4
    assert keys["data/1"] == str(tmp_path / "data" / "a.bam")


def test_a_name_that_several_outputs_have_is_wrong_usage(flow: Any, tmp_path: Path) -> None:
    made = [
        {"process_name": "FASTQC", "name": f"FASTQC ({tag})",
         "downstream_data": [{"id": str(n), "filename": "x.html", "size": 1}]}
        for n, tag in enumerate(("liver", "heart"), 1)
    ]  # fmt: skip
    flow.answers["/executions/9"] = (200, {"id": "9", "process_executions": made})
    result = run("execution/9/x.html", "--to", str(tmp_path), "--dry-run")
    assert result.exit_code == Exit.USAGE, result.output
    assert "FASTQC (liver), FASTQC (heart)" in result.stderr
    result = run("execution/9/FASTQC (heart)/x.html", "--to", str(tmp_path), "--dry-run", "--json")
    assert planned(result) == {"data/2"}


def planned(result: Result) -> set[str]:
    return {event["key"] for event in events(result) if event["event"] == "file"}


def test_refs_come_from_files_and_from_standard_input(tmp_path: Path) -> None:
    wanted = tmp_path / "wanted.txt"
    wanted.write_text("# the liver\nsample/34\n\nhttps://flow.test/api/downloads/1/a.bam\r\n")
    result = run("--from", str(wanted), "--to", str(tmp_path), "--dry-run", "--json")
    assert result.exit_code == 0, result.output
    assert planned(result) == {"data/1", "data/2", "data/3", "data/4"}
    for args in (["-"], ["--from", "-"]):
        told = ["get", *args, "--to", str(tmp_path), "--dry-run", "--json"]
        result = CliRunner().invoke(cli, told, input="data/1 data/1\n")
        assert planned(result) == {"data/1"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"data/1\nwhat/2\n", "line 2: 'what/2' is not a reference"),
        (b"# nothing\n", "no REFs given"),
        (b"data/1\r\ndata/1\r\n\xff\xfa\n", "line 3: not text in UTF-8"),
        (b"data/1\n\0\1\2", "line 2: not text"),
        (b"data/1\n" * 100_001, "line 100,001: more than 100,000 REFs"),
        (b" " * ((16 << 20) + 1), "is longer than 16.8 MB"),
    ],
    ids=["no REF", "comment", "Latin-1", "binary", "many", "long"],
)
def test_a_list_without_refs_says_where(text: bytes, said: str, tmp_path: Path) -> None:
    wanted = tmp_path / "wanted.txt"
    wanted.write_bytes(text)
    result = run("--from", str(wanted), "--dry-run")
    assert result.exit_code == Exit.USAGE
    assert said in result.stderr


def test_a_list_as_windows_writes_it_is_read(tmp_path: Path) -> None:
    wanted = tmp_path / "wanted.txt"
    wanted.write_bytes("\ufeff# mine\r\ndata/1\r\n".encode("utf-16"))
    result = run("--from", str(wanted), "--to", str(tmp_path), "--dry-run", "--json")
    assert result.exit_code == 0, result.output
    assert planned(result) == {"data/1"}


def test_a_list_that_is_a_folder_is_wrong_usage(tmp_path: Path) -> None:
    result = run("--from", str(tmp_path), "--dry-run")
    assert result.exit_code == Exit.USAGE
    assert f"cannot read {tmp_path}: Is a directory" in result.stderr


def test_a_list_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    result = run("--from", str(tmp_path / "none"), "--dry-run")
    assert result.exit_code == Exit.USAGE
    assert "cannot read" in result.stderr
    assert run().exit_code == Exit.USAGE


def test_many_refs_are_told_in_one_line(flow: Any, tmp_path: Path) -> None:
    wanted = tmp_path / "wanted.txt"
    wanted.write_text("".join(f"data/{n}\n" for n in range(1000, 1400)))
    for n in range(1000, 1400):
        flow.answers[f"/data/{n}"] = (200, {"id": str(n), "filename": f"f{n}", "size": 10})
    result = run("--from", str(wanted), "--to", str(tmp_path), "--dry-run")
    assert result.exit_code == 0, result.output
    assert result.stderr.splitlines()[0] == "400 REFs: 400 files, 4.0 kB"


@pytest.mark.parametrize(
    ("refs", "status"),
    [
        (["data/99"], Exit.NOTHING_FOUND),
        (["data/66"], Exit.NOT_ALLOWED),
        (["data/99", "data/66"], Exit.NOT_ALLOWED),
        (["data/1", "data/99"], Exit.SOME_FAILED),
        (["sample/34", "--include", "*.vcf"], Exit.NOTHING_FOUND),
        (["what/1"], Exit.USAGE),
        (["https://elsewhere.org/samples/34/"], Exit.USAGE),
    ],
)
def test_statuses_of_what_is_not_there(refs: list[str], status: Exit, tmp_path: Path) -> None:
    result = run(*refs, "--to", str(tmp_path), "--dry-run", "--json")
    assert result.exit_code == status, result.output
    assert events(result)[-1]["event"] == "summary"
    assert "Traceback" not in result.output


def test_a_refused_token_is_status_3(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOW_ACCESS_TOKEN", "expired")
    result = run("sample/34", "--dry-run", "--json")
    assert result.exit_code == Exit.NOT_ALLOWED
    assert events(result)[-1]["status"] == 3


@pytest.mark.parametrize(
    ("bulk", "above", "expected"),
    [("auto", 100, "one by one"), ("auto", 3, "archive"), ("always", 100, "archive"),
     ("never", 1, "one by one")],
)  # fmt: skip
def test_when_an_archive_is_asked_for(bulk: str, above: int, expected: str, tmp_path: Path) -> None:
    save_settings({"bulk_above": above})
    result = run("sample/34", "--to", str(tmp_path), "--dry-run", "--bulk", bulk)
    assert expected in result.stderr


def test_the_other_server_is_found_remembered_and_said(
    flow: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("FLOW_API_URL")
    plain = flow.answer

    def two_hosts(request: httpx.Request) -> httpx.Response:
        if request.url.host == "api.flow.bio":
            return httpx.Response(503, text="<html>down</html>")
        request.url = request.url.copy_with(path=request.url.path.removeprefix("/api"))
        response: httpx.Response = plain(request)
        return response

    flow.answer = two_hosts
    result = run("data/1", "--to", str(tmp_path), "--dry-run")
    assert result.exit_code == 0, result.output
    assert "https://app.flow.bio/api" in result.stderr
    assert load_settings().found_server == "https://app.flow.bio/api"
    # The probe shows nobody's token to a server that may be another one.
    assert [sent for _, _, sent in flow.asked][0] is None


def test_a_named_server_is_never_swapped(flow: Any, tmp_path: Path) -> None:
    flow.answer = lambda request: httpx.Response(503, text="down", headers={"Retry-After": "0"})
    result = run("data/1", "--to", str(tmp_path), "--dry-run")
    assert result.exit_code == Exit.TRY_LATER
    assert load_settings().found_server is None


def test_nobody_answers(flow: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("FLOW_API_URL")
    flow.answer = lambda request: httpx.Response(200, text="<html>shell</html>")
    result = run("data/1", "--to", str(tmp_path), "--dry-run")
    assert result.exit_code == Exit.SOME_FAILED
    assert "--server" in result.stderr


def test_quiet_says_only_what_went_wrong(tmp_path: Path) -> None:
    result = run("sample/34", "data/66", "-o", str(tmp_path), "-n", "-q")
    assert result.exit_code == Exit.SOME_FAILED
    denied = "data/66: not allowed: You do not have permission; ask the owner for access"
    assert result.stderr.splitlines() == [
        f"flowtui: {words}{denied}" for words in ("", "not everything could be had; left out: ")
    ]
    assert len(result.stdout.splitlines()) == 5


def test_a_pattern_that_matches_nothing_is_told(tmp_path: Path) -> None:
    args = ("sample/34", "--to", str(tmp_path), "-n", "--include", "*.bam", "--exclude", "liver/*")
    assert "--exclude" not in run(*args).stderr
    args = (*args[:-1], "results/*")
    result = run(*args, "--json")
    assert [one for one in events(result) if one["event"] == "no_match"] == [
        {"event": "no_match", "option": "--exclude", "pattern": "results/*"}
    ]
    assert "--exclude 'results/*' matched no file; * is one level: results/ takes" in result.stderr


def test_old_files_are_passed_over(flow: Any, tmp_path: Path) -> None:
    flow.answers["/samples/34/data"][1]["data"][0]["created"] = "2020-01-01T00:00:00Z"
    flow.answers["/samples/34/data"][1]["data"][1]["created"] = "2026-01-01T00:00:00Z"
    result = run("sample/34", "--to", str(tmp_path), "-n", "--json", "--newer-than", "2025-01-01")
    assert planned(result) == {"data/2", "data/3", "data/4"}
    assert events(result)[-1]["excluded"] == 1


def test_a_dry_run_says_that_there_is_no_room(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("flowtui.cli.dry_run.measure", lambda root: Room(1, 10_999))
    result = run("sample/34", "--to", str(tmp_path), "-n", "--json")
    assert result.exit_code == Exit.NO_ROOM
    assert events(result)[-1]["status"] == Exit.NO_ROOM
    (plan,) = (event for event in events(result) if event["event"] == "plan")
    assert (plan["to_fetch"], plan["free"], plan["has_room"]) == (10_000, 10_999, False)
    assert result.stderr.splitlines()[-1].startswith(
        "flowtui: not enough disk space: 11.0 kB needed"
    )
    monkeypatch.setattr("flowtui.cli.dry_run.measure", lambda root: Room(1, 11_000))
    assert run("sample/34", "--to", str(tmp_path), "-n").exit_code == 0


def test_a_dry_run_says_that_the_folder_takes_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("x")
    result = run("data/1", "--to", str(tmp_path / "file" / "below"), "-n")
    assert result.exit_code == Exit.SOME_FAILED
    assert f"{tmp_path / 'file'} is not a folder" in result.stderr.splitlines()[-1]
    monkeypatch.setattr("flowtui.cli.dry_run.os.access", lambda path, mode: path != tmp_path)
    for to, words in ((tmp_path, "may not be written to"), (tmp_path / "new", "takes no new")):
        result = run("data/1", "--to", str(to), "-n", "--json")
        assert events(result)[-1]["status"] == Exit.SOME_FAILED == result.exit_code
        assert words in result.stderr.splitlines()[-1]


def test_the_last_line_says_what_is_missing(tmp_path: Path) -> None:
    result = run("data/1", "data/99", "--to", str(tmp_path), "-n")
    assert result.exit_code == Exit.SOME_FAILED
    assert result.stderr.splitlines()[-1].startswith(
        "flowtui: not everything could be had; left out: data/99: not found"
    )


def test_files_of_unknown_origin_pass_and_are_told(flow: Any, tmp_path: Path) -> None:
    rows = flow.answers["/samples/34/data"][1]["data"]
    rows[0]["pipeline_name"] = None
    rows[1]["pipeline_name"] = "RNA-Seq"
    for option, wanted in (
        ("--inputs", {"data/1"}), ("--results", {"data/2"}), ("--pipeline=rnaseq", {"data/2"})
    ):  # fmt: skip
        result = run("sample/34", "--to", str(tmp_path), "-n", "--json", option)
        assert planned(result) == {"data/3", "data/4"} | wanted
        told = next(event for event in events(result) if event["event"] == "unknown_origin")
        assert told["files"] == 2
        assert "does not say of 2 files whether a run made them" in result.stderr
    result = run("sample/34", "--to", str(tmp_path), "-n", "--json")
    assert not [event for event in events(result) if event["event"] == "unknown_origin"]
