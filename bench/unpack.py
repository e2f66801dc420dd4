"""How fast an archive of many files is unpacked, beside `unzip`, and how much memory that takes.

    python bench/unpack.py [--files 5000] [--rounds 5] [--write]

The archive is a zip64 of files such as Flow has: four of five incompressible (reads, alignments;
stored), one of five a table (deflated). Both programs write to the same disk, in turns, each after
a `sync`. Ours checks CRC and md5 of every file and flushes it to the disk before it gets its name;
`unzip` checks the CRC and flushes nothing, so it is also timed together with a `sync`. With
`--write` the result goes into docs/benchmarks.md, between the marks `unpack`.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from datetime import UTC, datetime
from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"
BEGIN, END = "<!-- unpack: begin -->", "<!-- unpack: end -->"


def make_archive(path: Path, files: int) -> tuple[list[tuple[str, int, str]], int]:
    """Write the archive; each member's name, size and md5, and the bytes of all."""
    rng = random.Random(1)
    listed: list[tuple[str, int, str]] = []
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(files):
            size = int(min(8_000_000, rng.lognormvariate(12.2, 1.0)))
            info = zipfile.ZipInfo(f"sample_{number // 2:04}/file_{number:05}.gz")
            if number % 5 == 4:
                rows = (f"ENSG{i:011}\tGENE{i}\t{rng.random():.6f}\n" for i in range(size // 34))
                content = "".join(rows).encode()
                info.compress_type = zipfile.ZIP_DEFLATED
            else:
                content = rng.randbytes(size)
            with archive.open(info, "w", force_zip64=True) as stream:
                stream.write(content)
            listed.append((info.filename, len(content), hashlib.md5(content).hexdigest()))
    return listed, sum(size for _, size, _ in listed)


def unpack(archive: Path, listing: Path, to: Path) -> None:
    """Be the process that unpacks; prints seconds and the most memory it had, in MiB."""
    import resource

    from flowtui.flow.remote_file import RemoteFile
    from flowtui.transfer.archive import extract
    from flowtui.transfer.cancel import StopSignal
    from flowtui.transfer.task import ExpectedFile

    files = []
    for number, line in enumerate(listing.read_text().splitlines()):
        name, size, md5 = line.split("\t")
        folder, _, filename = name.partition("/")
        id_ = str(number)
        file = RemoteFile(f"data/{id_}", filename, "", ("p", folder), int(size), md5, id_)
        files.append(ExpectedFile(file, f"p/{name}"))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began, used = time.monotonic(), time.process_time()
    outcome = extract.run(
        extract.Unpack(archive, to, tuple(files)), StopSignal(), lambda came: None
    )
    seconds = time.monotonic() - began
    if outcome != extract.Unpacked():
        raise SystemExit(str(outcome))
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(seconds, before / 1024, after / 1024, time.process_time() - used)


def fresh(folder: Path) -> Path:
    """The folder, empty, on a disk that has nothing to do."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    os.sync()
    return folder


def main() -> None:
    """Measure, print, and write where asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--child", nargs=3, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        unpack(*options.child)
        return
    if shutil.which("unzip") is None:
        raise SystemExit("unzip is not installed")
    with tempfile.TemporaryDirectory(prefix="flowtui-bench-", dir=os.environ.get("TMPDIR")) as name:
        lines = measure(Path(name), options.files, options.rounds)
    print("\n".join(lines))
    if options.write:
        write(lines)


def measure(base: Path, files: int, rounds: int) -> list[str]:
    """The result as lines of Markdown."""
    archive, listing = base / "archive.zip", base / "listing"
    listed, total = make_archive(archive, files)
    listing.write_text("".join(f"{n}\t{size}\t{md5}\n" for n, size, md5 in listed))
    ours, theirs, synced, memory, idle, our_cpu, their_cpu = [], [], [], [], [], [], []
    for number in range(rounds):
        to = fresh(base / "ours")
        command = [sys.executable, __file__, "--child", str(archive), str(listing), str(to)]
        answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        seconds, before, after, cpu = map(float, answer.split())
        our_cpu.append(cpu)
        ours.append(seconds)
        idle.append(before)
        memory.append(after)
        to = fresh(base / "theirs")
        began, used = time.monotonic(), os.times()
        subprocess.run(["unzip", "-q", str(archive), "-d", str(to)], check=True)
        now = os.times()
        their_cpu.append(now[2] + now[3] - used[2] - used[3])
        theirs.append(time.monotonic() - began)
        os.sync()
        synced.append(time.monotonic() - began)
        print(f"round {number + 1}: ours {ours[-1]:.2f} s, unzip {theirs[-1]:.2f} s,"
              f" with sync {synced[-1]:.2f} s", file=sys.stderr)  # fmt: skip
    mine, other, flushed = map(statistics.median, (ours, theirs, synced))

    def row(what: str, all_: list[float], median: float) -> str:
        return (
            f"| {what} | {median:.2f} | {min(all_):.2f} to {max(all_):.2f} |"
            f" {total / median / 1e6:.0f} | {other / median:.2f} |"
        )

    return [
        f"A zip64 of {files:,} files, {total / 1e9:.2f} GB unpacked"
        f" ({archive.stat().st_size / 1e9:.2f} GB packed);"
        f" {rounds} rounds in turns; {os.cpu_count()} processors, {platform.machine()},"
        f" Python {platform.python_version()}; {datetime.now(UTC):%Y-%m-%d}.",
        "",
        "| | median s | range s | MB/s | speed against `unzip` |",
        "|---|---|---|---|---|",
        row("flowtui: CRC, md5, every file flushed", ours, mine),
        row("`unzip`: CRC, nothing flushed", theirs, other),
        row("`unzip`, then `sync`", synced, flushed),
        "",
        f"Processor time, median: flowtui {statistics.median(our_cpu):.1f} s;"
        f" `unzip` {statistics.median(their_cpu):.1f} s. Other work on the machine meanwhile:"
        f" load {os.getloadavg()[2]:.1f}.",
        "",
        f"Memory of the process that unpacks: {statistics.median(idle):.0f} MiB before,"
        f" {max(memory):.0f} MiB at most.",
    ]


def write(lines: list[str]) -> None:
    """Put the lines between the marks; the marks are added at the end where they are missing."""
    text = PAGE.read_text() if PAGE.exists() else "# Benchmarks\n"
    if BEGIN not in text:
        text += f"\n## Unpacking an archive\n\n`python bench/unpack.py --write`\n\n{BEGIN}\n{END}\n"
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(f"{head}{BEGIN}\n" + "\n".join(lines) + f"\n{END}{tail}")


if __name__ == "__main__":
    main()
