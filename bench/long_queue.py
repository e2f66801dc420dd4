"""Case G: a queue of 10,000 files in the background engine."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path
from statistics import median

import peers
import report
from peers import Failed
from servers import Farm, environment

FILES = 10_000
SIZE = 4 << 20
"""Bytes of a file; sparse, served at 8 MiB/s a connection, so that all is still under way."""


def measure(at: Farm, work: Path) -> str:
    """The case in Markdown. Raises Failed."""
    files = at.put("g", FILES, SIZE, limited=True, sparse=True)
    home, words = work / "home-g", work / "words"
    settings = environment(home)
    wish = peers.Wish(at.url, "g", files, work / "out", at.files, at.ca)
    log = (work / "engine-words").open("wb")
    engine = subprocess.Popen(
        [peers.FLOWTUI, "engine", "run"], env=settings, stdin=subprocess.DEVNULL,
        stdout=log, stderr=log, start_new_session=True,
    )  # fmt: skip
    try:
        _wait_for_engine(settings, words)
        command = peers.flowtui.command(wish)
        command[1] = "add"
        whole = peers.timed(command, settings, words).seconds
        time.sleep(3)
        states = [peers.timed([peers.FLOWTUI, "status"], settings, words).seconds for _ in range(5)]
        pauses = [_pause_and_resume(settings, at) for _ in range(5)]
        peak = _peak(engine.pid)
        quick = _add_again(settings, wish)
    finally:
        engine.terminate()
        try:
            engine.wait(10)
        except subprocess.TimeoutExpired:
            engine.kill()
            engine.wait()
        log.close()
    shutil.rmtree(work / "out", ignore_errors=True)
    shutil.rmtree(work / "out2", ignore_errors=True)
    for one in files:
        shutil.rmtree(at.files / one.id)
    answered, acted = (median(one) for one in zip(*pauses, strict=True))
    status = median(states)
    print(f"  G add {whole:.2f} s ({quick:.2f} s in the engine), status {status:.2f} s, "
          f"pause {answered:.3f}/{acted:.3f} s, {peak / 1e6:.0f} MB", flush=True)  # fmt: skip
    rows = [
        ("`flowtui add` of them, whole process (100 pages of Flow's list)", f"{whole:.2f} s", ""),
        ("of this the engine's part, measured alone", f"{quick:.2f} s",
         report.goal(quick, 3, "≤ 3 s")),
        ("`flowtui status`, whole process", f"{status:.2f} s", report.goal(status, 0.3, "≤ 0.3 s")),
        ("pause of all: answered", f"{answered:.3f} s", ""),
        ("pause of all: no connection fetches any more", f"{acted:.3f} s",
         report.goal(acted, 0.2, "≤ 0.2 s")),
        ("peak memory of the engine", f"{peak / 1e6:.0f} MB",
         report.goal(peak / 1e6, 120, "≤ 120 MB")),
    ]  # fmt: skip
    return report.figures("G", "a queue of 10,000 files", rows)


def _client(settings: dict[str, str], code: str) -> list[float]:
    """Run code with a client of the engine in a process of its own; the numbers it prints."""
    import sys

    done = subprocess.run(
        [sys.executable, "-c", code], env=settings, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Failed(done.stderr[-800:])
    return [float(word) for word in done.stdout.split()]


def _add_again(settings: dict[str, str], wish: peers.Wish) -> float:
    """Seconds that the engine takes to queue them, from request to answer, to another folder."""
    code = f"""
import time
from flowtui.daemon.connect import connect_engine
from flowtui.protocol.messages import Batch
from flowtui.flow.remote_file import RemoteFile
files = tuple(
    RemoteFile(f"data/g-{{n}}", f"g-{{n}}.bin", f"/limited/g-{{n}}/g-{{n}}.bin",
               ("samples", "g"), {SIZE}, None, f"g-{{n}}")
    for n in range({FILES})
)
with connect_engine(start=False) as client:
    client.pause(None)
    began = time.monotonic()
    added = client.add(Batch({wish.base!r}, {str(wish.folder.with_name("out2"))!r}, "g", files))
    print(time.monotonic() - began)
    client.cancel(added.ids)
    client.forget(added.ids)
    client.resume(None)
"""
    return _client(settings, code)[0]


def _pause_and_resume(settings: dict[str, str], at: Farm) -> tuple[float, float]:
    """Pause all while files come in: seconds to the answer, and until nobody fetches any more."""
    code = f"""
import time, urllib.request
from flowtui.daemon.connect import connect_engine
def busy():
    text = urllib.request.urlopen("{at.url}/connections").read().decode()
    return int(text.split("Writing:")[1].split()[0]) - 1
with connect_engine(start=False) as client:
    client.resume(None)
    deadline = time.monotonic() + 10
    while not busy() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert busy()
    time.sleep(1)
    began = time.monotonic()
    client.pause(None)
    answered = time.monotonic() - began
    while busy():
        time.sleep(0.005)
    print(answered, time.monotonic() - began)
"""
    answered, acted = _client(settings, code)
    return answered, acted


def _wait_for_engine(settings: dict[str, str], words: Path) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            peers.timed([peers.FLOWTUI, "engine", "status"], settings, words)
            return
        except Failed:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _peak(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise Failed("the engine has ended")
