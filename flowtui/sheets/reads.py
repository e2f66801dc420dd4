"""From the files that were uploaded together to lanes: one file of reads, or a pair.

Flow's filesets tell the pairs: a set of one file is single-end, one of two is R1 and R2. Names
count only where Flow leaves it open, or says what cannot be; whoever reads the sheet is told.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from flowtui.sheets.samples import InputFile, SampleInputs


@dataclass(frozen=True)
class Lane:
    """The reads of one lane; `second` is None where they are single-end."""

    first: InputFile
    second: InputFile | None = None

    @property
    def files(self) -> tuple[InputFile, ...]:
        """Its files, R1 first."""
        return (self.first,) if self.second is None else (self.first, self.second)


_FASTQ = re.compile(r"\.f(ast)?q(\.gz)?$", re.IGNORECASE)

_INDEX = re.compile(r"[._-]I[12](?:[._-]\d{3})?\.f(?:ast)?q(?:\.gz)?$")
"""Reads of the index, which sequencers write beside R1 and R2."""

_MATE = re.compile(
    r"^(?P<stem>.*)(?P<mark>[._-]R?)(?P<mate>[12])(?P<rest>(?:[._-]\d{3})?(?:~\d+)?"
    r"\.f(?:ast)?q(?:\.gz)?)$",
    re.IGNORECASE,
)
"""`x_R1.fastq.gz`, `x_1.fq`, `x_R1_001.fastq.gz`; `x_R1~2.fastq.gz` is of a second set here."""


def is_reads(filename: str) -> bool:
    """Whether a file of that name has reads."""
    return _FASTQ.search(filename) is not None


def stem_of(filename: str) -> str:
    """What a file of reads is of by its name, without mate and ending."""
    found = _MATE.match(filename)
    return found["stem"] if found and found["stem"] else _FASTQ.sub("", filename)


def lanes_of(sample: SampleInputs) -> tuple[list[Lane], list[str]]:
    """The lanes of a sample in Flow's order, and what has to be told of them."""
    lanes: list[Lane] = []
    told: list[str] = []
    for files in sample.filesets:
        reads = [file for file in files if is_reads(file.filename)]
        if other := [file.filename for file in files if file not in reads]:
            told.append(f"left out {_list(other)}: no FASTQ")
        if index := [file for file in reads if _INDEX.search(file.filename)]:
            told.append(f"left out {_list([file.filename for file in index])}: reads of the index")
            reads = [file for file in reads if file not in index]
        found, words = _paired(reads, sample)
        lanes += found
        told += words
    return lanes, told


def _paired(reads: list[InputFile], sample: SampleInputs) -> tuple[list[Lane], list[str]]:
    lanes, rest = _partners(reads, sample)
    if len(rest) > 2 or (rest and not sample.sets_are_flows):
        by_names = _by_names(rest)
        why = "Flow has them in one set" if sample.sets_are_flows else "Flow's sets are not known"
        words = f"paired {_list([file.filename for file in rest])} by their names: {why}"
        is_plain = len(rest) == 1 and _mate(rest[0]) == 0
        lanes += by_names
        return lanes, [] if is_plain else [words]
    if len(rest) != 2:
        return lanes + [Lane(file) for file in rest], []
    first, second = rest
    mates = (_mate(first), _mate(second))
    if mates[0] == mates[1] != 0:
        words = f"{_list([first.filename, second.filename])} are both R{mates[0]} by their names,"
        return [*lanes, Lane(first), Lane(second)], [f"{words} so each is a lane of its own"]
    if mates == (2, 1):
        words = f"{second.filename} is taken for R1 by its name; Flow has it second"
        return [*lanes, Lane(second, first)], [words]
    return [*lanes, Lane(first, second)], []


def _partners(reads: list[InputFile], sample: SampleInputs) -> tuple[list[Lane], list[InputFile]]:
    """The pairs that Flow tells file by file, and the files that are left."""
    by_id = {file.id: file for file in reads}
    lanes: list[Lane] = []
    done: set[str] = set()
    for file in reads:
        other = by_id.get(sample.partners.get(file.id, ""))
        if other is None or other is file or {file.id, other.id} & done:
            continue
        done |= {file.id, other.id}
        swapped = (_mate(file), _mate(other)) == (2, 1)
        lanes.append(Lane(other, file) if swapped else Lane(file, other))
    return lanes, [file for file in reads if file.id not in done]


def _by_names(reads: Sequence[InputFile]) -> list[Lane]:
    """Pairs by names that differ in their mate only; what has no mate is single-end."""
    mates: dict[tuple[str, str, str], dict[int, list[InputFile]]] = {}
    for file in reads:
        if (found := _MATE.match(file.filename)) is not None:
            key = (found["stem"], found["mark"], found["rest"])
            mates.setdefault(key, {}).setdefault(int(found["mate"]), []).append(file)
    pair_of = {
        sides[1][0].id: sides[2][0]
        for sides in mates.values()
        if len(sides.get(1, ())) == len(sides.get(2, ())) == 1
    }
    seconds = {file.id for file in pair_of.values()}
    return [Lane(file, pair_of.get(file.id)) for file in reads if file.id not in seconds]


def _mate(file: InputFile) -> int:
    """1 or 2 as the name says with `R1` or `R2`, else 0: a bare number may be anything."""
    found = _MATE.match(file.filename)
    return int(found["mate"]) if found is not None and found["mark"][-1] in "rR" else 0


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3:,} more"
