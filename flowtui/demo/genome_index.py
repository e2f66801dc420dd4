"""Indexes of BAM and of BGZF-compressed VCF: `.bai` and `.tbi`, as the specifications have them.

SAM specification 5.2 (BAI) and the tabix specification: bins of 16 kb to 512 Mb, and for each 16 kb
the first offset. A virtual offset is where a BGZF block begins, times 65,536, plus where in it.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_WINDOW = 14
"""Bits of the smallest bin, and of the linear index."""

_STATISTICS = 37450
"""The bin that has no places but the counts of a reference."""


@dataclass(frozen=True)
class Stretch:
    """Records that lie together: on which reference, from where to where, and where in the file.

    Attributes:
        begin, end: zero-based, `end` behind the last base. `start`, `stop`: virtual offsets.
        count: how many records they are.
    """

    reference: int
    begin: int
    end: int
    start: int
    stop: int
    count: int = 1

    def moved(self, by: int) -> Stretch:
        """The same so many bytes further on in the file."""
        offset = by << 16
        return Stretch(self.reference, self.begin, self.end, self.start + offset,
                       self.stop + offset, self.count)  # fmt: skip


def fai(fasta: str) -> str:
    """The index of a FASTA file, as `samtools faidx` makes it.

    A line for each sequence: its name, its length, where its first base is in the file, the bases
    of a line and the bytes of a line.
    """
    lines: list[str] = []
    at = 0
    for record in fasta.split(">")[1:]:
        head, _, rest = record.partition("\n")
        first = rest.partition("\n")[0]
        start = at + len(head) + 2
        bases = len(rest.replace("\n", ""))
        lines.append(f"{head.split()[0]}\t{bases}\t{start}\t{len(first)}\t{len(first) + 1}\n")
        at += len(record) + 1
    return "".join(lines)


def bin_of(begin: int, end: int) -> int:
    """The bin of the binning index that holds an alignment (SAM specification, 5.3)."""
    end -= 1
    for shift, offset in ((14, 4681), (17, 585), (20, 73), (23, 9), (26, 1)):
        if begin >> shift == end >> shift:
            return offset + (begin >> shift)
    return 0


def bai(stretches: Sequence[Stretch], references: int) -> bytes:
    """The index of a BAM."""
    return b"BAI\1" + struct.pack("<i", references) + _body(stretches, references) + _NONE


def tbi(stretches: Sequence[Stretch], names: Sequence[str]) -> bytes:
    """The index of a VCF, not compressed yet (it is to be, as BGZF)."""
    text = b"".join(name.encode() + b"\0" for name in names)
    head = struct.pack("<8i", len(names), 2, 1, 2, 0, ord("#"), 0, len(text))
    return b"TBI\1" + head + text + _body(stretches, len(names)) + _NONE


_NONE = struct.pack("<Q", 0)
"""How many records have no place."""


def _body(stretches: Sequence[Stretch], references: int) -> bytes:
    by_reference: defaultdict[int, list[Stretch]] = defaultdict(list)
    for stretch in stretches:
        by_reference[stretch.reference].append(stretch)
    return b"".join(_reference(by_reference[number]) for number in range(references))


def _reference(stretches: Sequence[Stretch]) -> bytes:
    bins: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    windows: dict[int, int] = {}
    for stretch in stretches:
        chunks = bins[bin_of(stretch.begin, stretch.end)]
        if chunks and chunks[-1][1] == stretch.start:
            chunks[-1] = (chunks[-1][0], stretch.stop)
        else:
            chunks.append((stretch.start, stretch.stop))
        for window in range(stretch.begin >> _WINDOW, (stretch.end - 1 >> _WINDOW) + 1):
            windows[window] = min(stretch.start, windows.get(window, stretch.start))
    if stretches:
        count = sum(stretch.count for stretch in stretches)
        bins[_STATISTICS] = [(stretches[0].start, stretches[-1].stop), (count, 0)]
    packed = struct.pack("<i", len(bins))
    for number, chunks in bins.items():
        packed += struct.pack("<Ii", number, len(chunks))
        packed += b"".join(struct.pack("<QQ", *chunk) for chunk in chunks)
    return packed + _linear(windows)


def _linear(windows: dict[int, int]) -> bytes:
    """The first offset of each window; that of the one before where none begins in it."""
    offsets: list[int] = []
    for window in range(max(windows, default=-1) + 1):
        offsets.append(windows.get(window, offsets[-1] if offsets else 0))
    return struct.pack(f"<i{len(offsets)}Q", len(offsets), *offsets)


def placed(blocks: Iterable[tuple[bytes, Sequence[tuple[int, int, int, int]]]]) -> list[Stretch]:
    """The stretches of BGZF blocks, each with its records: reference, begin, end, bytes."""
    found = []
    at = 0
    for packed, records in blocks:
        inside = 0
        for number, (reference, begin, end, length) in enumerate(records):
            start = at << 16 | inside
            inside += length
            last = number + 1 == len(records)
            stop = (at + len(packed)) << 16 if last else at << 16 | inside
            found.append(Stretch(reference, begin, end, start, stop))
        at += len(packed)
    return found
