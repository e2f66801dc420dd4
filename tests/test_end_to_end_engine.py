"""The background engine as a process: what it survives, and many clients at once."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flowtui.demo.serve import DemoServer
from support.shell import Shell, file_of
from support.waiting import until

SLOW = 6_000_000
"""Bytes a second of the server, so that there is a middle to kill something in."""

MOST_LOST = 8 << 20
"""Bytes that a kill may cost: what was not noted in the journal yet."""


@pytest.fixture
def server() -> Iterator[DemoServer]:
    with DemoServer("both", rate=SLOW, job_seconds=0.2, token_seconds=3600) as running:
        yield running


@pytest.fixture
def shell(server: DemoServer, tmp_path: Path) -> Iterator[Shell]:
    one = Shell(tmp_path, server.base_url)
    config = Path(one.environment["FLOWTUI_HOME"]) / "config"
    config.mkdir(parents=True)
    (config / "settings.toml").write_text("connections = 1\n")  # the server's rate is for each
    yield one
    server.service.rate = 0
    one.run("engine", "stop")
    wait_for(lambda: not engine_of(one)["running"])


def wait_for(what: Callable[[], Any]) -> Any:
    """Wait for something of processes, which are asked by another process."""
    return until(what, every=0.1)


def engine_of(shell: Shell) -> dict[str, Any]:
    return json.loads(shell.run("engine", "status", "--json").stdout)


def transfers(shell: Shell) -> list[dict[str, Any]]:
    lines = [json.loads(one) for one in shell.run("status", "--json").stdout.splitlines()]
    return [one for one in lines if one["event"] == "transfer"]


def add(shell: Shell, *refs: str) -> None:
    shell.run("add", *refs, "--to", str(shell.to))


def kill(shell: Shell) -> int:
    """SIGKILL the engine; its pid."""
    pid = int(engine_of(shell)["pid"])
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not engine_of(shell)["running"])
    return pid


def on_disk(shell: Shell) -> dict[str, int]:
    return {one.name: one.stat().st_blocks * 512 for one in shell.to.rglob("*.part")}


def all_ended(shell: Shell) -> list[dict[str, Any]] | None:
    found = transfers(shell)
    over = {"done", "skipped", "failed", "cancelled"}
    return found if found and all(one["state"] in over for one in found) else None


def check_right(server: DemoServer, found: list[dict[str, Any]]) -> None:
    for one in found:
        # Skipped: it was here already when it was asked for again, or before that was saved.
        assert one["state"] in ("done", "skipped"), one
        digest = hashlib.md5(Path(one["path"]).read_bytes()).hexdigest()
        assert digest == file_of(server.service.catalogue, one["key"]).content.md5


def fetched_from(server: DemoServer, since: int, name: str) -> list[int]:
    """Where the requests for a file began, since a moment."""
    asked = [one for one in server.requests[since:] if one.path.endswith(f"/{name}")]
    return [int((one.range or "bytes=0-").removeprefix("bytes=").split("-")[0]) for one in asked]


def large(server: DemoServer) -> str:
    """A file that takes some seconds, and no more."""
    files = server.service.catalogue.files
    sizes = {id_: one.content.size for id_, one in files.items() if one.refused is None}
    return f"data/{min((n, id_) for id_, n in sizes.items() if n > 20_000_000)[1]}"


def unfinished(shell: Shell, more_than: int) -> list[dict[str, Any]] | None:
    """The transfers that are in the middle, once all that run have so many bytes."""
    found = [one for one in transfers(shell) if one["state"] == "active"]
    return found if found and all(one["done"] > more_than for one in found) else None


def test_killed_in_the_middle_it_goes_on_from_the_bytes_on_disk(
    server: DemoServer, shell: Shell
) -> None:
    add(shell, large(server))
    (before,) = wait_for(lambda: unfinished(shell, 10 << 20))
    pid = kill(shell)
    assert on_disk(shell)
    assert "is not running" in shell.run("status").stdout
    since = len(server.requests)
    server.service.rate = 0
    shell.run("resume", "--all")
    assert engine_of(shell)["pid"] != pid
    found = wait_for(lambda: all_ended(shell))
    check_right(server, found)
    (row,) = found
    assert row["resumed_at"] >= before["done"] - MOST_LOST
    starts = fetched_from(server, since, row["filename"])
    assert starts
    assert all(start > 0 for start in starts)
    assert on_disk(shell) == {}
    log = [json.loads(one) for one in (shell.to / "downloads.log").read_text().splitlines()]
    assert [one["status"] for one in log] == ["done"]


def test_killed_again_and_again_it_still_ends_with_the_right_bytes(
    server: DemoServer, shell: Shell
) -> None:
    ref = large(server)
    add(shell, ref)
    last = 0
    for turn in range(3):
        (row,) = wait_for(lambda last=last: unfinished(shell, last + (1 << 20)))
        kill(shell)
        last = row["done"]
        server.service.rate = SLOW if turn < 2 else 0
        shell.run("resume", "--all")
    check_right(server, wait_for(lambda: all_ended(shell)))
    (name,) = {one["filename"] for one in transfers(shell)}
    starts = fetched_from(server, 0, name)
    assert starts[0] == 0
    assert len(starts) >= 4
    assert all(start > 0 for start in starts[1:])


def test_the_end_of_a_terminal_is_nothing_to_it(server: DemoServer, shell: Shell) -> None:
    """Not the end of the client's session, not SIGHUP; SIGTERM ends it and loses nothing."""
    adding = subprocess.Popen(
        shell.command("add", large(server), "--to", str(shell.to)),
        env=shell.environment, start_new_session=True, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert adding.wait(60) == 0
    pid = int(engine_of(shell)["pid"])
    assert os.getsid(pid) == pid
    for name in ("0", "1", "2"):
        assert not os.readlink(f"/proc/{pid}/fd/{name}").startswith(("/dev/pts", "/dev/tty"))
    os.kill(pid, signal.SIGHUP)
    (row,) = wait_for(lambda: unfinished(shell, 1 << 20))
    assert engine_of(shell)["pid"] == pid
    os.kill(pid, signal.SIGTERM)
    wait_for(lambda: not engine_of(shell)["running"])
    since = len(server.requests)
    server.service.rate = 0
    shell.run("resume", "--all")
    (ended,) = wait_for(lambda: all_ended(shell))
    check_right(server, [ended])
    assert ended["resumed_at"] >= row["done"]
    assert all(start > 0 for start in fetched_from(server, since, row["filename"]))


def test_several_clients_at_once_share_one_engine_and_one_queue(
    server: DemoServer, shell: Shell
) -> None:
    """Started at the same moment where none runs yet, too."""
    refs = ["data/789", "data/790", "data/791", "sample/34", "data/790"]
    clients = [
        subprocess.Popen(
            shell.command("add", ref, "--to", str(shell.to)), env=shell.environment,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for ref in refs
    ]  # fmt: skip
    for one in clients:
        _, errors = one.communicate(timeout=60)
        assert one.returncode == 0, errors
    keys = [one["key"] for one in transfers(shell)]
    assert len(set(keys)) == len(keys)
    assert {"data/789", "data/790", "data/791"} <= set(keys)
    # One that came second ends by itself, once it has seen that.
    wait_for(lambda: running_engines(shell) == [engine_of(shell)["pid"]])
    shell.run("pause", "--all")
    assert {one["state"] for one in transfers(shell)} <= {"paused", "done", "skipped"}
    shell.run("resume", "--all")
    server.service.rate = 0
    found = wait_for(lambda: all_ended(shell))
    check_right(server, found)
    assert len({one["path"] for one in found}) == len(found)


def running_engines(shell: Shell) -> list[int]:
    """The engines of this test's user folder, by what the system says of them."""
    home = f"FLOWTUI_HOME={shell.environment['FLOWTUI_HOME']}".encode()
    found = []
    for one in Path("/proc").glob("[0-9]*"):
        try:
            words = (one / "cmdline").read_bytes().split(b"\0")
            mine = home in (one / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if mine and b" ".join(words).find(b"flowtui engine run") >= 0:
            found.append(int(one.name))
    return found
