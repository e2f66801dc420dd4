"""The machine crashes: what was not flushed may be gone, in any combination."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from pathlib import Path

import pytest

from flowtui.transfer.disk import journal
from support.crash_disk import CrashDisk, Survives
from support.fault_server import cut_after, stall
from support.lab import QUICK, Lab, content
from support.waiting import GUARD

OFTEN = replace(QUICK, flush_every=0.02)


DATA = content(2_000_000)
OTHER = content(2_000_000, 2)


class Crashes:
    """Notes at random steps what a crash there would leave, once for each way to lose things."""

    def __init__(self, disk: CrashDisk, seed: int, every: int) -> None:
        self.disk = disk
        self.dice = random.Random(seed)
        self.every = every
        self.steps = 0
        self.found: list[tuple[Survives, dict[str, bytes]]] = []
        disk.on_step = self.step

    def step(self) -> None:
        self.steps += 1
        if (self.steps % self.every == 0 or self.dice.random() < 0.05) and len(self.found) < 45:
            self.found += [(how, self.disk.after_crash(how, self.dice)) for how in Survives]


def put(folder: Path, files: dict[str, bytes], root: Path) -> None:
    for name, data in files.items():
        path = folder / Path(name).relative_to(root)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


@pytest.fixture
def after_restart(monkeypatch):
    """Call it to be on the next boot of the machine."""

    def restart() -> None:
        monkeypatch.setattr(journal, "this_boot", lambda: "this-host another-boot")

    return restart


def go_on_from_all(lab: Lab, crashes: Crashes, right: bytes, after_restart, tmp_path) -> None:
    """From each of the states: all that is believed is right, and the file comes to its end."""
    root = lab.root
    after_restart()
    crashes.disk.on_step = lambda: None
    for n, (how, files) in enumerate(crashes.found):
        lab.root = tmp_path / f"crash{n}"
        put(lab.root, files, root)
        part = lab.target.with_name("a.bin.part")
        record = journal.load(part.with_name(part.name + ".journal"))
        if record is not None and part.exists() and record.identity.etag == lab.file.etag:
            here = part.read_bytes()
            for start, end in record.ranges:
                assert here[start:end] == right[start:end], (how, n, start, end)
        if lab.target.exists():
            assert lab.target.read_bytes() == right, (how, n)
        lab.fetch()
        assert lab.row is not None
        assert lab.row.state in ("done", "skipped"), (how, n, lab.row)
        assert (lab.root / lab.row.path).read_bytes() == right, (how, n)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_crash_at_any_step_of_a_transfer(lab: Lab, monkeypatch, tmp_path, after_restart, seed):
    lab.timings = replace(OFTEN, note_every=100_000)
    crashes = Crashes(CrashDisk(lab.root, monkeypatch), seed, every=7)
    lab.serve(DATA, rate=8e6)
    lab.fetch()
    lab.file.rate = 0
    assert len(crashes.found) >= 9
    go_on_from_all(lab, crashes, DATA, after_restart, tmp_path)


def test_a_crash_around_a_file_that_changed(lab: Lab, monkeypatch, tmp_path, after_restart):
    """The old journal must not vouch for the new bytes."""
    lab.timings = replace(OFTEN, note_every=100_000)
    lab.serve(OTHER, etag='"old"', rate=8e6, handlers=[cut_after(1_200_000)])
    crashes = Crashes(CrashDisk(lab.root, monkeypatch), 3, every=7)

    async def change(exchange):
        exchange.file.content, exchange.file.etag = DATA, '"new"'
        await exchange.serve()

    lab.file.handlers.append(change)
    lab.fetch(md5=None)
    lab.file.rate = 0
    go_on_from_all(lab, crashes, DATA, after_restart, tmp_path)


def test_a_crash_after_a_pause_and_a_resume(lab: Lab, monkeypatch, tmp_path, after_restart):
    """What the first run had flushed stays believed while the second one has begun."""
    lab.timings = OFTEN
    lab.serve(DATA, rate=8e6, handlers=[stall(1_500_000, 10 * GUARD)])
    disk = CrashDisk(lab.root, monkeypatch)
    made = lab.start()
    lab.until(lambda row: row.done > 1_000_000)
    part = lab.target.with_name("a.bin.part")
    flushed = lambda: journal.load(part.with_name("a.bin.part.journal")).flushed.total  # noqa: E731
    lab.until(lambda row: flushed() > 500_000)
    made.pause(None)
    assert made.wait_idle(GUARD)
    before = flushed()
    # From here on nothing is flushed before the end.
    monkeypatch.setattr(made._workers, "_timings", replace(OFTEN, flush_every=10 * GUARD))
    crashes = Crashes(disk, 4, every=5)
    made.resume(None)
    assert made.wait_idle(GUARD)
    lab.stop()
    lab.file.rate = 0
    kept = [
        files for how, files in crashes.found if any(name.endswith(".journal") for name in files)
    ]
    assert kept
    for n, files in enumerate(kept):
        folder = tmp_path / f"kept{n}"
        put(folder, files, lab.root)
        record = journal.load(folder / "data" / "a.bin.part.journal")
        assert record is not None
        assert record.flushed.total >= before
    go_on_from_all(lab, crashes, DATA, after_restart, tmp_path)


def test_what_was_flushed_is_not_fetched_again(lab: Lab, monkeypatch, tmp_path, after_restart):
    lab.timings = replace(OFTEN, flush_check=0.02)
    lab.serve(DATA, rate=3e6, handlers=[stall(1_500_000, 10 * GUARD)])
    disk = CrashDisk(lab.root, monkeypatch)
    lab.start()
    files: dict[str, bytes] = {}

    def flushed(row) -> bool:
        files.update(disk.after_crash(Survives.NOTHING, random.Random(1)))
        text = files.get(str(lab.target) + ".part.journal", b"")
        return any(int(found[1]) > 500_000 for found in re.finditer(rb"\[0,(\d+)\]\]", text))

    lab.until(flushed)
    lab.stop()
    root, lab.root = lab.root, tmp_path / "crash"
    put(lab.root, files, root)
    after_restart()
    lab.file.rate = 0
    lab.fetch()
    resumed = lab.requests[-1].range
    assert resumed is not None
    assert resumed[0] > 500_000
    lab.expect("done")


def test_without_a_restart_what_was_written_counts(lab: Lab):
    """The process alone was killed: the kernel has the bytes, flushed or not."""
    lab.serve(DATA, rate=8e6, held=-1)
    lab.start()
    lab.until(lambda row: row.done > 1_500_000)
    lab.stop()
    lab.file.rate = 0
    lab.fetch()
    lab.expect("done", requests=2)
    assert lab.requests[1].range is not None
    assert lab.requests[1].range[0] > 1_400_000
