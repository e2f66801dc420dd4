"""flowtui as a shell or a job script runs it: a process, with an environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

from flowtui.demo.catalogue import Catalogue, File
from support import forked


class Shell:
    """Runs flowtui as a job script would: no keyring, no settings, a token in the environment."""

    def __init__(self, home: Path, url: str) -> None:
        self.to = home / "down"
        sent = {"username": "demo", "password": "demo"}
        # To load certificates, which are not needed here, would take longer than all else.
        token = httpx.post(f"{url}/login", json=sent, verify=False).json()
        kept = {key: os.environ[key] for key in ("PATH", "LANG", "TMPDIR") if key in os.environ}
        self.environment = {
            **kept,
            "HOME": str(home),
            "FLOWTUI_HOME": str(home / "home"),
            "FLOW_API_URL": url,
            "FLOW_ACCESS_TOKEN": str(token.get("token") or token.get("access_token")),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        }

    def command(self, *args: str) -> list[str]:
        """What a shell would start, from nothing."""
        return [sys.executable, "-m", "flowtui", *args]

    def run(self, *args: str, status: int | None = 0) -> subprocess.CompletedProcess[str]:
        """A command to its end, as a process that was forked (see `support.forked`)."""
        done = forked.run(args, self.environment)
        if status is not None:
            assert done.returncode == status, (args, done.stdout[-3000:], done.stderr[-3000:])
        assert "Traceback" not in done.stderr
        return done

    def get(self, *args: str, status: int | None = 0) -> list[dict[str, Any]]:
        """`get --json` into the target folder; its events."""
        done = self.run("get", "--json", "--to", str(self.to), *args, status=status)
        return [json.loads(line) for line in done.stdout.splitlines()]


def file_of(catalogue: Catalogue, key: str) -> File:
    """The demo's file that a key names."""
    kind, id_, *path = key.split("/", 2)
    if kind == "data":
        return catalogue.files[id_]
    return next(one for one in catalogue.executions[id_].outputs if one.path == path[0])
