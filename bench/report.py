"""The figures as tables in docs/benchmarks.md, between marks; what people wrote there stays."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import peers
from cases import Case
from peers import Run

FRAME = """# Benchmarks

`make bench` measures on this machine and writes its figures between the marks below; the text
around them is written by hand. Times are those of whole processes, start-up included.
"""


def table(case: Case, runs: Mapping[str, Sequence[Run]]) -> str:
    """A case in Markdown: medians, and flowtui's time over each peer's."""
    lines = [
        f"### {case.letter}. {case.title}",
        "",
        "| program | median | fastest – slowest | processor | runs | peak memory | flowtui / it "
        "| goal |",
        "|---|---|---|---|---|---|---|---|",
    ]
    ours = median(one.seconds for one in runs["flowtui"]) if runs.get("flowtui") else None
    for peer in case.peers:
        times = sorted(one.seconds for one in runs.get(peer.name, ()))
        if not times:
            continue
        peak = max(run.peak for run in runs[peer.name]) / 1e6
        processor = median(run.processor for run in runs[peer.name])
        goal = case.goals.get(peer.name)
        ratio = goal_text = ""
        if ours is not None and peer.name != "flowtui":
            ratio = f"{ours / median(times):.2f}"
            if goal is not None:
                met = "met" if ours / median(times) <= goal else "**missed**"
                goal_text = f"≤ {goal:.2f} {met}"
        lines.append(
            f"| {peer.shown} | {median(times):.2f} s | {times[0]:.2f} – {times[-1]:.2f} s | "
            f"{processor:.2f} s | {len(times)} | {peak:.0f} MB | {ratio} | {goal_text} |"
        )
    return "\n".join(lines)


def figures(letter: str, title: str, rows: Sequence[tuple[str, str, str]]) -> str:
    """A case without peers in Markdown: rows of (what, measured, goal)."""
    lines = [f"### {letter}. {title}", "", "| what | measured | goal |", "|---|---|---|"]
    lines += [f"| {what} | {measured} | {goal} |" for what, measured, goal in rows]
    return "\n".join(lines)


def goal(value: float, at_most: float, words: str) -> str:
    """A goal in words, and whether it is met."""
    return f"{words} {'met' if value <= at_most else '**missed**'}"


def write(page: Path, sections: Mapping[str, str], runs: int) -> None:
    """Put sections into the page, in place of those of the same letters."""
    text = page.read_text(encoding="utf-8") if page.exists() else FRAME
    text = _placed(text, "machine", machine())
    for letter, section in sorted(sections.items()):
        stamp = f"_{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {runs} runs, load {_load()}; "
        stamp += f"again with `make bench` or `python bench/run.py --case {letter}`_"
        text = _placed(text, f"case {letter}", f"{section}\n\n{stamp}")
    page.parent.mkdir(exist_ok=True)
    page.write_text(text, encoding="utf-8")


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f}"


def machine() -> str:
    """What it was measured on and with."""
    cpu = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            cpu = line.partition(":")[2].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return (
        f"Machine: {cpu}, {os.cpu_count()} cores, {memory:.0f} GB, "
        f"Linux {platform.release().split('-')[0]}. Programs: {'; '.join(peers.versions())}."
    )


def _placed(text: str, name: str, content: str) -> str:
    """The text with `content` between the marks of `name`, added at the end where it has none."""
    begin, end = f"<!-- {name}: generated -->", f"<!-- {name}: end -->"
    whole = f"{begin}\n{content}\n{end}"
    marked = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if marked.search(text):
        return marked.sub(lambda _: whole, text)
    return f"{text.rstrip()}\n\n{whole}\n"
