"""`kill -9` at random moments: nothing is believed that is not there, and little is lost."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from flowtui.transfer.disk import journal
from support.engine_forker import Engines
from support.fault_server import FaultServer, File
from support.services import batch, remote

MOST = 8 << 20
"""Bytes that a kill may cost."""

RATE = 40e6
BLOCK = 4096


@dataclass
class Figures:
    """What the kills cost, in bytes."""

    lost: list[int] = field(default_factory=list)
    in_parts: list[int] = field(default_factory=list)

    def __str__(self) -> str:
        lost = self.lost or [0]
        return (
            f"{len(self.lost)} kills: fetched again per kill {sum(lost) / len(lost) / 2**20:.2f} "
            f"MiB on average, {max(lost) / 2**20:.2f} MiB at most; "
            f"{max(self.in_parts, default=0) / 2**20:.1f} MiB in part files at most"
        )


class Trial:
    """A batch of 64 files from 4 kB to 6 MB, and engines that are killed over it."""

    def __init__(self, server: FaultServer, folder: Path, connections: int, seed: int) -> None:
        self.server = server
        self.folder = folder
        self.dice = random.Random(seed)
        self.jobs = 4
        self.connections = connections
        self.contents: dict[str, bytes] = {}
        self.figures = Figures()
        self.root = folder / "to"
        pool = random.Random(seed).randbytes(8_000_000)
        for n in range(64):
            size = self.dice.choice((4_000, 60_000, 400_000, 400_000, 1_500_000))
            size = 6_000_000 if n % 16 == 0 else size + self.dice.randrange(1000)
            start = self.dice.randrange(len(pool) - size)
            name = f"f{n}"
            self.contents[name] = pool[start : start + size]
            rate = RATE / (self.jobs * connections)
            server.files[f"/downloads/{n}/{name}"] = File(self.contents[name], rate=rate)
        wanted = batch(server, self.root, *(remote(server, str(n), f"f{n}") for n in range(64)))
        (folder / "batch.json").write_text(json.dumps(wanted.to_json()))

    def run(self, engines: Engines, kills: int) -> None:
        """Kill so many times, beginning the batch anew whenever it is done; then let it end."""
        while len(self.figures.lost) < kills:
            pid = self.start(engines)
            moment = time.monotonic() + self.dice.uniform(0.03, 0.6)
            while time.monotonic() < moment and engines.ended(pid) is None:
                time.sleep(0.005)
            if engines.ended(pid) is None:
                engines.kill(pid)
                assert engines.wait(pid) in (-9, 0)
                self.look()
            else:
                assert engines.ended(pid) == 0
                self.expect_all()
                shutil.rmtree(self.root)
                for one in self.folder.glob("queue.*"):
                    one.unlink()
        for file in self.server.files.values():
            file.rate = 0
        assert engines.wait(self.start(engines), 60) == 0
        self.expect_all()

    def start(self, engines: Engines) -> int:
        return engines.start(
            database=str(self.folder / "queue.db"),
            batch=str(self.folder / "batch.json"),
            jobs=self.jobs,
            connections=self.connections,
            smallest=100_000,
        )

    def look(self) -> None:
        """What a killed engine left: every believed byte is right; count those not believed."""
        lost = there = 0
        for part in self.root.rglob("*.part"):
            true = self.contents[part.name.removesuffix(".part")]
            here = part.read_bytes()
            record = journal.load(part.with_name(part.name + ".journal"))
            ranges = record.ranges if record else None
            for start, end in ranges or ():
                assert here[start:end] == true[start:end], f"{part.name}: {start}-{end} is wrong"
            gaps = ranges.gaps(len(here)) if ranges else [(0, len(here))]
            for start, end in gaps:
                for at in range(start, end, BLOCK):
                    until = min(at + BLOCK, end)
                    if here[at:until] == true[at:until]:
                        lost += until - at
            there += ranges.total if ranges else 0
        self.figures.lost.append(lost)
        self.figures.in_parts.append(there)
        assert lost <= MOST, f"{lost:,} bytes would be fetched again"
        for final in self.root.rglob("f*"):
            if final.suffix == "":
                assert final.read_bytes() == self.contents[final.name]

    def expect_all(self) -> None:
        for name, true in self.contents.items():
            got = (self.root / "data" / name).read_bytes()
            assert hashlib.md5(got).digest() == hashlib.md5(true).digest(), name
        left = [one.name for one in self.root.rglob("*.part*")]
        assert left == []


def kill(tmp_path: Path, connections: int, kills: int, seed: int) -> Figures:
    with FaultServer() as server, Engines() as engines:
        trial = Trial(server, tmp_path, connections, seed)
        trial.run(engines, kills)
    return trial.figures


@pytest.mark.parametrize("connections", [1, 4, 16])
def test_a_few_kills(tmp_path: Path, connections: int):
    figures = kill(tmp_path, connections, 7, seed=connections)
    assert len(figures.lost) == 7


@pytest.mark.long
@pytest.mark.parametrize("connections", [1, 4, 16])
def test_two_hundred_kills(tmp_path: Path, connections: int, capsys):
    figures = kill(tmp_path, connections, 200, seed=100 + connections)
    with capsys.disabled():
        print(f"\n{connections} connections, 4 files at a time: {figures}")
    assert len(figures.lost) == 200
