"""What a logout ends, on hosts of every kind, told by fake tools on PATH."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from flowtui.config import Folders
from flowtui.daemon import launcher, logout
from support.waiting import until


class Host:
    """Fake system tools, and a root with what systemd would have there."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.tools = root / "bin"
        self.tools.mkdir(parents=True)
        self.called = root / "called"
        monkeypatch.setattr(logout, "ROOT", root)
        monkeypatch.setenv("PATH", f"{self.tools}:/usr/bin:/bin")
        monkeypatch.setenv("LOGNAME", "alice")
        monkeypatch.setenv("FLOWTUI_HOME", str(root / "home"))
        (root / "run/systemd/system").mkdir(parents=True)
        self.cgroup("self", "0::/user.slice/user-1000.slice/session-3.scope")
        for name in ("busctl", "loginctl", "systemd-run"):
            self.tool(name, "exit 1")

    def tool(self, name: str, script: str) -> None:
        file = self.tools / name
        file.write_text(f'#!/bin/sh\necho {name} "$@" >> {self.called}\n{script}\n')
        file.chmod(0o755)

    def cgroup(self, pid: str, text: str) -> None:
        folder = self.root / "proc" / pid
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cgroup").write_text(text + "\n")

    def kills(self, yes: bool, only: str = "as 0", but: str = 'as 1 "root"') -> None:
        lines = f"b {'true' if yes else 'false'}\n{only}\n{but}"
        self.tool("busctl", f"cat <<'END'\n{lines}\nEND")

    def lingers(self, yes: bool) -> None:
        self.tool("loginctl", f"echo {'yes' if yes else 'no'}")

    def has_scopes(self) -> None:
        self.tool("systemd-run", 'while [ "$1" != "--" ]; do shift; done; shift; exec "$@"')


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    return Host(tmp_path, monkeypatch)


def test_without_systemd_there_is_nothing_to_say(host: Host):
    host.kills(True)
    (host.root / "run/systemd/system").rmdir()
    assert logout.logout_warning() == ""
    assert logout.scope_command() == []
    assert not host.called.exists()


def test_where_a_logout_ends_nothing_there_is_nothing_to_say(host: Host):
    host.kills(False)
    assert logout.logout_warning() == ""
    assert logout.scope_command() == []


def test_without_lingering_it_says_what_happens_and_what_to_run(host: Host):
    host.kills(True)
    host.lingers(False)
    words = logout.logout_warning()
    assert "when you log out (KillUserProcesses=yes)" in words
    assert "resume when flowtui runs again" in words
    assert "`loginctl enable-linger`" in words
    assert logout.scope_command() == []


def test_with_lingering_the_engine_gets_a_scope_of_its_own(host: Host):
    host.kills(True)
    host.lingers(True)
    host.has_scopes()
    assert logout.logout_warning() == ""
    assert logout.scope_command()[:3] == ["systemd-run", "--user", "--scope"]


def test_with_lingering_but_without_scopes_it_warns(host: Host):
    host.kills(True)
    host.lingers(True)
    assert "systemd-run cannot start the engine outside your session" in logout.logout_warning()
    assert logout.scope_command() == []


def test_an_engine_from_before_lingering_is_told(host: Host):
    from flowtui.config import folders

    host.kills(True)
    host.lingers(True)
    host.has_scopes()
    lock = folders().engine_lock
    lock.parent.mkdir(parents=True)
    lock.write_text("4711\n")
    host.cgroup("4711", "0::/user.slice/user-1000.slice/session-2.scope")
    assert "started before `loginctl enable-linger`" in logout.logout_warning()
    host.cgroup("4711", "0::/user.slice/user-1000.slice/user@1000.service/app.slice/run-r1.scope")
    assert logout.logout_warning() == ""


@pytest.mark.parametrize(
    ("only", "but", "kills"),
    [
        ("as 0", 'as 1 "root"', True),
        ("as 0", 'as 2 "root" "alice"', False),
        ('as 1 "bob"', "as 0", False),
        ('as 1 "alice"', "as 0", True),
    ],
)
def test_users_who_are_left_out_are_left_out(host: Host, only: str, but: str, kills: bool):
    host.kills(True, only, but)
    assert logout.logout_kills() is kills


def test_what_is_no_login_session_is_not_ended_with_one(host: Host):
    host.kills(True)
    host.cgroup("self", "0::/system.slice/slurmstepd.scope/job_77/step_0")
    assert not logout.logout_kills()


@pytest.mark.parametrize("answer", ["exit 1", "echo b true", "echo nonsense"])
def test_a_logind_that_does_not_tell_ends_no_sessions(host: Host, answer: str):
    host.tool("busctl", answer)
    assert not logout.logout_kills()


def test_without_loginctl_its_file_tells(host: Host):
    assert not logout.lingers()
    mark = host.root / "var/lib/systemd/linger/alice"
    mark.parent.mkdir(parents=True)
    mark.touch()
    assert logout.lingers()


@pytest.mark.parametrize("scoped", [True, False])
def test_the_engine_is_started_through_systemd_run_where_that_helps(
    host: Host, monkeypatch, tmp_path: Path, scoped: bool
):
    host.kills(scoped)
    host.lingers(True)
    host.has_scopes()
    engine = tmp_path / "python"
    engine.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/ran\n')
    engine.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(engine))
    launcher.start_detached(Folders(tmp_path / "c", tmp_path / "s", tmp_path / "r"))
    until(lambda: (tmp_path / "ran").exists() and (tmp_path / "ran").read_text())
    assert (tmp_path / "ran").read_text() == "-m flowtui engine run\n"
    used = [line for line in host.called.read_text().splitlines() if str(engine) in line]
    assert len(used) == (1 if scoped else 0)
