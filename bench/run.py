"""Measures `flowtui get` side by side with other programs, and writes docs/benchmarks.md.

    python bench/run.py                     all cases, 5 runs (`make bench`)
    python bench/run.py --case A,C --runs 3
    python bench/run.py --case B --only flowtui,aria2c --no-write

The runs of a case are interleaved (each program once, then each again), every one into an empty
folder, after what the one before wrote was put on the disk. Needs Debian's aria2, curl and
nginx-light; root is not needed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from pathlib import Path

import big_file
import long_queue
import peers
import report
from cases import CASES, Case
from peers import Failed, Run, Wish
from servers import Farm, environment, farm

ROOT = Path(__file__).resolve().parent.parent


def measure(case: Case, at: Farm, work: Path, runs: int, only: set[str]) -> dict[str, list[Run]]:
    """All runs of a case: a peer's name → its runs. Raises Failed."""
    files = case.make(at, case.sample)
    taking_part = [one for one in case.peers if not only or one.name in only]
    done: dict[str, list[Run]] = {one.name: [] for one in taking_part}
    kept = work / "kept"
    kept.mkdir()
    for number in range(runs):
        for peer in taking_part:
            if number >= peer.at_most:
                continue
            out = work / "out"
            out.mkdir()
            wish = Wish(case.base(at), case.sample, files, out, at.files, at.ca)
            command = peer.command(wish)
            os.sync()
            run = peers.timed(command, environment(work / "home", at.ca), work / "words")
            if peer.fetches:
                peers.check(wish, md5=number == 0)
            done[peer.name].append(run)
            print(f"  {case.letter} {peer.name:24} {run.seconds:8.2f} s {run.processor:8.2f} s cpu "
                  f"{run.peak >> 20:5} MiB", flush=True)  # fmt: skip
            if len(files) == 1:
                shutil.rmtree(out)
            else:
                # An ext4 without a journal gives no inode twice within minutes, and looks at all
                # those of late whenever a file is made: every run would be slower than the last.
                out.rename(kept / str(len(list(kept.iterdir()))))
    shutil.rmtree(kept)
    for one in files:
        shutil.rmtree(at.files / one.id)
    return done


def main() -> None:
    """The command line."""
    letters = [case.letter for case in CASES] + ["F", "G"]
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--case", default=",".join(letters), help="letters, as A,C (default: all)")
    parser.add_argument("--runs", type=int, default=5, help="of each program (default: 5)")
    parser.add_argument("--only", default="", help="names of programs, as flowtui,aria2c")
    parser.add_argument("--work", type=Path, default=ROOT / "bench" / "out",
                        help="folder on the disk to be measured; it is emptied")  # fmt: skip
    parser.add_argument("--no-write", action="store_true", help="leave docs/benchmarks.md alone")
    given = parser.parse_args()
    wanted = [one.strip().upper() for one in given.case.split(",") if one.strip()]
    if unknown := set(wanted) - set(letters):
        parser.error(f"no such case: {', '.join(sorted(unknown))}")
    if needed := peers.missing():
        sys.exit(f"missing: {', '.join(needed)}; on Debian: apt-get install {' '.join(needed)}")
    only = {one.strip() for one in given.only.split(",") if one.strip()}
    work = given.work.resolve() / "work"
    shutil.rmtree(work, ignore_errors=True)
    began = time.monotonic()
    sections: dict[str, str] = {}
    try:
        with farm(work) as at:
            for case in CASES:
                if case.letter in wanted:
                    print(f"{case.letter}. {case.title}", flush=True)
                    runs = measure(case, at, work, given.runs, only)
                    sections[case.letter] = report.table(case, runs)
            if "F" in wanted:
                sections["F"] = big_file.measure(at, work)
            if "G" in wanted:
                sections["G"] = long_queue.measure(at, work)
    except Failed as error:
        sys.exit(str(error))
    finally:
        shutil.rmtree(work, ignore_errors=True)
    for text in sections.values():
        print(f"\n{text}")
    print(f"\nmeasured in {time.monotonic() - began:.0f} s")
    if not given.no_write and not only:
        report.write(ROOT / "docs" / "benchmarks.md", sections, given.runs)


if __name__ == "__main__":
    main()
