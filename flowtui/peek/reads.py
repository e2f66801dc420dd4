"""The first reads of a FASTQ, with their lengths and qualities; the sequences of a FASTA."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log10

from flowtui.peek.kinds import Kind
from flowtui.peek.view import View, table

SHOWN = 200
"""Reads that are listed; lengths and qualities are of all that came."""

SHOWN_BASES = 36

_BARS = "▁▂▃▄▅▆▇█"

_MEANS = tuple(10 ** (-quality / 10) for quality in range(94))
"""The chance of a wrong base, by Phred quality."""


@dataclass(frozen=True, slots=True)
class Read:
    """A read, its qualities as they are written (Phred + 33)."""

    name: str
    bases: str
    qualities: str

    @property
    def quality(self) -> float:
        """The Phred quality of the mean chance of an error, as in the tools of the field."""
        if not self.qualities:
            return 0.0
        chances = [_MEANS[min(93, max(0, ord(mark) - 33))] for mark in self.qualities]
        return -10 * log10(sum(chances) / len(chances)) + 0.0


def fastq(data: bytes, *, is_whole: bool) -> View:
    """The first reads; a last one that was cut is left out."""
    found, damage = _reads(data, is_whole=is_whole)
    if not found:
        return View(Kind.FASTQ, notes=(damage or "There is no read in it.",))
    lengths = [len(read.bases) for read in found]
    bases = sum(lengths)
    strong = sum(read.bases.count(base) for read in found for base in "GCgc")
    qualities = [read.quality for read in found[:2000]]
    facts = (
        ("reads", f"{len(found):,}" if is_whole else f"the first {len(found):,}"),
        ("length", _span(lengths)),
        ("quality", f"Q{sum(qualities) / len(qualities):.1f} in the mean,"
                    f" Q{min(qualities):.0f} to Q{max(qualities):.0f}"),
        ("GC", f"{100 * strong / bases:.0f} %" if bases else "no bases"),
    )  # fmt: skip
    rows = [
        (read.name, f"{len(read.bases):,}", f"Q{read.quality:.1f}", _profile(read.qualities),
         read.bases[:SHOWN_BASES] + ("…" if len(read.bases) > SHOWN_BASES else ""))
        for read in found[:SHOWN]
    ]  # fmt: skip
    heads = ("read", "length", "quality", "along the read", "bases")
    return View(Kind.FASTQ, facts, (table("", heads, rows),), (damage,) if damage else ())


def _reads(data: bytes, *, is_whole: bool) -> tuple[list[Read], str]:
    lines = data.split(b"\n")
    if not is_whole:
        lines.pop()
    found: list[Read] = []
    at = 0
    while at + 3 < len(lines):
        head, bases, plus, marks = (line.rstrip(b"\r") for line in lines[at : at + 4])
        if not head and not bases:
            at += 1
            continue
        if not head.startswith(b"@") or not plus.startswith(b"+"):
            return found, f"Line {at + 1:,} is not what a FASTQ file has there."
        if len(bases) != len(marks):
            return found, f"Line {at + 4:,} has {len(marks):,} qualities for {len(bases):,} bases."
        name = head[1:].decode("utf-8", "replace")
        found.append(Read(name, bases.decode("latin-1"), marks.decode("latin-1")))
        at += 4
    return found, ""


def _span(lengths: Sequence[int]) -> str:
    least, most = min(lengths), max(lengths)
    if least == most:
        return f"{least:,} bases"
    return f"{least:,} to {most:,} bases, {sum(lengths) / len(lengths):,.0f} in the mean"


def _profile(qualities: str, cells: int = 12) -> str:
    """The qualities along a read, as a bar for each twelfth of it."""
    cells = min(cells, len(qualities))
    bars = []
    for cell in range(cells):
        part = qualities[cell * len(qualities) // cells : (cell + 1) * len(qualities) // cells]
        mean = sum(ord(mark) - 33 for mark in part) / len(part)
        bars.append(_BARS[max(0, min(7, int(mean / 42 * 8)))])
    return "".join(bars)


def fasta(data: bytes, *, is_whole: bool) -> View:
    """The sequences as far as they came; of the last one the length may not be known."""
    rows: list[tuple[str, str, str]] = []
    records = data.split(b"\n>")
    for number, record in enumerate(records[:SHOWN]):
        head, _, body = record.removeprefix(b">").partition(b"\n")
        bases = body.replace(b"\n", b"").replace(b"\r", b"")
        known = is_whole or number < len(records) - 1
        length = f"{len(bases):,}" if known else f"{len(bases):,} or more"
        rows.append((head.decode("utf-8", "replace").strip(), length,
                     bases[:SHOWN_BASES].decode("latin-1")))  # fmt: skip
    count = f"{len(records):,}" if is_whole else f"{len(records):,} or more"
    heads = ("name", "length", "sequence")
    return View(Kind.FASTA, (("sequences", count),), (table("", heads, rows),))
