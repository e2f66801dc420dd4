"""`get` where files of an earlier run were changed, or a foreign file stands in the way."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flowtui.demo.serve import DemoServer
from support.shell import Shell


@pytest.fixture
def server() -> Iterator[DemoServer]:
    with DemoServer("both", job_seconds=0.1, token_seconds=3600) as running:
        yield running


@pytest.fixture
def shell(server: DemoServer, tmp_path: Path) -> Shell:
    return Shell(tmp_path, server.base_url)


def get(shell: Shell, *args: str, status: int = 0) -> str:
    return shell.run("get", "data/789", "--to", str(shell.to), *args, status=status).stderr


def target(server: DemoServer, shell: Shell) -> Path:
    return shell.to / "data" / server.service.catalogue.files["789"].filename


def test_a_changed_file_is_replaced_with_a_line_and_a_count(
    server: DemoServer, shell: Shell
) -> None:
    get(shell)
    path = target(server, shell)
    path.write_bytes(b"edited by hand")
    said = get(shell)
    (kept,) = path.parent.glob("*.old-*")
    assert f"replaced {path}; the earlier one is {kept.name}" in said and ", 1 replaced" in said
    assert kept.read_bytes() == b"edited by hand"
    assert path.stat().st_size == server.service.catalogue.files["789"].size
    path.write_bytes(b"again")
    summary = shell.get("data/789")[-1]
    assert (summary["replaced"], summary["done"]) == (1, 1)


def test_a_changed_file_of_an_archive_is_replaced_too(server: DemoServer, shell: Shell) -> None:
    shell.get("sample/34", "--bulk", "always")
    paths = sorted(path for path in shell.to.rglob("cortex_ctrl_1_*.gz"))
    paths[0].write_bytes(b"edited by hand")
    shell.get("sample/34", "--bulk", "always")
    assert paths[0].stat().st_size > 1000
    assert not [path for path in shell.to.rglob("*") if "~" in path.name]


def test_it_can_be_kept_or_be_an_error(server: DemoServer, shell: Shell) -> None:
    get(shell)
    path = target(server, shell)
    path.write_bytes(b"edited by hand")
    assert f"warning: kept {path}" in get(shell, "--on-change", "keep")
    assert "1 file failed" in get(shell, "--on-change", "fail", status=1)
    assert path.read_bytes() == b"edited by hand"
    assert "set on_change" in get(shell, "--on-change", "keep", "--detach", status=2)


def test_a_foreign_file_is_told_and_the_exit_status_says_so(
    server: DemoServer, shell: Shell
) -> None:
    path = target(server, shell)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"mine")
    said = get(shell, status=1)
    (saved,) = path.parent.glob("*~2*")
    assert f"warning: a different file is at {path}; saved as {saved}" in said
    assert "different files already have these names" in said
    assert path.read_bytes() == b"mine"


def test_a_foreign_file_in_the_way_of_an_archive_s_file_is_told_as_well(
    server: DemoServer, shell: Shell
) -> None:
    shell.get("sample/34", "--bulk", "always")
    path = sorted(path for path in shell.to.rglob("cortex_ctrl_1_*.gz"))[0]
    shutil.rmtree(shell.to)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"mine")
    done = shell.run(
        "get", "sample/34", "--bulk", "always", "--json", "--to", str(shell.to), status=1
    )
    events = [json.loads(line) for line in done.stdout.splitlines()]
    (file,) = (event for event in events if event["event"] == "bulk_file" and "~2" in event["path"])
    assert file["beside_foreign"] is True and events[-1]["beside_foreign"] == 1
    assert file["foreign"] == str(path)
    assert f"a different file is at {path}; saved as {file['path']}" in done.stderr
    assert "different files already have these names; Flow's were saved as" in done.stderr
    again = shell.run("get", "sample/34", "--bulk", "always", "--to", str(shell.to), status=1)
    assert f"a different file is at {path}; saved as {file['path']}" in again.stderr
    assert path.read_bytes() == b"mine"


@pytest.mark.skipif(shutil.which("md5sum") is None, reason="md5sum is not installed")
@pytest.mark.parametrize("bulk", ["never", "always"])
def test_md5sum_takes_the_checksums_of_a_folder(
    server: DemoServer, shell: Shell, bulk: str
) -> None:
    shell.get("sample/34", "--bulk", bulk)
    done = subprocess.run(["md5sum", "-c", "MD5SUMS"], cwd=shell.to, capture_output=True, text=True)
    files = [path for path in shell.to.rglob("*") if path.is_file()]
    assert done.returncode == 0 and done.stdout.count(": OK\n") == len(files) - 2


def verify(shell: Shell, *args: str, status: int = 0) -> list[dict[str, Any]]:
    done = shell.run("verify", "--json", str(shell.to), *args, status=status)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_verify_repairs_what_is_wrong_and_nothing_else(server: DemoServer, shell: Shell) -> None:
    shell.get("sample/34")
    names = sorted(path for path in shell.to.rglob("*.gz"))
    before = {path: path.read_bytes() for path in names}
    foreign = shell.to / "notes.txt"
    foreign.write_text("mine")
    stamp = names[0].stat()
    data = bytearray(before[names[0]])
    data[100] ^= 1
    names[0].write_bytes(data)
    os.utime(names[0], ns=(stamp.st_atime_ns, stamp.st_mtime_ns))  # as a failing disk does
    names[1].unlink()
    summary = verify(shell, status=1)[-2]  # the error is the last
    assert (summary["changed"], summary["missing"]) == (1, 1)
    events = verify(shell, "--repair")
    assert {path: path.read_bytes() for path in names} == before
    assert foreign.read_text() == "mine"
    repaired = {event["path"] for event in events if event["event"] == "repair"}
    assert repaired == {str(path) for path in names[:2]}
    assert (events[-1]["repaired"], events[-1]["missing"], events[-1]["changed"]) == (2, 0, 0)
    assert events[-1]["fetched"] == sum(len(before[path]) for path in names[:2])
    assert verify(shell)[-1]["ok"] == events[-1]["files"]
    assert not [path for path in shell.to.rglob("*~2*")]


def test_what_cannot_be_repaired_keeps_its_bytes_and_the_exit_status(
    server: DemoServer, shell: Shell
) -> None:
    get(shell)
    path = target(server, shell)
    path.write_bytes(b"edited by hand")
    log = shell.to / "downloads.log"
    log.write_text(log.read_text().replace("data/789", "data/999999"))
    done = shell.run("verify", "--repair", str(shell.to), status=1)
    assert path.read_bytes() == b"edited by hand"
    assert "not found on Flow" in done.stderr and "1 file not as recorded" in done.stderr


@pytest.mark.parametrize("bulk", ["never", "always"])
def test_a_file_that_is_here_by_another_layout_is_linked(
    server: DemoServer, shell: Shell, bulk: str
) -> None:
    file = next(
        file
        for file in server.service.catalogue.files.values()
        if file.sample is not None and file.sample.id == "34"
    )
    shell.get(f"data/{file.id}")
    events = shell.get("sample/34", "--bulk", bulk)
    summary = events[-1]
    assert (summary["status"], summary["linked"]) == (0, 1)
    (row,) = [event for event in events if event["event"] == "transfer" and event["linked"]]
    assert row["linked"] == str(shell.to / "data" / file.filename) and row["path"].startswith(
        str(shell.to)
    )
    paths = [path for path in shell.to.rglob(file.filename) if path.is_file()]
    assert len(paths) == 2 and paths[0].read_bytes() == paths[1].read_bytes()
    others = sum(
        other.size
        for other in server.service.catalogue.files.values()
        if other.sample is not None and other.sample.id == "34" and other.id != file.id
    )
    assert bulk == "always" or summary["fetched"] <= others
    assert verify(shell)[-1]["status"] == 0


def test_a_project_has_its_file_also_where_that_is_named_by_itself(
    server: DemoServer, shell: Shell
) -> None:
    file = server.service.catalogue.files["789"]
    assert file.project is not None
    events = shell.get("data/789", f"project/{file.project.id}", "--include", file.filename)
    assert events[-1]["status"] == 0
    (path,) = [path for path in shell.to.rglob(file.filename) if path.is_file()]
    assert path.relative_to(shell.to).parts[0] == file.project.name


def test_a_file_goes_back_to_its_name_with_a_line(server: DemoServer, shell: Shell) -> None:
    path = target(server, shell)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"mine")
    get(shell, status=1)
    path.unlink()
    (numbered,) = path.parent.glob("*~2*")
    assert f"renamed data/{numbered.name} back to {path}" in get(shell)
    assert verify(shell)[-1]["status"] == 0
