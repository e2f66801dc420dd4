"""The memory that a download takes does not depend on how large the file is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.big_file import offer
from support.fault_server import FaultServer

MB = 1_000_000

FLAT = 10 * MB
"""Bytes by which the peak may differ."""

# The peak of the process itself: what `wait4` tells has its parent's memory in it.
RUN = """
import atexit, re, runpy, sys
from pathlib import Path
place = Path(sys.argv.pop())
def peak():
    status = Path("/proc/self/status").read_text()
    place.write_text(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1])
atexit.register(peak)
sys.argv[0] = "flowtui"
runpy.run_module("flowtui", run_name="__main__", alter_sys=True)
"""


def peak_of(server: FaultServer, folder: Path, size: int, *options: str) -> int:
    """Bytes at the highest of a `flowtui get` of one file of so many bytes."""
    id_ = str(size)
    offer(server, id_, size)
    environment = {
        **{key: os.environ[key] for key in ("PATH", "TMPDIR") if key in os.environ},
        "HOME": str(folder),
        "FLOWTUI_HOME": str(folder / "home"),
        "FLOW_API_URL": server.url,
        "FLOW_ACCESS_TOKEN": "any",
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
    }
    place = folder / f"peak-{size}"
    arguments = ["get", f"data/{id_}", "--to", str(folder / "to"), *options, str(place)]
    done = subprocess.run(
        [sys.executable, "-c", RUN, *arguments], env=environment, capture_output=True, text=True,
        timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    here = folder / "to" / "data" / f"{id_}.bin"
    assert here.stat().st_size == size  # and by its md5 the right bytes: else the status is 1
    here.unlink()
    return int(place.read_text()) * 1024


@pytest.fixture
def server():
    with FaultServer() as one:
        yield one


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("options", [(), ("--connections", "4")], ids=["automatic", "four"])
def test_memory_is_flat_from_a_small_file_to_a_large_one(server, tmp_path, options):
    small = peak_of(server, tmp_path, 1 * MB, *options)
    large = peak_of(server, tmp_path, 200 * MB, *options)
    assert abs(large - small) < FLAT, f"{small / MB:.1f} MB for 1 MB, {large / MB:.1f} for 200"


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("options", [(), ("--connections", "16")], ids=["automatic", "sixteen"])
def test_memory_is_flat_up_to_two_gigabytes(server, tmp_path, options):
    small = peak_of(server, tmp_path, 1 * MB, *options)
    large = peak_of(server, tmp_path, 2000 * MB, *options)
    assert abs(large - small) < FLAT, f"{small / MB:.1f} MB for 1 MB, {large / MB:.1f} for 2,000"
