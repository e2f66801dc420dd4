"""The demo's indexes point at what they index, read as the specifications say.

The reader here shares no code with the writer: SAM specification 5.2 and the tabix specification.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Iterator

import httpx
import pytest

from flowtui.demo import content
from flowtui.demo.byte_source import Content, read
from flowtui.demo.projects import build


def inflate(data: bytes, offset: int) -> Iterator[tuple[int, bytes]]:
    """The BGZF blocks from an offset on: where each begins, and what is in it."""
    while offset < len(data):
        unpacker = zlib.decompressobj(31)
        block = unpacker.decompress(data[offset:])
        yield offset, block
        offset = len(data) - len(unpacker.unused_data)


def from_virtual(data: bytes, start: int, stop: int) -> bytes:
    """What lies between two virtual offsets."""
    found = b""
    for at, block in inflate(data, start >> 16):
        first = start & 0xFFFF if at == start >> 16 else 0
        if at > stop >> 16 or (at == stop >> 16 and not stop & 0xFFFF):
            break
        last = stop & 0xFFFF if at == stop >> 16 else len(block)
        found += block[first:last]
    return found


class Index:
    """The bins and the linear index of each reference."""

    def __init__(self, body: bytes, references: int) -> None:
        self._body, self._at = body, 0
        self.references = [self._reference() for _ in range(references)]
        assert len(body) - self._at in (0, 8)

    def _take(self, form: str) -> tuple[int, ...]:
        values = struct.unpack_from(f"<{form}", self._body, self._at)
        self._at += struct.calcsize(f"<{form}")
        return values

    def _reference(self) -> tuple[dict[int, list[tuple[int, int]]], list[int]]:
        bins: dict[int, list[tuple[int, int]]] = {}
        for _ in range(self._take("i")[0]):
            number, chunks = self._take("Ii")
            bins[number] = [
                (start, stop) for start, stop in (self._take("QQ") for _ in range(chunks))
            ]
        (windows,) = self._take("i")
        return bins, list(self._take(f"{windows}Q"))

    def chunks(self, reference: int, begin: int, end: int) -> list[tuple[int, int]]:
        """Where records of a region may lie (the specification's reg2bins)."""
        bins, windows = self.references[reference]
        first = windows[min(begin >> 14, len(windows) - 1)] if windows else 0
        wanted = {0}
        for shift, offset in ((26, 1), (23, 9), (20, 73), (17, 585), (14, 4681)):
            wanted |= set(range(offset + (begin >> shift), offset + (end - 1 >> shift) + 1))
        return sorted(
            chunk for number in wanted for chunk in bins.get(number, ()) if chunk[1] > first
        )


def bam_reads(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Reference, position and name of the alignments in some unpacked bytes."""
    at = 0
    while at < len(data):
        (length, reference, position, name) = struct.unpack_from("<iiiB", data, at)
        yield reference, position, data[at + 36 : at + 36 + name - 1]
        at += 4 + length


def whole(source: Content) -> bytes:
    return read(source)


def alignments_of(data: bytes) -> list[tuple[int, int, bytes]]:
    plain = gzip.decompress(data)
    (text,) = struct.unpack_from("<i", plain, 4)
    at = 8 + text
    (references,) = struct.unpack_from("<i", plain, at)
    at += 4
    for _ in range(references):
        (name,) = struct.unpack_from("<i", plain, at)
        at += 8 + name
    return list(bam_reads(plain[at:]))


@pytest.mark.parametrize("blocks", [0, 1, 3])
def test_the_reads_of_a_region_are_where_the_bai_says(blocks: int) -> None:
    data = whole(content.bam(blocks, "run/sample"))
    reads = alignments_of(data)
    assert reads == sorted(reads, key=lambda read: read[:2])
    raw = whole(content.bam_index(blocks, "run/sample"))
    assert raw[:4] == b"BAI\1"
    (references,) = struct.unpack_from("<i", raw, 4)
    index = Index(raw[8:], references)
    regions = [(0, 0, 50_000), (0, 999_900, 1_000_200), (0, 1_000_050, 70_000_000),
               (1, 0, 80_000_000), (2, 40_000_000, 41_000_000), (3, 0, 1)]  # fmt: skip
    for reference, begin, end in regions:

        def is_there(read: tuple[int, int, bytes], at: tuple[int, int, int]) -> bool:
            return read[0] == at[0] and at[1] - 100 < read[1] < at[2]

        at = (reference, begin, end)
        chunks = [from_virtual(data, *chunk) for chunk in index.chunks(*at)]
        found = [read for chunk in chunks for read in bam_reads(chunk) if is_there(read, at)]
        assert found == [read for read in reads if is_there(read, at)]
    mapped = [bins[37450][1][0] for bins, _ in index.references]
    assert mapped == [sum(read[0] == number for read in reads) for number in range(references)]


def test_the_variants_of_a_region_are_where_the_tbi_says() -> None:
    data = whole(content.vcf_gz("liver", "7"))
    rows = [row.split("\t") for row in gzip.decompress(data).decode().splitlines()
            if not row.startswith("#")]  # fmt: skip
    packed = whole(content.vcf_index("liver", "7"))
    assert packed.endswith(
        bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
    )
    raw = gzip.decompress(packed)
    assert raw[:4] == b"TBI\1"
    references, form, sequence, begin_column, end_column, meta, skip, names = struct.unpack_from(
        "<8i", raw, 4
    )
    assert (form, sequence, begin_column, end_column, chr(meta), skip) == (2, 1, 2, 0, "#", 0)
    called = raw[36 : 36 + names].decode().rstrip("\0").split("\0")
    index = Index(raw[36 + names :], references)
    for reference, begin, end in ((0, 0, 1 << 24), (1, 100_000_000, 110_000_000), (3, 0, 1 << 28)):

        def is_there(row: list[str], reference: int, begin: int, end: int) -> bool:
            return row[0] == called[reference] and begin <= int(row[1]) - 1 < end

        at = (reference, begin, end)
        text = b"".join(from_virtual(data, *chunk) for chunk in index.chunks(*at)).decode()
        found = [row for line in text.splitlines() if is_there(row := line.split("\t"), *at)]
        expected = [row for row in rows if is_there(row, *at)]
        assert found == expected and found


def test_a_sequence_is_found_by_the_index_over_the_wire(client: httpx.Client) -> None:
    """As faidx does it: the index whole, then a range of the FASTA."""
    files = {
        file.filename: file
        for file in build().files.values()
        if file.execution and file.filename in ("genome.fa", "genome.fa.fai")
    }
    sequence, index = (f"/downloads/{files[name].id}/{name}" for name in sorted(files))
    whole = client.get(sequence).text
    expected = {
        record.split()[0]: "".join(record.splitlines()[1:]) for record in whole.split(">")[1:]
    }
    rows = [line.split("\t") for line in client.get(index).text.splitlines()]
    assert [row[0] for row in rows] == list(expected) == ["chr1", "chr2"]
    for name, *numbers in rows:
        length, offset, bases, width = map(int, numbers)
        assert length == len(expected[name])
        for begin, end in ((0, 1), (59, 61), (length - 70, length)):
            first = offset + begin // bases * width + begin % bases
            last = offset + (end - 1) // bases * width + (end - 1) % bases
            part = client.get(sequence, headers={"Range": f"bytes={first}-{last}"})
            assert part.status_code == 206
            assert part.text.replace("\n", "") == expected[name][begin:end]


def test_alignments_of_a_region_are_found_by_ranges_over_the_wire(client: httpx.Client) -> None:
    """As samtools does it with a link: the index whole, then only the blocks that it names."""
    files = build().files.values()
    found = next(file for file in files if file.filename.endswith(".bam"))
    name = f"{found.filename}.bai"
    beside = next(file for file in files if (file.filename, file.project) == (name, found.project))
    bam = f"/downloads/{found.id}/{found.filename}"
    body = client.get(f"/downloads/{beside.id}/{beside.filename}").content
    assert body[:4] == b"BAI\1"
    (references,) = struct.unpack_from("<i", body, 4)
    index = Index(body[8:], references)
    (start, stop), *_ = index.chunks(0, 0, 1 << 29)
    first = start >> 16
    part = client.get(bam, headers={"Range": f"bytes={first}-{(stop >> 16) + 65_535}"})
    assert part.status_code == 206
    unpacked = b"".join(block for _, block in inflate_while_whole(part.content))
    reference, position, read_name = next(bam_reads(unpacked[start & 0xFFFF :]))
    assert reference == 0 and position >= 0 and read_name


def inflate_while_whole(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The BGZF blocks of a part that may end within one."""
    at = 0
    while at + 18 <= len(data):
        (size,) = struct.unpack_from("<H", data, at + 16)
        if at + size + 1 > len(data):
            return
        yield at, zlib.decompress(data[at : at + size + 1], 31)
        at += size + 1
