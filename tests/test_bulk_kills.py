"""`flowtui get` of an archive, killed with -9 again and again: nothing comes twice."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from flowtui.demo.serve import DemoServer


@pytest.mark.long
@pytest.mark.parametrize("scenarios", [(), ("tar",)])
def test_kills_at_any_moment(tmp_path: Path, scenarios: tuple[str, ...]) -> None:
    rng = random.Random(len(scenarios))
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with DemoServer(job_seconds=0.3, token_seconds=7200, rate=45e6, scenarios=scenarios) as server:
        project = next(
            one for one in server.service.catalogue.projects.values() if "ATAC" in one.name
        )
        sent = {"username": "demo", "password": "demo"}
        token = httpx.post(f"{server.base_url}/login", json=sent, verify=False).json()["token"]
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(tmp_path), "FLOWTUI_HOME": str(tmp_path / "h"),
            "FLOW_API_URL": server.base_url, "FLOW_ACCESS_TOKEN": token,
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring", "TMPDIR": str(temporary),
        }  # fmt: skip
        to = tmp_path / "to"
        command = [sys.executable, "-m", "flowtui", "get", f"project/{project.id}"]
        command += ["--to", str(to), "--connections", "1", "--bulk", "always"]
        kills, status = 0, None
        while status is None:
            process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
            try:
                status = process.wait(rng.uniform(0.8, 4.5) if kills < 10 else 120)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
                kills += 1
        assert status == 0
        assert kills > 0
        requests = list(server.requests)
        paths = [one.path for one in requests]
        posts = [one for one in requests if one.method == "POST" and one.path.endswith("downloads")]
        assert len(posts) <= 2  # one more where it was killed before it had the answer
        archive = [one.range for one in requests if one.path.endswith((".zip", ".tar.gz"))]
        starts = [int((one or "bytes=0-")[6:].partition("-")[0]) for one in archive]
        # Each goes on where the one before was; only what came in a blink comes again.
        assert starts == sorted(starts)
        assert starts.count(0) <= 2
        assert [one for one in paths if one.endswith((".gz", ".bam")) and "tar.gz" not in one] == []
        here = [
            one
            for one in to.rglob("*")
            if one.is_file() and one.name not in ("downloads.log", "MD5SUMS")
        ]
        found = {hashlib.md5(one.read_bytes()).hexdigest(): one for one in here}
        right = {one.content.md5 for one in project.files}
        assert found.keys() >= right
        assert [one for md5, one in found.items() if md5 not in right] == []
        assert len(here) == len(project.files)
        # Nothing of the killed ones stays elsewhere either.
        assert list(temporary.iterdir()) == []
        left = [path for path in (tmp_path / "h").rglob("*") if path.is_file()]
        assert [path.name for path in left if path.suffix not in (".toml", ".json")] == []
