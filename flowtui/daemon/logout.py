"""Hosts whose systemd ends all processes of a user when the last session of theirs ends.

That is logind's `KillUserProcesses=yes`. The engine then needs a scope of its own below the user's
manager, and that manager has to stay: lingering (`loginctl enable-linger`) is what keeps it.
"""

from __future__ import annotations

import getpass
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from flowtui.daemon.pidfile import read_address

ROOT = Path("/")
"""Where the system's files are."""

TOOL_TIMEOUT = 3.0
"""Seconds that a system tool may take to answer."""

_LOGIND = ("org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager")
_SCOPE = ["systemd-run", "--user", "--scope", "--quiet", "--collect", "--"]


_KILLS = "this host ends all your processes when you log out (KillUserProcesses=yes)"
_RESUME = "downloads stop then, and resume when flowtui runs again"


@dataclass(frozen=True)
class AtLogout:
    """What a logout does to the downloads, for people; both empty when all is well."""

    what: str = ""
    remedy: str = ""


def logout_warning() -> str:
    """What a logout does to the downloads and what helps, for people; empty when all is well."""
    found = at_logout()
    return f"{found.what}. To keep them running, {found.remedy}" if found.what else ""


def at_logout() -> AtLogout:
    """What a logout does to the downloads on this host, and what helps."""
    if not logout_kills():
        return AtLogout()
    if not lingers():
        return AtLogout(
            f"{_KILLS}: {_RESUME}",
            "run `loginctl enable-linger`, then `flowtui engine stop` and `flowtui resume --all`",
        )
    if not _has_scope():
        return AtLogout(
            f"{_KILLS}, and systemd-run cannot start the engine outside your session: {_RESUME}",
            "use `flowtui get` in a scheduler job",
        )
    if _inside_session(_engine_pid()):
        return AtLogout(
            "the engine was started before `loginctl enable-linger`: downloads stop when you log"
            " out",
            "run `flowtui engine stop` and `flowtui resume --all`",
        )
    return AtLogout()


def scope_command() -> list[str]:
    """What to put before the engine's command, so that a logout does not end it; often nothing."""
    return list(_SCOPE) if logout_kills() and lingers() and _has_scope() else []


def logout_kills() -> bool:
    """Whether the end of the session would end its processes."""
    if not (ROOT / "run/systemd/system").is_dir() or not _inside_session("self"):
        return False
    answer = _output_of("busctl", "get-property", *_LOGIND, "KillUserProcesses", "KillOnlyUsers",
                "KillExcludeUsers")  # fmt: skip
    lines = answer.splitlines() if answer is not None else []
    if len(lines) != 3:
        return False  # a systemd without an answering logind ends no sessions either
    kills, only, excluded = lines[0].split() == ["b", "true"], _names(lines[1]), _names(lines[2])
    user = _user()
    return kills and user not in excluded and (not only or user in only)


def lingers() -> bool:
    """Whether this user's manager stays when the last session ends."""
    linger = _output_of("loginctl", "show-user", _user(), "-p", "Linger", "--value")
    if linger is not None:
        return linger.strip() == "yes"
    return (ROOT / "var/lib/systemd/linger" / _user()).exists()


def _has_scope() -> bool:
    return _output_of(*_SCOPE, "true") is not None


def _inside_session(pid: str) -> bool:
    """Whether a process belongs to a login session, by its control group."""
    try:
        text = (ROOT / "proc" / pid / "cgroup").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return "/session-" in text


def _engine_pid() -> str:
    from flowtui.config import folders

    pid = read_address(folders().engine_lock).pid
    return "none" if pid is None else str(pid)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _names(line: str) -> list[str]:
    """The strings of a busctl line such as `as 1 "root"`."""
    return [name.strip('"') for name in line.split()[2:]]


def _output_of(*command: str) -> str | None:
    """What a command prints, or None where it is not there or fails."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=TOOL_TIMEOUT, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
