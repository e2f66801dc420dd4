"""Case F: how much memory `flowtui get` uses for a file of 10 GiB, and for one of 1 GiB."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import peers
import report
from servers import Farm, environment

GIB = 1 << 30

SIZES = (1, 10)
"""GiB."""


def measure(at: Farm, work: Path) -> str:
    """The case in Markdown. The files are sparse: all zeros, served fast. Raises Failed."""
    peaks = {}
    rows = []
    for size in SIZES:
        files = at.put(f"f{size}", 1, size * GIB, sparse=True)
        out = work / "out"
        out.mkdir()
        wish = peers.Wish(at.url, f"f{size}", files, out, at.files, at.ca)
        os.sync()
        run = peers.timed(peers.flowtui.command(wish), environment(work / "home"), work / "words")
        peers.check(wish, md5=False)
        shutil.rmtree(out)
        peaks[size] = run.peak / 1e6
        print(f"  F {size} GiB: {run.seconds:.1f} s, {run.peak / 1e6:.0f} MB", flush=True)
        rate = size * GIB / run.seconds / 1e6
        words = report.goal(peaks[size], 80, "≤ 80 MB")
        rows.append(
            (f"peak memory of the process, {size} GiB ({run.seconds:.1f} s, {rate:.0f} MB/s)",
             f"{peaks[size]:.0f} MB", words)
        )  # fmt: skip
    apart = abs(peaks[SIZES[0]] - peaks[SIZES[1]])
    rows.append(("difference of the two", f"{apart:.0f} MB", report.goal(apart, 10, "≤ 10 MB")))
    return report.figures("F", "memory for a large file", rows)
