"""Hours of bad luck: random faults, kills, pauses and rate changes over a mixed queue.

    python bench/soak.py --minutes 30

A server that breaks the protocol at random (tests/support/fault_server.py) serves batches of small
and large files to the background engine, one batch after the other. In the first third of the time
the engine is killed (-9) now and then; then one engine has to live on, so that what it uses can be
compared: at the end of every batch, with nothing to do. Every file of every batch must be there
with the right md5, or the run fails. The figures go into docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gzip
import hashlib
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import peers
import report
from servers import environment

from flowtui.config import Folders, host_name
from flowtui.daemon.client import EngineClient
from flowtui.daemon.connect import connect_engine
from flowtui.daemon.errors import EngineError
from flowtui.flow.remote_file import RemoteFile
from flowtui.protocol.messages import Batch, RequestRefused

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from support.fault_server import (  # noqa: E402
    Exchange,
    FaultServer,
    File,
    answer,
    cut_after,
    stall,
)

SIZES = [*[20_000] * 60, *[200_000] * 40, *[3_000_000] * 10, *[20_000_000] * 3, 60_000_000]
"""Bytes of the files of a batch."""

FAULTS = 0.06
"""Of all requests, how many go wrong."""


@dataclass(frozen=True)
class Used:
    """What the engine uses: bytes of memory, open files, threads."""

    memory: int
    files: int
    threads: int

    @classmethod
    def of(cls, pid: int) -> Used:
        """Of a process."""
        fields = dict(
            line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        )
        files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
        return cls(int(fields["VmRSS"].split()[0]) * 1024, files, int(fields["Threads"]))


class Soak:
    """One run.

    Attributes:
        happened: what was done to the engine and to its requests, and how often.
        used: what the surviving engine used at the end of each batch.
    """

    def __init__(self, work: Path, server: FaultServer, seed: int) -> None:
        self.work = work
        self.server = server
        self.chance = random.Random(seed)
        self.happened: Counter[str] = Counter()
        self.used: list[Used] = []
        self.bytes = 0
        home = work / "home"
        self.environment = environment(home)
        base = home / "flowtui"
        # The engine's folders by the rule of config.folders(), whose environment is not ours.
        self.folders = Folders(
            base / "config", base / "state" / host_name(), _runtime(self.environment)
        )
        self.engine: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the engine."""
        words = (self.work / "engine-words").open("ab")
        self.engine = subprocess.Popen(
            [peers.FLOWTUI, "engine", "run"], env=self.environment, stdin=subprocess.DEVNULL,
            stdout=words, stderr=words, start_new_session=True,
        )  # fmt: skip
        words.close()

    def client(self) -> EngineClient:
        """A client of the engine that runs now."""
        deadline = time.monotonic() + 20
        while True:
            try:
                return connect_engine(self.folders, start=False)
            except EngineError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def kill(self) -> None:
        """Kill the engine and start another."""
        assert self.engine is not None
        self.engine.kill()
        self.engine.wait()
        self.happened["kill -9"] += 1
        self.start()

    def batch(self, number: int) -> tuple[Batch, Path]:
        """A new batch, and its folder."""
        folder = self.work / f"batch{number}"
        files = []
        self.server.files.clear()
        for n, size in enumerate(SIZES):
            id_ = f"{number}x{n}"
            content = self.chance.randbytes(size)
            name, known = f"{id_}.bin", n % 7 != 0  # some without md5, as on the live service
            if n % 14 == 0:
                name, content = f"{id_}.fastq.gz", gzip.compress(content, 1)
            file = File(content, always=self.perhaps_wrong)
            path = f"/downloads/{id_}/{name}"
            self.server.files[path] = file
            files.append(
                RemoteFile(f"data/{id_}", name, path, ("data",), len(content),
                           file.md5 if known else None, id_)
            )  # fmt: skip
        return Batch(self.server.url, str(folder), f"batch {number}", tuple(files)), folder

    async def perhaps_wrong(self, exchange: Exchange) -> None:
        """Answer a request, or spoil it."""
        if self.chance.random() > FAULTS:
            await exchange.serve()
            return
        length = max(1, exchange.slice()[1] - exchange.slice()[0])
        point = self.chance.randrange(length)
        name, handler = self.chance.choice(
            [
                ("cut", cut_after(point)),
                ("reset", cut_after(point, reset=True)),
                ("stalled", stall(point, 1.5)),
                ("503", answer(503, Retry_After="1")),
                ("429", answer(429)),
                ("500", answer(500)),
            ]
        )
        self.happened[name] += 1
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            await handler(exchange)

    def run(self, seconds: float) -> int:
        """Batch after batch; how many. Raises peers.Failed."""
        self.start()
        began = time.monotonic()
        number = 0
        while time.monotonic() - began < seconds:
            number += 1
            batch, folder = self.batch(number)
            self._to_the_end(batch, lambda: time.monotonic() - began < seconds / 3)
            for file in batch.files:
                self._check(folder / "data" / file.filename, self.server.files[file.url])
            self._forget()
            if time.monotonic() - began >= seconds / 3:
                assert self.engine is not None
                self.used.append(Used.of(self.engine.pid))
            shutil.rmtree(folder)
            self.bytes += sum(SIZES)
            print(f"  batch {number}, {time.monotonic() - began:.0f} s: {dict(self.happened)} "
                  f"{self.used[-1:]}", flush=True)  # fmt: skip
        return number

    def _to_the_end(self, batch: Batch, may_kill: object) -> None:
        assert callable(may_kill)
        with self.client() as client:
            client.settings(limit_rate=0)
            client.add(batch)
        give_up = time.monotonic() + 300
        while True:
            time.sleep(self.chance.uniform(0.05, 0.6))
            if time.monotonic() > give_up:
                raise peers.Failed("a batch does not come to its end")
            try:
                with self.client() as client:
                    counts = Counter(client.status().summary.counts)
                    ended = counts["done"] + counts["skipped"]
                    if ended == len(batch.files):
                        return
                    self._trouble(client, counts)
            except (EngineError, RequestRefused):
                continue  # it was killed meanwhile
            if may_kill() and self.chance.random() < 0.2:
                self.kill()

    def _trouble(self, client: EngineClient, counts: Counter[str]) -> None:
        """Do something to a running engine."""
        if counts["failed"]:
            self.happened["retry of failed files"] += client.retry(None)
        if counts["paused"]:
            client.resume(None)
            return
        match self.chance.randrange(6):
            case 0:
                client.pause(None)
                self.happened["pause"] += 1
            case 1:
                rate = self.chance.choice([0, 0, 5_000_000, 20_000_000])
                client.settings(limit_rate=rate)
                self.happened["rate change"] += 1
            case 2:
                client.settings(
                    jobs=self.chance.choice([1, 4, 8]),
                    connections=self.chance.choice([0, 1, 4, 16]),
                )
                self.happened["change of jobs and connections"] += 1

    def _check(self, path: Path, file: File) -> None:
        if hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() != file.md5:
            raise peers.Failed(f"{path} has wrong bytes")

    def _forget(self) -> None:
        """Leave the engine with nothing to do, and give it a moment to come to rest."""
        with self.client() as client:
            client.forget(None)
        time.sleep(1.0)


def _runtime(environment: dict[str, str]) -> Path:
    """Where an engine with this environment has its socket."""
    code = "from flowtui.config import folders; print(folders().runtime)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    return Path(done.stdout.strip())


def _typical(used: list[Used]) -> Used:
    return Used(
        int(median(one.memory for one in used)),
        int(median(one.files for one in used)),
        int(median(one.threads for one in used)),
    )


def section(soak: Soak, batches: int, minutes: float) -> str:
    """The figures in Markdown."""
    # Of the time after the last kill: its first and its second half.
    half = len(soak.used) // 2
    first, last = _typical(soak.used[:half]), _typical(soak.used[half:])
    sent = sum(one.sent for one in soak.server.requests)
    done = ", ".join(f"{n} × {name}" for name, n in soak.happened.most_common())
    rows = [
        ("batches and files, all verified", f"{batches}, {batches * len(SIZES):,}", ""),
        ("bytes of the files; sent by the server",
         f"{soak.bytes / 1e9:.1f} GB; {sent / 1e9:.1f} GB", ""),
        ("what happened", done, ""),
        ("memory of the engine at rest between batches, earlier and later",
         f"{first.memory / 1e6:.0f} MB, {last.memory / 1e6:.0f} MB",
         report.goal(last.memory - first.memory, 10e6, "≤ 10 MB more")),
        ("open files, earlier and later", f"{first.files}, {last.files}",
         report.goal(last.files - first.files, 40, "no growth beyond pooled connections")),
        ("threads, earlier and later", f"{first.threads}, {last.threads}",
         report.goal(last.threads - first.threads, 20, "no growth beyond idle workers")),
    ]  # fmt: skip
    lines = [f"### Soak: {minutes:g} minutes of faults", "", "| what | measured | goal |"]
    lines += ["|---|---|---|", *(f"| {a} | {b} | {c} |" for a, b, c in rows)]
    return "\n".join(lines)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--no-write", action="store_true", help="leave docs/benchmarks.md alone")
    given = parser.parse_args()
    work = ROOT / "bench" / "out" / "soak"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    print(f"seed {given.seed}")
    with FaultServer() as server:
        soak = Soak(work, server, given.seed)
        try:
            batches = soak.run(given.minutes * 60)
        except peers.Failed as error:
            sys.exit(f"{error}; what there is is in {work}")
        finally:
            if soak.engine is not None:
                soak.engine.terminate()
                soak.engine.wait(10)
        text = section(soak, batches, given.minutes)
    shutil.rmtree(work)
    print(text)
    if not given.no_write:
        report.write(ROOT / "docs" / "benchmarks.md", {"soak": text}, 1)


if __name__ == "__main__":
    main()
