"""The command line as a process against a demo server over a real socket, in all dialects."""

from __future__ import annotations

import hashlib
import json
import re
import signal
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from flowtui.cli.main import cli
from flowtui.demo.catalogue import Project
from flowtui.demo.serve import DemoServer
from flowtui.transfer.disk.space import Room
from support import forked
from support.shell import Shell, file_of
from support.waiting import GUARD, until

DIALECTS = ("guide", "live", "both")
COUNTS = "results/counts/all.gene_counts.tsv"


@pytest.fixture(params=DIALECTS)
def server(request: pytest.FixtureRequest) -> Iterator[DemoServer]:
    with DemoServer(request.param, job_seconds=0.2, token_seconds=3600) as running:
        yield running


@pytest.fixture
def both() -> Iterator[DemoServer]:
    with DemoServer("both", job_seconds=0.2, token_seconds=3600) as running:
        yield running


@pytest.fixture
def shell(server: DemoServer, tmp_path: Path) -> Shell:
    return Shell(tmp_path, server.base_url)


@pytest.fixture
def both_shell(both: DemoServer, tmp_path: Path) -> Shell:
    return Shell(tmp_path, both.base_url)


def ended(events: list[dict[str, Any]], state: str = "done") -> dict[str, dict[str, Any]]:
    """Key → the event of each transfer that came to `state`."""
    found = [one for one in events if one["event"] == "transfer" and one["state"] == state]
    assert len({one["key"] for one in found}) == len(found)
    return {one["key"]: one for one in found}


def check_files(server: DemoServer, events: list[dict[str, Any]], below: Path) -> set[Path]:
    """Every file that is done has the right bytes and lies below `below`; their paths from it."""
    catalogue = server.service.catalogue
    paths = set()
    for key, event in ended(events).items():
        path = Path(event["path"])
        digest = hashlib.md5(path.read_bytes()).hexdigest()
        assert digest == file_of(catalogue, key).content.md5, key
        assert event["verified_by"], key
        paths.add(path.relative_to(below))
    return paths


def uploads(project: Project) -> set[tuple[str, str]]:
    return {(sample.name, one.filename) for sample in project.samples for one in sample.files
            if one.execution is None}  # fmt: skip


def leftovers(folder: Path) -> list[Path]:
    return [one for one in folder.rglob("*") if ".part" in one.name or ".journal" in one.name]


def test_one_file(server: DemoServer, shell: Shell) -> None:
    events = shell.get("data/789")
    name = server.service.catalogue.files["789"].filename
    assert check_files(server, events, shell.to / "data") == {Path(name)}
    summary = events[-1]
    assert (summary["event"], summary["status"], summary["done"]) == ("summary", 0, 1)
    assert summary["bytes"] == summary["fetched"] == (shell.to / "data" / name).stat().st_size
    assert leftovers(shell.to) == []


def test_a_sample(server: DemoServer, shell: Shell) -> None:
    paths = check_files(server, shell.get("sample/34"), shell.to / "samples" / "cortex_ctrl_1")
    wanted = {
        Path(one.filename)
        for one in server.service.catalogue.samples["34"].files
        if one.execution is None
    }
    assert wanted <= paths


def test_an_execution_with_all_its_outputs(server: DemoServer, shell: Shell) -> None:
    events = shell.get("execution/456")
    paths = check_files(server, events, shell.to / "executions" / "456")
    outputs = server.service.catalogue.executions["456"].outputs
    assert len(paths) == len(outputs)
    if server.service.dialect != "live":
        assert Path(COUNTS) in paths


def test_one_output(server: DemoServer, shell: Shell) -> None:
    # Without paths in its records the live dialect names an output by its process.
    live = server.service.dialect == "live"
    name = "MERGE_COUNTS/all.gene_counts.tsv" if live else COUNTS
    events = shell.get(f"execution/456/{name}")
    (path,) = check_files(server, events, shell.to / "executions" / "456")
    assert path.name == "all.gene_counts.tsv"


def test_a_project_and_a_second_run_that_fetches_nothing(server: DemoServer, shell: Shell) -> None:
    events = shell.get("project/12", "--bulk", "never")
    project = server.service.catalogue.projects["12"]
    paths = check_files(server, events, shell.to / project.name)
    assert {(sample, name) for sample, name in uploads(project)} <= {
        (one.parts[0], one.name) for one in paths
    }
    before = len(server.requests)
    again = shell.get("project/12", "--bulk", "never")
    assert set(ended(again, "skipped")) == set(ended(events))
    assert (again[-1]["skipped"], again[-1]["fetched"]) == (len(ended(events)), 0)
    fetched = [one for one in server.requests[before:]
               if "/downloads/" in one.path and one.method == "GET"]  # fmt: skip
    assert fetched == []
    log = [json.loads(line) for line in (shell.to / "downloads.log").read_text().splitlines()]
    assert {"action", "file_id", "filename", "size", "timestamp"} <= set(log[0])


def test_several_at_once(both: DemoServer, both_shell: Shell) -> None:
    events = both_shell.get(
        "data/789", "sample/34", "execution/456", f"execution/456/{COUNTS}",
        f"{both.base_url.removesuffix('/api')}/samples/34/",
    )  # fmt: skip
    paths = check_files(both, events, both_shell.to)
    assert {one.parts[0] for one in paths} == {"data", "samples", "executions"}
    assert len(ended(events)) == events[-1]["files"]


@pytest.mark.parametrize(
    ("args", "status"),
    [
        (["data/1", "--jobs", "x"], 2),
        (["thing/1"], 2),
        (["data/404404"], 4),
        (["sample/34", "--include", "*.nothing"], 4),
    ],
)
def test_exit_statuses(both_shell: Shell, args: list[str], status: int) -> None:
    events = both_shell.get(*args, status=status)
    assert any(one["event"] == "error" and one["status"] == status for one in events)


def test_a_token_that_is_not_good_is_status_3(both_shell: Shell) -> None:
    both_shell.environment["FLOW_ACCESS_TOKEN"] = "not-a-good-one"
    events = both_shell.get("sample/34", status=3)
    assert events[-1]["status"] == 3
    del both_shell.environment["FLOW_ACCESS_TOKEN"]
    both_shell.get("sample/34", status=3)


def test_a_session_that_ends_on_the_way_is_status_3(both: DemoServer, both_shell: Shell) -> None:
    """Nobody is there to sign in again: the job gives up and says how to go on."""
    both.service.rate = 2_000_000
    words = ("sample/34", "--jobs", "1", "--json", "--to", str(both_shell.to))
    command = both_shell.command("get", *words)
    process = subprocess.Popen(
        command, env=both_shell.environment, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line).get("state") == "active":
            break
    both.service.accounts.forget_all()
    both.service.rate = 0
    out, errors = process.communicate(timeout=60)
    # What was under way may come to its end, but not the files that follow.
    assert process.returncode == 3, errors
    assert "flowtui login" in errors
    assert json.loads(out.splitlines()[-1])["status"] == 3


def test_some_files_fail_and_the_rest_is_here(both: DemoServer, both_shell: Shell) -> None:
    project = next(
        one for one in both.service.catalogue.projects.values() if one.name == "Files with trouble"
    )
    events = both_shell.get(f"project/{project.id}", status=1)
    failed = ended(events, "failed")
    codes = {Path(one["path"]).name: one["code"] for one in failed.values()}
    assert codes["forbidden.fastq.gz"] == "FORBIDDEN"
    assert codes["gone.fastq.gz"] == "NOT_FOUND"
    assert all(one["message"] for one in failed.values())
    good = [one for one in project.files if one.refused is None]
    assert len(check_files(both, events, both_shell.to)) == len(good)
    assert (events[-1]["done"], events[-1]["failed"]) == (len(good), len(failed))
    assert not any(Path(one["path"]).exists() for one in failed.values())


def test_names_that_no_program_should_trust(both: DemoServer, both_shell: Shell) -> None:
    project = next(
        one for one in both.service.catalogue.projects.values() if one.name == "Odd names"
    )
    done = both_shell.run("get", f"project/{project.id}", "--to", str(both_shell.to))
    files = [one for one in both_shell.to.rglob("*") if one.is_file()]
    names = [one for one in files if one.name not in ("downloads.log", "MD5SUMS")]
    assert len(names) == len(project.files)
    assert all(one.is_relative_to(both_shell.to / "Odd names") for one in names)
    contents = {hashlib.md5(one.read_bytes()).hexdigest() for one in names}
    assert contents == {one.content.md5 for one in project.files}
    shown = both_shell.run("ls", f"project/{project.id}")
    for text in (done.stdout, done.stderr, shown.stdout, shown.stderr):
        assert not {"\x1b", "\x07", "\u202e", "\r"} & set(text)
    raw = [json.loads(line) for line in
           both_shell.run("ls", f"project/{project.id}", "--json").stdout.splitlines()]  # fmt: skip
    assert {one["name"] for one in raw if one["kind"] == "sample"} == {
        one.name for one in project.samples
    }


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_a_stopped_run_is_130_and_the_next_one_resumes(
    both: DemoServer, both_shell: Shell, number: signal.Signals
) -> None:
    both.service.rate = 1_000_000
    target = both_shell.to / "data"
    command = both_shell.command("get", "data/791", "--json", "--to", str(both_shell.to))
    process = subprocess.Popen(
        command, env=both_shell.environment, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(json.loads(line))
        if lines[-1]["event"] == "progress" and lines[-1]["done"] > 500_000:
            break
    process.send_signal(number)
    out, errors = process.communicate(timeout=GUARD)
    assert process.returncode == 130, errors
    assert "run the same command again" in errors
    last = json.loads(out.splitlines()[-1])
    assert (last["event"], last["status"], last["unfinished"]) == ("summary", 130, 1)
    assert leftovers(target) != []
    both.service.rate = 2_000_000
    before = len(both.requests)
    again = both_shell.get("data/791")
    (event,) = ended(again).values()
    assert event["resumed_at"] > 0
    assert re.fullmatch(r"resumed at \d+ %; verified by .+", event["reason"])
    assert again[-1]["fetched"] == event["size"] - event["resumed_at"]
    ranges = [one.range for one in both.requests[before:] if "/downloads/" in one.path]
    assert ranges
    assert not any(one is None or one.startswith("bytes=0-") for one in ranges)
    check_files(both, again, target)
    assert leftovers(target) == []


def test_a_bulk_job_may_bring_its_archive_as_it_is(both: DemoServer, both_shell: Shell) -> None:
    events = both_shell.get("sample/34", "--bulk", "always", "--keep-archive")
    states = [one["state"] for one in events if one["event"] == "bulk"]
    assert states[-1] == "done"
    (archive,) = ended(events).values()
    assert zipfile.ZipFile(archive["path"]).testzip() is None
    assert archive["verified_by"] == "size and zip check"


def test_a_bulk_job_ends_in_the_layout_of_single_downloads(
    server: DemoServer, shell: Shell
) -> None:
    events = shell.get("project/12", "--bulk", "always")
    files = [one for one in events if one["event"] == "bulk_file"]
    project = server.service.catalogue.projects["12"]
    assert {one["state"] for one in files} <= {"done", "one_by_one"}
    done = [one for one in files if one["state"] == "done"]
    assert len(done) > len(files) / 2
    for one in done:
        path = Path(one["path"])
        digest = hashlib.md5(path.read_bytes()).hexdigest()
        assert digest == file_of(server.service.catalogue, one["key"]).content.md5
        assert one["verified_by"]
        assert path.is_relative_to(shell.to / project.name)
    assert (events[-1]["status"], events[-1]["failed"]) == (0, 0)
    assert events[-1]["done"] == events[-1]["files"]
    assert leftovers(shell.to) == []
    assert not [one for one in shell.to.rglob("*") if one.suffix in (".zip", ".jsonl")]
    for how in ("never", "always", "auto"):
        before = len(server.requests)
        again = shell.get("project/12", "--bulk", how)
        assert (again[-1]["skipped"], again[-1]["done"]) == (again[-1]["files"], 0), how
        assert [one for one in server.requests[before:] if "/downloads" in one.path] == []


def test_more_files_than_bulk_above_come_in_an_archive_by_themselves(
    both: DemoServer, both_shell: Shell
) -> None:
    config = Path(both_shell.environment["FLOWTUI_HOME"]) / "config"
    config.mkdir(parents=True)
    (config / "settings.toml").write_text("bulk_above = 3\n")
    events = both_shell.get("sample/34")
    assert [one["state"] for one in events if one["event"] == "bulk"][-1] == "done"
    assert (events[-1]["done"], events[-1]["failed"]) == (events[-1]["files"], 0)
    here = sorted(path for path in both_shell.to.rglob("*.gz"))
    here[0].unlink()
    before = len(both.requests)
    again = both_shell.get("sample/34")
    assert (again[-1]["done"], again[-1]["skipped"]) == (1, again[-1]["files"] - 1)
    assert not [one for one in both.requests[before:] if one.method == "POST"]
    assert sorted(both_shell.to.rglob("*.gz")) == here


def test_a_get_that_is_killed_goes_on_with_its_archive(both: DemoServer, both_shell: Shell) -> None:
    both.service.rate = 5e6
    words = ("project/12", "--bulk", "always", "--connections", "1", "--to", str(both_shell.to))
    process = subprocess.Popen(
        forked.command(("get", *words)),
        env=both_shell.environment,
        stderr=subprocess.DEVNULL,
    )
    part = both_shell.to / "project-12.zip.part"
    until(lambda: part.exists() and part.stat().st_size >= 5_000_000)
    process.send_signal(signal.SIGKILL)
    process.wait()
    both.service.rate = None
    before = len(both.requests)
    events = both_shell.get("project/12", "--bulk", "always", "--connections", "1")
    assert (events[-1]["status"], events[-1]["done"]) == (0, events[-1]["files"])
    archive = [one for one in both.requests[before:] if one.path.endswith(".zip")]
    assert archive
    assert all(int((one.range or "bytes=0-")[6:].partition("-")[0]) > 3_000_000 for one in archive)
    assert not [one for one in both.requests[before:] if one.method == "POST"]
    assert leftovers(both_shell.to) == []
    assert not [one for one in both_shell.to.iterdir() if one.name.startswith(".flowtui")]


@pytest.mark.parametrize(
    ("name", "says"),
    [("failing", "no space left on the worker"), ("hostile", "leads outside")],
)
def test_an_archive_that_does_not_come_is_a_failure_in_words(
    tmp_path: Path, name: str, says: str
) -> None:
    with DemoServer(job_seconds=0.1, token_seconds=3600, scenarios=[name]) as server:
        shell = Shell(tmp_path, server.base_url)
        done = shell.run("get", "sample/34", "--bulk", "always", "--to", str(shell.to), status=1)
        assert says in done.stderr
        assert "--bulk never" in done.stderr
        assert shell.get("sample/34", "--bulk", "never")[-1]["status"] == 0


def test_whoami_login_and_logout_with_a_file(both: DemoServer, both_shell: Shell) -> None:
    token = both_shell.environment.pop("FLOW_ACCESS_TOKEN")
    both_shell.run("whoami", status=3)
    done = subprocess.run(
        both_shell.command("login", "--token-stdin"),
        env=both_shell.environment,
        input=f"{token}\n",
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert token not in done.stdout + done.stderr
    assert "demo" in both_shell.run("whoami").stdout
    assert both_shell.get("data/790")[-1]["done"] == 1
    both_shell.run("logout")
    both_shell.run("whoami", status=3)


def test_the_background_queue_from_add_to_stop(both: DemoServer, both_shell: Shell) -> None:
    try:
        added = both_shell.run("add", "sample/34", "--to", str(both_shell.to), "--json")
        assert json.loads(added.stdout.splitlines()[-1])["event"] == "added"

        def states() -> set[str]:
            lines = both_shell.run("status", "--json").stdout.splitlines()
            rows = [json.loads(line) for line in lines]
            return {row["state"] for row in rows if row["event"] == "transfer"}

        until(lambda: states() == {"done"}, every=0.2)
        assert "is running" in both_shell.run("engine", "status").stdout
        more = both_shell.run("get", "data/789", "--detach", "--to", str(both_shell.to),
                              "--jobs", "2", "--limit-rate", "20M")  # fmt: skip
        assert "queued 1 file" in more.stderr
        assert "until it stops: jobs 2, limit-rate 21.0 MB/s" in more.stderr
        assert both_shell.run("pause", "--all").returncode == 0
        assert both_shell.run("resume", "--all").returncode == 0
    finally:
        both_shell.run("engine", "stop")
    both_shell.run("pause", "--all", status=1)


def test_no_room_on_disk_is_status_5_with_numbers(
    both: DemoServer, both_shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in both_shell.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(
        "flowtui.transfer.disk.space.measure", lambda folder: Room(device=1, free=1000)
    )
    to = str(both_shell.to)
    result = CliRunner().invoke(cli, ["get", "sample/34", "data/789", "--to", to, "--json"])
    assert result.exit_code == 5, result.output
    assert "not enough disk space: needs" in result.stderr
    summary = json.loads(result.stdout.splitlines()[-1])
    assert (summary["status"], summary["done"]) == (5, 0)
    assert summary["unfinished"] == summary["files"]


def test_a_stop_while_looking_for_files_is_130(both: DemoServer, both_shell: Shell) -> None:
    screen = max(both.service.catalogue.projects.values(), key=lambda one: len(one.samples))
    process = subprocess.Popen(
        both_shell.command("get", f"project/{screen.id}", "--json", "--to", str(both_shell.to)),
        env=both_shell.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    before = len(both.requests)
    until(lambda: len(both.requests) >= before + 10)
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=GUARD)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert json.loads(out.splitlines()[-1])["status"] == 130
    assert not both_shell.to.exists()
