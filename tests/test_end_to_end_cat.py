"""`flowtui cat` as a process: the bytes of a file on stdout, and nothing else of it anywhere."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowtui.demo.serve import DemoServer
from support.shell import Shell, file_of
from support.waiting import GUARD


@pytest.fixture(params=["guide", "live"])
def server(request: pytest.FixtureRequest) -> Iterator[DemoServer]:
    with DemoServer(request.param, token_seconds=3600) as running:
        yield running


@pytest.fixture
def shell(server: DemoServer, tmp_path: Path) -> Shell:
    return Shell(tmp_path, server.base_url)


def cat(shell: Shell, *refs: str, stdout: int = subprocess.PIPE) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        shell.command("cat", *refs),
        env=shell.environment,
        cwd=shell.to.parent,
        stdout=stdout,
        stderr=subprocess.PIPE,
    )


def test_the_bytes_of_files_come_one_after_the_other(server: DemoServer, shell: Shell) -> None:
    keys = ["data/789", "data/790"]
    files = [file_of(server.service.catalogue, key) for key in keys]
    wanted = [b"".join(file.content.chunks(0, file.size)) for file in files]
    came, said = cat(shell, *keys).communicate(timeout=GUARD)
    assert came == b"".join(wanted)
    # Flow gives no md5 in the live dialect: what else proved them right is said of each.
    assert len(said.splitlines()) == (2 if server.service.dialect == "live" else 0)
    assert not list(shell.to.parent.rglob("*.part*"))


def test_who_reads_no_more_ends_it_quietly(shell: Shell) -> None:
    running = cat(shell, "data/789")
    assert running.stdout is not None and running.stderr is not None
    assert running.stdout.read(2) == b"\x1f\x8b"
    running.stdout.close()
    assert running.stderr.read() == b""
    assert running.wait(GUARD) == -signal.SIGPIPE


def test_a_full_disk_behind_stdout_is_told(shell: Shell) -> None:
    with open("/dev/full", "wb") as full:
        running = cat(shell, "data/789", stdout=full.fileno())
        _, said = running.communicate(timeout=GUARD)
    assert running.returncode == 1
    assert said.splitlines()[-1] == b"flowtui: cannot write the output: No space left on device"


@pytest.mark.parametrize(
    ("ref", "status", "words"),
    [("sample/34", 2, b"sample/34 has "), ("data/404404", 4, b"data/404404")],
)
def test_what_is_no_file_is_told(shell: Shell, ref: str, status: int, words: bytes) -> None:
    running = cat(shell, ref)
    came, said = running.communicate(timeout=GUARD)
    assert (came, running.returncode) == (b"", status)
    assert words in said
